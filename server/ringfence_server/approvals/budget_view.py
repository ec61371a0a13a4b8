"""A budget on the page: how full it is with this intent counted in."""

from __future__ import annotations

from dataclasses import dataclass

from ringfence.guard.budget import limit_of
from ringfence.guard.standing import Standing
from ringfence.policy import AttemptsBudget, CashBudget, PurchasesBudget, RunRateBudget

TIGHT_PERCENT = 80
"""From here on a budget's bar warns."""


@dataclass(frozen=True)
class BudgetView:
    """A budget with this intent counted in."""

    name: str
    said: str
    percent: int
    is_tight: bool


def budget_view(standing: Standing) -> BudgetView:
    """A budget as it stands, printed."""
    budget, limit = standing.budget, limit_of(standing.budget)
    taken = standing.used + standing.held
    percent = 100 if limit <= 0 else min(100, -(-taken * 100 // limit))
    said = standing.taken
    if isinstance(budget, CashBudget | RunRateBudget):
        said = said.rpartition(" ")[0]
    return BudgetView(
        name=_name(standing),
        said=f"{said} of {standing.limit}",
        percent=percent,
        is_tight=percent >= TIGHT_PERCENT,
    )


def _name(standing: Standing) -> str:
    budget = standing.budget
    when = ""
    if isinstance(budget, CashBudget | PurchasesBudget):
        when = f" {standing.window}"
    elif isinstance(budget, AttemptsBudget):
        when = " this hour"
    scope = "" if budget.scope == "all" else f" ({budget.scope})"
    return f"{budget.name.replace('_', ' ')}{scope}{when}"
