"""Counting what we own: a number counts in run-rate and count until it is confirmed that it is ours no longer.

A number stops counting exactly as it began to: with the dimensions, the amount and the exchange rates of the entry
that let it count, whomever it serves by now.
"""

from __future__ import annotations

from functools import partial

from ringfence.guard import budget as budgets
from ringfence.guard import windows
from ringfence.ids import Prefix
from ringfence.inventory import NumberRecord
from ringfence.money import Money
from ringfence.offers import Price
from ringfence.policy import Budget, BudgetKind
from ringfence.store import ledger
from ringfence.store.balances import Move
from ringfence.store.ledger import Entry, EntryKind
from ringfence.store.transaction import Transaction

COUNTS_OWNED = frozenset({BudgetKind.RUN_RATE, BudgetKind.COUNT})
"""The budgets that a number counts in for as long as it is ours."""


def count(tx: Transaction, record: NumberRecord) -> None:
    """Let a number that no purchase of ours brought count from now on; one without a price counts too."""
    monthly = record.monthly or Money.zero(tx.rules.currency)
    _write(tx, Entry(
        entry_id=tx.new_id(Prefix.ENTRY),
        kind=EntryKind.EXTERNAL,
        line_id=None,
        line_version=None,
        intent_id=None,
        number_id=record.number_id,
        effective_at=tx.now,
        policy_version=tx.policy_version,
        currency=monthly.currency,
        setup_micros=0,
        monthly_micros=monthly.micros,
        dimensions=windows.dimensions_of(record),
    ))  # fmt: skip


def uncount(tx: Transaction, record: NumberRecord) -> None:
    """Let a number count no longer."""
    counted = counted_by(tx, record)
    _write(tx, counted.model_copy(update={
        "entry_id": tx.new_id(Prefix.ENTRY),
        "kind": EntryKind.RELEASE,
        "line_id": None,
        "line_version": None,
        "intent_id": None,
        "number_id": record.number_id,
        "effective_at": tx.now,
        "setup_micros": 0,
    }))  # fmt: skip


def recount(tx: Transaction, record: NumberRecord, monthly: Money) -> None:
    """Let a number count at another monthly price from now on, in the budgets in which it counts."""
    counted = counted_by(tx, record)
    uncount(tx, record)
    _write(tx, counted.model_copy(update={
        "entry_id": tx.new_id(Prefix.ENTRY),
        "kind": EntryKind.EXTERNAL,
        "line_id": None,
        "line_version": None,
        "intent_id": None,
        "number_id": record.number_id,
        "effective_at": tx.now,
        "currency": monthly.currency,
        "setup_micros": 0,
        "monthly_micros": monthly.micros,
    }))  # fmt: skip


def counted_by(tx: Transaction, record: NumberRecord) -> Entry:
    """The entry by which an owned number counts."""
    entry = ledger.counting_entry(tx, number_id=record.number_id, line_id=record.line_id)
    if entry is None:
        raise RuntimeError(f"{record.number_id} is ours and counts for nothing.")
    return entry


def share(tx: Transaction, entry: Entry, budget: Budget) -> int:
    """How much of a budget's balance an owned number makes up; nothing of budgets that it does not count in."""
    if budget.kind not in COUNTS_OWNED or not budgets.matches(budget, entry.dimensions):
        return 0
    monthly = Money(entry.monthly_micros, entry.currency)
    price = Price(setup=Money.zero(entry.currency), monthly=monthly)
    return budgets.counted(budget, price, partial(windows.convert_as_of, tx, entry.policy_version))


def _write(tx: Transaction, entry: Entry) -> None:
    ledger.add(tx, [entry])
    sign = -1 if entry.kind is EntryKind.RELEASE else 1
    for budget in budgets.balanced(tx.rules):
        amount = share(tx, entry, budget)
        if amount:
            tx.move(Move(budget.name, budgets.window_at(budget, tx.now), used=sign * amount))
