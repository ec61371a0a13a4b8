"""Money: an integer of micro-units with its ISO 4217 currency. No float comes near it.

A micro-unit is a millionth of the currency's unit, which holds every price that carriers quote (fractions
of a cent included) and every currency's own decimals (JPY 0, USD 2, KWD 3, CLF 4) exactly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

MICROS = 1_000_000
MAX_MICROS = 10**18 - 1
"""Twelve digits before the point: what is printed can be read again, and fits a database's BIGINT."""
MONEY_PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,6})? [A-Z]{3}$"
_PRINTED = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,6}))? ([A-Z]{3})")
_DECIMAL = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,6}))?")


class BadMoney(ValueError):
    """The text is no amount of money that we would pay."""


class CurrencyMismatch(ValueError):
    """Two currencies met where one was needed; they are never added or compared."""


@cache
def currency_digits(currency: str) -> int | None:
    """Decimals by ISO 4217; None where it gives none (gold, testing codes) or knows no such code."""
    from iso4217 import Currency  # 65 ms: read when the first price is, not at start

    try:
        return Currency(currency).exponent
    except ValueError:
        return None


@cache  # of what it returns; what it refuses is looked up each time
def check_currency(currency: str) -> str:
    """Return an upper-case ISO 4217 code that money can be counted in.

    Raises:
        BadMoney: unknown, lower-case, or without decimals in the standard (XAU, XXX).
    """
    if re.fullmatch(r"[A-Z]{3}", currency) is None or currency_digits(currency) is None:
        raise BadMoney(f"{currency!r} is no ISO 4217 currency that a price can be in.")
    return currency


def micros_of(text: str) -> int:
    """Micro-units of a plain decimal: ASCII digits, at most 12 before and 6 after the point.

    Signs, exponents, grouping, spaces, symbols and other scripts' digits are refused, since `Decimal`
    would take most of them.

    Raises:
        BadMoney: anything else.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise BadMoney(f"{text[:40]!r} is no plain decimal amount.")
    return _micros(match[1], match[2])


def _micros(whole: str, fraction: str | None) -> int:
    return int(whole) * MICROS + int((fraction or "").ljust(6, "0"))


@dataclass(frozen=True, slots=True)
class Money:
    """An amount from zero to `MAX_MICROS`, in micro-units of one currency.

    Raises:
        BadMoney: any other amount, a float or a truth value as amount, or a currency that no price can be in.
    """

    micros: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.micros) is not int or not 0 <= self.micros <= MAX_MICROS:
            raise BadMoney(
                f"An amount is a whole number of micro-units from 0 to {MAX_MICROS}: {self.micros!r}."
            )
        check_currency(self.currency)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `"1.15 USD"`, exactly.

        Raises:
            BadMoney: another form, or a currency that no price can be in.
        """
        match = _PRINTED.fullmatch(text)
        if match is None:
            raise BadMoney(f'{text[:40]!r} is not money such as "5.00 USD".')
        return cls(_micros(match[1], match[2]), match[3])

    @classmethod
    def of(cls, amount: str, currency: str) -> Self:
        """Money from a decimal string and a currency, as carriers give them apart.

        Raises:
            BadMoney: as `micros_of` and `check_currency`.
        """
        return cls(micros_of(amount), currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        """Nothing, in that currency."""
        return cls(0, currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.micros + self._same(other), self.currency)

    def __mul__(self, times: int) -> Money:
        if type(times) is not int:
            raise BadMoney(f"Money is multiplied by whole numbers only: {times!r}.")
        return Money(self.micros * times, self.currency)

    def __le__(self, other: Money) -> bool:
        return self.micros <= self._same(other)

    def __lt__(self, other: Money) -> bool:
        return self.micros < self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.micros >= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.micros > self._same(other)

    def _same(self, other: Money) -> int:
        if not isinstance(other, Money):
            raise TypeError(f"Money is added to and compared with money only: {other!r}.")
        if other.currency != self.currency:
            raise CurrencyMismatch(
                f"{self.currency} and {other.currency} are never added or compared."
            )
        return other.micros

    def __str__(self) -> str:
        """`1.00 USD`: the currency's ISO decimals, more only where they are not zero."""
        return f"{decimal_of(self.micros, currency_digits(self.currency) or 0)} {self.currency}"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        """In documents money is its printed string, and nothing else is read."""
        from pydantic_core import core_schema

        read = core_schema.no_info_after_validator_function(
            cls.parse, core_schema.str_schema(strict=True, pattern=MONEY_PATTERN)
        )
        return core_schema.json_or_python_schema(
            json_schema=read,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), read]),
            serialization=core_schema.to_string_ser_schema(),
        )


def decimal_of(micros: int, digits: int) -> str:
    """Micro-units as a plain decimal with at least `digits` decimals: `decimal_of(1_500_000, 2)` is `"1.50"`."""
    whole, fraction = divmod(micros, MICROS)
    shown = f"{fraction:06d}".rstrip("0").ljust(digits, "0")
    return f"{whole}.{shown}" if shown else str(whole)
