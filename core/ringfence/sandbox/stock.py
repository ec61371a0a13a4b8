"""What the carrier sells: numbers with their prices, and what a search may ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ringfence.numbers import E164, Capability, NumberType
from ringfence.offers import Ability, Buyable, Papers, Price
from ringfence.places import is_same_place


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One number of the carrier's stock."""

    stock_id: str
    """The carrier's own name for it: `S-14155550142`."""
    number: E164
    country: str
    national: str
    """The digits after the country code."""
    area_code: str | None
    type: NumberType
    raw_type: str
    abilities: tuple[Ability, ...]
    locality: str | None
    region: str | None
    price: Price | None
    papers: Papers
    buyable: Buyable
    reservable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a search asks for; what is None or empty does not narrow it."""

    country: str
    type: NumberType | None = None
    capabilities: tuple[Capability, ...] = ()
    """Each of them, in at least one direction."""
    area_code: str | None = None
    """With or without the trunk zero that people dial within some countries."""
    starts_with: str | None = None
    """Digits after the country code."""
    contains: str | None = None
    """Digits anywhere after the country code."""
    locality: str | None = None
    region: str | None = None

    def is_met_by(self, item: Item) -> bool:
        """Whether the item is what was asked for; case and accents of places are nothing."""
        able = {a.capability for a in item.abilities if a.inbound or a.outbound}
        return (
            item.country == self.country
            and self.type in {None, item.type}
            and able.issuperset(self.capabilities)
            and (self.area_code is None or self.area_code.lstrip("0") == item.area_code)
            and item.national.startswith(self.starts_with or "")
            and (self.contains or "") in item.national
            and _is_place(item.locality, self.locality)
            and _is_place(item.region, self.region)
        )


def main_currency(items: Iterable[Item]) -> str | None:
    """The currency that most of the items are priced in."""
    seen = Counter(item.price.currency for item in items if item.price)
    return max(seen, key=lambda code: (seen[code], code), default=None)


def cheapest_first(items: Iterable[Item], *, main: str | None) -> list[Item]:
    """Sort by the first year's cost, then by number; what has no price comes last.

    The carrier converts no currencies: what is not in the `main` one comes after all that is.
    """

    def place(item: Item) -> tuple[bool, bool, str, int, E164]:
        if item.price is None:
            return True, True, "", 0, item.number
        currency = item.price.currency
        return False, currency != main, currency, item.price.first_year.micros, item.number

    return sorted(items, key=place)


def _is_place(place: str | None, wanted: str | None) -> bool:
    return wanted is None or (place is not None and is_same_place(place, wanted))
