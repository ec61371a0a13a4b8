"""Where every budget stands: how much of it is used, how much is held, and what is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ringfence.guard import budget as budgets
from ringfence.policy import AttemptsBudget, Budget, BudgetKind
from ringfence.store import balances
from ringfence.store.balances import Balance
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class Standing:
    """One budget in its present window; amounts in the budget's own unit."""

    budget: Budget
    window: str
    used: int
    held: int

    @property
    def taken(self) -> str:
        """What is used and held together, printed."""
        return budgets.printed(self.budget, self.used + self.held)

    @property
    def limit(self) -> str:
        """The limit, printed."""
        return budgets.printed(self.budget, budgets.limit_of(self.budget))

    def as_document(self) -> dict[str, Any]:
        """The same with every amount printed; `left` is below zero where a limit was tightened."""
        left = budgets.limit_of(self.budget) - self.used - self.held
        return {
            "name": self.budget.name,
            "scope": self.budget.scope,
            "kind": self.budget.kind.value,
            "window": self.window,
            "limit": self.limit,
            "used": budgets.printed(self.budget, self.used),
            "held": budgets.printed(self.budget, self.held),
            "left": budgets.printed(self.budget, left),
        }


def standings(tx: Transaction) -> list[Standing]:
    """Every budget that keeps a balance: money first, then pieces.

    Run `windows.keep_up` before, in the same transaction, where a window may have begun unseen.
    """
    kinds = list(BudgetKind)
    found = [_standing(tx, budget) for budget in budgets.balanced(tx.rules)]
    return sorted(found, key=lambda each: (kinds.index(each.budget.kind), each.budget.name))


def _standing(tx: Transaction, budget: Budget) -> Standing:
    window = budgets.window_at(budget, tx.now)
    balance = balances.get(tx.connection, budget.name, window) or Balance()
    used = balance.used
    if isinstance(budget, AttemptsBudget):
        oldest = budgets.oldest_bucket(tx.now)
        used = balances.rolling(tx.connection, budget.name, oldest).used
    return Standing(budget, window, used, balance.held)
