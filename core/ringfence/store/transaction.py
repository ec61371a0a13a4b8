"""Transactions: the story of one change, run whole or not at all, and run again when another got in its way.

A guard transaction takes its locks in one order, so that no two wait for each other: the rows that it inserts or
changes, then the balances it moves (sorted), and the audit head last. The body only *says* which balances move and
what is to be audited; `Transaction.seal` does it, in that order. On SQLite a file lock is held round each write, since
SQLite's own waiting is not fair and starves writers.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
from anyio import to_thread
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DBAPIError, IntegrityError, NoSuchTableError, OperationalError

from ringfence.clock import Clock
from ringfence.errors import ConfigurationError, RingfenceError, StorageUnavailable
from ringfence.ids import IdSource, Prefix
from ringfence.policy import Policy, PolicyDocument, explain, read_stored
from ringfence.store import audit, balances, schema
from ringfence.store.anchor import Anchor, HighWater, NoAnchor, Noted
from ringfence.store.checkpoints import AT_ONCE, NEW_KEY, Checkpoints, Key
from ringfence.store.told import MOVED, Contradiction, Told, body_of, follow

log = logging.getLogger(__name__)

MAX_TRIES = 12
"""How often one transaction is run again after losing a race; by then something else is wrong."""
LOCK_WAIT_SECONDS = 10.0
"""How long a change queues for the right to write, as long as SQLite itself waits for a foreign lock."""
THREADS = 8
"""Transactions of one process at once; more would only wait at the lock."""

T = TypeVar("T")


class Conflict(Exception):  # never leaves the store: it means "run me again"
    """Another transaction changed what this one had read."""


class Transaction:
    """One running transaction: its connection, its one moment, and what it will do at the end."""

    def __init__(
        self,
        connection: Connection,
        *,
        moment: datetime,
        ids: IdSource,
        policies: dict[tuple[str, int], Policy],
        followed: dict[str, Told],
        mode: str | None,
        anchor: Anchor,
    ) -> None:
        self.connection = connection
        self.balances = balances.Rows(connection)
        """The balances, to change them at once; `move` waits until the end."""
        self.anchor = anchor
        """What is remembered of this installation outside the database."""
        self.reached: HighWater | None = None
        """How far this transaction has taken the audit chain; None while it has recorded nothing."""
        self.began: HighWater | None = None
        """From where this transaction went on with the chain; None while it has recorded nothing."""
        self.is_new_beginning = False
        """Whether what is noted outside the database begins anew with what this transaction does."""
        self._ids = ids
        self._policies = policies
        self._followed = followed
        self.new_key: Key | None = None
        """The key for checkpoints that this transaction makes known to the chain."""
        self._events: list[audit.Event] = []
        self._moves: list[balances.Move] = []
        row = connection.execute(_FACTS).one_or_none()
        if row is None:
            raise ConfigurationError("The database holds no installation.")
        _check_version(row.version_num)
        self.installation_id: str = row.installation_id
        self.mode: str = row.mode
        _check_mode(row.mode, mode)
        self.moment = moment
        """What the clock said, wherever history has come."""
        is_sandbox = row.mode == "sandbox"
        self.clock_offset = timedelta(seconds=row.clock_offset_seconds if is_sandbox else 0)
        """How far a sandbox's clock was moved; no other clock can be."""
        self.now: datetime = max(moment + self.clock_offset, row.at)
        """The one moment of this transaction: never before anything that was recorded."""
        self.head_at: datetime = row.at
        """The moment of the last event, as the head has it."""
        self.policy_version: int = row.policy_version
        self.frozen: str | None = row.frozen
        """Why spending is frozen; None while it is not."""

    @property
    def is_shared(self) -> bool:
        """Whether several hosts may write, each with what it notes outside the database."""
        return self.connection.dialect.name != "sqlite"

    @property
    def checkpoints(self) -> Checkpoints | None:
        """Where this installation's checkpoints are; None where it has none."""
        kept = self.anchor.checkpoints
        return kept if kept is not None and kept.are_kept(self.mode) else None

    @property
    def wants_checkpoint(self) -> bool:
        """Whether something happened that is to be witnessed at once."""
        return any(event.type in AT_ONCE for event in self._events)

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.policy_of(self.policy_version)

    @property
    def rules(self) -> PolicyDocument:
        """What the policy in force says."""
        return self.policy.document

    def policy_of(self, version: int) -> Policy:
        """A policy by its version; versions never change, so they are read once a process.

        Raises:
            ConfigurationError: there is none, or it cannot be read; then nothing is bought.
        """
        key = (self.installation_id, version)
        if key not in self._policies:
            row = self.connection.execute(
                select(schema.policy).where(schema.policy.c.version == version)
            ).one_or_none()
            if row is None:
                raise _unreadable(version, "it is not there")
            self._policies[key] = Policy(
                version=row.version,
                document=_read(version, row.document),
                hash=row.hash,
                applied_at=row.applied_at,
                applied_by=row.applied_by,
            )
        return self._policies[key]

    def told(self) -> Told:
        """What the chain tells of how things stand, up to its head; to be asked before anything is changed.

        Raises:
            Contradiction: the chain does not hold.
        """
        known = self._followed.get(self.installation_id, Told())
        try:
            told = follow(self, known)
        except Contradiction:
            told = follow(
                self, Told()
            )  # another history may have been put in its place, and may hold
        self._followed[self.installation_id] = told
        return told

    def put_in_force(self, version: int) -> None:
        """Go on under another policy; what is read of it is dropped with this transaction, which may yet fail."""
        self.policy_version = version
        self._policies = dict(self._policies)

    def new_id(self, prefix: Prefix) -> str:
        """A new id, in the order of this transaction's moment."""
        return self._ids.new(prefix, self.now)

    def audit(self, type_: str, *, actor: str, subject: str, **body: object) -> None:
        """Record what this transaction does; written with it, at its end."""
        self._events.append(audit.Event(self.new_id(Prefix.AUDIT), type_, actor, subject, body))

    def move(self, move: balances.Move) -> None:
        """Move a balance at the end; over its limit then, this transaction is run again and judges anew."""
        self._moves.append(move)

    def seal(self) -> None:
        """Do what was said: balances in their order, then the audit chain."""
        for move in balances.merged(self._moves):
            if not self.balances.move(move):
                raise Conflict(f"balance {move.budget} {move.window}")
        if body := body_of(self.balances):
            self.audit(MOVED, actor="ringfence", subject=self.installation_id, **body)
        if self._events:
            self._name_key()
            if not audit.append(self, self._events):
                raise Conflict("freeze or policy changed")

    def _name_key(self) -> None:
        """Let the chain name the key of its checkpoints, as the last event of the first change that can."""
        if self.checkpoints is None or self.installation_id in self.checkpoints.named:
            return
        try:
            key = self.checkpoints.key(self.installation_id)
        except ConfigurationError as error:
            log.warning("%s", error.message)  # nothing live is bought meanwhile: guard.witness
            return
        if audit.names(self, key.announced, key.public):
            self.checkpoints.named.add(self.installation_id)
        else:
            self.new_key = key
            self.audit(NEW_KEY, actor="ringfence", subject=self.installation_id, key=key.public)


