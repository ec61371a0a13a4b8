"""Triggers that write down every change of state as it is made, for `watch` to read; SQLite's and PostgreSQL's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

STATEFUL: Mapping[str, str] = {
    "intent": "intent_id",
    "line": "line_id",
    "hold": "line_id",
    "number": "number_id",
}
"""The tables whose rows have a state, and the column that says which row it is."""

_COLUMNS = "kind TEXT, id TEXT, before TEXT, after TEXT, frozen TEXT"


def change_of_state_ddl(dialect: str) -> Iterator[str]:
    """Statements that make the table of changes, numbered by a growing `place`, and what fills it."""
    if dialect == "sqlite":
        yield f"CREATE TABLE change_of_state (place INTEGER PRIMARY KEY, {_COLUMNS})"
    else:
        yield f"CREATE TABLE change_of_state (place BIGSERIAL PRIMARY KEY, {_COLUMNS})"
    for table in STATEFUL:
        yield from _sqlite(table) if dialect == "sqlite" else _postgresql(table)


def _sqlite(table: str) -> Iterator[str]:
    yield (
        f"CREATE TRIGGER watch_{table} AFTER UPDATE OF state ON {table}"
        f" WHEN old.state <> new.state BEGIN {_note(table)}; END"
    )


def _postgresql(table: str) -> Iterator[str]:
    yield (
        f"CREATE FUNCTION watch_{table}() RETURNS trigger LANGUAGE plpgsql"
        f" AS $$ BEGIN {_note(table)}; RETURN NULL; END $$"
    )
    yield (
        f"CREATE TRIGGER watch_{table} AFTER UPDATE OF state ON {table} FOR EACH ROW"
        f" WHEN (old.state <> new.state) EXECUTE FUNCTION watch_{table}()"
    )


def _note(table: str) -> str:
    return (
        f"INSERT INTO change_of_state (kind, id, before, after, frozen)"  # noqa: S608  # our own names
        f" SELECT '{table}', new.{STATEFUL[table]}, old.state, new.state, frozen FROM audit_head"
    )
