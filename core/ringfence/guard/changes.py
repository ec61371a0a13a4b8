"""Changes that wait until enough people have signed: a looser policy, an enrolment, a revocation, a ruling.

A change is a stored statement, and its place is its name: `change-7`. Anybody at the terminal may propose one, which
changes nothing, and anybody may decline one, which ends it for good; only approvers put one in force.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ringfence.approvers import ApproverKey, Purpose, Signature, Statement
from ringfence.errors import ConfigurationError, Declined, Expired, NotAuthorized, NotFound
from ringfence.guard import (
    authority,
    consent,
    enrolment,
    live_rules,
    policy_change,
    ruling,
    telling,
)
from ringfence.guard.authority import Authority
from ringfence.guard.card import spelt
from ringfence.guard.change_kinds import KINDS
from ringfence.guard.policy_diff import Difference
from ringfence.guard.rulings import Quarantine, longest_quarantine
from ringfence.intents import Level
from ringfence.policy import PolicyDocument
from ringfence.store import statements
from ringfence.store.audit import Words
from ringfence.store.statements import CHANGE, Signed
from ringfence.store.transaction import Transaction

MAX_PROPOSED = 20
"""Changes that may be proposed, and signed by nobody, within the time that one waits; more would bury the others."""
TIME_TO_WAIT = max(policy_change.TIME_TO_SIGN, enrolment.TIME_TO_SIGN, ruling.TIME_TO_SIGN)


class ChangeState(StrEnum):
    """How far a change has come."""

    WAITING = "waiting"
    IN_FORCE = "in_force"
    DECLINED = "declined"
    EXPIRED = "expired"
    OVERTAKEN = "overtaken"
    """Another change came first, so that this one would no longer do what it says."""


@dataclass(frozen=True)
class Change:
    """One change, in words and as it is signed."""

    change_id: str
    purpose: Purpose
    subject: str
    """A policy's place (`policy 3`), a key's id, or that of a line or a number."""
    says: tuple[str, ...]
    """What it does, one thing a line, with whatever loosens first; nothing in it is invisible."""
    differences: tuple[Difference, ...]
    """How a policy differs from the one that it follows; empty for everything else."""
    key: ApproverKey | None
    """The key that is enrolled or revoked; None for everything else."""
    number: str | None
    """The number that a ruling is about; None for everything else."""
    signers: tuple[ApproverKey, ...]
    """Whose signatures under it count now, in the order in which they signed."""
    needed: Level | None
    """What the signatures must prove together; None where no approver can sign."""
    made_at: datetime
    until: datetime
    state: ChangeState
    statement: Statement
    """What is signed."""

    @property
    def signed_by(self) -> tuple[str, ...]:
        """The people who have signed it, each once."""
        return tuple(dict.fromkeys(key.person for key in self.signers))

    @property
    def title(self) -> str:
        """Which one of its kind it is: `version 3`, a person, a number."""
        if self.key is not None:
            return spelt(self.key.person)
        return self.number or f"version {self.subject.removeprefix('policy ')}"

    @property
    def name(self) -> str:
        """What it is called wherever it waits: `policy, version 3`."""
        return telling.CHANGES[self.purpose].format(self.title)


def waiting(tx: Transaction) -> list[Change]:
    """Every change that approvers may sign now, oldest first.

    Raises:
        NotAuthorized: the chain of who may sign does not hold.
    """
    found = [signed for kind in dict.fromkeys(KINDS.values()) for signed in kind.waiting(tx)]
    who = authority.read(tx)
    told = []
    for signed in sorted(found, key=lambda each: each.seq):
        with suppress(NotAuthorized):  # what cannot be told is signed by nobody
            told.append(_told(tx, who, signed, ChangeState.WAITING))
    return told


def get(tx: Transaction, change_id: str) -> Change:
    """One change, whatever has become of it.

    Raises:
        NotFound: there is none of that name.
        NotAuthorized: the chain of who may sign does not hold, or the statement cannot be read.
    """
    signed = _stored(tx, change_id)
    who = authority.read(tx)
    return _told(tx, who, signed, _state(tx, who, signed))


def of(tx: Transaction, statement: Statement) -> Change:
    """The change that a stored statement makes.

    Raises:
        NotFound: it is not stored.
    """
    for signed in statements.about(tx, statement.purpose, statement.subject):
        if signed.encoded == statement.encoded:
            return get(tx, signed.change_id)
    raise NotFound("There is no such change.", remedy="See what waits: ringfence pending")


def is_change(name: str) -> bool:
    """Whether somebody means a change by this name, and no intent."""
    return name.startswith(CHANGE)


# Proposed, signed, declined.


def propose_policy(tx: Transaction, document: PolicyDocument, *, nonce: str, by: str) -> Change:
    """Let a policy wait for the approvers; nothing changes until they have signed it.

    The same policy proposed again is the change that waits already.

    Raises:
        ConfigurationError: it needs no signature, no live installation may have it, nobody can sign, or too many
            wait.
    """
    live_rules.check_fit(tx, document)
    if not policy_change.needs_signing(tx, document):
        raise ConfigurationError(
            "This policy needs no signature.",
            remedy="Put it in force without --propose: ringfence policy apply FILE",
        )
    return _proposed(tx, policy_change.proposal(tx, document, nonce=nonce), by=by)


def propose_enrolment(tx: Transaction, key: ApproverKey, *, nonce: str, by: str) -> Change:
    """Let a new key wait for the approvers; it may sign nothing until they have signed for it.

    Raises:
        ConfigurationError: there is no root, the key is enrolled, nobody can sign, or too many wait.
    """
    return _proposed(tx, enrolment.enrolment(tx, key, nonce=nonce), by=by)


def propose_revocation(tx: Transaction, key_id: str, *, nonce: str, by: str) -> Change:
    """Let a revocation wait for the approvers; the key may sign until then.

    Raises:
        NotFound: no such key may sign.
        ConfigurationError: too many wait.
    """
    return _proposed(tx, enrolment.revocation(tx, key_id, nonce=nonce), by=by)


def propose_ruling(  # what is said, of what, and by whom
    tx: Transaction,
    purpose: Purpose,
    subject: str,
    body: Mapping[str, Any],
    words: Words,
    *,
    by: str,
) -> Change:
    """Let a ruling wait for the approvers, with the words that were said for it; nothing is written until then.

    The same ruling proposed again is the change that waits already, with the words that were said first.

    Raises:
        ConfigurationError: it needs no signature here, nobody can sign, or too many wait.
    """
    if not ruling.needs_signing(tx):
        raise ConfigurationError(
            "This needs no signature here.", remedy="Say the same without --propose, in a terminal."
        )
    return _proposed(tx, ruling.make(tx, purpose, subject, body, words), by=by, words=words)


def sign(
    tx: Transaction,
    change_id: str,
    signature: Signature,
    *,
    quarantine: Quarantine = longest_quarantine,
) -> Change:
    """Store an approver's signature under a change, and put it in force once they are enough.

    Raises:
        NotFound: there is none of that name.
        Declined, Expired: it waits no longer.
        NotAuthorized: the signature does not count, that key has signed already, or another change came first.
        PolicyRefused: it says of a line that nothing was done, which may still be done.
    """
    change = get(tx, change_id)
    _check_waits(change)
    if signature.key_id in {key.key_id for key in change.signers}:
        raise NotAuthorized(
            f"The key {signature.key_id} has signed {change_id} already.",
            remedy=f"Another person signs it as well: {signing_command(change)}",
        )
    is_in_force = KINDS[change.purpose].sign(tx, change.statement, signature, quarantine)
    signed = _stored(tx, change_id)
    state = ChangeState.IN_FORCE if is_in_force else ChangeState.WAITING
    return _told(tx, authority.read(tx), signed, state)


def decline(tx: Transaction, change_id: str, *, actor: str) -> Change:
    """End a change for good: whoever wants it after all proposes it anew.

    It needs no signature, since it only takes away, and it undoes nothing that is in force.

    Raises:
        NotFound: there is none of that name.
        Declined, Expired: it waits no longer.
        NotAuthorized: it is in force, or another change came first.
    """
    change = get(tx, change_id)
    _check_waits(change)
    said = consent.make(
        tx,
        Purpose.DECLINE,
        subject=change_id,
        body={"statement": hashlib.sha256(change.statement.encoded).hexdigest()},
        nonce=consent.fresh_nonce(),
        expires_at=change.until,
    )
    statements.add(tx, said)
    tx.audit(
        "change.declined",
        actor=actor,
        subject=change_id,
        statement=change.statement.encoded.decode(),
    )
    return get(tx, change_id)


def signing_command(change: Change) -> str:
    """How a person signs it in a terminal."""
    return f"ringfence approve {change.change_id}"


def _proposed(
    tx: Transaction, statement: Statement, *, by: str, words: Words | None = None
) -> Change:
    """Store a statement that nobody has signed, unless one waits that would do the same."""
    check_can_wait(tx)
    same = KINDS[statement.purpose].same
    for change in waiting(tx):
        if change.purpose is statement.purpose and same(change.statement) == same(statement):
            return change
    _check_room(tx)
    seq = ruling.propose(tx, statement, words) if words else statements.add(tx, statement)
    tx.audit(
        "change.proposed", actor=by, subject=f"{CHANGE}{seq}", statement=statement.encoded.decode()
    )
    return get(tx, f"{CHANGE}{seq}")


def check_can_wait(tx: Transaction) -> None:
    """Check that somebody could sign what waits.

    Raises:
        ConfigurationError: nobody can.
        NotAuthorized: the chain of who may sign does not hold.
    """
    if authority.read(tx).strongest is None:
        raise ConfigurationError(
            "Nobody may sign here, so nothing can wait for a signature.",
            remedy="Enrol an approver first: ringfence approver enroll NAME",
        )


def _check_room(tx: Transaction) -> None:
    """Those that were declined or overtaken count as well: else declining would make room without end."""
    since: timedelta = TIME_TO_WAIT
    unsigned = [
        signed
        for signed in statements.of_purposes(tx, KINDS)
        if not signed.signatures and authority.parse(signed).made_at > tx.now - since
    ]
    if len(unsigned) >= MAX_PROPOSED:
        raise ConfigurationError(
            f"{len(unsigned)} changes were proposed and signed by nobody; {MAX_PROPOSED} may be in a day.",
            remedy="Sign those that are right, or wait a day. Whoever can sign needs no proposal.",
        )


def _check_waits(change: Change) -> None:
    name = change.change_id
    if change.state is ChangeState.DECLINED:
        raise Declined(
            f"{name} was declined, which is final.",
            remedy="Propose it anew, if it is wanted after all.",
        )
    if change.state is ChangeState.EXPIRED:
        raise Expired(f"{name} has waited too long.", remedy="Propose it anew.")
    if change.state is ChangeState.IN_FORCE:
        raise NotAuthorized(f"{name} is in force already.", remedy="There is nothing left to sign.")
    if change.state is ChangeState.OVERTAKEN:
        why = f"Another change came before {name}"
        if change.number is not None:
            why = f"What {name} is about has changed since"
        raise NotAuthorized(
            f"{why}, so it would no longer do what it says.",
            remedy="Look at how things are now, and propose it anew.",
        )


# What is stored, told.


def _stored(tx: Transaction, change_id: str) -> Signed:
    place = re.fullmatch(rf"{CHANGE}([1-9][0-9]{{0,17}})", change_id)
    signed = statements.at(tx, int(place[1])) if place else None
    if signed is None or signed.purpose not in KINDS:
        raise NotFound(
            f"There is no change {change_id[:40]}.", remedy="See what waits: ringfence pending"
        )
    return signed


def _state(tx: Transaction, who: Authority, signed: Signed) -> ChangeState:
    statement, kind = authority.parse(signed), KINDS[signed.purpose]
    if kind.is_in_force(tx, who, statement):
        return ChangeState.IN_FORCE
    if statements.is_declined(tx, signed):
        return ChangeState.DECLINED
    if tx.now >= statement.expires_at:
        return ChangeState.EXPIRED
    is_waiting = signed.seq in {each.seq for each in kind.waiting(tx)}
    return ChangeState.WAITING if is_waiting else ChangeState.OVERTAKEN


def _told(tx: Transaction, who: Authority, signed: Signed, state: ChangeState) -> Change:
    statement = authority.parse(signed)
    kind = KINDS[signed.purpose]
    told = kind.tell(tx, statement, state is ChangeState.WAITING)
    return Change(
        change_id=signed.change_id,
        purpose=signed.purpose,
        subject=spelt(statement.subject),
        says=tuple(told.says),
        differences=told.differences,
        key=told.key,
        number=told.number,
        signers=tuple(authority.valid_signers(who, signed)),
        needed=kind.needed(tx, who, statement),
        made_at=statement.made_at,
        until=statement.expires_at,
        state=state,
        statement=statement,
    )
