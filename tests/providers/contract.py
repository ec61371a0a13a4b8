"""What every carrier adapter is tested with: a rig that stands for its carrier, and lines to buy.

A new adapter earns its place by a rig of its own in `RIGS` of `test_contract.py`. The rig's carrier
is simulated: it can be asked what it charged, and told what shall go wrong next.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from ringfence.clock import ManualClock
from ringfence.intents import Line, LineTerms
from ringfence.offers import Price, Stock
from ringfence.outcomes import Captured, Outcome
from ringfence.providers.protocol import CarrierAdapter, PaidRequest, SearchQuery
from ringfence.sandbox.faults import Fault
from ringfence.states import LineState
from ringfence.tags import purchase_tag
from ringfence.ticket import Ticket, mint_ticket

LINE_ID = "lin_01KAMW0000000000000000000A"
TAG = purchase_tag("ins_01KAMW0000000000000000000B", LINE_ID)
OTHER_TAG = purchase_tag("ins_01KAMW0000000000000000000B", "lin_01KAMW0000000000000000000C")


class Rig(Protocol):
    """One adapter with the simulated carrier behind it."""

    @property
    def adapter(self) -> CarrierAdapter: ...

    @property
    def clock(self) -> ManualClock:
        """The time of both, which moves when told."""
        ...

    @property
    def query(self) -> SearchQuery:
        """Finds at least six numbers that can be bought now, at a price."""
        ...

    def strike(self, fault: Fault) -> None:
        """Let this go wrong next."""
        ...

    def purchases_seen(self) -> int:
        """Purchase requests that reached the carrier, whatever it answered."""
        ...

    def charges(self) -> list[str]:
        """The numbers that the carrier has charged us for, once for each charge."""
        ...

    def releases_seen(self) -> int:
        """Release requests that reached the carrier, whatever it answered."""
        ...


@dataclass
class Buyer:
    """Does by hand, for one number, what the guard and the runner do with an adapter."""

    rig: Rig
    stock: Stock

    def terms(self, **changes: Any) -> LineTerms:
        """What a person would have approved."""
        stock = self.stock
        terms = LineTerms(
            line_id=LINE_ID,
            provider=stock.provider,
            account=stock.account,
            host=self.rig.adapter.host,
            number=stock.number,
            stock_id=stock.stock_id,
            country=stock.country,
            type=stock.type,
            raw_type=stock.raw_type,
            capabilities=stock.capabilities,
            price=stock.price,
            min_term_months=stock.min_term_months,
            place=stock.place,
        )
        return terms.model_copy(update=changes)

    def line(self, **changes: Any) -> Line:
        """The line while its outcome is unknown."""
        terms = self.terms(**changes)
        return Line(intent_id="int_1", terms=terms, state=LineState.UNKNOWN, version=3, attempts=1)

    def cheaper(self) -> Price:
        """A price below the carrier's, as if that had risen since a person approved."""
        assert self.stock.price is not None
        monthly = self.stock.price.monthly
        lower = type(monthly)(monthly.micros - 1, monthly.currency)
        return Price(setup=self.stock.price.setup, monthly=lower)

    def request(self, tag: str = TAG) -> PaidRequest:
        """The request that would buy it."""
        return self.rig.adapter.prepare(self.terms(), tag=tag)

    def ticket(self, request: PaidRequest, *, host: str | None = None) -> Ticket:
        """A fresh ticket for that request, as the guard would mint it."""
        clock = self.rig.clock
        return mint_ticket(
            attempt_id="att_1",
            host=host or request.host,
            request_hash=request.hash,
            clock=clock,
            dies_at=clock.boottime() + self.rig.adapter.abilities.ticket_life_seconds,
        )

    async def buy(self, tag: str = TAG) -> Outcome:
        """Buy it, with a ticket of its own."""
        request = self.request(tag)
        return await self.rig.adapter.buy(self.ticket(request), request)


@dataclass
class Owner:
    """Gives by hand one number back that it has bought."""

    buyer: Buyer
    carrier_ref: str

    @property
    def rig(self) -> Rig:
        return self.buyer.rig

    def terms(self, **changes: Any) -> LineTerms:
        """What a person would have approved."""
        owned = {"stock_id": self.carrier_ref, "price": None, "number_id": "num_1"}
        return self.buyer.terms(**(owned | changes))

    def line(self, **changes: Any) -> Line:
        """The line while its outcome is unknown."""
        return self.buyer.line().model_copy(update={"terms": self.terms(**changes)})

    def request(self, **changes: Any) -> PaidRequest:
        """The request that would give it back."""
        return self.rig.adapter.prepare_release(self.terms(**changes))

    async def give_back(self) -> Outcome:
        """Give it back, with a ticket of its own."""
        request = self.request()
        return await self.rig.adapter.release(self.buyer.ticket(request), request)

    async def is_listed(self) -> bool:
        """Whether the carrier says that it is ours."""
        return await self.rig.adapter.read_number(self.carrier_ref) is not None


async def owners(rig: Rig, count: int) -> list[Owner]:
    """Owners of the first numbers that the rig's search finds."""
    owners = []
    for buyer in await buyers(rig, count):
        outcome = await buyer.buy()
        assert isinstance(outcome, Captured)
        owners.append(Owner(buyer, outcome.owned.carrier_ref))
    return owners


async def buyers(rig: Rig, count: int) -> list[Buyer]:
    """Buyers of the first numbers that the rig's search finds."""
    page = await rig.adapter.search(rig.query)
    return [Buyer(rig, stock) for stock in page.stock[:count]]
