"""The adapter of the sandbox carrier: its dialect in our words.

The carrier is synchronous and lives in a file, so each call runs in a worker thread. A purchase or
release redeems its ticket first, is sent once, and bears a deadline: what could not be begun in time
is never begun, so that nothing shows up after the quarantine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

import anyio
import rfc8785
from anyio import to_thread

from ringfence.errors import (
    ConfigurationError,
    NumberGone,
    PapersMissing,
    PriceUnknown,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RingfenceError,
)
from ringfence.intents import Line, LineTerms
from ringfence.inventory import Owned, Routing
from ringfence.money import Money
from ringfence.numbers import E164, Capability, NumberType
from ringfence.offers import CarrierHold, Papers, PriceSource, Provider, Quote, Stock, TaxTreatment
from ringfence.outcomes import (
    Absent,
    Ambiguous,
    Captured,
    Look,
    NotSent,
    Outcome,
    Pending,
    Refused,
    Released,
    Unclear,
    Unknown,
)
from ringfence.providers.protocol import (
    MAX_PAGE,
    CarrierAbilities,
    Fee,
    Kind,
    PaidRequest,
    Registration,
    Requirements,
    SearchQuery,
    StockPage,
)
from ringfence.sandbox.carrier import Carrier, Statement
from ringfence.sandbox.catalogue import countries
from ringfence.sandbox.orders import OrderState, OwnedNumber
from ringfence.sandbox.readiness import readiness_of
from ringfence.sandbox.registrations import SmsRegistration
from ringfence.sandbox.requirements import Terms
from ringfence.sandbox.stock import Item, Wish
from ringfence.sandbox.trouble import CarrierError, CarrierTimeout, CarrierTrouble
from ringfence.ticket import Grant, Ticket, TicketRefused

HOST = "sandbox.invalid"
"""A name that no resolver answers (RFC 6761), for a carrier that is on no network."""

ABILITIES = CarrierAbilities(
    can_reserve=True,
    can_cancel_reservation=True,
    is_asynchronous=True,
    knows_papers=True,
    knows_registrations=True,
    read_timeout_seconds=2.0,
    ticket_life_seconds=3.0,
    quarantine_seconds=6.0,
    look_interval_seconds=1.0,
    countries=countries(),
)

SLOW_SECONDS = 1.5
"""How much longer a `slow` call takes; within the read time-out."""

REFUSALS: Mapping[tuple[int, str], type[RingfenceError]] = {
    (404, "number_gone"): NumberGone,
    (409, "already_ordered"): NumberGone,
    (409, "already_owned"): NumberGone,
    (409, "back_order"): ProviderRefused,
    (422, "no_price"): PriceUnknown,
    (422, "papers_missing"): PapersMissing,
}
"""The carrier's definite refusals of a purchase; the outcome of any other answer is unknown."""

UNPROCESSED = frozenset({(429, "rate_limited")})
"""Answers that the carrier documents as given before it looked at the request."""

_FREE: Mapping[int, type[RingfenceError]] = {429: RateLimited}

Result = TypeVar("Result")
Sleep = Callable[[float], Awaitable[None]]


