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
    percent_before: int
    is_tight: bool


def budget_view(standing: Standing) -> BudgetView:
    """A budget as it stands, printed."""
    limit = limit_of(standing.budget)
    taken = standing.used + standing.held
    percent = _percent(taken, limit)
    said, before = standing.taken, standing.before
    if isinstance(standing.budget, CashBudget | RunRateBudget):
        said, before = said.rpartition(" ")[0], before.rpartition(" ")[0]
    return BudgetView(
        name=_name(standing),
        said=f"{said} of {standing.limit} ({before} before)",
        percent=percent,
        percent_before=_percent(taken - standing.change, limit),
        is_tight=percent >= TIGHT_PERCENT,
    )


def _percent(taken: int, limit: int) -> int:
    """How full it is, rounded up; whole where nothing may be taken."""
    return 100 if limit <= 0 else max(0, min(100, -(-taken * 100 // limit)))


def _name(standing: Standing) -> str:
    budget = standing.budget
    when = ""
    if isinstance(budget, CashBudget | PurchasesBudget):
        when = f" {standing.window}"
    elif isinstance(budget, AttemptsBudget):
        when = " this hour"
    scope = "" if budget.scope == "all" else f" ({budget.scope})"
    return f"{budget.name.replace('_', ' ')}{scope}{when}"
