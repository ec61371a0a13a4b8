"""Balances: per budget and window, what is held and what is used. Caches, but with the last word on a limit.

Rows are changed by conditional updates in sorted order, in the transaction that writes the ledger entries they
follow from. A re-fold of the ledger must give the same rows (`ringfence ledger verify`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete, func, insert, select, update

from ringfence.store import schema

ROLLING = "rolling"
"""The window of a rolling budget's holds; what it used stands in bucket rows named by their start."""


@dataclass(frozen=True)
class Balance:
    """What stands against a budget in a window."""

    held: int = 0
    used: int = 0


@dataclass(frozen=True)
class Move:
    """A change of one balance. With a `limit`, held plus used must not be above it afterwards.

    `oldest_bucket` belongs to rolling budgets: buckets from that one on count as used.
    """

    budget: str
    window: str
    held: int = 0
    used: int = 0
    limit: int | None = None
    oldest_bucket: str | None = None


def merged(moves: Iterable[Move]) -> list[Move]:
    """One move a row, in the order in which rows are locked; the lowest limit of a row holds."""
    rows: dict[tuple[str, str], Move] = {}
    for move in moves:
        key = (move.budget, move.window)
        if key not in rows:
            rows[key] = move
            continue
        limits = [limit for limit in (rows[key].limit, move.limit) if limit is not None]
        rows[key] = replace(
            rows[key],
            held=rows[key].held + move.held,
            used=rows[key].used + move.used,
            limit=min(limits, default=None),
            oldest_bucket=rows[key].oldest_bucket or move.oldest_bucket,
        )
    # A rolling budget's own row sorts after its buckets, so that its limit is checked when all have moved.
    return [rows[key] for key in sorted(rows)]


def apply(connection: Connection, move: Move) -> bool:
    """Change the row; False when it is not there or would pass its limit."""
    table = schema.balance.c
    change = (
        update(schema.balance)
        .where(table.budget == move.budget, table.window == move.window)
        .values(held=table.held + move.held, used=table.used + move.used)
    )
    if move.limit is not None and move.window != ROLLING:
        change = change.where(table.held + move.held + table.used + move.used <= move.limit)
    if connection.execute(change).rowcount != 1:
        return False
    return (
        move.window != ROLLING or move.limit is None or _rolling_fits(connection, move, move.limit)
    )


def _rolling_fits(connection: Connection, move: Move, limit: int) -> bool:
    """Judge a rolling budget once its own row is locked; its buckets move under that lock only."""
    held = get(connection, move.budget, ROLLING)
    return (held.held if held else 0) + rolling_used(
        connection, move.budget, move.oldest_bucket or ""
    ) <= limit


def rolling_used(connection: Connection, budget: str, oldest_bucket: str) -> int:
    """What a rolling budget used in its buckets from `oldest_bucket` on."""
    table = schema.balance.c
    used = connection.execute(
        select(func.coalesce(func.sum(table.used), 0)).where(
            table.budget == budget, table.window >= oldest_bucket, table.window != ROLLING
        )
    ).scalar_one()
    return int(used)


def get(connection: Connection, budget: str, window: str) -> Balance | None:
    """One row; None where it has not been opened."""
    table = schema.balance.c
    row = connection.execute(
        select(table.held, table.used).where(table.budget == budget, table.window == window)
    ).one_or_none()
    return Balance(row.held, row.used) if row else None


def get_many(
    connection: Connection, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Balance]:
    """The rows that exist among these budgets and windows."""
    table = schema.balance.c
    wanted = set(keys)
    rows = connection.execute(
        select(table.budget, table.window, table.held, table.used).where(
            table.budget.in_({budget for budget, _ in wanted}),
            table.window.in_({window for _, window in wanted}),
        )
    )
    return {
        (r.budget, r.window): Balance(r.held, r.used)
        for r in rows
        if (r.budget, r.window) in wanted
    }


def all_rows(connection: Connection) -> dict[tuple[str, str], Balance]:
    """Every row."""
    return {
        (r.budget, r.window): Balance(r.held, r.used)
        for r in connection.execute(select(schema.balance))
    }


def open_row(connection: Connection, budget: str, window: str, balance: Balance) -> None:
    """Start a window; another transaction that starts the same one makes this one run again."""
    connection.execute(
        insert(schema.balance).values(
            budget=budget, window=window, held=balance.held, used=balance.used
        )
    )


def replace_all(connection: Connection, rows: dict[tuple[str, str], Balance]) -> None:
    """Put rebuilt balances in the place of the old ones: a new policy counts anew."""
    connection.execute(delete(schema.balance))
    if rows:
        connection.execute(
            insert(schema.balance),
            [
                {"budget": b, "window": w, "held": r.held, "used": r.used}
                for (b, w), r in sorted(rows.items())
            ],
        )
