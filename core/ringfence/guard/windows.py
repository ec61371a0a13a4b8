"""Keeping balances in step with the calendar: windows open, renewals are counted, waiting holds move along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from ringfence.guard import budget as budgets
from ringfence.guard import consent, live_rules, policy_chain
from ringfence.guard.decision import Snapshot
from ringfence.intents import Op
from ringfence.inventory import NumberRecord
from ringfence.money import Money
from ringfence.offers import Price
from ringfence.policy import AttemptsBudget, Budget, CashBudget
from ringfence.store import balances, inventory, ledger, requesters
from ringfence.store.balances import Balance, Move
from ringfence.store.ledger import Dimensions, Entry, EntryKind
from ringfence.store.transaction import Transaction

RENEWALS = "@renewals"
"""A balance of no budget: its window says which month's renewals have been counted."""


def snapshot(tx: Transaction, *, principal: str, op: Op) -> Snapshot:
    """What `decide` needs to know now; opens the windows that have begun."""
    rows = keep_up(tx)
    oldest = budgets.oldest_bucket(tx.now)
    pressure = requesters.pressure(tx, principal, op)
    return Snapshot(
        balances=rows,
        rolling_used={
            b.name: balances.rolling(tx.connection, b.name, oldest).used
            for b in budgets.balanced(tx.rules)
            if isinstance(b, AttemptsBudget)
        },
        pending_intents=pressure.pending,
        frozen=tx.frozen,
        stopped_until=pressure.stopped_until,
        unpriced_numbers=tuple(inventory.unpriced(tx)),
        strongest_consent=consent.strongest(tx),
        unsound_policy=_unsound(tx),
    )


def _unsound(tx: Transaction) -> str | None:
    if tx.mode == "sandbox":
        return None
    return policy_chain.why_broken(tx) or why_unfit(tx)


def why_unfit(tx: Transaction) -> str | None:
    """Why the policy in force may not be a live one's, wherever it came from; None where it may."""
    faults = live_rules.unfit(tx.rules) if tx.mode == "live" else []
    return f"a live policy may not say so: {'; '.join(faults)}" if faults else None


@dataclass(frozen=True)
class _Begun:
    """The windows that run now, the balances that exist of them, and the waiting holds that still lie in old ones."""

    rules: Mapping[str, Budget]
    keys: frozenset[tuple[str, str]]
    month: tuple[str, str]
    found: dict[tuple[str, str], Balance]
    stale: Sequence[tuple[str, str]]

    @property
    def is_seen(self) -> bool:
        return self.found.keys() == self.keys | {self.month} and not self.stale


def _begun(tx: Transaction) -> _Begun:
    rules = {b.name: b for b in budgets.balanced(tx.rules)}
    keys = frozenset((name, budgets.window_at(b, tx.now)) for name, b in rules.items())
    month = (RENEWALS, _month_begun(tx))
    stale = [
        (name, window)
        for name, window in ledger.waiting_windows(tx)
        if name in rules and (name, window) not in keys
    ]
    return _Begun(rules, keys, month, balances.get_many(tx.connection, keys | {month}), stale)


def is_kept_up(tx: Transaction) -> bool:
    """Whether `keep_up` would change nothing: a look need not write then."""
    return _begun(tx).is_seen


def keep_up(tx: Transaction) -> dict[tuple[str, str], Balance]:
    """Open every window that has begun, count the month's renewals, let waiting holds move along.

    Returns the balances of the windows that run now.
    """
    begun = _begun(tx)
    if begun.is_seen:
        return begun.found
    if begun.month not in begun.found:
        _count_renewals(tx, begun.month[1])
    missing = begun.keys - balances.get_many(tx.connection, begun.keys).keys()
    for name, window in sorted(
        missing
    ):  # in one order, so that no two processes wait for each other
        tx.balances.open(name, window)
    for name, window in sorted(begun.stale):
        _move_along(tx, begun.rules[name], window)
    return balances.get_many(tx.connection, begun.keys)


def _move_along(tx: Transaction, budget: Budget, old: str) -> None:
    """Let what waits in an old window count in the present one; no limit stops that, only new wishes."""
    holds = ledger.unsent_holds(tx, budget.name, old)
    total = sum(hold.amount for hold in holds)
    window = budgets.window_at(budget, tx.now)
    for hold in holds:
        ledger.move_hold(tx, hold, window=window)
    if holds:
        shift(tx, Move(budget.name, old, held=-total))
        shift(tx, Move(budget.name, window, held=total))


