"""Reconciling: the carrier's list against our records, and what is done about what cannot be explained."""

from typing import Any

import pytest

from house import ME, PERSON, House, policy_with
from ringfence.desk.assigning import AssignWish, assign
from ringfence.desk.listing import ListWish, NumberPage, list_numbers
from ringfence.errors import Frozen, PriceUnknown
from ringfence.guard.freeze import unfreeze
from ringfence.intents import Intent
from ringfence.inventory import NumberRecord, Origin
from ringfence.sandbox.faults import Fault
from ringfence.states import IntentState, LineState
from ringfence.store import inventory
from ringfence.store.balances import Balance
from ringfence.tags import purchase_tag


async def refreshed(house: House) -> NumberPage:
    return await list_numbers(house.desk, ME, ListWish(refresh=True))


def thaw(house: House) -> None:
    house.write(lambda tx: unfreeze(tx, actor=PERSON))


async def failed(house: House) -> Intent:
    """A purchase that counts as not made."""
    house.carrier.add_fault(Fault.TIMEOUT_BEFORE_CHARGE)
    intent = await house.buy(*await house.find())
    await house.wait_out(10)
    assert (await house.now(intent)).state is IntentState.FAILED
    return await house.now(intent)


def charged_after_all(house: House, intent: Intent) -> None:
    """The carrier carries the purchase out, long after it could."""
    [line] = intent.lines
    tag = purchase_tag(intent.terms.installation_id, line.line_id)
    house.carrier.buy(line.terms.stock_id, tag=tag)


def bought_in_the_console(house: House, stock_id: str) -> None:
    house.carrier.buy(stock_id, tag="by hand")


async def test_a_list_that_agrees_changes_nothing(house: House) -> None:
    await house.buy(*await house.find(2))
    before = house.read(inventory.paid_for)
    page = await refreshed(house)
    assert list(page.numbers) == before
    assert house.frozen() is None


async def test_a_late_success_is_recorded_posted_and_freezes(house: House) -> None:
    intent = await failed(house)
    charged_after_all(house, intent)
    page = await refreshed(house)
    after = await house.now(intent)
    assert (after.state, after.lines[0].state) == (IntentState.COMPLETED, LineState.CAPTURED)
    assert [(n.number, n.origin) for n in page.numbers] == [
        (intent.lines[0].terms.number, Origin.RINGFENCE)
    ]
    assert house.balance("cash", "2026-11") == Balance(used=2_000_000)
    assert "failed" in (house.frozen() or "")


async def test_a_late_success_is_posted_over_the_budget_if_need_be(house: House) -> None:
    intent = await failed(house)
    house.apply(policy_with(budgets=["{name: count, kind: count, limit: 0}"]))
    charged_after_all(house, intent)
    await refreshed(house)
    assert house.balance("count", "all") == Balance(used=1)


async def test_a_late_success_counts_in_the_month_in_which_it_was_sent(house: House) -> None:
    intent = await failed(house)
    charged_after_all(house, intent)
    house.clock.advance(days=10)
    await refreshed(house)
    assert house.balance("cash", "2026-11") == Balance(used=2_000_000)


async def test_a_late_success_is_known_by_its_tag_also_when_the_number_was_asked_for_again(
    house: House,
) -> None:
    """It was taken for a stranger's: the latest line for that number was another, and only that one was looked at."""
    first = await failed(house)
    again = await house.propose(*await house.find())
    assert again.lines[0].terms.number == first.lines[0].terms.number
    charged_after_all(house, first)
    [record] = (await refreshed(house)).numbers
    assert (record.origin, record.line_id) == (Origin.RINGFENCE, first.lines[0].line_id)
    assert (await house.now(first)).state is IntentState.COMPLETED
    thaw(house)
    await house.approve(again)
    await house.work()
    assert (await house.now(again)).lines[0].state is LineState.VOIDED
    assert len(house.charged()) == 1


async def test_a_number_that_nobody_here_bought_is_counted_and_freezes(house: House) -> None:
    [offer] = await house.find()
    bought_in_the_console(house, offer.stock.stock_id)
    [record] = (await refreshed(house)).numbers
    assert (record.number, record.origin) == (offer.stock.number, Origin.EXTERNAL)
    assert house.balance("run-rate", "all") == Balance(used=1_000_000)
    assert house.balance("count", "all") == Balance(used=1)
    assert offer.stock.number in (house.frozen() or "")
    with pytest.raises(Frozen):
        await house.propose(*await house.find())


async def test_a_stranger_is_noticed_once(house: House) -> None:
    [offer] = await house.find()
    bought_in_the_console(house, offer.stock.stock_id)
    await refreshed(house)
    thaw(house)
    page = await refreshed(house)
    assert len(page.numbers) == 1
    assert house.frozen() is None
    assert house.balance("count", "all") == Balance(used=1)


