"""Stored policies, and the freeze: what is authority, and whether it is suspended."""

from __future__ import annotations

import hashlib

import rfc8785
from sqlalchemy import insert, update

from ringfence.policy import Policy, PolicyDocument
from ringfence.store import schema
from ringfence.store.transaction import Transaction


def document_hash(document: PolicyDocument) -> str:
    """SHA-256 over the canonical form of a policy document, in hexadecimal."""
    return hashlib.sha256(
        b"ringfence/policy/v1" + rfc8785.dumps(document.model_dump(mode="json"))
    ).hexdigest()


def add(tx: Transaction, document: PolicyDocument, *, applied_by: str) -> Policy:
    """Put a policy in force as the next version."""
    policy = Policy(
        version=tx.policy_version + 1,
        document=document,
        hash=document_hash(document),
        applied_at=tx.now,
        applied_by=applied_by,
    )
    tx.connection.execute(
        insert(schema.policy).values(
            version=policy.version,
            document=document.model_dump_json(),
            hash=policy.hash,
            applied_at=policy.applied_at,
            applied_by=applied_by,
        )
    )
    tx.connection.execute(update(schema.audit_head).values(policy_version=policy.version))
    tx.put_in_force(policy.version)
    return policy


def set_frozen(tx: Transaction, reason: str | None) -> None:
    """Freeze with a reason, or lift the freeze."""
    tx.connection.execute(update(schema.audit_head).values(frozen=reason))
    tx.frozen = reason
