"""What was asked for one assistant and role, by whomever: callers take turns at a row of that pair."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select, update

from ringfence.intents import DeclineReason, Intent, LineTerms, Op
from ringfence.offers import Provider
from ringfence.states import OPEN_INTENTS, IntentState
from ringfence.store import intents, schema
from ringfence.store.transaction import Transaction

MAX_REMEMBERED = 100
"""Intents of one kind that are looked at for one assistant and role; nobody declines more and means it."""


def take_turn(tx: Transaction, assistant_id: str, role: str) -> None:
    """Wait for others who ask for this assistant and role, and make later ones wait for the end of this transaction.

    What is read about the pair afterwards holds until this transaction is written. To be taken before any other turn.
    """
    table = schema.provision.c
    done = tx.connection.execute(
        update(schema.provision)
        .where(table.assistant_id == assistant_id, table.role == role)
        .values(turns=table.turns + 1)
    )
    if done.rowcount == 0:
        tx.connection.execute(
            insert(schema.provision).values(assistant_id=assistant_id, role=role, turns=1)
        )


def open_intents(tx: Transaction, assistant_id: str, role: str) -> list[Intent]:
    """Everybody's intents that may still give this assistant a number for this role, oldest first."""
    return _intents(tx, assistant_id, role, states=sorted(OPEN_INTENTS))


def declined(
    tx: Transaction, assistant_id: str, role: str
) -> list[tuple[LineTerms, DeclineReason]]:
    """Numbers that a person did not want for this assistant and role, with their reason; the latest ones."""
    return [
        (line.terms, intent.decline_reason)
        for intent in _intents(tx, assistant_id, role, states=[IntentState.DECLINED])
        if intent.decline_reason is not None and intent.terms.op is Op.BUY
        for line in intent.lines
    ]


def _intents(
    tx: Transaction, assistant_id: str, role: str, *, states: Sequence[IntentState]
) -> list[Intent]:
    table = schema.intent.c
    latest = tx.connection.execute(
        select(table.intent_id)
        .where(
            table.assistant_id == assistant_id,
            table.role == role,
            table.state.in_([state.value for state in states]),
        )
        .order_by(table.created_at.desc(), table.intent_id.desc())
        .limit(MAX_REMEMBERED)
    ).scalars()
    found = [intents.get(tx, intent_id) for intent_id in reversed(latest.all())]
    return [intent for intent in found if intent is not None]


def asked_for(tx: Transaction, *ops: Op) -> set[tuple[Provider, str]]:
    """Numbers that somebody's open intent of these kinds is about."""
    table = schema.open_line.c
    rows = tx.connection.execute(
        select(table.provider, table.number)
        .join(schema.intent, schema.intent.c.intent_id == table.intent_id)
        .where(schema.intent.c.op.in_([op.value for op in ops]))
    )
    return {(Provider(row.provider), row.number) for row in rows}
