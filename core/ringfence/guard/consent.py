"""Signed consent: what approvers signed about one intent, and what that proves now.

Nothing of it is remembered as a verdict. Whoever needs to know, up to the claim before the byte, verifies the stored
bytes again with the public keys of those who may sign at that moment.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from ringfence.approvers import ApproverKey, KeyKind, Purpose, Signature, Statement
from ringfence.errors import NotAuthorized, PolicyRefused
from ringfence.guard import authority, signatures
from ringfence.guard.authority import Authority, level_of
from ringfence.guard.digest import digest_of
from ringfence.guard.words import attested
from ringfence.intents import Intent, Level
from ringfence.store import audit, statements
from ringfence.store.statements import Signed
from ringfence.store.transaction import Transaction


def fresh_nonce() -> str:
    """256 bits that no statement has borne."""
    return secrets.token_urlsafe(32)


def make(  # the parts of one statement
    tx: Transaction,
    purpose: Purpose,
    *,
    subject: str,
    body: Mapping[str, Any],
    nonce: str,
    expires_at: datetime,
) -> Statement:
    """A statement to be signed now, with everything that has happened so far as its witness."""
    seq, head = audit.head(tx)
    return Statement(
        purpose=purpose,
        installation_id=tx.installation_id,
        subject=subject,
        body=dict(body),
        nonce=nonce,
        audit_seq=seq,
        audit_head=head,
        made_at=tx.now,
        expires_at=expires_at,
    )


def about(tx: Transaction, intent: Intent, *, card: str, nonce: str) -> Statement:
    """The statement that approves exactly this intent, as its card showed it.

    It holds the card itself, so that years later there is no doubt what was read; of the assistant's words, which
    can be erased, it holds the salted hash.
    """
    shown = attested(card, audit.words_of(tx, intent.intent_id))
    return make(
        tx,
        Purpose.APPROVE,
        subject=intent.intent_id,
        body={
            "digest": intent.digest,
            "card": hashlib.sha256(shown.encode()).hexdigest(),
            "shown": shown,
        },
        nonce=nonce,
        expires_at=intent.expires_at,
    )


def check(tx: Transaction, statement: Statement, signature: Signature) -> ApproverKey:
    """Check one approver's signature over a statement that was made for this moment; whose it is.

    Raises:
        NotAuthorized: it is for another installation, has expired, was used, contradicts the history here, or is
            not signed by a key that may sign.
    """
    check_sound(tx, statement)
    check_unused(tx, statement)
    return check_signer(tx, statement, signature)


def check_sound(tx: Transaction, statement: Statement) -> None:
    """Check that a statement was made here, for this moment, whoever signs it.

    Raises:
        NotAuthorized: it is for another installation, has expired, or contradicts the history here.
    """
    if statement.installation_id != tx.installation_id:
        raise NotAuthorized("This was signed for another installation.")
    if not statement.made_at <= tx.now < statement.expires_at:
        raise NotAuthorized(
            "This was signed too long ago.", remedy="Look at it again and sign anew."
        )
    if not _is_history(tx, statement):
        raise NotAuthorized("This was signed over a history that is not this installation's.")


def check_unused(tx: Transaction, statement: Statement) -> None:
    """Check that a statement is a new one.

    Raises:
        NotAuthorized: it was stored before, whatever became of it.
    """
    if statements.is_used(tx, statement.nonce):
        raise NotAuthorized("This was signed and used before.", remedy="Look at it again.")


def check_signer(tx: Transaction, statement: Statement, signature: Signature) -> ApproverKey:
    """Check that a key which may sign now has signed a statement; whose it is.

    Raises:
        NotAuthorized: it may not, or has not.
    """
    return check_key(tx, authority.read(tx).keys.get(signature.key_id), statement, signature)


def check_key(
    tx: Transaction, key: ApproverKey | None, statement: Statement, signature: Signature
) -> ApproverKey:
    """Check that this key has signed a statement, with a counter that grew; the key.

    Raises:
        NotAuthorized: there is no such key, or it has not.
    """
    if key is None:
        raise NotAuthorized("The key is not one that may sign here.")
    count = signatures.verify(
        key,
        statement.purpose,
        statement.encoded,
        signature,
        last_count=statements.last_count(tx, key.key_id),
    )
    if key.kind is KeyKind.PASSKEY and count != signature.sign_count:
        raise NotAuthorized("The passkey's counter is not the one that was noted.")
    return key


def add(
    tx: Transaction, intent: Intent, statement: Statement, signature: Signature
) -> Level | None:
    """Store an approver's consent to an intent; what all consent to it proves together now.

    Raises:
        NotAuthorized: as `check`.
        PolicyRefused: it is about something else than this intent says.
    """
    if not _is_about(intent, statement):
        raise PolicyRefused(
            f"What was signed is not what {intent.intent_id} says; nothing was approved.",
            remedy="Tell the person to look at the card again.",
        )
    check(tx, statement, signature)
    statements.sign(tx, statements.add(tx, statement), signature)
    return given(tx, intent)


def strongest(tx: Transaction) -> Level | None:
    """The strongest consent that can be given here now; None where nobody can give any that counts.

    Live mode takes no consent that proves no person's secret, and none at all while the chain of who may sign does
    not hold.
    """
    weak = Level.PAGE if tx.mode == "sandbox" else None
    try:
        signed = authority.read(tx).strongest
    except NotAuthorized:
        return weak
    return signed or weak


def given(tx: Transaction, intent: Intent) -> Level | None:
    """What the stored consent to an intent proves at this moment, verified from its bytes.

    Raises:
        NotAuthorized: the chain of who may sign does not hold.
    """
    return level_of(consenting(tx, intent))


def people(tx: Transaction, intent: Intent) -> list[str]:
    """Whose signed consent to an intent counts now, each once, in the order in which they signed.

    Raises:
        NotAuthorized: as `given`.
    """
    return list(dict.fromkeys(key.person for key in consenting(tx, intent)))


def passkeys_for(tx: Transaction, intent: Intent, origin: str) -> list[ApproverKey]:
    """The passkeys of this page whose signatures would add anything to the consent that an intent has.

    Raises:
        NotAuthorized: as `given`.
    """
    return adding(authority.read(tx), consenting(tx, intent), origin)


def adding(who: Authority, there: Collection[ApproverKey], origin: str) -> list[ApproverKey]:
    """The passkeys of this page whose signatures would prove more than those keys that have signed."""
    people = {key.person for key in there}
    has_passkey = any(key.kind is KeyKind.PASSKEY for key in there)
    return [
        key
        for key in who.keys.values()
        if key.origin == origin and not (has_passkey and key.person in people)
    ]


def consenting(tx: Transaction, intent: Intent) -> list[ApproverKey]:
    """The keys whose signed consent to an intent counts now, in the order in which they signed.

    Raises:
        NotAuthorized: as `given`.
    """
    stored = statements.about(tx, Purpose.APPROVE, intent.intent_id)
    if not stored:
        return []
    who = authority.read(tx)
    return [key for signed in stored for key in _signers(tx, who, intent, signed)]


def _signers(tx: Transaction, who: Authority, intent: Intent, signed: Signed) -> list[ApproverKey]:
    """Who consented by this statement; nobody where it is not sound now."""
    try:
        statement = authority.parse(signed)
    except NotAuthorized:
        return []
    is_ours = statement.installation_id == tx.installation_id and tx.now < statement.expires_at
    if not is_ours or not _is_about(intent, statement) or not _is_history(tx, statement):
        return []
    return authority.valid_signers(who, signed)


def _is_about(intent: Intent, statement: Statement) -> bool:
    is_same = statement.body.get("digest") == intent.digest == digest_of(intent.terms)
    return (
        is_same
        and statement.purpose is Purpose.APPROVE
        and statement.subject == intent.intent_id
        and statement.expires_at <= intent.terms.expires_at
    )


def _is_history(tx: Transaction, statement: Statement) -> bool:
    """Whether the signed audit head is an ancestor of the present one."""
    return audit.hash_at(tx, statement.audit_seq) == statement.audit_head
