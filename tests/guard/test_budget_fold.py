"""Folding the ledger: balances follow from its entries alone, whatever happened in which order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nouns.made_up import BUDGETS, ME, NOW, RECEPTION, budget, money, price, rules
from ringfence.errors import ConfigurationError
from ringfence.guard.budget import (
    Converter,
    balanced,
    bucket_at,
    counted,
    differences,
    fold,
    limit_of,
    matches,
    oldest_bucket,
    renewal_moment,
    window_at,
)
from ringfence.money import Money
from ringfence.offers import Price
from ringfence.policy import AttemptsBudget, Budget, BudgetKind, PerNumberBudget, PolicyDocument
from ringfence.store.balances import ROLLING, Balance
from ringfence.store.ledger import Dimensions, Entry, EntryKind

K = EntryKind
Balances = dict[tuple[str, str], Balance]
MONTH, DAY, BUCKET = "2026-11", "2026-11-22", "2026-11-22T12:00"
NEXT_MONTH = datetime.fromisoformat("2026-12-01T00:00:00Z")


def dimensions(**changes: Any) -> Dimensions:
    made: dict[str, Any] = {
        "provider": "sandbox",
        "account": "sandbox-account",
        "country": "US",
        "type": "local",
        "assistant_id": RECEPTION,
        "requester": ME,
        "mandate_id": None,
        "number": "+14155550142",
    }
    return Dimensions(**(made | changes))


def entry(kind: EntryKind, *, line: str | None = "lin_1", at: datetime = NOW, costs: Price | None = None,
          policy_version: int = 1, **about: Any) -> Entry:  # fmt: skip
    """One row of the ledger: an ordinary number's, unless something else is said."""
    costs = costs or price("1.00 USD", "2.00 USD")
    return Entry(
        entry_id=f"{line}:{kind}:{at.isoformat()}",
        kind=kind,
        line_id=line,
        line_version=1 if line else None,
        intent_id="int_1" if line else None,
        number_id=None if line else "num_1",
        effective_at=at,
        policy_version=policy_version,
        currency=costs.currency,
        setup_micros=costs.setup.micros,
        monthly_micros=costs.monthly.micros,
        dimensions=dimensions(**about),
    )


def rates_of(version: int) -> Converter:
    """A euro is worth as many dollars as the policy has versions; nothing else has a rate."""

    def convert(amount: Money, target: str) -> Money | None:
        if amount.currency == target:
            return amount
        return Money(amount.micros * version, target) if amount.currency == "EUR" else None

    return convert


def waiting_now(_line_id: str, budget: Budget) -> str:
    return window_at(budget, NOW)


def folded(entries: Iterable[Entry], made: PolicyDocument | None = None) -> Balances:
    """The balances that are not zero."""
    found = fold(entries, made or rules(), converter=rates_of, pending_window=waiting_now)
    return {key: balance for key, balance in found.items() if balance != Balance()}


def dollars(amount: str) -> int:
    return money(f"{amount} USD").micros


# One line, step by step

WAITING = {
    ("attempts", ROLLING): Balance(held=1),
    ("cash", MONTH): Balance(held=dollars("3.00")),
    ("count", "all"): Balance(held=1),
    ("purchases", DAY): Balance(held=1),
    ("run-rate", "all"): Balance(held=dollars("2.00")),
}
SENT = {
    ("attempts", BUCKET): Balance(used=1),
    ("cash", MONTH): Balance(held=dollars("3.00")),
    ("count", "all"): Balance(held=1),
    ("purchases", DAY): Balance(held=1),
    ("run-rate", "all"): Balance(held=dollars("2.00")),
}
BOUGHT = {
    ("attempts", BUCKET): Balance(used=1),
    ("cash", MONTH): Balance(used=dollars("3.00")),
    ("count", "all"): Balance(used=1),
    ("purchases", DAY): Balance(used=1),
    ("run-rate", "all"): Balance(used=dollars("2.00")),
}
TRIED = {("attempts", BUCKET): Balance(used=1)}
TRIED_TWICE = {("attempts", BUCKET): Balance(used=2)}

