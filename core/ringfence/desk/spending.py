"""Spending: every limit, what is used and held of it, what our numbers cost, and what the period will have cost.

Numbers and budgets are the installation's, so every principal sees all of them, those with the scope of another
requester too: they hold sums only. Intents are not shown here; what waits for a person is seen as held.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from zoneinfo import ZoneInfo

from ringfence.desk.counter import Desk
from ringfence.desk.listing import total_of
from ringfence.guard import budget as budgets
from ringfence.guard import standing, windows
from ringfence.guard.standing import BudgetRow
from ringfence.intents import Op
from ringfence.inventory import NumberRecord
from ringfence.money import Money
from ringfence.policy import CashBudget, PolicyDocument, Window
from ringfence.states import ENDED_LINES, LineState
from ringfence.store import intents, inventory, ledger
from ringfence.store.ledger import Entry, EntryKind
from ringfence.store.transaction import Transaction

MAX_RECENT = 20
"""Facts of the period that are told; the ledger has them all."""
_PERIODS = {Window.DAY: "%Y-%m-%d", Window.MONTH: "%Y-%m"}


class FactKind(StrEnum):
    """What happened that a person cares about."""

    PURCHASE = "purchase"
    RENEWAL = "renewal"
    RELEASE = "release"
    ADJUSTMENT = "adjustment"
    """Nobody here asked for it: a late success, a number found at the carrier, a price that became known, or an
    invoice that is higher than the books were."""
    CREDIT = "credit"
    """An invoice was lower than the books by so much."""


@dataclass(frozen=True)
class Fact:
    """One thing that happened; `amount` is what it cost, or the monthly price that it began or ended."""

    at: datetime
    what: FactKind
    number: str
    amount: Money | None
    assistant_id: str | None


@dataclass(frozen=True)
class Period:
    """A calendar day or month, from `start` until before `end`."""

    name: str
    window: Window
    start: datetime
    end: datetime
    zone: str


@dataclass(frozen=True)
class Spending:
    """How spending stands at one moment; run-rate and forecast are None where a price or a rate is missing."""

    currency: str
    period: Period
    budgets: tuple[BudgetRow, ...]
    run_rate: Money | None
    """What all our numbers cost a month, at today's rates."""
    forecast: Money | None
    """What the period will have cost at its end if nothing more is bought: spent, held, and renewals to come."""
    is_converted: bool
    frozen: str | None
    recent: tuple[Fact, ...]


async def show_spending(desk: Desk, principal: str, window: Window) -> Spending:
    """How spending stands.

    Writes only where a window has begun that nobody has seen: its renewals are counted first.
    """
    seen = await desk.store.read(partial(_seen, window=window))
    if seen is not None:
        return seen
    return await desk.store.write(partial(_kept_up, window=window))


def _seen(tx: Transaction, window: Window) -> Spending | None:
    return _spending(tx, window) if windows.is_kept_up(tx) else None


def _kept_up(tx: Transaction, window: Window) -> Spending:
    windows.keep_up(tx)
    return _spending(tx, window)


def _spending(tx: Transaction, window: Window) -> Spending:
    period = period_at(tx.rules, window, tx.now)
    numbers = inventory.paid_for(tx)
    run_rate, is_converted = total_of(tx, numbers, currency=tx.rules.currency)
    forecast = _forecast(tx, period, numbers)
    return Spending(
        currency=tx.rules.currency,
        period=period,
        budgets=tuple(standing.rows(tx)),
        run_rate=run_rate,
        forecast=forecast.total,
        is_converted=is_converted or forecast.is_converted,
        frozen=tx.frozen,
        recent=tuple(_recent(tx, period)),
    )


def period_at(rules: PolicyDocument, window: Window, moment: datetime) -> Period:
    """The day or month of a moment, in the zone in which the policy counts money.

    That is the zone of its cash budget for everything with this window, else of its first for everything, else UTC.
    """
    cash = [b for b in rules.budgets if isinstance(b, CashBudget) and b.scope == "all"]
    zones = [b.zone for b in cash if b.window is window] + [b.zone for b in cash] + ["UTC"]
    local = moment.astimezone(ZoneInfo(zones[0]))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if window is Window.MONTH:
        midnight = midnight.replace(day=1)
        end = (midnight + timedelta(days=31)).replace(day=1)
    else:
        end = midnight + timedelta(days=1)  # by the clock on the wall: a day may have 23 hours
    return Period(
        name=local.strftime(_PERIODS[window]),
        window=window,
        start=midnight.astimezone(UTC),
        end=end.astimezone(UTC),
        zone=zones[0],
    )


@dataclass
class _Sum:
    """A sum in one currency that is unknown as soon as one part of it is."""

    currency: str
    micros: int | None = 0
    is_converted: bool = False

    @property
    def total(self) -> Money | None:
        return None if self.micros is None else Money(self.micros, self.currency)

    def add(self, amount: Money, converted: Money | None) -> None:
        micros = None if converted is None else converted.micros
        self.count(amount.micros, amount.currency, micros)

    def count(self, micros: int, currency: str, converted: int | None) -> None:
        """Add what may be below zero: an adjustment can come before what it takes off."""
        if self.micros is not None and micros:
            self.is_converted |= currency != self.currency
            self.micros = None if converted is None else self.micros + converted


