"""Giving a number back: the monthly charge ends, and the number is not sold again.

Elsewhere a released number rests before it is sold to whoever comes first, and its old owner can get it back for some
days at most, and not through the API; here it is gone at once. (Twilio's help, "Cancel or release a Twilio number".)
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from ringfence.numbers import E164
from ringfence.sandbox import faults, orders
from ringfence.sandbox.books import as_micros, as_moment
from ringfence.sandbox.faults import Fault
from ringfence.sandbox.trouble import CarrierError, CarrierTimeout


@dataclass(frozen=True, slots=True)
class Release:
    """A number that is the account's no longer."""

    number_id: str
    number: E164
    released_at: datetime


Answer = Release | CarrierError | CarrierTimeout
"""What a release is answered with; errors are values, as in `sales`."""


def give_back(db: sqlite3.Connection, number_id: str, *, now: datetime) -> Answer:
    """Take one number back from us, unless a fault strikes or it is not ours."""
    fault = faults.strike(db, faults.RELEASE_FAULTS)
    match fault:
        case Fault.RATE_LIMITED:
            return CarrierError(429, "rate_limited")
        case Fault.SERVER_ERROR:
            return CarrierError(500, "server_error")
        case Fault.TIMEOUT_BEFORE_CHARGE:
            return CarrierTimeout()
        case Fault.GONE:  # somebody gave it back in the carrier's console
            _take(db, number_id, now)
    if all(number.number_id != number_id for number in orders.owned(db)):
        return CarrierError(404, "not_found")
    _take(db, number_id, now)
    if fault is Fault.TIMEOUT_AFTER_CHARGE:
        return CarrierTimeout()
    return next(each for each in all_of(db) if each.number_id == number_id)


def all_of(db: sqlite3.Connection) -> list[Release]:
    """Every number that was given back, in the order in which they had been bought."""
    rows = db.execute(
        "SELECT number_id, number, released_micros FROM releases JOIN owned USING (number_id)"
        " JOIN orders USING (order_id) JOIN stock USING (stock_id) ORDER BY number_id"
    )
    return [Release(f"N-{row[0]:06d}", row[1], as_moment(row[2])) for row in rows]


def _take(db: sqlite3.Connection, number_id: str, now: datetime) -> None:
    db.execute(
        "INSERT OR IGNORE INTO releases SELECT number_id, ? FROM owned"
        " WHERE format('N-%06d', number_id) = ?",
        (as_micros(now), number_id),
    )
