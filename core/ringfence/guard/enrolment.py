"""Who may sign, changed: the root, a new key, a key that counts no longer. Each change is a signed statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from ringfence.approvers import (
    ApproverKey,
    KeyKind,
    Purpose,
    Signature,
    Statement,
    fingerprint,
)
from ringfence.errors import ConfigurationError, NotAuthorized, NotFound
from ringfence.guard import authority, consent, signatures
from ringfence.guard.authority import Authority
from ringfence.intents import Level
from ringfence.store import statements
from ringfence.store.statements import Signed
from ringfence.store.transaction import Transaction

TIME_TO_SIGN = timedelta(hours=24)
"""How long a change waits for everybody who has to sign it."""


@dataclass(frozen=True)
class Change:
    """A change of who may sign, and how far it has come."""

    statement: Statement
    needed: Level | None
    """What its signatures must prove together; None where only the recovery key can sign it."""
    is_in_force: bool


def root(tx: Transaction, recovery: ApproverKey, *, nonce: str) -> Statement:
    """The statement that makes a recovery key the root of this installation.

    Raises:
        ConfigurationError: there is a root already.
    """
    if statements.of_purposes(tx, [Purpose.ROOT]):
        raise ConfigurationError("This installation has its root; there is never another.")
    return _about(tx, Purpose.ROOT, recovery, Authority(), nonce=nonce)


def found(tx: Transaction, statement: Statement, signature: Signature) -> None:
    """Put a root in force and pin it, before anybody's signature can count.

    Raises:
        NotAuthorized: it is not signed by the key that it names.
        ConfigurationError: another root is there, or pinned.
    """
    if statements.of_purposes(tx, [Purpose.ROOT]):
        raise ConfigurationError("This installation has its root; there is never another.")
    key = authority.key_in(statement)
    if key.kind is not KeyKind.RECOVERY:
        raise NotAuthorized("Only a recovery key can be a root.")
    signatures.verify(key, Purpose.ROOT, statement.encoded, signature)
    tx.anchor.pin(tx.installation_id, fingerprint(bytes.fromhex(key.public_key)))
    statements.sign(tx, statements.add(tx, statement), signature)
    tx.audit(
        "authority.root",
        actor=key.person,
        subject=key.key_id,
        statement=statement.encoded.decode(),
    )


def enrolment(tx: Transaction, key: ApproverKey, *, nonce: str) -> Statement:
    """The statement that lets a key sign from now on.

    Raises:
        ConfigurationError: there is no root yet, or the key is enrolled.
        NotAuthorized: the key was revoked, or the chain of who may sign does not hold.
    """
    before = authority.read(tx)
    if before.recovery is None:
        raise ConfigurationError("There is no root yet: the first approver makes it.")
    if key.kind is KeyKind.RECOVERY:
        raise NotAuthorized("A recovery key is a root, and no approver's.")
    if key.key_id in before.keys:
        raise ConfigurationError(f"The key {key.key_id} is enrolled already.")
    if key.key_id in before.revoked:
        raise NotAuthorized(
            f"The key {key.key_id} was revoked, and never signs again.",
            remedy="Make a new one: ringfence approver enroll NAME",
        )
    return _about(tx, Purpose.ENROLL, key, before, nonce=nonce)


def revocation(tx: Transaction, key_id: str, *, nonce: str) -> Statement:
    """The statement after which a key counts no longer, nor does what it signed and was not sent yet.

    Raises:
        NotFound: no such key may sign.
        NotAuthorized: the chain of who may sign does not hold.
    """
    before = authority.read(tx)
    key = before.keys.get(key_id)
    if key is None:
        raise NotFound(
            f"No key {key_id} may sign here.", remedy="See who may: ringfence approver list"
        )
    return _about(tx, Purpose.REVOKE, key, before, nonce=nonce)


def _about(
    tx: Transaction, purpose: Purpose, key: ApproverKey, before: Authority, *, nonce: str
) -> Statement:
    return consent.make(
        tx,
        purpose,
        subject=key.key_id,
        body={
            "key": key.model_dump(mode="json", exclude_none=True),
            "before": before.head,
            "policy_version": tx.policy_version,
            "policy_hash": tx.policy.hash,
            "mode": tx.mode,
        },
        nonce=nonce,
        expires_at=tx.now + TIME_TO_SIGN,
    )


def change(tx: Transaction, statement: Statement, signed: Sequence[Signature]) -> Change:
    """Store signatures under an enrolment or a revocation, which is in force once they are enough.

    Raises:
        NotAuthorized: a signature does not count, or the statement is not the next one.
    """
    before = authority.read(tx)
    if statement.purpose not in {Purpose.ENROLL, Purpose.REVOKE}:
        raise NotAuthorized("This statement changes nothing about who may sign.")
    if not _is_next(tx, before, statement):
        raise NotAuthorized(
            "Who may sign has changed since this was made, or it has waited too long.",
            remedy="Make it anew and sign it again.",
        )
    consent.check_sound(tx, statement)
    seq = _place(tx, statement)
    for signature in signed:
        _check_signer(tx, before, statement, signature)
        statements.sign(tx, seq, signature)
    needed = authority.needed_to_change(before, tx.rules)
    is_in_force = authority.read(tx).head != before.head
    _audit(tx, statement, signed, is_in_force=is_in_force)
    return Change(statement, needed, is_in_force)


def _place(tx: Transaction, statement: Statement) -> int:
    """Where the statement is stored; it may wait there for its second signature."""
    for stored in waiting(tx):
        if stored.encoded == statement.encoded:
            return stored.seq
    consent.check_unused(tx, statement)
    return statements.add(tx, statement)


def _check_signer(
    tx: Transaction, before: Authority, statement: Statement, signature: Signature
) -> None:
    keys = dict(before.keys)
    if before.recovery is not None:
        keys[before.recovery.key_id] = before.recovery
    consent.check_key(tx, keys.get(signature.key_id), statement, signature)


def waiting(tx: Transaction) -> list[Signed]:
    """Changes that still need a signature, oldest first.

    Raises:
        NotAuthorized: the chain of who may sign does not hold.
    """
    before = authority.read(tx)
    return [
        signed
        for signed in statements.of_purposes(tx, [Purpose.ENROLL, Purpose.REVOKE])
        if _is_next(tx, before, authority.parse(signed)) and not statements.is_declined(tx, signed)
    ]


def _is_next(tx: Transaction, before: Authority, statement: Statement) -> bool:
    """Whether a statement may still be signed: about these approvers, under this policy, and in time.

    A statement that named an older policy would be judged by the levels of that one.
    """
    named = (statement.body.get("policy_version"), statement.body.get("policy_hash"))
    return (
        statement.body.get("before") == before.head
        and named == (tx.policy_version, tx.policy.hash)
        and tx.now < statement.expires_at <= statement.made_at + TIME_TO_SIGN
    )


def _audit(
    tx: Transaction, statement: Statement, signed: Sequence[Signature], *, is_in_force: bool
) -> None:
    word = "enrolled" if statement.purpose is Purpose.ENROLL else "revoked"
    tx.audit(
        f"approver.{word}" if is_in_force else f"approver.{word}.waits",
        actor=" ".join(signature.key_id for signature in signed),
        subject=statement.subject,
        statement=statement.encoded.decode(),
    )
