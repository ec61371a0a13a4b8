"""Invitations to make a passkey, and what the forms of the approval page have approvers sign."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invitation",
        sa.Column("invitation_id", sa.String(length=40), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("code_salt", sa.String(length=32), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("challenge", sa.String(length=43), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("invitation_id", name=op.f("pk_invitation")),
    )
    # Forms that were drawn before this are drawn again; they live for minutes.
    op.drop_table("page_nonce")
    op.create_table(
        "page_nonce",
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("intent_id", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["intent_id"], ["intent.intent_id"], name=op.f("fk_page_nonce_intent_id")
        ),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_page_nonce")),
    )
    op.create_index(op.f("ix_page_nonce_expires_at"), "page_nonce", ["expires_at"], unique=False)
    op.create_index(op.f("ix_page_nonce_intent_id"), "page_nonce", ["intent_id"], unique=False)
