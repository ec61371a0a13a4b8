"""The words of the form, for every kind of wish."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ringfence.intents import Intent, Op
from ringfence.money import Money
from ringfence_server.question import message
from server.toys import an_intent


def wishing(lines: int = 1, *, line: dict[str, Any] | None = None, **terms: Any) -> Intent:
    intent = an_intent()
    shown = intent.terms.lines[0].model_copy(update=line or {})
    changed = intent.terms.model_copy(update={"lines": (shown,) * lines, **terms})
    return intent.model_copy(update={"terms": changed})


def test_a_purchase_is_told_in_full() -> None:
    assert message(an_intent()).splitlines() == [
        "Buy this number for assistant front-desk?",
        "+14155550142 at sandbox: set-up 1.00 USD, then 1.00 USD a month",
        "In all 2.00 USD now, then 1.00 USD a month; 13.00 USD in the first year.",
        "Sandbox: simulated, no real money.",
        "Match code BXFNYQ. Open until 2026-11-22 13:00 UTC.",
        "To agree, type the last four digits of +14155550142; anything else leaves it undecided.",
    ]


MOVED = {"price": None, "current_assistant_id": "night-desk"}


RELEASED = {
    "price": None,
    "current_assistant_id": "reception",
    "owned_monthly": Money.parse("1.00 USD"),
    "owned_since": datetime(2026, 11, 3, tzinfo=UTC),
}


def test_a_release_is_told_with_what_ends_and_whom_it_is_taken_from() -> None:
    told = message(wishing(op=Op.RELEASE, assistant_id=None, line=RELEASED)).splitlines()
    assert told[:3] == [
        "Give this number back for good?",
        "+14155550142 at sandbox, now serving assistant reception, ours since 2026-11-03",
        "It costs nothing and ends 1.00 USD a month; usually it cannot be got again.",
    ]
    assert told[-1].startswith("To agree, type the last four digits of +14155550142;")


@pytest.mark.parametrize(
    ("intent", "words"),
    [
        (wishing(assistant_id=None), "Buy this number?"),
        (wishing(3), "Buy these 3 numbers for assistant front-desk?"),
        (wishing(is_converted=True), "In all at most 2.00 USD now"),
        (wishing(op=Op.RELEASE), "Give this number back for good?"),
        (wishing(op=Op.ASSIGN, line=MOVED), "Connect this number to assistant front-desk?"),
        (wishing(op=Op.ASSIGN, line=MOVED), "+14155550142 at sandbox, now serving assistant night"),
        (wishing(op=Op.ASSIGN, assistant_id=None, line=MOVED), "Disconnect this number?"),
    ],
)
def test_every_kind_of_wish_is_said_in_its_own_words(intent: Intent, words: str) -> None:
    assert words in message(intent)


def test_only_a_purchase_has_totals() -> None:
    assert "In all" not in message(wishing(op=Op.RELEASE))
