"""`db status|upgrade|backup`, and an installation in PostgreSQL from nothing to a number that serves."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cli.shell import NUMBER, Shell
from postgres import new_database, postgres_server
from ringfence.errors import ConfigurationError
from ringfence.store import engine, schema
from ringfence.store.installation import migrate, sqlite_url
from ringfence_server.settings import DATABASE_NAME

__all__ = ["postgres_server"]


@pytest.fixture
def in_postgres(
    shell: Shell, postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """A user whose installation is an empty database of a PostgreSQL server."""
    with new_database(postgres_server, is_empty=True) as url:
        monkeypatch.setenv("RINGFENCE_DATABASE_URL", url)
        yield shell


def test_the_status_tells_the_schema(shell: Shell) -> None:
    found = shell.json("db", "status")
    assert found == {
        "kind": "sqlite",
        "schema": schema.SCHEMA_VERSION,
        "expected": schema.SCHEMA_VERSION,
    }
    assert "as it should be" in shell.run("db", "status").out


def test_an_old_file_is_told_and_brought_up_to_date(shell: Shell) -> None:
    path = shell.home / DATABASE_NAME
    path.unlink()
    old = engine.open_engine(sqlite_url(path))
    migrate(old, "0001")
    old.dispose()
    told = shell.run("db", "status")
    assert (told.code, "ringfence db upgrade" in told.out) == (2, True)
    assert shell.json("db", "upgrade")["schema"] == schema.SCHEMA_VERSION
    assert [each.name for each in shell.home.glob("*.before-*")]
    assert shell.run("db", "status").code == 0


def test_a_newer_database_is_told_and_left_alone(shell: Shell) -> None:
    with closing(sqlite3.connect(shell.home / DATABASE_NAME)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "newer than this ringfence" in shell.run("db", "status").out
    refused = shell.run("db", "upgrade", "--json")
    assert (refused.code, refused.error["code"]) == (2, "configuration")


def test_a_copy_is_whole_and_its_owners_alone(shell: Shell, tmp_path: Path) -> None:
    bought = shell.buy()
    copy = tmp_path / "copy.sqlite3"
    assert shell.json("db", "backup", str(copy)) == {"copy": str(copy)}
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT number FROM number").fetchall() == [(bought,)]
    again = shell.run("db", "backup", str(copy), "--json")
    assert (again.code, again.error["code"]) == (2, "configuration")


def test_in_postgresql_a_person_makes_the_tables_and_buys(in_postgres: Shell) -> None:
    refused = in_postgres.run("numbers", "--json")
    assert refused.code == 2
    assert "ringfence db upgrade" in refused.error["remedy"]
    assert in_postgres.run("db", "status").code == 2
    assert in_postgres.json("db", "upgrade")["kind"] == "postgresql"
    assert in_postgres.json("db", "upgrade")["schema"] == schema.SCHEMA_VERSION
    intent_id = in_postgres.propose()
    ended = in_postgres.run_in_terminal(
        "approve",
        intent_id,
        types={"digits": f"{NUMBER[-4:]}\n"},
        RINGFENCE_DATABASE_URL=os.environ["RINGFENCE_DATABASE_URL"],
    )
    assert ended.code == 0, ended.err
    assert in_postgres.json("numbers")["numbers"][0]["number"] == NUMBER
    assert in_postgres.json("ledger", "verify")["agrees"]
    assert in_postgres.json("audit", "verify")["holds"]
    copied = in_postgres.run("db", "backup", "copy.sql", "--json")
    assert "pg_dump" in copied.error["remedy"]


def test_the_address_of_a_database_is_never_shown(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_DATABASE_URL", "postgresql://ada:hunter2@localhost:1/none")
    refused = shell.run("db", "status")
    assert (refused.code, "hunter2" in refused.err + refused.out) == (5, False)


def test_without_its_driver_postgresql_is_refused_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigurationError) as refused:
        engine.open_engine("postgresql://localhost/x")
    assert "ringfence[postgres]" in refused.value.remedy
