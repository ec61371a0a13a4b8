"""Releasing: a number goes back only with a person's consent, once, and counts until the carrier has confirmed it."""

from typing import Any

import pytest

from house import ME, PERSON, SOMEBODY_ELSE, House, policy_with
from ringfence.desk.assigning import AssignWish, assign
from ringfence.desk.buying import BuyWish, cancel_intent, propose_buy
from ringfence.desk.consenting import approve_by_client, decline_at_terminal
from ringfence.desk.counter import times_of
from ringfence.errors import (
    Declined,
    Frozen,
    IdempotencyConflict,
    NotFound,
    NumberGone,
    PolicyRefused,
    ProviderUnavailable,
)
from ringfence.guard import settlement
from ringfence.guard.dispatch import Claimed, claim_release
from ringfence.guard.freeze import freeze, unfreeze
from ringfence.intents import DeclineReason, Intent, Op
from ringfence.inventory import NumberRecord
from ringfence.outcomes import Refused, Released
from ringfence.policy import PolicyDocument
from ringfence.sandbox.faults import Fault
from ringfence.settle import reconcile
from ringfence.states import BEING_RELEASED, IntentState, LineState, NumberState
from ringfence.store import intents, inventory
from ringfence.store.balances import Balance
from ringfence.tags import purchase_tag

NOTHING, ONE_DOLLAR, ONE = Balance(), Balance(used=1_000_000), Balance(used=1)


async def owned(house: House, assistant_id: str | None = "reception") -> str:
    """A number of ours that costs 1.00 USD a month."""
    [offer] = await house.find()
    await house.buy(offer, assistant_id=assistant_id)
    return offer.stock.number


def record_of(house: House, number: str) -> NumberRecord:
    found = house.read(lambda tx: inventory.latest(tx, number))
    assert isinstance(found, NumberRecord)
    return found


def state_of(house: House, number: str) -> NumberState:
    return record_of(house, number).state


def counts(house: House) -> tuple[Balance, Balance]:
    return house.balance("run-rate", "all"), house.balance("count", "all")


def listed(house: House) -> list[str]:
    """The carrier's own list."""
    return [each.item.number for each in house.carrier.owned()]


# The wish.


async def test_a_release_waits_for_a_person_and_changes_nothing_at_the_carrier(
    house: House,
) -> None:
    number = await owned(house)
    intent = await house.give_back(number, reason="The shop has closed.")
    await house.wait_out(10)
    intent = await house.now(intent)
    assert (intent.state, intent.terms.op) == (IntentState.AWAITING_APPROVAL, Op.RELEASE)
    assert state_of(house, number) is NumberState.RELEASE_REQUESTED
    assert (listed(house), house.carrier.releases()) == ([number], [])
    assert counts(house) == (ONE_DOLLAR, ONE)


async def test_its_terms_say_what_is_lost_and_what_ends(house: House) -> None:
    number = await owned(house)
    bought_at = house.clock.now()
    house.clock.advance(days=40)
    [line] = (await house.give_back(number)).terms.lines
    assert (line.number, line.current_assistant_id) == (number, "reception")
    assert (str(line.owned_monthly), line.owned_since, line.price) == ("1.00 USD", bought_at, None)


async def test_it_costs_nothing_and_holds_nothing(house: House) -> None:
    number = await owned(house)
    before = house.balance("cash", "2026-11"), house.balance("attempts", "rolling")
    intent = await house.give_back(number)
    totals = (intent.terms.total_now, intent.terms.total_monthly, intent.terms.first_year)
    assert {str(total) for total in totals} == {"0.00 USD"}
    await house.approve(intent)
    await house.work()
    assert before == (house.balance("cash", "2026-11"), house.balance("attempts", "rolling"))


async def test_an_approved_release_gives_the_number_back_once_and_for_good(house: House) -> None:
    number = await owned(house)
    intent = await house.released(number)
    assert (intent.state, intent.lines[0].state) == (IntentState.COMPLETED, LineState.CAPTURED)
    assert [release.number for release in house.carrier.releases()] == [number]
    assert listed(house) == []
    record = record_of(house, number)
    assert (record.state, record.released_at) == (NumberState.RELEASED, house.clock.now())
    assert (record.assistant_id, record.wanted_assistant_id, record.renews_at) == (None,) * 3
    assert counts(house) == (NOTHING, NOTHING)
    assert house.balance("cash", "2026-11").used == 2_000_000, "what was spent stays spent"
    assert number not in [o.stock.number for o in await house.find(50)]