async def test_a_strangers_renewals_count_from_the_next_month_on(house: House) -> None:
    [offer] = await house.find()
    bought_in_the_console(house, offer.stock.stock_id)
    await refreshed(house)
    thaw(house)
    house.clock.advance(days=10)
    await house.propose(*await house.find())
    assert house.balance("cash", "2026-12").used == 1_000_000


async def test_a_stranger_renews_in_a_month_that_had_begun_elsewhere_on_earth(house: House) -> None:
    """On Kiritimati it was December already, and December's renewals had been counted without it."""
    yearly = "{name: yearly, kind: cash, window: year, zone: Pacific/Kiritimati, limit: 99.00 USD}"
    house.apply(policy_with(budgets=[yearly]))
    house.clock.advance(days=8, hours=1)
    offers = await house.find(2)
    await house.propose(offers[0])
    bought_in_the_console(house, offers[1].stock.stock_id)
    await refreshed(house)
    thaw(house)
    house.clock.advance(days=1)
    await house.propose(*await house.find(1, country="GB", area_code="161"))
    assert house.balance("cash", "2026-12").used == 1_000_000


async def test_connecting_a_stranger_needs_consent(house: House) -> None:
    [offer] = await house.find()
    bought_in_the_console(house, offer.stock.stock_id)
    await refreshed(house)
    thaw(house)
    answer = await assign(house.desk, ME, AssignWish(offer.stock.number, "reception"))
    assert answer.intent is not None
    assert answer.intent.state is IntentState.AWAITING_APPROVAL


async def test_a_strangers_price_that_cannot_be_converted_stops_buying_but_is_not_overlooked(
    house: House,
) -> None:
    """Nobody could say what it costs in the budgets' currency; so the list was refused, and nothing was frozen."""
    offers = await house.find(50, country="IS", area_code=None)
    [odd] = [o for o in offers if o.stock.price and o.stock.price.currency == "ISK"]
    bought_in_the_console(house, odd.stock.stock_id)
    [record] = (await refreshed(house)).numbers
    assert (record.number, record.origin) == (odd.stock.number, Origin.EXTERNAL)
    assert record.monthly is None
    assert house.frozen() is not None
    thaw(house)
    with pytest.raises(PriceUnknown, match="unknown"):
        await house.propose(*await house.find())


async def test_a_strangers_price_counts_once_a_person_adds_the_rate(house: House) -> None:
    offers = await house.find(50, country="IS", area_code=None)
    [odd] = [o for o in offers if o.stock.price and o.stock.price.currency == "ISK"]
    bought_in_the_console(house, odd.stock.stock_id)
    await refreshed(house)
    thaw(house)
    rate = '{source: ISK, target: USD, rate: "0.01", as_of: "2026-11-01T00:00:00Z", max_age_days: null}'
    house.apply(policy_with(rates=f"[{rate}]"))
    [record] = (await refreshed(house)).numbers
    assert str(record.monthly) == "300 ISK"
    assert house.balance("run-rate", "all") == Balance(used=3_150_000)
    assert house.balance("count", "all") == Balance(used=1)
    assert (await house.propose(*await house.find())).state is IntentState.AWAITING_APPROVAL


async def test_a_number_that_the_carrier_lists_no_longer_is_lost_and_still_counts(
    house: House,
) -> None:
    await house.buy(*await house.find())
    await house.pass_time(seconds=1)
    forgotten = Forgetful(house)
    with forgotten:
        [record] = (await refreshed(house)).numbers
    assert record.state == "lost"
    assert house.balance("run-rate", "all") == Balance(used=1_000_000)
    [record] = (await refreshed(house)).numbers
    assert record.state == "active"


class Forgetful:
    """While open, the carrier's list is empty."""

    def __init__(self, house: House) -> None:
        self._adapter: Any = house.adapter
        self._owned = self._adapter.owned

    async def _nothing(self) -> list[NumberRecord]:
        return []

    def __enter__(self) -> None:
        self._adapter.owned = self._nothing

    def __exit__(self, *_error: object) -> None:
        self._adapter.owned = self._owned


async def test_what_is_still_being_looked_up_is_left_to_the_runner(house: House) -> None:
    house.carrier.add_fault(Fault.TIMEOUT_AFTER_CHARGE)
    intent = await house.buy(*await house.find())
    page = await refreshed(house)
    assert page.numbers == ()
    assert house.frozen() is None
    await house.pass_time(seconds=1)
    assert (await house.now(intent)).state is IntentState.COMPLETED
