"""What is made of an answer, or of a look: captured, failed, pending, unknown, or a person's to decide."""

from __future__ import annotations

from datetime import datetime, timedelta

from ringfence.errors import OutcomeUnknown, RingfenceError, error_class
from ringfence.guard import giving_back, holds, windows
from ringfence.guard.freeze import freeze
from ringfence.guard.proposal import priced
from ringfence.ids import Prefix
from ringfence.intents import Intent, Line, Op
from ringfence.inventory import NumberRecord, Origin, Owned, Readiness
from ringfence.offers import Price
from ringfence.outcomes import (
    Absent,
    Ambiguous,
    Captured,
    Look,
    NotSent,
    Outcome,
    Pending,
    Refused,
    Released,
    Times,
)
from ringfence.states import LineState, NumberState
from ringfence.store import attempts, intents, inventory
from ringfence.store.transaction import Transaction

NEGATIVE_LOOKS = 2
"""How often what was sent must be found not done, after the quarantine, before it counts as never done."""
PENDING_PATIENCE = timedelta(hours=72)
"""How long a carrier may take over an order before we look it up like an unknown one."""
UNCLEAR_FACTOR = 5
"""A carrier that does not answer a look is asked again after so many look intervals."""


def settle(tx: Transaction, line_id: str, attempt_id: str, outcome: Outcome, times: Times) -> Line:
    """Record the direct answer to an attempt; one that comes late can only say that it was done."""
    intent, line = intents.of_line(tx, line_id)
    attempts.end(tx, attempt_id, outcome=type(outcome).__name__.lower(), evidence=outcome.evidence)
    if line.attempt_id != attempt_id:
        return line
    if line.state is not LineState.DISPATCHING:
        return _late(tx, intent, line, outcome)
    match outcome:
        case Captured() | Released() if _is_done(intent, line, outcome):
            return _capture(tx, intent, line, outcome)
        case Refused(code=code):
            return _refuse(tx, intent, line, code)
        case Pending(carrier_ref=reference):
            moved = intents.move_line(
                tx,
                line,
                LineState.PROVIDER_PENDING,
                carrier_ref=reference,
                due_at=_next_look(tx, times),
            )
            return _told(tx, intent, moved, "line.pending", outcome.evidence)
        case NotSent(retry_after_seconds=seconds):
            moved = intents.move_line(
                tx, line, LineState.READY, due_at=tx.now + timedelta(seconds=seconds)
            )
            holds.unsend(tx, intent, moved)
            return _told(tx, intent, moved, "line.not_sent", outcome.evidence)
        case _:
            return _doubt(tx, intent, line, outcome.evidence, times)


def _late(tx: Transaction, intent: Intent, line: Line, outcome: Outcome) -> Line:
    """What an answer means once others have given its sender up; what it leaves open, their looks decide."""
    match line.state, outcome:
        case LineState.UNKNOWN, Captured() | Released() if _is_done(intent, line, outcome):
            return _capture(tx, intent, line, outcome)
        case LineState.FAILED, Captured(owned=owned) if intent.terms.op is Op.BUY:
            return late_success(tx, line.line_id, owned)
        case LineState.FAILED, Captured() if _serves_as_before(tx, line):
            return _capture(tx, intent, line, outcome)
        case LineState.FAILED, Released() if giving_back.may_be_gone_late(tx, line):
            return _capture(tx, intent, line, outcome)
        case _:
            return line


def _serves_as_before(tx: Transaction, line: Line) -> bool:
    """Whether nobody has moved the number of an assign line since."""
    record = inventory.get(tx, line.terms.number_id or "")
    return record is not None and record.assistant_id == line.terms.current_assistant_id


def give_up_on_sender(tx: Transaction, line_id: str, times: Times) -> Line:
    """A line is still dispatching after its ticket has died: its sender is gone, and nobody knows."""
    intent, line = intents.of_line(tx, line_id)
    if line.state is not LineState.DISPATCHING or line.due_at is None or tx.now < line.due_at:
        return line
    return _doubt(tx, intent, line, "the sender ended without an answer", times)


def _doubt(tx: Transaction, intent: Intent, line: Line, evidence: str, times: Times) -> Line:
    why = OutcomeUnknown(
        f"{_carrier(line)} gave no clear answer for {line.terms.number}; it is being looked up.",
        remedy=_UNKNOWN.get(intent.terms.op),
    )
    moved = intents.move_line(
        tx,
        line,
        LineState.UNKNOWN,
        due_at=_next_look(tx, times),
        error=holds.short(why),
        negative_looks=0,
    )
    return _told(tx, intent, moved, "line.unknown", evidence)


