"""What carriers have on sale: stock, the offers we make of it, and reservations."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from ringfence.money import MICROS, Money
from ringfence.nouns import Noun
from ringfence.numbers import E164, E164_PATTERN, Capability, NumberType

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
MAX_PRICE_MICROS = 10**9 * MICROS
"""No number costs ten digits in any currency; up to that, a year of 25 numbers can still be counted."""


class Provider(StrEnum):
    """The carriers that ringfence speaks to, and the one it brings along."""

    SANDBOX = "sandbox"
    TWILIO = "twilio"
    TELNYX = "telnyx"
    BIRD = "bird"
    MESSAGEMEDIA = "messagemedia"
    BURKI = "burki"


class Papers(StrEnum):
    """What a carrier wants to see before it sells."""

    NONE = "none"
    ADDRESS = "address"
    BUNDLE = "bundle"
    BUSINESS = "business"
    UNKNOWN = "unknown"


class Buyable(StrEnum):
    """Whether an offer could be bought at this moment."""

    NOW = "now"
    AFTER_PAPERS = "after_papers"
    BACK_ORDER = "back_order"
    UNKNOWN = "unknown"


class PriceSource(StrEnum):
    """Who says what it costs."""

    API = "api"
    PRICE_LIST = "price_list"
    PRICE_BOOK = "price_book"
    NONE = "none"


class TaxTreatment(StrEnum):
    """Whether the price holds the tax."""

    INCLUSIVE = "inclusive"
    EXCLUSIVE = "exclusive"
    UNKNOWN = "unknown"


class ReservationKind(StrEnum):
    """Who keeps the number: the carrier, or only we, from ourselves."""

    CARRIER = "carrier"
    LOCAL = "local"


class Ability(Noun):
    """One capability by direction; None is unknown, which is not False."""

    capability: Capability
    inbound: bool | None
    outbound: bool | None


class Price(Noun):
    """What a number costs; both amounts in one currency.

    `setup` is charged once and `monthly` at once and then every month until release.

    Raises:
        ValidationError: two currencies, or an amount above `MAX_PRICE_MICROS`.
    """

    setup: Money
    monthly: Money

    @model_validator(mode="after")
    def _is_a_price(self) -> Self:
        if self.setup.currency != self.monthly.currency:
            raise ValueError("set-up and month are in one currency")
        if max(self.setup.micros, self.monthly.micros) > MAX_PRICE_MICROS:
            raise ValueError("nothing costs that much: it is a mistake")
        return self

    @property
    def currency(self) -> str:
        return self.monthly.currency

    @property
    def now(self) -> Money:
        """What the purchase itself costs: set-up and the first month."""
        return self.setup + self.monthly

    @property
    def first_year(self) -> Money:
        return self.setup + self.monthly * 12

    def is_no_dearer_than(self, other: Price) -> bool:
        """Same currency, and no component higher."""
        return (
            self.currency == other.currency
            and self.setup <= other.setup
            and self.monthly <= other.monthly
        )


class Stock(Noun):
    """One number that a carrier has on sale, with all that carriers say of it before a purchase."""

    provider: Provider
    account: str
    """Fingerprint of the carrier account that would pay; never of its key."""
    stock_id: str
    """What the carrier wants to be named when it sells: its own id, or the number."""
    number: Annotated[E164, Field(pattern=E164_PATTERN)]
    country: Country
    type: NumberType
    raw_type: str
    """The carrier's own word for the type."""
    abilities: tuple[Ability, ...]
    locality: str | None
    region: str | None
    price: Price | None
    price_source: PriceSource
    tax: TaxTreatment = TaxTreatment.UNKNOWN
    min_term_months: int = 1
    papers: Papers
    buyable: Buyable
    reservable: bool
    matches_filter: bool = True
    """Our own check of the carrier's answer: some carriers widen a search without saying so."""

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        """What the number can do in at least one direction."""
        return tuple(a.capability for a in self.abilities if a.inbound or a.outbound)

    @property
    def place(self) -> str | None:
        """`San Francisco, CA`, as far as the carrier says."""
        return ", ".join(part for part in (self.locality, self.region) if part) or None


class Offer(Noun):
    """Stock that was shown to a principal, under an id and until a time."""

    offer_id: str
    principal: str
    stock: Stock
    expires_at: datetime


class Quote(Noun):
    """A price that a carrier named for one piece of stock, just now."""

    stock_id: str
    number: E164
    price: Price | None
    buyable: Buyable
    papers: Papers
    quoted_at: datetime
    type: NumberType | None = None
    """None, like the next two, where the carrier's quote does not say it."""
    capabilities: tuple[Capability, ...] | None = None
    min_term_months: int | None = None


class CarrierHold(Noun):
    """A carrier's word that it keeps a number for us until a time."""

    hold_id: str
    number: E164
    expires_at: datetime


class Reservation(Noun):
    """An offer that is kept while a person chooses, with its fresh price."""

    reservation_id: str
    principal: str
    offer: Offer
    kind: ReservationKind
    carrier_hold_id: str | None
    quoted_at: datetime
    expires_at: datetime
    is_cancelled: bool = False