def shift(tx: Transaction, move: Move) -> None:
    """Move a balance at once, without a limit; for what must be seen by the decision that follows."""
    if not tx.balances.move(move):
        raise RuntimeError(f"The balance {move.budget} {move.window} has not been opened.")


def _count_renewals(tx: Transaction, month: str) -> None:
    """Write what renewals cost in a month that has begun, and in those that nobody has seen since the last count."""
    last = balances.latest_window(tx.connection, RENEWALS)
    for each in [month] if last is None else [*_months(last, month)] or [month]:
        tx.balances.open(RENEWALS, each)
        _renew(tx, inventory.paid_for(tx), each)


def count_missed_renewals(tx: Transaction, record: NumberRecord, *, since: datetime) -> None:
    """Count the months that have begun since a number counts as ours, and were counted without it."""
    last = balances.latest_window(tx.connection, RENEWALS)
    for each in _months(_month(since), last or ""):
        if not ledger.exists(tx, renewal_id(each, record)):  # counted while it was a stranger's
            _renew(tx, [record], each)


def _renew(tx: Transaction, records: Sequence[NumberRecord], month: str) -> None:
    year, number = map(int, month.split("-"))
    moment = budgets.renewal_moment(year, number)
    entries = [
        _renewal(tx, record, month, moment)
        for record in records
        if record.monthly is not None and _month(record.bought_at) < month
    ]
    ledger.add(tx, entries)
    for entry in entries:
        _count_renewal(tx, entry)


def _months(after: str, until: str) -> Iterator[str]:
    """The months after one, up to another."""
    month = after
    while month < until:
        year, number = map(int, month.split("-"))
        month = f"{year + number // 12:04d}-{number % 12 + 1:02d}"
        yield month


def _month_begun(tx: Transaction) -> str:
    """The latest month that has begun in any cash budget's zone."""
    zones = {b.zone for b in tx.rules.budgets if isinstance(b, CashBudget)} | {"UTC"}
    return max(tx.now.astimezone(ZoneInfo(zone)).strftime("%Y-%m") for zone in zones)


def _month(moment: datetime) -> str:
    return moment.strftime("%Y-%m")


def _renewal(tx: Transaction, record: NumberRecord, month: str, moment: datetime) -> Entry:
    monthly = record.monthly or Money.zero(tx.rules.currency)
    return Entry(
        entry_id=renewal_id(month, record),
        kind=EntryKind.RENEWAL,
        line_id=None,
        line_version=None,
        intent_id=None,
        number_id=record.number_id,
        effective_at=moment,
        policy_version=tx.policy_version,
        currency=monthly.currency,
        setup_micros=0,
        monthly_micros=monthly.micros,
        dimensions=dimensions_of(record),
    )


def renewal_id(month: str, record: NumberRecord) -> str:
    """The id of the entry that counts a number's renewal in a month such as `2026-11`: there is one at most."""
    return f"renewal:{month}:{record.number_id}"


def dimensions_of(record: NumberRecord) -> Dimensions:
    """The dimensions of a number that we own."""
    return Dimensions(
        provider=record.provider.value,
        account=record.account,
        country=record.country,
        type=record.type.value,
        assistant_id=record.assistant_id,
        requester=record.requester,
        mandate_id=None,
        number=record.number,
    )


def _count_renewal(tx: Transaction, entry: Entry) -> None:
    price = Price(
        setup=Money.zero(entry.currency), monthly=Money(entry.monthly_micros, entry.currency)
    )
    for budget in budgets.balanced(tx.rules):
        if not isinstance(budget, CashBudget) or not budgets.matches(budget, entry.dimensions):
            continue
        amount = budgets.counted(budget, price, partial(convert_as_of, tx, entry.policy_version))
        window = budgets.window_at(budget, entry.effective_at)
        tx.balances.begin(budget.name, window)
        shift(tx, Move(budget.name, window, used=amount))


def convert_as_of(tx: Transaction, policy_version: int, amount: Money, target: str) -> Money | None:
    """Convert by the rates of a policy that was in force, else by the present ones; age does not matter here.

    The rate of an entry is frozen with it: what was held at one rate is posted and folded at the same.
    """
    for version in (policy_version, tx.policy_version):
        if amount.currency == target:
            return amount
        if not amount.micros:
            return Money.zero(target)  # nothing is nothing in every currency
        rate = tx.policy_of(version).document.rate(amount.currency, target)
        if rate is not None:
            return rate.convert(amount)
    return None
