"""Repeats: the same wish leads to the same intent, whatever it is called and whoever lost the first answer."""

import anyio
import pytest

from house import ME, PERSON, SOMEBODY_ELSE, House, policy_with
from ringfence.desk.buying import BuyWish, cancel_intent, propose_buy
from ringfence.desk.consenting import client_declined, decline_at_terminal
from ringfence.desk.reserving import reserve
from ringfence.errors import BudgetExceeded, IdempotencyConflict, NotFound
from ringfence.intents import DeclineReason, Intent
from ringfence.money import Money
from ringfence.offers import Offer
from ringfence.sandbox.faults import Fault
from ringfence.states import IntentState


async def bought(house: House, *offers: Offer, key: str | None = None, **wish: object) -> Intent:
    """Propose under a key."""
    items = [offer.offer_id for offer in offers]
    return await propose_buy(
        house.desk,
        ME,
        BuyWish(items=items, idempotency_key=key, **wish),  # type: ignore[arg-type]  # passed on
    )


# Without a key.


async def test_the_same_items_return_the_open_intent(house: House) -> None:
    [offer] = await house.find()
    first = await house.propose(offer)
    assert (await house.propose(offer)).intent_id == first.intent_id
    await house.approve(first)
    assert (await house.propose(offer)).intent_id == first.intent_id


async def test_order_and_kind_of_id_are_nothing(house: House) -> None:
    one, other = await house.find(2)
    first = await house.propose(one, other)
    [kept] = (await reserve(house.desk, ME, [one.offer_id])).reservations
    again = await propose_buy(house.desk, ME, BuyWish(items=[other.offer_id, kept.reservation_id]))
    assert again.intent_id == first.intent_id


async def test_a_new_search_gives_other_ids_for_the_same_purchase(house: House) -> None:
    first = await house.propose(*await house.find())
    assert (await house.propose(*await house.find())).intent_id == first.intent_id


async def test_reason_is_never_compared(house: House) -> None:
    [offer] = await house.find()
    first = await bought(house, offer, key="one", reason="because")
    assert (await bought(house, offer, key="one", reason="why not")).intent_id == first.intent_id


async def test_a_completed_purchase_is_returned_for_a_day(house: House) -> None:
    [offer] = await house.find()
    first = await house.buy(offer)
    house.clock.advance(hours=23)
    again = await house.propose(offer)
    assert (again.intent_id, again.state) == (first.intent_id, IntentState.COMPLETED)
    assert len(house.charged()) == 1


async def test_a_partly_completed_purchase_is_returned_too(house: House) -> None:
    offers = await house.find(2)
    house.carrier.add_fault(Fault.GONE)
    first = await house.buy(*offers)
    assert first.state is IntentState.PARTLY_COMPLETED
    assert (await house.propose(*offers)).intent_id == first.intent_id


@pytest.mark.parametrize("end", ["decline", "expire", "cancel", "fail"])
async def test_every_other_end_starts_anew(house: House, end: str) -> None:
    [offer] = await house.find()
    first = await house.propose(offer)
    match end:
        case "decline":
            await decline_at_terminal(
                house.desk, first.intent_id, person=PERSON, reason=DeclineReason.TOO_EXPENSIVE
            )
        case "expire":
            await house.pass_time(minutes=61)
        case "cancel":
            await cancel_intent(house.desk, ME, first.intent_id)
        case "fail":
            house.carrier.add_fault(Fault.TIMEOUT_BEFORE_CHARGE)
            await house.approve(first)
            await house.wait_out(10)
            assert (await house.now(first)).state is IntentState.FAILED
    again = await house.propose(*await house.find())
    assert again.terms.lines[0].number == first.terms.lines[0].number
    assert again.intent_id != first.intent_id
    assert again.state is IntentState.AWAITING_APPROVAL


async def test_an_open_line_for_a_number_always_returns_its_intent(house: House) -> None:
    """Also for a wish that names other numbers besides, and under whatever key."""
    one, other = await house.find(2)
    first = await house.propose(one)
    assert (await house.propose(one, other)).intent_id == first.intent_id
    assert (await bought(house, one, key="new")).intent_id == first.intent_id


async def test_somebody_else_asks_for_themselves(house: House) -> None:
    mine = await house.propose(*await house.find())
    theirs = await house.propose(
        *await house.find(principal=SOMEBODY_ELSE), principal=SOMEBODY_ELSE
    )
    assert theirs.intent_id != mine.intent_id
    assert theirs.terms.lines[0].number != mine.terms.lines[0].number


async def test_callers_at_the_same_moment_get_one_intent(house: House) -> None:
    [offer] = await house.find()
    answers: list[Intent] = []

    async def ask() -> None:
        answers.append(await house.propose(offer))

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(ask)
    assert len({intent.intent_id for intent in answers}) == 1
    assert house.balance("count", "all").held == 1


# With a key.


async def test_a_key_returns_its_first_intent_for_ever(house: House) -> None:
    [offer] = await house.find()
    first = await bought(house, offer, key="one")
    await house.approve(first)
    await house.work()
    house.clock.advance(days=400)
    again = await bought(house, offer, key="one")
    assert (again.intent_id, again.state) == (first.intent_id, IntentState.COMPLETED)


