"""Proposing: judge a wish, set budget aside for it, and write it down — before any person is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from ringfence.errors import RingfenceError
from ringfence.guard import budget as budgets
from ringfence.guard import giving_back, soundness, windows, witness
from ringfence.guard.decision import Decision, Snapshot, Wish, decide, refusal, stopped
from ringfence.guard.digest import canonical, digest_of_bytes
from ringfence.ids import Prefix
from ringfence.intents import Intent, Level, Line, LineTerms, Op, Terms
from ringfence.money import Money
from ringfence.offers import Price
from ringfence.policy import AttemptsBudget, Budget, PolicyDocument
from ringfence.states import IntentState, LineState
from ringfence.store import audit, intents, ledger, requesters
from ringfence.store.balances import ROLLING, Move
from ringfence.store.ledger import Entry, EntryKind, Hold
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class Proposal:
    """A wish with everything that a person would have to consent to, and the caller's name for it."""

    op: Op
    principal: str
    assistant_id: str | None
    lines: Sequence[LineTerms]
    """With empty `line_id`s: ids are given in the transaction."""
    stock_key: str
    role: str | None = None
    """What the numbers shall be for at the assistant; None only where there is no assistant."""
    max_total: Money | None = None
    reason: str | None = None
    idempotency_key: str | None = None
    items_hash: str = ""
    wish_hash: str = ""
    rejection: RingfenceError | None = None
    """Why the desk already knows that it cannot be (papers, a number that is gone); stored like any refusal."""


@dataclass(frozen=True)
class Totals:
    """Sums over all lines; exact in one currency, else converted upward."""

    currency: str
    now: Money | None
    monthly: Money | None
    first_year: Money | None
    is_converted: bool


def total(prices: Sequence[Price | None], rules: PolicyDocument, *, now: datetime) -> Totals:
    """Add prices up; None where a price or a rate is missing, and no line at all is zero."""
    currencies = {price.currency for price in prices if price is not None}
    currency = currencies.pop() if len(currencies) == 1 else rules.currency
    is_converted = any(price is not None and price.currency != currency for price in prices)
    convert = partial(rules.convert, target=currency, now=now)

    def add(amounts: Sequence[Money | None]) -> Money | None:
        converted = [None if amount is None else convert(amount) for amount in amounts]
        if any(amount is None for amount in converted):
            return None
        return sum((a for a in converted if a is not None), start=Money.zero(currency))

    return Totals(
        currency=currency,
        now=add([price.now if price else None for price in prices]),
        monthly=add([price.monthly if price else None for price in prices]),
        first_year=add([price.first_year if price else None for price in prices]),
        is_converted=is_converted,
    )


def preview(tx: Transaction, proposal: Proposal) -> Decision:
    """What the guard would say, with nothing held or written down."""
    return judge(tx, proposal, windows.snapshot(tx, principal=proposal.principal, op=proposal.op))


def judge(tx: Transaction, proposal: Proposal, seen: Snapshot) -> Decision:
    """The same on what was seen already."""
    return decide(_wish(proposal, _totals(tx, proposal)), seen, tx.rules, tx.now)


def check_not_stopped(tx: Transaction, principal: str, op: Op) -> None:
    """Say at once what `propose` would: a person has said stop.

    Raises:
        Declined: nothing of this kind may be asked for yet.
    """
    until = requesters.pressure(tx, principal, op).stopped_until
    if until is not None:
        violations = (stopped(principal, until),)
        raise refusal(Decision(violations=violations, level=tx.rules.levels.needed(op)))


def propose(tx: Transaction, proposal: Proposal) -> Intent:
    """Write an intent down: awaiting a person with its budget held, or refused with every reason."""
    witness.require(tx)
    soundness.watch(tx)
    requesters.take_turn(tx, proposal.principal)
    decision = preview(tx, proposal)
    error = proposal.rejection or (None if decision.is_allowed else refusal(decision))
    terms = _terms(tx, proposal, decision.level)
    encoded = canonical(terms)
    state = IntentState.REFUSED if error else IntentState.AWAITING_APPROVAL
    intent = Intent(
        terms=terms,
        digest=digest_of_bytes(encoded),
        state=state,
        lines=tuple(
            Line(
                intent_id=terms.intent_id,
                terms=line,
                state=LineState.VOIDED if error else LineState.READY,
                version=1,
            )
            for line in terms.lines
        ),
        expires_at=terms.expires_at,
        refusal=error.as_document() if error else None,
        reason=proposal.reason,
    )
    intents.add(tx, intent, terms=encoded.decode(), stock_key=proposal.stock_key)
    reason_hash = (
        audit.keep_text(tx, intent.intent_id, proposal.reason) if proposal.reason else None
    )
    if error is None:
        _remember(tx, proposal, intent)
        if proposal.op is Op.BUY:
            hold(tx, intent)
        for line in intent.lines:
            giving_back.follow(tx, intent, line)
    tx.audit(
        "intent.refused" if error else "intent.proposed",
        actor=proposal.principal,
        subject=intent.intent_id,
        digest=intent.digest,
        terms=encoded.decode(),
        reason_hash=reason_hash,
        refusal=intent.refusal,
    )
    return intent


