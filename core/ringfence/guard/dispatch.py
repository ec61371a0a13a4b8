"""The claim that comes before the byte: everything is checked once more, then the attempt is committed.

Only here are tickets and grants minted, and only after the transaction that claims the line has ended well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ringfence.errors import (
    Expired,
    Frozen,
    NumberGone,
    PolicyRefused,
    PriceChanged,
    RingfenceError,
)
from ringfence.guard import approval, giving_back, holds, listing, soundness, windows, witness
from ringfence.guard.decision import Wish, decide, refusal
from ringfence.guard.proposal import holds_for
from ringfence.ids import Prefix
from ringfence.intents import Intent, Line, Op
from ringfence.offers import Buyable, Quote
from ringfence.outcomes import Times
from ringfence.states import SENDABLE_INTENTS, HoldState, IntentState, LineState, NumberState
from ringfence.store import attempts, intents, inventory, ledger
from ringfence.store.transaction import Store, Transaction
from ringfence.ticket import Grant, Ticket, mint_grant, mint_ticket

THAW = timedelta(seconds=5)
"""How long a line waits before it looks again whether the freeze was lifted."""


@dataclass(frozen=True)
class Claimed:
    """A line that is being sent: nobody else may, and its outcome is owed."""

    intent: Intent
    line: Line
    attempt_id: str


async def claim_purchase(
    store: Store, line_id: str, *, quote: Quote | None, request_hash: str, times: Times
) -> tuple[Claimed, Ticket] | None:
    """Claim a line for one purchase; None when it is not to be sent (now, or ever: then it has been voided)."""
    # Before the commit: whoever is suspended between it and the minting must not wake up to a fresh ticket.
    dies_at = store.clock.boottime() + times.ticket_life
    claimed = await store.write(
        lambda tx: _claim(
            tx,
            line_id,
            request_hash=request_hash,
            times=times,
            objection=lambda _tx, line: _price_objection(line, quote),
        )
    )
    if claimed is None:
        return None
    ticket = mint_ticket(
        attempt_id=claimed.attempt_id,
        host=claimed.line.terms.host,
        request_hash=request_hash,
        clock=store.clock,
        dies_at=dies_at,
    )
    return claimed, ticket


async def claim_release(
    store: Store, line_id: str, *, request_hash: str, times: Times
) -> tuple[Claimed, Ticket] | None:
    """Claim a line that gives a number back for good; None as `claim_purchase`."""
    dies_at = store.clock.boottime() + times.ticket_life  # before the commit, as for a purchase
    claimed = await store.write(
        lambda tx: _claim(
            tx, line_id, request_hash=request_hash, times=times, objection=_release_objection
        )
    )
    if claimed is None:
        return None
    ticket = mint_ticket(
        attempt_id=claimed.attempt_id,
        host=claimed.line.terms.host,
        request_hash=request_hash,
        clock=store.clock,
        dies_at=dies_at,
    )
    return claimed, ticket


async def claim_move(store: Store, line_id: str, *, times: Times) -> tuple[Claimed, Grant] | None:
    """Claim a line that connects an owned number to another assistant."""
    claimed = await store.write(
        lambda tx: _claim(tx, line_id, request_hash="", times=times, objection=_move_objection)
    )
    if claimed is None:
        return None
    terms = claimed.line.terms
    grant = mint_grant(
        number_id=terms.number_id or "",
        number=terms.number,
        assistant_id=claimed.intent.terms.assistant_id,
    )
    return claimed, grant


def _claim(
    tx: Transaction,
    line_id: str,
    *,
    request_hash: str,
    times: Times,
    objection: Callable[[Transaction, Line], RingfenceError | None],
) -> Claimed | None:
    intent, line = intents.of_line(tx, line_id)
    if line.state is not LineState.READY or intent.state not in SENDABLE_INTENTS:
        return None
    witness.require(tx)
    soundness.watch(tx)
    if tx.frozen is not None:
        waits = holds.short(Frozen(f"All spending is frozen: {tx.frozen}."))
        intents.change_line(tx, line, due_at=tx.now + THAW, error=waits)
        return None
    why = (
        _standing_objection(tx, intent)
        or objection(tx, line)
        or _guard_objection(tx, intent, line)
        or _hold_objection(tx, intent, line)
    )
    if why is not None:
        holds.void_line(tx, intent, line, why=why)
        tx.audit("line.voided", actor="ringfence", subject=line_id, code=why.code)
        return None
    if listing.puts_off(tx, intent, line):
        return None
    return _commit(tx, intent, line, request_hash=request_hash, times=times)


def _commit(
    tx: Transaction, intent: Intent, line: Line, *, request_hash: str, times: Times
) -> Claimed:
    attempt_id = tx.new_id(Prefix.ATTEMPT)
    sent = intents.move_line(
        tx,
        line,
        LineState.DISPATCHING,
        attempts=line.attempts + 1,
        attempt_id=attempt_id,
        request_hash=request_hash,
        dispatched_at=tx.now,
        negative_looks=0,
        error=None,  # it waits for nothing any more
        # Whoever finds it still dispatching by then knows that the sender is dead or stalled past its ticket.
        due_at=tx.now + timedelta(seconds=times.ticket_life + times.read_timeout),
    )
    holds.claim(tx, intent, sent)
    giving_back.follow(tx, intent, sent)
    attempts.add(tx, attempt_id=attempt_id, line_id=line.line_id, request_hash=request_hash)
    tx.audit(
        "line.dispatching",
        actor="ringfence",
        subject=line.line_id,
        attempt=attempt_id,
        request=request_hash,
    )
    return Claimed(intent, sent, attempt_id)


def _standing_objection(tx: Transaction, intent: Intent) -> RingfenceError | None:
    """Is the consent still good: there, for these very terms, strong enough, and in time?"""
    if tx.now >= intent.expires_at:
        return Expired(f"The consent to {intent.intent_id} ended before it was sent.")
    assistant_id = intent.terms.assistant_id
    if assistant_id is not None and tx.rules.assistant(assistant_id) is None:
        return PolicyRefused(
            f"{assistant_id} is registered no longer, so nothing is done for it.",
            remedy="Tell the person to register it again, or ask for another assistant.",
        )
    given = approval.level_given(tx, intent)
    needed = approval.needed_level(tx, intent)
    if given is None or given.strength < needed.strength:
        return PolicyRefused(f"There is no sound consent to {intent.intent_id}.")
    return None


def _price_objection(line: Line, quote: Quote | None) -> RingfenceError | None:
    """What was approved is what is sent: same number of the same kind, no price component higher, still for sale."""
    terms = line.terms
    if quote is None or quote.number != terms.number:
        return NumberGone(f"{terms.number} is no longer for sale.")
    if quote.price is None or terms.price is None or not quote.price.is_no_dearer_than(terms.price):
        return PriceChanged(
            f"{terms.number} now costs {_said(quote)}; {_approved(line)} was approved."
        )
    changed = _changed_terms(line, quote)
    if changed is not None:
        return PriceChanged(f"{terms.number} is sold on other terms by now: {changed}.")
    if quote.buyable not in {Buyable.NOW, Buyable.UNKNOWN}:
        return PolicyRefused(f"{terms.number} cannot be bought at this moment.")
    return None


def _changed_terms(line: Line, quote: Quote) -> str | None:
    """How what is on sale differs from what was approved, beside its price; a shorter term is no difference."""
    terms = line.terms
    if quote.type not in {None, terms.type}:
        return f"it is {quote.type}, and {terms.type} was approved"
    if quote.min_term_months is not None and quote.min_term_months > terms.min_term_months:
        return f"at least {quote.min_term_months} months, and {terms.min_term_months} were approved"
    if quote.capabilities is not None and set(quote.capabilities) != set(terms.capabilities):
        can = " ".join(sorted(quote.capabilities)) or "nothing"
        return f"it can {can}, and {' '.join(sorted(terms.capabilities))} was approved"
    return None


def _move_objection(tx: Transaction, line: Line) -> RingfenceError | None:
    """What was approved is what is done: the number still serves whom the card said."""
    record = inventory.get(tx, line.terms.number_id or "")
    if record is None or record.state is not NumberState.ACTIVE:
        return PolicyRefused(f"{line.terms.number} is no active number any more.")
    is_connecting = record.wanted_assistant_id != record.assistant_id
    has_moved = record.assistant_id != line.terms.current_assistant_id
    if has_moved or is_connecting or intents.is_being_moved(tx, record.number_id):
        return PolicyRefused(
            f"{line.terms.number} has been moved, or is being moved, since a person was asked about it.",
            remedy="Look at it with list_numbers, then call assign_number again.",
        )
    return None


def _release_objection(tx: Transaction, line: Line) -> RingfenceError | None:
    """What was approved is what is given back: the number still serves whom the card said, and nobody else."""
    record = giving_back.released_by(tx, line)
    if record.assistant_id == line.terms.current_assistant_id:
        return None
    return PolicyRefused(
        f"{record.number} has been connected to somebody else since a person was asked about it.",
        remedy="Look at it with list_numbers, then call release_number again.",
    )


def _said(quote: Quote) -> str:
    return (
        f"{quote.price.setup} and {quote.price.monthly} a month"
        if quote.price
        else "an unknown price"
    )


def _approved(line: Line) -> str:
    price = line.terms.price
    return f"{price.setup} and {price.monthly} a month" if price else "no price"


def _guard_objection(tx: Transaction, intent: Intent, line: Line) -> RingfenceError | None:
    """Would the policy in force still allow this line, whose budget is held already?"""
    terms = intent.terms
    seen = windows.snapshot(tx, principal=terms.principal, op=terms.op)
    wish = Wish(
        op=terms.op,
        principal=terms.principal,
        assistant_id=terms.assistant_id,
        lines=[line.terms],
        first_year=terms.first_year,
        is_held=True,
    )
    decision = decide(wish, seen, tx.rules, tx.now)
    return None if decision.is_allowed else refusal(decision)


def _hold_objection(tx: Transaction, intent: Intent, line: Line) -> RingfenceError | None:
    """Is what the line costs set aside in every budget that it counts for, and nothing else?"""
    if intent.terms.op is not Op.BUY:
        return None
    needed = {made.budget: made.amount for made, _ in holds_for(tx, intent, line)}
    found = ledger.holds_of(tx, line.line_id)
    held = {hold.budget: hold.amount for hold in found if hold.state is HoldState.PENDING}
    if held == needed:
        return None
    wrong = min(name for name, _ in held.items() ^ needed.items())
    return PolicyRefused(
        f"Budget {wrong} does not hold what {line.terms.number} costs, so it is not bought.",
        remedy="Tell the person to run ringfence ledger verify: the database was changed, or it is a bug.",
    )


def recheck(tx: Transaction, line_id: str, *, quote: Quote | None) -> None:
    """Void a line that waits for a person when it is gone or dearer than its card says."""
    intent, line = intents.of_line(tx, line_id)
    if line.state is not LineState.READY or intent.state is not IntentState.AWAITING_APPROVAL:
        return
    why = _price_objection(line, quote)
    if why is not None:
        approval.supersede(tx, intent, why=why)
