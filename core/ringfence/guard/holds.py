"""What becomes of budget that a line set aside: claimed, unsent, posted or voided, with its ledger entry."""

from __future__ import annotations

from functools import partial

from ringfence.errors import RingfenceError
from ringfence.guard import budget as budgets
from ringfence.guard import giving_back, windows
from ringfence.guard.proposal import line_entry
from ringfence.intents import Intent, Line, Op
from ringfence.offers import Price
from ringfence.policy import AttemptsBudget, Budget
from ringfence.states import HoldState, LineState
from ringfence.store import intents, ledger
from ringfence.store.balances import Move
from ringfence.store.ledger import EntryKind, Hold
from ringfence.store.transaction import Transaction


def void_line(tx: Transaction, intent: Intent, line: Line, *, why: RingfenceError) -> Line:
    """End an unsent line and give back what it held; a number that it was to release is left as it was."""
    voided = intents.move_line(tx, line, LineState.VOIDED, due_at=None, error=short(why))
    release(tx, intent, voided)
    giving_back.follow(tx, intent, voided)
    return voided


def short(why: RingfenceError) -> dict[str, str]:
    """A refusal as it stands at a line."""
    return {"code": why.code, "message": why.message, "remedy": why.remedy}


def claim(tx: Transaction, intent: Intent, line: Line) -> None:
    """Let a line's holds count in the window in which it is sent, where no timer frees them; count the attempt."""
    if intent.terms.op is not Op.BUY:
        return
    ledger.add(tx, [line_entry(tx, intent, line, EntryKind.CLAIM)])
    for hold, budget in _pending(tx, line):
        window = budgets.window_at(budget, tx.now)
        if isinstance(budget, AttemptsBudget):
            _use_attempt(tx, hold, budget)
        elif hold.window != window:
            ledger.move_hold(tx, hold, window=window)
            tx.move(Move(budget.name, hold.window, held=-hold.amount))
            tx.move(Move(budget.name, window, held=hold.amount, limit=budgets.limit_of(budget)))


def _use_attempt(tx: Transaction, hold: Hold, budget: AttemptsBudget) -> None:
    """An attempt is used when it is made, whatever comes of it."""
    bucket = budgets.bucket_at(tx.now)
    tx.balances.begin(budget.name, bucket)
    tx.move(Move(budget.name, bucket, used=hold.amount))
    tx.move(Move(budget.name, hold.window, held=-hold.amount))
    ledger.move_hold(tx, hold, window=hold.window, amount=0)


def unsend(tx: Transaction, intent: Intent, line: Line) -> None:
    """A line was provably not sent and waits again; its next attempt is held anew."""
    if intent.terms.op is not Op.BUY:
        return
    ledger.add(tx, [line_entry(tx, intent, line, EntryKind.UNSEND)])
    for hold, budget in _pending(tx, line):
        if isinstance(budget, AttemptsBudget):
            ledger.move_hold(tx, hold, window=hold.window, amount=1)
            tx.move(Move(budget.name, hold.window, held=1))


def post(tx: Transaction, intent: Intent, line: Line, *, price: Price) -> None:
    """Turn a line's holds into spending at the price that was charged, which is not above what was held."""
    if intent.terms.op is not Op.BUY:
        return
    ledger.add(tx, [line_entry(tx, intent, line, EntryKind.POST, price=price)])
    convert = partial(windows.convert_as_of, tx, intent.terms.policy_version)
    for hold, budget in _pending(tx, line):
        amount = (
            0 if isinstance(budget, AttemptsBudget) else budgets.counted(budget, price, convert)
        )
        ledger.end_hold(tx, hold, HoldState.POSTED, posted=amount)
        if not isinstance(budget, AttemptsBudget):
            tx.move(Move(budget.name, hold.window, held=-hold.amount, used=amount))


def release(tx: Transaction, intent: Intent, line: Line) -> None:
    """Give back everything that an ended line held."""
    if intent.terms.op is not Op.BUY:
        return
    ledger.add(tx, [line_entry(tx, intent, line, EntryKind.VOID)])
    for hold, budget in _pending(tx, line):
        ledger.end_hold(tx, hold, HoldState.VOIDED)
        tx.move(Move(budget.name, hold.window, held=-hold.amount))


def adjust(tx: Transaction, intent: Intent, line: Line, *, price: Price) -> None:
    """A failed line was charged after all: the truth is posted, over the budget if need be."""
    ledger.add(tx, [line_entry(tx, intent, line, EntryKind.LATE, price=price)])
    convert = partial(windows.convert_as_of, tx, intent.terms.policy_version)
    dimensions = budgets.dimensions_of(
        line.terms, requester=intent.terms.principal, assistant_id=intent.terms.assistant_id
    )
    windows.keep_up(tx)
    for budget in budgets.balanced(tx.rules):
        if budgets.matches(budget, dimensions) and not isinstance(budget, AttemptsBudget):
            window = budgets.window_at(budget, line.dispatched_at or tx.now)
            tx.balances.begin(budget.name, window)
            tx.move(Move(budget.name, window, used=budgets.counted(budget, price, convert)))


def _pending(tx: Transaction, line: Line) -> list[tuple[Hold, Budget]]:
    """A line's pending holds with their budgets, in the order in which balances are locked."""
    rules = {b.name: b for b in budgets.balanced(tx.rules)}
    return [
        (hold, rules[hold.budget])
        for hold in ledger.holds_of(tx, line.line_id)
        if hold.state is HoldState.PENDING and hold.budget in rules
    ]