def _remember(tx: Transaction, proposal: Proposal, intent: Intent) -> None:
    if proposal.idempotency_key is not None:
        requesters.remember_key(
            tx,
            principal=proposal.principal,
            key=proposal.idempotency_key,
            intent_id=intent.intent_id,
            items_hash=proposal.items_hash,
            wish_hash=proposal.wish_hash,
        )


def _totals(tx: Transaction, proposal: Proposal) -> Totals:
    prices = [line.price for line in proposal.lines] if proposal.op is Op.BUY else []
    return total(prices, tx.rules, now=tx.now)


def _wish(proposal: Proposal, totals: Totals) -> Wish:
    return Wish(
        op=proposal.op,
        principal=proposal.principal,
        assistant_id=proposal.assistant_id,
        lines=proposal.lines,
        max_total=proposal.max_total,
        total_now=totals.now,
        first_year=totals.first_year,
    )


def _terms(tx: Transaction, proposal: Proposal, level: Level) -> Terms:
    totals = _totals(tx, proposal)
    return Terms(
        intent_id=tx.new_id(Prefix.INTENT),
        installation_id=tx.installation_id,
        op=proposal.op,
        principal=proposal.principal,
        assistant_id=proposal.assistant_id,
        role=proposal.role,
        lines=tuple(
            line.model_copy(update={"line_id": tx.new_id(Prefix.LINE)}) for line in proposal.lines
        ),
        currency=totals.currency,
        total_now=totals.now,
        total_monthly=totals.monthly,
        first_year=totals.first_year,
        is_converted=totals.is_converted,
        max_total=proposal.max_total,
        policy_version=tx.policy_version,
        level=level,
        created_at=tx.now,
        expires_at=tx.now + timedelta(minutes=tx.rules.approval_minutes),
    )


def hold(tx: Transaction, intent: Intent) -> None:
    """Set budget aside for every line, in every budget that it counts for."""
    for line in intent.lines:
        ledger.add(tx, [line_entry(tx, intent, line, EntryKind.HOLD)])
        holds = holds_for(tx, intent, line)
        ledger.add_holds(tx, [made for made, _ in holds])
        for made, budget in holds:
            tx.move(
                Move(
                    budget.name,
                    made.window,
                    held=made.amount,
                    limit=budgets.limit_of(budget),
                    oldest_bucket=budgets.oldest_bucket(tx.now) if made.window == ROLLING else None,
                )
            )


def holds_for(tx: Transaction, intent: Intent, line: Line) -> list[tuple[Hold, Budget]]:
    """What a line holds under the policy in force, in the order in which balances are locked.

    A line that has been sent holds in the window of its dispatch, and no attempt any more: that one is used.
    """
    price = priced(line)
    dimensions = budgets.dimensions_of(
        line.terms, requester=intent.terms.principal, assistant_id=intent.terms.assistant_id
    )
    convert = partial(windows.convert_as_of, tx, intent.terms.policy_version)
    is_sent = line.state is not LineState.READY
    moment = line.dispatched_at if is_sent and line.dispatched_at is not None else tx.now
    made = []
    for budget in budgets.balanced(tx.rules):
        if budgets.matches(budget, dimensions):
            is_used = is_sent and isinstance(budget, AttemptsBudget)
            amount = 0 if is_used else budgets.counted(budget, price, convert)
            window = budgets.window_at(budget, moment)
            made.append(
                (
                    Hold(line_id=line.line_id, budget=budget.name, window=window, amount=amount),
                    budget,
                )
            )
    return made


def priced(line: Line) -> Price:
    """The price of a line that has passed the guard; such a line always has one."""
    if line.terms.price is None:
        raise RuntimeError(f"Line {line.line_id} has no price and can hold nothing.")
    return line.terms.price


def line_entry(
    tx: Transaction, intent: Intent, line: Line, kind: EntryKind, *, price: Price | None = None
) -> Entry:
    """A ledger entry about a line; `line.version` orders it among the others."""
    price = price or priced(line)
    return Entry(
        entry_id=tx.new_id(Prefix.ENTRY),
        kind=kind,
        line_id=line.line_id,
        line_version=line.version,
        intent_id=line.intent_id,
        number_id=None,
        effective_at=tx.now,
        # The rates under which it was held hold for whatever follows.
        policy_version=intent.terms.policy_version,
        currency=price.currency,
        setup_micros=price.setup.micros,
        monthly_micros=price.monthly.micros,
        dimensions=budgets.dimensions_of(
            line.terms, requester=intent.terms.principal, assistant_id=intent.terms.assistant_id
        ),
    )
