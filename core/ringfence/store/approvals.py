"""Approvals: the row that says how an intent was consented to; what was signed for it is in `statements`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select

from ringfence.intents import Intent, Level
from ringfence.store import schema
from ringfence.store.transaction import Transaction


def add(
    tx: Transaction, *, approval_id: str, intent: Intent, level: Level, channel: str, person: str
) -> None:
    """Store who consented to which digest, and how."""
    tx.connection.execute(
        insert(schema.approval).values(
            approval_id=approval_id,
            intent_id=intent.intent_id,
            digest=intent.digest,
            level=level.value,
            channel=channel,
            person=person,
            at=tx.now,
        )
    )


def of_intent(tx: Transaction, intent_id: str) -> Row[Any] | None:
    """The consent to an intent, if there is one."""
    return tx.connection.execute(
        select(schema.approval).where(schema.approval.c.intent_id == intent_id)
    ).one_or_none()
