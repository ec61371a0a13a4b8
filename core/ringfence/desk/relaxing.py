"""Relaxing: when nothing matches, which one condition to give up, tried at the carriers before it is said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from anyio import create_task_group, move_on_after

from ringfence.money import Money
from ringfence.offers import Stock
from ringfence.providers.protocol import SearchQuery

MAX_HINTS = 4
RELAXING_SECONDS = 4.0
"""For trying what would find something, after a search that found nothing; the caller is still waiting."""

_WORDS = {
    "contains": "without contains",
    "starts_with": "without starts_with",
    "area_code": "without area_code",
    "locality": "without locality",
    "region": "without region",
    "capabilities": "without capabilities",
    "type": "without type",
}


Count = Callable[[SearchQuery], Awaitable[str | None]]
"""How many offers a search would give, in words; None where it would give none."""


async def relaxations(
    query: SearchQuery, max_monthly: Money | None, too_dear: Sequence[Stock], count: Count
) -> tuple[str, ...]:
    """Sentences that name a search which does find something; at most `MAX_HINTS`, within `RELAXING_SECONDS`.

    Raises:
        ProviderUnavailable: a carrier does not say what it has, so that nothing can be promised.
    """
    hints: list[str] = []
    if max_monthly is not None and too_dear:
        hints.append(_price_hint(max_monthly, too_dear))
    looser = [name for name in _WORDS if getattr(query, name)]
    counts: dict[str, str | None] = {}

    async def try_without(name: str) -> None:
        empty = () if name == "capabilities" else None
        counts[name] = await count(query.model_copy(update={name: empty}))

    with move_on_after(RELAXING_SECONDS):
        async with create_task_group() as group:
            for name in looser:
                group.start_soon(try_without, name)
        hints += [
            f"Search {_WORDS[name]}: {counts[name]} found." for name in looser if counts[name]
        ]
        if not hints:
            everything = await count(SearchQuery(country=query.country, limit=query.limit))
            found = f"Search country {query.country} alone: {everything} found."
            none = f"No connected carrier sells numbers in {query.country}; search another country."
            hints.append(found if everything else none)
    return tuple(hints[:MAX_HINTS])


def _price_hint(max_monthly: Money, too_dear: Sequence[Stock]) -> str:
    prices = [stock.price.monthly for stock in too_dear if stock.price is not None]
    if not prices:
        return "Search without max_monthly: the matching numbers have no price, or no exchange rate to it."
    cheapest = min(prices, key=lambda price: (price.currency != max_monthly.currency, price.micros))
    return f"Search with a higher max_monthly: the cheapest match costs {cheapest} a month."
