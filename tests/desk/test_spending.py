"""Spending: what the limits say, what our numbers cost, and what the period will have cost at its end."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from house import ME, SOMEBODY_ELSE, House, policy_with
from ringfence.desk import spending as story
from ringfence.desk.consenting import decline_at_terminal
from ringfence.desk.spending import FactKind, Period, Spending, period_at, show_spending
from ringfence.guard import adjustment, charges, freeze
from ringfence.guard import budget as budgets
from ringfence.guard.adjustment import Difference
from ringfence.guard.books import refold
from ringfence.money import Money
from ringfence.policy import AttemptsBudget, Window
from ringfence.sandbox.faults import Fault
from ringfence.settle import reconcile
from ringfence.states import LineState
from ringfence.store import inventory
from ringfence.store.audit import Words
from ringfence.store.balances import ROLLING
from ringfence.store.transaction import Transaction
from ringfence.tags import purchase_tag

MONTH, DAY = Window.MONTH, Window.DAY
USD = "USD"


async def shown(house: House, window: Window = MONTH, *, principal: str = ME) -> Spending:
    return await show_spending(house.desk, principal, window)


def printed(*amounts: Money | None) -> list[str | None]:
    return [None if amount is None else str(amount) for amount in amounts]


def goes_to(house: House, moment: str) -> None:
    """Let time pass until then."""
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    house.clock.advance(seconds=(at - house.clock.now()).total_seconds())


def left_of(found: Spending, name: str) -> tuple[str | None, str | None, str | None]:
    row = next(row for row in found.budgets if row.name == name)
    return row.used, row.held, row.left


async def test_a_new_installation_has_spent_nothing_and_shows_every_limit(house: House) -> None:
    found = await shown(house)
    assert [row.name for row in found.budgets] == [
        *("cash", "run-rate", "count", "purchases", "attempts"),
        *["per-number"] * 3,
    ]
    assert printed(found.run_rate, found.forecast) == ["0.00 USD", "0.00 USD"]
    assert (found.currency, found.frozen, found.recent) == (USD, None, ())
    assert not found.is_converted


async def test_what_waits_is_held_and_what_was_bought_is_used(house: House) -> None:
    one, other = await house.find(2)
    await house.buy(one)
    await house.propose(other)
    found = await shown(house)
    assert left_of(found, "cash") == ("2.00 USD", "2.00 USD", "21.00 USD")
    assert left_of(found, "count") == ("1", "1", "8")
    assert printed(found.run_rate, found.forecast) == ["1.00 USD", "4.00 USD"]


async def test_limits_on_one_number_are_limits_without_use(house: House) -> None:
    rows = [row for row in (await shown(house)).budgets if row.name == "per-number"]
    assert [(row.window, row.limit) for row in rows] == [
        ("set-up", "5.00 USD"),
        ("monthly", "5.00 USD"),
        ("first year", "65.00 USD"),
    ]
    assert {(row.used, row.held, row.left) for row in rows} == {(None, None, None)}


async def test_a_limit_that_was_tightened_has_less_than_nothing_left(house: House) -> None:
    await house.buy(*await house.find(2))
    cash = '{name: cash, kind: cash, window: month, zone: UTC, limit: "3.00 USD"}'
    house.apply(policy_with(budgets=[cash]))
    assert left_of(await shown(house), "cash") == ("4.00 USD", "0.00 USD", "-1.00 USD")


async def test_every_principal_sees_the_same_and_no_intent_of_another(house: House) -> None:
    mine = f'{{name: mine, kind: count, scope: "requester:{ME}", limit: 3}}'
    house.apply(policy_with(budgets=[mine]))
    intent = await house.propose(*await house.find())
    found = await shown(house, principal=SOMEBODY_ELSE)
    assert found == await shown(house)
    assert left_of(found, "mine") == ("0", "1", "2")
    assert intent.intent_id not in repr(found)


async def test_the_freeze_says_why(house: House) -> None:
    house.write(lambda tx: freeze.freeze(tx, "too fast", actor="the person"))
    assert (await shown(house)).frozen == "too fast"


# Run-rate and forecast.


async def test_other_currencies_are_converted_upward_and_said_to_be(house: House) -> None:
    await house.buy(*await house.find(country="GB", area_code="161"))
    found = await shown(house)
    assert printed(found.run_rate, found.forecast) == ["1.1088 USD", "2.4948 USD"]
    assert found.is_converted
    assert left_of(found, "cash")[0] == "2.4948 USD"


async def test_without_a_fresh_rate_the_run_rate_is_unknown_and_what_is_spent_is_not(
    house: House,
) -> None:
    rate = (
        "{source: GBP, target: USD, rate: '1.32', as_of: '2026-11-20T00:00:00Z', max_age_days: 5}"
    )
    house.apply(policy_with(rates=f"[{rate}]"))
    await house.buy(*await house.find(country="GB", area_code="161"))
    assert printed((await shown(house)).run_rate) == ["1.1088 USD"]
    house.clock.advance(days=6)
    found = await shown(house)
    assert printed(found.run_rate, found.forecast) == [None, "2.4948 USD"]


async def test_a_policy_in_a_currency_without_a_rate_knows_neither(house: House) -> None:
    await house.buy(*await house.find())
    house.apply(policy_with(currency="CHF"))
    found = await shown(house)
    assert (found.currency, found.run_rate, found.forecast) == ("CHF", None, None)
    assert left_of(found, "cash")[0] == "2.00 USD"


def without_price(tx: Transaction) -> None:
    """As a number is that was found at a carrier which names no price."""
    [record] = inventory.paid_for(tx)
    inventory.change(tx, record, monthly=None)


async def test_a_number_without_a_price_makes_both_unknown(tmp_path: Path) -> None:
    house = House.open(tmp_path)  # of its own: its books no longer balance
    await house.buy(*await house.find())
    house.write(without_price)
    found = await shown(house)
    assert (found.run_rate, found.forecast) == (None, None)
    house.close()


async def test_what_was_declined_or_failed_is_in_no_forecast(house: House) -> None:
    declined = await house.propose(*await house.find())
    await decline_at_terminal(house.desk, declined.intent_id, person="the person", reason=None)
    house.carrier.add_fault(Fault.GONE)
    await house.buy(*await house.find())
    assert printed((await shown(house)).forecast) == ["0.00 USD"]


async def test_a_month_begins_with_its_renewals_in_use_and_in_the_forecast(house: House) -> None:
    """Nobody but the one who asks has seen the month begin."""
    await house.buy(*await house.find(3))
    goes_to(house, "2026-11-30T23:59:59")
    before = await shown(house)
    assert printed(before.forecast) == ["6.00 USD"]
    goes_to(house, "2026-12-01T00:00:00")
    after = await shown(house)
    assert left_of(after, "cash") == ("3.00 USD", "0.00 USD", "22.00 USD")
    assert printed(after.run_rate, after.forecast) == ["3.00 USD", "3.00 USD"]
    assert [(fact.what, fact.at) for fact in after.recent] == [
        (FactKind.RENEWAL, house.clock.now())
    ] * 3


async def test_a_second_look_writes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_to(house, "2026-12-01T00:00:00")
    first = await shown(house)

    async def never(_body: object) -> None:
        raise AssertionError("a look writes only where a window has begun unseen")

    monkeypatch.setattr(house.store, "write", never)
    assert await shown(house) == first


async def test_a_purchase_counts_in_the_month_in_which_it_was_sent(house: House) -> None:
    goes_to(house, "2026-11-30T23:59:59")
    house.carrier.add_fault(Fault.PENDING)
    intent = await house.buy(*await house.find())
    assert printed((await shown(house)).forecast) == ["2.00 USD"]
    goes_to(house, "2026-12-01T00:00:00")
    found = await shown(house)
    assert (await house.now(intent)).lines[0].state is LineState.PROVIDER_PENDING
    assert printed(found.forecast) == ["0.00 USD"]
    assert left_of(found, "cash") == ("0.00 USD", "0.00 USD", "25.00 USD")
    await house.wait_out(5)
    assert printed((await shown(house)).forecast) == ["0.00 USD"]


async def test_what_waits_over_midnight_is_in_the_new_months_forecast(house: House) -> None:
    goes_to(house, "2026-11-30T23:59:00")
    await house.propose(*await house.find())
    goes_to(house, "2026-12-01T00:00:00")
    found = await shown(house)
    assert printed(found.forecast) == ["2.00 USD"]
    assert left_of(found, "cash") == ("0.00 USD", "2.00 USD", "23.00 USD")


async def test_a_day_is_what_was_spent_on_it(house: House) -> None:
    await house.buy(*await house.find(2))
    house.clock.advance(days=1)
    await house.buy(*await house.find())
    day, month = await shown(house, DAY), await shown(house)
    assert printed(day.forecast, month.forecast) == ["2.00 USD", "6.00 USD"]
    assert (len(day.recent), len(month.recent)) == (1, 3)
    assert day.budgets == month.budgets


async def test_a_number_found_at_the_carrier_still_renews_this_month(house: House) -> None:
    """The books count a stranger from the day on which it is found; its month is still to be paid."""
    [offer] = await house.find()
    house.carrier.buy(offer.stock.stock_id, tag="somebody else")
    house.clock.advance(days=10)  # 2 December; it renews on the 22nd
    await shown(house)
    await reconcile(house.desk, house.adapter)
    found = await shown(house)
    assert printed(found.run_rate, found.forecast) == ["1.00 USD", "1.00 USD"]
    assert left_of(found, "cash")[0] == "0.00 USD"
    assert printed((await shown(house, DAY)).forecast) == ["0.00 USD"]
    [fact] = found.recent
    assert (fact.what, fact.number, str(fact.amount)) == (
        FactKind.ADJUSTMENT,
        offer.stock.number,
        "1.00 USD",
    )
    goes_to(house, "2027-01-02T12:00:00")
    assert printed((await shown(house)).forecast) == ["1.00 USD"]


# What happened.


async def test_the_latest_facts_stand_first_and_name_number_amount_and_assistant(
    house: House,
) -> None:
    [one] = await house.find()
    await house.buy(one, assistant_id="reception")
    house.clock.advance(hours=1)
    [british] = await house.find(country="GB", area_code="161")
    await house.buy(british)
    second, first = (await shown(house)).recent
    assert (first.what, first.number, str(first.amount), first.assistant_id) == (
        FactKind.PURCHASE,
        one.stock.number,
        "2.00 USD",
        "reception",
    )
    assert (second.number, str(second.amount), second.assistant_id) == (
        british.stock.number,
        "1.80 GBP",
        None,
    )
    assert second.at > first.at


async def test_holds_and_attempts_are_no_facts(house: House) -> None:
    await house.propose(*await house.find())
    house.carrier.add_fault(Fault.GONE)
    await house.buy(*await house.find())
    assert (await shown(house)).recent == ()


async def test_a_time_out_that_was_looked_up_is_one_purchase(house: House) -> None:
    house.carrier.add_fault(Fault.TIMEOUT_AFTER_CHARGE)
    await house.buy(*await house.find())
    assert (await shown(house)).recent == ()
    await house.wait_out()
    assert [fact.what for fact in (await shown(house)).recent] == [FactKind.PURCHASE]


async def test_a_late_success_is_an_adjustment_of_the_month_in_which_it_was_sent(
    house: House,
) -> None:
    house.carrier.add_fault(Fault.TIMEOUT_BEFORE_CHARGE)
    intent = await house.buy(*await house.find())
    await house.wait_out(10)
    assert (await house.now(intent)).lines[0].state is LineState.FAILED
    assert printed((await shown(house)).forecast) == ["0.00 USD"]
    terms = intent.lines[0].terms
    tag = purchase_tag(intent.terms.installation_id, terms.line_id)
    house.carrier.buy(terms.stock_id, tag=tag)  # carried out long after it could
    await reconcile(house.desk, house.adapter)
    found = await shown(house)
    [fact] = found.recent
    assert (fact.what, fact.number, str(fact.amount)) == (
        FactKind.ADJUSTMENT,
        terms.number,
        "2.00 USD",
    )
    assert printed(found.forecast) == ["2.00 USD"]
    assert found.frozen is not None


async def test_a_price_that_becomes_known_is_one_adjustment_and_no_release(house: House) -> None:
    """The books give the number back at its old price and take it in at the new one, in one moment."""
    [offer] = await house.find(country="IS", contains="2001944")  # in a currency without a rate
    house.carrier.buy(offer.stock.stock_id, tag="somebody else")
    await reconcile(house.desk, house.adapter)
    [found_it] = (await shown(house)).recent
    assert (found_it.what, found_it.amount) == (FactKind.ADJUSTMENT, None)
    assert (await shown(house)).forecast is None
    rate = "{source: ISK, target: USD, rate: '0.0072', as_of: '2026-11-01T00:00:00Z', max_age_days: null}"
    house.apply(policy_with(rates=f"[{rate}]"))
    house.clock.advance(hours=1)
    await reconcile(house.desk, house.adapter)
    found = await shown(house)
    assert [(fact.what, str(fact.amount)) for fact in found.recent] == [
        (FactKind.ADJUSTMENT, "300 ISK"),
        (FactKind.ADJUSTMENT, "None"),
    ]
    assert printed(found.run_rate) == ["2.268 USD"]


async def test_no_more_than_twenty_facts_are_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story, "MAX_RECENT", 3)
    for offer in await house.find(5):
        await house.buy(offer)
        house.clock.advance(minutes=1)
    found = await shown(house)
    assert len(found.recent) == 3
    assert [fact.number for fact in found.recent] == house.charged()[:1:-1]
    assert printed(found.forecast) == ["10.00 USD"]


# The calendar.


def bounds(period: Period) -> tuple[str, str]:
    return period.start.isoformat()[:16], period.end.isoformat()[:16]


@pytest.mark.parametrize(
    ("zone", "window", "moment", "name", "start", "end"),
    [
        ("UTC", MONTH, "2026-12-31T23:59", "2026-12", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("UTC", MONTH, "2028-02-29T12:00", "2028-02", "2028-02-01T00:00", "2028-03-01T00:00"),
        ("UTC", DAY, "2026-11-22T00:00", "2026-11-22", "2026-11-22T00:00", "2026-11-23T00:00"),
        ("Asia/Tokyo", DAY, "2026-11-22T15:00", "2026-11-23", "2026-11-22T15:00", "2026-11-23T15:00"),
        ("Europe/Berlin", DAY, "2026-10-25T12:00", "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("Europe/Berlin", MONTH, "2026-10-31T23:30", "2026-11", "2026-10-31T23:00", "2026-11-30T23:00"),
    ],
)  # fmt: skip
def test_a_period_is_a_calendar_day_or_month_where_the_policy_counts_money(
    zone: str, window: Window, moment: str, name: str, start: str, end: str
) -> None:
    cash = f'{{name: cash, kind: cash, window: month, zone: {zone}, limit: "9.00 USD"}}'
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    period = period_at(policy_with(budgets=[cash]), window, at)
    assert (period.name, *bounds(period)) == (name, start, end)
    assert period.start <= at < period.end


def test_a_budget_with_the_same_window_says_the_zone() -> None:
    rules = policy_with(
        budgets=['{name: daily, kind: cash, window: day, zone: Asia/Tokyo, limit: "9.00 USD"}']
    )
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert period_at(rules, DAY, now).zone == "Asia/Tokyo"
    assert period_at(rules, MONTH, now).zone == "UTC"


async def test_a_month_in_another_zone_begins_there(house: House) -> None:
    tokyo = '{name: cash, kind: cash, window: month, zone: Asia/Tokyo, limit: "25.00 USD"}'
    house.apply(policy_with(budgets=[tokyo]))
    await house.buy(*await house.find())
    goes_to(house, "2026-11-30T15:00:00")  # midnight in Tokyo
    found = await shown(house)
    assert found.period.name == "2026-12"
    assert printed(found.forecast) == ["1.00 USD"]
    assert left_of(found, "cash")[0] == "1.00 USD"


# The property: what is shown is what the ledger says, whatever happened.

STEPS = (
    "buy",
    "buy abroad",
    "adjust",
    "propose",
    "decline",
    "time-out",
    "pending",
    "gone",
    "wait",
    "month",
)
MANY = "{name: attempts, kind: attempts, limit: 1000}"
WIDE = [
    MANY,
    '{name: cash, kind: cash, window: month, zone: UTC, limit: "900.00 USD"}',
    '{name: daily, kind: cash, window: day, zone: UTC, limit: "900.00 USD"}',
    '{name: run-rate, kind: run_rate, limit: "900.00 USD"}',
    "{name: count, kind: count, limit: 900}",
    "{name: purchases, kind: purchases, window: day, zone: UTC, limit: 900}",
    '{name: british, kind: cash, scope: "country:GB", window: year, zone: UTC, limit: "900.00 GBP"}',
]


def told_by_the_ledger(tx: Transaction) -> dict[str, tuple[str, str]]:
    """Used and held of every budget as the ledger gives them, folded from its first entry."""
    folded = refold(tx)
    found = {}
    for budget in budgets.balanced(tx.rules):
        window = budgets.window_at(budget, tx.now)
        keys = [(budget.name, window)]
        if isinstance(budget, AttemptsBudget):
            oldest = budgets.oldest_bucket(tx.now)
            keys = [key for key in folded if key[0] == budget.name and oldest <= key[1] <= ROLLING]
        rows = [folded[key] for key in keys if key in folded]
        used, held = sum(row.used for row in rows), sum(row.held for row in rows)
        found[budget.name] = (budgets.printed(budget, used), budgets.printed(budget, held))
    return found


async def do(house: House, step: str) -> None:
    """One step, once the runner has done what became due: a month that began is seen by whoever asked first."""
    await house.work()
    faults = {
        "time-out": Fault.TIMEOUT_AFTER_CHARGE,
        "pending": Fault.PENDING,
        "gone": Fault.GONE,
    }
    if step == "wait":
        await house.wait_out(8)
    elif step == "month":
        house.clock.advance(days=9)
    elif step == "propose":
        await house.propose(*await house.find())
    elif step == "decline":
        intent = await house.propose(*await house.find())
        await decline_at_terminal(house.desk, intent.intent_id, person="p", reason=None)
    elif step == "adjust":
        adjust_everything(house)
    elif step == "buy abroad":
        await house.buy(*await house.find(country="GB", area_code="161"))
    else:
        if step in faults:
            house.carrier.add_fault(faults[step])
        await house.buy(*await house.find())


def adjust_everything(house: House) -> None:
    """Of every number the set-up was a little more, and the month a little less."""
    for record in house.read(inventory.paid_for):
        for setup, monthly in (("0.30", None), (None, "0.10")):
            house.write(lambda tx: _adjust(tx, record.number_id, setup, monthly))  # noqa: B023  # run at once
            house.clock.advance(seconds=1)


def _adjust(tx: Transaction, number_id: str, setup: str | None, monthly: str | None) -> None:
    record = charges.number_of(tx, number_id)
    assert record.monthly is not None
    currency = record.monthly.currency
    difference = Difference(
        setup=Money.of(setup, currency) if setup else None,
        monthly=Money.of(monthly, currency) if monthly else None,
        is_less=monthly is not None,
    )
    charge = charges.of_month(tx, record, None)
    body = adjustment.body(tx, number_id, difference, charge)
    adjustment.adjust(tx, number_id, body, Words.fresh("an invoice"), person="p")


async def live(folder: Path, steps: list[str]) -> None:
    house = House.open(folder)
    house.apply(policy_with(budgets=WIDE, pending_per_requester="100"))
    for step in steps:
        await do(house, step)
        found = await shown(house)
        expected = house.read(told_by_the_ledger)
        told = {row.name: (row.used, row.held) for row in found.budgets if row.used is not None}
        assert told == expected
        for window, name in ((MONTH, "cash"), (DAY, "daily")):
            forecast = (await shown(house, window)).forecast
            assert forecast is not None
            budget = next(b for b in house.read(lambda tx: tx.rules.budgets) if b.name == name)
            used, held = (Money.parse(amount) for amount in expected[budget.name])
            assert forecast == used + held
        assert expected["run-rate"][0] == str(found.run_rate)
    house.books_balance()
    house.close()


@given(steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=6))
@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_happened_the_ledger_says_what_is_shown(steps: list[str]) -> None:
    # In memory, where there is some: power cuts are not what is tried here.
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="ringfence-spending-", dir=memory))
    try:
        asyncio.run(live(folder, steps))
    finally:
        shutil.rmtree(folder)
