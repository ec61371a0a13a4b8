"""Listing: the numbers we pay for, and the assistants that they may serve."""

import pytest

from house import ME, SOMEBODY_ELSE, House, policy_with
from ringfence.desk.assigning import AssignWish, assign
from ringfence.desk.listing import ListWish, NumberPage, idle, list_numbers
from ringfence.errors import InvalidArguments
from ringfence.inventory import Ready
from ringfence.offers import Provider
from ringfence.states import NumberState


async def listed(house: House, *, principal: str = ME, **wish: object) -> NumberPage:
    return await list_numbers(house.desk, principal, ListWish.model_validate(wish))


def numbers(page: NumberPage) -> list[str]:
    return [record.number for record in page.numbers]


async def test_numbers_are_listed_in_the_order_they_were_bought(house: House) -> None:
    bought = []
    for offer in await house.find(3):
        await house.buy(offer)
        bought.append(offer.stock.number)
        house.clock.advance(seconds=1)
    page = await listed(house)
    assert numbers(page) == bought
    assert (str(page.total_monthly), page.is_converted) == ("3.00 USD", False)


async def test_every_principal_sees_every_number(house: House) -> None:
    await house.buy(*await house.find())
    assert numbers(await listed(house)) == numbers(await listed(house, principal=SOMEBODY_ELSE))


async def test_the_list_says_what_blocks_a_channel(house: House) -> None:
    await house.buy(*await house.find())
    [record] = (await listed(house)).numbers
    assert record.readiness.voice is Ready.READY
    assert record.readiness.sms is Ready.BLOCKED
    assert "10DLC" in record.readiness.blockers[0]


async def test_the_list_names_the_registered_assistants(house: House) -> None:
    house.apply(policy_with(assistants='[{name: "desk-*"}, {name: reception}]'))
    assert (await listed(house)).assistants == ("desk-*", "reception")


async def test_numbers_are_found_by_country_assistant_and_number(house: House) -> None:
    [american] = await house.find()
    [british] = await house.find(country="GB", area_code="161")
    await house.buy(american, assistant_id="reception")
    await house.buy(british)
    assert numbers(await listed(house, country="GB")) == [british.stock.number]
    assert numbers(await listed(house, assistant_id="reception")) == [american.stock.number]
    assert numbers(await listed(house, number=american.stock.number)) == [american.stock.number]
    assert numbers(await listed(house, provider=Provider.TWILIO)) == []
    assert numbers(await listed(house, state=NumberState.LOST)) == []


async def test_the_total_covers_what_was_asked_for_whatever_its_currency(house: House) -> None:
    [american] = await house.find()
    [british] = await house.find(country="GB", area_code="161")
    await house.buy(american, british)
    page = await listed(house)
    assert (str(page.total_monthly), page.is_converted) == ("2.1088 USD", True)
    page = await listed(house, country="GB")
    assert (str(page.total_monthly), page.is_converted) == ("0.80 GBP", False)


async def test_idle_days_count_from_the_day_a_number_was_last_unassigned(house: House) -> None:
    one, other = await house.find(2)
    await house.buy(one)
    await house.buy(other, assistant_id="reception")
    house.clock.advance(days=3)
    assert numbers(await listed(house, idle_days=3)) == [one.stock.number]
    assert numbers(await listed(house, idle_days=4)) == []
    await assign(house.desk, ME, AssignWish(one.stock.number, "reception"))
    assert numbers(await listed(house, idle_days=0)) == []


async def test_pages_follow_each_other(house: House) -> None:
    await house.buy(*await house.find(5))
    first = await listed(house, limit=2)
    second = await listed(house, limit=2, cursor=first.next_cursor)
    third = await listed(house, limit=2, cursor=second.next_cursor)
    assert third.next_cursor is None
    seen = numbers(first) + numbers(second) + numbers(third)
    assert sorted(seen) == sorted(house.charged())
    assert str(first.total_monthly) == str(third.total_monthly) == "5.00 USD"


async def test_a_year_of_idle_numbers_is_twelve_months_of_each_rounded_up_once(
    house: House,
) -> None:
    [american] = await house.find()
    [british] = await house.find(country="GB", area_code="161")
    [busy] = await house.find(country="GB", area_code="20")
    await house.buy(american, british)
    await house.buy(busy, assistant_id="reception")
    found = await idle(house.desk, ME, ListWish())
    assert (found.count, str(found.yearly), found.is_converted) == (2, "25.3056 USD", True)
    found = await idle(house.desk, SOMEBODY_ELSE, ListWish(country="GB"))
    assert (found.count, str(found.yearly), found.is_converted) == (1, "9.60 GBP", False)
    house.clock.advance(days=2)
    assert (await idle(house.desk, ME, ListWish(idle_days=2))).count == 2
    assert (await idle(house.desk, ME, ListWish(idle_days=3))).count == 0


@pytest.mark.parametrize("cursor", ["x", "bnVsbA", "WyJhIiwgMV0", "é"])
async def test_a_made_up_cursor_is_refused(house: House, cursor: str) -> None:
    with pytest.raises(InvalidArguments, match="cursor"):
        await listed(house, cursor=cursor)


async def test_an_empty_list_costs_nothing(house: House) -> None:
    page = await listed(house)
    assert (page.numbers, str(page.total_monthly), page.next_cursor) == ((), "0.00 USD", None)
