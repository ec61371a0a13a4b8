"""Money is read exactly or not at all, never mixed, and never a float."""

import itertools
import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from iso4217 import Currency
from pydantic import TypeAdapter, ValidationError

from ringfence.money import (
    MAX_MICROS,
    MICROS,
    MONEY_PATTERN,
    BadMoney,
    CurrencyMismatch,
    Money,
    check_currency,
    currency_digits,
    decimal_of,
    micros_of,
)
from ringfence.policy import BASIS_POINTS, ExchangeRate

CURRENCIES = sorted(c.code for c in Currency if c.exponent is not None)
DOCUMENT: TypeAdapter[Money] = TypeAdapter(Money)

currencies = st.sampled_from(CURRENCIES)
micros = st.integers(0, MAX_MICROS) | st.integers(0, 5_000).map(lambda units: units * MICROS)
amounts = st.builds(Money, micros, currencies)


# Reading and printing

EXACT = [
    ("5.00 USD", 5_000_000, "5.00 USD"),
    ("5 USD", 5_000_000, "5.00 USD"),
    ("5.5 USD", 5_500_000, "5.50 USD"),
    ("0 USD", 0, "0.00 USD"),
    ("1.15 USD", 1_150_000, "1.15 USD"),
    ("0.0075 USD", 7_500, "0.0075 USD"),
    ("0.000001 USD", 1, "0.000001 USD"),
    ("0.1 USD", 100_000, "0.10 USD"),
    ("007.10 USD", 7_100_000, "7.10 USD"),
    ("1500 JPY", 1_500_000_000, "1500 JPY"),
    ("1500.00 JPY", 1_500_000_000, "1500 JPY"),
    ("0.5 JPY", 500_000, "0.5 JPY"),
    ("1.234 KWD", 1_234_000, "1.234 KWD"),
    ("1.2 KWD", 1_200_000, "1.200 KWD"),
    ("0.0001 CLF", 100, "0.0001 CLF"),
    ("3 CLF", 3_000_000, "3.0000 CLF"),
    ("999999999999.999999 USD", MAX_MICROS, "999999999999.999999 USD"),
]


@pytest.mark.parametrize(("text", "micros", "printed"), EXACT)
def test_money_is_read_exactly_and_printed_with_its_currency_s_own_decimals(
    text: str, micros: int, printed: str
) -> None:
    money = Money.parse(text)
    assert (money.micros, money.currency) == (micros, text[-3:])
    assert str(money) == printed


@given(amounts)
def test_what_is_printed_is_read_again_as_the_same_in_every_currency(money: Money) -> None:
    printed = str(money)
    assert Money.parse(printed) == money
    assert DOCUMENT.validate_json(DOCUMENT.dump_json(money)) == money
    whole, _, fraction = printed.partition(" ")[0].partition(".")
    assert whole.isdecimal()
    assert len(fraction) >= (currency_digits(money.currency) or 0)


@given(micros, st.integers(0, 6))
def test_a_printed_amount_is_the_amount(count: int, digits: int) -> None:
    assert Fraction(decimal_of(count, digits)) == Fraction(count, MICROS)
    assert micros_of(decimal_of(count, digits)) == count


