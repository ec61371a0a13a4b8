"""Reconciling: a carrier's complete list against our records; what cannot be explained freezes spending."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from ringfence.guard import budget as budgets
from ringfence.guard import windows
from ringfence.guard.freeze import freeze
from ringfence.guard.settlement import late_success
from ringfence.ids import Prefix
from ringfence.inventory import NumberRecord, Origin, Owned
from ringfence.money import Money
from ringfence.offers import Price, Provider
from ringfence.policy import BudgetKind
from ringfence.states import UNSETTLED_LINES, LineState, NumberState, check_transition
from ringfence.store import intents, inventory, ledger
from ringfence.store.balances import Move
from ringfence.store.ledger import Entry, EntryKind
from ringfence.store.transaction import Transaction


def compare(  # one carrier's list with all that is known of it
    tx: Transaction,
    *,
    provider: Provider,
    account: str,
    listed: Sequence[Owned],
    seen_from: datetime,
    tag_of: Callable[[str], str],
) -> None:
    """Bring records of one carrier account in line with its list.

    Args:
        listed: every number of the account.
        seen_from: a moment before the list was read; what we bought since may be missing from it.
        tag_of: the text that a line's purchase carries at the carrier.
    """
    by_number = {owned.number: owned for owned in listed}
    known = {
        r.number: r
        for r in inventory.paid_for(tx)
        if (r.provider, r.account) == (provider, account)
    }
    for number, record in known.items():
        if number in by_number:
            _refresh(tx, record, by_number[number])
        elif record.state is NumberState.ACTIVE and record.bought_at < seen_from:
            _lose(tx, record)
    for number in sorted(by_number.keys() - known.keys()):
        _explain(tx, by_number[number], tag_of)


def _refresh(tx: Transaction, record: NumberRecord, owned: Owned) -> None:
    """Readiness and renewal follow the carrier, and so does a first price; a price that changed is an event."""
    changes: dict[str, object] = {"readiness": owned.readiness, "renews_at": owned.renews_at}
    if record.state is NumberState.LOST:
        check_transition(record.state, NumberState.ACTIVE)
        changes["state"] = NumberState.ACTIVE
    if record.monthly is None:
        changes["monthly"] = _countable(tx, owned)
    due_at = None if record.assistant_id == record.wanted_assistant_id else tx.now
    if any(getattr(record, name) != value for name, value in changes.items()):
        refreshed = inventory.change(tx, record, due_at=due_at, **changes)
        if refreshed.monthly != record.monthly:
            windows.keep_up(tx)
            _count(tx, record, EntryKind.RELEASE)
            _count(tx, refreshed, EntryKind.EXTERNAL)
    if record.monthly is not None and owned.monthly not in {None, record.monthly}:
        tx.audit(
            "number.price_changed",
            actor="ringfence",
            subject=record.number_id,
            before=record.monthly,
            after=owned.monthly,
        )


def _lose(tx: Transaction, record: NumberRecord) -> None:
    """The carrier lists it no longer; it still counts, until a person says what became of it."""
    check_transition(record.state, NumberState.LOST)
    inventory.change(tx, record, state=NumberState.LOST)
    tx.audit("number.lost", actor="ringfence", subject=record.number_id, number=record.number)


def _explain(tx: Transaction, owned: Owned, tag_of: Callable[[str], str]) -> None:
    """A number that we have no record of: one of our own lines, or a stranger."""
    for line_id in intents.lines_of_number(tx, owned.provider, owned.number):
        if owned.tag != tag_of(line_id):
            continue
        _, line = intents.of_line(tx, line_id)
        if line.state is LineState.FAILED:
            late_success(tx, line_id, owned)
        if line.state in UNSETTLED_LINES | {LineState.FAILED}:
            return  # the runner's looks settle what is still open
    _adopt(tx, owned)


def _adopt(tx: Transaction, owned: Owned) -> None:
    """Write a stranger down as ours, since we pay for it, and freeze until a person has explained it."""
    monthly = _countable(tx, owned)
    record = NumberRecord(
        number_id=tx.new_id(Prefix.NUMBER),
        provider=owned.provider,
        account=owned.account,
        carrier_ref=owned.carrier_ref,
        number=owned.number,
        country=owned.country,
        type=owned.type,
        capabilities=owned.capabilities,
        readiness=owned.readiness,
        state=NumberState.ACTIVE,
        label=None,
        metadata={},
        assistant_id=None,
        wanted_assistant_id=None,
        unassigned_since=tx.now,
        requester="external",
        line_id=None,
        monthly=monthly,
        origin=Origin.EXTERNAL,
        bought_at=owned.bought_at,
        renews_at=owned.renews_at,
        version=1,
    )
    windows.keep_up(tx)  # what it cost before we knew of it is nobody's to say
    inventory.add(tx, record, due_at=None)
    windows.count_missed_renewals(tx, record, since=tx.now)  # a month may begin early in some zone
    _count(tx, record, EntryKind.EXTERNAL)
    tx.audit("number.external", actor="ringfence", subject=record.number_id, number=record.number)
    freeze(
        tx,
        f"{record.number} is in the carrier account and nobody here bought it",
        actor="ringfence",
    )


def _countable(tx: Transaction, owned: Owned) -> Money | None:
    """What it costs a month, where every budget can count that; a price without a rate is as good as none."""
    price = owned.monthly
    if price is None:
        return None
    targets = {currency for budget in tx.rules.budgets for currency in budgets.currencies(budget)}
    convert = partial(windows.convert_as_of, tx, tx.policy_version)
    return price if all(convert(price, target) is not None for target in targets) else None


def _count(tx: Transaction, record: NumberRecord, kind: EntryKind) -> None:
    """Let a number count in run-rate and count from now on, or no longer; one without a price counts too."""
    monthly = record.monthly or Money.zero(tx.rules.currency)
    entry = Entry(
        entry_id=tx.new_id(Prefix.ENTRY),
        kind=kind,
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
    )
    ledger.add(tx, [entry])
    price = Price(setup=Money.zero(monthly.currency), monthly=monthly)
    convert = partial(windows.convert_as_of, tx, tx.policy_version)
    sign = -1 if kind is EntryKind.RELEASE else 1
    for budget in budgets.balanced(tx.rules):
        if budget.kind in {BudgetKind.RUN_RATE, BudgetKind.COUNT} and budgets.matches(
            budget, entry.dimensions
        ):
            amount = budgets.counted(budget, price, convert)
            tx.move(Move(budget.name, budgets.window_at(budget, tx.now), used=sign * amount))
