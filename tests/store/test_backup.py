"""The copy that is made before an upgrade: whole, private, and able to stand in for the original."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from ringfence.clock import ManualClock
from ringfence.ids import CountingIds
from ringfence.policy import sandbox_policy
from ringfence.store.engine import open_engine
from ringfence.store.installation import migrate, open_store, sqlite_url


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of the first schema."""
    path = tmp_path / "ringfence.db"
    old = open_engine(sqlite_url(path))
    migrate(old, "0001")
    old.dispose()
    return path


def upgrade(path: Path) -> Path:
    """Open it, which upgrades it; the copy that was made before."""
    open_store(
        sqlite_url(path),
        mode="sandbox",
        clock=ManualClock(),
        ids=CountingIds(),
        first_policy=sandbox_policy,
    ).close()
    [copy] = path.parent.glob("ringfence.db.before-*")
    return copy


def written(path: Path, subject: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("INSERT INTO free_text VALUES (?, 'salt', 'words')", (subject,))


def read(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [subject for (subject,) in db.execute("SELECT subject_id FROM free_text")]


def test_the_copy_holds_what_was_committed_last_although_somebody_reads(path: Path) -> None:
    """What had been committed after a reader began was still in the log beside the file, and not in the copy."""
    written(path, "first")
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM free_text").fetchone()
        written(path, "last")
        copy = upgrade(path)
    assert read(copy) == ["first", "last"]


def test_the_copy_is_its_owners_alone_from_the_first_byte(path: Path) -> None:
    copy = upgrade(path)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert not [each for each in path.parent.iterdir() if stat.S_IMODE(each.stat().st_mode) & 0o077]


def test_the_copy_opens_in_place_of_the_original(path: Path) -> None:
    written(path, "kept")
    copy = upgrade(path)
    restored = path.parent / "restored" / "ringfence.db"
    restored.parent.mkdir(mode=0o700)
    copy.rename(restored)
    assert read(upgrade(restored)) == ["kept"]
    assert read(restored) == ["kept"]