async def test_a_client_can_consent_to_it_where_its_level_is_enough(house: House) -> None:
    number = await owned(house)
    intent = await house.give_back(number)
    await approve_by_client(house.desk, ME, intent.intent_id, last_four=number[-4:])
    await house.work()
    assert (await house.now(intent)).state is IntentState.COMPLETED


async def test_a_stronger_level_is_asked_for_where_the_policy_says_so(house: House) -> None:
    number = await owned(house)
    house.apply(policy_with(levels="{buy: client, release: page, assign: client}"))
    intent = await house.give_back(number)
    assert intent.terms.level == "page"
    with pytest.raises(PolicyRefused, match="level page"):
        await approve_by_client(house.desk, ME, intent.intent_id, last_four=number[-4:])
    assert listed(house) == [number]


async def test_anybody_may_ask_for_a_number_of_the_installation(house: House) -> None:
    number = await owned(house)
    intent = await house.released(number, principal=SOMEBODY_ELSE)
    assert (intent.state, intent.terms.principal) == (IntentState.COMPLETED, SOMEBODY_ELSE)


async def test_a_number_that_is_not_ours_is_not_found(house: House) -> None:
    with pytest.raises(NotFound):
        await house.give_back("+14155550142")


async def test_an_unassigned_number_and_one_that_nobody_here_bought_can_be_given_back(
    house: House,
) -> None:
    [offer] = await house.find()
    house.carrier.buy(offer.stock.stock_id, tag="by hand")
    await reconcile(house.desk, house.adapter)
    house.write(lambda tx: unfreeze(tx, actor=PERSON))
    assert counts(house) == (ONE_DOLLAR, ONE)
    assert (await house.released(offer.stock.number)).state is IntentState.COMPLETED
    assert counts(house) == (NOTHING, NOTHING)


async def test_the_last_months_renewals_stay_and_no_further_ones_follow(house: House) -> None:
    number = await owned(house)
    house.clock.advance(days=31)
    await house.released(number)
    house.clock.advance(days=62)
    await house.propose(*await house.find())
    assert [house.balance("cash", f"2026-{month}").used for month in (11, 12)] == [
        2_000_000,
        1_000_000,
    ]
    assert house.balance("cash", "2027-02").used == 0


# Repeats.


async def test_the_same_number_returns_the_open_and_then_the_completed_intent(
    house: House,
) -> None:
    number = await owned(house)
    first = await house.give_back(number)
    assert (await house.give_back(number, reason="again")).intent_id == first.intent_id
    await house.approve(first)
    await house.work()
    again = await house.give_back(number)
    assert (again.intent_id, again.state) == (first.intent_id, IntentState.COMPLETED)
    house.clock.advance(hours=24)
    with pytest.raises(NotFound):
        await house.give_back(number)


async def test_with_a_key_the_first_intent_is_returned_for_ever(house: House) -> None:
    number = await owned(house)
    first = await house.released(number, idempotency_key="one")
    house.clock.advance(days=30)
    assert (await house.give_back(number, idempotency_key="one")).intent_id == first.intent_id


async def test_a_key_that_named_another_wish_is_a_conflict(house: House) -> None:
    one, other = await house.find(2)
    await house.buy(one, idempotency_key="bought")
    await house.buy(other)
    await house.give_back(one.stock.number, idempotency_key="released")
    with pytest.raises(IdempotencyConflict):
        await house.give_back(other.stock.number, idempotency_key="released")
    with pytest.raises(IdempotencyConflict):
        await house.give_back(other.stock.number, idempotency_key="bought")
    assert state_of(house, other.stock.number) is NumberState.ACTIVE


async def test_an_open_release_is_returned_whatever_the_key(house: House) -> None:
    number = await owned(house)
    first = await house.give_back(number, idempotency_key="one")
    assert (await house.give_back(number, idempotency_key="two")).intent_id == first.intent_id
    await decline_at_terminal(house.desk, first.intent_id, person=PERSON, reason=None)
    assert (await house.give_back(number, idempotency_key="two")).state is IntentState.DECLINED
    assert (await house.give_back(number)).intent_id != first.intent_id


