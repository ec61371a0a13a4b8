"""Changes of authority that wait: a looser policy, an enrolment, a revocation, until enough people have signed.

A change is a stored statement, and its place is its name: `change-7`. Anybody at the terminal may propose one, which
changes nothing, and anybody may decline one, which ends it for good; only approvers put one in force.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import ValidationError

from ringfence.approvers import ApproverKey, KeyKind, Purpose, Signature, Statement
from ringfence.errors import ConfigurationError, Declined, Expired, NotAuthorized, NotFound
from ringfence.guard import authority, consent, enrolment, policy_chain, policy_change
from ringfence.guard.authority import Authority
from ringfence.guard.card import spelt
from ringfence.guard.policy_diff import Difference, differences, signed_anew
from ringfence.intents import Level
from ringfence.policy import PolicyDocument, explain, parse_document
from ringfence.store import statements
from ringfence.store.policies import document_hash
from ringfence.store.statements import CHANGE, Signed
from ringfence.store.transaction import Transaction

PURPOSES = (Purpose.POLICY, Purpose.ENROLL, Purpose.REVOKE)
"""What can wait for a second signature; everything else is signed by one person, at once."""
MAX_PROPOSED = 20
"""Changes that may be proposed, and signed by nobody, within the time that one waits; more would bury the others."""
TIME_TO_WAIT = max(policy_change.TIME_TO_SIGN, enrolment.TIME_TO_SIGN)


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
    """One change of authority, in words and as it is signed."""

    change_id: str
    purpose: Purpose
    subject: str
    """A policy's place (`policy 3`), or a key's id."""
    says: tuple[str, ...]
    """What it does, one thing a line, with whatever loosens first; nothing in it is invisible."""
    differences: tuple[Difference, ...]
    """How a policy differs from the one that it follows; empty for everything else."""
    key: ApproverKey | None
    """The key that is enrolled or revoked; None for a policy."""
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


def waiting(tx: Transaction) -> list[Change]:
    """Every change that approvers may sign now, oldest first.

    Raises:
        NotAuthorized: the chain of who may sign does not hold.
    """
    found = [*enrolment.waiting(tx), *policy_change.waiting(tx)]
    who = authority.read(tx)
    return [
        _told(tx, who, signed, ChangeState.WAITING)
        for signed in sorted(found, key=lambda each: each.seq)
        if _is_readable(signed)
    ]


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
        ConfigurationError: it needs no signature, nobody can sign, or too many wait.
    """
    if not policy_change.needs_signing(tx, document):
        raise ConfigurationError(
            "This policy needs no signature.",
            remedy="Put it in force without --propose: ringfence policy apply FILE",
        )
    return _proposed(tx, policy_change.proposal(tx, document, nonce=nonce), "hash", by=by)


def propose_enrolment(tx: Transaction, key: ApproverKey, *, nonce: str, by: str) -> Change:
    """Let a new key wait for the approvers; it may sign nothing until they have signed for it.

    Raises:
        ConfigurationError: there is no root, the key is enrolled, nobody can sign, or too many wait.
    """
    return _proposed(tx, enrolment.enrolment(tx, key, nonce=nonce), "key", by=by)


def propose_revocation(tx: Transaction, key_id: str, *, nonce: str, by: str) -> Change:
    """Let a revocation wait for the approvers; the key may sign until then.

    Raises:
        NotFound: no such key may sign.
        ConfigurationError: too many wait.
    """
    return _proposed(tx, enrolment.revocation(tx, key_id, nonce=nonce), "key", by=by)


def sign(tx: Transaction, change_id: str, signature: Signature) -> Change:
    """Store an approver's signature under a change, and put it in force once they are enough.

    Raises:
        NotFound: there is none of that name.
        Declined, Expired: it waits no longer.
        NotAuthorized: the signature does not count, that key has signed already, or another change came first.
    """
    change = get(tx, change_id)
    _check_waits(change)
    if signature.key_id in {key.key_id for key in change.signers}:
        raise NotAuthorized(
            f"The key {signature.key_id} has signed {change_id} already.",
            remedy=f"Another person signs it as well: {signing_command(change)}",
        )
    if change.purpose is Purpose.POLICY:
        signer = authority.read(tx).keys.get(signature.key_id)
        applied_by = signer.person if signer else signature.key_id
        policy_change.apply_signed(tx, change.statement, signature, applied_by=applied_by)
    else:
        enrolment.change(tx, change.statement, [signature])
    return get(tx, change_id)


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


