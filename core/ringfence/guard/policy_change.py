"""Changing the policy: a new version, with every balance counted anew under it."""

from __future__ import annotations

from datetime import timedelta

from ringfence.approvers import Purpose, Signature, Statement
from ringfence.errors import NotAuthorized
from ringfence.guard import authority, consent, live_rules
from ringfence.guard.books import refold
from ringfence.guard.policy_chain import basis_now, is_loosening, place
from ringfence.guard.policy_diff import Difference, differences
from ringfence.guard.proposal import holds_for
from ringfence.guard.windows import RENEWALS, keep_up
from ringfence.intents import Op
from ringfence.policy import Policy, PolicyDocument, parse_document
from ringfence.states import ENDED_LINES
from ringfence.store import balances, intents, ledger, policies, statements
from ringfence.store.statements import Signed
from ringfence.store.transaction import Transaction

TIME_TO_SIGN = timedelta(hours=24)
"""How long a policy waits for everybody who has to sign it."""


def apply(tx: Transaction, document: PolicyDocument, *, applied_by: str) -> Policy:
    """Put a policy in force; in a live installation one that only tightens.

    Holds of open lines are made anew in the budgets that match them now, whatever their limits: what no longer
    fits is voided when it would be sent. Attempts that were used are counted again from the ledger.

    Raises:
        NotAuthorized: a live installation, and the policy loosens something: that is signed.
        ConfigurationError: a policy without a rate for a currency that something open or owned is priced in; or
            one that a live installation may not have.
    """
    live_rules.check_fit(tx, document)
    if needs_signing(tx, document):
        raise NotAuthorized(
            "This policy allows something that the present one does not, so approvers sign it.",
            remedy="Tell the person to put it in force themselves, in a terminal: ringfence policy apply FILE",
        )
    return _put(tx, document, applied_by=applied_by)


def rehearse(tx: Transaction, document: PolicyDocument) -> Policy:
    """Go on under a policy as if it were in force, signed or not, in a transaction that is undone.

    Raises:
        ConfigurationError: as `apply`.
    """
    return _put(tx, document, applied_by="nobody")


def needs_signing(tx: Transaction, document: PolicyDocument) -> bool:
    """Whether approvers have to sign it: in live mode, whatever loosens anything."""
    return tx.mode != "sandbox" and is_loosening(tx.rules, document, basis_now(tx))


def compared(tx: Transaction, document: PolicyDocument) -> tuple[Difference, ...]:
    """How a policy differs from the one in force, judged by what approvers signed last."""
    basis = basis_now(tx) if tx.mode != "sandbox" else None
    return differences(tx.rules, document, basis)


def proposal(tx: Transaction, document: PolicyDocument, *, nonce: str) -> Statement:
    """The statement by which approvers put a policy in force after the present one, and after no other.

    Raises:
        ConfigurationError: a live installation may not have it.
    """
    live_rules.check_fit(tx, document)
    return consent.make(
        tx,
        Purpose.POLICY,
        subject=f"policy {tx.policy_version + 1}",
        body={
            "version": tx.policy_version + 1,
            "before_version": tx.policy_version,
            "before_hash": tx.policy.hash,
            "hash": policies.document_hash(document),
            "document": document.model_dump(mode="json"),
        },
        nonce=nonce,
        expires_at=tx.now + TIME_TO_SIGN,
    )


def apply_signed(
    tx: Transaction, statement: Statement, signature: Signature, *, applied_by: str
) -> Policy | None:
    """Store an approver's signature under a policy, and put it in force once they are enough; None until then.

    Raises:
        NotAuthorized: the signature does not count, or another policy came first.
        ConfigurationError: as `apply`.
    """
    body = statement.body
    if statement.purpose is not Purpose.POLICY or not _is_next(tx, statement):
        raise NotAuthorized(
            "Another policy is in force by now, or this has waited too long.",
            remedy="Compare it with the present one, and sign it anew.",
        )
    document = parse_document(body.get("document"))
    if policies.document_hash(document) != body.get("hash"):
        raise NotAuthorized("What was signed is not the policy that comes with it.")
    live_rules.check_fit(tx, document)
    seq = _place(tx, statement, signature)
    statements.sign(tx, seq, signature)
    who = authority.read(tx)
    stored = next(
        each for each in statements.about(tx, Purpose.POLICY, statement.subject) if each.seq == seq
    )
    given = authority.level_of(authority.valid_signers(who, stored))
    tx.audit(
        "policy.signed", actor=signature.key_id, subject=statement.subject, hash=body.get("hash")
    )
    if not authority.is_at_least(given, authority.needed_to_change(who, tx.rules)):
        return None
    return _put(tx, document, applied_by=applied_by)


def _place(tx: Transaction, statement: Statement, signature: Signature) -> int:
    """Where the statement is stored; it may wait there for its second signature."""
    for stored in waiting(tx):
        if stored.encoded == statement.encoded:
            consent.check_sound(tx, statement)
            consent.check_signer(tx, statement, signature)
            return stored.seq
    consent.check(tx, statement, signature)
    return statements.add(tx, statement)


def waiting(tx: Transaction) -> list[Signed]:
    """Policies that would be the next and still need a signature, oldest first."""
    return [
        signed
        for signed in statements.about(tx, Purpose.POLICY, f"policy {tx.policy_version + 1}")
        if _is_next(tx, authority.parse(signed)) and not statements.is_declined(tx, signed)
    ]


def _is_next(tx: Transaction, statement: Statement) -> bool:
    """Whether a policy may still be signed: it follows the present one, and is in time."""
    return (
        place(statement) == (tx.policy_version + 1, tx.policy_version)
        and statement.body.get("before_hash") == tx.policy.hash
        and tx.now < statement.expires_at <= statement.made_at + TIME_TO_SIGN
    )


def _put(tx: Transaction, document: PolicyDocument, *, applied_by: str) -> Policy:
    keep_up(tx)
    policy = policies.add(tx, document, applied_by=applied_by)
    tx.audit(
        "policy.applied", actor=applied_by, subject=f"policy {policy.version}", hash=policy.hash
    )
    _hold_anew(tx)
    kept = {key: row for key, row in balances.all_rows(tx.connection).items() if key[0] == RENEWALS}
    tx.balances.replace_all(kept | refold(tx))
    return policy


def _hold_anew(tx: Transaction) -> None:
    """Give every open line the holds that it would have had under the new policy; balances follow from the ledger."""
    for intent in intents.open_intents(tx):
        for line in intent.lines:
            if line.state not in ENDED_LINES and intent.terms.op is Op.BUY:
                ledger.delete_holds(tx, line.line_id)
                ledger.add_holds(tx, [made for made, _ in holds_for(tx, intent, line)])
