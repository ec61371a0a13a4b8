"""The embedded database: one private file that makes, guards and upgrades itself, and says what is wrong with it."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event

from ringfence.clock import ManualClock
from ringfence.errors import ConfigurationError, RingfenceError, StorageUnavailable
from ringfence.ids import CountingIds
from ringfence.policy import sandbox_policy
from ringfence.store import engine, schema, transaction
from ringfence.store.installation import migrate, open_store, sqlite_url
from ringfence.store.transaction import Store, Transaction


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "ringfence.db"


def opened(path: Path) -> Store:
    return open_store(
        sqlite_url(path),
        mode="sandbox",
        clock=ManualClock(),
        ids=CountingIds(),
        first_policy=sandbox_policy,
    )


def closed(path: Path) -> None:
    opened(path).close()


def note(tx: Transaction) -> None:
    tx.audit("test.noted", actor="test", subject="test")


def refusal(attempt: Callable[[], object]) -> RingfenceError:
    with pytest.raises(RingfenceError) as caught:
        attempt()
    assert caught.value.remedy
    return caught.value


def test_the_file_and_its_folder_are_its_owners_alone(path: Path) -> None:
    closed(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_power_cut_loses_nothing_that_was_reported(path: Path) -> None:
    store = opened(path)
    with store.engine.connect() as connection:
        modes = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    store.close()
    assert modes == ["wal", 2, 1]


def test_an_older_database_is_copied_and_then_upgraded(path: Path) -> None:
    """A file as the first schema left it opens as the present one, and its copy is still what it was."""
    path.parent.mkdir(mode=0o700)
    old = engine.open_engine(sqlite_url(path))
    migrate(old, "0001")
    old.dispose()
    store = opened(path)
    assert store.read_now(lambda tx: tx.policy_version) == 1
    store.close()
    (copy,) = path.parent.glob("ringfence.db.before-*")
    assert copy.name.endswith("-from-0001")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
    connection.close()


def test_no_upgrade_happens_while_a_purchase_is_being_sent(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    old = engine.open_engine(sqlite_url(path))
    migrate(old, "0001")
    raw = old.raw_connection()
    raw.cursor().execute(
        "INSERT INTO intent VALUES ('i','p','buy','executing','{}','d','k','2026','2026','2026',NULL,NULL,NULL,NULL)"
    )
    raw.cursor().execute(
        "INSERT INTO line (line_id, intent_id, position, state, version, attempts, negative_looks)"
        " VALUES ('l','i',0,'dispatching',1,1,0)"
    )
    raw.commit()
    raw.close()
    old.dispose()
    assert isinstance(refusal(lambda: opened(path)), StorageUnavailable)


def test_a_newer_database_is_left_alone(path: Path) -> None:
    closed(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    error = refusal(lambda: opened(path))
    assert isinstance(error, ConfigurationError)
    assert "9999" in error.message
    assert schema.SCHEMA_VERSION in error.message


@pytest.mark.parametrize(
    "damage", [b"this is no database at all, but some text" * 40, b"\x00" * 8192]
)
def test_a_damaged_file_is_never_written_over(path: Path, damage: bytes) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(damage)
    assert isinstance(refusal(lambda: opened(path)), ConfigurationError)
    assert path.read_bytes() == damage


def test_a_file_damaged_in_the_middle_is_noticed(path: Path) -> None:
    store = opened(path)
    raw = store.engine.raw_connection()
    raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    store.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    assert isinstance(refusal(lambda: opened(path)), ConfigurationError)


def test_another_programs_database_is_refused(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    error = refusal(lambda: opened(path))
    assert isinstance(error, ConfigurationError)
    assert "another program" in error.message


def test_a_database_that_another_program_locks_is_unavailable_and_unchanged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MILLISECONDS", 50)
    store = opened(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    error = refusal(lambda: store.write_now(note))
    assert isinstance(error, StorageUnavailable)
    assert "locked" in error.message
    other.execute("ROLLBACK")
    other.close()
    store.write_now(note)
    store.close()


def test_a_lock_file_that_somebody_keeps_is_unavailable_and_freed_afterwards(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped process held it, and every other one waited for ever."""
    store = opened(path)
    monkeypatch.setattr(transaction, "LOCK_WAIT_SECONDS", 0.05)
    with transaction.file_lock(Path(f"{path}.lock")):
        error = refusal(lambda: store.write_now(note))
        assert isinstance(error, StorageUnavailable)
        assert "ringfence doctor" in error.remedy
    monkeypatch.undo()
    store.write_now(note)  # whoever gave up keeps nothing from the others
    store.close()


def test_a_full_disk_is_unavailable_and_changes_nothing(path: Path) -> None:
    store = opened(path)
    raw = store.engine.raw_connection()
    pages = raw.cursor().execute("PRAGMA page_count").fetchone()[0]
    raw.cursor().execute(f"PRAGMA max_page_count = {pages}")

    def fill(tx: Transaction) -> None:
        for _ in range(200):
            tx.audit("test.noted", actor="test", subject="x" * 500)

    raw.close()  # the pool hands this very connection out again
    error = refusal(lambda: store.write_now(fill))
    assert isinstance(error, StorageUnavailable)
    assert "full" in error.message
    assert store.read_now(lambda tx: tx.policy_version) == 1
    store.close()


def test_a_file_that_may_only_be_read_is_unavailable(path: Path) -> None:
    store = opened(path)
    event.listen(store.engine, "begin", lambda c: c.exec_driver_sql("PRAGMA query_only = ON"))
    assert isinstance(refusal(lambda: store.write_now(note)), StorageUnavailable)
    store.close()


def test_a_database_in_memory_is_refused() -> None:
    assert isinstance(refusal(lambda: engine.open_engine("sqlite://")), ConfigurationError)


def test_another_kind_of_database_is_refused() -> None:
    assert isinstance(refusal(lambda: engine.open_engine("mysql://nowhere/x")), ConfigurationError)
