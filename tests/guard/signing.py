"""People who sign in tests, with keys of their own; they go through the same doors as anybody."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from guard.authenticator import Passkey
from house import House
from ringfence.approvers import ApproverKey, KeyKind, Signature, Statement
from ringfence.guard import approval, consent, enrolment
from ringfence.guard.card import card, read_facts
from ringfence.intents import Intent
from ringfence.store.anchor import FolderAnchor
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class Signer:
    """Somebody with a private key."""

    person: str
    kind: KeyKind = KeyKind.PASSPHRASE
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def key(self) -> ApproverKey:
        public = self.private.public_key().public_bytes_raw().hex()
        return ApproverKey(person=self.person, kind=self.kind, public_key=public)

    def sign(self, statement: Statement) -> Signature:
        signed = self.private.sign(statement.challenge).hex()
        return Signature(key_id=self.key.key_id, ed25519=signed)


Somebody = Signer | Passkey
S = TypeVar("S", Signer, Passkey)


def anchored(house: House, folder: Path) -> House:
    """The house with an anchor outside its folder."""
    house.store.anchor = FolderAnchor(folder)
    return house


def found(house: House) -> Signer:
    """Make the root; its recovery key."""
    recovery = Signer("root", KeyKind.RECOVERY)

    def write(tx: Transaction) -> None:
        statement = enrolment.root(tx, recovery.key, nonce=consent.fresh_nonce())
        enrolment.found(tx, statement, recovery.sign(statement))

    house.write(write)
    return recovery


def enroll(house: House, who: S, *by: Somebody) -> S:
    """Let somebody sign from now on, as the others signed."""

    def write(tx: Transaction) -> None:
        statement = enrolment.enrolment(tx, who.key, nonce=consent.fresh_nonce())
        assert enrolment.change(tx, statement, [each.sign(statement) for each in by]).is_in_force

    house.write(write)
    return who


def revoke(house: House, who: Somebody, *by: Somebody) -> None:
    """Let somebody sign no longer."""

    def write(tx: Transaction) -> None:
        statement = enrolment.revocation(tx, who.key.key_id, nonce=consent.fresh_nonce())
        assert enrolment.change(tx, statement, [each.sign(statement) for each in by]).is_in_force

    house.write(write)


def statement_for(house: House, intent: Intent) -> Statement:
    """What somebody would sign who looks at the card now."""

    def make(tx: Transaction) -> Statement:
        shown = card(read_facts(tx, intent.intent_id))
        facts = approval.existing(tx, intent.intent_id)
        return consent.about(tx, facts, card=shown, nonce=consent.fresh_nonce())

    statement: Statement = house.read(make)
    return statement


def approve(house: House, intent: Intent, who: Somebody) -> Intent:
    """Sign what the card shows."""
    statement = statement_for(house, intent)
    return hand_in(house, intent, statement, who.sign(statement))


def hand_in(house: House, intent: Intent, statement: Statement, signature: Signature) -> Intent:
    """Hand a signed statement in."""
    approved: Intent = house.write(
        lambda tx: approval.approve_signed(
            tx, intent.intent_id, statement, signature, channel="terminal"
        )
    )
    return approved
