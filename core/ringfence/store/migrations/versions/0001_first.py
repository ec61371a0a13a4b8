"""The first schema: installations, offers, intents, holds, the ledger, and the audit chain."""

import sqlalchemy as sa
from alembic import op

from ringfence.store.schema import append_only_ddl

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_event",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.String(length=40), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_event")),
        sa.UniqueConstraint("event_id", name=op.f("uq_audit_event_event_id")),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("frozen", sa.Text(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "balance",
        sa.Column("budget", sa.String(length=40), nullable=False),
        sa.Column("window", sa.String(length=40), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("held >= 0 AND used >= 0", name=op.f("ck_balance_positive")),
        sa.PrimaryKeyConstraint("budget", "window", name=op.f("pk_balance")),
    )
    op.create_table(
        "free_text",
        sa.Column("subject_id", sa.String(length=40), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_free_text")),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("installation_id", sa.String(length=40), nullable=False),
        sa.Column("mode", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("clock_offset_seconds", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_installation_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "intent",
        sa.Column("intent_id", sa.String(length=40), nullable=False),
        sa.Column("principal", sa.String(length=200), nullable=False),
        sa.Column("op", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("stock_key", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        sa.Column("quoted_at", sa.String(length=27), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.String(length=200), nullable=True),
        sa.Column("decided_level", sa.String(length=20), nullable=True),
        sa.Column("decline_reason", sa.String(length=20), nullable=True),
        sa.PrimaryKeyConstraint("intent_id", name=op.f("pk_intent")),
    )
    op.create_index(
        op.f("ix_intent_principal_stock_key_created_at"),
        "intent",
        ["principal", "stock_key", "created_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_intent_principal_state"), "intent", ["principal", "state"], unique=False
    )
    op.create_index(
        op.f("ix_intent_state_expires_at"), "intent", ["state", "expires_at"], unique=False
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("entry_id", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("line_id", sa.String(length=40), nullable=True),
        sa.Column("line_version", sa.Integer(), nullable=True),
        sa.Column("intent_id", sa.String(length=40), nullable=True),
        sa.Column("number_id", sa.String(length=40), nullable=True),
        sa.Column("effective_at", sa.String(length=27), nullable=False),
        sa.Column("recorded_at", sa.String(length=27), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("setup_micros", sa.BigInteger(), nullable=False),
        sa.Column("monthly_micros", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=80), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("assistant_id", sa.String(length=64), nullable=True),
        sa.Column("requester", sa.String(length=200), nullable=False),
        sa.Column("mandate_id", sa.String(length=40), nullable=True),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_ledger_entry")),
    )
    op.create_index(
        op.f("ix_ledger_entry_effective_at"), "ledger_entry", ["effective_at"], unique=False
    )
    op.create_index(op.f("ix_ledger_entry_line_id"), "ledger_entry", ["line_id"], unique=False)
    op.create_index(op.f("ix_ledger_entry_number_id"), "ledger_entry", ["number_id"], unique=False)
    op.create_table(
        "number",
        sa.Column("number_id", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("assistant_id", sa.String(length=64), nullable=True),
        sa.Column("is_settled", sa.Boolean(), nullable=False),
        sa.Column("is_priced", sa.Boolean(), nullable=False),
        sa.Column("line_id", sa.String(length=40), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.String(length=27), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number_id", name=op.f("pk_number")),
    )
    op.create_index(op.f("ix_number_due_at"), "number", ["due_at"], unique=False)
    op.create_index(op.f("ix_number_line_id"), "number", ["line_id"], unique=False)
    op.create_index(op.f("ix_number_number"), "number", ["number"], unique=False)
    op.create_table(
        "offer",
        sa.Column("offer_id", sa.String(length=40), nullable=False),
        sa.Column("principal", sa.String(length=200), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("offer_id", name=op.f("pk_offer")),
    )
    op.create_index(op.f("ix_offer_expires_at"), "offer", ["expires_at"], unique=False)
    op.create_table(
        "policy",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("applied_at", sa.String(length=27), nullable=False),
        sa.Column("applied_by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_policy")),
    )
    op.create_table(
        "reservation",
        sa.Column("reservation_id", sa.String(length=40), nullable=False),
        sa.Column("principal", sa.String(length=200), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("stock_id", sa.String(length=200), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        sa.Column("is_cancelled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("reservation_id", name=op.f("pk_reservation")),
    )
    op.create_index(
        op.f("ix_reservation_principal_provider_stock_id"),
        "reservation",
        ["principal", "provider", "stock_id"],
        unique=False,
    )
    op.create_table(
        "stop",
        sa.Column("principal", sa.String(length=200), nullable=False),
        sa.Column("op", sa.String(length=10), nullable=False),
        sa.Column("until", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("principal", "op", name=op.f("pk_stop")),
    )
    op.create_table(
        "approval",
        sa.Column("approval_id", sa.String(length=40), nullable=False),
        sa.Column("intent_id", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("level", sa.String(length=20), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["intent_id"], ["intent.intent_id"], name=op.f("fk_approval_intent_id")
        ),
        sa.PrimaryKeyConstraint("approval_id", name=op.f("pk_approval")),
        sa.UniqueConstraint("intent_id", name=op.f("uq_approval_intent_id")),
    )
    op.create_table(
        "line",
        sa.Column("line_id", sa.String(length=40), nullable=False),
        sa.Column("intent_id", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.String(length=40), nullable=True),
        sa.Column("request_hash", sa.String(length=64), nullable=True),
        sa.Column("dispatched_at", sa.String(length=27), nullable=True),
        sa.Column("due_at", sa.String(length=27), nullable=True),
        sa.Column("negative_looks", sa.Integer(), nullable=False),
        sa.Column("looked_at", sa.String(length=27), nullable=True),
        sa.Column("carrier_ref", sa.String(length=200), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["intent_id"], ["intent.intent_id"], name=op.f("fk_line_intent_id")
        ),
        sa.PrimaryKeyConstraint("line_id", name=op.f("pk_line")),
        sa.UniqueConstraint("intent_id", "position", name=op.f("uq_line_intent_id_position")),
    )
    op.create_index(op.f("ix_line_due_at"), "line", ["due_at"], unique=False)
    op.create_table(
        "request_key",
        sa.Column("principal", sa.String(length=200), nullable=False),
        sa.Column("idempotency_key", sa.String(length=128), nullable=False),
        sa.Column("intent_id", sa.String(length=40), nullable=False),
        sa.Column("items_hash", sa.String(length=64), nullable=False),
        sa.Column("wish_hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["intent_id"], ["intent.intent_id"], name=op.f("fk_request_key_intent_id")
        ),
        sa.PrimaryKeyConstraint("principal", "idempotency_key", name=op.f("pk_request_key")),
    )
    op.create_table(
        "attempt",
        sa.Column("attempt_id", sa.String(length=40), nullable=False),
        sa.Column("line_id", sa.String(length=40), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("committed_at", sa.String(length=27), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(["line_id"], ["line.line_id"], name=op.f("fk_attempt_line_id")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_attempt")),
    )
    op.create_index(op.f("ix_attempt_line_id"), "attempt", ["line_id"], unique=False)
    op.create_table(
        "hold",
        sa.Column("line_id", sa.String(length=40), nullable=False),
        sa.Column("budget", sa.String(length=40), nullable=False),
        sa.Column("window", sa.String(length=40), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("posted", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.CheckConstraint("posted >= 0 AND posted <= amount", name=op.f("ck_hold_posted")),
        sa.ForeignKeyConstraint(["line_id"], ["line.line_id"], name=op.f("fk_hold_line_id")),
        sa.PrimaryKeyConstraint("line_id", "budget", name=op.f("pk_hold")),
    )
    op.create_index(
        op.f("ix_hold_state_budget_window"), "hold", ["state", "budget", "window"], unique=False
    )
    op.create_table(
        "open_line",
        sa.Column("principal", sa.String(length=200), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("intent_id", sa.String(length=40), nullable=False),
        sa.Column("line_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["intent_id"], ["intent.intent_id"], name=op.f("fk_open_line_intent_id")
        ),
        sa.ForeignKeyConstraint(["line_id"], ["line.line_id"], name=op.f("fk_open_line_line_id")),
        sa.PrimaryKeyConstraint("principal", "provider", "number", name=op.f("pk_open_line")),
        sa.UniqueConstraint("line_id", name=op.f("uq_open_line_line_id")),
    )

    for table in ("approval", "audit_event", "ledger_entry", "policy"):
        for statement in append_only_ddl(table, op.get_bind().dialect.name):
            op.execute(statement)
