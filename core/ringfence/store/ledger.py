"""The ledger: append-only entries that say what was held, sent, spent and given back, with their dimensions.

An entry names no budget. Which budgets it counts for follows from its dimensions and the policy, so that a new
budget can be folded from old entries. Entries of one line are ordered by the line's version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import rfc8785
from sqlalchemy import Row, Update, func, insert, select, update

from ringfence.nouns import Noun
from ringfence.states import HoldState, LineState, check_transition
from ringfence.store import schema
from ringfence.store.transaction import Transaction


class EntryKind(StrEnum):
    """What an entry says happened."""

    HOLD = "hold"
    CLAIM = "claim"
    UNSEND = "unsend"
    POST = "post"
    VOID = "void"
    LATE = "late"
    RENEWAL = "renewal"
    EXTERNAL = "external"
    RELEASE = "release"
    ADJUST = "adjust"
    """A charge was in truth higher or, below zero, lower than the books have it."""


class Dimensions(Noun):
    """Who and what an entry is about; budgets choose by these."""

    provider: str
    account: str
    country: str
    type: str
    assistant_id: str | None
    requester: str
    mandate_id: str | None
    number: str


class Entry(Noun):
    """One row of the ledger; amounts in micro-units of `currency`, below zero in adjustments alone."""

    entry_id: str
    kind: EntryKind
    line_id: str | None
    line_version: int | None
    intent_id: str | None
    number_id: str | None
    effective_at: datetime
    """When it counts: for `claim` the dispatch, for a renewal the middle of the first day of its month."""
    policy_version: int
    """The policy whose exchange rates hold for it."""
    currency: str
    setup_micros: int
    monthly_micros: int
    dimensions: Dimensions


class Hold(Noun):
    """What one line set aside in one budget, in the budget's own unit."""

    line_id: str
    budget: str
    window: str
    amount: int
    posted: int = 0
    state: HoldState = HoldState.PENDING


_DIMENSIONS = tuple(Dimensions.model_fields)


WRITTEN = "ledger.written"
"""The event with which the chain commits to what stands in the ledger."""


def entry_hash(entry: Entry) -> str:
    """What the chain keeps of an entry: SHA-256 over its canonical form (RFC 8785), in hexadecimal."""
    return hashlib.sha256(rfc8785.dumps(entry_document(entry))).hexdigest()


def entry_document(entry: Entry) -> dict[str, Any]:
    """An entry as canonical JSON has it: amounts are text there, since JSON's numbers are not exact that far."""
    document = entry.model_dump(mode="json")
    for amount in ("setup_micros", "monthly_micros"):
        document[amount] = str(document[amount])
    return document


