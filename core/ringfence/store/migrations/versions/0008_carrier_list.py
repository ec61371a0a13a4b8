"""When the complete list of a carrier account was last read and compared."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "carrier_list",
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=80), nullable=False),
        sa.Column("read_at", sa.String(length=27), nullable=False),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "account", name=op.f("pk_carrier_list")),
    )
