"""Faults on command: they wait in the carrier's file and strike in order, once each."""

from __future__ import annotations

import sqlite3
from collections.abc import Set
from enum import StrEnum


class Fault(StrEnum):
    """What goes wrong next."""

    GONE = "gone"
    """The next purchase finds that somebody else has bought the number, the next release that it is not ours."""
    PRICE_MOVED = "price_moved"
    """The next quote names a monthly price that is higher, for good."""
    TIMEOUT_BEFORE_CHARGE = "timeout_before_charge"
    """The next purchase or release is not carried out, and not answered."""
    TIMEOUT_AFTER_CHARGE = "timeout_after_charge"
    """The next purchase or release is carried out, but not answered."""
    RATE_LIMITED = "rate_limited"
    """The next purchase or release is answered with 429: this carrier did not process it."""
    SERVER_ERROR = "server_error"
    """The next purchase or release is answered with 500: not carried out, but nobody can tell."""
    PENDING = "pending"
    """The next purchase is accepted, and carried out and charged two seconds later."""
    SLOW = "slow"
    """The next call of any kind takes a second and a half longer."""


QUOTE_FAULTS = frozenset({Fault.PRICE_MOVED})
CALL_FAULTS = frozenset({Fault.SLOW})
PURCHASE_FAULTS = frozenset(Fault) - QUOTE_FAULTS - CALL_FAULTS
RELEASE_FAULTS = PURCHASE_FAULTS - {Fault.PENDING}  # it is carried out at once or not at all


def add(db: sqlite3.Connection, fault: Fault, times: int) -> None:
    """Queue a fault behind those that wait already."""
    db.executemany("INSERT INTO faults (kind) VALUES (?)", [(fault,)] * times)


def waiting(db: sqlite3.Connection) -> list[Fault]:
    """The faults that have not struck, oldest first."""
    return [Fault(kind) for (kind,) in db.execute("SELECT kind FROM faults ORDER BY fault_id")]


def strike(db: sqlite3.Connection, kinds: Set[Fault]) -> Fault | None:
    """Take the oldest waiting fault of these kinds; it will not strike again."""
    for fault_id, kind in db.execute("SELECT fault_id, kind FROM faults ORDER BY fault_id"):
        if kind in kinds:
            db.execute("DELETE FROM faults WHERE fault_id = ?", (fault_id,))
            return Fault(kind)
    return None
