"""Requesters: how much each has asked of the person, a person's stop, and the keys that they named their wishes by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from ringfence.intents import Op
from ringfence.states import IntentState
from ringfence.store import schema
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class Pressure:
    """How much one principal has asked of the person already, and whether they said stop."""

    pending: int
    stopped_until: datetime | None


_PRESSURE = select(
    select(func.count())
    .where(
        schema.intent.c.principal == bindparam("principal_"),
        schema.intent.c.state == IntentState.AWAITING_APPROVAL.value,
    )
    .scalar_subquery()
    .label("pending"),
    select(schema.stop.c.until)
    .where(
        schema.stop.c.principal == bindparam("principal_"),
        schema.stop.c.op == bindparam("op_"),
        schema.stop.c.until > bindparam("now_", type_=schema.Moment),
    )
    .scalar_subquery()
    .label("stopped_until"),
)


_NEXT_TURN = (
    update(schema.requester)
    .where(schema.requester.c.principal == bindparam("principal_"))
    .values(turns=schema.requester.c.turns + 1)
)


def take_turn(tx: Transaction, principal: str) -> None:
    """Wait for this principal's other changes, and make later ones wait for the end of this transaction.

    What is counted over a principal's intents, such as how many wait for a person, then holds until it is written.
    """
    if tx.connection.execute(_NEXT_TURN, {"principal_": principal}).rowcount == 0:
        tx.connection.execute(insert(schema.requester).values(principal=principal, turns=1))


def pressure(tx: Transaction, principal: str, op: Op) -> Pressure:
    """How many intents of a principal wait for a person, and until when a person's stop holds."""
    row = tx.connection.execute(
        _PRESSURE, {"principal_": principal, "op_": op.value, "now_": tx.now}
    ).one()
    return Pressure(int(row.pending), row.stopped_until)


def close_scope(tx: Transaction, principal: str, op: Op, until: datetime) -> None:
    """A person said stop: this requester asks for nothing of that kind until then."""
    take_turn(tx, principal)
    tx.connection.execute(
        delete(schema.stop).where(
            schema.stop.c.principal == principal, schema.stop.c.op == op.value
        )
    )
    tx.connection.execute(insert(schema.stop).values(principal=principal, op=op.value, until=until))


def remember_key(
    tx: Transaction, *, principal: str, key: str, intent_id: str, items_hash: str, wish_hash: str
) -> None:
    """Bind a caller's key to an intent, for ever."""
    tx.connection.execute(
        insert(schema.request_key).values(
            principal=principal,
            idempotency_key=key,
            intent_id=intent_id,
            items_hash=items_hash,
            wish_hash=wish_hash,
        )
    )


def keyed(tx: Transaction, principal: str, key: str) -> Row[Any] | None:
    """What a caller's key was used for: `intent_id`, `items_hash`, `wish_hash`."""
    table = schema.request_key.c
    return tx.connection.execute(
        select(schema.request_key).where(table.principal == principal, table.idempotency_key == key)
    ).one_or_none()