class SandboxAdapter:
    """One account at the sandbox carrier; each method does what `CarrierAdapter` says."""

    provider = Provider.SANDBOX
    host = HOST
    abilities = ABILITIES

    def __init__(self, carrier: Carrier, *, sleep: Sleep = anyio.sleep) -> None:
        self._carrier = carrier
        self._sleep = sleep

    @property
    def account(self) -> str:
        """Fingerprint of the account's own id."""
        return _fingerprint(self._carrier.account_id)

    async def search(self, query: SearchQuery, *, offset: int = 0) -> StockPage:
        """Stock that matches, cheapest first year first."""
        wish = Wish(
            country=query.country,
            type=query.type,
            capabilities=query.capabilities,
            area_code=query.area_code,
            starts_with=query.starts_with,
            contains=query.contains,
            locality=query.locality,
            region=query.region,
        )
        limit = min(query.limit, MAX_PAGE)
        page = await self._free(partial(self._carrier.search, wish, offset=offset, limit=limit))
        stock = tuple(_stock(item, self.account) for item in page.items)
        return StockPage(stock=stock, next_offset=page.next_offset)

    async def quote(self, stock_id: str) -> Quote | None:
        """The price at this moment; None when the stock is gone."""
        quotation = await self._free(partial(self._carrier.quote, stock_id))
        if quotation is None:
            return None
        item = quotation.item
        stock = _stock(item, self.account)
        return Quote(
            stock_id=item.stock_id,
            number=item.number,
            price=item.price,
            buyable=item.buyable,
            papers=item.papers,
            quoted_at=quotation.quoted_at,
            type=stock.type,
            capabilities=stock.capabilities,
            min_term_months=stock.min_term_months,
        )

    async def requirements(
        self, country: str, type_: NumberType, capabilities: Sequence[Capability]
    ) -> Requirements:
        """What has to be on file or registered for a kind of number that can do all of this."""
        terms = await self._free(partial(self._carrier.terms, country, type_, capabilities))
        return _requirements(terms)

    async def reserve(self, stock_id: str) -> CarrierHold | None:
        """A hold of half an hour from now, new or extended; None when the stock is gone."""
        hold = await self._free(partial(self._carrier.hold, stock_id))
        if hold is None:
            return None
        return CarrierHold(hold_id=hold.hold_id, number=hold.number, expires_at=hold.expires_at)

    async def cancel_reservation(self, hold_id: str) -> bool:
        """Give a hold back; False when it was gone already."""
        return await self._free(partial(self._carrier.cancel_hold, hold_id))

    def prepare(self, terms: LineTerms, *, tag: str) -> PaidRequest:
        """An order of one number under our tag; the body is canonical JSON (RFC 8785)."""
        order = {"number": terms.number, "stock_id": terms.stock_id, "tag": tag}
        body = rfc8785.dumps(order)
        return PaidRequest(host=terms.host, method="POST", path=_orders(terms.account), body=body)

    async def buy(self, ticket: Ticket, request: PaidRequest) -> Outcome:
        """Send the purchase, once. Redeems the ticket before the first byte; never raises."""
        try:
            self._redeem(ticket, request, path=_orders(self.account))
        except Exception as error:
            return NotSent(f"no byte left: {type(error).__name__}: {error}")
        try:
            return await self._send(request)
        except Exception as error:
            return Unknown(_evidence(error))

    async def find_purchase(self, line: Line, *, tag: str) -> Look:
        """Look for the purchase in one statement of the whole account."""
        try:
            statement = await self._call(self._carrier.statement)
        except (CarrierTrouble, ConfigurationError) as error:
            return Unclear(_evidence(error))
        return judge(statement, line.terms, tag=tag)

    def prepare_release(self, terms: LineTerms) -> PaidRequest:
        """The giving back of one number of ours; the body is canonical JSON (RFC 8785)."""
        body = rfc8785.dumps({"number": terms.number, "number_id": terms.stock_id})
        return PaidRequest(host=terms.host, method="POST", path=_releases(terms.account), body=body)

    async def release(self, ticket: Ticket, request: PaidRequest) -> Outcome:
        """Send the release, once. Redeems the ticket before the first byte; never raises."""
        try:
            self._redeem(ticket, request, path=_releases(self.account))
        except Exception as error:
            return NotSent(f"no byte left: {type(error).__name__}: {error}")
        try:
            return await self._give_back(request)
        except Exception as error:
            return Unknown(_evidence(error))

    async def find_release(self, line: Line) -> Look:
        """Look for the number in one statement of the whole account."""
        try:
            statement = await self._call(self._carrier.statement)
        except (CarrierTrouble, ConfigurationError) as error:
            return Unclear(_evidence(error))
        return judge_release(statement, line.terms)

    async def owned(self) -> Sequence[Owned]:
        """Every number of the account."""
        statement = await self._free(self._carrier.statement)
        return [_owned(number, statement) for number in statement.owned]

    async def read_number(self, carrier_ref: str) -> Owned | None:
        """One number of the account as it stands now; None when it is not there."""
        mine = await self.owned()
        return next((number for number in mine if number.carrier_ref == carrier_ref), None)

    async def configure(self, grant: Grant, carrier_ref: str, routing: Routing) -> Owned:
        """Set where calls and texts go; the same call twice is the same as once.

        Raises:
            TicketRefused: the grant is for another number.
        """
        number = await self.read_number(carrier_ref)
        if number is None:
            raise ProviderRefused(f"The sandbox carrier lists no number {carrier_ref}.")
        if number.number != grant.number:
            raise TicketRefused("This grant was minted for another number.")
        urls = {"voice_url": routing.voice_url, "sms_url": routing.sms_url}
        await self._free(partial(self._carrier.configure, carrier_ref, **urls))
        return number.model_copy(update={"routing": routing})

    def _redeem(self, ticket: Ticket, request: PaidRequest, *, path: str) -> None:
        ticket.redeem(host=self.host, request_hash=request.hash)
        if request.path != path:
            raise TicketRefused("This request was prepared for another account or another end.")

    async def _send(self, request: PaidRequest) -> Outcome:
        """Carry out a purchase whose ticket has been redeemed."""
        deadline = self._carrier.clock.boottime() + ABILITIES.read_timeout_seconds
        order = json.loads(request.body)
        number, tag = order["number"], order["tag"]
        purchase = partial(self._carrier.buy, order["stock_id"], tag=tag, deadline=deadline)
        try:
            placed = await self._call(purchase)
        except CarrierError as error:
            # A number that is ours is bought at most once, so its owner's tag tells who bought it.
            ours = await self._under_tag(number, tag) if error.status == 409 else None
            return ours or refusal(error)
        if (placed.number, placed.tag) != (number, tag):
            return Unknown(f"HTTP 201 with another order: {placed.order_id}")
        return await self._under_tag(number, tag) or Unknown("HTTP 201 without the number")

    async def _give_back(self, request: PaidRequest) -> Outcome:
        """Carry out a release whose ticket has been redeemed; whatever is answered, the account's list decides."""
        deadline = self._carrier.clock.boottime() + ABILITIES.read_timeout_seconds
        body = json.loads(request.body)
        number, number_id = body["number"], body["number_id"]
        giving_back = partial(self._carrier.release, number_id, deadline=deadline)
        try:
            done = await self._call(giving_back)
        except CarrierError as error:
            if error.status != 404:
                return refusal(error)
            said = str(error)
        else:
            said = f"released as {done.number_id}"
        statement = await to_thread.run_sync(self._carrier.statement)
        seen = _look_for(statement, number, number_id)
        return seen if isinstance(seen, Released) else Unknown(f"{said}, and still listed")

    async def _under_tag(self, number: E164, tag: str) -> Captured | Pending | None:
        """What the carrier lists of this number under this tag."""
        return _found(await to_thread.run_sync(self._carrier.statement), number, tag)

    async def _free(self, operation: Callable[[], Result]) -> Result:
        """Run a read or a free call, with the carrier's errors in our words."""
        try:
            return await self._call(operation, can_be_left=True)
        except CarrierError as error:
            kind = ProviderUnavailable if error.status >= 500 else _FREE.get(error.status)
            raise (kind or ProviderRefused)(
                f"The sandbox carrier answered with HTTP {error.status}.",
                details={"carrier_code": error.code},
            ) from error
        except CarrierTimeout as error:
            raise ProviderUnavailable("The sandbox carrier gave no answer in time.") from error

    async def _call(self, operation: Callable[[], Result], *, can_be_left: bool = False) -> Result:
        """Run one operation of the carrier, slowly where that fault waits; a free one may be left at a time limit."""
        if await to_thread.run_sync(self._carrier.take_slow, abandon_on_cancel=can_be_left):
            await self._sleep(SLOW_SECONDS)
        return await to_thread.run_sync(operation, abandon_on_cancel=can_be_left)


