"""Searching: what is on sale, by whom, and for how much; it costs nothing and keeps nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from house import ME, SOMEBODY_ELSE, House
from ringfence.desk.buying import BuyWish, propose_buy
from ringfence.desk.searching import SearchWish, search
from ringfence.errors import InvalidArguments, NotFound, OfferExpired, ProviderUnavailable
from ringfence.money import Money
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Offer, Provider
from ringfence.providers.protocol import SearchQuery, StockPage
from ringfence.providers.sandbox import SandboxAdapter

SAN_FRANCISCO = SearchWish(country="US", area_code="415")


async def test_a_search_gives_the_cheapest_first_year_first_and_the_unpriced_last(
    house: House,
) -> None:
    british = SearchWish(country="GB", type=NumberType.NATIONAL, limit=50)
    offers = (await search(house.desk, ME, british)).offers
    priced = [offer.stock.price.first_year.micros for offer in offers if offer.stock.price]
    assert priced == sorted(priced)
    assert len(priced) < len(offers)
    assert all(offer.stock.price is None for offer in offers[len(priced) :])


async def test_a_search_keeps_nothing_and_costs_nothing(house: House) -> None:
    await search(house.desk, ME, SAN_FRANCISCO)
    assert house.carrier.holds() == []
    assert house.carrier.charges() == []


async def test_an_offer_lives_for_a_quarter_of_an_hour(house: House) -> None:
    [offer] = await house.find()
    assert offer.expires_at == house.clock.now() + timedelta(minutes=15)
    house.clock.advance(minutes=15)
    with pytest.raises(OfferExpired):
        await house.propose(offer)


async def test_an_offer_belongs_to_the_principal_who_saw_it(house: House) -> None:
    [offer] = await house.find(principal=SOMEBODY_ELSE)
    with pytest.raises(NotFound, match=offer.offer_id):
        await house.propose(offer, principal=ME)


async def test_letters_are_read_off_the_keypad(house: House) -> None:
    found = await search(house.desk, ME, SearchWish(country="US", contains="415-JKL"))
    assert found.offers
    assert all("415555" in offer.stock.number for offer in found.offers)


async def test_what_no_keypad_has_is_refused(house: House) -> None:
    with pytest.raises(InvalidArguments, match="contains"):
        await search(house.desk, ME, SearchWish(country="US", contains="555-é"))


async def test_a_price_limit_holds_in_any_currency(house: House) -> None:
    """1.05 USD is less than 0.80 GBP with the haircut on top, and more than nothing else British."""
    limit = SearchWish(country="GB", max_monthly=Money.parse("1.20 USD"), limit=50)
    offers = (await search(house.desk, ME, limit)).offers
    assert {str(offer.stock.price.monthly) for offer in offers if offer.stock.price} == {"0.80 GBP"}


async def test_a_price_limit_leaves_the_unpriced_out(house: House) -> None:
    limit = SearchWish(country="GB", max_monthly=Money.parse("1000.00 USD"), limit=50)
    assert all(offer.stock.price for offer in (await search(house.desk, ME, limit)).offers)


async def test_capabilities_and_type_narrow_the_search(house: House) -> None:
    wish = SearchWish(
        country="US", type=NumberType.TOLL_FREE, capabilities=(Capability.SMS,), limit=50
    )
    offers = (await search(house.desk, ME, wish)).offers
    assert offers
    assert {offer.stock.type for offer in offers} == {NumberType.TOLL_FREE}
    assert all(Capability.SMS in offer.stock.capabilities for offer in offers)


async def pages(house: House, wish: SearchWish) -> list[list[Offer]]:
    """Every page of a search, one after the other."""
    seen: list[list[Offer]] = []
    cursor: str | None = None
    while True:
        found = await search(house.desk, ME, wish.model_copy(update={"cursor": cursor}))
        seen.append(list(found.offers))
        cursor = found.next_cursor
        if cursor is None:
            return seen
        assert len(seen) < 50


async def test_pages_follow_each_other_until_the_whole_stock_was_seen(house: House) -> None:
    """Past the fifty that a carrier gives in one answer."""
    seen = [
        offer for page in await pages(house, SearchWish(country="US", limit=20)) for offer in page
    ]
    numbers = [offer.stock.number for offer in seen]
    assert len(numbers) == len(set(numbers)) > 100
    years = [offer.stock.price.first_year.micros for offer in seen if offer.stock.price]
    assert years == sorted(years)


async def test_a_cursor_belongs_to_its_search(house: House) -> None:
    found = await search(house.desk, ME, SAN_FRANCISCO)
    assert found.next_cursor
    elsewhere = SearchWish(country="US", area_code="212", cursor=found.next_cursor)
    with pytest.raises(InvalidArguments, match="cursor"):
        await search(house.desk, ME, elsewhere)


@pytest.mark.parametrize("cursor", ["x", "!!!", "bnVsbA", "WyJhIiwgLTFd", "é"])
async def test_a_made_up_cursor_is_refused(house: House, cursor: str) -> None:
    with pytest.raises(InvalidArguments, match="cursor"):
        await search(house.desk, ME, SAN_FRANCISCO.model_copy(update={"cursor": cursor}))


async def test_when_nothing_matches_the_search_says_what_to_change(house: House) -> None:
    wish = SearchWish(country="US", area_code="415", contains="999")
    found = await search(house.desk, ME, wish)
    assert found.offers == ()
    assert "Search without contains: 20 found." in found.relaxations


async def test_when_all_is_too_dear_the_search_names_the_cheapest(house: House) -> None:
    wish = SearchWish(country="US", area_code="415", max_monthly=Money.parse("0.50 USD"))
    found = await search(house.desk, ME, wish)
    assert found.offers == ()
    assert any("1.00 USD a month" in hint for hint in found.relaxations)


async def test_a_country_without_numbers_is_said_to_have_none(house: House) -> None:
    found = await search(house.desk, ME, SearchWish(country="AQ"))
    [hint] = found.relaxations
    assert "AQ" in hint


class Silent(SandboxAdapter):
    """A carrier that does not answer."""

    async def search(self, query: SearchQuery, *, offset: int = 0) -> StockPage:
        raise ProviderUnavailable("No answer.")


async def test_a_carrier_that_does_not_answer_is_said_to_be_down(house: House) -> None:
    desk = replace(house.desk, carriers={Provider.SANDBOX: Silent(house.carrier)})
    found = await search(desk, ME, SAN_FRANCISCO)
    assert found.offers == ()
    assert [(report.provider, report.status) for report in found.carriers] == [
        (Provider.SANDBOX, "down")
    ]


async def test_a_carrier_that_is_not_connected_is_said_to_be_missing(house: House) -> None:
    wish = SAN_FRANCISCO.model_copy(update={"providers": (Provider.TWILIO, Provider.SANDBOX)})
    found = await search(house.desk, ME, wish)
    statuses = {report.provider: report.status for report in found.carriers}
    assert statuses == {Provider.SANDBOX: "ok", Provider.TWILIO: "not_supported"}


async def test_a_number_that_we_own_is_not_offered_again(house: House) -> None:
    [offer] = await house.find()
    await house.buy(offer)
    found = await search(house.desk, ME, SAN_FRANCISCO.model_copy(update={"limit": 50}))
    assert offer.stock.number not in {each.stock.number for each in found.offers}


async def test_the_same_offer_may_be_named_by_its_id_as_often_as_one_likes(house: House) -> None:
    [offer] = await house.find()
    first = await propose_buy(house.desk, ME, BuyWish(items=[offer.offer_id]))
    again = await propose_buy(house.desk, ME, BuyWish(items=[offer.offer_id]))
    assert first.intent_id == again.intent_id


async def test_only_connected_providers_are_spoken_for(house: House) -> None:
    wish = SearchWish(country="US", providers=(Provider.TWILIO,))
    [hint] = (await search(house.desk, ME, wish)).relaxations
    assert "search without providers" in hint


async def test_a_carrier_that_did_not_answer_is_not_said_to_sell_nothing(house: House) -> None:
    class Silent(SandboxAdapter):
        async def search(self, query: SearchQuery, *, offset: int = 0) -> StockPage:
            raise ProviderUnavailable("no answer")

    desk = replace(house.desk, carriers={Provider.SANDBOX: Silent(house.carrier)})
    [hint] = (await search(desk, ME, SAN_FRANCISCO)).relaxations
    assert "Not every carrier has answered" in hint


async def test_what_is_advised_is_found_under_the_other_conditions(house: House) -> None:
    """Without the area code there were fifty, and none at the price that was wished."""
    wish = SearchWish(country="US", area_code="999", max_monthly=Money.parse("0.50 USD"))
    hints = (await search(house.desk, ME, wish)).relaxations
    assert not [hint for hint in hints if "without area_code" in hint]


async def test_a_missing_rate_is_no_question_of_a_higher_price(house: House) -> None:
    wish = SearchWish(country="IS", type=NumberType.NATIONAL, max_monthly=Money.parse("3.00 USD"))
    assert "no exchange rate" in (await search(house.desk, ME, wish)).relaxations[0]
