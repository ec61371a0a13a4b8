"""The carrier's own file: opened, checked, and written one whole transaction at a time.

A new file is made aside and put in place complete, so that nobody ever meets a half-made one.
Several processes may work on one file; they queue for it at a lock beside it, since SQLite's own
waiting is unfair: of eight busy processes one waited for seven seconds (measured 2026-11).
"""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from threading import Lock

from ringfence.errors import ConfigurationError
from ringfence.sandbox.trouble import CarrierError

APPLICATION_ID = 0x52465343
"""`RFSC` in the file's header says whose file it is."""

VERSION = 2
"""Counts the changes of `files/schema.sql`; `files/upgrade_N.sql` brings an older file to version N."""

BUSY_SECONDS = 10.0
"""How long to wait for a program that does not queue; a transaction takes milliseconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_BROKEN = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
}

_NEWEST_FIRST = """
    SELECT type, name FROM sqlite_schema
    WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY rowid DESC
"""  # so that nothing is dropped while something refers to it

Furnish = Callable[[sqlite3.Connection], None]


def as_micros(moment: datetime) -> int:
    """A moment as the file keeps it."""
    return (moment - _EPOCH) // _MICROSECOND


def as_moment(micros: int) -> datetime:
    """What `as_micros` was given."""
    return _EPOCH + micros * _MICROSECOND


class Books:
    """One carrier's file. Nothing is opened before the first transaction."""

    def __init__(self, path: Path, *, furnish: Furnish) -> None:
        """Remember where the file is; `furnish` fills a new one."""
        self.path = path
        self._furnish = furnish
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._queue: int | None = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of the block, durably, or nothing of it where it raises.

        Raises:
            CarrierError: 503, the file is locked for too long, or the disk is full.
            ConfigurationError: the file is damaged, not ours, or cannot be opened.
        """
        with self._lock, _in_our_words(self.path):
            db, queue = self._opened()
            with _our_turn(queue):
                try:
                    db.execute("BEGIN IMMEDIATE")
                    yield db
                    db.execute("COMMIT")
                finally:
                    if db.in_transaction:
                        db.execute("ROLLBACK")

    def empty(self) -> None:
        """Make the file as new, in one transaction; charges go too, which only this can do."""
        with self.transaction() as db:
            for kind, name in db.execute(_NEWEST_FIRST).fetchall():
                db.execute(f"DROP {kind} {name}")  # asks no trigger
            _write_schema(db)
            self._furnish(db)

    def close(self) -> None:
        """Let go of the file; the next transaction opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            if self._queue is not None:
                os.close(self._queue)
                self._queue = None

    def _opened(self) -> tuple[sqlite3.Connection, int]:
        if self._connection is None:
            if not self.path.exists():
                _make(self.path, self._furnish)
            self._connection = _open(self.path)
        if self._queue is None:
            self._queue = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        return self._connection, self._queue


@contextmanager
def _our_turn(queue: int) -> Iterator[None]:
    fcntl.flock(queue, fcntl.LOCK_EX)  # a process that is killed gives it back as well
    try:
        yield
    finally:
        fcntl.flock(queue, fcntl.LOCK_UN)


def _open(path: Path) -> sqlite3.Connection:
    db = _connect(path)
    try:
        db.execute("PRAGMA synchronous = FULL")  # what was answered survives a power cut
        _check_whose(db, path)
        db.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        db.close()
        raise
    db.row_factory = sqlite3.Row
    return db


def _check_whose(db: sqlite3.Connection, path: Path) -> None:
    (application_id,) = db.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID:
        raise _unusable(path, "is not a sandbox carrier's file")
    if _version(db) < VERSION:
        _upgrade(db)
    if _version(db) != VERSION:
        raise _unusable(path, f"has version {_version(db)}, not {VERSION}")


def _version(db: sqlite3.Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)


def _upgrade(db: sqlite3.Connection) -> None:
    """Bring an older file up to date; a file that another process is upgrading is waited for."""
    db.execute("BEGIN IMMEDIATE")
    for version in range(_version(db) + 1, VERSION + 1):
        _run_script(db, f"upgrade_{version}.sql")
        db.execute(f"PRAGMA user_version = {version}")
    db.execute("COMMIT")


def _connect(path: Path) -> sqlite3.Connection:
    # Threads take turns by the lock of `Books`; mode=rw never makes an empty file of a wrong path.
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _make(path: Path, furnish: Furnish) -> None:
    _make_folders(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    draft.touch(mode=0o600, exist_ok=False)
    try:
        with closing(_connect(draft)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("BEGIN IMMEDIATE")
            _write_schema(db)
            furnish(db)
            db.execute("COMMIT")
        with suppress(FileExistsError):  # another process was quicker, and its file is as good
            path.hardlink_to(draft)  # a rename would replace that file
    finally:
        draft.unlink()


def _make_folders(folder: Path) -> None:
    if not folder.is_dir():
        _make_folders(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _write_schema(db: sqlite3.Connection) -> None:
    """Run the schema within the open transaction, which `executescript` would commit."""
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {VERSION}")
    _run_script(db, "schema.sql")


def _run_script(db: sqlite3.Connection, name: str) -> None:
    statement = ""
    script = files("ringfence.sandbox") / "files" / name
    for line in script.read_text(encoding="utf-8").splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""


@contextmanager
def _in_our_words(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest is detail
        if code in _BROKEN:
            raise _unusable(path, "is damaged or cannot be opened") from error
        if code in _UNAVAILABLE:
            raise CarrierError(503, "unavailable") from error
        raise
    except OSError as error:
        raise _unusable(path, f"cannot be opened ({error.strerror})") from error


def _unusable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The sandbox carrier's file {path} {why}.",
        remedy="Tell the person: check the file's path and rights, or move it away; "
        "the sandbox carrier then starts anew, without its charges.",
    )
