"""Assigning: an idle number is connected at once; one in use moves only when a person consents."""

from typing import Any

import pytest

from house import ME, PERSON, SOMEBODY_ELSE, House, policy_with
from ringfence.desk.assigning import Assigned, AssignWish, assign, assigned_by
from ringfence.desk.buying import cancel_intent
from ringfence.desk.consenting import decline_at_terminal
from ringfence.desk.counter import times_of
from ringfence.errors import Frozen, InvalidArguments, NotFound, PolicyRefused, ProviderUnavailable
from ringfence.guard.dispatch import claim_move
from ringfence.guard.freeze import freeze, unfreeze
from ringfence.intents import DeclineReason, Intent
from ringfence.inventory import NumberRecord, Routing
from ringfence.sandbox.faults import Fault
from ringfence.settle import reconcile
from ringfence.states import IntentState, LineState
from ringfence.store import inventory


async def owned(house: House, assistant_id: str | None = None) -> str:
    """A number of ours; idle unless an assistant has it."""
    [offer] = await house.find()
    await house.buy(offer, assistant_id=assistant_id)
    return offer.stock.number


async def assigned(
    house: House, number: str, assistant_id: str | None, *, principal: str = ME, **wish: Any
) -> Assigned:
    return await assign(house.desk, principal, AssignWish(number, assistant_id, **wish))


async def asked(house: House, number: str, assistant_id: str | None, **wish: Any) -> Intent:
    """The intent that a move leads to."""
    answer = await assigned(house, number, assistant_id, **wish)
    assert answer.intent is not None
    return answer.intent


async def moved(house: House, intent: Intent) -> Intent:
    """The intent after a person's yes and the runner's work."""
    await house.approve(intent)
    await house.work()
    return await house.now(intent)


def record_of(house: House, number: str) -> NumberRecord:
    found = house.read(lambda tx: inventory.by_number(tx, number))
    assert isinstance(found, NumberRecord)
    return found


def routing_of(house: House, number: str) -> Routing:
    """Where the carrier sends calls and texts."""
    [listed] = [each for each in house.carrier.owned() if each.item.number == number]
    return Routing(voice_url=listed.voice_url, sms_url=listed.sms_url)


def addresses(assistant_id: str) -> Routing:
    base = f"https://example.com/assistants/{assistant_id}"
    return Routing(voice_url=f"{base}/voice", sms_url=f"{base}/sms")


class Mute:
    """While open, the carrier does not answer when a number is to be connected."""

    def __init__(self, house: House) -> None:
        self._adapter: Any = house.adapter
        self._configure = self._adapter.configure

    async def _silence(self, *_arguments: object) -> None:
        raise ProviderUnavailable("No answer.")

    def __enter__(self) -> None:
        self._adapter.configure = self._silence

    def __exit__(self, *_error: object) -> None:
        self._adapter.configure = self._configure


# Idle numbers.


async def test_an_idle_number_is_connected_at_once(house: House) -> None:
    number = await owned(house)
    answer = await assigned(house, number, "reception")
    assert answer.intent is None
    assert [(step.what, step.done) for step in answer.steps] == [("connect", True)]
    assert routing_of(house, number) == addresses("reception")
    assert record_of(house, number).assistant_id == "reception"


async def test_connecting_what_is_connected_changes_nothing(house: House) -> None:
    number = await owned(house, "reception")
    before = record_of(house, number)
    answer = await assigned(house, number, "reception")
    assert answer.intent is None
    assert record_of(house, number) == before


async def test_a_bought_number_is_connected_to_the_assistant_it_was_bought_for(
    house: House,
) -> None:
    number = await owned(house, "reception")
    assert routing_of(house, number) == addresses("reception")


async def test_a_wrong_assistant_is_answered_with_the_registered_ones(house: House) -> None:
    house.apply(policy_with(assistants="[{name: reception}]"))
    number = await owned(house)
    with pytest.raises(InvalidArguments) as caught:
        await assigned(house, number, "recepcion")
    assert caught.value.details["assistants"] == ["reception"]


