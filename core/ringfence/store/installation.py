"""Opening an installation's database: made at first need, upgraded by itself when it is embedded, and never guessed at.

Alembic makes and changes the tables and costs 400 ms to import, so it is imported only when there is something to
make or change. Before an upgrade the file is copied.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, Engine, func, insert, inspect, select, update
from sqlalchemy.exc import IntegrityError

from ringfence.clock import Clock
from ringfence.errors import ConfigurationError, StorageUnavailable
from ringfence.ids import IdSource, Prefix
from ringfence.policy import PolicyDocument
from ringfence.states import LineState
from ringfence.store import audit, policies, schema
from ringfence.store.anchor import Anchor
from ringfence.store.engine import open_engine
from ringfence.store.transaction import Store, Transaction, file_lock, is_lost_race, translated

Mode = Literal["sandbox", "live"]
_UPGRADE_LOCK = 0x72696E67
"""PostgreSQL's lock of that number: two programs that upgrade at once take turns."""
FIRST_MOMENT = schema.moment_of("1970-01-01T00:00:00.000000Z")


def sqlite_url(path: Path) -> str:
    """The address of an embedded database."""
    return f"sqlite:///{path}"


def open_store(  # what an installation stands on
    url: str,
    *,
    mode: Mode,
    clock: Clock,
    ids: IdSource,
    first_policy: Callable[[], PolicyDocument],
    anchor: Anchor | None = None,
) -> Store:
    """Open an installation's database; an embedded one is made or upgraded when it has to be.

    Raises:
        ConfigurationError: damaged, newer than this program, of the other mode, or not ringfence's.
        StorageUnavailable: locked, full or unreachable.
    """
    store = Store(open_engine(url), clock=clock, ids=ids, anchor=anchor)
    is_embedded = store.engine.dialect.name == "sqlite"
    try:
        with translated():
            found = _schema_version(store.engine)
            if found is None or found < schema.SCHEMA_VERSION:
                if not is_embedded:  # others may be at work in it: a person says when
                    raise _not_upgraded(found)
                _bring_up_to_date(store.engine)
        _check_installation(store, mode=mode, first_policy=first_policy)
    except BaseException:
        store.close()
        raise
    return store


def _not_upgraded(found: str | None) -> ConfigurationError:
    has = "no ringfence tables" if found is None else f"the tables of schema {found}"
    return ConfigurationError(
        f"The database has {has}; this ringfence works with schema {schema.SCHEMA_VERSION}.",
        remedy="Tell the person to run: ringfence db upgrade",
    )


@dataclass(frozen=True)
class DatabaseStatus:
    """Which tables a database has, and which this program works with."""

    kind: str
    """`sqlite` or `postgresql`."""
    found: str | None
    """The schema's version; None for an empty database."""
    expected: str = schema.SCHEMA_VERSION
    journal: str | None = None
    """How an embedded database keeps its log: `wal` as it must be; None for any other database."""


def database_status(url: str) -> DatabaseStatus:
    """How the database at an address stands; nothing is changed, but an embedded file is made if it is not there.

    Raises:
        ConfigurationError: damaged, or not ringfence's.
        StorageUnavailable: locked or unreachable.
    """
    with _engine(url) as engine, translated():
        return DatabaseStatus(
            engine.dialect.name, _schema_version(engine), journal=_journal(engine)
        )


def _journal(engine: Engine) -> str | None:
    if engine.dialect.name != "sqlite":
        return None
    with engine.connect() as plain:
        connection = plain.execution_options(is_read=True)
        return str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one())


def upgrade_database(url: str) -> DatabaseStatus:
    """Make the tables, or bring them up to date; an embedded file is copied before.

    Raises:
        ConfigurationError: damaged, newer than this program, or not ringfence's.
        StorageUnavailable: locked or unreachable, or a purchase is being sent.
    """
    with _engine(url) as engine, translated():
        found = _schema_version(engine)
        if found is not None and found > schema.SCHEMA_VERSION:
            raise ConfigurationError(
                f"The database has schema {found}; this ringfence works with {schema.SCHEMA_VERSION}.",
                remedy="Tell the person to upgrade ringfence.",
            )
        if engine.dialect.name == "sqlite":
            _bring_up_to_date(engine)
        elif found != schema.SCHEMA_VERSION:
            if found is not None:
                _check_nothing_is_being_sent(engine)
            migrate(engine)
    return database_status(url)


def back_up_database(url: str, copy: Path) -> None:
    """Copy an embedded database, whole and of one moment, while others use it.

    Raises:
        ConfigurationError: it is not embedded, or the copy's file is there already or cannot be made.
        StorageUnavailable: locked.
    """
    with _engine(url) as engine, translated():
        if engine.dialect.name != "sqlite":
            raise ConfigurationError(
                "Only an embedded database is copied from here.",
                remedy="Copy a PostgreSQL database by its own means: pg_dump.",
            )
        if _schema_version(engine) is None:
            raise ConfigurationError("There is nothing to copy: the database is empty.")
        try:
            os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            raise ConfigurationError(
                f"The copy {copy} cannot be made: {error.strerror}.",
                remedy="Name a file that is not there yet, in a folder where you may write.",
            ) from error
        with file_lock(Path(f"{engine.url.database}.lock")):
            _copy(engine, copy)


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def _schema_version(engine: Engine) -> str | None:
    """The migration that the database is at; None for an empty database."""
    with engine.connect() as plain:
        connection = plain.execution_options(is_read=True)
        with connection.begin():
            names = inspect(connection).get_table_names()
            if not names:
                return None
            if "alembic_version" not in names or "audit_head" not in names:
                raise ConfigurationError(
                    "This database belongs to another program.",
                    remedy="Tell the person to name another file in RINGFENCE_DATABASE_URL.",
                )
            return connection.execute(
                select(audit.alembic_version.c.version_num)
            ).scalar_one_or_none()


