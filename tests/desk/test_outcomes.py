"""Outcomes: what a purchase is once it has been sent, when the carrier says yes, no, later, or nothing."""

import pytest

from guard.processes import Killed
from house import ME, House, policy_with
from ringfence.desk import Desk
from ringfence.desk.buying import cancel_intent, wait_for_intent
from ringfence.intents import Intent
from ringfence.outcomes import Outcome
from ringfence.providers.protocol import PaidRequest
from ringfence.providers.sandbox import SandboxAdapter
from ringfence.runner import Runner
from ringfence.sandbox.faults import Fault
from ringfence.states import IntentState, LineState
from ringfence.store import intents, inventory
from ringfence.store.balances import Balance
from ringfence.ticket import Ticket

MONTH = "2026-11"
HELD = Balance(held=2_000_000)
SPENT = Balance(used=2_000_000)


async def bought_with(house: House, *faults: Fault, count: int = 1) -> Intent:
    """A purchase of one or more numbers that meets these faults, after the runner's first attempt."""
    for fault in faults:
        house.carrier.add_fault(fault)
    return await house.buy(*await house.find(count))


def error_of(intent: Intent, at: int = 0) -> str:
    return str((intent.lines[at].error or {}).get("code"))


async def test_a_time_out_is_neither_yes_nor_no(house: House) -> None:
    intent = await bought_with(house, Fault.TIMEOUT_AFTER_CHARGE)
    assert intent.state is IntentState.NEEDS_ATTENTION
    assert (intent.lines[0].state, error_of(intent)) == (LineState.UNKNOWN, "outcome_unknown")
    assert house.balance("cash", MONTH) == HELD
    assert house.frozen() is None


async def test_what_was_charged_without_an_answer_is_found_and_recorded(house: House) -> None:
    intent = await bought_with(house, Fault.TIMEOUT_AFTER_CHARGE)
    await house.pass_time(seconds=1)
    found = await house.now(intent)
    assert (found.state, found.lines[0].error) == (IntentState.COMPLETED, None)
    assert len(house.charged()) == len(house.read(inventory.paid_for)) == 1
    assert house.balance("cash", MONTH) == SPENT


@pytest.mark.parametrize("fault", [Fault.TIMEOUT_BEFORE_CHARGE, Fault.SERVER_ERROR])
async def test_what_was_never_charged_counts_as_failed_after_quarantine_and_two_looks(
    house: House, fault: Fault
) -> None:
    """The quarantine lasts six seconds; looks before it do not count, and two must lie a second apart."""
    intent = await bought_with(house, fault)
    for _second in range(6):
        await house.pass_time(seconds=1)
        assert (await house.now(intent)).lines[0].state is LineState.UNKNOWN
        assert house.balance("cash", MONTH) == HELD
    assert (await house.now(intent)).lines[0].negative_looks == 1
    await house.pass_time(seconds=1)
    failed = await house.now(intent)
    assert (failed.state, error_of(failed)) == (IntentState.FAILED, "provider_unavailable")
    assert house.charged() == []
    assert house.balance("cash", MONTH) == Balance()


async def test_an_attempt_counts_whatever_came_of_it(house: House) -> None:
    await bought_with(house, Fault.TIMEOUT_BEFORE_CHARGE)
    await house.wait_out(10)
    assert house.balance("attempts", "2026-11-22T12:00") == Balance(used=1)


async def test_an_unknown_purchase_is_never_sent_again(house: House) -> None:
    intent = await bought_with(house, Fault.TIMEOUT_BEFORE_CHARGE)
    await house.wait_out(30)
    assert (await house.now(intent)).lines[0].attempts == 1
    assert house.charged() == []


async def test_an_unknown_purchase_cannot_be_withdrawn(house: House) -> None:
    intent = await bought_with(house, Fault.TIMEOUT_AFTER_CHARGE)
    after = await cancel_intent(house.desk, ME, intent.intent_id)
    assert after.state is IntentState.NEEDS_ATTENTION
    await house.pass_time(seconds=1)
    assert (await house.now(intent)).state is IntentState.COMPLETED


async def test_waiting_ends_when_a_purchase_needs_attention(house: House) -> None:
    intent = await bought_with(house, Fault.TIMEOUT_AFTER_CHARGE)
    seen = await wait_for_intent(house.desk, ME, intent.intent_id, 20)
    assert seen.state is IntentState.NEEDS_ATTENTION


async def test_an_order_that_the_carrier_takes_its_time_over_is_waited_for(house: House) -> None:
    intent = await bought_with(house, Fault.PENDING)
    assert intent.state is IntentState.EXECUTING
    assert intent.lines[0].state is LineState.PROVIDER_PENDING
    assert house.balance("cash", MONTH) == HELD
    await house.pass_time(seconds=1)
    assert (await house.now(intent)).lines[0].state is LineState.PROVIDER_PENDING
    await house.pass_time(seconds=1)
    assert (await house.now(intent)).state is IntentState.COMPLETED
    assert house.balance("cash", MONTH) == SPENT


