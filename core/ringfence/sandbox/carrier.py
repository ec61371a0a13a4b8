"""The carrier's front desk: everything it does, one durable transaction a call.

It has one customer, whose name follows from the seed. It keeps its own time: the machine's, ahead
by an offset that its file remembers, so that a command in another process can move it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ringfence.clock import Clock
from ringfence.errors import ConfigurationError, InvalidArguments
from ringfence.money import MICROS
from ringfence.numbers import Capability, NumberType
from ringfence.sandbox import faults, holds, orders, releases, shelf
from ringfence.sandbox.books import Books
from ringfence.sandbox.catalogue import catalogue
from ringfence.sandbox.faults import Fault
from ringfence.sandbox.holds import Hold
from ringfence.sandbox.orders import Charge, Order, OwnedNumber
from ringfence.sandbox.releases import Release
from ringfence.sandbox.requirements import Terms, terms_of
from ringfence.sandbox.sales import sell
from ringfence.sandbox.stock import Item, Wish, cheapest_first, main_currency
from ringfence.sandbox.trouble import CarrierError, CarrierTimeout

DEFAULT_SEED = 1
MAX_PAGE = 50
"""Items in one answer to a search."""
MAX_FAULTS = 100
"""Faults asked for at once; nobody means more."""
MAX_OFFSET = timedelta(days=3650)
"""How far the carrier's clock may stand from the machine's, either way."""
PRICE_RISE_MICROS = MICROS // 2
"""What `price_moved` adds to a month: half a unit of the number's own currency."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the stock that a search found; `next_offset` is None at the end."""

    items: tuple[Item, ...]
    next_offset: int | None


@dataclass(frozen=True, slots=True)
class Quotation:
    """One item with its price at a moment of the carrier's clock."""

    item: Item
    quoted_at: datetime


@dataclass(frozen=True, slots=True)
class Statement:
    """The whole account, seen in one look: no order that there ever was is missing, and no number that is ours."""

    account_id: str
    owned: tuple[OwnedNumber, ...]
    orders: tuple[Order, ...]
    stated_at: datetime


