"""How policies differ, as a table: what each change of each field says, and whether it tightens, both ways."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.policy_fields import changed, every_field
from nouns.made_up import (
    BUDGETS,
    EUROS,
    LINE_ID,
    ME,
    NOW,
    RECEPTION,
    budget,
    document,
    line_terms,
    price,
)
from ringfence.guard.decision import Snapshot, Wish, decide
from ringfence.guard.policy_diff import TIGHTENING, Basis, Change, differences
from ringfence.intents import Level, Op
from ringfence.policy import PolicyDocument, parse_document

BIRD = {"provider": "bird", "host": "api.bird.com", "accounts": ["a", "b"]}
SANDBOX = {"provider": "sandbox", "host": "sandbox.invalid"}
DESK = {"name": "desk", "voice_url": "https://example.com/desk"}
PUBLIC = {"approvals": {"public_url": "https://approve.example.com"}}
ELSEWHERE = {"approvals": {"public_url": "https://approve.example.net:8443"}}
STARS = {"name": "*", "sms_url": "https://example.com/{assistant_id}"}
ALL_DESKS = {"name": "de*", "sms_url": "https://example.com/de"}
BASE: dict[str, Any] = {
    "countries": ["GB", "US"],
    "carriers": [SANDBOX, BIRD],
    "assistants": [DESK],
    "rates": [EUROS],
}


def policy(**changes: Any) -> PolicyDocument:
    return parse_document(json.loads(json.dumps(document(**(BASE | changes)))))


def without(name: str) -> list[dict[str, Any]]:
    return [each for each in BUDGETS if each["name"] != name]


def levels(**changes: str) -> dict[str, Any]:
    return {"buy": "page", "release": "page", "assign": "page"} | changes


STEP = {"first_year": "50.00 USD", "level": "passkey"}


def steps(*above: dict[str, str]) -> dict[str, Any]:
    return {"levels": levels() | {"buy_above": list(above)}}


def euros(**changes: Any) -> dict[str, Any]:
    return {"rates": [EUROS | changes]}


TIGHTER: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a lower limit": (
        {},
        {"budgets": budget("cash", limit="5.00 USD")},
        "budget cash: from 25.00 USD to 5.00 USD",
    ),
    "a lower count": ({}, {"budgets": budget("count", limit=0)}, "budget count: from 10 to 0"),
    "a lower first year": (
        {},
        {"budgets": budget("per-number", first_year="9.00 USD")},
        "budget per-number, first year: from 65.00 USD to",
    ),
    "one budget more": (
        {},
        {"budgets": [*BUDGETS, {"name": "gb", "kind": "count", "scope": "country:GB", "limit": 2}]},
        "budget gb added: count, limit 2, only country:GB",
    ),
    "a stronger level": (
        {"levels": levels()},
        {"levels": levels(buy="passkey")},
        "consent to buy: from page to passkey",
    ),
    "a stronger release": (
        {"levels": levels()},
        {"levels": levels(release="passphrase")},
        "consent to release: from page to passphrase",
    ),
    "a stronger move": (
        {"levels": levels()},
        {"levels": levels(assign="two_people")},
        "consent to assign: from page to two_people",
    ),
    "a step more": (
        steps(),
        steps(STEP),
        "consent to dear purchases: none becomes passkey above 50.00 USD a first year",
    ),
    "a step that begins sooner": (
        steps(STEP),
        steps(STEP | {"first_year": "20.00 USD"}),
        "consent to dear purchases: passkey above 50.00 USD a first year becomes passkey above 20.00 USD",
    ),
    "a step that asks for more": (
        steps(STEP),
        steps(STEP | {"level": "two_people"}),
        "consent to dear purchases: passkey above 50.00 USD a first year becomes two_people above 50.00",
    ),
    "less time": ({}, {"approval_minutes": 30}, "approval time: from 60 to 30 minutes"),
    "fewer that wait": ({}, {"pending_per_requester": 1}, "pending per requester: from 5 to 1"),
    "a dearer rate": ({}, euros(rate="1.17"), "rate EUR to USD: from 1.16 to 1.17"),
    "a larger haircut": (
        {},
        euros(haircut_basis_points=900),
        "rate EUR to USD: haircut from 500 to 900 basis points",
    ),
    "a shorter life": (
        {},
        euros(max_age_days=6),
        "rate EUR to USD: age limit from 7 days to 6 days",
    ),
    "an end of life": (
        euros(max_age_days=None),
        {},
        "rate EUR to USD: age limit from none to 7 days",
    ),
    "an older date": (
        {},
        euros(as_of="2026-11-19T00:00:00Z"),
        "rate EUR to USD: dated from 2026-11-20 to 2026-11-19",
    ),
    "no rate": ({}, {"rates": []}, "rate EUR to USD removed"),
    "a carrier less": ({}, {"carriers": [SANDBOX]}, "carrier bird removed"),
    "fewer accounts": (
        {},
        {"carriers": [SANDBOX, BIRD | {"accounts": ["b"]}]},
        "carrier bird, accounts: from a, b to b",
    ),
    "named accounts": (
        {},
        {"carriers": [SANDBOX | {"accounts": ["x"]}, BIRD]},
        "carrier sandbox, accounts: from any to x",
    ),
    "a country less": ({}, {"countries": ["GB"]}, "countries: from GB, US to GB"),
    "named countries": ({"countries": "any"}, {}, "countries: from any to GB, US"),
    "no country": ({}, {"countries": []}, "countries: from GB, US to none"),
    "an assistant less": ({}, {"assistants": []}, "assistant desk removed"),
    "no page for phones": (
        PUBLIC,
        {},
        "the approval page is no longer at https://approve.example.com, and passkeys made there",
    ),
}

for _budget in BUDGETS:
    _name, _kind = _budget["name"], _budget["kind"]
    for _field in ("limit", "setup", "monthly", "first_year"):
        if _field in _budget:
            _less = 1 if isinstance(_budget[_field], int) else "0.01 USD"
            TIGHTER[f"a lower {_field} of {_kind}"] = (
                {},
                {"budgets": budget(_name, **{_field: _less})},
                f"budget {_name}",
            )
    TIGHTER[f"one {_kind} budget more"] = (
        {},
        {"budgets": [*BUDGETS, _budget | {"name": "gb", "scope": "country:GB"}]},
        "budget gb added",
    )

LOOSER: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "another limit currency": (
        {},
        {"budgets": budget("cash", limit="1.00 EUR")},
        "budget cash was cash, window month, zone UTC, limit 25.00 USD,",
    ),
    "another window": ({}, {"budgets": budget("cash", window="day")}, "and is cash, window day"),
    "another zone": ({}, {"budgets": budget("cash", zone="Asia/Tokyo")}, "zone Asia/Tokyo"),
    "a narrower scope": ({}, {"budgets": budget("cash", scope="country:GB")}, "only country:GB"),
    "a step in another currency": (
        steps(STEP),
        steps(STEP | {"first_year": "1.00 EUR"}),
        "passkey above 1.00 EUR",
    ),
    "a name for something else": (
        {},
        {"budgets": [*without("purchases"), {"name": "purchases", "kind": "count", "limit": 1}]},
        "and is count",
    ),
    "a budget less": (
        {},
        {"budgets": without("per-number")},
        "budget per-number removed; it was per number, setup",
    ),
    "the budget that was missing": (
        {"budgets": without("cash")},
        {},
        "budget cash added: cash, window month, zone UTC, limit 25.00 USD",
    ),
    "totals in another currency": (
        {},
        {"currency": "EUR"},
        "totals are shown in EUR instead of USD",
    ),
    "a new rate": ({"rates": []}, {}, "rate EUR to USD added: 1.16"),
    "a carrier more": ({"carriers": [SANDBOX]}, {}, "carrier bird added, paid at api.bird.com"),
    "another host": (
        {},
        {"carriers": [SANDBOX, BIRD | {"host": "evil.example"}]},
        "carrier bird is paid at evil.example instead of api.bird.com",
    ),
    "other accounts": (
        {},
        {"carriers": [SANDBOX, BIRD | {"accounts": ["c"]}]},
        "carrier bird, accounts: from a, b to c",
    ),
    "other countries": ({}, {"countries": ["DE"]}, "countries: from GB, US to DE"),
    "a new assistant": (
        {"assistants": []},
        {},
        "assistant desk added: voice https://example.com/desk, SMS nowhere",
    ),
    "an assistant that falls to a pattern": (
        {"assistants": [DESK, STARS, ALL_DESKS]},
        {"assistants": [STARS, ALL_DESKS]},
        "assistant desk removed; de* speaks for it now: voice nowhere, SMS https://example.com/de",
    ),
    "a pattern that falls to a wider one": (
        {"assistants": [ALL_DESKS, STARS]},
        {"assistants": [STARS]},
        "assistant de* removed; * speaks for it now",
    ),
    "another address": (
        {},
        {"assistants": [DESK | {"voice_url": "https://evil.example/"}]},
        "assistant desk, voice: from https://example.com/desk to https://evil.example/",
    ),
    "a page for phones": (
        {},
        PUBLIC,
        "the approval page is also at https://approve.example.com, for people with a passkey",
    ),
    "a page for phones elsewhere": (
        PUBLIC,
        ELSEWHERE,
        "at https://approve.example.net:8443 instead of https://approve.example.com; passkeys",
    ),
    "another address of texts": (
        {},
        {"assistants": [DESK | {"sms_url": "https://evil.example/"}]},
        "assistant desk, SMS: from nowhere to https://evil.example/",
    ),
    "no address": (
        {},
        {"assistants": [{"name": "desk"}]},
        "assistant desk, voice: from https://example.com/desk to nowhere",
    ),
}
for _budget in BUDGETS:
    _name, _kind = _budget["name"], _budget["kind"]
    LOOSER[f"another scope of {_kind}"] = (
        {},
        {"budgets": budget(_name, scope="type:mobile")},
        "only type:mobile",
    )
    if "window" in _budget:
        _other = "year" if _budget["window"] != "year" else "day"
        LOOSER[f"another window of {_kind}"] = (
            {},
            {"budgets": budget(_name, window=_other)},
            f"window {_other}",
        )
        LOOSER[f"another zone of {_kind}"] = (
            {},
            {"budgets": budget(_name, zone="Asia/Tokyo")},
            "zone Asia/Tokyo",
        )
    _instead = BUDGETS[0] if _kind != BUDGETS[0]["kind"] else BUDGETS[1]
    LOOSER[f"another kind under the name of a {_kind} budget"] = (
        {},
        {"budgets": [*without(_name), _instead | {"name": _name}]},
        f"budget {_name} was {_kind.replace('_', ' ')}",
    )


@pytest.mark.parametrize("case", TIGHTER)
def test_what_can_only_make_the_guard_stricter_tightens(case: str) -> None:
    before, after, says = TIGHTER[case]
    [found] = differences(policy(**before), policy(**after))
    assert found.says.startswith(says)
    assert found.tightens


@pytest.mark.parametrize("case", TIGHTER)
def test_its_way_back_loosens(case: str) -> None:
    before, after, _ = TIGHTER[case]
    [found] = differences(policy(**after), policy(**before))
    assert not found.tightens


@pytest.mark.parametrize("case", LOOSER)
def test_everything_else_loosens(case: str) -> None:
    before, after, says = LOOSER[case]
    [found] = differences(policy(**before), policy(**after))
    assert says in found.says
    assert not found.tightens


def test_every_field_of_a_policy_has_a_row_in_the_table() -> None:
    """A new field without one would be looked at by nobody, and its change would pass as none."""
    rows = [(policy(**b), policy(**a)) for b, a, _ in [*TIGHTER.values(), *LOOSER.values()]]
    covered = {path for before, after in rows for path in changed(before, after)}
    assert covered == set(every_field(PolicyDocument))
    assert all(differences(before, after) for before, after in rows)


WAYS_BACK_THAT_TIGHTEN = {
    "a budget less", "a carrier more", "a new rate", "a new assistant", "a page for phones",
}  # fmt: skip


@pytest.mark.parametrize("case", LOOSER)
def test_the_way_back_of_what_loosens_tightens_only_where_it_takes_something_away(
    case: str,
) -> None:
    before, after, _ = LOOSER[case]
    [found] = differences(policy(**after), policy(**before))
    assert found.tightens == (case in WAYS_BACK_THAT_TIGHTEN)


def basis(rate: str = "1.16", **changes: Any) -> Basis:
    """What approvers signed: this rate of the euro."""
    return Basis(policy(**euros(rate=rate, **changes)), NOW)


NEWER = "2026-11-21T00:00:00Z"
RENEWED = {
    "the same": ("1.16", "1.16"),
    "5 % less, to the last digit": ("1.16", "1.102"),
    "5 % more, to the last digit": ("1.16", "1.218"),
    "from far above": ("1.30", "1.218"),
    "back to what was signed": ("1.11", "1.16"),
}
NOT_RENEWED = {
    "a little more than 5 % less": ("1.16", "1.101999"),
    "less than 5 % below the present one, which nobody signed": ("1.11", "1.09"),
    "still too far above": ("1.30", "1.219"),
}


@pytest.mark.parametrize("case", RENEWED)
def test_a_newer_rate_close_to_the_signed_one_is_free(case: str) -> None:
    was, rate = RENEWED[case]
    found = differences(policy(**euros(rate=was)), policy(**euros(rate=rate, as_of=NEWER)), basis())
    assert found
    assert all(each.is_free for each in found)


@pytest.mark.parametrize("case", NOT_RENEWED)
def test_a_rate_that_is_not_close_to_the_signed_one_is_signed(case: str) -> None:
    was, rate = NOT_RENEWED[case]
    found = differences(policy(**euros(rate=was)), policy(**euros(rate=rate, as_of=NEWER)), basis())
    assert not all(each.is_free for each in found)


@pytest.mark.parametrize(
    "changes",
    [
        {"rate": "1.15"},
        {"rate": "1.15", "as_of": "2026-11-19T00:00:00Z"},
        {"rate": "1.15", "as_of": "2026-11-22T12:00:01Z"},
        {"as_of": "2026-11-22T12:00:01Z"},
        {"rate": "1.15", "as_of": NEWER, "haircut_basis_points": 400},
        {"as_of": NEWER, "max_age_days": 8},
        {"as_of": NEWER, "max_age_days": None},
    ],
    ids=str,
)
def test_a_rate_is_renewed_only_by_a_later_day_that_has_come_and_with_nothing_else(
    changes: dict[str, Any],
) -> None:
    found = differences(policy(), policy(**euros(**changes)), basis())
    assert not all(each.is_free for each in found)


def test_a_rate_that_nobody_signed_is_not_renewed() -> None:
    newer = policy(**euros(as_of=NEWER))
    for signed in (None, Basis(policy(rates=[]), NOW)):
        assert not all(each.is_free for each in differences(policy(), newer, signed))


def test_every_kind_of_change_was_seen_here() -> None:
    renewed = differences(policy(), policy(**euros(as_of=NEWER)), basis())
    seen = {each.change for each in renewed} | {
        found.change
        for before, after, _ in [*TIGHTER.values(), *LOOSER.values()]
        for pair in [(before, after), (after, before)]
        for found in differences(policy(**pair[0]), policy(**pair[1]))
    }
    assert seen == set(Change)
    assert len(TIGHTENING) < len(Change) / 2


def test_a_pattern_that_is_no_wider_takes_nothing_over() -> None:
    before = policy(assistants=[STARS, ALL_DESKS])
    [found] = differences(before, policy(assistants=[ALL_DESKS]))
    assert (found.change, found.tightens) == (Change.ASSISTANT_REMOVED, True)


def test_the_order_of_entries_is_no_difference_and_neither_is_a_rate_written_longer() -> None:
    shuffled = policy(
        budgets=BUDGETS[::-1], carriers=[BIRD, SANDBOX], countries=["US", "GB"], rates=[EUROS]
    )
    assert differences(policy(), shuffled) == ()
    assert differences(policy(), policy(**euros(rate="1.1600"))) == ()


_CHANGES = [after for _, after, _ in [*TIGHTER.values(), *LOOSER.values()]]


@given(st.lists(st.sampled_from(_CHANGES)), st.lists(st.sampled_from(_CHANGES)))
def test_two_policies_without_a_difference_judge_alike(
    one: list[dict[str, Any]], other: list[dict[str, Any]]
) -> None:
    """Whatever is changed together, no changed field is passed over."""
    before, after = (
        policy(**{k: v for each in some for k, v in each.items()}) for some in (one, other)
    )
    if not differences(before, after):
        assert _sorted(before) == _sorted(after)


def _sorted(made: PolicyDocument) -> dict[str, Any]:
    plain = made.model_dump(mode="json")
    return {
        key: sorted(value, key=json.dumps) if isinstance(value, list) else value
        for key, value in plain.items()
    }


@given(
    st.lists(st.sampled_from(_CHANGES)),
    st.lists(st.sampled_from(_CHANGES)),
    st.sampled_from(["0.50 USD", "4.90 USD", "4.00 EUR", "9.00 USD"]),
    st.sampled_from(["GB", "US", "DE"]),
    st.sampled_from([0, 3, 6, 8]),
)
def test_what_tightens_never_turns_a_no_into_a_yes(
    one: list[dict[str, Any]],
    other: list[dict[str, Any]],
    monthly: str,
    country: str,
    days: int,
) -> None:
    """The promise of the table: a policy that only tightens allows nothing that the old one refused."""
    before, after = (
        policy(**{k: v for each in some for k, v in each.items()}) for some in (one, other)
    )
    if not all(found.tightens for found in differences(before, after)):
        return
    line = line_terms(
        line_id=LINE_ID, price=price(f"0.10 {monthly[-3:]}", monthly), country=country
    )
    year = line.price.first_year if line.price else None
    wish = Wish(op=Op.BUY, principal=ME, assistant_id=RECEPTION, lines=(line,), first_year=year)
    now = NOW + timedelta(days=days)
    stricter = decide(wish, Snapshot(strongest_consent=Level.TWO_PEOPLE), after, now)
    if stricter.violations == ():
        was = decide(wish, Snapshot(strongest_consent=Level.TWO_PEOPLE), before, now)
        assert was.violations == ()
        assert stricter.level.strength >= was.level.strength
