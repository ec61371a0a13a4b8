"""The sandbox carrier as a rig for the contract suite."""

from pathlib import Path

from ringfence.clock import ManualClock
from ringfence.providers.protocol import SearchQuery
from ringfence.providers.sandbox import SandboxAdapter
from ringfence.sandbox.carrier import Carrier
from ringfence.sandbox.faults import Fault
from ringfence.sandbox.orders import Order
from ringfence.sandbox.releases import Release


class CountingCarrier(Carrier):
    """A carrier that counts who knocks."""

    knocks = 0
    goodbyes = 0

    def buy(self, stock_id: str, *, tag: str, deadline: float | None = None) -> Order:
        self.knocks += 1
        return super().buy(stock_id, tag=tag, deadline=deadline)

    def release(self, number_id: str, *, deadline: float | None = None) -> Release:
        self.goodbyes += 1
        return super().release(number_id, deadline=deadline)


class SandboxRig:
    """The adapter, its carrier, and one clock for both; waiting moves it and takes no time."""

    query = SearchQuery(country="US", area_code="415", limit=20)

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.path = folder / "carrier.db"
        self.carrier = CountingCarrier(self.path, self.clock)
        self.adapter = SandboxAdapter(self.carrier, sleep=self.sleep)
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds=seconds)

    def strike(self, fault: Fault) -> None:
        self.carrier.add_fault(fault)

    def purchases_seen(self) -> int:
        return self.carrier.knocks

    def charges(self) -> list[str]:
        return [charge.number for charge in self.carrier.charges()]

    def releases_seen(self) -> int:
        return self.carrier.goodbyes

    def close(self) -> None:
        self.carrier.close()
