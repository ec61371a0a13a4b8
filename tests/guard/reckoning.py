"""What must hold when something is set aside, now and then, and when everything has ended."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil
from zoneinfo import ZoneInfo

from guard.watch import Watch
from guard.world import World
from ringfence.guard import books, replay
from ringfence.guard.budget import oldest_bucket
from ringfence.guard.freeze import unfreeze
from ringfence.guard.windows import keep_up
from ringfence.intents import Intent
from ringfence.inventory import NumberRecord, Origin
from ringfence.money import Money
from ringfence.policy import AttemptsBudget, BudgetKind, CashBudget, ExchangeRate, PerNumberBudget
from ringfence.settle import reconcile
from ringfence.states import BEING_RELEASED, HoldState, LineState, NumberState
from ringfence.store import audit, balances, intents, inventory, ledger
from ringfence.store.ledger import EntryKind
from ringfence.store.transaction import Transaction
from ringfence.tags import purchase_tag

EARLIEST_ZONE = timedelta(hours=14)
"""A month may begin so much earlier for a budget in some zone."""
MANY_ROUNDS = 400
"""More than any run needs to come to rest."""


class Reckoning:
    """Adds everything up, independently where the code under test does the same sum."""

    def __init__(self, world: World, watch: Watch) -> None:
        self.world = world
        self.watch = watch

    def nothing_is_held_beyond_its_limit(self, intent: Intent) -> None:
        """INV-BUDGET at the moment of holding: every budget that it counts for is within its limit."""

        def look(tx: Transaction) -> None:
            limits = {b.name: b for b in tx.rules.budgets if not isinstance(b, PerNumberBudget)}
            for line in intent.lines:
                for hold in ledger.holds_of(tx, line.line_id):
                    budget = limits[hold.budget]
                    row = balances.get(tx.connection, hold.budget, hold.window)
                    assert row is not None
                    total = row.held + row.used
                    if isinstance(budget, AttemptsBudget):
                        rolling = balances.rolling(
                            tx.connection, budget.name, oldest_bucket(tx.now)
                        )
                        total = rolling.held + rolling.used
                    limit = budget.limit.micros if isinstance(budget.limit, Money) else budget.limit
                    assert total <= limit, f"{hold.budget} {hold.window}: {total} of {limit}"

        self.world.store.read_now(look)

    def books_balance(self) -> None:
        assert self.world.store.read_now(books.verify) == []

    def everything_ends(self) -> None:
        """With the carrier answering, time passing and nobody stopping it, every run comes to rest."""
        self._come_to_rest()
        self.watch.look()
        self.books_balance()
        _count, broken = self.world.store.read_now(audit.verify)
        assert broken is None
        assert self.world.store.read_now(replay.differences) == []
        self.world.store.read_now(self._nothing_is_left_open)
        self.world.store.read_now(self._every_charge_is_recorded_once)
        self.world.store.read_now(self._cash_is_what_was_charged)
        self.world.store.read_now(self._what_is_owned_counts)

    def _come_to_rest(self) -> None:
        world = self.world
        for process in world.processes:
            world.run(process.wake())
        process = world.new_process()
        for round_ in range(MANY_ROUNDS):
            world.store.write_now(lambda tx: unfreeze(tx, actor="the person"))
            while world.run(process.step()):
                pass
            if world.store.read_now(_is_at_rest):
                break
            if round_ % 20 == 19:
                world.run(reconcile(process.desk, process.adapter))
            world.clock.advance(seconds=7 if round_ % 20 < 10 else 7200)
        else:
            raise AssertionError("something never ends")
        world.clock.advance(seconds=7)  # a list of the very moment of a purchase proves no loss
        world.run(reconcile(process.desk, process.adapter))
        world.store.write_now(keep_up)

    def _nothing_is_left_open(self, tx: Transaction) -> None:
        states = intents.line_states(tx)
        for line_id, state in states.items():
            assert state in {
                LineState.CAPTURED,
                LineState.FAILED,
                LineState.VOIDED,
                LineState.MANUAL,
            }, f"{line_id} is {state}"
        for hold in ledger.all_holds(tx):
            if hold.state is HoldState.PENDING:
                assert states[hold.line_id] is LineState.MANUAL, f"{hold} leaks"
        for record in inventory.paid_for(tx):
            is_there = record.state is not NumberState.LOST
            is_connected = record.assistant_id == record.wanted_assistant_id
            assert is_connected or not is_there, f"{record} is not connected"
            assert record.state not in BEING_RELEASED, f"{record} is neither ours nor gone"

    def _what_is_owned_counts(self, tx: Transaction) -> None:
        """INV-RUNRATE: every number that is not released counts, and no other."""
        owned = inventory.paid_for(tx)
        listed = {number.item.number for number in self.world.carrier.owned()}
        assert {r.number for r in owned if r.state is NumberState.ACTIVE} <= listed
        manual = sum(hold.amount for hold in ledger.all_holds(tx) if _waits(hold, "count"))
        for budget in tx.rules.budgets:
            if budget.kind is BudgetKind.COUNT and budget.scope == "all":
                row = balances.get(tx.connection, budget.name, "all") or balances.Balance()
                assert (row.used, row.held) == (len(owned), manual), budget.name
        self.watch.seen["released"] += len(inventory.everything(tx)) - len(owned)

    def _every_charge_is_recorded_once(self, tx: Transaction) -> None:
        recorded = Counter(record.number for record in inventory.everything(tx))
        charged = Counter(charge.number for charge in self.world.carrier.charges())
        manual = {
            line.terms.number
            for intent in intents.open_intents(tx)
            for line in intent.lines
            if line.state is LineState.MANUAL
        }
        for number, times in charged.items():
            assert times == 1, f"{number} was charged {times} times"
            assert recorded[number] == 1 or number in manual, f"{number} is recorded nowhere"
        assert set(recorded) <= set(charged), "a number is recorded that was never charged"

    def _cash_is_what_was_charged(self, tx: Transaction) -> None:
        """Every cash budget, added up from the carrier's charges and the calendar."""
        for budget in tx.rules.budgets:
            if isinstance(budget, CashBudget) and budget.scope == "all":
                expected = self._purchases(tx, budget)
                expected.update(self._renewals(tx, budget))
                expected.update(self._adjustments(tx, budget))
                found = {
                    window: row.used
                    for (name, window), row in balances.all_rows(tx.connection).items()
                    if name == budget.name and row.used
                }
                assert found == {window: used for window, used in expected.items() if used}, (
                    budget.name
                )

    def _purchases(self, tx: Transaction, budget: CashBudget) -> Counter[str]:
        """Set-up and first month of every charge of ours, in the window in which it was sent."""
        spent: Counter[str] = Counter()
        records = {record.line_id: record for record in inventory.everything(tx)}
        by_tag = {
            purchase_tag(tx.installation_id, line_id): line_id for line_id in records if line_id
        }
        for charge in self.world.carrier.charges():
            line_id = by_tag.get(charge.tag)
            if line_id is None:
                continue
            intent, line = intents.of_line(tx, line_id)
            assert line.dispatched_at is not None
            window = _window(budget, line.dispatched_at)
            spent[window] += _converted(
                tx, charge.price.now, budget, since=intent.terms.policy_version
            )
        return spent

    def _adjustments(self, tx: Transaction, budget: CashBudget) -> Counter[str]:
        """Every difference between an invoice and the books: more rounded up, and less rounded down."""
        spent: Counter[str] = Counter()
        for entry in ledger.entries(tx):
            if entry.kind is not EntryKind.ADJUST:
                continue
            micros = entry.setup_micros + entry.monthly_micros
            money = Money(abs(micros), entry.currency)
            amount = _converted(tx, money, budget, since=entry.policy_version)
            if micros < 0:
                is_exact = entry.currency == budget.limit.currency
                amount = -amount if is_exact else -max(amount - 1, 0)
            spent[_window(budget, entry.effective_at)] += amount
        return spent

    def _renewals(self, tx: Transaction, budget: CashBudget) -> Counter[str]:
        """A month of every number that we owned when the month began."""
        spent: Counter[str] = Counter()
        months = sorted(
            window for name, window in balances.all_rows(tx.connection) if name == "@renewals"
        )
        written = {
            entry.entry_id: entry for entry in ledger.entries(tx) if entry.kind is EntryKind.RENEWAL
        }
        needed, allowed = (
            {
                f"renewal:{month}:{record.number_id}"
                for record in inventory.everything(tx)
                if record.monthly is not None
                for month in _months(
                    _first_renewal(tx, record), min(months[-1], _last_renewal(record, ahead))
                )
            }
            for ahead in (timedelta(0), EARLIEST_ZONE)
        )
        assert needed <= set(written) <= allowed, set(written) ^ needed
        for entry in written.values():
            money = Money(entry.monthly_micros, entry.currency)
            spent[_window(budget, entry.effective_at)] += _converted(
                tx, money, budget, since=entry.policy_version
            )
        self.watch.seen["renewals"] += len(written)
        return spent


