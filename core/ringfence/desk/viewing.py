"""Viewing: what somebody sees of the approval page away from this machine, and what they may do there without signing.

Not async, as all that the page does. Whoever has seen the page with a passkey may say no, and freeze; to approve takes
a signature about that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ringfence.approvers import ApproverKey, Statement
from ringfence.desk.counter import Desk
from ringfence.errors import NotAuthorized, PolicyRefused
from ringfence.guard import approval, freeze, passkeys, viewing
from ringfence.intents import DeclineReason, Intent
from ringfence.store import nonces
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class Handed:
    """What a form brings back that was drawn for somebody without being written down."""

    nonce: str
    until: datetime
    """When it would be too old."""


@dataclass(frozen=True)
class Viewer:
    """Who has opened the page away from this machine, and where."""

    key_id: str
    origin: str


@dataclass(frozen=True)
class Moment:
    """Which installation this is, and what time it is there."""

    installation_id: str
    now: datetime
    frozen: str | None


def moment(desk: Desk) -> Moment:
    """What a page is drawn with that shows nothing else."""
    return desk.store.read_now(lambda tx: Moment(tx.installation_id, tx.now, tx.frozen))


def view(desk: Desk, statement: Statement, answer: str, *, origin: str) -> ApproverKey:
    """Take a browser's answer to a locked page; whose passkey opened it.

    Raises:
        NotAuthorized: as `guard.viewing.view`.
    """
    # First without the right to write, which everybody else queues for: this comes from strangers.
    desk.store.read_now(lambda tx: viewing.check(tx, statement, answer, origin=origin))
    return desk.store.write_now(lambda tx: viewing.view(tx, statement, answer, origin=origin))


def signer(desk: Desk, answer: str, *, origin: str) -> Viewer:
    """Whose passkey a browser's answer names, which was verified a moment ago.

    Raises:
        NotAuthorized: nobody's who may sign here.
    """
    keys = desk.store.read_now(lambda tx: viewing.keys_of(tx, origin))
    return Viewer(passkeys.signature_in(answer, keys).key_id, origin)


def decline(
    desk: Desk, intent_id: str, handed: Handed, *, viewer: Viewer, reason: DeclineReason | None
) -> Intent:
    """Take a no, which is final, from a form that was drawn for this viewer.

    Raises:
        NotAuthorized: their passkey counts no longer.
        PolicyRefused: the form was used, or nothing waits there any more.
        NotFound: no such intent.
    """

    def decide(tx: Transaction) -> Intent:
        person = _person(tx, viewer)
        _use(tx, handed)
        return approval.decline(tx, intent_id, person=person, channel="page", reason=reason)

    return desk.store.write_now(decide)


def withdraw(desk: Desk, intent_id: str, handed: Handed, *, viewer: Viewer) -> Intent:
    """Take consent back, as far as nothing was sent yet, from a form that was drawn for this viewer.

    Raises:
        NotAuthorized: their passkey counts no longer.
        PolicyRefused: the form was used, or everything has been sent.
        NotFound: no such intent.
    """

    def decide(tx: Transaction) -> Intent:
        person = _person(tx, viewer)
        _use(tx, handed)
        return approval.withdraw(tx, intent_id, person=person, channel="page", reason=None)

    return desk.store.write_now(decide)


def freeze_all(desk: Desk, handed: Handed, *, by: Viewer | str) -> None:
    """Freeze all spending, as whoever sees the page may: a viewer, or the person at this machine by name.

    Raises:
        NotAuthorized: the viewer's passkey counts no longer.
        PolicyRefused: the form was used before.
    """

    def decide(tx: Transaction) -> None:
        person = by if isinstance(by, str) else _person(tx, by)
        _use(tx, handed)
        freeze.freeze(tx, f"frozen by {person} on the approval page", actor=person)

    desk.store.write_now(decide)


def _person(tx: Transaction, viewer: Viewer) -> str:
    for key in viewing.keys_of(tx, viewer.origin):
        if key.key_id == viewer.key_id:
            return key.person
    raise NotAuthorized("The passkey that opened this page counts here no longer.")


def _use(tx: Transaction, handed: Handed) -> None:
    if not nonces.use(tx, handed.nonce, until=handed.until):
        raise PolicyRefused(
            "This form was sent before; nothing was done a second time.",
            remedy="Tell the person to open the page anew.",
        )
