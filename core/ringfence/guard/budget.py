"""Budget arithmetic, pure: which budgets a purchase counts for, in which window, and how much.

Everything a balance holds is an integer in the budget's own unit: micro-units of its currency for `cash` and
`run_rate`, pieces for `count`, `purchases` and `attempts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ringfence.errors import ConfigurationError
from ringfence.intents import LineTerms
from ringfence.money import Money, currency_digits, decimal_of
from ringfence.offers import Price
from ringfence.policy import (
    AttemptsBudget,
    Budget,
    BudgetKind,
    CashBudget,
    PerNumberBudget,
    PolicyDocument,
    PurchasesBudget,
    RunRateBudget,
    ScopeKind,
    Window,
)
from ringfence.store.balances import ROLLING, Balance
from ringfence.store.ledger import Dimensions, Entry, EntryKind

BUCKET_MINUTES = 5
"""Attempts are counted in buckets of this length; a bucket that began within the hour counts whole."""
ROLLING_SPAN = timedelta(hours=1)
NO_WINDOW = "all"
_FORMATS = {Window.DAY: "%Y-%m-%d", Window.MONTH: "%Y-%m", Window.YEAR: "%Y"}

Converter = Callable[[Money, str], Money | None]
"""An amount in another currency, rounded against us; None without a rate."""


def window_at(budget: Budget, moment: datetime) -> str:
    """The window of a budget that a moment lies in, as balances name it."""
    if isinstance(budget, CashBudget | PurchasesBudget):
        return moment.astimezone(ZoneInfo(budget.zone)).strftime(_FORMATS[budget.window])
    return ROLLING if isinstance(budget, AttemptsBudget) else NO_WINDOW


def bucket_at(moment: datetime) -> str:
    """The bucket that a moment lies in; buckets sort as they run, and before `rolling`."""
    whole = moment.astimezone(UTC)
    return whole.replace(minute=whole.minute // BUCKET_MINUTES * BUCKET_MINUTES).strftime(
        "%Y-%m-%dT%H:%M"
    )


def oldest_bucket(now: datetime) -> str:
    """The first bucket that still counts: the one an hour ago lies in."""
    return bucket_at(now - ROLLING_SPAN)


def matches(budget: Budget, dimensions: Dimensions) -> bool:
    """Whether a purchase with these dimensions counts for the budget."""
    value = {
        ScopeKind.ALL: "",
        ScopeKind.PROVIDER: dimensions.provider,
        ScopeKind.COUNTRY: dimensions.country,
        ScopeKind.TYPE: dimensions.type,
        ScopeKind.ASSISTANT: dimensions.assistant_id,
        ScopeKind.REQUESTER: dimensions.requester,
        ScopeKind.MANDATE: dimensions.mandate_id,
    }[budget.scope_kind]
    return value == budget.scope_value


def dimensions_of(terms: LineTerms, *, requester: str, assistant_id: str | None) -> Dimensions:
    """The dimensions of one line."""
    return Dimensions(
        provider=terms.provider.value,
        account=terms.account,
        country=terms.country,
        type=terms.type.value,
        assistant_id=assistant_id,
        requester=requester,
        mandate_id=None,
        number=terms.number,
    )


def amount_of(budget: Budget, price: Price, convert: Converter) -> int | None:
    """What one purchase takes from a budget; None where a rate is missing."""
    if isinstance(budget, CashBudget):
        converted = convert(price.now, budget.limit.currency)
    elif isinstance(budget, RunRateBudget):
        converted = convert(price.monthly, budget.limit.currency)
    else:
        return 1
    return None if converted is None else converted.micros


def counted(budget: Budget, price: Price, convert: Converter) -> int:
    """What something that has happened takes from a budget; a missing rate is never taken for zero.

    Raises:
        ConfigurationError: no policy, neither then nor now, has a rate for it.
    """
    amount = amount_of(budget, price, convert)
    if amount is None:
        raise _no_rate(budget, price.currency)
    return amount


def _no_rate(budget: Budget, currency: str) -> ConfigurationError:
    return ConfigurationError(
        f"There is no exchange rate from {currency} for budget {budget.name}.",
        remedy="Tell the person to add the rate to the policy.",
    )


def against_us(micros: int, currency: str, target: str, convert: Converter) -> int | None:
    """A difference in another currency: more is rounded up, less is rounded down; None without a rate."""
    converted = convert(Money(abs(micros), currency), target)
    if converted is None:
        return None
    if micros >= 0:
        return converted.micros
    # What `convert` gives is less than a micro-unit above the exact amount, so one less is not above it.
    return -converted.micros if currency == target else -max(converted.micros - 1, 0)


def adjusted(budget: CashBudget, entry: Entry, convert: Converter) -> int:
    """What an adjustment adds to a cash budget, or takes from it.

    Raises:
        ConfigurationError: no policy, neither then nor now, has a rate for it.
    """
    micros = entry.setup_micros + entry.monthly_micros
    amount = against_us(micros, entry.currency, budget.limit.currency, convert)
    if amount is None:
        raise _no_rate(budget, entry.currency)
    return amount


def currencies(budget: Budget) -> set[str]:
    """The currencies that a budget counts in; none where it counts pieces."""
    if isinstance(budget, PerNumberBudget):
        return {limit.currency for limit in (budget.setup, budget.monthly, budget.first_year)}
    return {budget.limit.currency} if isinstance(budget.limit, Money) else set()


def limit_of(budget: Budget) -> int:
    """The budget's limit in its own unit."""
    if isinstance(budget, PerNumberBudget):
        raise TypeError("A per-number budget keeps no balance.")
    return budget.limit.micros if isinstance(budget.limit, Money) else budget.limit


