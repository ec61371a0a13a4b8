"""What can wait for signatures: how the changes of each purpose are found, told in words and put in force."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from ringfence.approvers import ApproverKey, KeyKind, Purpose, Signature, Statement
from ringfence.errors import NotAuthorized
from ringfence.guard import authority, enrolment, policy_chain, policy_change, ruling, rulings
from ringfence.guard.authority import Authority
from ringfence.guard.card import spelt
from ringfence.guard.policy_diff import Difference, differences, signed_anew
from ringfence.guard.rulings import Quarantine
from ringfence.intents import Level
from ringfence.policy import PolicyDocument, explain, parse_document
from ringfence.store.policies import document_hash
from ringfence.store.statements import Signed
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class Told:
    """What a change does, in words."""

    says: Sequence[str]
    differences: tuple[Difference, ...] = ()
    key: ApproverKey | None = None
    number: str | None = None


@dataclass(frozen=True)
class Kind:
    """How the changes of a purpose are found, told and signed."""

    waiting: Callable[[Transaction], list[Signed]]
    is_in_force: Callable[[Transaction, Authority, Statement], bool]
    tell: Callable[[Transaction, Statement, bool], Told]
    """In words, in which nothing is invisible; with what it would do now, where it waits."""
    needed: Callable[[Transaction, Authority, Statement], Level | None]
    sign: Callable[[Transaction, Statement, Signature, Quarantine], bool]
    """Whether it is in force with that."""
    same: Callable[[Statement], object]
    """Two changes that agree in this would do the same."""


# A policy.


def _is_policy_in_force(tx: Transaction, _who: Authority, statement: Statement) -> bool:
    """Whether it was put in force, and is part of the history."""
    version, before = policy_chain.place(statement)
    return (
        1 <= before < version <= tx.policy_version
        and tx.policy_of(version).hash == statement.body.get("hash")
        and tx.policy_of(before).hash == statement.body.get("before_hash")
    )


def _tell_policy(tx: Transaction, statement: Statement, waits: bool) -> Told:
    found = _differences(tx, statement)
    basis = policy_chain.basis_now(tx) if waits else None
    anew = signed_anew(_document_in(statement), basis) if basis else []
    says = [*_policy_says(found), *(f"signs anew: {each}" for each in anew)]
    return Told([spelt(each) for each in says], differences=found)


def _sign_policy(
    tx: Transaction, statement: Statement, signature: Signature, _quarantine: Quarantine
) -> bool:
    signer = authority.read(tx).keys.get(signature.key_id)
    applied_by = signer.person if signer else signature.key_id
    return policy_change.apply_signed(tx, statement, signature, applied_by=applied_by) is not None


def _document_in(statement: Statement) -> PolicyDocument:
    try:
        document = parse_document(statement.body.get("document"))
    except (ValidationError, ValueError) as error:
        raise NotAuthorized(f"The policy cannot be read: {explain(error)}") from error
    if document_hash(document) != statement.body.get("hash"):
        raise NotAuthorized("What would be signed is not the policy that comes with it.")
    return document


def _differences(tx: Transaction, statement: Statement) -> tuple[Difference, ...]:
    _, before = policy_chain.place(statement)
    if not 1 <= before <= tx.policy_version:
        raise NotAuthorized("The policy follows one that there never was.")
    basis = policy_chain.basis_now(tx) if before == tx.policy_version else None
    return differences(tx.policy_of(before).document, _document_in(statement), basis)


def _policy_says(found: Sequence[Difference]) -> list[str]:
    ordered = sorted(found, key=lambda each: each.is_free)
    return [f"{each.verb}: {each.says}" for each in ordered]


# Who may sign.


def _is_key_in_force(_tx: Transaction, who: Authority, statement: Statement) -> bool:
    return hashlib.sha256(statement.encoded).hexdigest() in who.heads


def _tell_key(_tx: Transaction, statement: Statement, _waits: bool) -> Told:
    key = authority.key_in(statement)
    return Told([spelt(_key_says(statement.purpose, key))], key=key)


def _sign_key(
    tx: Transaction, statement: Statement, signature: Signature, _quarantine: Quarantine
) -> bool:
    return enrolment.change(tx, statement, [signature]).is_in_force


def _key_says(purpose: Purpose, key: ApproverKey) -> str:
    where = f" made at {key.origin}" if key.origin else ""
    kind = "passkey" if key.kind is KeyKind.PASSKEY else f"{key.kind} key"
    if purpose is Purpose.ENROLL:
        return f"{key.person} may sign from now on, with the {kind} {key.key_id}{where}"
    return (
        f"the {kind} {key.key_id} of {key.person}{where} signs no longer; what it signed and was not sent yet is "
        "void"
    )


# A ruling.


def _is_ruling_written(tx: Transaction, _who: Authority, statement: Statement) -> bool:
    return rulings.is_written(tx, statement)


def _tell_ruling(tx: Transaction, statement: Statement, waits: bool) -> Told:
    number, says = rulings.tell(tx, statement, waits=waits)
    return Told(says, number=number)


# What each purpose needs.


def _needed_to_change(tx: Transaction, who: Authority, _statement: Statement) -> Level | None:
    return authority.needed_to_change(who, tx.rules)


_KEY = Kind(
    enrolment.waiting,
    _is_key_in_force,
    _tell_key,
    _needed_to_change,
    _sign_key,
    same=lambda statement: statement.body.get("key"),
)
_RULING = Kind(
    rulings.waiting,
    _is_ruling_written,
    _tell_ruling,
    rulings.needed,
    rulings.sign,
    same=lambda statement: (statement.subject, ruling.without_words(statement.body)),
)
KINDS: Mapping[Purpose, Kind] = {
    Purpose.POLICY: Kind(
        policy_change.waiting,
        _is_policy_in_force,
        _tell_policy,
        _needed_to_change,
        _sign_policy,
        same=lambda statement: statement.body.get("hash"),
    ),
    Purpose.ENROLL: _KEY,
    Purpose.REVOKE: _KEY,
    Purpose.RESOLVE: _RULING,
    Purpose.ADJUST: _RULING,
}
"""What can wait for signatures; everything else is signed by one person, at once."""
