"""Orders, and what comes of them: a number that is ours and a charge that is never forgotten."""

from __future__ import annotations

import calendar
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ringfence.money import Money
from ringfence.numbers import E164
from ringfence.offers import Price
from ringfence.sandbox import shelf
from ringfence.sandbox.books import as_micros, as_moment
from ringfence.sandbox.stock import Item

PENDING_TIME = timedelta(seconds=2)
"""How long the carrier takes over an order that it does not carry out at once."""


class OrderState(StrEnum):
    """Whether the number is ours yet."""

    PENDING = "pending"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One purchase that the carrier accepted."""

    order_id: str
    stock_id: str
    number: E164
    tag: str
    price: Price
    placed_at: datetime
    state: OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Money that the account was charged: set-up and first month, by the price."""

    charge_id: int
    number: E164
    price: Price
    tag: str
    charged_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedNumber:
    """A number of the account, at the price it was bought for."""

    number_id: str
    item: Item
    tag: str
    price: Price
    bought_at: datetime
    voice_url: str | None
    sms_url: str | None

    def renewal_after(self, now: datetime) -> datetime:
        """The next day that it costs a month again, at the hour it was bought."""
        months = 12 * (now.year - self.bought_at.year) + now.month - self.bought_at.month
        this_month = _months_after(self.bought_at, max(months, 1))
        return this_month if this_month > now else _months_after(self.bought_at, months + 1)


def _months_after(moment: datetime, months: int) -> datetime:
    """The same day so many months on, or the last of a month that has no such day."""
    years, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + years, month + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return moment.replace(year=year, month=month, day=day)


def place(
    db: sqlite3.Connection, item: Item, price: Price, *, tag: str, placed_at: datetime, wait: bool
) -> None:
    """Accept an order; the first `complete_due` from its time on carries it out."""
    due_at = placed_at + PENDING_TIME if wait else placed_at
    db.execute(
        "INSERT INTO orders (stock_id, tag, paid_currency, paid_setup_micros, paid_monthly_micros,"
        " placed_micros, due_micros, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            item.stock_id,
            tag,
            price.currency,
            price.setup.micros,
            price.monthly.micros,
            as_micros(placed_at),
            as_micros(due_at),
            OrderState.PENDING,
        ),
    )


def complete_due(db: sqlite3.Connection, now: datetime) -> None:
    """Carry out every order whose time has come: number and charge in the same transaction."""
    due = db.execute(
        "SELECT order_id FROM orders WHERE state = 'pending' AND due_micros <= ? ORDER BY order_id",
        (as_micros(now),),
    ).fetchall()
    for (order_id,) in due:
        db.execute("UPDATE orders SET state = 'success' WHERE order_id = ?", (order_id,))
        db.execute(
            "INSERT INTO owned (order_id, bought_micros)"
            " SELECT order_id, due_micros FROM orders WHERE order_id = ?",
            (order_id,),
        )
        db.execute(
            "INSERT INTO charges (number, paid_currency, paid_setup_micros, paid_monthly_micros,"
            " tag, charged_micros) SELECT number, paid_currency, paid_setup_micros,"
            " paid_monthly_micros, tag, due_micros"
            " FROM orders JOIN stock USING (stock_id) WHERE order_id = ?",
            (order_id,),
        )


def all_of(db: sqlite3.Connection) -> list[Order]:
    """Every order of the account, oldest first."""
    rows = db.execute("SELECT * FROM orders JOIN stock USING (stock_id) ORDER BY order_id")
    return [
        Order(
            order_id=f"O-{row['order_id']:06d}",
            stock_id=row["stock_id"],
            number=row["number"],
            tag=row["tag"],
            price=_paid(row),
            placed_at=as_moment(row["placed_micros"]),
            state=OrderState(row["state"]),
        )
        for row in rows
    ]


def charges(db: sqlite3.Connection) -> list[Charge]:
    """Every charge there ever was, oldest first."""
    return [
        Charge(
            charge_id=row["charge_id"],
            number=row["number"],
            price=_paid(row),
            tag=row["tag"],
            charged_at=as_moment(row["charged_micros"]),
        )
        for row in db.execute("SELECT * FROM charges ORDER BY charge_id")
    ]


def owned(db: sqlite3.Connection) -> list[OwnedNumber]:
    """Every number of the account, in the order they were bought; what was given back is not among them."""
    rows = db.execute(
        "SELECT * FROM owned JOIN orders USING (order_id) JOIN stock USING (stock_id)"
        " WHERE number_id NOT IN (SELECT number_id FROM releases) ORDER BY number_id"
    )
    return [
        OwnedNumber(
            number_id=f"N-{row['number_id']:06d}",
            item=shelf.item_of(row),
            tag=row["tag"],
            price=_paid(row),
            bought_at=as_moment(row["bought_micros"]),
            voice_url=row["voice_url"],
            sms_url=row["sms_url"],
        )
        for row in rows
    ]


def configure(
    db: sqlite3.Connection, number_id: str, *, voice_url: str | None, sms_url: str | None
) -> OwnedNumber | None:
    """Set where a number's calls and texts go; None where the number is not ours."""
    db.execute(
        "UPDATE owned SET voice_url = ?, sms_url = ? WHERE format('N-%06d', number_id) = ?",
        (voice_url, sms_url, number_id),
    )
    return next((number for number in owned(db) if number.number_id == number_id), None)


def _paid(row: sqlite3.Row) -> Price:
    currency = row["paid_currency"]
    return Price(
        setup=Money(row["paid_setup_micros"], currency),
        monthly=Money(row["paid_monthly_micros"], currency),
    )