@contextmanager
def _dropped(connection: Connection) -> Iterator[None]:
    """Let a connection go whose transaction met a row that cannot be read.

    Its cursor may still stand in the middle of a result, and as long as anybody remembers the error it keeps the old
    moment of the database open: whatever came next on that connection would be refused as locked.
    """
    try:
        yield
    except (RingfenceError, Conflict, DBAPIError):
        raise
    except Exception:
        connection.invalidate()
        raise


def _read(version: int, text: str) -> PolicyDocument:
    try:
        return read_stored(text)
    except ValueError as error:
        raise _unreadable(version, explain(error)) from error


def _unreadable(version: int, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"Version {version} of the policy cannot be read: {why}. Nothing is bought under it.",
        remedy="Tell the person: the database was changed or is damaged. Compare it with a copy, or restore one.",
    )


_FACTS = select(
    schema.installation.c.installation_id,
    schema.installation.c.mode,
    schema.installation.c.clock_offset_seconds,
    schema.audit_head.c.at,
    schema.audit_head.c.policy_version,
    schema.audit_head.c.frozen,
    audit.alembic_version.c.version_num,
).select_from(
    schema.installation.join(
        schema.audit_head, schema.audit_head.c.id == schema.installation.c.id
    ).join(audit.alembic_version, audit.alembic_version.c.version_num.is_not(None))
)


def _check_mode(found: str, expected: str | None) -> None:
    if expected is not None and found != expected:
        raise ConfigurationError(
            f"The database says that it is a {found} installation; it was opened as a {expected} one.",
            remedy="Tell the person: the database was changed. Compare it with a copy that you trust.",
        )


