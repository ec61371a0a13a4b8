"""What carriers have on sale: prices in one currency, and stock as far as the carrier says."""

from typing import Any

import pytest
from pydantic import ValidationError

from nouns.made_up import money, price
from ringfence.money import Money
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Ability, Buyable, Papers, PriceSource, Provider, Stock, TaxTreatment

# Prices


def test_a_price_is_due_at_once_with_its_first_month_and_twelve_times_a_year() -> None:
    shown = price("1.00 USD", "1.15 USD")
    assert str(shown.now) == "2.15 USD"
    assert str(shown.first_year) == "14.80 USD"
    assert shown.currency == "USD"


def test_a_price_has_one_currency() -> None:
    with pytest.raises(ValidationError, match="one currency"):
        price("1.00 EUR", "1.00 USD")


def test_what_nothing_costs_is_a_mistake_and_no_price() -> None:
    price("1000000000 IRR", "1000000000 IRR")
    for setup, monthly in (("1000000001 IRR", "0 IRR"), ("0 IRR", "1000000000.000001 IRR")):
        with pytest.raises(ValidationError, match="mistake"):
            price(setup, monthly)


def test_a_year_of_the_dearest_numbers_can_still_be_counted_and_read_again() -> None:
    dearest = price("1000000000 IRR", "1000000000 IRR")
    total = sum((dearest.first_year for _ in range(25)), start=money("0 IRR"))
    assert Money.parse(str(total)) == total


DEARER = [
    ("1.00 USD", "1.00 USD", True),
    ("0.99 USD", "1.00 USD", True),
    ("1.00 USD", "0.999999 USD", True),
    ("1.000001 USD", "0.50 USD", False),
    ("0.50 USD", "1.000001 USD", False),
    ("0.50 EUR", "0.50 EUR", False),
]


@pytest.mark.parametrize(("setup", "monthly", "is_so"), DEARER)
def test_no_dearer_means_the_same_currency_and_no_component_higher(
    setup: str,
    monthly: str,
    is_so: bool,
) -> None:
    assert price(setup, monthly).is_no_dearer_than(price()) is is_so


# Stock


def stock(**changes: Any) -> Stock:
    said: dict[str, Any] = {
        "provider": Provider.SANDBOX,
        "account": "sandbox-account",
        "stock_id": "S-1",
        "number": "+14155550142",
        "country": "US",
        "type": NumberType.LOCAL,
        "raw_type": "Local",
        "abilities": (),
        "locality": "San Francisco",
        "region": "CA",
        "price": price(),
        "price_source": PriceSource.API,
        "papers": Papers.NONE,
        "buyable": Buyable.NOW,
        "reservable": True,
    }
    return Stock(**(said | changes))


def test_a_number_can_do_what_it_can_do_in_at_least_one_direction() -> None:
    directions = {
        Capability.VOICE: (True, None),
        Capability.SMS: (None, True),
        Capability.MMS: (False, False),
        Capability.FAX: (None, None),
        Capability.WHATSAPP: (False, None),
    }
    abilities = tuple(
        Ability(capability=capability, inbound=inbound, outbound=outbound)
        for capability, (inbound, outbound) in directions.items()
    )
    assert stock(abilities=abilities).capabilities == (Capability.VOICE, Capability.SMS)


PLACES = [
    ("San Francisco", "CA", "San Francisco, CA"),
    ("London", None, "London"),
    (None, "CA", "CA"),
    ("", "", None),
    (None, None, None),
]


@pytest.mark.parametrize(("locality", "region", "place"), PLACES)
def test_a_place_is_told_as_far_as_the_carrier_says(
    locality: str | None, region: str | None, place: str | None
) -> None:
    assert stock(locality=locality, region=region).place == place


def test_what_a_carrier_does_not_say_is_unknown_and_never_taken_for_good() -> None:
    assert stock().tax is TaxTreatment.UNKNOWN
    assert stock().min_term_months == 1
    assert stock(price=None).price is None


WRONG: list[dict[str, Any]] = [
    {"number": "14155550142"},
    {"number": "+1\uff14155550142"},
    {"country": "us"},
    {"country": "USA"},
    {"price": "1.00 USD"},
    {"reservable": "yes"},
    {"min_term_months": 1.0},
    {"discount": "100 %"},
]


@pytest.mark.parametrize("changes", WRONG, ids=str)
def test_stock_that_is_not_said_as_it_must_be_is_not_taken(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        stock(**changes)
