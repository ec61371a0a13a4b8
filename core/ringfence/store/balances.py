"""Balances: per budget and window, what is held and what is used. Caches, but with the last word on a limit.

Rows are changed by conditional updates in sorted order, in the transaction that writes the ledger entries they
follow from. A re-fold of the ledger must give the same rows (`ringfence ledger verify`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from sqlalchemy import BigInteger, Connection, bindparam, delete, func, insert, select, update

from ringfence.store import schema

ROLLING = "rolling"
"""The window of a rolling budget's holds; what it used stands in bucket rows named by their start."""


Key = tuple[str, str]
"""A budget and a window of it."""


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
    rows: dict[Key, Move] = {}
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


# Statements are built once: building them anew costs more than running them.
_ROW = (
    schema.balance.c.budget == bindparam("budget_"),
    schema.balance.c.window == bindparam("window_"),
)
_HELD = schema.balance.c.held + bindparam("held_", type_=BigInteger)
_USED = schema.balance.c.used + bindparam("used_", type_=BigInteger)
_MOVE = update(schema.balance).where(*_ROW).values(held=_HELD, used=_USED)
_MOVE_WITHIN = _MOVE.where(bindparam("limit_", type_=BigInteger) >= _HELD + _USED)
_GET = select(schema.balance.c.held, schema.balance.c.used).where(*_ROW)
_GET_MANY = select(schema.balance).where(
    schema.balance.c.budget.in_(bindparam("budgets_", expanding=True)),
    schema.balance.c.window.in_(bindparam("windows_", expanding=True)),
)
# A rolling budget's own row sorts after its buckets, so one range holds what is held and what was used.
_ROLLING_TOTALS = select(
    func.coalesce(func.sum(schema.balance.c.held), 0).label("held"),
    func.coalesce(func.sum(schema.balance.c.used), 0).label("used"),
).where(
    schema.balance.c.budget == bindparam("budget_"), schema.balance.c.window >= bindparam("oldest_")
)


def rolling(connection: Connection, budget: str, oldest_bucket: str) -> Balance:
    """What a rolling budget holds, and what it used in its buckets from `oldest_bucket` on."""
    row = connection.execute(_ROLLING_TOTALS, {"budget_": budget, "oldest_": oldest_bucket}).one()
    return Balance(int(row.held), int(row.used))


def since(connection: Connection, budget: str, oldest_bucket: str) -> dict[Key, Balance]:
    """What a rolling budget used in its buckets from `oldest_bucket` on, and what it holds."""
    rows = connection.execute(
        select(schema.balance).where(
            schema.balance.c.budget == budget, schema.balance.c.window >= oldest_bucket
        )
    )
    return {(r.budget, r.window): Balance(r.held, r.used) for r in rows}


def get(connection: Connection, budget: str, window: str) -> Balance | None:
    """One row; None where it has not been opened."""
    row = connection.execute(_GET, {"budget_": budget, "window_": window}).one_or_none()
    return Balance(row.held, row.used) if row else None


def get_many(connection: Connection, keys: Collection[Key]) -> dict[Key, Balance]:
    """The rows that exist among these budgets and windows."""
    wanted = set(keys)
    rows = connection.execute(
        _GET_MANY,
        {
            "budgets_": sorted({budget for budget, _ in wanted}),
            "windows_": sorted({window for _, window in wanted}),
        },
    )
    return {
        (r.budget, r.window): Balance(r.held, r.used)
        for r in rows
        if (r.budget, r.window) in wanted
    }


def latest_window(connection: Connection, budget: str) -> str | None:
    """The last window that was opened; None where none was."""
    latest: str | None = connection.execute(
        select(func.max(schema.balance.c.window)).where(schema.balance.c.budget == budget)
    ).scalar_one()
    return latest


def all_rows(connection: Connection) -> dict[Key, Balance]:
    """Every row."""
    return {
        (r.budget, r.window): Balance(r.held, r.used)
        for r in connection.execute(select(schema.balance))
    }


class Rows:
    """The rows as one transaction changes them; it knows by how much, so that the chain can tell."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.moved: dict[Key, Balance] = {}
        """By how much each row was changed, since they were all replaced if they were."""
        self.replaced: dict[Key, Balance] | None = None
        """All rows as they were replaced; None where they were not."""

    def move(self, move: Move) -> bool:
        """Change a row; False when it is not there or would pass its limit."""
        is_rolling = move.window == ROLLING
        values: dict[str, object] = {
            "budget_": move.budget,
            "window_": move.window,
            "held_": move.held,
            "used_": move.used,
        }
        is_limited = move.limit is not None and not is_rolling
        if is_limited:
            values["limit_"] = move.limit
        if self._connection.execute(_MOVE_WITHIN if is_limited else _MOVE, values).rowcount != 1:
            return False
        self._note(move.budget, move.window, Balance(move.held, move.used))
        if move.limit is None or not is_rolling:
            return True
        # Judged once the budget's own row is locked; its buckets move under that lock only.
        total = rolling(self._connection, move.budget, move.oldest_bucket or "")
        return total.held + total.used <= move.limit

    def begin(self, budget: str, window: str) -> None:
        """Start a window, unless it has been started."""
        if get(self._connection, budget, window) is None:
            self.open(budget, window)

    def open(self, budget: str, window: str) -> None:
        """Start a window; another transaction that starts the same one makes this one run again."""
        self._note(budget, window, Balance())
        self._connection.execute(
            insert(schema.balance).values(budget=budget, window=window, held=0, used=0)
        )

    def replace_all(self, rows: dict[Key, Balance]) -> None:
        """Put rebuilt balances in the place of the old ones."""
        self.moved, self.replaced = {}, rows
        self._connection.execute(delete(schema.balance))
        if rows:
            self._connection.execute(
                insert(schema.balance),
                [
                    {"budget": b, "window": w, "held": r.held, "used": r.used}
                    for (b, w), r in sorted(rows.items())
                ],
            )

    def _note(self, budget: str, window: str, by: Balance) -> None:
        before = self.moved.get((budget, window), Balance())
        self.moved[budget, window] = Balance(before.held + by.held, before.used + by.used)
