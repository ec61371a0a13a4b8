"""Connections: how each database is opened so that a committed transaction stays committed."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url

from ringfence.errors import ConfigurationError

BUSY_TIMEOUT_MILLISECONDS = 10_000
"""How long a reader, or a foreign tool's lock, may keep us; our own writers queue at the file lock instead."""


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///PATH` or a PostgreSQL address.

    Raises:
        ConfigurationError: another kind of database.
    """
    name = make_url(url).get_backend_name()
    if name == "sqlite":
        return _open_sqlite(url)
    if name == "postgresql":
        return _open_postgresql(url)
    raise ConfigurationError(
        f"{name} is not a database that ringfence can use.",
        remedy="Use the embedded SQLite file or a PostgreSQL address.",
    )


def _open_postgresql(url: str) -> Engine:
    try:
        engine = create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED")
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "The driver for PostgreSQL is not installed.",
            remedy='Install it: pip install "ringfence[postgres]"',
        ) from error

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A look sees one moment whole: sums over several tables must not straddle another's commit.
        if connection.get_execution_options().get("is_read", False):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    return engine


def _open_sqlite(url: str) -> Engine:
    path = make_url(url).database
    if not path or path == ":memory:":
        raise ConfigurationError(
            "The database must be a file: a purchase has to survive this process."
        )
    _create_private(Path(path))
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions are ours, not the driver's
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",  # a reported success survives a power cut
            "foreign_keys=ON",
            f"busy_timeout={BUSY_TIMEOUT_MILLISECONDS}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # Immediate: a transaction that reads first and writes later would fail half-way when another wrote.
        is_read = connection.get_execution_options().get("is_read", False)
        connection.exec_driver_sql("PRAGMA query_only=ON" if is_read else "PRAGMA query_only=OFF")
        connection.exec_driver_sql("BEGIN" if is_read else "BEGIN IMMEDIATE")

    return engine


def _create_private(path: Path) -> None:
    """Make the file, for its owner alone, before SQLite would make it for everybody."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise ConfigurationError(
            f"The database file {path} cannot be opened: {error.strerror}.",
            remedy="Give this user read and write access to the file and its folder.",
        ) from error
