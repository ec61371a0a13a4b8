"""Relaxing: when nothing matches, which one condition to give up, tried at the carriers before it is said."""

from __future__ import annotations

from collections.abc import Sequence

from anyio import create_task_group

from ringfence.errors import RingfenceError
from ringfence.money import Money
from ringfence.offers import Stock
from ringfence.providers.protocol import CarrierAdapter, SearchQuery

MAX_HINTS = 4

_WORDS = {
    "contains": "without contains",
    "starts_with": "without starts_with",
    "area_code": "without area_code",
    "locality": "without locality",
    "region": "without region",
    "capabilities": "without capabilities",
    "type": "without type",
}


async def relaxations(
    carriers: Sequence[CarrierAdapter],
    query: SearchQuery,
    max_monthly: Money | None,
    too_dear: Sequence[Stock],
) -> tuple[str, ...]:
    """Sentences that name a search which does find something; at most `MAX_HINTS`."""
    hints: list[str] = []
    if max_monthly is not None and too_dear:
        hints.append(_price_hint(max_monthly, too_dear))
    looser = [name for name in _WORDS if getattr(query, name)]
    counts: dict[str, str | None] = {}

    async def count(name: str, candidate: SearchQuery) -> None:
        counts[name] = await _count(carriers, candidate)

    async with create_task_group() as group:
        for name in looser:
            empty = () if name == "capabilities" else None
            group.start_soon(count, name, query.model_copy(update={name: empty}))
    hints += [f"Search {_WORDS[name]}: {counts[name]} found." for name in looser if counts[name]]
    if not hints and looser:
        everything = await _count(carriers, SearchQuery(country=query.country, limit=query.limit))
        if everything:
            hints.append(f"Search country {query.country} alone: {everything} found.")
    if not hints:
        hints.append(
            f"No connected carrier sells numbers in {query.country}; search another country."
        )
    return tuple(hints[:MAX_HINTS])


def _price_hint(max_monthly: Money, too_dear: Sequence[Stock]) -> str:
    prices = [stock.price.monthly for stock in too_dear if stock.price is not None]
    if not prices:
        return "Search without max_monthly: the matching numbers have no price."
    cheapest = min(prices, key=lambda price: (price.currency != max_monthly.currency, price.micros))
    return f"Search with a higher max_monthly: the cheapest match costs {cheapest} a month."


async def _count(carriers: Sequence[CarrierAdapter], query: SearchQuery) -> str | None:
    """How many numbers a search would find, in words; None where it would find none."""
    total, is_more = 0, False
    for carrier in carriers:
        try:
            page = await carrier.search(query)
        except RingfenceError:
            continue
        total += sum(stock.matches_filter for stock in page.stock)
        is_more = is_more or page.next_offset is not None
    return f"{total} or more" if is_more else str(total or "") or None
