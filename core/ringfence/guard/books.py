"""Checking the books: the ledger folded from its first entry must give every balance and every hold."""

from __future__ import annotations

from functools import partial

from ringfence.guard import budget as budgets
from ringfence.guard.windows import RENEWALS, convert_as_of
from ringfence.policy import Budget
from ringfence.states import HoldState, LineState
from ringfence.store import balances, intents, ledger
from ringfence.store.balances import Balance
from ringfence.store.transaction import Transaction


def refold(tx: Transaction) -> dict[tuple[str, str], Balance]:
    """Every balance as the ledger gives it; waiting holds count where they were last moved to."""
    windows = {(hold.line_id, hold.budget): hold.window for hold in ledger.all_holds(tx)}

    def pending_window(line_id: str, budget: Budget) -> str:
        return windows.get((line_id, budget.name)) or budgets.window_at(budget, tx.now)

    return budgets.fold(
        ledger.entries(tx),
        tx.rules,
        converter=lambda version: partial(convert_as_of, tx, version),
        pending_window=pending_window,
    )


def verify(tx: Transaction) -> list[str]:
    """Where the books do not balance, in words; empty is good."""
    found = {
        key: row for key, row in balances.all_rows(tx.connection).items() if key[0] != RENEWALS
    }
    return [*budgets.differences(refold(tx), found), *_stray_holds(tx)]


def _stray_holds(tx: Transaction) -> list[str]:
    """Holds that wait although their line has ended, or have ended although it has not."""
    states = intents.line_states(tx)
    ended = {LineState.CAPTURED, LineState.FAILED, LineState.VOIDED}
    return [
        f"the hold of {hold.line_id} in {hold.budget} is {hold.state} while its line is {states[hold.line_id]}"
        for hold in ledger.all_holds(tx)
        if (hold.state is HoldState.PENDING) == (states[hold.line_id] in ended)
    ]
