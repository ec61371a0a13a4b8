"""The catalogue that a new carrier opens with, made from `files/stock.csv` and a seed.

A row of the table is a kind of number. `blocks` are the ranges it is drawn from (an x is any
digit), of which the seed picks `count`, those in `always` first. `abilities` reads voice, SMS, MMS,
WhatsApp, fax: `i` and `o` for in and out, `.` for no, `??` where the carrier does not know.

The numbers are those that a numbering plan keeps for fiction, where it does (read 2026-11):

- US, CA: 555-0100 to 555-0199 in each area code, of toll-free 800 only 555-0199 (NANPA, 555 line
  numbers). The other toll-free codes here, 822 and 880 to 887, are set aside, not in service.
- GB: 020 7946 0xxx, 0161 and 0131 496 0xxx, 029 2018 0xxx, 0306 999 0xxx, 07700 900xxx and
  0808 157 0xxx (Ofcom, telephone numbers for drama).
- IE: 020 91x xxxx (ComReg, Numbering Conditions of Use, 15/136).
- FR: 01 99 00, 04 65 71, 09 72 10 and 06 39 98 (ARCEP, numbering plan of 2018, 2.5.12).
- DE: 030 23125, 040 66969, 069 90009, 089 99998 and 0171 39200 (Bundesnetzagentur, Mitteilung
  148/2021).
- SE: 08-465 004, 031-390 06, 040-628 04 and 070-174 06 05 to 99 (PTS, numbers for books and films).
- AU: 5550 xxxx in each area, and the mobile and 1800 numbers of its list (ACMA, phone numbers for
  use in TV shows, films and creative works).

The plans of IS, NZ, JP, SG, IN, BR, CL, ZA and KE keep none: their numbers here have a possible
length but lie in no block that is in use, as libphonenumber 9.0 knows them.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files

from ringfence.money import Money
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Ability, Buyable, Papers, Price
from ringfence.sandbox.stock import Item

_DIRECTIONS: Mapping[str, tuple[bool | None, bool | None]] = {
    "io": (True, True),
    "i.": (True, False),
    ".o": (False, True),
    "..": (False, False),
    "??": (None, None),
}


@lru_cache(maxsize=8)
def catalogue(seed: int) -> tuple[Item, ...]:
    """Every number that a carrier of this seed opens with; the same each time."""
    return tuple(item for row in _rows() for item in _items(row, seed))


@cache
def countries() -> tuple[str, ...]:
    """Where every carrier sells numbers, whatever its seed; in alphabetical order."""
    return tuple(sorted({row["country"] for row in _rows()}))


@cache
def abilities_of(text: str) -> tuple[Ability, ...]:
    """Read `io io .. ?? i.` as what a number can do, in the order of `Capability`."""
    return tuple(
        Ability(capability=capability, inbound=inbound, outbound=outbound)
        for capability, (inbound, outbound) in zip(
            Capability, (_DIRECTIONS[pair] for pair in text.split()), strict=True
        )
    )


def abilities_text(abilities: tuple[Ability, ...]) -> str:
    """Write abilities as `abilities_of` reads them."""
    pair_of = {directions: pair for pair, directions in _DIRECTIONS.items()}
    return " ".join(pair_of[ability.inbound, ability.outbound] for ability in abilities)


def _rows() -> list[dict[str, str]]:
    text = (files("ringfence.sandbox") / "files" / "stock.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _items(row: dict[str, str], seed: int) -> Iterator[Item]:
    for national in sorted(_drawn(row, seed)):
        digits = row["calling_code"] + national
        yield Item(
            stock_id=f"S-{digits}",
            number=f"+{digits}",
            country=row["country"],
            national=national,
            area_code=row["area_code"] or None,
            type=NumberType(row["type"]),
            raw_type=row["raw_type"],
            abilities=abilities_of(row["abilities"]),
            locality=row["locality"] or None,
            region=row["region"] or None,
            price=_price(row),
            papers=Papers(row["papers"]),
            buyable=Buyable(row["buyable"]),
            reservable=row["reservable"] == "yes",
        )


def _price(row: dict[str, str]) -> Price | None:
    if not row["currency"]:
        return None
    return Price(
        setup=Money.of(row["setup"], row["currency"]),
        monthly=Money.of(row["monthly"], row["currency"]),
    )


def _drawn(row: dict[str, str], seed: int) -> list[str]:
    """The row's `count` numbers: those always there, then the lowest of a salted hash."""
    always = row["always"].split()

    def lot(national: str) -> tuple[bool, bytes]:
        ticket = f"{seed}/{row['calling_code']}{national}".encode()
        return national not in always, hashlib.sha256(ticket).digest()

    numbers = [number for block in row["blocks"].split() for number in _block(block)]
    return sorted(numbers, key=lot)[: int(row["count"])]


def _block(pattern: str) -> Iterator[str]:
    """Every number of a block: `82255501xx` is a hundred."""
    head = pattern.rstrip("x")
    for tail in itertools.product("0123456789", repeat=len(pattern) - len(head)):
        yield head + "".join(tail)