def refusal(error: CarrierError) -> Outcome:
    """What an error in answer to a purchase or release means, by the tables; unknown where they are silent."""
    key = (error.status, error.code)
    if key in UNPROCESSED:
        return NotSent(str(error))
    kind = REFUSALS.get(key)
    return Refused(kind.code, str(error)) if kind else Unknown(str(error))


def judge(statement: Statement, terms: LineTerms, *, tag: str) -> Look:
    """What one complete statement of the account says of a line's purchase."""
    if _fingerprint(statement.account_id) != terms.account:
        return Unclear("the statement is another account's")
    seen = f"{len(statement.owned)} numbers and {len(statement.orders)} orders listed"
    mine = next((each for each in statement.orders if each.number == terms.number), None)
    if mine is None:
        return Absent(seen)
    if mine.tag != tag:
        return Ambiguous(f"{mine.order_id} was placed under another tag")
    if terms.price is None or not mine.price.is_no_dearer_than(terms.price):
        return Ambiguous(f"{mine.order_id} costs more than was approved")
    if mine.state is OrderState.SUCCESS and not _is_listed(statement, terms.number):
        return Ambiguous(f"{mine.order_id} was carried out, and its number was given back since")
    return _found(statement, terms.number, tag) or Unclear(seen)


def judge_release(statement: Statement, terms: LineTerms) -> Look:
    """What one complete statement of the account says of a line's release."""
    if _fingerprint(statement.account_id) != terms.account:
        return Unclear("the statement is another account's")
    return _look_for(statement, terms.number, terms.stock_id)


