"""Stored statements and the signatures under them: kept as the bytes that were signed, and never changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import func, insert, select

from ringfence.approvers import Purpose, Signature, Statement
from ringfence.store import schema
from ringfence.store.transaction import Transaction

CHANGE = "change-"


@dataclass(frozen=True)
class Signed:
    """A statement with its stored bytes and everything that was signed under it, in order."""

    seq: int
    purpose: Purpose
    encoded: bytes
    signatures: tuple[Signature, ...]

    @property
    def statement(self) -> Statement:
        """What the bytes say.

        Raises:
            ValidationError: they are no statement.
        """
        return Statement.model_validate_json(self.encoded)

    @property
    def change_id(self) -> str:
        """What people call it while it waits for signatures: `change-7`, after its place."""
        return f"{CHANGE}{self.seq}"


def add(tx: Transaction, statement: Statement) -> int:
    """Store a statement; its place.

    Raises (through the transaction, which runs again): the nonce has been used.
    """
    seq = int(
        tx.connection.execute(
            select(func.coalesce(func.max(schema.statement.c.seq), 0))
        ).scalar_one()
    )
    tx.connection.execute(
        insert(schema.statement).values(
            seq=seq + 1,
            purpose=statement.purpose.value,
            subject=statement.subject,
            nonce=statement.nonce,
            bytes=statement.encoded.decode(),
            at=tx.now,
        )
    )
    return seq + 1


def sign(tx: Transaction, seq: int, signature: Signature) -> None:
    """Store a signature under a statement; each key signs once, and the chain knows what and by which bytes."""
    encoded = signature.model_dump_json()
    tx.connection.execute(
        insert(schema.signature).values(
            statement_seq=seq, key_id=signature.key_id, bytes=encoded, at=tx.now
        )
    )
    row = tx.connection.execute(
        select(schema.statement.c.bytes, schema.statement.c.purpose).where(
            schema.statement.c.seq == seq
        )
    ).one()
    tx.audit(
        SIGNED,
        actor=signature.key_id,
        subject=f"statement {seq}",
        purpose=row.purpose,
        statement=_sha256(row.bytes),
        signature=_sha256(encoded),
    )


SIGNED = "statement.signed"
"""The event with which the chain commits to a signature."""


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Raw:
    """A statement with its signatures as they are stored, whatever they are worth."""

    seq: int
    purpose: str
    text: str
    signatures: tuple[tuple[str, str], ...]
    """Key ids and what is stored of each signature."""


def raw(tx: Transaction) -> Iterator[Raw]:
    """Every statement in order."""
    signature = schema.signature.c
    under: dict[int, list[tuple[str, str]]] = {}
    for row in tx.connection.execute(
        select(schema.signature).order_by(signature.statement_seq, signature.at, signature.key_id)
    ):
        under.setdefault(row.statement_seq, []).append((row.key_id, row.bytes))
    query = select(schema.statement).order_by(schema.statement.c.seq)
    for row in tx.connection.execute(query.execution_options(yield_per=1_000)):
        yield Raw(row.seq, row.purpose, row.bytes, tuple(under.get(row.seq, ())))


def is_used(tx: Transaction, nonce: str) -> bool:
    """Whether a statement has borne this nonce."""
    found = tx.connection.execute(
        select(schema.statement.c.seq).where(schema.statement.c.nonce == nonce)
    )
    return found.first() is not None


def of_purposes(tx: Transaction, purposes: Iterable[Purpose]) -> list[Signed]:
    """Every statement of these purposes, in the order in which they were made."""
    return _signed(tx, schema.statement.c.purpose.in_([each.value for each in purposes]))


def about(tx: Transaction, purpose: Purpose, subject: str) -> list[Signed]:
    """Every statement of one purpose about one subject, oldest first."""
    table = schema.statement.c
    return _signed(tx, (table.purpose == purpose.value) & (table.subject == subject))


def last_made_at(tx: Transaction, purpose: Purpose, subject: str) -> datetime | None:
    """When the latest statement of one purpose about one subject was stored; None where there is none."""
    table = schema.statement.c
    moment: datetime | None = tx.connection.execute(
        select(func.max(table.at)).where(table.purpose == purpose.value, table.subject == subject)
    ).scalar_one()
    return moment


def at(tx: Transaction, seq: int) -> Signed | None:
    """The statement at a place; None where there is none."""
    return next(iter(_signed(tx, schema.statement.c.seq == seq)), None)


def is_declined(tx: Transaction, signed: Signed) -> bool:
    """Whether a person has said no to a statement that waited: nothing is signed under it any more."""
    return bool(about(tx, Purpose.DECLINE, signed.change_id))


def last_count(tx: Transaction, key_id: str) -> int:
    """The highest counter that a passkey has signed with."""
    rows = tx.connection.execute(
        select(schema.signature.c.bytes).where(schema.signature.c.key_id == key_id)
    )
    return max(
        (Signature.model_validate_json(text).sign_count for text in rows.scalars()), default=0
    )


def _signed(tx: Transaction, condition: object) -> list[Signed]:
    table, signature = schema.statement, schema.signature
    rows = tx.connection.execute(
        select(table.c.seq, table.c.purpose, table.c.bytes)
        .where(condition)  # type: ignore[arg-type]  # a condition over that table
        .order_by(table.c.seq)
    ).all()
    under: dict[int, list[Signature]] = {row.seq: [] for row in rows}
    for row in tx.connection.execute(
        select(signature.c.statement_seq, signature.c.bytes)
        .where(signature.c.statement_seq.in_(under))
        .order_by(signature.c.statement_seq, signature.c.at, signature.c.key_id)
    ):
        with suppress(ValidationError):  # what is no signature signs nothing
            under[row.statement_seq].append(Signature.model_validate_json(row.bytes))
    return [
        Signed(row.seq, Purpose(row.purpose), row.bytes.encode(), tuple(under[row.seq]))
        for row in rows
    ]
