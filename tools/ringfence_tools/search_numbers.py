"""search_numbers: what is on sale, at every connected carrier."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ringfence.clock import rfc3339
from ringfence.desk import searching
from ringfence.desk.searching import CarrierReport, CarrierStatus, Found, SearchWish
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Buyable, Offer, Provider
from ringfence_tools.operation import Arguments, Call, Operation, Part, Result
from ringfence_tools.parsing import read_money
from ringfence_tools.printing import place_name, printed, reading, words
from ringfence_tools.texts import only_listed
from ringfence_tools.vocabulary import (
    AREA_CODE_PATTERN,
    KEYPAD_PATTERN,
    LEADING_DIGITS_PATTERN,
    Capabilities,
    CountryCode,
    Cursor,
    Moment,
    MoneyText,
    NumberText,
    OfferId,
    Omittable,
    Place,
    Providers,
    TypeOnSale,
)

MAY_BE_BOUGHT = frozenset({Buyable.NOW, Buyable.UNKNOWN})


class SearchArguments(Arguments):
    """What is looked for."""

    country: CountryCode
    type: Omittable[TypeOnSale] = None
    capabilities: Capabilities = ()
    area_code: Omittable[Annotated[str, Field(pattern=AREA_CODE_PATTERN)]] = None
    starts_with: Omittable[Annotated[str, Field(pattern=LEADING_DIGITS_PATTERN)]] = Field(
        default=None, description="digits after the country code"
    )
    contains: Omittable[Annotated[str, Field(pattern=KEYPAD_PATTERN)]] = None
    locality: Omittable[Place] = Field(default=None, description="city")
    region: Omittable[Place] = Field(default=None, description="state or province, e.g. CA")
    providers: Providers = ()
    max_monthly: Omittable[MoneyText] = Field(default=None, description="e.g. 2.00 USD")
    limit: Annotated[int, Field(ge=1, le=50)] = 5
    cursor: Omittable[Cursor] = None


class OfferDocument(Part):
    """One number on sale; without a price it cannot be bought."""

    offer_id: OfferId
    number: NumberText
    provider: Provider
    country: CountryCode
    type: NumberType
    place: str | None
    capabilities: tuple[Capability, ...]
    setup: MoneyText | None
    monthly: MoneyText | None
    first_year: MoneyText | None
    buyable: Buyable
    expires_at: Moment


class CarrierDocument(Part):
    """How one carrier answered."""

    provider: Provider
    status: CarrierStatus
    note: str


class SearchResult(Result):
    """Offers, cheapest first year first."""

    offers: tuple[OfferDocument, ...]
    carriers: tuple[CarrierDocument, ...]
    relaxations: tuple[str, ...]
    next_cursor: str | None = None


async def run(call: Call, arguments: SearchArguments) -> SearchResult:
    """Ask the carriers and show what they have."""
    found = await searching.search(call.desk, call.principal, _wish(arguments))
    return SearchResult(
        offers=tuple(_offer(offer) for offer in found.offers),
        carriers=tuple(_carrier(report) for report in found.carriers),
        relaxations=found.relaxations,
        next_cursor=found.next_cursor,
        simulated=call.is_simulated(offer.stock.provider for offer in found.offers),
        next_step=only_listed(_next_step(found), call.surface.tools),
    )


def _wish(arguments: SearchArguments) -> SearchWish:
    return SearchWish(
        country=arguments.country,
        type=NumberType(arguments.type) if arguments.type else None,
        capabilities=arguments.capabilities,
        area_code=arguments.area_code,
        starts_with=arguments.starts_with,
        contains=arguments.contains,
        locality=arguments.locality,
        region=arguments.region,
        providers=arguments.providers,
        max_monthly=read_money("max_monthly", arguments.max_monthly),
        limit=arguments.limit,
        cursor=arguments.cursor,
    )


def _offer(offer: Offer) -> OfferDocument:
    stock, price = offer.stock, offer.stock.price
    return OfferDocument(
        offer_id=offer.offer_id,
        number=stock.number,
        provider=stock.provider,
        country=stock.country,
        type=stock.type,
        place=place_name(stock.place),
        capabilities=stock.capabilities,
        setup=printed(price.setup if price else None),
        monthly=printed(price.monthly if price else None),
        first_year=printed(price.first_year if price else None),
        buyable=stock.buyable,
        expires_at=rfc3339(offer.expires_at),
    )


def _carrier(report: CarrierReport) -> CarrierDocument:
    return CarrierDocument(provider=report.provider, status=report.status, note=report.note)


def _next_step(found: Found) -> str:
    if any(offer.stock.price and offer.stock.buyable in MAY_BE_BOUGHT for offer in found.offers):
        return (
            "Show the person the numbers with their prices and let them choose. "
            "Then call buy_numbers with the offer_id, before expires_at."
        )
    if found.offers:
        return (
            "None of these can be bought now: price or papers are missing, or it is on back order. "
            "Tell the person and ask before you search for something else."
        )
    if found.relaxations:
        return (
            "Nothing matches. "
            "Tell the person what relaxations says and ask before you change the search."
        )
    if all(report.status == "ok" for report in found.carriers):
        return "Nothing matches. Tell the person and ask what else would do."
    return (
        "Nothing was found, but not every carrier answered. "
        "Tell the person what carriers says; the same search may find more later."
    )


def read(result: SearchResult) -> str:
    """The offers, one a line, then what to change or which carrier did not answer."""
    count = (
        f"{len(result.offers)} on sale, cheapest first year first:"
        if result.offers
        else "Nothing on sale matches."
    )
    return reading(
        result,
        count,
        *(_read_offer(offer) for offer in result.offers),
        *(f"Instead: {relaxation}" for relaxation in result.relaxations),
        *(
            f"{c.provider}: {words(c.status)}. {c.note}"
            for c in result.carriers
            if c.status != "ok"
        ),
        f"More with cursor {result.next_cursor}." if result.next_cursor else None,
    )


def _read_offer(offer: OfferDocument) -> str:
    cost = (
        f"set-up {offer.setup}, monthly {offer.monthly}, first year {offer.first_year}"
        if offer.monthly
        else "no price"
    )
    what = ", ".join(filter(None, [words(offer.type), offer.place, *offer.capabilities]))
    when = "" if offer.buyable is Buyable.NOW else f" (buyable: {words(offer.buyable)})"
    return f"- {offer.number}: {cost}. {what}. {offer.provider}, {offer.offer_id}{when}"


OPERATION = Operation(
    name="search_numbers",
    title="Search numbers on sale",
    description=(
        "Finds numbers on sale at every connected carrier, cheapest first year first. "
        "Costs nothing and holds nothing. "
        '`area_code` is text: "415". `contains` takes digits or letters (keypad). '
        "If nothing matches, `relaxations` says what to change; ask the person before changing it. "
        "To see numbers we already pay for, use list_numbers. "
        "If any match will do, use provision_number."
    ),
    arguments=SearchArguments,
    result=SearchResult,
    run=run,
    read=read,
    scopes=frozenset({"numbers:read"}),
    is_read_only=True,
)