LIVES: dict[str, tuple[list[EntryKind], Balances]] = {
    "waits": ([K.HOLD], WAITING),
    "is given up before it is sent": ([K.HOLD, K.VOID], {}),
    "is being sent": ([K.HOLD, K.CLAIM], SENT),
    "was bought": ([K.HOLD, K.CLAIM, K.POST], BOUGHT),
    "was refused by the carrier": ([K.HOLD, K.CLAIM, K.VOID], TRIED),
    "could not be sent and waits": ([K.HOLD, K.CLAIM, K.UNSEND], WAITING | TRIED),
    "could not be sent and is given up": ([K.HOLD, K.CLAIM, K.UNSEND, K.VOID], TRIED),
    "is being sent again": ([K.HOLD, K.CLAIM, K.UNSEND, K.CLAIM], SENT | TRIED_TWICE),
    "was bought at the second attempt": (
        [K.HOLD, K.CLAIM, K.UNSEND, K.CLAIM, K.POST], BOUGHT | TRIED_TWICE),
    "was refused at the second attempt": (
        [K.HOLD, K.CLAIM, K.UNSEND, K.CLAIM, K.VOID], TRIED_TWICE),
    "had failed and was charged after all": ([K.HOLD, K.CLAIM, K.VOID, K.LATE], BOUGHT),
}  # fmt: skip


@pytest.mark.parametrize(("kinds", "balances"), LIVES.values(), ids=LIVES.keys())
def test_a_line_stands_in_every_budget_as_far_as_it_has_come(
    kinds: list[EntryKind], balances: Balances
) -> None:
    assert folded(entry(kind) for kind in kinds) == balances


@pytest.mark.parametrize("kind", [K.RENEWAL, K.EXTERNAL, K.RELEASE])
def test_what_is_about_a_number_is_no_part_of_a_line_s_life(kind: EntryKind) -> None:
    with pytest.raises(ValueError, match="belongs to no line"):
        folded([entry(K.HOLD), entry(kind)])


def test_an_empty_ledger_has_empty_balances() -> None:
    assert folded([]) == {}


def test_lines_add_up_and_do_not_touch_each_other() -> None:
    lives = [kinds for kinds, _ in LIVES.values()]
    ledger = [entry(kind, line=f"lin_{n}") for n, kinds in enumerate(lives) for kind in kinds]
    expected: dict[tuple[str, str], Balance] = {}
    for _, balances in LIVES.values():
        for key, balance in balances.items():
            before = expected.get(key, Balance())
            expected[key] = Balance(before.held + balance.held, before.used + balance.used)
    assert folded(ledger) == expected


# Where it counts


def test_what_waits_counts_where_it_was_last_moved_to() -> None:
    ledger = [entry(K.HOLD, at=NOW - timedelta(days=40))]
    assert folded(ledger) == WAITING


def test_what_is_sent_counts_in_the_window_of_its_dispatch_whenever_it_is_settled() -> None:
    sent = NOW - timedelta(days=40)
    for last in (K.CLAIM, K.POST):
        kinds = [K.HOLD, K.CLAIM] + ([last] if last is K.POST else [])
        ledger = [entry(kind, at=NOW if kind is K.POST else sent) for kind in kinds]
        assert ("cash", "2026-10") in folded(ledger)
        assert ("cash", MONTH) not in folded(ledger)


def test_a_late_charge_counts_in_the_window_in_which_it_was_sent() -> None:
    sent = NOW - timedelta(days=40)
    ledger = [entry(kind, at=sent) for kind in (K.HOLD, K.CLAIM, K.VOID)]
    found = folded([*ledger, entry(K.LATE, at=NOW)])
    assert found["cash", "2026-10"] == Balance(used=dollars("3.00"))
    assert ("cash", MONTH) not in found


def test_a_second_attempt_counts_in_its_own_window_and_the_first_only_as_an_attempt() -> None:
    first, second = NOW - timedelta(days=40), NOW
    ledger = [
        entry(K.HOLD, at=first),
        entry(K.CLAIM, at=first),
        entry(K.UNSEND, at=first),
        entry(K.CLAIM, at=second),
        entry(K.POST, at=second),
    ]
    assert folded(ledger) == BOUGHT | {("attempts", bucket_at(first)): Balance(used=1)}


