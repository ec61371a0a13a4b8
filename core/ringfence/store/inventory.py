"""Stored numbers: what we pay for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update

from ringfence.inventory import NumberRecord
from ringfence.states import NumberState
from ringfence.store import schema
from ringfence.store.transaction import Conflict, Transaction


def add(tx: Transaction, record: NumberRecord, *, due_at: datetime | None) -> None:
    """Store a number; `due_at` is when its connection to an assistant is tried next."""
    tx.connection.execute(
        insert(schema.number).values(
            number_id=record.number_id, **_columns(record), version=record.version, due_at=due_at
        )
    )


def change(
    tx: Transaction, record: NumberRecord, *, due_at: datetime | None = None, **changes: Any
) -> NumberRecord:
    """Write changes of a number down, once.

    Raises:
        Conflict: it has changed since it was read.
    """
    changed = record.model_copy(update=changes | {"version": record.version + 1})
    done = tx.connection.execute(
        update(schema.number)
        .where(
            schema.number.c.number_id == record.number_id, schema.number.c.version == record.version
        )
        .values(**_columns(changed), version=changed.version, due_at=due_at)
    )
    if done.rowcount != 1:
        raise Conflict(f"number {record.number_id}")
    return changed


def _columns(record: NumberRecord) -> dict[str, Any]:
    return {
        "provider": record.provider.value,
        "number": record.number,
        "state": record.state.value,
        "assistant_id": record.assistant_id,
        "is_settled": record.assistant_id == record.wanted_assistant_id,
        "is_priced": record.monthly is not None,
        "line_id": record.line_id,
        "document": record.model_dump_json(),
    }


def get(tx: Transaction, number_id: str) -> NumberRecord | None:
    """A number by its id."""
    return _one(tx, schema.number.c.number_id == number_id)


def by_number(tx: Transaction, number: str) -> NumberRecord | None:
    """The number we pay for under this E.164, whatever its state but `released`."""
    return _one(
        tx,
        (schema.number.c.number == number) & (schema.number.c.state != NumberState.RELEASED.value),
    )


def by_line(tx: Transaction, line_id: str) -> NumberRecord | None:
    """The number that a line bought."""
    return _one(tx, schema.number.c.line_id == line_id)


def _one(tx: Transaction, condition: Any) -> NumberRecord | None:
    document = tx.connection.execute(
        select(schema.number.c.document)
        .where(condition)
        .order_by(schema.number.c.number_id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return NumberRecord.model_validate_json(document) if document else None


def everything(tx: Transaction) -> list[NumberRecord]:
    """Every number ever, in the order in which they came."""
    rows = tx.connection.execute(
        select(schema.number.c.document).order_by(schema.number.c.number_id)
    )
    return [NumberRecord.model_validate_json(document) for document in rows.scalars()]


def paid_for(tx: Transaction) -> list[NumberRecord]:
    """Every number that still costs something."""
    rows = tx.connection.execute(
        select(schema.number.c.document)
        .where(schema.number.c.state != NumberState.RELEASED.value)
        .order_by(schema.number.c.number_id)
    )
    return [NumberRecord.model_validate_json(document) for document in rows.scalars()]


def latest(tx: Transaction, number: str) -> NumberRecord | None:
    """The latest number that there was under this E.164, whatever became of it."""
    return _one(tx, schema.number.c.number == number)


def due(tx: Transaction, limit: int) -> list[str]:
    """Ids of numbers whose connection is to be made now."""
    table = schema.number.c
    rows = tx.connection.execute(
        select(table.number_id)
        .where(table.is_settled.is_(False), table.due_at <= tx.now)
        .order_by(table.due_at, table.number_id)
        .limit(limit)
    )
    return list(rows.scalars())


def next_due(tx: Transaction) -> datetime | None:
    """When the next connection is to be made."""
    table = schema.number.c
    return tx.connection.execute(
        select(func.min(table.due_at)).where(table.is_settled.is_(False))
    ).scalar_one_or_none()


def of_assistant(tx: Transaction, assistant_id: str) -> list[NumberRecord]:
    """The numbers we pay for that serve an assistant, or are being connected to it, the oldest first."""
    table = schema.number.c
    rows = tx.connection.execute(
        select(table.document)
        .where(
            table.state != NumberState.RELEASED.value,
            # Whom a number shall serve stands in its document alone while that is still to be done.
            (table.assistant_id == assistant_id) | table.is_settled.is_(False),
        )
        .order_by(table.number_id)
    )
    found = [NumberRecord.model_validate_json(document) for document in rows.scalars()]
    return [record for record in found if record.wanted_assistant_id == assistant_id]


def unsettled_of(tx: Transaction, line_ids: Sequence[str]) -> int:
    """How many numbers that these lines bought are not connected yet as they shall be."""
    table = schema.number.c
    return int(
        tx.connection.execute(
            select(func.count()).where(table.line_id.in_(line_ids), table.is_settled.is_(False))
        ).scalar_one()
    )


_UNPRICED = (
    select(schema.number.c.number)
    .where(
        schema.number.c.is_priced.is_(False), schema.number.c.state != NumberState.RELEASED.value
    )
    .limit(10)
)


def unpriced(tx: Transaction) -> list[str]:
    """Numbers that cost something every month, and nobody knows what."""
    return list(tx.connection.execute(_UNPRICED).scalars())


def postpone(tx: Transaction, number_id: str, due_at: datetime) -> None:
    """Try a connection later."""
    tx.connection.execute(
        update(schema.number).where(schema.number.c.number_id == number_id).values(due_at=due_at)
    )