async def test_a_carrier_that_asks_us_to_slow_down_is_asked_again(house: House) -> None:
    intent = await bought_with(house, Fault.RATE_LIMITED)
    assert intent.lines[0].state is LineState.READY
    assert intent.state is IntentState.EXECUTING
    await house.pass_time(seconds=1)
    after = await house.now(intent)
    assert (after.state, after.lines[0].attempts) == (IntentState.COMPLETED, 2)
    assert len(house.charged()) == 1
    assert house.balance("attempts", "2026-11-22T12:00") == Balance(used=2)


async def test_a_carrier_that_is_always_busy_wears_the_attempts_out(house: House) -> None:
    house.apply(policy_with(budgets=["{name: attempts, kind: attempts, limit: 3}"]))
    intent = await bought_with(house, *[Fault.RATE_LIMITED] * 10)
    await house.wait_out(10)
    after = await house.now(intent)
    assert (after.state, after.lines[0].attempts) == (IntentState.FAILED, 3)
    assert error_of(after) == "budget_exceeded"
    assert house.balance("cash", MONTH) == Balance()


async def test_a_slow_carrier_is_waited_for(house: House) -> None:
    house.carrier.add_fault(Fault.SLOW)
    intent = await bought_with(house)
    assert intent.state is IntentState.COMPLETED


async def test_each_number_of_a_purchase_has_an_outcome_of_its_own(house: House) -> None:
    """One is gone, one is unknown and never was, one unknown and was, one just works."""
    intent = await bought_with(
        house, Fault.GONE, Fault.TIMEOUT_BEFORE_CHARGE, Fault.TIMEOUT_AFTER_CHARGE, count=4
    )
    assert intent.state is IntentState.NEEDS_ATTENTION
    assert sorted(line.state for line in intent.lines) == [
        LineState.CAPTURED,
        LineState.FAILED,
        LineState.UNKNOWN,
        LineState.UNKNOWN,
    ]
    assert house.balance("cash", MONTH) == Balance(held=4_000_000, used=2_000_000)
    await house.wait_out(10)
    after = await house.now(intent)
    assert after.state is IntentState.PARTLY_COMPLETED
    assert house.balance("cash", MONTH) == Balance(used=4_000_000)
    assert house.balance("count", "all") == Balance(used=2)


async def test_an_unanswered_purchase_is_looked_up_before_its_answer_is_missed(
    house: House,
) -> None:
    """A process that dies between sending and recording leaves the line behind; any other takes it up."""
    intent = await house.approved(*await house.find())
    other = house.beside("another process")
    adapter = Deaf(house.carrier)
    dying = Runner(
        Desk(house.store, {adapter.provider: adapter}, house.ids, house.desk.bell), owner="dying"
    )
    with pytest.raises(BaseExceptionGroup):
        await dying.step()
    assert (await house.now(intent)).lines[0].state is LineState.DISPATCHING
    for _second in range(8):
        house.clock.advance(seconds=1)
        await other.work()
    assert (await house.now(intent)).state is IntentState.COMPLETED
    assert len(house.charged()) == 1
    other.close()


class Deaf(SandboxAdapter):
    """Sends, and is struck down before it hears the answer."""

    async def buy(self, ticket: Ticket, request: PaidRequest) -> Outcome:
        await super().buy(ticket, request)
        raise Killed


class PriceRisesMeanwhile(SandboxAdapter):
    """The price goes up between the last quote and the purchase."""

    async def buy(self, ticket: Ticket, request: PaidRequest) -> Outcome:
        [stock_id] = [hold.number for hold in self._carrier.holds()]
        self._carrier.add_fault(Fault.PRICE_MOVED)
        self._carrier.quote(f"S-{stock_id.removeprefix('+')}")
        return await super().buy(ticket, request)


async def test_a_charge_above_what_was_approved_freezes_and_waits_for_a_person(
    house: House,
) -> None:
    intent = await house.approved(*await house.find())
    adapter = PriceRisesMeanwhile(house.carrier)
    desk = Desk(house.store, {adapter.provider: adapter}, house.ids, house.desk.bell)
    await Runner(desk, owner="unlucky").step()
    await house.pass_time(seconds=2)
    after = await house.now(intent)
    assert (after.state, after.lines[0].state) == (IntentState.NEEDS_ATTENTION, LineState.MANUAL)
    assert house.frozen() is not None
    assert house.balance("cash", MONTH) == HELD
    assert house.read(intents.unsettled_count) == 1
