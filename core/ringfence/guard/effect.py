"""What a finding will do to the budgets, for the person who is asked about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from ringfence.guard import budget as budgets
from ringfence.guard import counting, windows
from ringfence.guard.finding import Became, Finding
from ringfence.guard.standing import Standing
from ringfence.policy import AttemptsBudget
from ringfence.states import HoldState
from ringfence.store import balances, intents, inventory, ledger
from ringfence.store.balances import Balance
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class Effect:
    """What a finding does to one budget."""

    before: Standing
    after: Standing

    @property
    def is_over(self) -> bool:
        """Whether the budget is over its limit afterwards."""
        after = self.after
        return after.used + after.held > budgets.limit_of(after.budget)


def effects(tx: Transaction, line_id: str, finding: Finding) -> Iterator[Effect]:
    """What a finding about a line will do to every budget that it is held in."""
    intent, line = intents.of_line(tx, line_id)
    rules = {b.name: b for b in budgets.balanced(tx.rules)}
    convert = partial(windows.convert_as_of, tx, intent.terms.policy_version)
    for hold in ledger.holds_of(tx, line.line_id):
        budget = rules.get(hold.budget)
        if (
            budget is None
            or hold.state is not HoldState.PENDING
            or isinstance(budget, AttemptsBudget)
        ):
            continue
        row = balances.get(tx.connection, hold.budget, hold.window) or Balance()
        spent = 0 if finding.price is None else budgets.counted(budget, finding.price, convert)
        yield Effect(
            Standing(budget, hold.window, row.used, row.held),
            Standing(budget, hold.window, row.used + spent, row.held - hold.amount),
        )


def number_effects(tx: Transaction, number_id: str, finding: Finding) -> Iterator[Effect]:
    """What a finding about a lost number will do to every budget that it counts in."""
    found = inventory.get(tx, number_id)
    if found is None:
        return
    entry = counting.counted_by(tx, found)
    for budget in budgets.balanced(tx.rules):
        share = counting.share(tx, entry, budget)
        window = budgets.window_at(budget, tx.now)
        row = balances.get(tx.connection, budget.name, window) or Balance()
        if share:
            left = row.used - (share if finding.became is Became.RELEASED else 0)
            before = Standing(budget, window, row.used, row.held)
            yield Effect(before, Standing(budget, window, left, row.held))
