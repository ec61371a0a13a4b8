"""What the sandbox carrier has on sale."""

import re
from collections import Counter

import phonenumbers
import pytest

from ringfence.money import Money, currency_digits
from ringfence.numbers import Capability, NumberType, national_digits, parse_e164
from ringfence.offers import Buyable, Papers, Price
from ringfence.sandbox.catalogue import abilities_of, abilities_text, catalogue
from ringfence.sandbox.stock import Item, Wish, cheapest_first, main_currency

STOCK = catalogue(seed=1)

# As the docstring of `catalogue` gives them, with the regulators' names.
KEPT_FOR_FICTION = re.compile(
    r"""\+(?:
      1\d{3}55501\d\d
    | 44(?:2079460|1614960|1314960|2920180|3069990|7700900|8081570)\d{3}
    | 3532091\d{5}
    | 33(?:19900|46571|97210|63998)\d{4}
    | 49(?:3023125|4066969|6990009|8999998)\d{3} | 4917139200\d\d
    | 46(?:8465004|3139006|4062804)\d\d | 46701740(?:60[5-9]|6[1-9]\d)
    | 61[2378]5550\d{4} | 614915\d{5} | 611800(?:160401|9757(?:0[7-9]|1[01]))
    )""",
    re.VERBOSE,
)


def test_a_seed_gives_the_same_numbers_each_time_and_another_seed_gives_others() -> None:
    assert catalogue.__wrapped__(seed=1) == STOCK
    assert {item.number for item in catalogue(seed=2)} != {item.number for item in STOCK}


def test_every_number_is_possible_and_belongs_to_nobody() -> None:
    for item in STOCK:
        assert parse_e164(item.number) == item.number
        assert national_digits(item.number) == item.national
        valid = phonenumbers.is_valid_number(phonenumbers.parse(item.number))
        assert KEPT_FOR_FICTION.fullmatch(item.number) or not valid, item.number


def test_a_country_s_numbers_have_its_calling_code() -> None:
    for item in STOCK:
        code = phonenumbers.country_code_for_region(item.country)
        assert item.number == f"+{code}{item.national}"


def test_the_shelf_is_wide() -> None:
    assert 300 <= len(STOCK) <= 600
    assert len({item.number for item in STOCK}) == len({item.stock_id for item in STOCK})
    assert len({item.stock_id for item in STOCK}) == len(STOCK)
    countries = {item.country for item in STOCK}
    one_of_each_continent = {"US", "BR", "GB", "ZA", "JP", "AU"}
    assert len(countries) >= 12
    assert countries >= one_of_each_continent
    assert {item.type for item in STOCK} == set(NumberType) - {NumberType.OTHER}
    assert {item.papers for item in STOCK} == set(Papers)
    assert {item.buyable for item in STOCK} == set(Buyable)
    assert {item.reservable for item in STOCK} == {True, False}


def test_prices_are_in_the_currencies_that_the_default_policy_can_convert_and_one_other() -> None:
    priced = Counter(item.price.currency for item in STOCK if item.price)
    assert set(priced) == {"USD", "CAD", "GBP", "EUR", "AUD", "JPY", "ISK"}
    assert priced["ISK"] == 1
    assert all(currency_digits(currency) is not None for currency in priced)


def test_exactly_one_number_has_no_price() -> None:
    [unpriced] = [item for item in STOCK if item.price is None]
    assert (unpriced.number, unpriced.buyable) == ("+443069990990", Buyable.NOW)


@pytest.mark.parametrize("seed", range(1, 6))
def test_san_francisco_has_twenty_numbers_at_one_dollar_and_one_a_month(seed: int) -> None:
    items = [item for item in catalogue(seed) if item.area_code == "415"]
    dollar = Money.parse("1.00 USD")
    assert len(items) == 20
    assert "+14155550142" in {item.number for item in items}
    assert {(item.locality, item.region) for item in items} == {("San Francisco", "CA")}
    assert {item.price for item in items} == {Price(setup=dollar, monthly=dollar)}


def test_every_local_number_of_the_us_costs_the_same_and_needs_no_papers() -> None:
    north = [item for item in STOCK if item.country in {"US", "CA"}]
    local = [item for item in north if (item.country, item.type) == ("US", NumberType.LOCAL)]
    assert {item.papers for item in north} == {Papers.NONE}
    assert {str(item.price.now) for item in local if item.price} == {"2.00 USD"}