def add(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Write entries, which are from then on part of the chain."""
    rows = [
        {
            **{name: getattr(entry, name) for name in Entry.model_fields if name != "dimensions"},
            **{name: getattr(entry.dimensions, name) for name in _DIMENSIONS},
            "kind": entry.kind.value,
            "recorded_at": tx.now,
        }
        for entry in entries
    ]
    if rows:
        tx.connection.execute(insert(schema.ledger_entry), rows)
        tx.audit(
            WRITTEN,
            actor="ringfence",
            subject=entries[0].line_id or entries[0].number_id or "ledger",
            entries={entry.entry_id: entry_hash(entry) for entry in entries},
        )


_COUNTING = (EntryKind.POST.value, EntryKind.LATE.value, EntryKind.EXTERNAL.value)


def counting_entry(tx: Transaction, *, number_id: str, line_id: str | None) -> Entry | None:
    """The latest entry that let a number count as ours: its purchase, or what was written of it without one."""
    table = schema.ledger_entry.c
    is_its = table.number_id == number_id
    if line_id is not None:
        is_its |= table.line_id == line_id
    row = tx.connection.execute(
        select(schema.ledger_entry)
        .where(is_its, table.kind.in_(_COUNTING))
        .order_by(table.effective_at.desc(), table.entry_id.desc())
        .limit(1)
    ).one_or_none()
    return _entry(row) if row is not None else None


def charges_of(tx: Transaction, *, number_id: str, line_id: str | None) -> list[Entry]:
    """What was charged for a number, and every adjustment of that, in the order in which they count."""
    table = schema.ledger_entry.c
    is_its = table.number_id == number_id
    if line_id is not None:
        is_its |= table.line_id == line_id
    rows = tx.connection.execute(
        select(schema.ledger_entry)
        .where(is_its, table.kind.in_([kind.value for kind in SPENDING]))
        .order_by(table.effective_at, table.entry_id)
    )
    return [_entry(row) for row in rows]


def exists(tx: Transaction, entry_id: str) -> bool:
    """Whether an entry with this id was written; renewals have ids that say what they renew."""
    found = tx.connection.execute(
        select(schema.ledger_entry.c.entry_id).where(schema.ledger_entry.c.entry_id == entry_id)
    )
    return found.first() is not None


def entries(tx: Transaction, *, since: datetime | None = None) -> Iterator[Entry]:
    """Every entry that counts from `since` on, lines' entries in the order in which they happened."""
    table = schema.ledger_entry.c
    query = select(schema.ledger_entry).order_by(table.line_id, table.line_version, table.entry_id)
    if since is not None:
        query = query.where(table.effective_at >= since)
    for row in tx.connection.execute(query.execution_options(yield_per=1_000)):
        yield _entry(row)


def of_intent(tx: Transaction, intent_id: str) -> list[Entry]:
    """Every entry about an intent's lines, in the order in which they happened; later invoices are about a number."""
    table = schema.ledger_entry.c
    query = (
        select(schema.ledger_entry)
        .where(table.intent_id == intent_id, table.line_id.is_not(None))
        .order_by(table.line_id, table.line_version, table.entry_id)
    )
    return [_entry(row) for row in tx.connection.execute(query)]


def get(tx: Transaction, entry_id: str) -> Entry | None:
    """The entry with this id; None where there is none."""
    query = select(schema.ledger_entry).where(schema.ledger_entry.c.entry_id == entry_id)
    row = tx.connection.execute(query).one_or_none()
    return _entry(row) if row is not None else None


def in_order(tx: Transaction) -> Iterator[tuple[Entry, datetime]]:
    """Every entry as it counts in time, with the moment in which it was written; read a few at a time."""
    table = schema.ledger_entry.c
    query = select(schema.ledger_entry).order_by(table.effective_at, table.entry_id)
    for row in tx.connection.execute(query.execution_options(yield_per=1_000)):
        yield _entry(row), row.recorded_at


def latest(
    tx: Transaction, kinds: Collection[EntryKind], *, since: datetime, until: datetime, limit: int
) -> list[tuple[Entry, datetime]]:
    """The latest entries of these kinds that count from `since` on and before `until`, and when each was written."""
    table = schema.ledger_entry.c
    query = (
        select(schema.ledger_entry)
        .where(
            table.kind.in_([kind.value for kind in kinds]),
            table.effective_at >= since,
            table.effective_at < until,
        )
        .order_by(table.effective_at.desc(), table.entry_id.desc())
        .limit(limit)
    )
    return [(_entry(row), row.recorded_at) for row in tx.connection.execute(query)]


@dataclass(frozen=True)
class Spent:
    """So many equal amounts that were spent under the exchange rates of one policy; below zero where less was."""

    times: int
    policy_version: int
    currency: str
    micros: int


SPENDING = frozenset({EntryKind.POST, EntryKind.LATE, EntryKind.RENEWAL, EntryKind.ADJUST})
"""The kinds whose amounts are paid; the others set aside, give back, or say what will be paid."""


def spent(tx: Transaction, *, since: datetime, until: datetime) -> list[Spent]:
    """What counts as spent from `since` on and before `until`: a purchase when it was sent, as budgets count it."""
    entry, claim = schema.ledger_entry.c, schema.ledger_entry.alias("claim").c
    claimed_at = (
        select(func.max(claim.effective_at))
        .where(claim.line_id == entry.line_id, claim.kind == EntryKind.CLAIM.value)
        .scalar_subquery()
    )
    counts_at = func.coalesce(claimed_at, entry.effective_at)
    amount = (entry.policy_version, entry.currency, entry.setup_micros, entry.monthly_micros)
    query = (
        select(func.count().label("times"), *amount)
        .where(
            entry.kind.in_([kind.value for kind in SPENDING]),
            entry.effective_at >= since,  # nothing is paid before it is sent
            counts_at >= since,
            counts_at < until,
        )
        .group_by(*amount)
    )
    return [
        Spent(row.times, row.policy_version, row.currency, row.setup_micros + row.monthly_micros)
        for row in tx.connection.execute(query)
    ]


def _entry(row: Row[tuple[object, ...]]) -> Entry:
    values = dict(row._mapping)  # SQLAlchemy's public name for a row as a mapping
    del values["recorded_at"]
    dimensions = Dimensions(**{name: values.pop(name) for name in _DIMENSIONS})
    return Entry(**(values | {"kind": EntryKind(values["kind"]), "dimensions": dimensions}))


def add_holds(tx: Transaction, holds: Sequence[Hold]) -> None:
    """Write new holds."""
    if holds:
        tx.connection.execute(
            insert(schema.hold), [hold.model_dump() | {"state": hold.state.value} for hold in holds]
        )


def holds_of(tx: Transaction, line_id: str) -> list[Hold]:
    """Every hold of a line, whatever became of it."""
    rows = tx.connection.execute(
        select(schema.hold).where(schema.hold.c.line_id == line_id).order_by(schema.hold.c.budget)
    )
    return [_hold(row) for row in rows]


_WAITING = (
    select(schema.hold.c.budget, schema.hold.c.window)
    .distinct()
    .where(schema.hold.c.state == HoldState.PENDING.value)
)


def waiting_windows(tx: Transaction) -> list[tuple[str, str]]:
    """The budgets and windows in which holds are pending."""
    return [(row.budget, row.window) for row in tx.connection.execute(_WAITING)]


def unsent_holds(tx: Transaction, budget: str, window: str) -> list[Hold]:
    """Pending holds of a window whose lines have not been sent."""
    table = schema.hold.c
    rows = tx.connection.execute(
        select(schema.hold)
        .join(schema.line, schema.line.c.line_id == table.line_id)
        .where(
            table.budget == budget,
            table.window == window,
            table.state == HoldState.PENDING.value,
            schema.line.c.state == LineState.READY.value,
        )
    )
    return [_hold(row) for row in rows]


def all_holds(tx: Transaction) -> Iterator[Hold]:
    """Every hold there is."""
    for row in tx.connection.execute(select(schema.hold).execution_options(yield_per=1_000)):
        yield _hold(row)


def _hold(row: Row[tuple[object, ...]]) -> Hold:
    values = dict(row._mapping)
    return Hold(**(values | {"state": HoldState(values["state"])}))


def move_hold(tx: Transaction, hold: Hold, *, window: str, amount: int | None = None) -> None:
    """Let a pending hold count in another window."""
    changes = {"window": window} | ({} if amount is None else {"amount": amount})
    tx.connection.execute(_row_of(hold).values(**changes))


def end_hold(tx: Transaction, hold: Hold, state: HoldState, *, posted: int = 0) -> None:
    """Post or void a pending hold."""
    check_transition(hold.state, state)
    done = tx.connection.execute(
        _row_of(hold)
        .where(schema.hold.c.state == hold.state.value)
        .values(state=state.value, posted=posted)
    )
    if done.rowcount != 1:
        raise RuntimeError(f"The hold of {hold.line_id} in {hold.budget} was not {hold.state}.")


def _row_of(hold: Hold) -> Update:
    return update(schema.hold).where(
        schema.hold.c.line_id == hold.line_id, schema.hold.c.budget == hold.budget
    )


def delete_holds(tx: Transaction, line_id: str) -> None:
    """Forget a line's pending holds: a new policy holds it anew."""
    tx.connection.execute(
        schema.hold.delete().where(
            schema.hold.c.line_id == line_id, schema.hold.c.state == HoldState.PENDING.value
        )
    )
