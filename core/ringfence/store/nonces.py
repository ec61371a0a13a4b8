"""Nonces that were used: handed out without being written down, written down when they come back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select

from ringfence.store import schema
from ringfence.store.transaction import Transaction


def use(tx: Transaction, nonce: str, *, until: datetime) -> bool:
    """Use a nonce up; False where it was used before. Of two at once one is run again, and learns that.

    Args:
        nonce: what somebody hands in.
        until: when it would be refused for its age; from then on it need not be remembered.
    """
    table = schema.used_nonce
    tx.connection.execute(delete(table).where(table.c.until <= tx.now))
    if tx.connection.execute(select(table.c.nonce).where(table.c.nonce == nonce)).first():
        return False
    tx.connection.execute(insert(table).values(nonce=nonce, until=until))
    return True
