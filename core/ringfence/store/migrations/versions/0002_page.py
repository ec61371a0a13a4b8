"""The approval page: who serves it, and the one-time numbers of its forms."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "page",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("url", sa.String(length=200), nullable=True),
        sa.Column("port", sa.Integer(), nullable=True),
        sa.Column("owner", sa.String(length=80), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_page_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page")),
    )
    op.create_table(
        "page_nonce",
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("intent_id", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["intent_id"], ["intent.intent_id"], name=op.f("fk_page_nonce_intent_id")
        ),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_page_nonce")),
    )
    op.create_index(op.f("ix_page_nonce_expires_at"), "page_nonce", ["expires_at"], unique=False)
    op.create_index(op.f("ix_page_nonce_intent_id"), "page_nonce", ["intent_id"], unique=False)
