"""Nonces that came back to the page away from this machine, and where an invitation is answered."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("invitation", sa.Column("origin", sa.String(length=260), nullable=True))
    op.create_table(
        "used_nonce",
        sa.Column("nonce", sa.String(length=43), nullable=False),
        sa.Column("until", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_used_nonce")),
    )
    op.create_index(op.f("ix_used_nonce_until"), "used_nonce", ["until"], unique=False)
