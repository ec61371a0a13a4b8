"""Reading a database by means of its own: through its driver, in plain SQL, and not by our code."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol


class Row(Protocol):
    """What a statement gives, by the names of its columns."""

    def __getitem__(self, column: str, /) -> Any: ...


class Reader:
    """Reads either database; `?` stands for a value, and each look is a transaction of its own."""

    def __init__(self, connection: Any, *, placeholder: str) -> None:
        self._connection = connection  # sqlite3's or psycopg's
        self._placeholder = placeholder

    def rows(self, sql: str, *values: object) -> Sequence[Row]:
        found: Sequence[Row] = self._connection.execute(self._spelt(sql), values).fetchall()
        return found

    def close(self) -> None:
        self._connection.close()

    def _spelt(self, sql: str) -> str:
        return sql.replace("?", self._placeholder)


def sqlite_reader(path: Path) -> Reader:
    """A reader of a SQLite file."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return Reader(connection, placeholder="?")
