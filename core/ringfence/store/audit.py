"""The audit chain: every change leaves an event that names the one before it by its hash.

An event is canonical JSON (RFC 8785); its hash is SHA-256(0x00 ‖ previous hash ‖ bytes), the prefix keeping it apart
from every other thing that is hashed here. Flipping, deleting, swapping or inserting an event breaks the chain.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import rfc8785
from sqlalchemy import (
    BigInteger,
    Column,
    MetaData,
    String,
    Table,
    bindparam,
    insert,
    or_,
    select,
    update,
)

from ringfence.store import schema
from ringfence.store.anchor import HighWater
from ringfence.store.checkpoints import NEW_KEY

if TYPE_CHECKING:
    from ringfence.store.transaction import Transaction

GENESIS = "0" * 64
"""What the first event names as the one before it."""

# Alembic's own table; kept out of our metadata, since Alembic makes and fills it.
alembic_version = Table("alembic_version", MetaData(), Column("version_num", String(32)))


@dataclass(frozen=True)
class Event:
    """Something that happened, to be chained."""

    event_id: str
    type: str
    actor: str
    subject: str
    body: Mapping[str, object]


@dataclass(frozen=True)
class Break:
    """Where the chain does not hold."""

    seq: int
    why: str


def chain_hash(previous: str, encoded: bytes) -> str:
    """The hash of an event after the one with hash `previous`."""
    return hashlib.sha256(b"\x00" + bytes.fromhex(previous) + encoded).hexdigest()


_HEAD = select(schema.audit_head).with_for_update()
_MOVE_HEAD = update(schema.audit_head).values(
    seq=bindparam("seq_", type_=BigInteger),
    hash=bindparam("hash_"),
    at=bindparam("at_", type_=schema.Moment),
)


def append(tx: Transaction, events: Sequence[Event]) -> bool:
    """Write events at the head; False when freeze or policy changed since this transaction began."""
    connection = tx.connection
    head = connection.execute(_HEAD).one()
    if (head.policy_version, head.frozen) != (tx.policy_version, tx.frozen):
        return False
    seq, previous = head.seq, head.hash
    tx.began = HighWater(seq, previous)
    rows = []
    for event in events:
        seq += 1
        encoded = rfc8785.dumps(
            {
                "seq": seq,
                "prev": previous,
                "id": event.event_id,
                "at": schema.moment_text(tx.now),
                "type": event.type,
                "actor": event.actor,
                "subject": event.subject,
                "body": _plain(event.body),
            }
        )
        previous = chain_hash(previous, encoded)
        rows.append(
            {"seq": seq, "event_id": event.event_id, "hash": previous, "bytes": encoded.decode()}
        )
    connection.execute(insert(schema.audit_event), rows)
    connection.execute(_MOVE_HEAD, {"seq_": seq, "hash_": previous, "at_": tx.now})
    tx.reached = HighWater(seq, previous)
    return True


def _plain(value: object) -> Any:
    """Values as JSON has them; money and other nouns as their printed text."""
    if value is None or isinstance(value, bool | int | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value)


def verify(tx: Transaction) -> tuple[int, Break | None]:
    """Read the chain from its start: how many events hold, and the first that does not."""
    previous, count = GENESIS, 0
    rows = tx.connection.execute(select(schema.audit_event).order_by(schema.audit_event.c.seq))
    for row in rows:
        why = _fault(row.seq, row.bytes, row.hash, expected_seq=count + 1, previous=previous)
        if why is not None:
            return count, Break(row.seq, why)
        previous, count = row.hash, row.seq
    head = tx.connection.execute(select(schema.audit_head)).one()
    if (head.seq, head.hash) != (count, previous):
        return count, Break(head.seq, "the head names an event that is not the last")
    return count, None


def _fault(seq: int, text: str, claimed: str, *, expected_seq: int, previous: str) -> str | None:
    if seq != expected_seq:
        return f"event {expected_seq} is missing"
    if chain_hash(previous, text.encode()) != claimed:
        return "its hash is not that of its bytes after the event before it"
    body = json.loads(text)
    if (body["seq"], body["prev"]) != (seq, previous):
        return "it names another place in the chain"
    return None


def head(tx: Transaction) -> tuple[int, str]:
    """How far the chain has come: the last event's place and hash."""
    row = tx.connection.execute(select(schema.audit_head.c.seq, schema.audit_head.c.hash)).one()
    return row.seq, row.hash


def hash_at(tx: Transaction, seq: int) -> str | None:
    """The hash of the event at a place; `GENESIS` before the first, None where there is none."""
    if seq == 0:
        return GENESIS
    found: str | None = tx.connection.execute(
        select(schema.audit_event.c.hash).where(schema.audit_event.c.seq == seq)
    ).scalar_one_or_none()
    return found


@dataclass(frozen=True)
class Stored:
    """An event as it is stored."""

    seq: int
    hash: str
    text: str
    """Its canonical bytes, which are ASCII or UTF-8 JSON."""


def stored(tx: Transaction, *, since: int = 1, until: int | None = None) -> Iterator[Stored]:
    """Events in their order, from one place to another; read a few at a time."""
    table = schema.audit_event.c
    query = select(schema.audit_event).where(table.seq >= since).order_by(table.seq)
    if until is not None:
        query = query.where(table.seq <= until)
    for row in tx.connection.execute(query.execution_options(yield_per=1_000)):
        yield Stored(row.seq, row.hash, row.bytes)