# At what price


def test_what_was_charged_is_posted_and_the_rest_of_the_hold_given_back() -> None:
    cheaper = price("0 USD", "1.50 USD")
    ledger = [entry(K.HOLD), entry(K.CLAIM), entry(K.POST, costs=cheaper)]
    found = folded(ledger)
    assert found["cash", MONTH] == Balance(used=dollars("1.50"))
    assert found["run-rate", "all"] == Balance(used=dollars("1.50"))


def test_a_late_charge_is_posted_as_it_was_even_above_what_was_held() -> None:
    dearer = price("9.00 USD", "30.00 USD")
    ledger = [entry(K.HOLD), entry(K.CLAIM), entry(K.VOID), entry(K.LATE, costs=dearer)]
    assert folded(ledger)["cash", MONTH] == Balance(used=dollars("39.00"))


def test_an_entry_is_converted_by_the_rates_of_its_own_policy() -> None:
    euros = price("1.00 EUR", "2.00 EUR")
    for version in (1, 2, 5):
        ledger = [entry(kind, costs=euros, policy_version=version) for kind in (K.HOLD, K.CLAIM, K.POST)]  # fmt: skip
        assert folded(ledger)["cash", MONTH] == Balance(used=version * dollars("3.00"))


def test_a_missing_rate_stops_the_fold_and_is_never_taken_for_zero() -> None:
    francs = price("1.00 CHF", "2.00 CHF")
    with pytest.raises(ConfigurationError) as caught:
        folded([entry(K.HOLD, costs=francs)])
    assert "CHF" in caught.value.message
    assert "person" in caught.value.remedy


def test_budgets_of_pieces_need_no_rate() -> None:
    francs = price("1.00 CHF", "2.00 CHF")
    pieces = rules(budgets=[b for b in BUDGETS if isinstance(b.get("limit"), int)])
    assert folded([entry(K.HOLD, costs=francs)], pieces)["count", "all"] == Balance(held=1)


# Numbers that we own


def owned(kind: EntryKind, **changes: Any) -> Entry:
    return entry(kind, line=None, costs=price("0 USD", "2.00 USD"), **changes)


OWNED = [
    ([K.RENEWAL], {("cash", MONTH): Balance(used=dollars("2.00"))}),
    ([K.RENEWAL, K.RENEWAL], {("cash", MONTH): Balance(used=dollars("4.00"))}),
    ([K.EXTERNAL], {("count", "all"): Balance(used=1), ("run-rate", "all"): Balance(used=dollars("2.00"))}),
    ([K.EXTERNAL, K.RELEASE], {}),
]  # fmt: skip


@pytest.mark.parametrize(("kinds", "balances"), OWNED)
def test_renewals_are_cash_and_what_is_ours_is_run_rate_and_count(
    kinds: list[EntryKind], balances: Balances
) -> None:
    assert folded(owned(kind) for kind in kinds) == balances


def test_a_release_frees_run_rate_and_count_and_gives_no_cash_back() -> None:
    ledger = [owned(K.RELEASE), *(entry(kind) for kind in (K.HOLD, K.CLAIM, K.POST))]
    assert folded(ledger) == {
        key: balance for key, balance in BOUGHT.items() if key[0] not in {"run-rate", "count"}
    }


def test_a_renewal_counts_in_its_month_in_every_zone_on_earth() -> None:
    for zone in ("Etc/GMT+12", "Pacific/Pago_Pago", "UTC", "Europe/Berlin", "Pacific/Kiritimati"):
        made = rules(budgets=budget("cash", zone=zone))
        for month in range(1, 13):
            found = folded([owned(K.RENEWAL, at=renewal_moment(2028, month))], made)
            assert list(found) == [("cash", f"2028-{month:02}")]


# Scopes


