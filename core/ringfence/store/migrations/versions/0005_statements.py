"""Signed statements, and the signatures under them."""

import sqlalchemy as sa
from alembic import op

from ringfence.store.schema import append_only_ddl

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "statement",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("purpose", sa.String(length=10), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("nonce", sa.String(length=43), nullable=False),
        sa.Column("bytes", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_statement")),
        sa.UniqueConstraint("nonce", name=op.f("uq_statement_nonce")),
    )
    op.create_index(
        op.f("ix_statement_purpose_subject"), "statement", ["purpose", "subject"], unique=False
    )
    op.create_table(
        "signature",
        sa.Column("statement_seq", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("bytes", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["statement_seq"], ["statement.seq"], name=op.f("fk_signature_statement_seq")
        ),
        sa.PrimaryKeyConstraint("statement_seq", "key_id", name=op.f("pk_signature")),
    )
    for table in ("statement", "signature"):
        for statement in append_only_ddl(table, op.get_bind().dialect.name):
            op.execute(statement)
