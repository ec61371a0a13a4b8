"""Reserving: offers are kept while a person chooses, with fresh prices and a look at the limits."""

from datetime import timedelta
from typing import Any

import pytest

from house import ME, SOMEBODY_ELSE, House, policy_with
from ringfence.desk.buying import BuyWish, propose_buy
from ringfence.desk.reserving import Reserved, cancel_reservations, reserve
from ringfence.errors import (
    NotFound,
    NumberGone,
    PapersMissing,
    PolicyRefused,
    ReservationExpired,
)
from ringfence.intents import Intent
from ringfence.offers import Offer, ReservationKind
from ringfence.sandbox.faults import Fault
from ringfence.states import IntentState

ATLANTA: dict[str, Any] = {"country": "US", "area_code": "404"}
"""Numbers that the carrier keeps for nobody."""


async def kept(house: House, *offers: Offer, principal: str = ME) -> Reserved:
    return await reserve(house.desk, principal, [offer.offer_id for offer in offers])


async def proposed(house: House, reservation_id: str, *, principal: str = ME) -> Intent:
    return await propose_buy(house.desk, principal, BuyWish(items=[reservation_id]))


async def test_the_carrier_keeps_a_number_for_half_an_hour(house: House) -> None:
    [offer] = await house.find()
    [reservation] = (await kept(house, offer)).reservations
    [hold] = house.carrier.holds()
    assert reservation.kind is ReservationKind.CARRIER
    assert hold.number == offer.stock.number
    assert reservation.expires_at == hold.expires_at == house.clock.now() + timedelta(minutes=30)
    assert house.charged() == []


async def test_where_the_carrier_keeps_nothing_we_keep_it_from_ourselves(house: House) -> None:
    [mine] = await house.find(**ATLANTA)
    [theirs] = await house.find(principal=SOMEBODY_ELSE, **ATLANTA)
    assert mine.stock == theirs.stock
    [reservation] = (await kept(house, mine)).reservations
    assert reservation.kind is ReservationKind.LOCAL
    [failed] = (await kept(house, theirs, principal=SOMEBODY_ELSE)).failed
    assert (failed.offer_id, failed.error.code) == (theirs.offer_id, "number_gone")
    with pytest.raises(NumberGone):
        await house.propose(theirs, principal=SOMEBODY_ELSE)


@pytest.mark.parametrize("place", [{"country": "US", "area_code": "415"}, ATLANTA])
async def test_what_is_kept_for_one_is_not_offered_to_another(
    house: House, place: dict[str, Any]
) -> None:
    """The carrier goes on listing what it keeps for us, and so did our search, to everybody."""
    [mine] = await house.find(**place)
    await kept(house, mine)
    theirs = await house.find(50, principal=SOMEBODY_ELSE, **place)
    assert mine.stock.number not in {offer.stock.number for offer in theirs}
    again = await house.find(50, **place)
    assert mine.stock.number in {offer.stock.number for offer in again}


async def test_reserving_again_returns_the_live_reservation(house: House) -> None:
    [offer] = await house.find()
    [first] = (await kept(house, offer)).reservations
    house.clock.advance(minutes=14)
    [again] = (await kept(house, offer)).reservations
    assert again == first


async def test_a_reserved_offer_outlives_its_quarter_of_an_hour(house: House) -> None:
    [offer] = await house.find()
    [reservation] = (await kept(house, offer)).reservations
    house.clock.advance(minutes=29)
    [again] = (await kept(house, offer)).reservations
    assert again == reservation
    assert (await house.propose(offer)).state is IntentState.AWAITING_APPROVAL


async def test_an_offer_that_has_expired_fails_alone(house: House) -> None:
    [old] = await house.find()
    house.clock.advance(minutes=20)
    _, fresh = await house.find(2)
    answer = await kept(house, old, fresh)
    assert [r.offer.offer_id for r in answer.reservations] == [fresh.offer_id]
    assert [(f.offer_id, f.error.code) for f in answer.failed] == [(old.offer_id, "offer_expired")]


async def test_a_number_that_is_gone_fails_alone(house: House) -> None:
    """What we had bought ourselves was once returned as reserved: its reservation was still running."""
    bought, free = await house.find(2)
    await house.buy(bought)
    answer = await kept(house, bought, free)
    assert [r.offer.offer_id for r in answer.reservations] == [free.offer_id]
    assert [(f.offer_id, f.error.code) for f in answer.failed] == [(bought.offer_id, "number_gone")]


async def test_an_offer_of_somebody_else_reserves_nothing_at_all(house: House) -> None:
    [mine] = await house.find()
    [theirs] = await house.find(principal=SOMEBODY_ELSE)
    with pytest.raises(NotFound):
        await kept(house, mine, theirs)
    assert house.carrier.holds() == []


async def test_a_reservation_says_the_price_of_now(house: House) -> None:
    [offer] = await house.find()
    house.carrier.add_fault(Fault.PRICE_MOVED)
    answer = await kept(house, offer)
    [reservation] = answer.reservations
    assert reservation.offer.stock.price is not None
    assert str(reservation.offer.stock.price.monthly) == "1.50 USD"
    assert (str(answer.total_now), str(answer.total_monthly)) == ("2.50 USD", "1.50 USD")


async def test_totals_are_exact_in_one_currency_and_converted_upward_in_two(house: House) -> None:
    """0.80 GBP and 1.00 GBP set-up at 1.32 and five per cent on top are 2.4948 USD; 2.00 USD more are American."""
    [british] = await house.find(country="GB", area_code="161")
    [american] = await house.find()
    alone = await kept(house, british)
    assert (str(alone.total_now), alone.is_converted) == ("1.80 GBP", False)
    both = await kept(house, british, american)
    assert (str(both.total_now), both.is_converted) == ("4.4948 USD", True)