def _is_at_rest(tx: Transaction) -> bool:
    return (
        intents.next_due(tx) is None
        and inventory.next_due(tx) is None
        and not intents.awaiting(tx)
        and not intents.overdue(tx, 1)
    )


def _first_renewal(tx: Transaction, record: NumberRecord) -> str:
    """The month after the one in which we bought it, or found that we own it."""
    since = record.bought_at
    if record.origin is Origin.EXTERNAL:
        since = max(since, _found_at(tx, record))
    return _next_month(since.astimezone(UTC).strftime("%Y-%m"))


def _last_renewal(record: NumberRecord, ahead: timedelta) -> str:
    """The month in which it was released, by a clock that is so much ahead of UTC."""
    if record.released_at is None:
        return "9999-12"
    return (record.released_at.astimezone(UTC) + ahead).strftime("%Y-%m")


def _waits(hold: ledger.Hold, budget: str) -> bool:
    return hold.budget == budget and hold.state is HoldState.PENDING


def _found_at(tx: Transaction, record: NumberRecord) -> datetime:
    found_at = [
        entry.effective_at
        for entry in ledger.entries(tx)
        if entry.kind is EntryKind.EXTERNAL and entry.number_id == record.number_id
    ]
    return found_at[0]


def _next_month(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year + number // 12}-{number % 12 + 1:02d}"


def _months(first: str, last: str) -> list[str]:
    months = []
    while first <= last:
        months.append(first)
        first = _next_month(first)
    return months


def _window(budget: CashBudget, moment: datetime) -> str:
    formats = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
    return moment.astimezone(ZoneInfo(budget.zone)).strftime(formats[budget.window])


def _converted(tx: Transaction, money: Money, budget: CashBudget, *, since: int) -> int:
    """By the rate of the policy that it was held under, else by the present one; rounded up."""
    if money.currency == budget.limit.currency:
        return money.micros
    for version in (since, tx.policy_version):
        rate = tx.policy_of(version).document.rate(money.currency, budget.limit.currency)
        if rate is not None:
            return _at(rate, money.micros)
    raise AssertionError(f"no rate for {money}")


def _at(rate: ExchangeRate, micros: int) -> int:
    haircut = 1 + Fraction(rate.haircut_basis_points, 10_000)
    return ceil(micros * Fraction(rate.rate) * haircut)
