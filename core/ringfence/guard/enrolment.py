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
        NotAuthorized: the chain of who may sign does not hold.
    """
    before = authority.read(tx)
    if before.recovery is None:
        raise ConfigurationError("There is no root yet: the first approver makes it.")
    if key.kind is KeyKind.RECOVERY:
        raise NotAuthorized("A recovery key is a root, and no approver's.")
    if key.key_id in before.keys:
        raise ConfigurationError(f"The key {key.key_id} is enrolled already.")
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
    if statement.body.get("before") != before.head or tx.now >= statement.expires_at:
        raise NotAuthorized(
            "Who may sign has changed since this was made, or it has waited too long.",
            remedy="Make it anew and sign it again.",
        )
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
    return statements.add(tx, statement)


def _check_signer(
    tx: Transaction, before: Authority, statement: Statement, signature: Signature
) -> None:
    keys = dict(before.keys)
    if before.recovery is not None:
        keys[before.recovery.key_id] = before.recovery
    key = keys.get(signature.key_id)
    if key is None:
        raise NotAuthorized("The key is not one that may sign here.")
    signatures.verify(
        key,
        statement.purpose,
        statement.encoded,
        signature,
        last_count=statements.last_count(tx, key.key_id),
    )


def waiting(tx: Transaction) -> list[Signed]:
    """Changes that still need a signature, oldest first.

    Raises:
        NotAuthorized: the chain of who may sign does not hold.
    """
    head = authority.read(tx).head
    found_ = []
    for signed in statements.of_purposes(tx, [Purpose.ENROLL, Purpose.REVOKE]):
        statement = authority.parse(signed)
        if statement.body.get("before") == head and tx.now < statement.expires_at:
            found_.append(signed)
    return found_


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
