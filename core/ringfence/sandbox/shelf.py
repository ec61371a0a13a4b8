"""The stock in the carrier's file: reading items, moving a price, selling to somebody else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from functools import lru_cache

from ringfence.money import Money
from ringfence.numbers import NumberType
from ringfence.offers import Buyable, Papers, Price
from ringfence.sandbox.catalogue import abilities_of, abilities_text
from ringfence.sandbox.stock import Item


def fill(db: sqlite3.Connection, items: Iterable[Item]) -> None:
    """Put a new carrier's stock on the shelf."""
    db.executemany(
        "INSERT INTO stock VALUES (:stock_id, :number, :country, :national, :area_code, :type,"
        " :raw_type, :abilities, :locality, :region, :currency, :setup_micros, :monthly_micros,"
        " :papers, :buyable, :reservable, 0)",
        (_row(item) for item in items),
    )


def everything(db: sqlite3.Connection) -> list[Item]:
    """The whole stock, with what is sold already."""
    return [item_of(row) for row in db.execute("SELECT * FROM stock ORDER BY stock_id")]


def on_sale(db: sqlite3.Connection, country: str) -> list[Item]:
    """Everything of one country that we could still order."""
    rows = db.execute("SELECT * FROM on_sale WHERE country = ?", (country,))
    return [item_of(row) for row in rows]


def find(db: sqlite3.Connection, stock_id: str) -> Item | None:
    """One item that we could still order; None where it is gone, ours already, or never was."""
    row = db.execute("SELECT * FROM on_sale WHERE stock_id = ?", (stock_id,)).fetchone()
    return item_of(row) if row else None


def sell_elsewhere(db: sqlite3.Connection, stock_id: str) -> None:
    """Somebody else has it from now on."""
    db.execute("UPDATE stock SET sold_elsewhere = 1 WHERE stock_id = ?", (stock_id,))


def raise_monthly(db: sqlite3.Connection, stock_id: str, micros: int) -> None:
    """It costs that much more a month from now on."""
    db.execute(
        "UPDATE stock SET monthly_micros = monthly_micros + ? WHERE stock_id = ?",
        (micros, stock_id),
    )


def item_of(row: sqlite3.Row) -> Item:
    """Read an item from a row that has the columns of `stock`."""
    return Item(
        stock_id=row["stock_id"],
        number=row["number"],
        country=row["country"],
        national=row["national"],
        area_code=row["area_code"],
        type=NumberType(row["type"]),
        raw_type=row["raw_type"],
        abilities=abilities_of(row["abilities"]),
        locality=row["locality"],
        region=row["region"],
        price=price_of(row["currency"], row["setup_micros"], row["monthly_micros"]),
        papers=Papers(row["papers"]),
        buyable=Buyable(row["buyable"]),
        reservable=bool(row["reservable"]),
    )


@lru_cache(maxsize=256)  # a country has a handful of prices and hundreds of numbers
def price_of(currency: str | None, setup_micros: int, monthly_micros: int) -> Price | None:
    """Read a price from its three columns; where there is none, all are NULL."""
    if currency is None:
        return None
    return Price(setup=Money(setup_micros, currency), monthly=Money(monthly_micros, currency))


def _row(item: Item) -> dict[str, str | int | None]:
    return {
        "stock_id": item.stock_id,
        "number": item.number,
        "country": item.country,
        "national": item.national,
        "area_code": item.area_code,
        "type": item.type,
        "raw_type": item.raw_type,
        "abilities": abilities_text(item.abilities),
        "locality": item.locality,
        "region": item.region,
        "currency": item.price.currency if item.price else None,
        "setup_micros": item.price.setup.micros if item.price else None,
        "monthly_micros": item.price.monthly.micros if item.price else None,
        "papers": item.papers,
        "buyable": item.buyable,
        "reservable": item.reservable,
    }
