"""Where every budget stands: how much of it is used, how much is held, and what is left."""

from __future__ import annotations

from dataclasses import dataclass

from ringfence.guard import budget as budgets
from ringfence.policy import AttemptsBudget, Budget, BudgetKind, PerNumberBudget
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
    change: int = 0
    """What one intent that is looked at adds to it, counted in already; below zero where it gives back."""

    @property
    def before(self) -> str:
        """What is used and held without that intent, printed."""
        return budgets.printed(self.budget, self.used + self.held - self.change)

    @property
    def taken(self) -> str:
        """What is used and held together, printed."""
        return budgets.printed(self.budget, self.used + self.held)

    @property
    def limit(self) -> str:
        """The limit, printed."""
        return budgets.printed(self.budget, budgets.limit_of(self.budget))

    @property
    def row(self) -> BudgetRow:
        """The same with every amount printed."""
        left = budgets.limit_of(self.budget) - self.used - self.held
        return BudgetRow(
            name=self.budget.name,
            scope=self.budget.scope,
            kind=self.budget.kind,
            window=self.window,
            limit=self.limit,
            used=budgets.printed(self.budget, self.used),
            held=budgets.printed(self.budget, self.held),
            left=budgets.printed(self.budget, left),
        )


@dataclass(frozen=True)
class BudgetRow:
    """A limit as people read it; amounts are money or pieces, printed."""

    name: str
    scope: str
    kind: BudgetKind
    window: str
    """For a limit on one number what it limits: set-up, monthly or first year, as violations name it."""
    limit: str
    used: str | None = None
    """None, like the next two, for a limit that keeps no balance."""
    held: str | None = None
    left: str | None = None
    """Below zero where a limit was tightened."""


def rows(tx: Transaction) -> list[BudgetRow]:
    """Every limit of the policy: the budgets that keep a balance, then those on one number.

    Run `windows.keep_up` before, as for `standings`.
    """
    plain = [b for b in tx.rules.budgets if isinstance(b, PerNumberBudget)]
    return [
        *(standing.row for standing in standings(tx)),
        *(row for budget in sorted(plain, key=lambda b: b.name) for row in _plain_rows(budget)),
    ]


def _plain_rows(budget: PerNumberBudget) -> list[BudgetRow]:
    return [
        BudgetRow(budget.name, budget.scope, budget.kind, window=name, limit=str(limit))
        for name, limit in budgets.plain_limits(budget)
    ]


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
