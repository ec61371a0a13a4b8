"""Viewing: who may see the approval page away from this machine, and what of it they have seen.

A view is a statement that a passkey signs, made anew for each look and worth nothing afterwards. It is not kept; what
is kept is that its nonce was used, for as long as it could be handed in again, and an audit event.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ringfence.approvers import ApproverKey, KeyKind, Purpose, Statement
from ringfence.errors import NotAuthorized
from ringfence.guard import authority, consent, passkeys, policy_chain
from ringfence.policy import Approvals
from ringfence.store import audit, nonces
from ringfence.store.transaction import Transaction

TIME_TO_VIEW = timedelta(minutes=5)
"""How long a locked page can be opened after it was drawn; then it is drawn anew."""


def public_page(tx: Transaction) -> Approvals | None:
    """Where the page is besides this machine, as the policy says; None where it is nowhere.

    Raises:
        NotAuthorized: a live installation, and nobody stands for that policy.
    """
    if tx.rules.approvals is not None and tx.mode != "sandbox":
        policy_chain.check(tx)
    return tx.rules.approvals


def statement(installation_id: str, path: str, *, nonce: str, made_at: datetime) -> Statement:
    """What an approver signs to see one path of the page.

    Whoever has not signed yet is shown its challenge, so it says nothing that they could learn anything from: it
    witnesses the beginning of the audit chain alone.
    """
    return Statement(
        purpose=Purpose.VIEW,
        installation_id=installation_id,
        subject=path,
        body={},
        nonce=nonce,
        audit_seq=0,
        audit_head=audit.GENESIS,
        made_at=made_at,
        expires_at=made_at + TIME_TO_VIEW,
    )


def check(tx: Transaction, viewing: Statement, answer: str, *, origin: str) -> ApproverKey:
    """Check a browser's answer to a locked page; whose passkey it was.

    Raises:
        NotAuthorized: it is not that of a passkey which was made at this origin and may sign here, or too late.
    """
    keys = keys_of(tx, origin)
    signature = passkeys.signature_in(answer, keys)
    if viewing.purpose is not Purpose.VIEW:
        raise NotAuthorized("This statement lets nobody see anything.")
    return consent.check(tx, viewing, signature)


def view(tx: Transaction, viewing: Statement, answer: str, *, origin: str) -> ApproverKey:
    """Take a browser's answer to a locked page, once, and record who sees what.

    Raises:
        NotAuthorized: as `check`, or it was handed in before.
    """
    key = check(tx, viewing, answer, origin=origin)
    if not nonces.use(tx, viewing.nonce, until=viewing.expires_at):
        raise NotAuthorized("This was opened before.", remedy="Open the page anew.")
    tx.audit("page.viewed", actor=key.person, subject=viewing.subject[:80], key=key.key_id)
    return key


def keys_of(tx: Transaction, origin: str) -> list[ApproverKey]:
    """The passkeys that were made at this origin and may sign now; those of another one open nothing there.

    Raises:
        NotAuthorized: the chain of who may sign does not hold.
    """
    enrolled = authority.read(tx).keys.values()
    return [each for each in enrolled if each.kind is KeyKind.PASSKEY and each.origin == origin]