def _proposed(tx: Transaction, statement: Statement, same: str, *, by: str) -> Change:
    """Store a statement that nobody has signed, unless one waits that would do the same."""
    check_can_wait(tx)
    for change in waiting(tx):
        is_same = change.statement.body.get(same) == statement.body[same]
        if change.purpose is statement.purpose and is_same:
            return change
    _check_room(tx)
    seq = statements.add(tx, statement)
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
        for signed in statements.of_purposes(tx, PURPOSES)
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
        raise NotAuthorized(
            f"Another change came before {name}, so it would no longer do what it says.",
            remedy="Look at how things are now, and propose it anew.",
        )


# What is stored, told.


def _stored(tx: Transaction, change_id: str) -> Signed:
    place = re.fullmatch(rf"{CHANGE}([1-9][0-9]{{0,17}})", change_id)
    signed = statements.at(tx, int(place[1])) if place else None
    if signed is None or signed.purpose not in PURPOSES:
        raise NotFound(
            f"There is no change {change_id[:40]}.", remedy="See what waits: ringfence pending"
        )
    return signed


def _state(tx: Transaction, who: Authority, signed: Signed) -> ChangeState:
    statement = authority.parse(signed)
    if _is_in_force(tx, who, statement):
        return ChangeState.IN_FORCE
    if statements.is_declined(tx, signed):
        return ChangeState.DECLINED
    if tx.now >= statement.expires_at:
        return ChangeState.EXPIRED
    still = policy_change if signed.purpose is Purpose.POLICY else enrolment
    is_waiting = signed.seq in {each.seq for each in still.waiting(tx)}
    return ChangeState.WAITING if is_waiting else ChangeState.OVERTAKEN


def _is_in_force(tx: Transaction, who: Authority, statement: Statement) -> bool:
    """Whether it was put in force, and is part of the history."""
    if statement.purpose is not Purpose.POLICY:
        return hashlib.sha256(statement.encoded).hexdigest() in who.heads
    version, before = policy_chain.place(statement)
    return (
        1 <= before < version <= tx.policy_version
        and tx.policy_of(version).hash == statement.body.get("hash")
        and tx.policy_of(before).hash == statement.body.get("before_hash")
    )


def _is_readable(signed: Signed) -> bool:
    """What cannot be told cannot be signed: somebody else has written it."""
    try:
        statement = authority.parse(signed)
        _document_in(statement) if signed.purpose is Purpose.POLICY else authority.key_in(statement)
    except NotAuthorized:
        return False
    return True


def _document_in(statement: Statement) -> PolicyDocument:
    try:
        document = parse_document(statement.body.get("document"))
    except (ValidationError, ValueError) as error:
        raise NotAuthorized(f"The policy cannot be read: {explain(error)}") from error
    if document_hash(document) != statement.body.get("hash"):
        raise NotAuthorized("What would be signed is not the policy that comes with it.")
    return document


def _told(tx: Transaction, who: Authority, signed: Signed, state: ChangeState) -> Change:
    statement = authority.parse(signed)
    found: tuple[Difference, ...] = ()
    key = None
    if signed.purpose is Purpose.POLICY:
        found = _differences(tx, statement)
        basis = policy_chain.basis_now(tx) if state is ChangeState.WAITING else None
        anew = signed_anew(_document_in(statement), basis) if basis else []
        says = [*_policy_says(found), *(f"signs anew: {each}" for each in anew)]
    else:
        key = authority.key_in(statement)
        says = [_key_says(signed.purpose, key)]
    return Change(
        change_id=signed.change_id,
        purpose=signed.purpose,
        subject=spelt(statement.subject),
        says=tuple(map(spelt, says)),
        differences=found,
        key=key,
        signers=tuple(authority.valid_signers(who, signed)),
        needed=authority.needed_to_change(who, tx.rules),
        made_at=statement.made_at,
        until=statement.expires_at,
        state=state,
        statement=statement,
    )


def _differences(tx: Transaction, statement: Statement) -> tuple[Difference, ...]:
    _, before = policy_chain.place(statement)
    if not 1 <= before <= tx.policy_version:
        raise NotAuthorized("The policy follows one that there never was.")
    basis = policy_chain.basis_now(tx) if before == tx.policy_version else None
    return differences(tx.policy_of(before).document, _document_in(statement), basis)


def _policy_says(found: Sequence[Difference]) -> list[str]:
    ordered = sorted(found, key=lambda each: each.is_free)
    return [f"{each.verb}: {each.says}" for each in ordered]


def _key_says(purpose: Purpose, key: ApproverKey) -> str:
    where = f" made at {key.origin}" if key.origin else ""
    kind = "passkey" if key.kind is KeyKind.PASSKEY else f"{key.kind} key"
    if purpose is Purpose.ENROLL:
        return f"{key.person} may sign from now on, with the {kind} {key.key_id}{where}"
    return (
        f"the {kind} {key.key_id} of {key.person}{where} signs no longer; what it signed and was not sent yet is "
        "void"
    )
