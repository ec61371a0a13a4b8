"""Holds: the carrier keeps a number for us for a while, and longer when asked again."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta

from ringfence.numbers import E164
from ringfence.sandbox.books import as_micros, as_moment
from ringfence.sandbox.stock import Item

HOLD_TIME = timedelta(minutes=30)
"""As Telnyx reserves numbers (POST /number_reservations, read 2026-11)."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A number that is kept for us until a time."""

    hold_id: str
    number: E164
    expires_at: datetime


def keep(db: sqlite3.Connection, item: Item, now: datetime) -> Hold:
    """Hold the item from now on; a hold that is live goes on under its own id."""
    expires = as_micros(now + HOLD_TIME)
    db.execute(
        "INSERT INTO holds (stock_id, expires_micros) VALUES (?, ?) "
        "ON CONFLICT (stock_id) DO UPDATE SET expires_micros = excluded.expires_micros",
        (item.stock_id, expires),
    )
    return next(hold for hold in all_of(db) if hold.number == item.number)


def all_of(db: sqlite3.Connection) -> list[Hold]:
    """Every hold that is live, once the lapsed ones have been dropped."""
    rows = db.execute(
        "SELECT hold_id, number, expires_micros FROM holds JOIN stock USING (stock_id) ORDER BY 1"
    )
    return [Hold(f"H-{row[0]:06d}", row[1], as_moment(row[2])) for row in rows]


def cancel(db: sqlite3.Connection, hold_id: str) -> bool:
    """Give a hold back; False where it was gone already."""
    done = db.execute("DELETE FROM holds WHERE format('H-%06d', hold_id) = ?", (hold_id,))
    return done.rowcount > 0


def drop_lapsed(db: sqlite3.Connection, now: datetime) -> None:
    """Forget the holds whose time is over."""
    db.execute("DELETE FROM holds WHERE expires_micros <= ?", (as_micros(now),))


def drop_taken(db: sqlite3.Connection) -> None:
    """Forget the holds whose number is no longer on sale."""
    db.execute("DELETE FROM holds WHERE stock_id NOT IN (SELECT stock_id FROM on_sale)")
