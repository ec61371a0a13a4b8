"""What every carrier adapter can do, in our words, and what may come back.

Reads and free calls raise `ProviderUnavailable`, `RateLimited`, `ProviderRefused` or `BadCredentials`. The
two calls that cannot be taken back, `buy` and `release`, never raise: whatever happens is an `Outcome`, and a doubt
is `Unknown`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import rfc8785

from ringfence.intents import Line, LineTerms
from ringfence.inventory import Owned, Routing
from ringfence.money import Money
from ringfence.nouns import Noun
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Buyable, CarrierHold, Country, Papers, Provider, Quote, Stock
from ringfence.outcomes import Look, Outcome
from ringfence.ticket import Grant, Ticket

MAX_PAGE = 50
"""Stock in one answer; more is another page."""


class SearchQuery(Noun):
    """What somebody wants, with digits already read off the keypad."""

    country: str
    type: NumberType | None = None
    capabilities: tuple[Capability, ...] = ()
    area_code: str | None = None
    starts_with: str | None = None
    """Digits after the country code."""
    contains: str | None = None
    locality: str | None = None
    region: str | None = None
    limit: int = 5


class StockPage(Noun):
    """Some of a carrier's stock; `next_offset` is None at the end."""

    stock: tuple[Stock, ...]
    next_offset: int | None


class Kind(Noun):
    """A kind of number: what is sold where."""

    country: Country
    type: NumberType


class Fee(Noun):
    """What a registration costs, besides the number."""

    amount: Money
    is_monthly: bool
    """Every month, rather than once."""


class Registration(Noun):
    """What has to be done before numbers of a kind can send SMS."""

    what: str
    days: int | None
    """Business days that it takes at most; None where nobody says."""
    fees: tuple[Fee, ...] | None
    """None where nobody says what it costs, which is not nothing."""


class Requirements(Noun):
    """What a carrier wants before it sells a kind of number, and before such a number can send SMS."""

    buyable: Buyable | None
    """The best that its numbers of this kind are; None where it sells none."""
    papers: tuple[Papers, ...] = ()
    """What it wants to see: none, or one or several of address, bundle and business."""
    sms: bool | None = None
    """Whether such numbers carry SMS at all; None where the carrier does not say."""
    registrations: tuple[Registration, ...] = ()
    """What SMS waits for."""
    unknown: tuple[str, ...] = ()
    """What the carrier does not say, a sentence each."""
    instead: tuple[Kind, ...] = ()
    """Where it sells none: what it does sell that comes near."""


class CarrierAbilities(Noun):
    """What an adapter declares of its carrier; never guessed at run time."""

    can_reserve: bool
    can_cancel_reservation: bool
    is_asynchronous: bool
    knows_papers: bool
    """Whether the carrier says which papers it wants; where it does not, nobody knows whether it wants any."""
    knows_registrations: bool
    """Whether the carrier says which registrations SMS waits for, and that it waits for none."""
    read_timeout_seconds: float
    ticket_life_seconds: float
    quarantine_seconds: float
    """How long after a send its effect may still show up; longer than ticket life plus read time-out."""
    look_interval_seconds: float
    countries: tuple[str, ...] = ()
    """Where it sells numbers, as far as that is known beforehand; empty where it is not."""


@dataclass(frozen=True, slots=True)
class PaidRequest:
    """The bytes of one purchase or release, a pure function of the line's terms."""

    host: str
    method: str
    path: str
    body: bytes

    @property
    def hash(self) -> str:
        """SHA-256 of everything that is sent, in hexadecimal."""
        parts = {
            "host": self.host,
            "method": self.method,
            "path": self.path,
            "body": self.body.decode(),
        }
        return hashlib.sha256(rfc8785.dumps(parts)).hexdigest()


class CarrierAdapter(Protocol):
    """One carrier account, spoken to in our words."""

    @property
    def provider(self) -> Provider: ...

    @property
    def host(self) -> str:
        """The host that paid requests go to; part of what is approved."""
        ...

    @property
    def account(self) -> str:
        """Fingerprint of the account's own id."""
        ...

    @property
    def abilities(self) -> CarrierAbilities: ...

    async def search(self, query: SearchQuery, *, offset: int = 0) -> StockPage:
        """Stock that matches, cheapest first year first, at most `query.limit` from `offset` on. Free."""
        ...

    async def quote(self, stock_id: str) -> Quote | None:
        """The price at this moment; None when the stock is gone. Free."""
        ...

    async def requirements(
        self, country: str, type_: NumberType, capabilities: Sequence[Capability]
    ) -> Requirements:
        """What has to be on file or registered for a kind of number that can do all of this. Free."""
        ...

    async def reserve(self, stock_id: str) -> CarrierHold | None:
        """Ask the carrier to keep the number; extends a hold of ours; None when the stock is gone. Free."""
        ...

    async def cancel_reservation(self, hold_id: str) -> bool:
        """Give a hold back; False when it was gone already. Free."""
        ...

    def prepare(self, terms: LineTerms, *, tag: str) -> PaidRequest:
        """The request that would buy this line; pure."""
        ...

    async def buy(self, ticket: Ticket, request: PaidRequest) -> Outcome:
        """Send the purchase, once. Redeems the ticket before the first byte; never raises."""
        ...

    async def find_purchase(self, line: Line, *, tag: str) -> Look:
        """Look whether a purchase whose outcome is unknown, or still pending, took place. Free."""
        ...

    def prepare_release(self, terms: LineTerms) -> PaidRequest:
        """The request that would give this line's number back; pure.

        It carries no tag: no carrier keeps one on a number that is gone.
        """
        ...

    async def release(self, ticket: Ticket, request: PaidRequest) -> Outcome:
        """Send the release, once. Redeems the ticket before the first byte; never raises."""
        ...

    async def find_release(self, line: Line) -> Look:
        """Look whether a number whose release is unknown is ours no longer. Free.

        `Released` needs a complete list of a proved account without it; `Absent` says that it is still there.
        """
        ...

    async def owned(self) -> Sequence[Owned]:
        """Every number of the account, from its first page to its last, or an error: never a part. Free."""
        ...

    async def read_number(self, carrier_ref: str) -> Owned | None:
        """One number of the account as it stands now; None when it is not there. Free."""
        ...

    async def configure(self, grant: Grant, carrier_ref: str, routing: Routing) -> Owned:
        """Set where calls and texts go; the same call twice is the same as once. Free."""
        ...
