"""Invitations to make a passkey on the approval page: at most one at a time, and gone once it was answered or refused.

What is here is no authority. A key that lies with an invitation may sign nothing until an approver has let it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from ringfence.approvers import ApproverKey
from ringfence.store import schema
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class Invitation:
    """Somebody who may make a passkey for a while."""

    invitation_id: str
    person: str
    code_salt: str
    code_hash: str
    wrong: int
    """How many wrong codes were typed."""
    challenge: str
    """What the new passkey answers, base64url; only whoever knows the code is told."""
    key: ApproverKey | None
    """What was made; it may not sign yet."""
    expires_at: datetime


def present(tx: Transaction) -> Invitation | None:
    """The invitation there is; it may be over."""
    row = tx.connection.execute(select(schema.invitation)).one_or_none()
    if row is None:
        return None
    return Invitation(
        invitation_id=row.invitation_id,
        person=row.person,
        code_salt=row.code_salt,
        code_hash=row.code_hash,
        wrong=row.wrong,
        challenge=row.challenge,
        key=ApproverKey.model_validate_json(row.key) if row.key is not None else None,
        expires_at=row.expires_at,
    )


def put(tx: Transaction, invitation: Invitation) -> None:
    """Let this be the invitation; whatever was there is over."""
    tx.connection.execute(delete(schema.invitation))
    tx.connection.execute(
        insert(schema.invitation).values(
            invitation_id=invitation.invitation_id,
            person=invitation.person,
            code_salt=invitation.code_salt,
            code_hash=invitation.code_hash,
            wrong=invitation.wrong,
            challenge=invitation.challenge,
            key=None,
            expires_at=invitation.expires_at,
        )
    )


def count_wrong(tx: Transaction, invitation_id: str) -> None:
    """Count a wrong code."""
    table = schema.invitation
    tx.connection.execute(
        update(table).where(table.c.invitation_id == invitation_id).values(wrong=table.c.wrong + 1)
    )


def answer(tx: Transaction, invitation_id: str, key: ApproverKey) -> bool:
    """Keep the key that was made; False where one was kept before."""
    table = schema.invitation
    kept = tx.connection.execute(
        update(table)
        .where(table.c.invitation_id == invitation_id, table.c.key.is_(None))
        .values(key=key.model_dump_json(exclude_none=True))
    )
    return kept.rowcount == 1


def end(tx: Transaction, invitation_id: str) -> None:
    """Let an invitation be over."""
    tx.connection.execute(
        delete(schema.invitation).where(schema.invitation.c.invitation_id == invitation_id)
    )
