"""Inviting somebody to make a passkey on the page: a code in a terminal, and a key that waits to be vouched for.

The page alone enrols nobody. What comes of an invitation is a public key and a person's name; an approver, who compares
its id in their terminal, signs the enrolment (`enrolment`), and only then may it sign anything.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import timedelta

from ringfence.approvers import ApproverKey
from ringfence.errors import NotAuthorized
from ringfence.guard import authority, consent
from ringfence.ids import Prefix
from ringfence.store import invitations
from ringfence.store.invitations import Invitation
from ringfence.store.transaction import Transaction

LIFE = timedelta(minutes=15)
MAX_WRONG = 5
"""Wrong codes before an invitation is over; a guess is right once in 2⁴⁰."""
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: no letter that looks like another or like a digit."""
_LOOK_ALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})
_LETTERS = 8
_COST = 2**14
"""Of scrypt: 16 MiB and a twentieth of a second, so that whoever reads the store has no time to find the code."""


def fresh_code() -> str:
    """A code such as `K7QF-2M9X`, for the terminal to show and for nobody to store."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))
    return f"{letters[:4]}-{letters[4:]}"


def issue(tx: Transaction, person: str, code: str, *, actor: str) -> Invitation:
    """Invite a person; an invitation that was there is over."""
    salt = secrets.token_hex(16)
    invitation = Invitation(
        invitation_id=tx.new_id(Prefix.INVITATION),
        person=person,
        code_salt=salt,
        code_hash=_hash(code, salt),
        wrong=0,
        challenge=consent.fresh_nonce(),
        key=None,
        expires_at=tx.now + LIFE,
    )
    invitations.put(tx, invitation)
    tx.audit("approver.invited", actor=actor, subject=invitation.invitation_id, person=person)
    return invitation


def is_open(tx: Transaction, invitation: Invitation | None) -> bool:
    """Whether somebody can still answer it."""
    return (
        invitation is not None
        and invitation.key is None
        and invitation.wrong < MAX_WRONG
        and tx.now < invitation.expires_at
    )


def accept(tx: Transaction, code: str) -> Invitation | None:
    """The invitation that this is the code of; None for a wrong code, which is counted.

    Every refusal looks the same: a wrong code, one that was used, and one for which the time is over.
    """
    invitation = invitations.present(tx)
    if invitation is None or not is_open(tx, invitation):
        return None
    if hmac.compare_digest(_hash(code, invitation.code_salt), invitation.code_hash):
        return invitation
    invitations.count_wrong(tx, invitation.invitation_id)
    tx.audit("approver.wrong_code", actor="page", subject=invitation.invitation_id)
    return None


def answer(
    tx: Transaction, challenge: str | None, read: Callable[[Invitation], ApproverKey]
) -> ApproverKey:
    """Keep the passkey that was made for an invitation, once.

    Args:
        tx: the running transaction.
        challenge: what the browser's answer claims to be for.
        read: verifies the answer, and gives the key in it.

    Raises:
        NotAuthorized: nobody was invited, it was answered before, or it is not the answer to this invitation.
    """
    invitation = invitations.present(tx)
    if invitation is None or not is_open(tx, invitation) or challenge != invitation.challenge:
        raise NotAuthorized(
            "That invitation is over; nothing was kept.",
            remedy="Ask for a new code: ringfence approver enroll NAME --passkey",
        )
    key = read(invitation)
    if key.key_id in authority.read(tx).keys or not invitations.answer(
        tx, invitation.invitation_id, key
    ):
        raise NotAuthorized("That passkey is known already; nothing was kept.")
    tx.audit(
        "approver.passkey_made",
        actor="page",
        subject=invitation.invitation_id,
        key=key.model_dump(mode="json", exclude_none=True),
    )
    return key


def end(tx: Transaction, invitation_id: str) -> None:
    """Let an invitation be over, whatever came of it."""
    invitations.end(tx, invitation_id)


def _hash(code: str, salt: str) -> str:
    letters = [c for c in code.upper().translate(_LOOK_ALIKES) if c in _ALPHABET]
    typed = "".join(letters).encode()
    return hashlib.scrypt(typed, salt=bytes.fromhex(salt), n=_COST, r=8, p=1, dklen=32).hex()
