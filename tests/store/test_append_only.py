"""What was written down stays as it was: the database itself refuses, whoever asks.

The rows are changed by a program that knows nothing of ringfence, as somebody with the file would.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from house import move_in
from ringfence.store.schema import APPEND_ONLY


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """An installation's file in which every append-only table has a row."""
    move_in(tmp_path)
    connection = sqlite3.connect(tmp_path / "ringfence.db", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = OFF")
    for table in APPEND_ONLY:
        columns = connection.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
        marks = ", ".join("?" for _ in columns)
        connection.execute(f"INSERT INTO {table} VALUES ({marks})", [99] * len(columns))  # noqa: S608  # our own names
    yield connection
    connection.close()


CHANGES = {
    "update": "UPDATE {table} SET {last} = 'x'",
    "update one": "UPDATE {table} SET {last} = 'x' WHERE {first} = 99",
    "update in place": "UPDATE OR REPLACE {table} SET {last} = 'x'",
    "delete": "DELETE FROM {table}",
    "delete one": "DELETE FROM {table} WHERE {first} = 99",
    "replace": "INSERT OR REPLACE INTO {table} SELECT * FROM {table} WHERE {first} = 99",
}


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_the_database_itself_refuses_to_change_or_delete_a_row(
    file: sqlite3.Connection, table: str, change: str
) -> None:
    columns = [name for (name,) in file.execute("SELECT name FROM pragma_table_info(?)", (table,))]
    statement = change.format(table=table, first=columns[0], last=columns[-1])
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        file.execute(statement)