MALFORMED = {
    "empty": "",
    "a currency alone": "USD",
    "an amount alone": "5.00",
    "no space": "5.00USD",
    "two spaces": "5.00  USD",
    "space before": " 5.00 USD",
    "space after": "5.00 USD ",
    "a line feed after": "5.00 USD\n",
    "a tab": "5.00\tUSD",
    "a no-break space": "5.00\u00a0USD",
    "a zero-width space": "5.00 U\u200bSD",
    "a right-to-left override": "\u202e5.00 USD",
    "currency first": "USD 5.00",
    "two currencies": "5.00 USD EUR",
    "full-width digits": "\uff15.\uff10\uff10 USD",
    "a full-width currency": "5.00 \uff35\uff33\uff24",
    "Arabic digits": "\u0663.\u0660\u0660 USD",
    "Devanagari digits": "\u0967.\u0966\u0966 USD",
    "a superscript": "\u00b2 USD",
    "an underscore": "1_000 USD",
    "an exponent": "1e9 USD",
    "a capital exponent": "1E3 USD",
    "a plus sign": "+5.00 USD",
    "a minus sign": "-5.00 USD",
    "a typeset minus sign": "\u22125.00 USD",
    "minus zero": "-0 USD",
    "not a number": "NaN USD",
    "a signalling not a number": "sNaN USD",
    "infinity": "Infinity USD",
    "short infinity": "inf USD",
    "English grouping": "1,000.00 USD",
    "German grouping": "1.000,00 USD",
    "Swiss grouping": "1'000.00 USD",
    "grouping by spaces": "1 000.00 USD",
    "a decimal comma": "1,50 USD",
    "two points": "1.0.0 USD",
    "a point at the end": "1. USD",
    "a point at the start": ".5 USD",
    "seven decimals": "1.2345678 USD",
    "thirteen digits": "1234567890123 USD",
    "hexadecimal": "0x10 USD",
    "a fraction": "1/2 USD",
    "a symbol": "$5.00",
    "a symbol and a code": "$5.00 USD",
    "a symbol after": "5.00 \u20ac",
    "US$": "5.00 US$",
    "US$ first": "US$ 5.00",
    "a lower-case code": "5.00 usd",
    "a mixed code": "5.00 Usd",
    "a token": "5.00 USDC",
    "a two-letter code": "5.00 US",
    "gold": "5.00 XAU",
    "no currency": "5.00 XXX",
    "the code for tests": "5.00 XTS",
    "drawing rights": "5.00 XDR",
    "no such code": "5.00 BTC",
    "a withdrawn code": "5.00 DEM",
    "null": "null",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_price_is_refused_and_never_guessed_at(text: str) -> None:
    with pytest.raises(BadMoney):
        Money.parse(text)
    with pytest.raises(ValidationError):
        DOCUMENT.validate_python(text, strict=True)


AMOUNTS = ["", " ", "1 ", "+1", "-1", "1e3", "1_0", "1,5", "NaN", "Infinity", "1.", ".1", "\uff11",
           "\u0663", "1.0000000", "1000000000000", "0b1", "1\n", "\u00bd", "None"]  # fmt: skip


@pytest.mark.parametrize("amount", AMOUNTS)
def test_an_amount_that_comes_apart_from_its_currency_is_read_as_strictly(amount: str) -> None:
    with pytest.raises(BadMoney):
        micros_of(amount)
    with pytest.raises(BadMoney):
        Money.of(amount, "USD")
    assert Money.of("1.15", "USD") == Money.parse("1.15 USD")


@given(st.text() | st.from_regex(r"[0-9]{0,13}\.?[0-9]{0,7} [A-Z]{3}", fullmatch=True))
def test_whatever_is_read_has_the_published_form_and_is_exactly_what_it_says(text: str) -> None:
    try:
        money = Money.parse(text)
    except BadMoney:
        return
    assert re.fullmatch(MONEY_PATTERN, text)
    amount, _, currency = text.partition(" ")
    assert Fraction(amount) == Fraction(money.micros, MICROS)
    assert currency == money.currency


def test_an_error_repeats_only_the_beginning_of_what_was_sent() -> None:
    with pytest.raises(BadMoney) as caught:
        Money.parse("9" * 100_000)
    assert len(str(caught.value)) < 100


# Currencies


def test_every_currency_with_decimals_in_the_standard_can_be_counted_in() -> None:
    assert len(CURRENCIES) > 150
    for currency in CURRENCIES:
        assert check_currency(currency) == currency
        assert str(Money(MICROS, currency)).endswith(f" {currency}")
    assert [currency_digits(c) for c in ("JPY", "USD", "KWD", "CLF")] == [0, 2, 3, 4]


NO_CURRENCIES = ["usd", "Usd", "US$", "US", "USDC", "XAU", "XXX", "XTS", "ZZZ", "", "USD\n", "\uff35SD"]  # fmt: skip


@pytest.mark.parametrize("currency", NO_CURRENCIES)
def test_no_money_exists_in_what_is_no_currency(currency: str) -> None:
    with pytest.raises(BadMoney):
        check_currency(currency)
    with pytest.raises(BadMoney):
        Money(1, currency)
    with pytest.raises(BadMoney):
        Money.zero(currency)
    with pytest.raises(BadMoney):
        Money.of("1.00", currency)


@given(amounts, amounts)
def test_two_currencies_are_never_added_or_compared(one: Money, other: Money) -> None:
    assume(one.currency != other.currency)
    for attempt in (
        lambda: one + other,
        lambda: one < other,
        lambda: one <= other,
        lambda: one > other,
        lambda: one >= other,
    ):
        with pytest.raises(CurrencyMismatch):
            attempt()
    assert one != other


def test_nothing_of_one_currency_is_not_nothing_of_another() -> None:
    assert Money.zero("USD") != Money.zero("EUR")


# Arithmetic


@given(st.lists(st.integers(0, 10**12), max_size=30), currencies)
def test_sums_and_products_are_exact(counts: list[int], currency: str) -> None:
    total = sum((Money(count, currency) for count in counts), start=Money.zero(currency))
    assert total == Money(sum(counts), currency)
    for count, times in itertools.product(counts[:3], (0, 1, 12)):
        assert Money(count, currency) * times == Money(count * times, currency)


@given(st.integers(0, 3), st.integers(0, 3), currencies)
def test_amounts_of_one_currency_are_ordered_like_their_numbers(
    one: int, other: int, currency: str
) -> None:
    first, second = Money(one, currency), Money(other, currency)
    assert (first < second, first <= second) == (one < other, one <= other)
    assert (first > second, first >= second) == (one > other, one >= other)
    assert (first == second) == (one == other)


def test_ten_dimes_are_a_dollar() -> None:
    assert sum((Money.parse("0.1 USD") for _ in range(10)), Money.zero("USD")) == Money.parse(
        "1 USD"
    )


def test_there_is_no_amount_below_zero_or_above_what_can_be_read_again() -> None:
    for wrong in (-1, MAX_MICROS + 1, 10**30):
        with pytest.raises(BadMoney):
            Money(wrong, "USD")
    with pytest.raises(BadMoney):
        Money(MAX_MICROS, "USD") + Money(1, "USD")
    with pytest.raises(BadMoney):
        Money(1, "USD") * -1
    with pytest.raises(BadMoney):
        Money(MAX_MICROS, "USD") * 2


FLOATS: list[Any] = [0.0, 1.0, 1.5, -0.0, math.nan, math.inf, 1e6, Decimal("1.5"), Decimal(1), True]


@pytest.mark.parametrize("value", FLOATS, ids=repr)
def test_no_float_becomes_money_in_any_way(value: Any) -> None:
    usd = Money(MICROS, "USD")
    for attempt in (
        lambda: Money(value, "USD"),
        lambda: Money.parse(value),
        lambda: Money.of(value, "USD"),
        lambda: micros_of(value),
        lambda: usd * value,
        lambda: usd + value,
        lambda: value + usd,
        lambda: usd < value,
        lambda: usd >= value,
        lambda: DOCUMENT.validate_python(value),
    ):
        with pytest.raises((BadMoney, TypeError, ValidationError)):
            attempt()
    assert usd != value


NOT_TEXT = ["5", "5.00", "1e3", "true", "null", "NaN", '["5.00 USD"]', '{"micros": 5}']


@pytest.mark.parametrize("json", NOT_TEXT)
def test_a_document_holds_money_as_text_only(json: str) -> None:
    with pytest.raises(ValidationError):
        DOCUMENT.validate_json(json)


def test_money_cannot_be_changed() -> None:
    money: Any = Money(5, "USD")
    with pytest.raises(AttributeError):
        money.micros = 6


# Conversion


def rate_of(text: str, *, haircut: int) -> ExchangeRate:
    return ExchangeRate(
        source="EUR",
        target="USD",
        rate=text,
        as_of=datetime(2026, 11, 1, tzinfo=UTC),
        max_age_days=30,
        haircut_basis_points=haircut,
    )


CONVERTED = [
    ("1.00 EUR", "1.16", 0, "1.16 USD"),
    ("1.00 EUR", "1.16", 500, "1.218 USD"),
    ("0.000001 EUR", "1.16", 0, "0.000002 USD"),
    ("0.000001 EUR", "0.000001", 0, "0.000001 USD"),
    ("3.00 EUR", "0.333333", 0, "0.999999 USD"),
    ("0 EUR", "1.16", 500, "0.00 USD"),
    ("1.00 EUR", "1", 10_000, "2.00 USD"),
]


@pytest.mark.parametrize(("amount", "rate", "haircut", "converted"), CONVERTED)
def test_a_conversion_adds_the_haircut_and_rounds_up(
    amount: str, rate: str, haircut: int, converted: str
) -> None:
    found = rate_of(rate, haircut=haircut).convert(Money.parse(amount))
    assert found == Money.parse(converted)


@given(
    st.integers(0, 10**11),
    st.integers(1, 10**9),
    st.integers(0, BASIS_POINTS),
)
def test_a_conversion_is_never_below_the_exact_amount_nor_a_micro_unit_above(
    count: int, rate: int, haircut: int
) -> None:
    found = rate_of(decimal_of(rate, 0), haircut=haircut).convert(Money(count, "EUR"))
    exact = Fraction(count * rate * (BASIS_POINTS + haircut), MICROS * BASIS_POINTS)
    assert exact <= found.micros < exact + 1
    assert found.currency == "USD"


def test_what_is_too_much_to_count_is_an_error_and_not_a_smaller_amount() -> None:
    with pytest.raises(BadMoney):
        rate_of("999999999999", haircut=0).convert(Money.parse("2 EUR"))