async def test_a_refusal_is_stored_and_does_not_use_up_the_key(house: House) -> None:
    number = await owned(house)
    move = await assign(house.desk, ME, AssignWish(number, "night-desk"))
    assert move.intent is not None
    with pytest.raises(PolicyRefused) as caught:
        await house.give_back(number, idempotency_key="one")
    refused = house.read(lambda tx: intents.get(tx, caught.value.details["intent_id"]))
    assert (refused.state, refused.terms.op) == (IntentState.REFUSED, Op.RELEASE)
    [violation] = caught.value.details["violations"]
    assert violation["requested"] == number
    await cancel_intent(house.desk, ME, move.intent.intent_id)
    again = await house.give_back(number, idempotency_key="one")
    assert again.state is IntentState.AWAITING_APPROVAL


async def test_buying_again_does_not_answer_with_the_release(house: House) -> None:
    [offer] = await house.find()
    await house.buy(offer)
    await house.give_back(offer.stock.number)
    wish = BuyWish(items=[offer.offer_id], idempotency_key="anew")
    with pytest.raises(NumberGone):
        await propose_buy(house.desk, ME, wish)


# Saying no.


@pytest.mark.parametrize("reason", [None, DeclineReason.STOP])
async def test_a_declined_release_leaves_the_number_as_it_was(
    house: House, reason: DeclineReason | None
) -> None:
    number = await owned(house)
    before = record_of(house, number)
    intent = await house.give_back(number)
    await decline_at_terminal(house.desk, intent.intent_id, person=PERSON, reason=reason)
    await house.work()
    after = record_of(house, number)
    assert after == before.model_copy(update={"version": after.version})
    assert listed(house) == [number]


async def test_after_a_stop_no_release_is_asked_for_but_purchases_are(house: House) -> None:
    number = await owned(house)
    intent = await house.give_back(number)
    await decline_at_terminal(
        house.desk, intent.intent_id, person=PERSON, reason=DeclineReason.STOP
    )
    with pytest.raises(Declined):
        await house.give_back(number)
    assert state_of(house, number) is NumberState.ACTIVE
    await house.propose(*await house.find())
    house.clock.advance(minutes=15)
    assert (await house.give_back(number)).state is IntentState.AWAITING_APPROVAL


@pytest.mark.parametrize("is_approved", [False, True])
async def test_a_withdrawn_release_leaves_the_number_as_it_was(
    house: House, is_approved: bool
) -> None:
    number = await owned(house)
    intent = await house.give_back(number)
    if is_approved:
        await house.approve(intent)
    await cancel_intent(house.desk, ME, intent.intent_id)
    await house.work()
    assert (await house.now(intent)).state is IntentState.CANCELLED
    assert (state_of(house, number), listed(house)) == (NumberState.ACTIVE, [number])


async def test_only_its_requester_can_withdraw_it(house: House) -> None:
    intent = await house.give_back(await owned(house))
    with pytest.raises(NotFound):
        await cancel_intent(house.desk, SOMEBODY_ELSE, intent.intent_id)


async def test_a_release_that_nobody_decides_expires(house: House) -> None:
    number = await owned(house)
    intent = await house.give_back(number)
    await house.pass_time(minutes=60)
    intent = await house.now(intent)
    assert intent.state is IntentState.EXPIRED
    assert "buy" not in (intent.lines[0].error or {})["remedy"], "it would be the wrong way out"
    assert state_of(house, number) is NumberState.ACTIVE


async def test_while_spending_is_frozen_nothing_is_given_back(house: House) -> None:
    number = await owned(house)
    intent = await house.approve(await house.give_back(number))
    house.write(lambda tx: freeze(tx, "to be sure", actor=PERSON))
    await house.wait_out(10)
    assert listed(house) == [number]
    house.write(lambda tx: unfreeze(tx, actor=PERSON))
    await house.wait_out(6)
    assert (await house.now(intent)).state is IntentState.COMPLETED


async def test_while_spending_is_frozen_no_release_is_asked_for(house: House) -> None:
    number = await owned(house)
    house.write(lambda tx: freeze(tx, "to be sure", actor=PERSON))
    with pytest.raises(Frozen):
        await house.give_back(number)
    assert state_of(house, number) is NumberState.ACTIVE


def no_sandbox() -> PolicyDocument:
    return policy_with(carriers="[{provider: sandbox, host: elsewhere.invalid, accounts: any}]")