def test_entries_count_for_the_budgets_that_their_dimensions_match() -> None:
    counts = {
        "all": 3,
        "provider:sandbox": 2,
        "country:GB": 1,
        "type:mobile": 1,
        "assistant:reception": 2,
        f"requester:{ME}": 2,
    }
    made = rules(
        budgets=[
            {"name": f"b{n}", "kind": "count", "scope": scope, "limit": 9}
            for n, scope in enumerate(counts)
        ]
    )
    ledger = [
        entry(K.HOLD, line="lin_1"),
        entry(K.HOLD, line="lin_2", country="GB", type="mobile", assistant_id=None),
        entry(K.HOLD, line="lin_3", provider="bird", requester="local:bert"),
    ]
    found = folded(ledger, made)
    assert [found[f"b{n}", "all"].held for n in range(len(counts))] == list(counts.values())


def test_a_new_budget_is_folded_from_old_entries() -> None:
    ledger = [entry(kind) for kind in (K.HOLD, K.CLAIM, K.POST)]
    yearly = {"name": "yearly", "kind": "cash", "window": "year", "limit": "1.00 USD"}
    found = folded(ledger, rules(budgets=[*BUDGETS, yearly]))
    assert found["yearly", "2026"] == Balance(used=dollars("3.00"))


def test_a_per_number_budget_keeps_no_balance() -> None:
    assert all(b.kind is not BudgetKind.PER_NUMBER for b in balanced(rules()))
    [per_number] = [b for b in rules().budgets if isinstance(b, PerNumberBudget)]
    with pytest.raises(TypeError):
        limit_of(per_number)


# Buckets of attempts

BUCKETS = [
    ("2026-11-22T12:00:00Z", "2026-11-22T12:00"),
    ("2026-11-22T12:04:59.999999Z", "2026-11-22T12:00"),
    ("2026-11-22T12:05:00Z", "2026-11-22T12:05"),
    ("2026-12-31T23:59:59Z", "2026-12-31T23:55"),
    ("2026-11-22T14:00:00+02:00", "2026-11-22T12:00"),
    ("2026-11-22T17:33:00+05:30", "2026-11-22T12:00"),
]


@pytest.mark.parametrize(("moment", "bucket"), BUCKETS)
def test_attempts_are_counted_in_buckets_of_five_minutes_utc(moment: str, bucket: str) -> None:
    assert bucket_at(datetime.fromisoformat(moment)) == bucket


@given(st.timedeltas(timedelta(0), timedelta(hours=3)))
def test_an_attempt_counts_for_an_hour_and_for_less_than_a_bucket_more(ago: timedelta) -> None:
    counts = bucket_at(NOW - ago) >= oldest_bucket(NOW)
    if ago <= timedelta(hours=1):
        assert counts
    if ago >= timedelta(hours=1, minutes=5):
        assert not counts


@given(st.timedeltas(timedelta(0), timedelta(days=800)), st.timedeltas(timedelta(0), timedelta(days=2)))  # fmt: skip
def test_buckets_sort_as_they_run_and_before_the_row_of_what_is_held(
    offset: timedelta, span: timedelta
) -> None:
    first, second = bucket_at(NOW + offset), bucket_at(NOW + offset + span)
    assert first <= second < ROLLING


# Comparing


def test_differences_are_named_with_both_sides_and_a_missing_row_is_zero() -> None:
    right = {("cash", MONTH): Balance(1, 2), ("count", "all"): Balance(0, 0)}
    wrong = {("cash", MONTH): Balance(1, 3), ("old", "all"): Balance(4, 0), ("new", "all"): Balance()}  # fmt: skip
    assert list(differences(right, right)) == []
    assert list(differences(right, wrong)) == [
        "cash 2026-11: the ledger says held 1 used 2, the balance says held 1 used 3",
        "old all: the ledger says held 0 used 0, the balance says held 4 used 0",
    ]


# Any history at all


