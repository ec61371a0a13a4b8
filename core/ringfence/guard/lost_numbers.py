"""Numbers that their carrier lists no longer: they count until a person has said what became of them."""

from __future__ import annotations

from typing import Any

from ringfence.approvers import Purpose, Signature, Statement
from ringfence.errors import InvalidArguments, NotFound, PolicyRefused
from ringfence.guard import connection, giving_back, ruling
from ringfence.guard.finding import (
    OF_NUMBERS,
    Became,
    Finding,
    changed,
    document,
    finding_in,
    is_still,
    tell,
)
from ringfence.guard.ruling import Given
from ringfence.inventory import NumberRecord
from ringfence.states import NumberState, check_transition
from ringfence.store import inventory
from ringfence.store.audit import Words
from ringfence.store.transaction import Transaction


def lost(tx: Transaction, number_id: str) -> NumberRecord:
    """A number that its carrier lists no longer.

    Raises:
        NotFound: no such number.
        PolicyRefused: it is not lost.
    """
    found = inventory.get(tx, number_id)
    if found is None:
        raise NotFound(
            f"There is no number {number_id} here.", remedy="See what waits: ringfence pending"
        )
    if found.state is not NumberState.LOST:
        raise PolicyRefused(
            f"{found.number} is {found.state}; only a lost number needs a person to say what became of it.",
            remedy="To give a number back, let the assistant ask for its release.",
        )
    return found


def number_body(tx: Transaction, number_id: str, finding: Finding) -> dict[str, Any]:
    """What approvers sign about a lost number.

    Raises:
        NotFound, PolicyRefused: as `lost`.
        InvalidArguments: what was found does not fit a number.
    """
    found = lost(tx, number_id)
    if finding.became not in OF_NUMBERS:
        raise InvalidArguments("A number is active or released; captured and failed are lines.")
    if finding.model_copy(update={"became": Became.ACTIVE}) != Finding(became=Became.ACTIVE):
        raise InvalidArguments("Only a purchase that was carried out has a price and a reference.")
    return document(finding) | {"version": found.version}


def resolve_number(
    tx: Transaction, number_id: str, finding: Finding, words: Words, *, person: str
) -> NumberRecord:
    """Settle a lost number as a person at the terminal of a sandbox found out.

    Raises:
        NotAuthorized: a live installation, where approvers sign.
        NotFound, PolicyRefused, InvalidArguments: as `number_body`.
    """
    number_body(tx, number_id, finding)
    return _settle_number(tx, number_id, finding, ruling.unsigned(tx, words, person=person))


def resolve_number_signed(
    tx: Transaction, statement: Statement, signature: Signature, words: Words | None
) -> NumberRecord | None:
    """Settle a lost number as approvers signed; None while more of them have to.

    Raises:
        NotAuthorized: the signature does not count, or the number has changed since.
        NotFound, PolicyRefused, InvalidArguments: as `number_body`.
    """
    finding = finding_in(statement)
    if not is_still(number_body(tx, statement.subject, finding), statement):
        raise changed()
    given = ruling.sign(tx, statement, signature, words, purpose=Purpose.RESOLVE, loosens=False)
    return None if given is None else _settle_number(tx, statement.subject, finding, given)


def _settle_number(tx: Transaction, number_id: str, finding: Finding, given: Given) -> NumberRecord:
    found = lost(tx, number_id)
    tell(tx, number_id, finding, given)
    if finding.became is Became.RELEASED:
        giving_back.gone(tx, found)
    else:
        state = NumberState.ACTIVE
        check_transition(found.state, state)
        inventory.change(tx, found, state=state, due_at=connection.due_at(tx, found, state))
    settled = inventory.get(tx, number_id)
    if settled is None:
        raise RuntimeError(f"The number {number_id} is gone from the store.")
    return settled
