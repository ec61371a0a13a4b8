"""Pressure: what keeps a model from wearing a person down, and what a person's no is worth."""

from datetime import timedelta

import pytest

from house import ME, PERSON, SOMEBODY_ELSE, House
from ringfence.desk.assigning import AssignWish, assign
from ringfence.desk.buying import cancel_intent
from ringfence.desk.consenting import client_declined, decline_at_terminal, pending
from ringfence.errors import Declined, NotFound, PolicyRefused
from ringfence.intents import DeclineReason, Intent
from ringfence.states import IntentState, LineState
from ringfence.store.balances import Balance


async def declined(house: House, intent: Intent, reason: DeclineReason | None) -> Intent:
    return await decline_at_terminal(house.desk, intent.intent_id, person=PERSON, reason=reason)


async def test_five_purchases_of_one_requester_may_wait_and_no_more(house: House) -> None:
    offers = await house.find(7)
    waiting = [await house.propose(offer) for offer in offers[:5]]
    with pytest.raises(PolicyRefused, match="5 purchases already wait"):
        await house.propose(offers[5])
    await cancel_intent(house.desk, ME, waiting[0].intent_id)
    assert (await house.propose(offers[6])).state is IntentState.AWAITING_APPROVAL


async def test_one_requesters_heap_does_not_keep_others_out(house: House) -> None:
    for offer in await house.find(5):
        await house.propose(offer)
    [theirs] = await house.find(principal=SOMEBODY_ELSE)
    intent = await house.propose(theirs, principal=SOMEBODY_ELSE)
    assert intent.state is IntentState.AWAITING_APPROVAL


async def test_what_waits_is_shown_oldest_first(house: House) -> None:
    offers = await house.find(2)
    proposed = []
    for offer in offers:
        proposed.append((await house.propose(offer)).intent_id)
        house.clock.advance(seconds=1)
    assert [intent.intent_id for intent in await pending(house.desk)] == proposed


@pytest.mark.parametrize("reason", [None, *DeclineReason])
async def test_a_persons_no_is_final_and_frees_the_budget(
    house: House, reason: DeclineReason | None
) -> None:
    intent = await house.propose(*await house.find())
    after = await declined(house, intent, reason)
    assert (after.state, after.decline_reason) == (IntentState.DECLINED, reason)
    assert [line.state for line in after.lines] == [LineState.VOIDED]
    assert house.balance("cash", "2026-11") == Balance()
    with pytest.raises(Declined):
        await house.approve(intent)
    await house.work()
    assert house.charged() == []


async def test_another_number_may_be_asked_for_at_once(house: House) -> None:
    one, other = await house.find(2)
    await declined(house, await house.propose(one), DeclineReason.ANOTHER_NUMBER)
    assert (await house.propose(other)).state is IntentState.AWAITING_APPROVAL


async def test_stop_closes_requester_and_operation_for_a_quarter_of_an_hour(house: House) -> None:
    one, other = await house.find(2)
    await declined(house, await house.propose(one), DeclineReason.STOP)
    until = house.clock.now() + timedelta(minutes=15)
    with pytest.raises(Declined, match=until.strftime("%H:%M:%S")):
        await house.propose(other)
    house.clock.advance(minutes=14, seconds=59)
    with pytest.raises(Declined):
        await house.propose(other)
    house.clock.advance(seconds=1)
    assert (await house.propose(*await house.find())).state is IntentState.AWAITING_APPROVAL


async def test_stop_is_said_to_one_requester(house: House) -> None:
    await declined(house, await house.propose(*await house.find()), DeclineReason.STOP)
    [theirs] = await house.find(principal=SOMEBODY_ELSE)
    intent = await house.propose(theirs, principal=SOMEBODY_ELSE)
    assert intent.state is IntentState.AWAITING_APPROVAL


async def test_stop_to_purchases_leaves_moves_alone(house: House) -> None:
    owned, wished = await house.find(2)
    await house.buy(owned, assistant_id="reception")
    await declined(house, await house.propose(wished), DeclineReason.STOP)
    moved = await assign(house.desk, ME, AssignWish(owned.stock.number, "night-desk"))
    assert moved.intent is not None


async def test_stop_does_not_end_what_was_approved_before(house: House) -> None:
    one, other = await house.find(2)
    approved = await house.approved(one)
    await declined(house, await house.propose(other), DeclineReason.STOP)
    await house.work()
    assert (await house.now(approved)).state is IntentState.COMPLETED


async def test_withdrawing_and_asking_again_does_not_lift_a_stop(house: House) -> None:
    one, other, third = await house.find(3)
    waiting = await house.propose(one)
    await declined(house, await house.propose(other), DeclineReason.STOP)
    await cancel_intent(house.desk, ME, waiting.intent_id)
    with pytest.raises(Declined):
        await house.propose(third)


async def test_a_clients_no_approves_nothing_and_locks_nothing(house: House) -> None:
    intent = await house.propose(*await house.find())
    noted = await client_declined(house.desk, ME, intent.intent_id)
    assert noted.state is IntentState.AWAITING_APPROVAL
    assert noted.expires_at == house.clock.now() + timedelta(minutes=15)
    assert (await house.approve(intent)).state is IntentState.APPROVED


async def test_a_clients_no_never_makes_an_intent_wait_longer(house: House) -> None:
    intent = await house.propose(*await house.find())
    house.clock.advance(minutes=50)
    noted = await client_declined(house.desk, ME, intent.intent_id)
    assert noted.expires_at == intent.expires_at


async def test_a_client_says_no_to_its_own_intents_only(house: House) -> None:
    intent = await house.propose(*await house.find())
    with pytest.raises(NotFound):
        await client_declined(house.desk, SOMEBODY_ELSE, intent.intent_id)


async def test_what_has_been_sent_is_no_longer_declined(house: House) -> None:
    intent = await house.buy(*await house.find())
    with pytest.raises(PolicyRefused, match="completed"):
        await declined(house, intent, DeclineReason.STOP)
