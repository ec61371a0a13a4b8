"""Assigning: connect an owned number to a registered assistant, or disconnect it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ringfence.desk.assistants import check_registered, routing_for
from ringfence.desk.counter import Desk
from ringfence.desk.owning import owned_terms, undecided_purchase
from ringfence.desk.repeats import end_what_expired, refused
from ringfence.errors import (
    Frozen,
    NotFound,
    PolicyRefused,
    ProviderUnavailable,
    RingfenceError,
)
from ringfence.guard import approval
from ringfence.guard.connection import begin, check_active, due_at, finish
from ringfence.guard.digest import stock_key
from ringfence.guard.proposal import Proposal, propose
from ringfence.intents import Intent, Op
from ringfence.inventory import NumberRecord, Owned, Routing
from ringfence.numbers import MAIN_ROLE
from ringfence.states import IntentState
from ringfence.store import intents, inventory
from ringfence.store.transaction import Transaction
from ringfence.ticket import Grant


@dataclass(frozen=True)
class Step:
    """One thing that was to be done, and whether it is."""

    what: str
    done: bool
    message: str


@dataclass(frozen=True)
class Assigned:
    """The number with the steps that were taken, or the intent that first needs a person's consent."""

    number: str
    steps: tuple[Step, ...]
    intent: Intent | None


@dataclass(frozen=True)
class AssignWish:
    """`assistant_id` None disconnects; label and metadata are left alone where they are None."""

    number: str
    assistant_id: str | None
    label: str | None = None
    metadata: Mapping[str, str] | None = None


async def assign(desk: Desk, principal: str, wish: AssignWish) -> Assigned:
    """Connect an idle number at once; propose an intent for a number that is in use.

    Raises:
        InvalidArguments: an assistant that is not registered (`details.assistants` lists those that are).
        NotFound: not a number of this installation.
        PolicyRefused: the number is being released, or lost.
        Frozen: spending is frozen, and with it whatever moves live calls.
    """
    await end_what_expired(desk)
    record = await desk.store.read(lambda tx: _found(tx, wish))
    steps = await _describe(desk, record, wish)
    if record.wanted_assistant_id == record.assistant_id == wish.assistant_id:
        return Assigned(record.number, (*steps, _connected(record, wish.assistant_id)), None)
    owned = await desk.carrier(record.provider).read_number(record.carrier_ref)
    if owned is None:
        raise ProviderUnavailable(f"{record.number} is not in its carrier's list at the moment.")
    if not _is_idle(record, owned, principal):
        intent = await desk.store.write(lambda tx: _propose_move(tx, desk, principal, wish))
        desk.bell.ring()
        if intent.state is IntentState.REFUSED:
            raise refused(intent)
        return Assigned(record.number, steps, intent)
    begun = await desk.store.write(
        lambda tx: begin_connecting(tx, record.number_id, wish.assistant_id, actor=principal)
    )
    return Assigned(record.number, (*steps, await make_connection(desk, begun)), None)


def _found(tx: Transaction, wish: AssignWish) -> NumberRecord:
    check_registered(tx.rules, wish.assistant_id)
    record = inventory.by_number(tx, wish.number)
    if record is None:
        raise NotFound(f"{wish.number} is no number of this installation.")
    check_active(record)
    if tx.frozen is not None:
        raise Frozen(f"All spending is frozen, and moving numbers with it: {tx.frozen}.")
    return record


def _is_idle(record: NumberRecord, owned: Owned, principal: str) -> bool:
    """Nobody's calls would move: ours, the same requester's, unassigned, and just read as connected to nothing."""
    is_free = record.assistant_id is None and record.wanted_assistant_id is None
    return record.requester == principal and is_free and owned.routing.is_empty


async def _describe(desk: Desk, record: NumberRecord, wish: AssignWish) -> tuple[Step, ...]:
    """Write label and metadata down; they never need consent."""
    changes: dict[str, Any] = {}
    if wish.label is not None and wish.label != record.label:
        changes["label"] = wish.label
    if wish.metadata is not None and dict(wish.metadata) != record.metadata:
        changes["metadata"] = dict(wish.metadata)

    def write(tx: Transaction) -> None:
        current = inventory.get(tx, record.number_id) or record
        inventory.change(tx, current, due_at=due_at(tx, current, current.state), **changes)
        tx.audit(
            "number.described", actor="ringfence", subject=record.number_id, fields=sorted(changes)
        )

    if changes:
        await desk.store.write(write)
    wished = [name for name in ("label", "metadata") if getattr(wish, name) is not None]
    return tuple(
        Step(name, done=True, message=f"The {name} is kept with the number.") for name in wished
    )