async def test_a_number_that_is_not_ours_is_not_found(house: House) -> None:
    with pytest.raises(NotFound):
        await assigned(house, "+14155550142", "reception")


async def test_label_and_metadata_never_need_consent(house: House) -> None:
    number = await owned(house, "reception")
    answer = await assigned(house, number, "reception", label="Front door", metadata={"floor": "1"})
    assert answer.intent is None
    assert {step.what for step in answer.steps} == {"label", "metadata", "connect"}
    record = record_of(house, number)
    assert (record.label, record.metadata) == ("Front door", {"floor": "1"})
    await assigned(house, number, "reception", label="Back door")
    assert record_of(house, number).metadata == {"floor": "1"}


async def test_a_carrier_that_does_not_answer_is_tried_again(house: House) -> None:
    number = await owned(house)
    with Mute(house):
        answer = await assigned(house, number, "reception")
        assert [(step.what, step.done) for step in answer.steps] == [("connect", False)]
        await house.pass_time(seconds=5)
    assert record_of(house, number).assistant_id is None
    await house.pass_time(seconds=5)
    assert record_of(house, number).assistant_id == "reception"
    assert routing_of(house, number) == addresses("reception")


async def test_a_purchase_whose_number_cannot_be_connected_yet_keeps_the_number(
    house: House,
) -> None:
    [offer] = await house.find()
    with Mute(house):
        intent = await house.buy(offer, assistant_id="reception")
    assert intent.state is IntentState.COMPLETED
    assert record_of(house, offer.stock.number).assistant_id is None
    await house.pass_time(seconds=5)
    assert record_of(house, offer.stock.number).assistant_id == "reception"


async def test_an_assistant_that_left_the_register_is_not_said_to_be_connected(
    house: House,
) -> None:
    """Its addresses were gone; the number was connected to nowhere, and called connected."""
    [offer] = await house.find()
    number = offer.stock.number
    with Mute(house):
        await house.buy(offer, assistant_id="reception")
    house.apply(policy_with(assistants="[{name: night-desk}]"))
    await house.pass_time(seconds=5)
    assert record_of(house, number).assistant_id is None
    house.apply(policy_with())
    await house.pass_time(seconds=5)
    assert record_of(house, number).assistant_id == "reception"
    assert routing_of(house, number) == addresses("reception")


async def test_a_move_to_an_assistant_that_left_the_register_is_not_begun(house: House) -> None:
    number = await owned(house, "reception")
    intent = await house.approve(await asked(house, number, "night-desk"))
    house.apply(policy_with(assistants="[{name: reception}]"))
    await house.wait_out(10)
    assert (await house.now(intent)).state is IntentState.APPROVED
    assert routing_of(house, number) == addresses("reception")
    await house.pass_time(hours=1)
    assert (await house.now(intent)).state is IntentState.EXPIRED


async def test_a_purchase_that_only_a_person_can_judge_does_not_keep_its_number_from_being_connected(
    house: House,
) -> None:
    """Two had asked for the number, and one got it; the doubt about the other's purchase was taken for a move."""
    doubtful = await house.propose(
        *await house.find(principal=SOMEBODY_ELSE), principal=SOMEBODY_ELSE
    )
    house.clock.advance(minutes=31)  # nothing ran, so that the reservation lapsed
    [mine] = await house.find()
    bought = await house.propose(mine, assistant_id="reception")
    assert bought.lines[0].terms.number == doubtful.lines[0].terms.number
    await house.approve(doubtful)
    house.carrier.add_fault(Fault.TIMEOUT_BEFORE_CHARGE)
    await house.work()
    await house.approve(bought)
    await house.wait_out(3)
    assert (await house.now(doubtful)).lines[0].state is LineState.MANUAL
    house.write(lambda tx: unfreeze(tx, actor=PERSON))
    await house.wait_out(6)
    assert record_of(house, mine.stock.number).assistant_id == "reception"