def _check_version(found: str) -> None:
    if found != schema.SCHEMA_VERSION:
        newer = found > schema.SCHEMA_VERSION
        raise ConfigurationError(
            f"The database has schema {found}; this ringfence works with {schema.SCHEMA_VERSION}.",
            remedy="Tell the person to upgrade ringfence."
            if newer
            else "Tell the person to restart ringfence, which upgrades its database.",
        )


class Store:
    """One installation's database, from any thread."""

    def __init__(
        self, engine: Engine, *, clock: Clock, ids: IdSource, anchor: Anchor | None = None
    ) -> None:
        self.engine = engine
        self.anchor = anchor or NoAnchor()
        self.clock = clock
        self.ids = ids
        self.mode: str | None = None
        """The mode in which the installation was opened, which stays; None before."""
        self._policies: dict[tuple[str, int], Policy] = {}
        self._followed: dict[str, Told] = {}
        self._limiter: anyio.CapacityLimiter | None = None
        path = engine.url.database
        self._lock_path = Path(f"{path}.lock") if engine.dialect.name == "sqlite" and path else None

    async def write(self, body: Callable[[Transaction], T]) -> T:
        """Run a change in a worker thread; cancelling the caller lets it finish.

        Raises:
            StorageUnavailable: locked, full, read-only or unreachable; nothing was changed.
            ConfigurationError: corrupt, or of another schema version.
        """
        return await self._in_thread(partial(self.write_now, body))

    async def read(self, body: Callable[[Transaction], T]) -> T:
        """Run a look in a worker thread; it sees one moment and changes nothing."""
        return await self._in_thread(partial(self.read_now, body))

    async def _in_thread(self, call: Callable[[], T]) -> T:
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(THREADS)
        return await to_thread.run_sync(call, limiter=self._limiter)

    def write_now(self, body: Callable[[Transaction], T]) -> T:
        """`write`, in this thread."""
        for _ in range(MAX_TRIES):
            with translated():
                try:
                    return self._write_once(body)
                except Conflict:
                    continue
                except IntegrityError as error:
                    if not is_lost_race(error):
                        raise
                except OperationalError as error:
                    if not _is_serialisation_failure(error):
                        raise
        raise StorageUnavailable("The database is too busy: other changes kept getting in the way.")

    def _write_once(self, body: Callable[[Transaction], T]) -> T:
        with file_lock(self._lock_path):
            with self.engine.connect() as connection, _dropped(connection), connection.begin():
                transaction = self._begin(connection)
                result = body(transaction)
                transaction.seal()
                is_noted = self._note_high_water(transaction)
            if is_noted:
                self._note_done(transaction)
            self._note_checkpoint(transaction)
            return result

    def _note_high_water(self, done: Transaction) -> bool:
        """Note outside the database how far a live installation's history comes with what is about to be committed.

        It is noted where it goes on from what was noted: what somebody else has put in between stays unnoted. On a
        server other hosts go on with the chain too, each with notes of its own.
        """
        if done.mode != "live" or done.began is None or done.reached is None:
            return False
        try:
            known = self.anchor.high_water(done.installation_id)
            is_next = known is not None and (
                done.began in {known.before, known.after}
                or (self._lock_path is None and known.before.seq <= done.began.seq)
            )
            if is_next or done.is_new_beginning:
                self.anchor.note(done.installation_id, Noted(done.began, done.reached))
                return True
        except ConfigurationError as error:
            log.warning("%s", error.message)  # what is known of a charge is recorded all the same
        return False

    def _note_done(self, done: Transaction) -> None:
        """Take back the allowance for a process that dies before it commits: it did commit."""
        try:
            if done.reached is not None:
                self.anchor.note(
                    done.installation_id, Noted(done.reached, done.reached), is_lasting=False
                )
        except ConfigurationError as error:
            log.warning("%s", error.message)

    def _note_checkpoint(self, done: Transaction) -> None:
        """Let a witness outside the database see what was committed."""
        kept, who, reached = done.checkpoints, done.installation_id, done.reached
        if kept is None or reached is None:
            return
        try:
            if done.new_key is not None:
                kept.announced(done.new_key, reached.seq)
            if done.wants_checkpoint or kept.is_due(who, reached.seq, done.now):
                kept.make(who, reached.seq, reached.hash, done.now)
        except ConfigurationError as error:
            log.warning("%s", error.message)  # the change stands: it is committed

    def read_now(self, body: Callable[[Transaction], T]) -> T:
        """`read`, in this thread."""
        with translated(), self.engine.connect() as plain:
            connection = plain.execution_options(is_read=True)
            with _dropped(connection), connection.begin():
                return body(self._begin(connection))

    def rehearse_now(self, body: Callable[[Transaction], T]) -> T:
        """Run a change to see what it would lead to, and undo all of it.

        Raises:
            as `write`.
        """
        with translated(), file_lock(self._lock_path), self.engine.connect() as connection:
            undone = connection.begin()
            try:
                return body(self._begin(connection))
            finally:
                undone.rollback()

    def _begin(self, connection: Connection) -> Transaction:
        return Transaction(
            connection,
            moment=self._moment(connection),
            ids=self.ids,
            policies=self._policies,
            followed=self._followed,
            mode=self.mode,
            anchor=self.anchor,
        )

    def _moment(self, connection: Connection) -> datetime:
        """The time by the one clock that every process of the installation shares."""
        if connection.dialect.name == "postgresql":
            moment: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
            return moment
        return self.clock.now()

    def forget_log(self) -> None:
        """Empty an embedded database's log, which still holds what was erased; a reader in its way keeps some of it."""
        if self.engine.dialect.name == "sqlite":
            with translated():
                connection = self.engine.raw_connection()
                connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]  # sqlite3's own
                connection.close()

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()