def _connected(record: NumberRecord, assistant_id: str | None) -> Step:
    whom = f"connected to {assistant_id}" if assistant_id else "connected to nobody"
    return Step(
        "connect" if assistant_id else "disconnect",
        done=True,
        message=f"{record.number} is {whom}.",
    )


@dataclass(frozen=True)
class Begun:
    """A connection that is written down, and granted, and still to be made."""

    grant: Grant
    record: NumberRecord
    routing: Routing


def begin_connecting(
    tx: Transaction, number_id: str, assistant_id: str | None, *, actor: str, role: str = MAIN_ROLE
) -> Begun:
    """Write down whom a number that nobody uses shall serve.

    Raises:
        PolicyRefused, Frozen: as `guard.connection.begin`; the assistant may have left the register, too.
    """
    grant, record = begin(tx, number_id, assistant_id, actor=actor, role=role)
    return Begun(grant, record, routing_for(tx.rules, assistant_id))


async def make_connection(desk: Desk, begun: Begun) -> Step:
    """Have the carrier make it; what it did not answer is tried again by the runner."""
    record, assistant_id = begun.record, begun.record.wanted_assistant_id
    carrier = desk.carrier(record.provider)
    try:
        owned = await carrier.configure(begun.grant, record.carrier_ref, begun.routing)
    except RingfenceError as error:
        return Step("connect", done=False, message=f"{error.message} It will be tried again.")
    done = await desk.store.write(lambda tx: finish(tx, record.number_id, assistant_id, owned))
    desk.bell.ring()
    return _connected(done, assistant_id)


def connection_of(record: NumberRecord) -> Step:
    """How far a number has come to whom it shall serve."""
    if record.assistant_id == record.wanted_assistant_id:
        return _connected(record, record.assistant_id)
    whom = record.wanted_assistant_id or "nobody"
    message = f"{record.number} is being connected to {whom}; it is tried until it is done."
    return Step("connect", done=False, message=message)


def _propose_move(tx: Transaction, desk: Desk, principal: str, wish: AssignWish) -> Intent:
    record = _found(tx, wish)  # anew: it may be given back since
    stock = [(record.provider, record.number)]
    earlier = intents.open_intent(tx, principal, Op.ASSIGN, stock)
    if earlier is not None and earlier.terms.assistant_id != wish.assistant_id:
        raise _another_move(earlier)
    if earlier is not None:
        return earlier
    proposal = Proposal(
        op=Op.ASSIGN,
        principal=principal,
        assistant_id=wish.assistant_id,
        lines=[owned_terms(desk, record)],
        stock_key=stock_key(Op.ASSIGN, [(record.provider.value, record.number)]),
        rejection=undecided_purchase(tx, principal, record),
        role=MAIN_ROLE if wish.assistant_id else None,
    )
    return propose(tx, proposal)


def _another_move(earlier: Intent) -> PolicyRefused:
    number = earlier.lines[0].terms.number
    whom = earlier.terms.assistant_id
    return PolicyRefused(
        f"{number} is about to be {f'connected to {whom}' if whom else 'disconnected'}, as you asked before.",
        remedy="Withdraw that with cancel_intent first, or ask the person which of the two they want.",
        details={"intent_id": earlier.intent_id},
    )


async def assigned_by(desk: Desk, principal: str, intent_id: str) -> Assigned:
    """What an assign intent has led to so far: the number and its steps once it has completed."""
    intent = await desk.store.read(lambda tx: approval.existing(tx, intent_id, principal=principal))
    terms = intent.lines[0].terms
    if intent.state is not IntentState.COMPLETED:
        return Assigned(terms.number, (), intent)
    whom = (
        f"connected to {intent.terms.assistant_id}"
        if intent.terms.assistant_id
        else "connected to nobody"
    )
    step = Step("connect", done=True, message=f"{terms.number} is {whom}.")
    return Assigned(terms.number, (step,), None)