class Carrier:
    """A phone company in one file. Safe to use from several threads and several processes."""

    def __init__(self, path: Path, clock: Clock, *, seed: int = DEFAULT_SEED) -> None:
        """Open nothing yet; the file and its folders are made by the first call."""
        self.clock = clock
        self.seed = seed
        self._books = Books(path, furnish=self._furnish)

    @property
    def account_id(self) -> str:
        """The customer's number at the carrier."""
        return f"C-{self.seed:06d}"

    def search(self, wish: Wish, *, offset: int = 0, limit: int = MAX_PAGE) -> Page:
        """What is on sale and wished for, cheapest first year first, from `offset` on."""
        with self._at_work() as (db, _now):
            items = shelf.on_sale(db, wish.country)
        wished = filter(wish.is_met_by, items)
        found = cheapest_first(wished, main=main_currency(items))
        end = offset + min(limit, MAX_PAGE)
        return Page(tuple(found[offset:end]), end if end < len(found) else None)

    def quote(self, stock_id: str) -> Quotation | None:
        """The item as it is sold now; None where it is not on sale, or ours already."""
        with self._at_work() as (db, now):
            item = shelf.find(db, stock_id)
            if item and item.price and faults.strike(db, faults.QUOTE_FAULTS):
                shelf.raise_monthly(db, stock_id, PRICE_RISE_MICROS)
                item = shelf.find(db, stock_id)
        return Quotation(item, now) if item else None

    def terms(
        self, country: str, type_: NumberType, capabilities: Sequence[Capability] = ()
    ) -> Terms:
        """What has to be on file or registered for a kind of number that can do all of `capabilities`."""
        with self._at_work() as (db, _now):
            stock, on_sale = shelf.everything(db), shelf.on_sale(db, country)
        return terms_of(stock, on_sale, country=country, type_=type_, capabilities=capabilities)

    def hold(self, stock_id: str) -> Hold | None:
        """Keep the number for us from now on, or longer; None where it is not on sale.

        Raises:
            CarrierError: 422, this kind of number is not kept for anybody.
        """
        with self._at_work() as (db, now):
            item = shelf.find(db, stock_id)
            if item and not item.reservable:
                raise CarrierError(422, "not_reservable")
            return holds.keep(db, item, now) if item else None

    def cancel_hold(self, hold_id: str) -> bool:
        """Give a hold back; False where it had lapsed or was given back before."""
        with self._at_work() as (db, _now):
            return holds.cancel(db, hold_id)

    def holds(self) -> list[Hold]:
        """The holds that are live."""
        with self._at_work() as (db, _now):
            return holds.all_of(db)

    def buy(self, stock_id: str, *, tag: str, deadline: float | None = None) -> Order:
        """Sell the number to us: the charge and the ownership are one transaction.

        A request that waited until its `deadline`, by the clock's `boottime`, is dropped: its
        caller has hung up, and an effect so late would come as a surprise.

        Raises:
            CarrierError: 404 number_gone; 409 already_owned, already_ordered or back_order;
                422 papers_missing or no_price; 429 rate_limited; 500 server_error.
            CarrierTimeout: no answer; the number may have been bought.
        """
        with self._at_work() as (db, now):
            if deadline is not None and self.clock.boottime() >= deadline:
                raise CarrierTimeout
            answer = sell(db, stock_id, tag=tag, now=now)
        if isinstance(answer, Order):
            return answer
        raise answer  # only now: what the fault did is committed

    def release(self, number_id: str, *, deadline: float | None = None) -> Release:
        """Take a number back for good: it costs nothing more and is not sold again.

        As with `buy`, what waited until its `deadline` is dropped.

        Raises:
            CarrierError: 404 not_found, it is not ours; 429 rate_limited; 500 server_error.
            CarrierTimeout: no answer; the number may have been given back.
        """
        with self._at_work() as (db, now):
            if deadline is not None and self.clock.boottime() >= deadline:
                raise CarrierTimeout
            answer = releases.give_back(db, number_id, now=now)
        if isinstance(answer, Release):
            return answer
        raise answer  # only now: what the fault did is committed

    def statement(self) -> Statement:
        """Who we are to the carrier, all numbers and all orders, in one look."""
        with self._at_work() as (db, now):
            mine, ordered = tuple(orders.owned(db)), tuple(orders.all_of(db))
        return Statement(self.account_id, mine, ordered, now)

    def owned(self) -> list[OwnedNumber]:
        """Every number of the account."""
        return list(self.statement().owned)

    def orders(self) -> list[Order]:
        """Every order of the account."""
        return list(self.statement().orders)

    def releases(self) -> list[Release]:
        """Every number that was given back."""
        with self._at_work() as (db, _now):
            return releases.all_of(db)

    def charges(self) -> list[Charge]:
        """Every charge there ever was; the proof of what was paid."""
        with self._at_work() as (db, _now):
            return orders.charges(db)

    def configure(
        self, number_id: str, *, voice_url: str | None, sms_url: str | None
    ) -> OwnedNumber:
        """Set where a number's calls and texts go.

        Raises:
            CarrierError: 404, the number is not ours.
        """
        with self._at_work() as (db, _now):
            number = orders.configure(db, number_id, voice_url=voice_url, sms_url=sms_url)
        if number is None:
            raise CarrierError(404, "not_found")
        return number

    def add_fault(self, fault: Fault, times: int = 1) -> None:
        """Let this go wrong the next `times` times that it can.

        Raises:
            InvalidArguments: `times` is not between 1 and `MAX_FAULTS`.
        """
        if not 1 <= times <= MAX_FAULTS:
            raise InvalidArguments(f"A fault strikes 1 to {MAX_FAULTS} times, not {times}.")
        with self._at_work() as (db, _now):
            faults.add(db, fault, times)

    def faults(self) -> list[Fault]:
        """The faults that have not struck yet, in the order they will."""
        with self._at_work() as (db, _now):
            return faults.waiting(db)

    def take_slow(self) -> bool:
        """Whether this call shall be slow; each `slow` says so once."""
        with self._at_work() as (db, _now):
            return faults.strike(db, faults.CALL_FAULTS) is not None

    def now(self) -> datetime:
        """The carrier's time."""
        with self._at_work() as (_db, now):
            return now

    def offset(self) -> timedelta:
        """How far the carrier's clock is ahead of the machine's."""
        with self._at_work() as (db, _now):
            return self._offset(db)

    def set_offset(self, offset: timedelta) -> None:
        """Set the carrier's clock ahead of the machine's by so much.

        Raises:
            InvalidArguments: further than `MAX_OFFSET`.
        """
        with self._at_work() as (db, _now):
            _set_offset(db, offset)

    def advance(self, span: timedelta) -> None:
        """Move the carrier's clock by so much.

        Raises:
            InvalidArguments: it would stand further than `MAX_OFFSET` from the machine's.
        """
        with self._at_work() as (db, _now):
            _set_offset(db, self._offset(db) + span)

    def reset(self) -> None:
        """Start anew: no orders, holds, faults, releases or charges, and the machine's own time."""
        self._books.empty()

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        self._books.close()

    @contextmanager
    def _at_work(self) -> Iterator[tuple[sqlite3.Connection, datetime]]:
        """One transaction at one moment, with everything done that was due by then."""
        with self._books.transaction() as db:
            now = self.clock.now() + self._offset(db)
            orders.complete_due(db, now)
            holds.drop_lapsed(db, now)
            yield db, now

    def _offset(self, db: sqlite3.Connection) -> timedelta:
        seed, micros = db.execute("SELECT seed, offset_micros FROM carrier").fetchone()
        if seed != self.seed:
            raise ConfigurationError(
                f"The sandbox carrier's file {self._books.path} has seed {seed}, not {self.seed}.",
                remedy="Tell the person: use the file's own seed, or another file.",
            )
        return timedelta(microseconds=micros)

    def _furnish(self, db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO carrier VALUES (1, ?, 0)", (self.seed,))
        shelf.fill(db, catalogue(self.seed))


def _set_offset(db: sqlite3.Connection, offset: timedelta) -> None:
    if abs(offset) > MAX_OFFSET:
        raise InvalidArguments(f"The sandbox clock moves by {MAX_OFFSET.days} days at most.")
    db.execute("UPDATE carrier SET offset_micros = ?", (offset // timedelta(microseconds=1),))