def test_some_numbers_are_dearer_than_a_sandbox_budget_allows() -> None:
    vanity = {item.number: item.price for item in STOCK if item.raw_type == "vanity"}
    assert {number: (str(p.setup), str(p.monthly)) for number, p in vanity.items() if p} == {
        "+18005550199": ("2.00 USD", "9.00 USD"),  # too much a month
        "+18875550123": ("12.00 CAD", "2.00 CAD"),  # too much at once
    }


def test_papers_are_a_matter_of_country_and_type_alone() -> None:
    wanted = {(item.country, item.type, item.papers) for item in STOCK}
    assert len({(country, kind) for country, kind, _ in wanted}) == len(wanted)


def test_stock_that_needs_papers_is_never_buyable_now() -> None:
    for item in STOCK:
        if item.papers in {Papers.ADDRESS, Papers.BUNDLE, Papers.BUSINESS}:
            assert item.buyable in {Buyable.AFTER_PAPERS, Buyable.BACK_ORDER}


def test_capabilities_differ_by_direction_and_may_be_unknown() -> None:
    voice = {(a.inbound, a.outbound) for item in STOCK for a in item.abilities if a.capability is
             Capability.VOICE}  # fmt: skip
    assert (True, False) in voice
    sms = [a for item in STOCK for a in item.abilities if a.capability is Capability.SMS]
    assert {(a.inbound, a.outbound) for a in sms} >= {(True, True), (False, False), (None, None)}
    assert all([a.capability for a in item.abilities] == list(Capability) for item in STOCK)


def test_abilities_are_written_as_they_are_read() -> None:
    text = "io i. .o ?? .."
    assert abilities_text(abilities_of(text)) == text


def found(**wish: object) -> list[Item]:
    wanted = Wish(**{"country": "US", **wish})  # type: ignore[arg-type]  # tables of tests
    return [item for item in STOCK if wanted.is_met_by(item)]


@pytest.mark.parametrize(
    ("wish", "count"),
    [
        ({"area_code": "415"}, 20),
        ({"locality": "san francisco"}, 30),
        ({"locality": "San Francisco", "area_code": "628"}, 10),
        ({"region": "ca", "type": NumberType.LOCAL}, 58),
        ({"region": "California"}, 0),
        ({"starts_with": "41555501"}, 20),
        ({"starts_with": "0142"}, 0),
        ({"contains": "4155550142"}, 1),
        ({"contains": "1415"}, 0),
        ({"type": NumberType.MOBILE}, 0),
        ({"area_code": "702", "capabilities": (Capability.VOICE,)}, 8),
        ({"area_code": "702", "capabilities": (Capability.VOICE, Capability.SMS)}, 0),
        ({"area_code": "646", "capabilities": (Capability.MMS,)}, 8),
        ({"area_code": "415", "capabilities": (Capability.WHATSAPP,)}, 0),
        ({"country": "GB", "area_code": "020"}, 15),
        ({"country": "GB", "area_code": "20"}, 15),
        ({"country": "BR", "locality": "sao paulo"}, 8),
        ({"country": "AU", "type": NumberType.MOBILE}, 14),
        ({"country": "AU", "type": NumberType.MOBILE, "locality": "Melbourne"}, 0),
        ({"country": "XX"}, 0),
    ],
)
def test_a_search_narrows_by_all_that_was_asked_for(wish: dict[str, object], count: int) -> None:
    assert len(found(**wish)) == count


def test_australian_mobiles_have_no_place() -> None:
    mobiles = found(country="AU", type=NumberType.MOBILE)
    assert {(item.locality, item.region) for item in mobiles} == {(None, None)}


def test_the_cheapest_first_year_comes_first_and_what_has_no_price_last() -> None:
    british = found(country="GB")
    in_order = cheapest_first(british, main=main_currency(british))
    assert in_order[-1].price is None
    years = [item.price.first_year.micros for item in in_order if item.price]
    assert years == sorted(years)


def test_equal_prices_are_in_the_order_of_their_numbers() -> None:
    numbers = [item.number for item in cheapest_first(found(area_code="415"), main="USD")]
    assert numbers == sorted(numbers)


def test_what_is_priced_in_a_foreign_currency_comes_after_the_country_s_own() -> None:
    icelandic = found(country="IS")
    assert main_currency(icelandic) == "EUR"
    last = cheapest_first(icelandic, main="EUR")[-1]
    assert (last.number, str(last.price and last.price.monthly)) == ("+3542001944", "300 ISK")