def places_of(tx: Transaction, subjects: Collection[str]) -> list[int]:
    """Where events are whose text names one of these subjects, in order."""
    table = schema.audit_event.c
    named = [table.bytes.contains(f'"subject":"{each}"', autoescape=True) for each in subjects]
    rows = tx.connection.execute(select(table.seq).where(or_(*named)).order_by(table.seq))
    return list(rows.scalars())


def all_words(tx: Transaction) -> Iterator[tuple[str, Words]]:
    """Everybody's words that were not erased, with what they are about."""
    table = schema.free_text.c
    query = select(schema.free_text).where(table.salt != "").order_by(table.subject_id)
    for row in tx.connection.execute(query.execution_options(yield_per=1_000)):
        yield row.subject_id, Words(row.text, row.salt)


def event_at(tx: Transaction, seq: int) -> dict[str, Any]:
    """What the event at a place says; nothing where there is none."""
    text = tx.connection.execute(
        select(schema.audit_event.c.bytes).where(schema.audit_event.c.seq == seq)
    ).scalar_one_or_none()
    found: dict[str, Any] = json.loads(text) if text is not None else {}
    return found


def names(tx: Transaction, seq: int, key: str) -> bool:
    """Whether the event at a place makes a key for checkpoints known."""
    event = event_at(tx, seq)
    return (event.get("type"), event.get("body")) == (NEW_KEY, {"key": key})


def about(tx: Transaction, subject: str) -> list[dict[str, Any]]:
    """Every event about one subject, oldest first; reads the whole chain, so for a person who asks."""
    table = schema.audit_event.c
    named = f'"subject":"{subject}"'  # canonical JSON has no other spelling
    rows = tx.connection.execute(
        select(table.bytes).where(table.bytes.contains(named, autoescape=True)).order_by(table.seq)
    )
    found = [json.loads(text) for text in rows.scalars()]
    return [event for event in found if event["subject"] == subject]


def since(tx: Transaction, seq: int, type_: str) -> list[dict[str, Any]]:
    """Every event of one type after a place, oldest first; reads all of them, so for a person who asks."""
    table = schema.audit_event.c
    named = table.bytes.contains(f'"type":"{type_}"', autoescape=True)
    query = select(table.bytes).where(table.seq > seq, named).order_by(table.seq)
    found = [json.loads(text) for text in tx.connection.execute(query).scalars()]
    return [event for event in found if event["type"] == type_]


@dataclass(frozen=True)
class Words:
    """What somebody said, kept beside the chain so that it can be erased."""

    text: str
    salt: str
    """Random; without it nobody can try whether a guess at erased words was right. Empty once they are erased."""

    @classmethod
    def fresh(cls, text: str) -> Words:
        """Words with a salt of their own."""
        return cls(text, secrets.token_hex(16))

    @property
    def is_erased(self) -> bool:
        return not self.salt

    @property
    def hash(self) -> str:
        """What the chain keeps of them: SHA-256 over salt, a zero byte, and the words."""
        return hashlib.sha256(f"{self.salt}\x00{self.text}".encode()).hexdigest()


_PLACE = 40
"""As much of a hash as the table's key is wide: 160 bits."""


def keep_text(tx: Transaction, subject_id: str, text: str) -> str:
    """Store somebody's words where they can be erased; returns the salted hash that the chain keeps."""
    words = Words.fresh(text)
    _keep(tx, subject_id, words)
    return words.hash


def keep_words(tx: Transaction, words: Words) -> None:
    """Store words under their own hash, where `said` finds them until they are erased."""
    _keep(tx, place_of(words.hash), words)


def place_of(hash_: str) -> str:
    """Under which name words are kept that belong to nothing but their own hash."""
    return hash_[:_PLACE]


def said(tx: Transaction, hash_: str) -> str | None:
    """The words with this hash, unless they were erased or exchanged."""
    words = words_of(tx, place_of(hash_))
    return words.text if words is not None and words.hash == hash_ else None


def _keep(tx: Transaction, subject_id: str, words: Words) -> None:
    tx.connection.execute(
        insert(schema.free_text),
        {"subject_id": subject_id, "salt": words.salt, "text": words.text},
    )


def words_of(tx: Transaction, subject_id: str) -> Words | None:
    """Somebody's words, or what says that they were erased; None where nothing was said."""
    row = tx.connection.execute(
        select(schema.free_text.c.text, schema.free_text.c.salt).where(
            schema.free_text.c.subject_id == subject_id
        )
    ).one_or_none()
    return Words(row.text, row.salt) if row is not None else None


def erase_words(tx: Transaction, subject_id: str) -> None:
    """Take words and salt out of the database, and let its file keep no copy in what it no longer uses."""
    if tx.connection.dialect.name == "sqlite":
        tx.connection.exec_driver_sql("PRAGMA secure_delete=ON")
    tx.connection.execute(
        update(schema.free_text)
        .where(schema.free_text.c.subject_id == subject_id)
        .values(text="", salt="")
    )