async def test_a_key_returns_a_declined_intent_as_it_is(house: House) -> None:
    [offer] = await house.find()
    first = await bought(house, offer, key="one")
    await decline_at_terminal(house.desk, first.intent_id, person=PERSON, reason=None)
    again = await bought(house, offer, key="one")
    assert (again.intent_id, again.state) == (first.intent_id, IntentState.DECLINED)


async def test_a_key_outlives_the_offers_it_named(house: House) -> None:
    """A repeat after days is recognised by the ids alone, which are forgotten by then."""
    [offer] = await house.find()
    first = await bought(house, offer, key="one")
    house.clock.advance(days=3)
    await house.find()
    assert (await bought(house, offer, key="one")).intent_id == first.intent_id


@pytest.mark.parametrize("change", ["items", "assistant", "max_total"])
async def test_the_same_key_for_another_wish_is_a_conflict(house: House, change: str) -> None:
    one, other = await house.find(2)
    await bought(house, one, key="one")
    named = other if change == "items" else one
    assistant_id = "reception" if change == "assistant" else None
    max_total = Money.parse("9.00 USD") if change == "max_total" else None
    with pytest.raises(IdempotencyConflict):
        await bought(house, named, key="one", assistant_id=assistant_id, max_total=max_total)


async def test_the_same_key_with_new_ids_of_the_same_stock_is_the_same_wish(house: House) -> None:
    first = await bought(house, *await house.find(), key="one")
    assert (await bought(house, *await house.find(), key="one")).intent_id == first.intent_id


async def test_two_keys_are_two_wishes_once_the_first_has_ended(house: House) -> None:
    [offer] = await house.find()
    first = await bought(house, offer, key="one")
    await cancel_intent(house.desk, ME, first.intent_id)
    assert (await bought(house, offer, key="two")).intent_id != first.intent_id


async def test_keys_belong_to_their_principal(house: House) -> None:
    mine, _ = await house.find(2)
    await bought(house, mine, key="one")
    [_, theirs] = await house.find(2, principal=SOMEBODY_ELSE)
    intent = await propose_buy(
        house.desk, SOMEBODY_ELSE, BuyWish(items=[theirs.offer_id], idempotency_key="one")
    )
    assert intent.terms.principal == SOMEBODY_ELSE


async def test_a_refusal_does_not_use_up_its_key(house: House) -> None:
    house.apply(policy_with(budgets=["{name: count, kind: count, limit: 0}"]))
    [offer] = await house.find()
    with pytest.raises(BudgetExceeded) as first:
        await bought(house, offer, key="one")
    with pytest.raises(BudgetExceeded) as second:
        await bought(house, offer, key="one")
    assert first.value.details["intent_id"] != second.value.details["intent_id"]
    house.apply(policy_with())
    assert (await bought(house, offer, key="one")).state is IntentState.AWAITING_APPROVAL


async def test_a_key_does_not_open_somebody_elses_offer(house: House) -> None:
    [theirs] = await house.find(principal=SOMEBODY_ELSE)
    with pytest.raises(NotFound):
        await bought(house, theirs, key="one")


async def test_a_client_that_declined_on_its_own_may_ask_again(house: House) -> None:
    [offer] = await house.find()
    first = await house.propose(offer)
    await client_declined(house.desk, ME, first.intent_id)
    assert (await house.propose(offer)).intent_id == first.intent_id


# A wish that meets another one's intent.


async def test_an_earlier_intent_is_not_asked_about_beyond_what_the_wish_allows(
    house: House,
) -> None:
    """A client was shown, and accepted, a purchase of 2.00 USD for a call that allowed 1.00 USD."""
    [offer] = await house.find()
    first = await house.propose(offer)
    with pytest.raises(BudgetExceeded, match="max_total allows") as refused:
        await house.propose(offer, max_total=Money.parse("1.00 USD"))
    assert refused.value.details["intent_id"] == first.intent_id
    [violation] = refused.value.details["violations"]
    assert (violation["rule"], len(violation)) == ("max_total", 9)
    same = await house.propose(offer, max_total=Money.parse("2.00 USD"))
    assert same.intent_id == first.intent_id


async def test_a_key_is_not_bound_to_an_intent_that_has_only_a_part_of_its_wish(
    house: House,
) -> None:
    one, other, third = await house.find(3)
    first = await bought(house, one, other)
    assert (await bought(house, one, third, key="k")).intent_id == first.intent_id
    await cancel_intent(house.desk, ME, first.intent_id)
    anew = await bought(house, one, third, key="k")
    assert anew.intent_id != first.intent_id
    assert {line.terms.number for line in anew.lines} == {one.stock.number, third.stock.number}


async def test_a_request_that_expired_unseen_is_no_earlier_one(house: House) -> None:
    """No runner had come by: the same wish was answered with a request that nobody could approve any more."""
    [offer] = await house.find()
    first = await house.propose(offer)
    house.clock.advance(minutes=61)
    [again] = await house.find()
    second = await house.propose(again)
    assert second.intent_id != first.intent_id
    assert (await house.now(first)).state is IntentState.EXPIRED
    assert (await house.approve(second)).state is IntentState.APPROVED