async def test_a_policy_that_forbids_the_carrier_stops_an_approved_release(house: House) -> None:
    number = await owned(house)
    intent = await house.approve(await house.give_back(number))
    house.apply(no_sandbox())
    await house.work()
    assert (await house.now(intent)).lines[0].state is LineState.VOIDED
    assert (state_of(house, number), listed(house)) == (NumberState.ACTIVE, [number])


# What stands in its way, and what it stands in the way of.


async def test_a_number_that_is_to_be_moved_is_not_given_back(house: House) -> None:
    number = await owned(house)
    answer = await assign(house.desk, SOMEBODY_ELSE, AssignWish(number, "night-desk"))
    assert answer.intent is not None
    with pytest.raises(PolicyRefused, match="to be moved"):
        await house.give_back(number)
    await house.approve(answer.intent)
    await house.work()
    assert (await house.give_back(number)).lines[0].terms.current_assistant_id == "night-desk"


async def test_a_number_that_is_being_connected_is_not_given_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silence(*_arguments: object) -> None:
        raise ProviderUnavailable("No answer.")

    with monkeypatch.context() as patched:
        patched.setattr(house.adapter, "configure", silence)
        number = await owned(house)
        with pytest.raises(PolicyRefused, match="being connected to reception"):
            await house.give_back(number)
    await house.pass_time(seconds=5)
    assert (await house.give_back(number)).state is IntentState.AWAITING_APPROVAL


