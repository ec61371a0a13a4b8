"""Lines and numbers that wait for a person: no look at the carrier can tell what became of them."""

from __future__ import annotations

from datetime import timedelta

from house import House
from ringfence.desk import Desk
from ringfence.desk.counter import times_of
from ringfence.guard import resolution
from ringfence.guard.finding import Became, Finding
from ringfence.intents import Intent, Line
from ringfence.inventory import NumberRecord
from ringfence.money import Money
from ringfence.outcomes import Outcome
from ringfence.providers.protocol import PaidRequest
from ringfence.providers.sandbox import SandboxAdapter
from ringfence.runner import Runner
from ringfence.sandbox.faults import Fault
from ringfence.settle import reconcile
from ringfence.states import LineState, NumberState
from ringfence.store import inventory
from ringfence.store.audit import Words
from ringfence.ticket import Ticket

WORDS = "Invoice 4711 of 3 December, read by the person."
CONSOLE = "bought in the console"


class PriceRisesMeanwhile(SandboxAdapter):
    """The price goes up between the last quote and the purchase."""

    async def buy(self, ticket: Ticket, request: PaidRequest) -> Outcome:
        [held] = [hold.number for hold in self._carrier.holds()]
        self._carrier.add_fault(Fault.PRICE_MOVED)
        self._carrier.quote(f"S-{held.removeprefix('+')}")
        return await super().buy(ticket, request)


class SomebodyIsQuicker(SandboxAdapter):
    """Somebody buys the number by hand in our account, and our request is not answered."""

    async def buy(self, ticket: Ticket, request: PaidRequest) -> Outcome:
        [held] = [hold.number for hold in self._carrier.holds()]
        self._carrier.buy(f"S-{held.removeprefix('+')}", tag=CONSOLE)
        self._carrier.add_fault(Fault.TIMEOUT_BEFORE_CHARGE)
        return await super().buy(ticket, request)


async def manual(
    house: House, intent: Intent, adapter_type: type[SandboxAdapter] = PriceRisesMeanwhile
) -> Line:
    """The line of an approved purchase, once it waits for a person."""
    adapter = adapter_type(house.carrier)
    desk = Desk(house.store, {adapter.provider: adapter}, house.ids, house.desk.bell)
    await Runner(desk, owner="unlucky").step()
    await house.pass_time(seconds=2)
    [line] = (await house.now(intent)).lines
    assert line.state is LineState.MANUAL
    return line


def charged(
    setup: str = "1.00 USD", monthly: str = "1.00 USD", reference: str | None = None
) -> Finding:
    """A purchase that was carried out."""
    return Finding(
        became=Became.CAPTURED,
        setup=Money.parse(setup),
        monthly=Money.parse(monthly),
        reference=reference or "N-1",
    )


def reference(house: House) -> str:
    """The carrier's own id of the only number that it lists."""
    [owned] = house.carrier.owned()
    return owned.number_id


NOTHING = Finding(became=Became.FAILED)


def resolve(house: House, line: Line, finding: Finding, words: str = WORDS) -> Line:
    """Say what became of it, as a person at the terminal of a sandbox."""
    quarantine = timedelta(seconds=times_of(house.adapter).quarantine)
    settled: Line = house.write(
        lambda tx: resolution.resolve(
            tx, line.line_id, finding, Words.fresh(words), person="ada", quarantine=quarantine
        )
    )
    return settled


async def lost(house: House) -> NumberRecord:
    """A number of ours that the carrier lists no longer."""
    await house.buy(*await house.find(), assistant_id="front-desk")
    [record] = house.read(inventory.paid_for)
    house.carrier.release(record.carrier_ref)
    house.clock.advance(minutes=1)
    await reconcile(house.desk, house.adapter)
    [record] = house.read(inventory.paid_for)
    assert isinstance(record, NumberRecord)
    assert record.state is NumberState.LOST
    return record
