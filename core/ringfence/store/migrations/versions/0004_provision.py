"""Roles: for which assistant and role an intent is, and a row for each such pair, by which callers take turns."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provision",
        sa.Column("assistant_id", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("turns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("assistant_id", "role", name=op.f("pk_provision")),
    )
    op.add_column("intent", sa.Column("assistant_id", sa.String(length=64), nullable=True))
    op.add_column("intent", sa.Column("role", sa.String(length=32), nullable=True))
    _say_for_whom()
    op.create_index(
        op.f("ix_intent_assistant_id_role"), "intent", ["assistant_id", "role"], unique=False
    )


def _say_for_whom() -> None:
    """Copy out of its terms whom an intent is for; before there were roles, every number was the main one."""
    connection = op.get_bind()
    for intent_id, terms in connection.execute(
        sa.text("SELECT intent_id, terms FROM intent")
    ).all():
        assistant_id = json.loads(terms).get("assistant_id")
        if assistant_id is not None:
            connection.execute(
                sa.text(
                    "UPDATE intent SET assistant_id = :assistant_id, role = 'main'"
                    " WHERE intent_id = :intent_id"
                ),
                {"assistant_id": assistant_id, "intent_id": intent_id},
            )
