"""Several runners at the same lines, each a process of its own: whatever the carrier does, a line is sent once."""

import pytest

from guard import running
from guard.killing import context
from guard.running import Shift
from house import House
from ringfence.intents import Intent
from ringfence.sandbox.faults import Fault
from ringfence.states import IntentState, LineState
from ringfence.store import inventory
from ringfence.store.balances import Balance


async def approved(house: House, count: int) -> list[Intent]:
    """Purchases of two numbers each that only wait to be sent."""
    offers = await house.find(2 * count)
    pairs = zip(offers[::2], offers[1::2], strict=True)
    return [await house.approved(*pair, assistant_id="reception") for pair in pairs]


def let_run(house: House, count: int) -> None:
    """Let so many processes work on this installation at the same time."""
    start = context().Barrier(count)
    processes = [
        context().Process(
            target=running.run,
            args=(Shift(house.folder, f"runner {number}", house.clock.now()), start),
        )
        for number in range(count)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0


@pytest.mark.parametrize("count", [2, 4])
async def test_several_runners_send_each_line_once(house: House, count: int) -> None:
    proposed = await approved(house, 4)
    let_run(house, count)
    after = [await house.now(intent) for intent in proposed]
    assert {intent.state for intent in after} == {IntentState.COMPLETED}
    assert {line.attempts for intent in after for line in intent.lines} == {1}
    assert len(house.charged()) == len(house.read(inventory.paid_for)) == 8
    assert {record.assistant_id for record in house.read(inventory.paid_for)} == {"reception"}
    assert house.balance("cash", "2026-11") == Balance(used=16_000_000)


async def test_several_runners_settle_what_the_carrier_left_open_once(house: House) -> None:
    for fault in (
        Fault.TIMEOUT_AFTER_CHARGE,
        Fault.TIMEOUT_BEFORE_CHARGE,
        Fault.PENDING,
        Fault.RATE_LIMITED,
        Fault.GONE,
    ):
        house.carrier.add_fault(fault)
    proposed = await approved(house, 4)
    let_run(house, 2)
    for _second in range(3):
        house.clock.advance(seconds=3)
        let_run(house, 2)
    lines = [line for intent in proposed for line in (await house.now(intent)).lines]
    assert sorted(line.state for line in lines) == [LineState.CAPTURED] * 6 + [LineState.FAILED] * 2
    assert len(house.charged()) == len(house.read(inventory.paid_for)) == 6
    assert house.balance("cash", "2026-11") == Balance(used=12_000_000)