def printed(budget: Budget, amount: int) -> str:
    """An amount of the budget's unit as people read it; may be below zero where a limit was tightened."""
    if not isinstance(budget, CashBudget | RunRateBudget):
        return str(amount)
    sign, currency = "-" if amount < 0 else "", budget.limit.currency
    return f"{sign}{decimal_of(abs(amount), currency_digits(currency) or 0)} {currency}"


def balanced(rules: PolicyDocument) -> list[Budget]:
    """The budgets that keep balances, in the order in which their rows are locked."""
    return sorted(
        (b for b in rules.budgets if b.kind is not BudgetKind.PER_NUMBER), key=lambda b: b.name
    )


def renewal_moment(year: int, month: int) -> datetime:
    """When a month's renewals count: noon UTC on the first lies in that month in every zone on earth."""
    return datetime(year, month, 1, 12, tzinfo=UTC)


@dataclass
class _LineFold:
    """How far the entries of one line have come."""

    budgets: list[tuple[Budget, int]]
    claimed_at: datetime | None = None


def fold(
    entries: Iterable[Entry],
    rules: PolicyDocument,
    *,
    converter: Callable[[int], Converter],
    pending_window: Callable[[str, Budget], str],
) -> dict[tuple[str, str], Balance]:
    """Balances as the ledger gives them, from its first entry on.

    Args:
        entries: in the order of `ledger.entries`: a line's entries together, as they happened.
        rules: whose budgets are counted.
        converter: the exchange rates that hold for entries of a policy version.
        pending_window: where the pending hold of a line in a budget counts.
    """
    held: dict[tuple[str, str], int] = {}
    used: dict[tuple[str, str], int] = {}
    line_id: str | None = None
    line = _LineFold([])
    for entry in entries:
        if entry.line_id is None:
            _fold_number(entry, rules, converter(entry.policy_version), used)
            continue
        if entry.line_id != line_id:
            line_id, line = entry.line_id, _LineFold([])
        _fold_line(entry, line, rules, converter(entry.policy_version), pending_window, held, used)
    keys = held.keys() | used.keys()
    return {key: Balance(held.get(key, 0), used.get(key, 0)) for key in keys}


Totals = dict[tuple[str, str], int]


@dataclass(frozen=True)
class _Step:
    """One entry seen by one budget: what it takes, and where it counts while waiting and once sent."""

    budget: Budget
    amount: int
    pending: tuple[str, str]
    sent: tuple[str, str]
    bucket: tuple[str, str]
    was_claimed: bool
    held: Totals
    used: Totals

    @property
    def is_rolling(self) -> bool:
        return isinstance(self.budget, AttemptsBudget)

    def hold(self) -> None:
        _add(self.held, self.pending, self.amount)

    def claim(self) -> None:
        _add(self.held, self.pending, -self.amount)
        if self.is_rolling:
            _add(self.used, self.bucket, self.amount)
        else:
            _add(self.held, self.sent, self.amount)

    def unsend(self) -> None:
        self.give_back()
        self.hold()

    def give_back(self) -> None:
        """An attempt that was made is never given back."""
        if not self.was_claimed:
            _add(self.held, self.pending, -self.amount)
        elif not self.is_rolling:
            _add(self.held, self.sent, -self.amount)

    def post(self, charged: int) -> None:
        self.give_back()
        self.adjust(charged)

    def adjust(self, charged: int) -> None:
        if not self.is_rolling:
            _add(self.used, self.sent, charged)


