"""A database that cannot be used: said in one sentence, with an exit code, and nothing is changed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cli.shell import END_SECONDS, Shell
from ringfence.store import engine
from ringfence_server.settings import DATABASE_NAME, SANDBOX_CARRIER_NAME


def overwrite(file: Path) -> None:
    file.write_bytes(b"this is no database, and it is long enough to be read as one " * 40)


def make_newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")


def make_anothers(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE recipes (name TEXT)")


@pytest.mark.parametrize("damage", [overwrite, make_newer, make_anothers])
def test_a_database_that_is_not_ours_ends_with_2(
    shell: Shell, damage: Callable[[Path], None]
) -> None:
    damage(shell.home / DATABASE_NAME)
    refused = shell.run("pending", "--json")
    assert (refused.code, refused.error["code"]) == (2, "configuration")
    assert shell.call("list_numbers").code == 2


def test_a_damaged_carrier_is_not_taken_for_an_empty_one(shell: Shell) -> None:
    overwrite(shell.home / SANDBOX_CARRIER_NAME)
    refused = shell.call("search_numbers", country="US")
    assert refused.code == 2 or refused.document["carriers"][0]["status"] == "down"


def test_a_home_that_cannot_be_made_ends_with_2(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path / "file" / "home"))
    assert shell.run("pending", "--json").error["code"] == "configuration"


def test_a_database_that_another_program_locks_ends_with_5(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MILLISECONDS", 10)
    offer = shell.offer()
    with closing(sqlite3.connect(shell.home / DATABASE_NAME)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = shell.call("buy_numbers", items=[offer])
    assert (refused.code, refused.error["code"]) == (5, "storage_unavailable")
    assert refused.error["retryable"] is True
    assert shell.call("buy_numbers", items=[offer]).code == 4


def test_a_disk_that_is_full_ends_with_5(shell: Shell) -> None:
    """No file may grow here: the nearest thing to a full disk that a test can have."""
    limited = (
        "import resource, runpy, sys;"
        " resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024));"
        " sys.argv = ['ringfence', 'freeze', '--json'];"
        " runpy.run_module('ringfence_server', run_name='__main__')"
    )
    left = subprocess.run(
        [sys.executable, "-c", limited],
        env=shell.environment(PYTHONDONTWRITEBYTECODE="1"),  # it would be cut off as well
        capture_output=True,
        check=False,
        text=True,
        timeout=END_SECONDS,
    )
    assert left.returncode == 5, left.stderr
    assert '"storage_unavailable"' in left.stdout
    assert shell.json("spending")["frozen"] is None