def _forecast(tx: Transaction, period: Period, numbers: list[NumberRecord]) -> _Sum:
    """Spent and held count at the rates that are frozen with them, as in every budget; the rest at today's."""
    currency = tx.rules.currency
    found = _Sum(currency)
    for spent in ledger.spent(tx, since=period.start, until=period.end):
        convert = partial(windows.convert_as_of, tx, spent.policy_version)
        each = budgets.against_us(spent.micros, spent.currency, currency, convert)
        found.count(spent.micros, spent.currency, None if each is None else each * spent.times)
    for version, amount in _held(tx, period):
        found.add(amount, windows.convert_as_of(tx, version, amount, currency))
    for record in numbers:
        if record.monthly is None:
            return _Sum(currency, None)
        if _is_to_come(tx, period, record):
            found.add(record.monthly, tx.rules.convert(record.monthly, currency, tx.now))
    return found


def _held(tx: Transaction, period: Period) -> Iterator[tuple[int, Money]]:
    """What open purchases of the period would cost, and the policy whose rates hold: waiting ones count now."""
    for intent in intents.open_intents(tx):
        for line in intent.lines if intent.terms.op is Op.BUY else ():
            price = line.terms.price
            if price is None or line.state in ENDED_LINES:
                continue
            sent_at = None if line.state is LineState.READY else line.dispatched_at
            if sent_at is None or sent_at >= period.start:
                yield intent.terms.policy_version, price.now


def _is_to_come(tx: Transaction, period: Period, record: NumberRecord) -> bool:
    """Whether a number renews later in the period and the books have not counted it with the month's beginning.

    That is one that was found at a carrier after the month began. Where the carrier names no day, any day of the
    month may be it.
    """
    renews_at = record.renews_at
    if renews_at is None:
        is_due = period.window is Window.MONTH and record.bought_at < period.start
    else:
        is_due = tx.now <= renews_at < period.end
    month = period.name[: len("2026-11")]
    return is_due and not ledger.exists(tx, windows.renewal_id(month, record))


def _recent(tx: Transaction, period: Period) -> list[Fact]:
    """The latest facts of the period, newest first."""
    bounds = {"since": period.start, "until": period.end}
    kinds = {
        EntryKind.POST,
        EntryKind.LATE,
        EntryKind.EXTERNAL,
        EntryKind.RELEASE,
        EntryKind.ADJUST,
    }
    # Twice as many: where a first price becomes known, two entries are one fact.
    found = ledger.latest(tx, kinds, **bounds, limit=2 * MAX_RECENT)
    facts = [*_facts(found), *_renewals(tx, period)]
    return sorted(facts, key=lambda fact: (fact.at, fact.number), reverse=True)[:MAX_RECENT]


def _renewals(tx: Transaction, period: Period) -> list[Fact]:
    """Renewals, which all count at one moment of their month; a few hours after it has begun, so never ahead of now."""
    year, month = map(int, period.name.split("-")[:2])
    moment = budgets.renewal_moment(year, month)
    if not period.start <= moment < period.end:
        return []
    found = ledger.latest(
        tx,
        {EntryKind.RENEWAL},
        since=moment,
        until=moment + timedelta(microseconds=1),
        limit=MAX_RECENT,
    )
    return _facts(found)


def _facts(found: list[tuple[Entry, datetime]]) -> list[Fact]:
    begun = {(e.dimensions.number, e.effective_at) for e, _ in found if e.kind in _BEGINS}
    adjusted = {(e.dimensions.number, at) for e, at in found if e.kind is EntryKind.ADJUST}
    left_out = {
        # Given back and found again in one moment is neither: a price became known, or who bought it.
        EntryKind.RELEASE: begun,
        # And that price is part of the adjustment which it came with.
        EntryKind.EXTERNAL: adjusted,
    }
    return [
        _fact(entry, recorded_at)
        for entry, recorded_at in found
        if (entry.dimensions.number, entry.effective_at) not in left_out.get(entry.kind, set())
    ]


_BEGINS = frozenset({EntryKind.EXTERNAL, EntryKind.POST, EntryKind.LATE})


_WHAT = {
    EntryKind.POST: FactKind.PURCHASE,
    EntryKind.RENEWAL: FactKind.RENEWAL,
    EntryKind.RELEASE: FactKind.RELEASE,
    EntryKind.LATE: FactKind.ADJUSTMENT,
    EntryKind.EXTERNAL: FactKind.ADJUSTMENT,
    EntryKind.ADJUST: FactKind.ADJUSTMENT,
}


def _fact(entry: Entry, recorded_at: datetime) -> Fact:
    micros = entry.setup_micros + entry.monthly_micros
    # A number without a price is counted at nothing, which is not what it costs.
    is_unknown = entry.kind is EntryKind.EXTERNAL and not micros
    return Fact(
        # An adjustment counts when that was charged which it is about; it happened when it was written.
        at=recorded_at if entry.kind is EntryKind.ADJUST else min(entry.effective_at, recorded_at),
        what=FactKind.CREDIT if micros < 0 else _WHAT[entry.kind],
        number=entry.dimensions.number,
        amount=None if is_unknown else Money(abs(micros), entry.currency),
        assistant_id=entry.dimensions.assistant_id,
    )