@contextmanager
def file_lock(path: Path | None) -> Iterator[None]:
    """Queue fairly for the right to write; None is for databases that queue by themselves."""
    if path is None:
        yield
        return
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageUnavailable(
            f"The lock file {path} cannot be opened: {error.strerror}."
        ) from error
    _Queue(handle, path).wait()
    try:
        yield
    finally:
        os.close(handle)


class _Queue:
    """One place in the queue for a file lock, which the kernel keeps in order but not in time.

    The waiting is done by a thread of its own, since nothing can end it; who has gone meanwhile gives the lock back.
    """

    def __init__(self, handle: int, path: Path) -> None:
        self._handle, self._path = handle, path
        self._lock = threading.Lock()
        self._has_come = threading.Event()
        self._is_left = False

    def wait(self) -> None:
        """Come to the head of the queue; the handle is ours to close then.

        Raises:
            StorageUnavailable: it took too long; the handle is closed, now or later.
        """
        threading.Thread(target=self._stand, daemon=True).start()
        if self._has_come.wait(LOCK_WAIT_SECONDS):
            return
        with self._lock:
            self._is_left = not self._has_come.is_set()
        if self._is_left:
            raise StorageUnavailable(
                f"The database is locked by another program, which holds {self._path}; nothing was changed.",
                remedy="Tell the person to run: ringfence doctor. It names the program that holds the lock.",
            )

    def _stand(self) -> None:
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        with self._lock:
            if self._is_left:
                os.close(self._handle)
            else:
                self._has_come.set()


@contextmanager
def translated() -> Iterator[None]:
    """Turn the database's errors into ours; no driver text leaves the store."""
    try:
        yield
    except RingfenceError:
        raise
    except (IntegrityError, Conflict):
        raise
    except (DBAPIError, NoSuchTableError, sqlite3.Error) as error:
        original = error.orig if isinstance(error, DBAPIError) else error
        raise _meaning(original) from error


_CORRUPT = (
    "file is not a database",
    "malformed",
    "no such table",
    "no such column",
    "does not exist",
    "encrypted",
)


def _meaning(error: BaseException | None) -> RingfenceError:
    text = str(error)
    if any(word in text for word in _CORRUPT):
        return ConfigurationError(
            "The database cannot be read: it is damaged, or it is not ringfence's.",
            remedy="Tell the person to restore the database from a backup; nothing is bought meanwhile.",
        )
    for sign, meaning in (
        ("full", "is full"),
        ("locked", "is locked by another program"),
        ("readonly", "is read-only"),
    ):
        if sign in text:
            return StorageUnavailable(f"The database {meaning}; nothing was changed.")
    return StorageUnavailable("The database cannot be reached; nothing was changed.")


def is_lost_race(error: IntegrityError) -> bool:
    """Two transactions made the same row; any other broken constraint is a bug."""
    return (
        "UNIQUE constraint" in str(error.orig) or getattr(error.orig, "sqlstate", None) == "23505"
    )


def _is_serialisation_failure(error: OperationalError) -> bool:
    return getattr(error.orig, "sqlstate", None) in {"40001", "40P01"}