def look(tx: Transaction, before: Line, seen: Look, times: Times, *, asked_at: datetime) -> Line:
    """Record what a look at the carrier showed of an unknown or pending line.

    Args:
        before: the line as it was when the carrier was asked; if it has changed since, the look says nothing.
        asked_at: when the carrier was asked. A stale answer that is written down late must not count as a late look.
    """
    intent, line = intents.of_line(tx, before.line_id)
    if line.version != before.version or line.state not in {
        LineState.UNKNOWN,
        LineState.PROVIDER_PENDING,
    }:
        return line
    match seen:
        case Captured() | Released() if _is_done(intent, line, seen):
            return _capture(tx, intent, line, seen)
        case Refused(code=code):
            return _refuse(tx, intent, line, code)
        case Pending() if line.state is LineState.PROVIDER_PENDING:
            return _wait_on(tx, intent, line, times)
        case Absent():
            return _absent(tx, intent, line, seen.evidence, times, asked_at)
        case Ambiguous() | Captured() | Released():
            return _hand_over(tx, intent, line, seen.evidence)
        case _:
            return intents.change_line(tx, line, due_at=tx.now + UNCLEAR_FACTOR * _interval(times))


def _wait_on(tx: Transaction, intent: Intent, line: Line, times: Times) -> Line:
    if line.dispatched_at is not None and tx.now - line.dispatched_at > PENDING_PATIENCE:
        return _doubt(tx, intent, line, "the order was not decided in time", times)
    return intents.change_line(tx, line, due_at=_next_look(tx, times))


def _absent(  # one case of `look`, with its facts
    tx: Transaction, intent: Intent, line: Line, evidence: str, times: Times, asked_at: datetime
) -> Line:
    """Not there: believed only when asked after the quarantine, and twice, some time apart."""
    if line.state is LineState.PROVIDER_PENDING:
        return _doubt(tx, intent, line, "the order was accepted and is not there", times)
    sent_at = line.dispatched_at or tx.now
    quarantine_ends = sent_at + timedelta(seconds=times.quarantine)
    if asked_at < quarantine_ends:
        return intents.change_line(tx, line, due_at=min(quarantine_ends, tx.now + _interval(times)))
    if line.looked_at is not None and asked_at < line.looked_at + _interval(times):
        return intents.change_line(tx, line, due_at=_next_look(tx, times))
    negative = line.negative_looks + 1
    if negative < NEGATIVE_LOOKS:
        return intents.change_line(
            tx, line, negative_looks=negative, looked_at=asked_at, due_at=_next_look(tx, times)
        )
    done, remedy = NEVER_DONE[intent.terms.op]
    why = error_class("provider_unavailable")(
        f"{line.terms.number} was not {done}: {_carrier(line)} never carried the request out.",
        remedy=remedy,
    )
    return _fail(tx, intent, line, why, evidence=evidence)


_UNKNOWN = {
    Op.RELEASE: "Do not ask for its release again. Call get_intent until the outcome is known.",
    Op.ASSIGN: "Do not move it again. Call get_intent until the outcome is known.",
}
"""What to do about a doubt that is not about a purchase."""

NEVER_DONE = {
    Op.BUY: (
        "bought",
        "Nothing was charged. Call search_numbers and propose it again if it is still wanted.",
    ),
    Op.RELEASE: (
        "given back",
        "It is still ours and costs as before. Call release_number again if that is still wanted.",
    ),
    Op.ASSIGN: (
        "moved",
        "It serves whom it served. Call assign_number again if that is still wanted.",
    ),
}
"""What was not done after all, and what to do about it."""


def _hand_over(tx: Transaction, intent: Intent, line: Line, evidence: str) -> Line:
    """What only a person can judge; the hold stays, and no more money leaves meanwhile."""
    if line.state is LineState.PROVIDER_PENDING:
        line = intents.move_line(tx, line, LineState.UNKNOWN, due_at=None)
    why = OutcomeUnknown(
        f"{line.terms.number} is ours or may be, but not as it was approved; a person must decide.",
        remedy="Do not ask for it or another again. Tell the person: this line needs them.",
    )
    moved = intents.move_line(tx, line, LineState.MANUAL, due_at=None, error=holds.short(why))
    freeze(tx, f"line {line.line_id} is not as it was approved", actor="ringfence")
    return _told(tx, intent, moved, "line.manual", evidence)


def late_success(tx: Transaction, line_id: str, owned: Owned) -> Line:
    """A line that had failed was charged after all: post the truth, record the number, and freeze."""
    intent, line = intents.of_line(tx, line_id)
    if line.state is not LineState.FAILED:
        return line
    moved = intents.move_line(
        tx, line, LineState.CAPTURED, carrier_ref=owned.carrier_ref, due_at=None, error=None
    )
    holds.adjust(tx, intent, moved, price=_charged(line, owned))
    record(tx, intent, moved, owned)
    freeze(
        tx,
        f"{line.terms.number} was charged after its purchase had counted as failed",
        actor="ringfence",
    )
    return _told(tx, intent, moved, "line.late_success", f"listed as {owned.carrier_ref}")