# Numbers in use.


async def test_a_number_in_use_moves_only_with_consent(house: House) -> None:
    number = await owned(house, "reception")
    intent = await asked(house, number, "night-desk")
    assert intent.state is IntentState.AWAITING_APPROVAL
    assert intent.lines[0].terms.current_assistant_id == "reception"
    assert routing_of(house, number) == addresses("reception")
    assert (await moved(house, intent)).state is IntentState.COMPLETED
    assert routing_of(house, number) == addresses("night-desk")
    assert record_of(house, number).assistant_id == "night-desk"


async def test_another_target_is_not_answered_with_the_move_that_waits(house: House) -> None:
    """The call for a third assistant was told that it was done, when the number went to the second."""
    number = await owned(house, "reception")
    first = await asked(house, number, "night-desk")
    with pytest.raises(PolicyRefused, match="connected to night-desk") as refused:
        await assign(house.desk, ME, AssignWish(number, "third"))
    assert refused.value.details["intent_id"] == first.intent_id
    assert (await asked(house, number, "night-desk")).intent_id == first.intent_id


async def test_disconnecting_a_number_in_use_needs_consent(house: House) -> None:
    number = await owned(house, "reception")
    assert (await moved(house, await asked(house, number, None))).state is IntentState.COMPLETED
    assert routing_of(house, number).is_empty
    record = record_of(house, number)
    assert (record.assistant_id, record.unassigned_since) == (None, house.clock.now())


async def test_a_number_of_another_requester_is_in_use(house: House) -> None:
    number = await owned(house)
    intent = await asked(house, number, "reception", principal=SOMEBODY_ELSE)
    assert intent.state is IntentState.AWAITING_APPROVAL


async def test_a_number_that_was_routed_by_hand_is_in_use(house: House) -> None:
    number = await owned(house)
    [listed] = house.carrier.owned()
    house.carrier.configure(listed.number_id, voice_url="https://example.org/calls", sms_url=None)
    intent = await asked(house, number, "reception")
    assert routing_of(house, number).voice_url == "https://example.org/calls"
    assert (await moved(house, intent)).state is IntentState.COMPLETED
    assert routing_of(house, number) == addresses("reception")


async def test_asking_twice_gives_one_intent(house: House) -> None:
    number = await owned(house, "reception")
    first = await asked(house, number, "night-desk")
    assert (await asked(house, number, "night-desk")).intent_id == first.intent_id


async def test_a_move_costs_nothing(house: House) -> None:
    number = await owned(house, "reception")
    before = house.balance("cash", "2026-11"), house.balance("attempts", "2026-11-22T12:00")
    await moved(house, await asked(house, number, "night-desk"))
    assert (
        house.balance("cash", "2026-11"),
        house.balance("attempts", "2026-11-22T12:00"),
    ) == before
    assert len(house.charged()) == 1


async def test_what_a_move_has_led_to_can_be_asked(house: House) -> None:
    number = await owned(house, "reception")
    intent = await asked(house, number, "night-desk")
    assert (await assigned_by(house.desk, ME, intent.intent_id)).intent == intent
    await moved(house, intent)
    answer = await assigned_by(house.desk, ME, intent.intent_id)
    assert (answer.number, answer.intent) == (number, None)
    assert [step.done for step in answer.steps] == [True]


async def test_a_declined_move_moves_nothing(house: House) -> None:
    number = await owned(house, "reception")
    intent = await asked(house, number, "night-desk")
    await decline_at_terminal(
        house.desk, intent.intent_id, person=PERSON, reason=DeclineReason.STOP
    )
    await house.work()
    assert routing_of(house, number) == addresses("reception")


async def test_a_withdrawn_move_moves_nothing(house: House) -> None:
    number = await owned(house, "reception")
    intent = await house.approve(await asked(house, number, "night-desk"))
    await cancel_intent(house.desk, ME, intent.intent_id)
    await house.work()
    assert routing_of(house, number) == addresses("reception")