def _look_for(statement: Statement, number: E164, number_id: str) -> Released | Absent | Ambiguous:
    if any(each.number_id == number_id for each in statement.owned):
        return Absent(f"still listed as {number_id}")
    if _is_listed(statement, number):
        return Ambiguous(f"{number} is listed, though not as {number_id}")
    return Released(f"not among {len(statement.owned)} numbers listed")


def _is_listed(statement: Statement, number: E164) -> bool:
    return any(each.item.number == number for each in statement.owned)


def _found(statement: Statement, number: E164, tag: str) -> Captured | Pending | None:
    for each in statement.owned:
        if (each.item.number, each.tag) == (number, tag):
            return Captured(_owned(each, statement), f"listed as {each.number_id}")
    for order in statement.orders:
        if (order.number, order.tag, order.state) == (number, tag, OrderState.PENDING):
            return Pending(order.order_id, "listed as a pending order")
    return None


def _orders(account: str) -> str:
    return f"/v1/accounts/{account}/orders"


def _releases(account: str) -> str:
    return f"/v1/accounts/{account}/releases"


def _evidence(error: Exception) -> str:
    """What the record keeps of a failure; only the carrier's own errors are quoted."""
    return str(error) if isinstance(error, CarrierTrouble) else type(error).__name__


def _fingerprint(account_id: str) -> str:
    return f"sandbox-{hashlib.sha256(account_id.encode()).hexdigest()[:8]}"


def _stock(item: Item, account: str) -> Stock:
    return Stock(
        provider=Provider.SANDBOX,
        account=account,
        stock_id=item.stock_id,
        number=item.number,
        country=item.country,
        type=item.type,
        raw_type=item.raw_type,
        abilities=item.abilities,
        locality=item.locality,
        region=item.region,
        price=item.price,
        price_source=PriceSource.API if item.price else PriceSource.NONE,
        tax=TaxTreatment.INCLUSIVE,
        papers=item.papers,
        buyable=item.buyable,
        reservable=item.reservable,
    )


def _requirements(terms: Terms) -> Requirements:
    needed = (_registration(terms.registration),) if terms.registration else ()
    return Requirements(
        buyable=terms.buyable,
        papers=tuple(papers for papers in terms.papers if papers is not Papers.UNKNOWN),
        sms=terms.sms,
        registrations=needed,
        unknown=tuple(_unknown(terms)),
        instead=tuple(Kind(country=country, type=type_) for country, type_ in terms.instead),
    )


def _registration(needed: SmsRegistration) -> Registration:
    fees = None if needed.fees is None else tuple(_fee(*fee) for fee in needed.fees)
    return Registration(what=needed.what, days=needed.days, fees=fees)


def _fee(amount: str, is_monthly: bool) -> Fee:
    return Fee(amount=Money.parse(amount), is_monthly=is_monthly)


def _unknown(terms: Terms) -> Iterator[str]:
    if terms.is_sold_out:
        yield "None is on sale at this moment, and when there will be more is not known."
    if Papers.UNKNOWN in terms.papers:
        yield "Whether papers are needed is not known."
    for capability in terms.unsure:
        yield f"Whether these numbers can do {capability} is not known."


def _owned(number: OwnedNumber, statement: Statement) -> Owned:
    item = number.item
    able = {ability.capability for ability in item.abilities if ability.inbound or ability.outbound}
    return Owned(
        provider=Provider.SANDBOX,
        account=_fingerprint(statement.account_id),
        carrier_ref=number.number_id,
        number=item.number,
        country=item.country,
        type=item.type,
        capabilities=tuple(each for each in Capability if each in able),
        readiness=readiness_of(item),
        monthly=number.price.monthly,
        routing=Routing(voice_url=number.voice_url, sms_url=number.sms_url),
        tag=number.tag,
        bought_at=number.bought_at,
        renews_at=number.renewal_after(statement.stated_at),
    )
