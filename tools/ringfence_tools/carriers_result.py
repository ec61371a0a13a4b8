"""The carriers as a resource shows them: whom we could buy from, and where."""

from __future__ import annotations

from ringfence.desk.carriers import CarrierFacts, carriers
from ringfence.offers import Provider, ReservationKind
from ringfence_tools.operation import Call, Part, Result
from ringfence_tools.texts import only_listed
from ringfence_tools.vocabulary import CountryCode


class CarrierDocument(Part):
    """One carrier; `reserves` says who keeps a number while a person chooses."""

    provider: Provider
    connected: bool
    allowed: bool
    reserves: ReservationKind | None
    countries: tuple[CountryCode, ...]


class CarriersResult(Result):
    """Every carrier that is connected or allowed."""

    carriers: tuple[CarrierDocument, ...]


async def carriers_result(call: Call) -> CarriersResult:
    """The carriers of this installation; none of them is asked."""
    found = await carriers(call.desk)
    return CarriersResult(
        carriers=tuple(_document(each) for each in found),
        simulated=call.is_simulated(each.provider for each in found if each.is_connected),
        next_step=only_listed(_NEXT_STEP, call.surface.tools),
    )


_NEXT_STEP = (
    "Buy only where connected and allowed are true. "
    "Call search_numbers to see what is on sale there."
)


def _document(facts: CarrierFacts) -> CarrierDocument:
    return CarrierDocument(
        provider=facts.provider,
        connected=facts.is_connected,
        allowed=facts.is_allowed,
        reserves=facts.reserves,
        countries=facts.countries,
    )
