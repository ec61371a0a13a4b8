"""Inviting: somebody gets a code in a terminal, makes a passkey on the page, and waits to be vouched for.

Not async: the page lives in a thread of its own, and the terminal has nothing else to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from ringfence.approvers import ApproverKey, Signature, Statement
from ringfence.desk.counter import Desk
from ringfence.errors import NotAuthorized
from ringfence.guard import authority, changes, enrolment, invitation, passkeys
from ringfence.guard.changes import Change
from ringfence.store import invitations
from ringfence.store.invitations import Invitation
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class Invited:
    """Whoever typed the right code, and what their browser is asked to make."""

    person: str
    options: str
    """For `navigator.credentials.create`, as JSON."""


class Standing(Enum):
    """How far a passkey has come that somebody made on the page."""

    WAITS = auto()
    """An approver has not vouched for it yet."""
    ENROLLED = auto()
    UNKNOWN = auto()
    """Nobody vouched for it, or there was never such a key."""


def invite(desk: Desk, person: str, code: str, *, actor: str) -> Invitation:
    """Invite a person to make a passkey with this code; whoever was invited before is not any more."""
    return desk.store.write_now(lambda tx: invitation.issue(tx, person, code, actor=actor))


def accept(desk: Desk, code: str, *, origin: str) -> Invited | None:
    """What the page at this origin asks the browser of whoever has the code for; None for a wrong code.

    Raises:
        NotAuthorized: the chain of who may sign does not hold.
    """
    found = desk.store.write_now(lambda tx: invitation.accept(tx, code))
    if found is None:
        return None
    enrolled = desk.store.read_now(authority.read).keys.values()
    known = [key for key in enrolled if (key.person, key.origin) == (found.person, origin)]
    options = passkeys.creation_options(
        found.person, origin=origin, challenge=found.challenge, known=known
    )
    return Invited(found.person, options)


def answer(desk: Desk, said: str, *, origin: str) -> ApproverKey:
    """Keep the passkey that a browser says was made on the page at this origin; it may not sign yet.

    Raises:
        NotAuthorized: the invitation is over, or it is not the answer to it.
    """

    def read(found: Invitation) -> ApproverKey:
        return passkeys.created(said, person=found.person, origin=origin, challenge=found.challenge)

    challenge = passkeys.challenge_in(said)
    return desk.store.write_now(lambda tx: invitation.answer(tx, challenge, read))


def standing(desk: Desk, key_id: str) -> tuple[Standing, ApproverKey | None]:
    """How far a passkey has come.

    Raises:
        NotAuthorized: the chain of who may sign does not hold.
    """

    def look(tx: Transaction) -> tuple[Standing, ApproverKey | None]:
        enrolled = authority.read(tx).keys.get(key_id)
        if enrolled is not None:
            return Standing.ENROLLED, enrolled
        found = invitations.present(tx)
        waits = found is not None and found.key is not None and tx.now < found.expires_at
        if found is not None and waits and found.key is not None and found.key.key_id == key_id:
            return Standing.WAITS, found.key
        return Standing.UNKNOWN, None

    return desk.store.read_now(look)


def made(desk: Desk, invitation_id: str) -> ApproverKey | None:
    """What was made for an invitation; None while nobody has answered it.

    Raises:
        NotAuthorized: it is over: too late, too many wrong codes, or another one took its place.
    """

    def look(tx: Transaction) -> ApproverKey | None:
        found = invitations.present(tx)
        if found is None or found.invitation_id != invitation_id:
            raise NotAuthorized("Somebody else was invited meanwhile; nobody was enrolled.")
        if found.key is None and found.wrong >= invitation.MAX_WRONG:
            raise NotAuthorized(
                f"{found.wrong} wrong codes were typed on the page; nobody was enrolled.",
                remedy="If that was not you, find out who; then ask for a new code.",
            )
        if found.key is None and not invitation.is_open(tx, found):
            raise NotAuthorized("Nobody answered in time; nobody was enrolled.")
        return found.key

    return desk.store.read_now(look)


def enroll(desk: Desk, found_id: str, statement: Statement, signature: Signature) -> Change:
    """Let what was made for an invitation sign, as an approver vouches; the invitation is over then.

    Raises:
        NotAuthorized: as `guard.enrolment.change`.
    """

    def write(tx: Transaction) -> Change:
        invitation.end(tx, found_id)
        enrolment.change(tx, statement, [signature])
        return changes.of(tx, statement)

    return desk.store.write_now(write)


def end(desk: Desk, invitation_id: str) -> None:
    """Let an invitation be over."""
    desk.store.write_now(lambda tx: invitation.end(tx, invitation_id))