@dataclass
class History:
    """One line's life in the plain words of its outcome, and the entries that tell of it."""

    line_id: str
    about: dict[str, Any]
    version: int
    held_at: Price
    entries: list[Entry] = field(default_factory=list)
    attempts: list[datetime] = field(default_factory=list)
    outcome: str = "waits"
    charged: Price | None = None

    def write(self, kind: EntryKind, at: datetime, costs: Price | None = None) -> None:
        self.entries.append(
            entry(
                kind,
                line=self.line_id,
                at=at,
                costs=costs or self.held_at,
                policy_version=self.version,
                **self.about,
            )
        )


moments = st.timedeltas(timedelta(days=-70), timedelta(days=70)).map(lambda span: NOW + span)
about = st.fixed_dictionaries(
    {
        "country": st.sampled_from(["US", "GB"]),
        "type": st.sampled_from(["local", "mobile"]),
        "assistant_id": st.sampled_from([None, RECEPTION, "night"]),
        "requester": st.sampled_from([ME, "local:bert"]),
    }
)


@st.composite
def prices(draw: st.DrawFn, currency: str | None = None) -> Price:
    unit = currency or draw(st.sampled_from(["USD", "EUR"]))
    setup, monthly = (draw(st.integers(0, 5_000_000)) for _ in range(2))
    return Price(setup=Money(setup, unit), monthly=Money(monthly, unit))


@st.composite
def histories(draw: st.DrawFn) -> History:
    line_id = f"lin_{draw(st.integers(0, 10**9))}"
    life = History(line_id, draw(about), draw(st.integers(1, 3)), draw(prices()))
    times = iter(sorted(draw(st.lists(moments, min_size=12, max_size=12))))
    life.write(K.HOLD, next(times))
    for _ in range(draw(st.integers(0, 3))):
        at = next(times)
        life.write(K.CLAIM, at)
        life.attempts.append(at)
        life.outcome = draw(st.sampled_from(["is sent", "waits", "is sent"]))
        if life.outcome == "is sent":
            break
        life.write(K.UNSEND, next(times))
    if life.outcome == "waits":
        _perhaps_given_up(draw, life, next(times))
    else:
        _perhaps_settled(draw, life, times)
    return life


def _perhaps_given_up(draw: st.DrawFn, life: History, at: datetime) -> None:
    if draw(st.booleans()):
        life.write(K.VOID, at)
        life.outcome = "is over"


def _perhaps_settled(draw: st.DrawFn, life: History, times: Iterator[datetime]) -> None:
    life.outcome = draw(st.sampled_from(["is sent", "was bought", "is over", "was late"]))
    charged = draw(prices(life.held_at.currency))
    if life.outcome == "was bought":
        life.write(K.POST, next(times), charged)
        life.charged = charged
    elif life.outcome != "is sent":
        life.write(K.VOID, next(times))
    if life.outcome == "was late":
        life.write(K.LATE, next(times), charged)
        life.charged = charged


@st.composite
def owned_entries(draw: st.DrawFn) -> Entry:
    return entry(
        draw(st.sampled_from([K.RENEWAL, K.EXTERNAL, K.RELEASE])),
        line=None,
        at=draw(moments),
        costs=draw(prices()),
        policy_version=draw(st.integers(1, 3)),
        **draw(about),
    )


ZONED: list[dict[str, Any]] = [
    *BUDGETS,
    {"name": "yearly", "kind": "cash", "window": "year", "zone": "Pacific/Kiritimati", "limit": "9.00 USD"},
    {"name": "berlin", "kind": "cash", "window": "day", "zone": "Europe/Berlin", "limit": "9.00 USD"},
    {"name": "british", "kind": "run_rate", "scope": "country:GB", "limit": "9.00 USD"},
    {"name": "mobile", "kind": "purchases", "scope": "type:mobile", "window": "month", "zone": "Asia/Kolkata",
     "limit": 9},
    {"name": "night", "kind": "attempts", "scope": "assistant:night", "limit": 9},
    {"name": "anna", "kind": "count", "scope": f"requester:{ME}", "limit": 9},
]  # fmt: skip


Stand = tuple[str, Balance]
"""What stands in one window."""


