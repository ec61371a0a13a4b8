"""A model that does not stop: many small buys, one after the other and with a client that always agrees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ringfence_server.testing.play import Ringfence, RingfenceRefused, setting_of
from ringfence_server.testing.stage import ERAS, Era

PIECES = 50


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> Era:
    chosen: Era = request.param
    return chosen


def offers(ringfence: Ringfence) -> list[str]:
    found = ringfence.call("search_numbers", country="US", limit=PIECES)["offers"]
    assert len(found) == PIECES
    return [offer["offer_id"] for offer in found]


def buy_piece_by_piece(
    ringfence: Ringfence, day: int = 1
) -> tuple[list[dict[str, Any]], list[RingfenceRefused]]:
    """Fifty buys of one number each: the intents, and the refusals."""
    intents, refusals = [], []
    for number, offer_id in enumerate(offers(ringfence)):
        try:
            intents.append(
                ringfence.call("buy_numbers", items=[offer_id], idempotency_key=f"{day}-{number}")
            )
        except RingfenceRefused as refused:
            refusals.append(refused)
    return intents, refusals


def test_fifty_small_buys_wait_for_a_person_five_at_a_time(era: Era, tmp_path: Path) -> None:
    with Ringfence(tmp_path / "home", setting_of(era=era)) as ringfence:
        intents, refusals = buy_piece_by_piece(ringfence)
        assert [intent["state"] for intent in intents] == ["awaiting_approval"] * 5
        assert {refused.code for refused in refusals} == {"policy_refused"}
        assert all("person" in refused.remedy for refused in refusals)
        assert ringfence.carrier.charges == []
        ringfence.assert_balanced()


def test_even_a_client_that_always_agrees_stops_at_the_limits(era: Era, tmp_path: Path) -> None:
    """In the sandbox a form counts; the budgets do as well: ten numbers, and not one more the same day."""
    with Ringfence(tmp_path / "home", setting_of(era=era, forms="accept")) as ringfence:
        intents, refusals = buy_piece_by_piece(ringfence)
        assert [intent["state"] for intent in intents] == ["completed"] * 10
        assert {refused.code for refused in refusals} == {"budget_exceeded"}
        assert len(refusals) == PIECES - 10
        assert len(set(ringfence.carrier.charges)) == len(ringfence.carrier.charges) == 10
        ringfence.clock.advance(days=1)
        again, refusals = buy_piece_by_piece(ringfence, day=2)
        assert again == []
        assert "count" in {each["budget"] for each in refusals[0].details["violations"]}
        ringfence.assert_balanced()
