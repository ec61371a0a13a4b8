"""Searching: ask every connected carrier side by side, price what they have, keep it as offers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import anyio
from anyio import create_task_group

from ringfence.desk.counter import Desk
from ringfence.desk.relaxing import relaxations
from ringfence.errors import InvalidArguments, ProviderUnavailable, RingfenceError
from ringfence.ids import Prefix
from ringfence.money import Money
from ringfence.nouns import Noun
from ringfence.numbers import BadNumber, Capability, NumberType, keypad_digits
from ringfence.offers import Buyable, Offer, Provider, Stock
from ringfence.policy import PolicyDocument
from ringfence.providers.protocol import MAX_PAGE, CarrierAdapter, SearchQuery
from ringfence.store import offers as stored
from ringfence.store.transaction import Transaction

CarrierStatus = Literal["ok", "slow", "down", "no_price", "not_supported"]

OFFER_LIFE = timedelta(minutes=15)
SEARCH_TIMEOUT_SECONDS = 8.0
"""A carrier that has not answered by then is down for this search."""
SLOW_SECONDS = 1.0
MAX_SCAN = 200
"""How much of a carrier's stock one search looks at; more of it would be no better choice."""


class SearchWish(Noun):
    """What a caller is looking for; `contains` may hold letters, read off a keypad."""

    country: str
    type: NumberType | None = None
    capabilities: tuple[Capability, ...] = ()
    area_code: str | None = None
    starts_with: str | None = None
    contains: str | None = None
    locality: str | None = None
    region: str | None = None
    providers: tuple[Provider, ...] = ()
    max_monthly: Money | None = None
    limit: int = 5
    cursor: str | None = None


@dataclass(frozen=True)
class CarrierReport:
    """How one carrier answered."""

    provider: Provider
    status: CarrierStatus
    note: str


@dataclass(frozen=True)
class Found:
    """Offers, cheapest first year first; what to change where there are none; and where to go on."""

    offers: tuple[Offer, ...]
    carriers: tuple[CarrierReport, ...]
    relaxations: tuple[str, ...]
    next_cursor: str | None


async def search(desk: Desk, principal: str, wish: SearchWish) -> Found:
    """Find numbers on sale.

    Raises:
        InvalidArguments: letters that no keypad has, a foreign cursor.
    """
    query = query_of(wish)
    skip = _read_cursor(wish)
    chosen = [
        c for name, c in desk.carriers.items() if not wish.providers or name in wish.providers
    ]
    reports = [_absent(name) for name in wish.providers if name not in desk.carriers]
    stock: list[Stock] = []

    async def ask(carrier: CarrierAdapter) -> None:
        report, found = await _ask(carrier, query)
        reports.append(report)
        stock.extend(found)

    async with create_task_group() as group:
        for carrier in chosen:
            group.start_soon(ask, carrier)
    offers, has_more = await desk.store.write(lambda tx: _offer(tx, principal, wish, stock, skip))
    is_empty = not offers and skip == 0
    hints: tuple[str, ...] = ()
    if is_empty and any(report.status == "down" for report in reports):
        hints = (_NOT_ALL_ANSWERED,)
    elif is_empty and not chosen:
        hints = ("None of these providers is connected here: search without providers.",)
    elif is_empty:
        hints = await _hints(desk, principal, wish, query, chosen, stock)
    return Found(
        offers=tuple(offers),
        carriers=tuple(sorted(reports, key=lambda report: report.provider)),
        relaxations=hints,
        next_cursor=_write_cursor(wish, skip + len(offers)) if has_more else None,
    )


_NOT_ALL_ANSWERED = "Not every carrier has answered: search again in a little while."


async def _hints(  # what a search that found nothing knows
    desk: Desk,
    principal: str,
    wish: SearchWish,
    query: SearchQuery,
    carriers: Sequence[CarrierAdapter],
    stock: list[Stock],
) -> tuple[str, ...]:
    """What to change, tried at the carriers with everything else as it was wished."""
    is_silent = False

    async def count(candidate: SearchQuery) -> str | None:
        nonlocal is_silent
        found: list[Stock] = []
        is_more = False
        for carrier in carriers:
            try:
                page = await carrier.search(candidate)
            except RingfenceError:
                is_silent = True
                return None
            found += [each for each in page.stock if each.matches_filter]
            is_more = is_more or page.next_offset is not None
        total = len(await desk.store.read(lambda tx: _to_be_had(tx, principal, wish, found)))
        return f"{total} or more" if total and is_more else str(total or "") or None

    too_dear = await desk.store.read(lambda tx: _comparable(tx, wish, stock))
    hints = await relaxations(query, wish.max_monthly, too_dear, count)
    return (_NOT_ALL_ANSWERED,) if is_silent else hints


def _to_be_had(
    tx: Transaction, principal: str, wish: SearchWish, stock: list[Stock]
) -> list[Stock]:
    """Stock that nobody else here keeps, within the price that was wished."""
    free = _not_kept_for_others(tx, principal, stock)
    return [s for s in free if _is_within(s, wish.max_monthly, tx.rules, tx.now)]


def _comparable(tx: Transaction, wish: SearchWish, stock: list[Stock]) -> list[Stock]:
    """Stock as the price that was wished sees it: a price without a rate to it is as good as none."""
    most = wish.max_monthly
    if most is None:
        return stock
    return [
        each
        if each.price is None or tx.rules.convert(each.price.monthly, most.currency, tx.now)
        else each.model_copy(update={"price": None})
        for each in stock
    ]