def stands_of_line(b: Budget, life: History) -> Iterator[Stand]:
    """Where a line stands in a budget, told by how it ended and not by its entries."""
    convert = rates_of(life.version)
    if isinstance(b, AttemptsBudget):
        yield from ((bucket_at(attempt), Balance(used=1)) for attempt in life.attempts)
        yield ROLLING, Balance(held=int(life.outcome == "waits"))
    elif life.outcome == "waits":
        yield window_at(b, NOW), Balance(held=counted(b, life.held_at, convert))
    elif life.outcome == "is sent":
        yield window_at(b, life.attempts[-1]), Balance(held=counted(b, life.held_at, convert))
    elif life.charged is not None:
        yield window_at(b, life.attempts[-1]), Balance(used=counted(b, life.charged, convert))


SIGNS = {
    (K.RENEWAL, BudgetKind.CASH): 1,
    (K.EXTERNAL, BudgetKind.RUN_RATE): 1,
    (K.EXTERNAL, BudgetKind.COUNT): 1,
    (K.RELEASE, BudgetKind.RUN_RATE): -1,
    (K.RELEASE, BudgetKind.COUNT): -1,
}


def stands_of_number(b: Budget, other: Entry) -> Iterator[Stand]:
    """What a renewal, an external number or a release adds to a budget."""
    monthly = Money(other.monthly_micros, other.currency)
    costs = Price(setup=Money.zero(other.currency), monthly=monthly)
    amount = counted(b, costs, rates_of(other.policy_version))
    yield (
        window_at(b, other.effective_at),
        Balance(used=SIGNS.get((other.kind, b.kind), 0) * amount),
    )


def reckoned(lives: list[History], others: list[Entry], made: PolicyDocument) -> Balances:
    """The balances that are not zero, summed up budget by budget."""
    found: Balances = {}
    for b in balanced(made):
        of_lines = (
            stands_of_line(b, life) for life in lives if matches(b, dimensions(**life.about))
        )
        of_numbers = (
            stands_of_number(b, other) for other in others if matches(b, other.dimensions)
        )
        for window, stand in chain.from_iterable(chain(of_lines, of_numbers)):
            before = found.get((b.name, window), Balance())
            found[b.name, window] = Balance(before.held + stand.held, before.used + stand.used)
    return {key: balance for key, balance in found.items() if balance != Balance()}


@given(
    st.lists(histories(), max_size=6, unique_by=lambda life: life.line_id),
    st.lists(owned_entries(), max_size=5),
)
def test_any_history_folds_to_what_its_outcomes_say(
    lives: list[History], others: list[Entry]
) -> None:
    ledger = [*others, *(written for life in lives for written in life.entries)]
    made = rules(budgets=ZONED)
    assert folded(ledger, made) == reckoned(lives, others, made)


@given(st.lists(histories(), max_size=4, unique_by=lambda life: life.line_id), st.randoms())
def test_the_order_of_lines_does_not_matter(lives: list[History], chance: Any) -> None:
    first = folded(written for life in lives for written in life.entries)
    chance.shuffle(lives)
    assert folded(written for life in lives for written in life.entries) == first


@given(histories())
def test_every_hold_of_a_line_that_is_over_has_been_posted_or_given_back(life: History) -> None:
    found = folded(life.entries, rules(budgets=ZONED))
    if life.outcome in {"is over", "was bought", "was late"}:
        assert all(balance.held == 0 for balance in found.values())
    else:
        assert found["count", "all"].held == 1
    assert all(balance.held >= 0 and balance.used >= 0 for balance in found.values())


def test_counting_never_rounds_down() -> None:
    third = rules(rates=[{"source": "EUR", "target": "USD", "rate": "0.333333", "as_of": "2026-11-20T00:00:00Z",
                          "max_age_days": 7, "haircut_basis_points": 0}])  # fmt: skip
    [cash] = [b for b in third.budgets if b.name == "cash"]

    def convert(amount: Money, target: str) -> Money | None:
        return third.convert(amount, target, NOW)

    costs = Price(setup=Money(1, "EUR"), monthly=Money(1, "EUR"))
    assert counted(cash, costs, convert) == 1  # of 0.666666 micro-units
