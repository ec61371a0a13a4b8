"""The tables. One schema holds for SQLite and PostgreSQL; the migrations build it, a test keeps the two equal.

Money is BIGINT micro-units with a currency beside it, times are fixed-width UTC text (they sort as they run),
documents are JSON text. What `APPEND_ONLY` names is only ever added to: triggers refuse everything else.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

SCHEMA_VERSION = "0008"
"""The migration that this code was written for; every transaction compares it."""

APPEND_ONLY = ("approval", "audit_event", "ledger_entry", "policy", "signature", "statement")


class Moment(TypeDecorator[datetime]):
    """A UTC moment as `2026-11-22T12:00:00.000000Z`: same width always, so text order is time order."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else moment_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else moment_of(value)


def moment_text(moment: datetime) -> str:
    """The text that a moment is stored as."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def moment_of(text: str) -> datetime:
    """The moment that a stored text means."""
    return datetime.fromisoformat(text)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    CheckConstraint("id = 1", name="one"),
    Column("installation_id", String(40), nullable=False),
    Column("mode", String(10), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("clock_offset_seconds", BigInteger, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    CheckConstraint("id = 1", name="one"),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("frozen", Text),
)

audit_event = Table(
    "audit_event",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", String(40), nullable=False, unique=True),
    Column("hash", String(64), nullable=False),
    Column("bytes", Text, nullable=False),
)

free_text = Table(
    "free_text",
    metadata,
    Column("subject_id", String(40), primary_key=True),
    Column("salt", String(64), nullable=False),
    Column("text", Text, nullable=False),
)

policy = Table(
    "policy",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("applied_at", Moment, nullable=False),
    Column("applied_by", String(200), nullable=False),
)

offer = Table(
    "offer",
    metadata,
    Column("offer_id", String(40), primary_key=True),
    Column("principal", String(200), nullable=False),
    Column("document", Text, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)

reservation = Table(
    "reservation",
    metadata,
    Column("reservation_id", String(40), primary_key=True),
    Column("principal", String(200), nullable=False),
    Column("provider", String(20), nullable=False),
    Column("stock_id", String(200), nullable=False),
    Column("document", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("is_cancelled", Boolean, nullable=False),
    Index(None, "principal", "provider", "stock_id"),
)

intent = Table(
    "intent",
    metadata,
    Column("intent_id", String(40), primary_key=True),
    Column("principal", String(200), nullable=False),
    Column("op", String(10), nullable=False),
    Column("state", String(20), nullable=False),
    Column("terms", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("stock_key", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("quoted_at", Moment, nullable=False),
    Column("refusal", Text),
    Column("decided_by", String(200)),
    Column("decided_level", String(20)),
    Column("decline_reason", String(20)),
    Column("assistant_id", String(64)),
    Column("role", String(32)),
    Index(None, "assistant_id", "role"),
    Index(None, "state", "expires_at"),
    Index(None, "principal", "stock_key", "created_at"),
    Index(None, "principal", "state"),
)

request_key = Table(
    "request_key",
    metadata,
    Column("principal", String(200), primary_key=True),
    Column("idempotency_key", String(128), primary_key=True),
    Column("intent_id", String(40), ForeignKey("intent.intent_id"), nullable=False),
    Column("items_hash", String(64), nullable=False),
    Column("wish_hash", String(64), nullable=False),
)

line = Table(
    "line",
    metadata,
    Column("line_id", String(40), primary_key=True),
    Column("intent_id", String(40), ForeignKey("intent.intent_id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("version", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("attempt_id", String(40)),
    Column("request_hash", String(64)),
    Column("dispatched_at", Moment),
    Column("due_at", Moment, index=True),
    Column("negative_looks", Integer, nullable=False),
    Column("looked_at", Moment),
    Column("carrier_ref", String(200)),
    Column("error", Text),
    UniqueConstraint("intent_id", "position"),
)

open_line = Table(
    "open_line",
    metadata,
    Column("principal", String(200), primary_key=True),
    Column("provider", String(20), primary_key=True),
    Column("number", String(16), primary_key=True),
    Column("intent_id", String(40), ForeignKey("intent.intent_id"), nullable=False),
    Column("line_id", String(40), ForeignKey("line.line_id"), nullable=False, unique=True),
)

attempt = Table(
    "attempt",
    metadata,
    Column("attempt_id", String(40), primary_key=True),
    Column("line_id", String(40), ForeignKey("line.line_id"), nullable=False, index=True),
    Column("request_hash", String(64), nullable=False),
    Column("committed_at", Moment, nullable=False),
    Column("outcome", String(20)),
    Column("evidence", Text),
    Column("settled_at", Moment),
)

approval = Table(
    "approval",
    metadata,
    Column("approval_id", String(40), primary_key=True),
    Column("intent_id", String(40), ForeignKey("intent.intent_id"), nullable=False, unique=True),
    Column("digest", String(64), nullable=False),
    Column("level", String(20), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("person", String(200), nullable=False),
    Column("at", Moment, nullable=False),
)

statement = Table(
    "statement",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("purpose", String(10), nullable=False),
    Column("subject", String(80), nullable=False),
    Column("nonce", String(43), nullable=False, unique=True),
    Column("bytes", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Index(None, "purpose", "subject"),
)

signature = Table(
    "signature",
    metadata,
    Column("statement_seq", BigInteger, ForeignKey("statement.seq"), primary_key=True),
    Column("key_id", String(16), primary_key=True),
    Column("bytes", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

hold = Table(
    "hold",
    metadata,
    Column("line_id", String(40), ForeignKey("line.line_id"), primary_key=True),
    Column("budget", String(40), primary_key=True),
    Column("window", String(40), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("posted", BigInteger, nullable=False),
    Column("state", String(10), nullable=False),
    CheckConstraint("posted >= 0 AND posted <= amount", name="posted"),
    Index(None, "state", "budget", "window"),
)

balance = Table(
    "balance",
    metadata,
    Column("budget", String(40), primary_key=True),
    Column("window", String(40), primary_key=True),
    Column("held", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    CheckConstraint("held >= 0 AND used >= 0", name="positive"),
)

ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("entry_id", String(60), primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("line_id", String(40), index=True),
    Column("line_version", Integer),
    Column("intent_id", String(40)),
    Column("number_id", String(40), index=True),
    Column("effective_at", Moment, nullable=False, index=True),
    Column("recorded_at", Moment, nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("setup_micros", BigInteger, nullable=False),
    Column("monthly_micros", BigInteger, nullable=False),
    Column("provider", String(20), nullable=False),
    Column("account", String(80), nullable=False),
    Column("country", String(2), nullable=False),
    Column("type", String(20), nullable=False),
    Column("assistant_id", String(64)),
    Column("requester", String(200), nullable=False),
    Column("mandate_id", String(40)),
    Column("number", String(16), nullable=False),
)

number = Table(
    "number",
    metadata,
    Column("number_id", String(40), primary_key=True),
    Column("provider", String(20), nullable=False),
    Column("number", String(16), nullable=False, index=True),
    Column("state", String(20), nullable=False),
    Column("assistant_id", String(64)),
    Column("is_settled", Boolean, nullable=False),
    Column("is_priced", Boolean, nullable=False),
    Column("line_id", String(40), index=True),
    Column("version", Integer, nullable=False),
    Column("due_at", Moment, index=True),
    Column("document", Text, nullable=False),
)

requester = Table(
    "requester",
    metadata,
    Column("principal", String(200), primary_key=True),
    Column("turns", BigInteger, nullable=False),
)

provision = Table(
    "provision",
    metadata,
    Column("assistant_id", String(64), primary_key=True),
    Column("role", String(32), primary_key=True),
    Column("turns", BigInteger, nullable=False),
)

stop = Table(
    "stop",
    metadata,
    Column("principal", String(200), primary_key=True),
    Column("op", String(10), primary_key=True),
    Column("until", Moment, nullable=False),
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("owner", String(80), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("until", Moment, nullable=False),
)

page = Table(
    "page",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    CheckConstraint("id = 1", name="one"),
    Column("url", String(200)),
    Column("port", Integer),
    Column("owner", String(80)),
    Column("fence", BigInteger, nullable=False),
    Column("secret", String(64), nullable=False),
)

page_nonce = Table(
    "page_nonce",
    metadata,
    Column("nonce", String(64), primary_key=True),
    Column("intent_id", String(40), ForeignKey("intent.intent_id"), nullable=False, index=True),
    Column("digest", String(64), nullable=False),
    Column("statement", Text, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)

invitation = Table(
    "invitation",
    metadata,
    Column("invitation_id", String(40), primary_key=True),
    Column("person", String(32), nullable=False),
    Column("code_salt", String(32), nullable=False),
    Column("code_hash", String(64), nullable=False),
    Column("wrong", Integer, nullable=False),
    Column("challenge", String(43), nullable=False),
    Column("key", Text),
    Column("origin", String(260)),
    Column("expires_at", Moment, nullable=False),
)

used_nonce = Table(
    "used_nonce",
    metadata,
    Column("nonce", String(43), primary_key=True),
    Column("until", Moment, nullable=False, index=True),
)

carrier_list = Table(
    "carrier_list",
    metadata,
    Column("provider", String(20), primary_key=True),
    Column("account", String(80), primary_key=True),
    Column("read_at", Moment, nullable=False),
    Column("listed", Integer, nullable=False),
)


def append_only_ddl(table: str, dialect: str) -> list[str]:
    """Statements that make a table append-only, for migrations."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for verb in ("UPDATE", "DELETE")
        ] + [_no_replacement(table)]
    return [
        f"CREATE OR REPLACE FUNCTION {table}_append_only() RETURNS trigger AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$ LANGUAGE plpgsql",
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()",
    ]


def _no_replacement(table: str) -> str:
    """A trigger against `INSERT OR REPLACE`, which deletes the row in its way and asks no trigger for DELETE.

    It speaks like the constraint that would be gone round, so that a race which was lost is known as one.
    """
    columns = metadata.tables[table].columns
    key = " AND ".join(f"{c.name} = NEW.{c.name}" for c in columns if c.primary_key)
    is_there = " OR ".join([f"({key})", *(f"{c.name} = NEW.{c.name}" for c in columns if c.unique)])
    return (
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "  # noqa: S608  # our own names
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {is_there}) "
        f"BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint: {table} is append-only'); END"
    )
