"""Authorizing: what approvers sign beside purchases: changes that wait for them, and the end of a freeze.

Not async: the page lives in a thread of its own, and whoever runs it wakes the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from pydantic import ValidationError

from ringfence.approvers import ApproverKey, Signature, Statement
from ringfence.desk.counter import Desk
from ringfence.desk.resolving import quarantine_at
from ringfence.errors import NotAuthorized
from ringfence.guard import authority, changes, consent, freeze, passkeys
from ringfence.guard.changes import Change, ChangeState
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class ShownChange:
    """A change that waits for signatures, and who could sign it on a page."""

    change: Change
    passkeys: Sequence[ApproverKey]
    """Those of this page whose signature would add anything; empty once it waits no longer."""
    now: datetime


@dataclass(frozen=True)
class ShownFreeze:
    """The freeze, and who could lift it on a page."""

    reason: str | None
    """Why all spending is frozen; None while it is not."""
    passkeys: Sequence[ApproverKey]
    statement: Statement | None
    """What they would sign; it goes to the browser and comes back, for the signature is over all of it."""


def waiting(desk: Desk) -> list[Change]:
    """Every change that approvers may sign now, oldest first; none while nobody's signature counts."""
    return desk.store.read_now(_waiting)


def is_any_waiting(tx: Transaction) -> bool:
    """Whether any change waits for a signature that would count."""
    return bool(_waiting(tx))


def _waiting(tx: Transaction) -> list[Change]:
    try:
        return changes.waiting(tx)
    except NotAuthorized:
        return []


def shown(desk: Desk, change_id: str, *, origin: str) -> ShownChange:
    """One change as the page at this origin shows it.

    Raises:
        NotFound: there is none of that name.
        NotAuthorized: the chain of who may sign does not hold.
    """

    def read(tx: Transaction) -> ShownChange:
        change = changes.get(tx, change_id)
        waits = change.state is ChangeState.WAITING
        keys = consent.adding(authority.read(tx), change.signers, origin) if waits else []
        return ShownChange(change, keys, tx.now)

    return desk.store.read_now(read)


def sign(desk: Desk, change_id: str, *, answer: str, origin: str) -> Change:
    """Take a passkey's answer for its person's signature under a change; in force once enough have signed.

    Raises:
        NotFound, Declined, Expired, NotAuthorized, PolicyRefused: as `guard.changes.sign`.
    """

    def write(tx: Transaction) -> Change:
        signature = passkeys.signature_in(answer, _keys(tx, origin))
        return changes.sign(tx, change_id, signature, quarantine=partial(quarantine_at, desk))

    return desk.store.write_now(write)


def hand_in(desk: Desk, change_id: str, signature: Signature) -> Change:
    """Take a signature that was made in a terminal under a change; in force once enough have signed.

    Raises:
        NotFound, Declined, Expired, NotAuthorized, PolicyRefused: as `guard.changes.sign`.
    """
    return desk.store.write_now(
        lambda tx: changes.sign(tx, change_id, signature, quarantine=partial(quarantine_at, desk))
    )


def decline(desk: Desk, change_id: str, *, person: str) -> Change:
    """Take a person's no to a change, which is final.

    Raises:
        NotFound, Declined, Expired, NotAuthorized: as `guard.changes.decline`.
    """
    return desk.store.write_now(lambda tx: changes.decline(tx, change_id, actor=person))


def frozen(desk: Desk, *, origin: str) -> ShownFreeze:
    """The freeze as the page at this origin shows it."""

    def read(tx: Transaction) -> ShownFreeze:
        try:
            keys = _keys(tx, origin)
        except NotAuthorized:
            keys = []
        if tx.frozen is None or not keys:
            return ShownFreeze(tx.frozen, [], None)
        return ShownFreeze(tx.frozen, keys, freeze.lifting(tx, nonce=consent.fresh_nonce()))

    return desk.store.read_now(read)


def lift(desk: Desk, said: str, *, answer: str, origin: str) -> None:
    """Take a passkey's answer for its person's wish to lift exactly the freeze that they read about.

    Args:
        desk: the open installation.
        said: the statement as it was handed out.
        answer: what the browser handed over, as JSON.
        origin: of the page that asked.

    Raises:
        NotAuthorized: it is not what was handed out, was used, or is not signed by a passkey of this page.
    """
    statement = _statement(said)

    def write(tx: Transaction) -> None:
        signature = passkeys.signature_in(answer, _keys(tx, origin))
        freeze.unfreeze_signed(tx, statement, signature)

    desk.store.write_now(write)


def _statement(said: str) -> Statement:
    try:
        statement = Statement.model_validate_json(said)
    except ValidationError as error:
        raise NotAuthorized("That is nothing that could be signed.") from error
    if statement.encoded != said.encode():
        raise NotAuthorized("That is not what was handed out.")
    return statement


def _keys(tx: Transaction, origin: str) -> list[ApproverKey]:
    return [key for key in authority.read(tx).keys.values() if key.origin == origin]
