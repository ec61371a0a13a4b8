"""The ledger as a file: one row an entry, in the order in which entries count; written as it is read."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from ringfence.errors import ConfigurationError
from ringfence.money import currency_digits, decimal_of
from ringfence.store import ledger
from ringfence.store.ledger import SPENDING, Dimensions, Entry
from ringfence.store.schema import moment_text
from ringfence.store.transaction import Transaction

COLUMNS = (
    "entry_id",
    "effective_at",
    "recorded_at",
    "kind",
    "number",
    "currency",
    "setup",
    "monthly",
    "spent",
    "provider",
    "account",
    "country",
    "type",
    "assistant_id",
    "requester",
    "mandate_id",
    "intent_id",
    "line_id",
    "line_version",
    "number_id",
    "policy_version",
)
"""Stable: a later version adds columns at the end and takes none away."""

AMOUNTS = frozenset({"setup", "monthly", "spent"})
"""Plain decimals of our own, so no formula, though an adjustment may begin with a minus."""

_DIMENSIONS = frozenset(Dimensions.model_fields)

FORMULA_STARTS = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\0",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)
"""What makes a spreadsheet take a cell for a formula, in full width too (OWASP, CSV injection, read 2026-11)."""

Row = Mapping[str, str | int | None]


class Format(StrEnum):
    """What an export is written as."""

    CSV = "csv"
    JSON = "json"


def row_of(entry: Entry, recorded_at: datetime) -> Row:
    """One entry, flat: amounts are exact decimals of `currency`, times RFC 3339 to the microsecond.

    `spent` is what the entry itself says was paid; an entry that sets aside or gives back pays nothing.
    """
    paid = entry.setup_micros + entry.monthly_micros if entry.kind in SPENDING else 0
    made: dict[str, str | int | None] = {
        "effective_at": moment_text(entry.effective_at),
        "recorded_at": moment_text(recorded_at),
        "kind": entry.kind.value,
        "setup": _decimal(entry.setup_micros, entry.currency),
        "monthly": _decimal(entry.monthly_micros, entry.currency),
        "spent": _decimal(paid, entry.currency),
    }
    return {column: made[column] if column in made else _field(entry, column) for column in COLUMNS}


def _field(entry: Entry, name: str) -> str | int | None:
    """A field of an entry, or of its dimensions, as it is."""
    holder = entry.dimensions if name in _DIMENSIONS else entry
    value: str | int | None = getattr(holder, name)
    return value


def _decimal(micros: int, currency: str) -> str:
    sign = "-" if micros < 0 else ""
    return sign + decimal_of(abs(micros), currency_digits(currency) or 0)


def cell(value: str | int | None) -> str:
    """A value as a cell; what a spreadsheet would take for a formula, such as +14155550142, gets an apostrophe."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def write(tx: Transaction, out: TextIO, form: Format) -> int:
    """Write every entry; returns how many there were. No more than a few are in memory at once."""
    rows = (row_of(entry, recorded_at) for entry, recorded_at in ledger.in_order(tx))
    return _WRITERS[form](rows, out)


def _write_csv(rows: Iterator[Row], out: TextIO) -> int:
    writer = csv.writer(out)  # lines end with CR LF, as RFC 4180 has them
    writer.writerow(COLUMNS)
    count = 0
    for row in rows:
        writer.writerow(
            value if column in AMOUNTS else cell(value) for column, value in row.items()
        )
        count += 1
    return count


def _write_json(rows: Iterator[Row], out: TextIO) -> int:
    """One document, with an entry a line."""
    count = 0
    out.write('{"entries": [')
    for row in rows:
        out.write(",\n" if count else "\n")
        out.write(json.dumps(row))
        count += 1
    out.write("\n]}\n")
    return count


_WRITERS: Mapping[Format, Callable[[Iterator[Row], TextIO], int]] = {
    Format.CSV: _write_csv,
    Format.JSON: _write_json,
}


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """A file for its owner alone that is there when it is complete; until then an older one stays as it is.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
                yield out
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigurationError(
            f"The file {path} cannot be written: {error.strerror}.",
            remedy="Name a file in a folder that this user can write to.",
        ) from error