async def test_consent_to_a_move_does_not_move_what_has_moved_meanwhile(house: House) -> None:
    """A person agreed to take the number from reception; by then it served somebody whom nobody had asked about."""
    number = await owned(house, "reception")
    mine = await asked(house, number, "night-desk")
    theirs = await asked(house, number, "billing", principal=SOMEBODY_ELSE)
    await house.approve(mine)
    assert (await moved(house, theirs)).state is not IntentState.AWAITING_APPROVAL
    states = {(await house.now(intent)).lines[0].state for intent in (mine, theirs)}
    assert states == {LineState.CAPTURED, LineState.VOIDED}
    assert record_of(house, number).assistant_id in {"night-desk", "billing"}
    assert routing_of(house, number) == addresses(record_of(house, number).assistant_id or "")


async def test_while_a_move_is_on_its_way_nobody_connects_the_number_at_once(house: House) -> None:
    """Whoever came last at the carrier had won, whatever the records said."""
    number = await owned(house)
    intent = await asked(house, number, "night-desk", principal=SOMEBODY_ELSE)
    await house.approve(intent)
    times = times_of(house.adapter)
    assert await claim_move(house.store, intent.lines[0].line_id, times=times) is not None
    with pytest.raises(PolicyRefused, match="being moved"):
        await assigned(house, number, "reception")
    assert routing_of(house, number).is_empty
    await house.wait_out(20)


async def test_a_number_that_is_still_being_connected_is_not_moved(house: House) -> None:
    [offer] = await house.find()
    number = offer.stock.number
    with Mute(house):
        await house.buy(offer, assistant_id="reception")
        intent = await house.approve(await asked(house, number, "night-desk"))
        await house.work()
    assert (await house.now(intent)).lines[0].state is LineState.VOIDED
    await house.pass_time(seconds=5)
    assert routing_of(house, number) == addresses("reception")
    assert record_of(house, number).assistant_id == "reception"


async def test_a_move_that_the_carrier_did_not_confirm_is_looked_up(house: House) -> None:
    number = await owned(house, "reception")
    intent = await asked(house, number, "night-desk")
    with Mute(house):
        after = await moved(house, intent)
    assert after.state is IntentState.NEEDS_ATTENTION
    await house.wait_out(10)
    after = await house.now(intent)
    assert (after.state, after.lines[0].state) == (IntentState.FAILED, LineState.FAILED)
    assert record_of(house, number).assistant_id == "reception"
    assert (await asked(house, number, "night-desk")).intent_id != intent.intent_id


# What cannot be moved.


async def test_while_spending_is_frozen_no_number_moves(house: House) -> None:
    number = await owned(house)
    house.write(lambda tx: freeze(tx, "to be sure", actor=PERSON))
    with pytest.raises(Frozen):
        await assigned(house, number, "reception")
    assert routing_of(house, number).is_empty


async def test_a_move_that_was_approved_before_a_freeze_waits_for_the_thaw(house: House) -> None:
    number = await owned(house, "reception")
    intent = await house.approve(await asked(house, number, "night-desk"))
    house.write(lambda tx: freeze(tx, "to be sure", actor=PERSON))
    await house.wait_out(10)
    assert routing_of(house, number) == addresses("reception")
    house.write(lambda tx: unfreeze(tx, actor=PERSON))
    await house.wait_out(6)
    assert (await house.now(intent)).state is IntentState.COMPLETED


async def test_a_lost_number_cannot_be_connected(house: House) -> None:
    number = await owned(house)
    adapter: Any = house.adapter
    read = adapter.owned

    async def nothing() -> list[object]:
        return []

    adapter.owned = nothing
    house.clock.advance(seconds=1)
    await reconcile(house.desk, house.adapter)
    adapter.owned = read
    with pytest.raises(PolicyRefused, match="lost"):
        await assigned(house, number, "reception")
