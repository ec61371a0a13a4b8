"""Attempts: what was sent for a line, written down before it is, and what was answered."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Row, insert, select, update

from ringfence.store import schema
from ringfence.store.transaction import Transaction


def add(tx: Transaction, *, attempt_id: str, line_id: str, request_hash: str) -> None:
    """Write down, before a byte is sent, that it will be."""
    tx.connection.execute(
        insert(schema.attempt).values(
            attempt_id=attempt_id, line_id=line_id, request_hash=request_hash, committed_at=tx.now
        )
    )


def end(tx: Transaction, attempt_id: str, *, outcome: str, evidence: str) -> None:
    """Write down what is known of an attempt; a later look may know more."""
    tx.audit(
        "attempt.ended",
        actor="ringfence",
        subject=attempt_id,
        outcome=outcome,
        answer=answer_hash(evidence[:2_000]),
    )
    tx.connection.execute(
        update(schema.attempt)
        .where(schema.attempt.c.attempt_id == attempt_id)
        .values(outcome=outcome, evidence=evidence[:2_000], settled_at=tx.now)
    )


def answer_hash(evidence: str) -> str:
    """What the chain keeps of a carrier's answer: SHA-256 over what was written down of it."""
    return hashlib.sha256(evidence.encode()).hexdigest()


def of_line(tx: Transaction, line_id: str) -> list[Row[Any]]:
    """Every attempt at a line, first to last."""
    table = schema.attempt.c
    return list(
        tx.connection.execute(
            select(schema.attempt).where(table.line_id == line_id).order_by(table.committed_at)
        )
    )