def _bring_up_to_date(engine: Engine) -> None:
    """Make or upgrade an embedded database, alone, with a copy of what was there."""
    path = Path(str(engine.url.database))
    with file_lock(Path(f"{path}.lock")):
        found = _schema_version(engine)  # another process may have been quicker
        if found is not None and found >= schema.SCHEMA_VERSION:
            return
        if found is not None:
            _check_nothing_is_being_sent(engine)
            _back_up(engine, path, found)
        migrate(engine)


def _check_nothing_is_being_sent(engine: Engine) -> None:
    with engine.connect() as connection:
        sending = connection.execute(
            select(func.count()).where(schema.line.c.state == LineState.DISPATCHING.value)
        ).scalar_one()
    if sending:
        raise StorageUnavailable(
            "A purchase is being sent; the database is upgraded when its outcome is known.",
        )


def _back_up(engine: Engine, path: Path, version: str) -> None:
    """Copy the database beside itself, with what its log holds; nobody else writes while we hold the lock."""
    copy = path.with_name(f"{path.name}.before-{schema.SCHEMA_VERSION}-from-{version}")
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600))
    _copy(engine, copy)


def _copy(engine: Engine, copy: Path) -> None:
    with engine.connect() as connection, closing(sqlite3.connect(copy)) as target:
        connection.connection.driver_connection.backup(target)  # type: ignore[union-attr]  # sqlite3's own
        target.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it


def migrate(engine: Engine, revision: str = "head") -> None:
    """Run the migrations in one transaction, alone."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        if (
            engine.dialect.name == "postgresql"
        ):  # an embedded database is upgraded under its file's lock
            connection.execute(select(func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _check_installation(
    store: Store, *, mode: Mode, first_policy: Callable[[], PolicyDocument]
) -> None:
    """Found the installation if there is none, or only half of one; it must be of this mode."""
    with translated(), store.engine.connect() as plain:
        connection = plain.execution_options(is_read=True)
        with connection.begin():
            found = connection.execute(select(schema.installation.c.mode)).scalar_one_or_none()
            policy = connection.execute(
                select(schema.audit_head.c.policy_version)
            ).scalar_one_or_none()
    if found is not None and found != mode:
        raise ConfigurationError(
            f"This is a {found} installation; it cannot be opened as a {mode} one.",
            remedy="Tell the person to use another RINGFENCE_HOME for the other mode.",
        )
    if not policy:
        _found(store, mode=mode, first_policy=first_policy())
    store.mode = mode
    store.read_now(lambda _tx: None)  # compares the schema version


def _found(store: Store, *, mode: Mode, first_policy: PolicyDocument) -> None:
    path = store.engine.url.database
    lock = Path(f"{path}.lock") if store.engine.dialect.name == "sqlite" else None
    try:
        with translated(), file_lock(lock), store.engine.begin() as connection:
            if connection.execute(select(schema.installation.c.id)).first() is None:
                _insert_installation(connection, store, mode)
    except IntegrityError as error:
        if not is_lost_race(error):  # else another process was quicker, and founded the same
            raise
    store.write_now(lambda tx: _first_policy(tx, first_policy))


def _insert_installation(connection: Connection, store: Store, mode: Mode) -> None:
    now = store.clock.now()
    connection.execute(
        insert(schema.installation).values(
            id=1,
            installation_id=store.ids.new(Prefix.INSTALLATION, now),
            mode=mode,
            created_at=now,
            clock_offset_seconds=0,
        )
    )
    connection.execute(
        insert(schema.audit_head).values(
            id=1, seq=0, hash=audit.GENESIS, at=FIRST_MOMENT, policy_version=0, frozen=None
        )
    )


def _first_policy(tx: Transaction, document: PolicyDocument) -> None:
    if tx.policy_version:
        return  # another process was quicker
    tx.is_new_beginning = True
    tx.audit(
        "installation.founded",
        actor="ringfence",
        subject=tx.installation_id,
        mode=tx.mode,
        commits=["ledger"],  # from its first entry on; older installations began later
    )
    policy = policies.add(tx, document, applied_by="ringfence")
    tx.audit(
        "policy.applied", actor="ringfence", subject=f"policy {policy.version}", hash=policy.hash
    )


def move_clock(tx: Transaction, step: timedelta) -> timedelta:
    """Move a sandbox installation's clock forward; the offset from now on.

    Raises:
        ConfigurationError: not a sandbox, or backwards: what has happened stays in the past.
    """
    if tx.mode != "sandbox":
        raise ConfigurationError("Only a sandbox installation's clock can be moved.")
    if step < timedelta(0):
        raise ConfigurationError(
            "The clock moves forward only; `ringfence sandbox reset` starts anew."
        )
    offset = tx.clock_offset + step
    tx.connection.execute(
        update(schema.installation).values(clock_offset_seconds=int(offset.total_seconds()))
    )
    tx.audit(
        "clock.moved",
        actor="operator",
        subject=tx.installation_id,
        seconds=int(step.total_seconds()),
    )
    return offset