def _is_done(intent: Intent, line: Line, outcome: Captured | Released) -> bool:
    """Whether this is what the line was sent for, as it was approved."""
    if isinstance(outcome, Released):
        return intent.terms.op is Op.RELEASE
    return intent.terms.op is not Op.RELEASE and _is_as_approved(line, outcome.owned)


def _capture(tx: Transaction, intent: Intent, line: Line, outcome: Captured | Released) -> Line:
    owned = outcome.owned if isinstance(outcome, Captured) else None
    reference = owned.carrier_ref if owned else line.terms.stock_id
    moved = intents.move_line(
        tx, line, LineState.CAPTURED, carrier_ref=reference, due_at=None, error=None
    )
    if owned is not None and intent.terms.op is Op.BUY:
        holds.post(tx, intent, moved, price=_charged(line, owned))
        record(tx, intent, moved, owned)
    elif owned is not None:
        take_move(tx, intent, line, readiness=owned.readiness)
    return _told(tx, intent, moved, "line.captured", outcome.evidence if not owned else reference)


def _refuse(tx: Transaction, intent: Intent, line: Line, code: str) -> Line:
    why = error_class(code)(
        f"{_carrier(line)} refused {line.terms.number}.", remedy=_REFUSED.get(intent.terms.op)
    )
    return _fail(tx, intent, line, why)


_REFUSED = {
    Op.RELEASE: "It is still ours and costs as before. Tell the person that the carrier keeps it.",
}
"""What to do about a refusal that is not about a purchase."""


def _fail(
    tx: Transaction, intent: Intent, line: Line, why: RingfenceError, *, evidence: str = ""
) -> Line:
    moved = intents.move_line(tx, line, LineState.FAILED, due_at=None, error=holds.short(why))
    holds.release(tx, intent, moved)
    return _told(tx, intent, moved, "line.failed", evidence or why.code)


def record(tx: Transaction, intent: Intent, line: Line, owned: Owned) -> None:
    """Write the new number down; connecting it to its assistant is the runner's next work."""
    assistant_id = intent.terms.assistant_id
    number = NumberRecord(
        number_id=tx.new_id(Prefix.NUMBER),
        provider=owned.provider,
        account=owned.account,
        carrier_ref=owned.carrier_ref,
        number=owned.number,
        country=line.terms.country,
        type=line.terms.type,
        capabilities=owned.capabilities,
        readiness=owned.readiness,
        state=NumberState.ACTIVE,
        label=None,
        metadata={},
        assistant_id=None,
        wanted_assistant_id=assistant_id,
        role=intent.terms.role,
        unassigned_since=tx.now,
        requester=intent.terms.principal,
        line_id=line.line_id,
        monthly=owned.monthly or priced(line).monthly,
        origin=Origin.RINGFENCE,
        bought_at=owned.bought_at,
        renews_at=owned.renews_at,
        version=1,
    )
    inventory.add(tx, number, due_at=tx.now if assistant_id else None)
    windows.count_missed_renewals(tx, number, since=number.bought_at)
    tx.audit(
        "number.active",
        actor="ringfence",
        subject=number.number_id,
        number=number.number,
        line=line.line_id,
    )


def take_move(
    tx: Transaction, intent: Intent, line: Line, *, readiness: Readiness | None = None
) -> None:
    """The carrier connected an owned number as an assign intent wished; without `readiness` that stays as it is."""
    record = inventory.get(tx, line.terms.number_id or "")
    if record is None:
        raise RuntimeError(f"The number of line {line.line_id} is gone from the store.")
    assistant_id = intent.terms.assistant_id
    inventory.change(
        tx,
        record,
        assistant_id=assistant_id,
        wanted_assistant_id=assistant_id,
        role=intent.terms.role,
        unassigned_since=None if assistant_id else tx.now,
        readiness=readiness or record.readiness,
    )
    tx.audit("number.moved", actor="ringfence", subject=record.number_id, assistant=assistant_id)


def _is_as_approved(line: Line, owned: Owned) -> bool:
    """Right number, and not dearer than what was approved."""
    if owned.number != line.terms.number:
        return False
    approved = line.terms.price
    if approved is None or owned.monthly is None:
        return True
    return owned.monthly.currency == approved.currency and owned.monthly <= approved.monthly


def _charged(line: Line, owned: Owned) -> Price:
    """What it cost: the approved set-up, and the month as the carrier lists it."""
    price = priced(line)
    return price if owned.monthly is None else Price(setup=price.setup, monthly=owned.monthly)


def _told(tx: Transaction, intent: Intent, line: Line, event: str, evidence: str) -> Line:
    giving_back.follow(tx, intent, line)
    tx.audit(
        event,
        actor="ringfence",
        subject=line.line_id,
        state=line.state.value,
        evidence=evidence[:300],
    )
    return line


def _carrier(line: Line) -> str:
    return line.terms.provider.value.capitalize()


def _interval(times: Times) -> timedelta:
    return timedelta(seconds=times.look_interval)


def _next_look(tx: Transaction, times: Times) -> datetime:
    return tx.now + _interval(times)