async def test_a_total_with_a_missing_price_is_unknown_and_the_guard_says_why(house: House) -> None:
    offers = await house.find(50, country="GB", area_code="306")
    [unpriced] = [offer for offer in offers if offer.stock.price is None]
    answer = await kept(house, unpriced)
    assert answer.total_now is None
    assert [violation.rule for violation in answer.decision.violations] == ["price_known"]


async def test_a_missing_rate_leaves_the_total_in_its_own_currency_and_the_guard_says_no(
    house: House,
) -> None:
    offers = await house.find(50, country="IS", area_code=None)
    [odd] = [o for o in offers if o.stock.price and o.stock.price.currency == "ISK"]
    answer = await kept(house, odd)
    assert str(answer.total_now) == "450 ISK"
    assert {violation.rule for violation in answer.decision.violations} == {"rate_known"}


async def test_the_preview_names_the_budget_that_is_too_small(house: House) -> None:
    house.apply(policy_with(budgets=['{name: run-rate, kind: run_rate, limit: "1.50 USD"}']))
    answer = await kept(house, *await house.find(2))
    [violation] = answer.decision.violations
    assert not answer.decision.is_allowed
    assert (violation.budget, violation.limit) == ("run-rate", "1.50 USD")
    assert (violation.requested, violation.left) == ("2.00 USD", "1.50 USD")


async def test_the_preview_holds_nothing(house: House) -> None:
    await kept(house, *await house.find(2))
    assert house.balance("cash", "2026-11").held == 0


async def test_what_is_given_back_is_free_again(house: House) -> None:
    [offer] = await house.find()
    [reservation] = (await kept(house, offer)).reservations
    answer = await cancel_reservations(house.desk, ME, [reservation.reservation_id])
    assert answer.cancelled == (reservation.reservation_id,)
    assert house.carrier.holds() == []
    with pytest.raises(ReservationExpired):
        await proposed(house, reservation.reservation_id)
    [theirs] = await house.find(principal=SOMEBODY_ELSE)
    assert (await kept(house, theirs, principal=SOMEBODY_ELSE)).reservations


async def test_giving_back_twice_finds_it_gone(house: House) -> None:
    [offer] = await house.find()
    [reservation] = (await kept(house, offer)).reservations
    await cancel_reservations(house.desk, ME, [reservation.reservation_id])
    again = await cancel_reservations(house.desk, ME, [reservation.reservation_id])
    assert (again.cancelled, again.already_gone) == ((), (reservation.reservation_id,))


async def test_a_reservation_that_lapsed_is_gone(house: House) -> None:
    [offer] = await house.find()
    [reservation] = (await kept(house, offer)).reservations
    house.clock.advance(minutes=31)
    answer = await cancel_reservations(house.desk, ME, [reservation.reservation_id])
    assert answer.already_gone == (reservation.reservation_id,)
    with pytest.raises(ReservationExpired):
        await proposed(house, reservation.reservation_id)


async def test_nobody_gives_back_what_somebody_else_reserved(house: House) -> None:
    [theirs] = await house.find(principal=SOMEBODY_ELSE)
    [reservation] = (await kept(house, theirs, principal=SOMEBODY_ELSE)).reservations
    with pytest.raises(NotFound):
        await cancel_reservations(house.desk, ME, [reservation.reservation_id])
    with pytest.raises(NotFound):
        await proposed(house, reservation.reservation_id)
    assert len(house.carrier.holds()) == 1


@pytest.mark.parametrize(
    ("wish", "rule"),
    [
        ({"country": "DE", "area_code": "30"}, "papers_missing"),
        ({"country": "US", "area_code": "882"}, "policy_refused"),
    ],
)
async def test_the_preview_allows_nothing_that_buying_would_refuse(
    house: House, wish: dict[str, Any], rule: str
) -> None:
    [offer] = await house.find(**wish)
    decision = (await reserve(house.desk, ME, [offer.offer_id])).decision
    assert [violation.rule for violation in decision.violations] == [rule]
    with pytest.raises((PapersMissing, PolicyRefused)) as refused:
        await house.propose(offer)
    assert [each["rule"] for each in refused.value.details["violations"]] == [rule]
    assert {len(each) for each in refused.value.details["violations"]} == {9}


async def test_what_an_open_request_holds_already_is_not_counted_twice(house: House) -> None:
    house.apply(policy_with(budgets=["{name: count, kind: count, limit: 1}"]))
    [offer] = await house.find()
    await house.propose(offer)
    assert (await reserve(house.desk, ME, [offer.offer_id])).decision.is_allowed


async def test_where_nothing_was_kept_nothing_is_allowed(house: House) -> None:
    [offer] = await house.find()
    house.clock.advance(minutes=16)
    kept = await reserve(house.desk, ME, [offer.offer_id])
    assert (kept.reservations, kept.decision.is_allowed) == ((), False)


async def test_a_number_of_ours_is_not_called_gone(house: House) -> None:
    """The advice was to choose another, which would have been a second purchase for one purpose."""
    [offer] = await house.find()
    await house.buy(offer)
    with pytest.raises(NumberGone, match="is ours already"):
        await house.propose(offer, idempotency_key="another")


async def test_every_bad_item_is_named(house: House) -> None:
    [offer] = await house.find()
    unknown = ["off_01KAN5T1PR0000000000000001", "off_01KAN5T1PR0000000000000002"]
    wish = BuyWish(items=[unknown[1], offer.offer_id, unknown[0]])
    with pytest.raises(NotFound) as refused:
        await propose_buy(house.desk, ME, wish)
    assert [each["item"] for each in refused.value.details["items"]] == unknown
