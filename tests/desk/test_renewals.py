"""Renewals: each month's cost of what we own is counted when the month begins, before anything new is bought."""

from datetime import UTC, datetime

import pytest

from house import House, policy_with
from ringfence.errors import BudgetExceeded
from ringfence.intents import Intent
from ringfence.sandbox.faults import Fault
from ringfence.states import IntentState, LineState
from ringfence.store.balances import Balance


def goes_to(house: House, moment: str) -> None:
    """Let time pass until then."""
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    house.clock.advance(seconds=(at - house.clock.now()).total_seconds())


async def looked_at(house: House) -> Intent:
    """Anything that asks the guard opens the month."""
    return await house.propose(*await house.find(1, country="GB", area_code="161"))


async def test_a_month_begins_with_what_renewing_costs(house: House) -> None:
    await house.buy(*await house.find(3))
    goes_to(house, "2026-12-01T00:00:00")
    await looked_at(house)
    assert house.balance("cash", "2026-12").used == 3_000_000
    assert house.balance("cash", "2026-11") == Balance(used=6_000_000)
    assert house.balance("run-rate", "all").used == 3_000_000


async def test_a_month_is_counted_once(house: House) -> None:
    await house.buy(*await house.find())
    goes_to(house, "2026-12-01T00:00:00")
    await looked_at(house)
    goes_to(house, "2026-12-31T23:59:59")
    await looked_at(house)
    assert house.balance("cash", "2026-12").used == 1_000_000


async def test_a_number_does_not_renew_in_the_month_in_which_it_was_bought(house: House) -> None:
    goes_to(house, "2026-12-01T00:00:01")
    await house.buy(*await house.find())
    goes_to(house, "2026-12-31T23:00:00")
    await looked_at(house)
    assert house.balance("cash", "2026-12").used == 2_000_000


async def test_renewals_leave_less_for_new_purchases(house: House) -> None:
    house.apply(
        policy_with(
            budgets=['{name: cash, kind: cash, window: month, zone: UTC, limit: "5.00 USD"}']
        )
    )
    await house.buy(*await house.find(2))
    goes_to(house, "2026-12-01T00:00:00")
    await house.buy(*await house.find())
    with pytest.raises(BudgetExceeded, match=r"1\.00 USD left of 5\.00 USD"):
        await house.propose(*await house.find())


async def test_months_that_nobody_saw_begin_are_counted_as_well(house: House) -> None:
    """Whoever came back after months had only the last one counted: a year's budget was short of the others."""
    yearly = '{name: yearly, kind: cash, window: year, zone: UTC, limit: "100.00 USD"}'
    house.apply(policy_with(budgets=[yearly]))
    await house.buy(*await house.find())
    goes_to(house, "2027-04-15T12:00:00")
    await looked_at(house)
    assert house.balance("yearly", "2026").used == 3_000_000
    assert house.balance("yearly", "2027").used == 4_000_000
    assert house.balance("cash", "2027-02").used == 1_000_000


async def test_what_was_bought_last_month_and_found_this_month_renews_this_month(
    house: House,
) -> None:
    """Its purchase was still unknown when the month's renewals were counted, and so it was left out."""
    goes_to(house, "2026-11-30T23:59:58")
    house.carrier.add_fault(Fault.TIMEOUT_AFTER_CHARGE)
    intent = await house.buy(*await house.find())
    goes_to(house, "2026-12-01T00:00:00")
    await looked_at(house)
    assert (await house.now(intent)).lines[0].state is LineState.UNKNOWN
    await house.work()
    assert (await house.now(intent)).state is IntentState.COMPLETED
    assert house.balance("cash", "2026-11") == Balance(used=2_000_000)
    assert house.balance("cash", "2026-12").used == 1_000_000


async def test_what_waits_over_midnight_counts_in_the_new_window(house: House) -> None:
    goes_to(house, "2026-11-30T23:59:00")
    intent = await house.approved(*await house.find())
    goes_to(house, "2026-12-01T00:00:00")
    await house.work()
    assert (await house.now(intent)).state is IntentState.COMPLETED
    assert house.balance("cash", "2026-11") == Balance()
    assert house.balance("cash", "2026-12") == Balance(used=2_000_000)
    assert house.balance("purchases", "2026-12-01") == Balance(used=1)


async def test_what_was_sent_before_midnight_counts_where_it_was_sent(house: House) -> None:
    goes_to(house, "2026-11-30T23:59:59")
    house.carrier.add_fault(Fault.PENDING)
    intent = await house.buy(*await house.find())
    goes_to(house, "2026-12-01T00:00:05")
    await house.work()
    assert (await house.now(intent)).state is IntentState.COMPLETED
    assert house.balance("cash", "2026-11") == Balance(used=2_000_000)
    assert house.balance("cash", "2026-12").used == 0


async def test_what_no_longer_fits_the_new_month_is_voided_when_it_would_be_sent(
    house: House,
) -> None:
    """Four months' renewals and the purchase that waits are six; the budget holds five."""
    house.apply(
        policy_with(
            budgets=['{name: cash, kind: cash, window: month, zone: UTC, limit: "8.00 USD"}']
        )
    )
    await house.buy(*await house.find(3))
    goes_to(house, "2026-11-30T23:59:00")
    house.apply(
        policy_with(
            budgets=['{name: cash, kind: cash, window: month, zone: UTC, limit: "8.00 USD"}']
        )
    )
    intent = await house.approved(*await house.find())
    house.apply(
        policy_with(
            budgets=['{name: cash, kind: cash, window: month, zone: UTC, limit: "4.50 USD"}']
        )
    )
    goes_to(house, "2026-12-01T00:00:00")
    await house.work()
    after = await house.now(intent)
    assert (after.state, after.lines[0].state) == (IntentState.FAILED, LineState.VOIDED)
    assert len(house.charged()) == 3
    assert house.balance("cash", "2026-12") == Balance(used=3_000_000)


async def test_a_day_in_another_zone_begins_there(house: House) -> None:
    house.apply(
        policy_with(
            budgets=[
                '{name: cash, kind: cash, window: day, zone: America/Los_Angeles, limit: "9.00 USD"}'
            ]
        )
    )
    goes_to(house, "2026-11-23T07:59:59")
    await house.buy(*await house.find())
    goes_to(house, "2026-11-23T08:00:00")
    await house.buy(*await house.find())
    assert house.balance("cash", "2026-11-22").used == 2_000_000
    assert house.balance("cash", "2026-11-23").used == 2_000_000
