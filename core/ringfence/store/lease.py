"""Leases: who works on something now, with a fence so that a late worker cannot overwrite a newer one."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import insert, select, update

from ringfence.store import schema
from ringfence.store.transaction import Transaction


def acquire(tx: Transaction, name: str, *, owner: str, seconds: float) -> int | None:
    """Take or extend a lease; its fence, or None while another worker holds it."""
    table = schema.lease.c
    until = tx.now + timedelta(seconds=seconds)
    row = tx.connection.execute(select(schema.lease).where(table.name == name)).one_or_none()
    if row is None:
        tx.connection.execute(
            insert(schema.lease).values(name=name, owner=owner, fence=1, until=until)
        )
        return 1
    if row.owner != owner and row.until > tx.now:
        return None
    fence = int(row.fence) + 1
    won = tx.connection.execute(
        update(schema.lease)
        .where(table.name == name, table.fence == row.fence)
        .values(owner=owner, fence=fence, until=until)
    )
    return fence if won.rowcount == 1 else None


def holds(tx: Transaction, name: str, *, owner: str, fence: int) -> bool:
    """Whether this worker's lease is still the newest; checked in the transaction that writes its result."""
    table = schema.lease.c
    row = tx.connection.execute(select(schema.lease).where(table.name == name)).one_or_none()
    return row is not None and (row.owner, row.fence) == (owner, fence)


def release(tx: Transaction, name: str, *, owner: str, fence: int) -> None:
    """Give a lease back before its time."""
    table = schema.lease.c
    tx.connection.execute(
        schema.lease.delete().where(table.name == name, table.owner == owner, table.fence == fence)
    )
