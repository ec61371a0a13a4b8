"""Giving numbers back: a number that is to be released is always in the state that its line says.

Nothing else is done with it meanwhile, it is renewed and it counts until the carrier has confirmed that it is gone.
"""

from __future__ import annotations

from ringfence.guard import connection, counting, windows
from ringfence.intents import Intent, Line, Op
from ringfence.inventory import NumberRecord, Readiness, Ready
from ringfence.states import BEING_RELEASED, LineState, NumberState, check_transition
from ringfence.store import inventory
from ringfence.store.transaction import Transaction

_L, _N = LineState, NumberState

_SAYS = {
    _L.READY: _N.RELEASE_REQUESTED,
    _L.DISPATCHING: _N.RELEASING,
    _L.PROVIDER_PENDING: _N.RELEASING,
    _L.UNKNOWN: _N.RELEASE_UNKNOWN,
    _L.MANUAL: _N.RELEASE_UNKNOWN,
    _L.CAPTURED: _N.RELEASED,
    _L.FAILED: _N.ACTIVE,
    _L.VOIDED: _N.ACTIVE,
}


_READY_FOR_NOTHING = Readiness(voice=Ready.NO, sms=Ready.NO, whatsapp=Ready.NO)


def follow(tx: Transaction, intent: Intent, line: Line) -> None:
    """Bring the number of a release line to where the line now is; of any other line this does nothing."""
    if intent.terms.op is not Op.RELEASE:
        return
    record = released_by(tx, line)
    state = _SAYS[line.state]
    if state is record.state:
        return
    if state is NumberState.RELEASED:
        gone(tx, record)
    else:
        check_transition(record.state, state)
        inventory.change(tx, record, state=state, due_at=connection.due_at(tx, record, state))
        tx.audit(f"number.{state}", actor="ringfence", subject=record.number_id, line=line.line_id)


def released_by(tx: Transaction, line: Line) -> NumberRecord:
    """The number that a release line is about."""
    record = inventory.get(tx, line.terms.number_id or "")
    if record is None:
        raise RuntimeError(f"The number of line {line.line_id} is gone from the store.")
    return record


def may_be_gone_late(tx: Transaction, line: Line) -> bool:
    """Whether a line that was written off may still be taken for what gave the number back: nothing else is at it."""
    return released_by(tx, line).state in {NumberState.ACTIVE, NumberState.LOST}


def gone(tx: Transaction, record: NumberRecord) -> None:
    """The carrier has it no longer: it stops counting and renewing; cash that was spent on it stays spent."""
    windows.keep_up(tx)  # the months that began while it was ours
    if record.state not in BEING_RELEASED:
        record = _lost(tx, record)
    check_transition(record.state, NumberState.RELEASED)
    inventory.change(
        tx,
        record,
        state=NumberState.RELEASED,
        assistant_id=None,
        wanted_assistant_id=None,
        unassigned_since=tx.now,
        readiness=_READY_FOR_NOTHING,
        renews_at=None,
        released_at=tx.now,
    )
    counting.uncount(tx, record)
    tx.audit(
        "number.released",
        actor="ringfence",
        subject=record.number_id,
        number=record.number,
        served=record.assistant_id,
    )


def _lost(tx: Transaction, record: NumberRecord) -> NumberRecord:
    """A number that turns out to be gone, though its release had counted as failed, is lost before it is released."""
    if record.state is NumberState.LOST:
        return record
    check_transition(record.state, NumberState.LOST)
    tx.audit("number.lost", actor="ringfence", subject=record.number_id, number=record.number)
    return inventory.change(tx, record, state=NumberState.LOST)