def _fold_line(  # one step of `fold`, with its state
    entry: Entry,
    line: _LineFold,
    rules: PolicyDocument,
    convert: Converter,
    pending_window: Callable[[str, Budget], str],
    held: Totals,
    used: Totals,
) -> None:
    price = Price(
        setup=Money(entry.setup_micros, entry.currency),
        monthly=Money(entry.monthly_micros, entry.currency),
    )
    if entry.kind in {EntryKind.HOLD, EntryKind.LATE}:
        line.budgets = [
            (b, counted(b, price, convert)) for b in balanced(rules) if matches(b, entry.dimensions)
        ]
    claimed_at = entry.effective_at if entry.kind is EntryKind.CLAIM else line.claimed_at
    for budget, amount in line.budgets:
        step = _Step(
            budget=budget,
            amount=amount,
            pending=(budget.name, pending_window(entry.line_id or "", budget)),
            sent=(budget.name, window_at(budget, claimed_at or entry.effective_at)),
            bucket=(budget.name, bucket_at(entry.effective_at)),
            was_claimed=line.claimed_at is not None,
            held=held,
            used=used,
        )
        _take(step, entry.kind, price, convert)
    line.claimed_at = None if entry.kind is EntryKind.UNSEND else claimed_at


def _take(step: _Step, kind: EntryKind, price: Price, convert: Converter) -> None:
    match kind:
        case EntryKind.HOLD:
            step.hold()
        case EntryKind.CLAIM:
            step.claim()
        case EntryKind.UNSEND:
            step.unsend()
        case EntryKind.VOID:
            step.give_back()
        case EntryKind.POST:
            step.post(counted(step.budget, price, convert))
        case EntryKind.LATE:
            step.adjust(step.amount)
        case _:
            raise ValueError(f"{kind} belongs to no line.")


def _fold_number(entry: Entry, rules: PolicyDocument, convert: Converter, used: Totals) -> None:
    """Renewals and adjustments count as cash; external and released numbers change run-rate and count."""
    if entry.kind is EntryKind.ADJUST:
        for budget in balanced(rules):
            if isinstance(budget, CashBudget) and matches(budget, entry.dimensions):
                window = window_at(budget, entry.effective_at)
                _add(used, (budget.name, window), adjusted(budget, entry, convert))
        return
    monthly = Money(entry.monthly_micros, entry.currency)
    price = Price(setup=Money.zero(entry.currency), monthly=monthly)
    for budget in balanced(rules):
        if not matches(budget, entry.dimensions):
            continue
        amount = counted(budget, price, convert)
        key = (budget.name, window_at(budget, entry.effective_at))
        if entry.kind is EntryKind.RENEWAL and budget.kind is BudgetKind.CASH:
            _add(used, key, amount)
        elif budget.kind in {BudgetKind.RUN_RATE, BudgetKind.COUNT}:
            if entry.kind is EntryKind.EXTERNAL:
                _add(used, key, amount)
            elif entry.kind is EntryKind.RELEASE:
                _add(used, key, -amount)


def _add(totals: Totals, key: tuple[str, str], amount: int) -> None:
    totals[key] = totals.get(key, 0) + amount


def differences(
    expected: dict[tuple[str, str], Balance], found: dict[tuple[str, str], Balance]
) -> Iterator[str]:
    """Where balances are not what the ledger says, in words; a missing row is the same as zero."""
    for key in sorted(expected.keys() | found.keys()):
        right, wrong = expected.get(key, Balance()), found.get(key, Balance())
        if right != wrong:
            yield (
                f"{key[0]} {key[1]}: the ledger says held {right.held} used {right.used}, "
                f"the balance says held {wrong.held} used {wrong.used}"
            )


def plain_limits(budget: PerNumberBudget) -> tuple[tuple[str, Money], ...]:
    """The three limits on one number by their names."""
    return (
        ("set-up", budget.setup),
        ("monthly", budget.monthly),
        ("first year", budget.first_year),
    )


def plain(
    budget: PerNumberBudget, price: Price, convert: Converter
) -> Iterator[tuple[str, Money, Money | None]]:
    """The three limits on one number: name, limit, and the converted amount (None without a rate)."""
    amounts = (price.setup, price.monthly, price.first_year)
    for (name, limit), amount in zip(plain_limits(budget), amounts, strict=True):
        yield name, limit, convert(amount, limit.currency)