async def test_a_number_whose_assistant_has_left_the_register_can_be_given_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never connected; were it waited for, nobody could ever end its monthly charge."""

    async def silence(*_arguments: object) -> None:
        raise ProviderUnavailable("No answer.")

    with monkeypatch.context() as patched:
        patched.setattr(house.adapter, "configure", silence)
        number = await owned(house)
    house.apply(policy_with(assistants="[{name: night-desk}]"))
    assert (await house.released(number)).state is IntentState.COMPLETED


async def test_a_second_requester_is_told_that_it_is_being_given_back(house: House) -> None:
    number = await owned(house)
    first = await house.give_back(number)
    with pytest.raises(PolicyRefused, match="being given back") as caught:
        await house.give_back(number, principal=SOMEBODY_ELSE)
    assert first.intent_id not in str(caught.value.as_document())
    assert "cancel_intent" in caught.value.remedy


@pytest.mark.parametrize("is_sent", [False, True])
async def test_a_number_that_is_being_given_back_is_not_connected_to_anybody(
    house: House, is_sent: bool
) -> None:
    number = await owned(house)
    intent = await house.give_back(number)
    if is_sent:
        await house.approve(intent)
        await claimed(house, intent)
    for wish in (
        AssignWish(number, "night-desk"),
        AssignWish(number, None),
        AssignWish(number, "reception", label="Front"),
    ):
        with pytest.raises(PolicyRefused, match="being given back") as caught:
            await assign(house.desk, ME, wish)
        assert "list_numbers" in caught.value.remedy
    assert record_of(house, number).label is None


async def test_a_lost_number_is_not_given_back(house: House) -> None:
    number = await owned(house)
    house.clock.advance(seconds=1)
    house.carrier.release(house.carrier.owned()[0].number_id)  # in the console
    await reconcile(house.desk, house.adapter)
    assert state_of(house, number) is NumberState.LOST
    with pytest.raises(PolicyRefused, match="lost") as caught:
        await house.give_back(number)
    assert "refresh" in caught.value.remedy
    assert (state_of(house, number), *counts(house)) == (NumberState.LOST, ONE_DOLLAR, ONE)


# What counts.


async def test_a_number_counts_and_renews_until_its_release_is_confirmed(house: House) -> None:
    number = await owned(house)
    house.carrier.add_fault(Fault.TIMEOUT_AFTER_CHARGE)
    intent = await house.released(number)
    assert intent.state is IntentState.NEEDS_ATTENTION
    assert state_of(house, number) is NumberState.RELEASE_UNKNOWN
    assert counts(house) == (ONE_DOLLAR, ONE)
    house.clock.advance(days=9)
    await house.propose(*await house.find())
    assert house.balance("cash", "2026-12").used == 1_000_000
    await house.work()
    assert (await house.now(intent)).state is IntentState.COMPLETED
    assert counts(house)[0].used == 0
    assert house.balance("cash", "2026-12").used == 1_000_000


async def test_a_released_number_stops_counting_where_it_began_to_whomever_it_serves_since(
    house: House,
) -> None:
    """Taken from the budgets of the assistant that it serves now, theirs would have fallen below zero."""
    scoped = [
        f"{{name: {name}-{kind}, kind: {kind}, scope: 'assistant:{name}', limit: {limit}}}"
        for name in ("reception", "night-desk")
        for kind, limit in (("run_rate", "9.00 USD"), ("count", 5))
    ]
    house.apply(policy_with(budgets=[each.replace("-run_rate,", "-rate,") for each in scoped]))
    number = await owned(house)
    assert house.balance("reception-rate", "all") == ONE_DOLLAR
    move = await assign(house.desk, ME, AssignWish(number, "night-desk"))
    assert move.intent is not None
    await house.approve(move.intent)
    await house.work()
    assert (await house.released(number)).state is IntentState.COMPLETED
    for name in ("reception", "night-desk"):
        assert house.balance(f"{name}-rate", "all") == NOTHING
        assert house.balance(f"{name}-count", "all") == NOTHING


async def test_a_released_number_in_another_currency_takes_off_exactly_what_it_put_on(
    house: House,
) -> None:
    """By the rate of its purchase: at a later one something would have been left, or been taken twice."""
    [offer] = await house.find(1, country="GB", area_code="161")
    await house.buy(offer)
    assert house.balance("run-rate", "all").used > 0
    rate = '{source: GBP, target: USD, rate: "1.77", as_of: "2026-11-01T00:00:00Z", max_age_days: null}'
    house.apply(policy_with(rates=f"[{rate}]"))
    await house.released(offer.stock.number)
    assert counts(house) == (NOTHING, NOTHING)


async def test_a_stranger_that_was_moved_before_it_had_a_price_leaves_nothing_behind(
    house: House,
) -> None:
    """Its price had been counted for the assistant that it served by then, without what it counted for before."""
    mine = [
        "{name: mine-rate, kind: run_rate, scope: 'assistant:reception', limit: 9.00 USD}",
        "{name: mine, kind: count, scope: 'assistant:reception', limit: 5}",
    ]
    house.apply(policy_with(budgets=mine))
    [odd] = [o for o in await house.find(50, country="IS") if o.stock.number.endswith("2001944")]
    house.carrier.buy(odd.stock.stock_id, tag="by hand")
    await reconcile(house.desk, house.adapter)
    house.write(lambda tx: unfreeze(tx, actor=PERSON))
    answer = await assign(house.desk, ME, AssignWish(odd.stock.number, "reception"))
    assert answer.intent is not None
    await house.approve(answer.intent)
    await house.work()
    rate = '{source: ISK, target: USD, rate: "0.01", as_of: "2026-11-01T00:00:00Z", max_age_days: null}'
    house.apply(policy_with(budgets=mine, rates=f"[{rate}]"))
    await reconcile(house.desk, house.adapter)
    assert house.balance("run-rate", "all").used > 0
    assert (await house.released(odd.stock.number)).state is IntentState.COMPLETED
    for budget in ("run-rate", "count", "mine-rate", "mine"):
        assert house.balance(budget, "all") == NOTHING


async def test_a_number_that_was_charged_late_can_be_given_back(house: House) -> None:
    house.carrier.add_fault(Fault.TIMEOUT_BEFORE_CHARGE)
    intent = await house.buy(*await house.find())
    await house.wait_out(20)
    [line] = (await house.now(intent)).lines
    assert line.state is LineState.FAILED
    tag = purchase_tag(intent.terms.installation_id, line.line_id)
    house.carrier.buy(line.terms.stock_id, tag=tag)
    await reconcile(house.desk, house.adapter)
    house.write(lambda tx: unfreeze(tx, actor=PERSON))
    assert counts(house) == (ONE_DOLLAR, ONE)
    await house.released(line.terms.number)
    assert counts(house) == (NOTHING, NOTHING)


async def test_the_room_that_a_release_makes_can_be_used(house: House) -> None:
    house.apply(policy_with(budgets=["{name: count, kind: count, limit: 1}"]))
    number = await owned(house)
    await house.released(number)
    assert (await house.buy(*await house.find())).state is IntentState.COMPLETED


# What the carrier answers.


@pytest.mark.parametrize("fault", [Fault.TIMEOUT_BEFORE_CHARGE, Fault.SERVER_ERROR])
async def test_a_release_that_was_not_carried_out_fails_after_two_looks_and_is_not_sent_again(
    house: House, fault: Fault
) -> None:
    number = await owned(house)
    house.carrier.add_fault(fault)
    intent = await house.released(number)
    assert state_of(house, number) is NumberState.RELEASE_UNKNOWN
    await house.wait_out(5)
    assert state_of(house, number) is NumberState.RELEASE_UNKNOWN, "the quarantine is not over"
    await house.wait_out(10)
    intent = await house.now(intent)
    assert (intent.state, intent.lines[0].attempts) == (IntentState.FAILED, 1)
    assert "not given back" in (intent.lines[0].error or {})["message"]
    assert (state_of(house, number), listed(house)) == (NumberState.ACTIVE, [number])
    assert counts(house) == (ONE_DOLLAR, ONE)
    assert (await house.released(number)).state is IntentState.COMPLETED


async def test_a_release_that_was_carried_out_unanswered_is_found(house: House) -> None:
    number = await owned(house)
    house.carrier.add_fault(Fault.TIMEOUT_AFTER_CHARGE)
    intent = await house.released(number)
    await house.pass_time(seconds=1)
    intent = await house.now(intent)
    assert (intent.state, intent.lines[0].attempts) == (IntentState.COMPLETED, 1)
    assert state_of(house, number) is NumberState.RELEASED


async def test_a_release_that_was_not_processed_is_sent_again(house: House) -> None:
    number = await owned(house)
    house.carrier.add_fault(Fault.RATE_LIMITED)
    intent = await house.released(number)
    assert intent.lines[0].state is LineState.READY
    assert state_of(house, number) is NumberState.RELEASE_REQUESTED
    await house.pass_time(seconds=1)
    intent = await house.now(intent)
    assert (intent.state, intent.lines[0].attempts) == (IntentState.COMPLETED, 2)


async def test_a_release_that_is_never_processed_ends_with_its_consent(house: House) -> None:
    number = await owned(house)
    house.carrier.add_fault(Fault.RATE_LIMITED)
    intent = await house.released(number)
    house.clock.advance(hours=1)
    await house.work()
    assert (await house.now(intent)).state in {IntentState.FAILED, IntentState.EXPIRED}
    assert (state_of(house, number), listed(house)) == (NumberState.ACTIVE, [number])


async def test_a_slow_release_is_a_release(house: House) -> None:
    number = await owned(house)
    house.carrier.add_fault(Fault.SLOW)
    assert (await house.released(number)).state is IntentState.COMPLETED


async def test_a_number_that_was_not_ours_any_more_counts_as_given_back(house: House) -> None:
    number = await owned(house)
    house.carrier.add_fault(Fault.GONE)
    assert (await house.released(number)).state is IntentState.COMPLETED
    assert counts(house) == (NOTHING, NOTHING)


async def test_a_definite_refusal_leaves_the_number_active(house: House) -> None:
    number = await owned(house)
    intent = await house.approve(await house.give_back(number))
    claim = await claimed(house, intent)
    settled(house, claim, Refused("provider_refused", "409 locked"))
    intent = await house.now(intent)
    assert intent.state is IntentState.FAILED
    assert "refused" in (intent.lines[0].error or {})["message"]
    assert "costs as before" in (intent.lines[0].error or {})["remedy"]
    assert (state_of(house, number), *counts(house)) == (NumberState.ACTIVE, ONE_DOLLAR, ONE)


# Senders that die or sleep, and lists that are read meanwhile.


async def claimed(house: House, intent: Intent) -> Claimed:
    """An approved release that a sender has just claimed and not sent yet."""
    [line] = intent.lines
    request = house.adapter.prepare_release(line.terms)
    claim = await claim_release(
        house.store, line.line_id, request_hash=request.hash, times=times_of(house.adapter)
    )
    assert claim is not None
    return claim[0]


def settled(house: House, claim: Claimed, outcome: Any) -> LineState:
    times, line_id = times_of(house.adapter), claim.line.line_id
    line = house.write(lambda tx: settlement.settle(tx, line_id, claim.attempt_id, outcome, times))
    state: LineState = line.state
    return state


async def test_a_sender_that_died_before_it_sent_leaves_the_number_active(house: House) -> None:
    number = await owned(house)
    intent = await house.approve(await house.give_back(number))
    await claimed(house, intent)
    assert state_of(house, number) is NumberState.RELEASING
    await house.wait_out(20)
    assert (await house.now(intent)).state is IntentState.FAILED
    assert (state_of(house, number), listed(house)) == (NumberState.ACTIVE, [number])


async def test_a_yes_that_comes_late_is_taken(house: House) -> None:
    number = await owned(house)
    intent = await house.approve(await house.give_back(number))
    claim = await claimed(house, intent)
    house.clock.advance(seconds=5)
    await house.work()
    assert state_of(house, number) is NumberState.RELEASE_UNKNOWN
    house.carrier.release(house.carrier.owned()[0].number_id)
    assert settled(house, claim, Released("late")) is LineState.CAPTURED
    assert (state_of(house, number), *counts(house)) == (NumberState.RELEASED, NOTHING, NOTHING)


@pytest.mark.parametrize("is_lost", [False, True])
async def test_a_yes_after_it_was_written_off_is_recorded(house: House, is_lost: bool) -> None:
    number = await owned(house)
    intent = await house.approve(await house.give_back(number))
    claim = await claimed(house, intent)
    await house.wait_out(20)
    assert (await house.now(intent)).state is IntentState.FAILED
    house.carrier.release(house.carrier.owned()[0].number_id)
    if is_lost:
        await reconcile(house.desk, house.adapter)
        assert state_of(house, number) is NumberState.LOST
    assert settled(house, claim, Released("late")) is LineState.CAPTURED
    assert (await house.now(intent)).state is IntentState.COMPLETED
    assert (state_of(house, number), *counts(house)) == (NumberState.RELEASED, NOTHING, NOTHING)


async def test_a_late_yes_leaves_a_number_alone_that_another_release_is_at(house: House) -> None:
    number = await owned(house)
    first = await house.approve(await house.give_back(number))
    claim = await claimed(house, first)
    await house.wait_out(20)
    second = await house.give_back(number)
    house.carrier.release(house.carrier.owned()[0].number_id)
    assert settled(house, claim, Released("late")) is LineState.FAILED
    assert state_of(house, number) is NumberState.RELEASE_REQUESTED
    await house.approve(second)
    await house.work()
    assert (await house.now(second)).state is IntentState.COMPLETED
    assert counts(house) == (NOTHING, NOTHING)


@pytest.mark.parametrize("fault", [None, Fault.TIMEOUT_BEFORE_CHARGE, Fault.TIMEOUT_AFTER_CHARGE])
async def test_the_carriers_list_takes_no_number_for_lost_that_is_being_given_back(
    house: House, fault: Fault | None
) -> None:
    number = await owned(house)
    house.clock.advance(seconds=1)
    intent = await house.give_back(number)
    await reconcile(house.desk, house.adapter)
    await house.approve(intent)
    if fault is not None:
        house.carrier.add_fault(fault)
    await house.work()
    before = state_of(house, number)
    await reconcile(house.desk, house.adapter)
    assert state_of(house, number) is before
    assert before in {NumberState.RELEASED, *BEING_RELEASED}
    await house.wait_out(20)
    await reconcile(house.desk, house.adapter)
    assert state_of(house, number) in {NumberState.RELEASED, NumberState.ACTIVE}
    assert house.frozen() is None


async def test_a_list_that_was_read_before_the_release_adopts_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number was in it and in our records no longer: a stranger, it seemed, and spending froze."""
    number = await owned(house)
    intent = await house.approve(await house.give_back(number))
    read = house.adapter.owned

    async def released_meanwhile() -> Any:
        seen = await read()
        await house.work()
        return seen

    with monkeypatch.context() as patched:
        patched.setattr(house.adapter, "owned", released_meanwhile)
        await reconcile(house.desk, house.adapter)
    assert (await house.now(intent)).state is IntentState.COMPLETED
    assert house.frozen() is None
    assert [each.state for each in house.read(inventory.everything)] == [NumberState.RELEASED]


async def test_a_number_that_is_still_listed_after_its_release_is_no_secret(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the carrier lists we pay for: it counts again, and spending freezes until somebody has looked."""
    number = await owned(house)
    seen = await house.adapter.owned()
    await house.released(number)
    house.clock.advance(seconds=1)

    async def still_listed() -> Any:
        return seen

    with monkeypatch.context() as patched:
        patched.setattr(house.adapter, "owned", still_listed)
        await reconcile(house.desk, house.adapter)
    assert house.frozen() is not None
    assert counts(house) == (ONE_DOLLAR, ONE)