def query_of(wish: SearchWish) -> SearchQuery:
    """What carriers are asked.

    Raises:
        InvalidArguments: `contains` has letters that no keypad has.
    """
    return SearchQuery(
        country=wish.country,
        type=wish.type,
        capabilities=wish.capabilities,
        area_code=wish.area_code,
        starts_with=wish.starts_with,
        contains=_keypad(wish.contains),
        locality=wish.locality,
        region=wish.region,
        limit=MAX_PAGE,
    )


def _keypad(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return keypad_digits(text)
    except BadNumber as error:
        raise InvalidArguments(f"contains: {error}") from error


def _absent(name: Provider) -> CarrierReport:
    return CarrierReport(
        name, "not_supported", "This carrier is not connected to this installation."
    )


async def _ask(
    carrier: CarrierAdapter, query: SearchQuery
) -> tuple[CarrierReport, tuple[Stock, ...]]:
    """One carrier's stock, within the time that a search may take."""
    started = anyio.current_time()
    try:
        with anyio.fail_after(SEARCH_TIMEOUT_SECONDS):
            stock = await _scan(carrier, query)
    except (TimeoutError, ProviderUnavailable):
        return CarrierReport(
            carrier.provider, "down", "No answer; search again in a little while."
        ), ()
    except RingfenceError as error:
        return CarrierReport(carrier.provider, "down", error.message), ()
    took = anyio.current_time() - started
    matching = tuple(each for each in stock if each.matches_filter)
    if matching and all(each.price is None for each in matching):
        return CarrierReport(
            carrier.provider, "no_price", "Numbers, but no prices: they cannot be bought."
        ), matching
    if took > SLOW_SECONDS:
        return CarrierReport(carrier.provider, "slow", "Answered late."), matching
    return CarrierReport(carrier.provider, "ok", f"{len(matching)} matching."), matching


async def _scan(carrier: CarrierAdapter, query: SearchQuery) -> list[Stock]:
    """A carrier's matching stock, page by page, as far as a search looks."""
    found: list[Stock] = []
    offset: int | None = 0
    while offset is not None and len(found) < MAX_SCAN:
        page = await carrier.search(query, offset=offset)
        found.extend(page.stock)
        offset = page.next_offset
    return found


def _offer(
    tx: Transaction, principal: str, wish: SearchWish, stock: list[Stock], skip: int
) -> tuple[list[Offer], bool]:
    """Store one page of what was found, the cheapest first year first and the unpriced last."""
    rules, now = tx.rules, tx.now
    affordable = _to_be_had(tx, principal, wish, stock)
    ranked = sorted(affordable, key=lambda s: _rank(s, rules, now))
    page = ranked[skip : skip + wish.limit]
    offers = [
        Offer(
            offer_id=tx.new_id(Prefix.OFFER),
            principal=principal,
            stock=s,
            expires_at=now + OFFER_LIFE,
        )
        for s in page
    ]
    stored.add_offers(tx, offers)
    end = skip + wish.limit
    return offers, end < len(ranked) and end <= MAX_SCAN


def _not_kept_for_others(tx: Transaction, principal: str, stock: list[Stock]) -> list[Stock]:
    """Stock without what is reserved for another principal here; its carrier may go on listing it to us."""
    kept = {
        (provider, stock_id)
        for provider in {s.provider for s in stock}
        for stock_id in stored.reserved_elsewhere(
            tx, principal, provider, [s.stock_id for s in stock if s.provider is provider]
        )
    }
    return [s for s in stock if (s.provider, s.stock_id) not in kept]


def _is_within(stock: Stock, most: Money | None, rules: PolicyDocument, now: datetime) -> bool:
    """Whether the monthly price is known to be at most `most`."""
    if most is None:
        return True
    monthly = stock.price and rules.convert(stock.price.monthly, most.currency, now)
    return bool(monthly) and monthly <= most  # type: ignore[operator]  # bool() has ruled None out


def _rank(stock: Stock, rules: PolicyDocument, now: datetime) -> tuple[int, int, int, str]:
    first_year = stock.price and rules.convert(stock.price.first_year, rules.currency, now)
    is_later = stock.buyable not in {Buyable.NOW, Buyable.UNKNOWN}
    if not first_year:
        return (2, 0, int(is_later), stock.number)
    return (int(stock.price is None), first_year.micros, int(is_later), stock.number)


def _fingerprint(wish: SearchWish) -> str:
    """What a cursor belongs to: every argument but the page."""
    document = wish.model_dump_json(exclude={"cursor", "limit"})
    return hashlib.sha256(document.encode()).hexdigest()[:12]


def _write_cursor(wish: SearchWish, skip: int) -> str:
    return (
        base64.urlsafe_b64encode(json.dumps([_fingerprint(wish), skip]).encode())
        .decode()
        .rstrip("=")
    )


def _read_cursor(wish: SearchWish) -> int:
    if wish.cursor is None:
        return 0
    try:
        padded = wish.cursor + "=" * (-len(wish.cursor) % 4)
        fingerprint, skip = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        fingerprint, skip = None, None
    if fingerprint != _fingerprint(wish) or type(skip) is not int or not 0 <= skip <= MAX_SCAN:
        raise InvalidArguments(
            "cursor: it does not belong to this search.",
            remedy="Repeat the search without cursor, then use its next_cursor with the same arguments.",
        )
    return skip
