"""reserve_numbers: what is kept, what is not, and whether the limits would allow it."""

from typing import Any

import pytest

from ringfence.desk import reserving
from ringfence.desk.reserving import FailedItem, Reserved
from ringfence.errors import NumberGone
from ringfence.offers import ReservationKind
from ringfence_tools.parsing import parse
from ringfence_tools.reserve_numbers import OPERATION, ReserveResult
from tools.examples import (
    DOLLAR,
    NUMBER,
    OFFER_ID,
    OTHER_OFFER_ID,
    RESERVATION_ID,
    allowed,
    call,
    over_budget,
    reservation,
    tell,
)


def reserved(**about: Any) -> Reserved:
    fields: dict[str, Any] = {
        "reservations": (reservation(),),
        "failed": (),
        "total_now": DOLLAR * 2,
        "total_monthly": DOLLAR,
        "is_converted": False,
        "decision": allowed(),
    }
    return Reserved(**{**fields, **about})


async def reserve(monkeypatch: pytest.MonkeyPatch, answer: Reserved) -> ReserveResult:
    story = tell(monkeypatch, reserving, "reserve", answer)
    result = await OPERATION.run(call(), parse(OPERATION, {"offer_ids": [OFFER_ID]}))
    assert story.asked == [("local:ada", (OFFER_ID,))]
    return result


async def test_a_kept_offer_stands_with_its_price_the_sum_and_the_limits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document = (await reserve(monkeypatch, reserved())).as_document()
    assert "reservation_id" in document.pop("next_step")
    assert document == {
        "simulated": True,
        "reservations": [
            {
                "reservation_id": RESERVATION_ID,
                "offer_id": OFFER_ID,
                "number": NUMBER,
                "kind": "carrier",
                "setup": "1.00 USD",
                "monthly": "1.00 USD",
                "expires_at": "2026-11-22T12:30:00Z",
            }
        ],
        "failed": [],
        "total_now": "2.00 USD",
        "total_monthly": "1.00 USD",
        "guard": {"allowed": True, "violations": [], "consent": "client"},
    }


async def test_a_violation_has_the_nine_keys_that_refusals_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = await reserve(monkeypatch, reserved(decision=over_budget()))
    guard = result.as_document()["guard"]
    assert guard["allowed"] is False
    assert list(guard["violations"][0]) == [
        "rule",
        "budget",
        "scope",
        "window",
        "limit",
        "used",
        "held",
        "requested",
        "left",
    ]
    assert "Only a person can change limits." in result.next_step
    assert "- cash (all, month): limit 25.00 USD" in OPERATION.read(result)


async def test_an_offer_that_is_gone_says_so_and_the_rest_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = (FailedItem(OTHER_OFFER_ID, NumberGone("Somebody else has it.")),)
    result = await reserve(monkeypatch, reserved(failed=failed))
    [item] = result.as_document()["failed"]
    assert item == {
        "offer_id": OTHER_OFFER_ID,
        "code": "number_gone",
        "message": "Somebody else has it.",
    }
    assert f"{OTHER_OFFER_ID} is not kept: Somebody else has it." in OPERATION.read(result)


async def test_nothing_kept_leads_back_to_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    result = await reserve(monkeypatch, reserved(reservations=()))
    assert "search_numbers" in result.next_step


async def test_a_sum_over_currencies_is_marked_as_converted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = await reserve(monkeypatch, reserved(is_converted=True))
    assert result.as_document()["converted"] is True
    assert "Together at most 2.00 USD now" in OPERATION.read(result)


async def test_a_sum_with_an_unknown_price_is_null(monkeypatch: pytest.MonkeyPatch) -> None:
    unpriced = reserved(reservations=(reservation(price=None),), total_now=None, total_monthly=None)
    result = await reserve(monkeypatch, unpriced)
    document = result.as_document()
    assert document["total_now"] is None
    assert document["reservations"][0]["monthly"] is None
    assert "converted" not in document
    assert "The sum is not known" in OPERATION.read(result)


async def test_a_local_reservation_says_that_others_may_buy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = (reservation(ReservationKind.LOCAL),)
    result = await reserve(monkeypatch, reserved(reservations=kept))
    assert "others may still buy it" in OPERATION.read(result)
