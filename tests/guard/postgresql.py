"""The installations of the stateful test on a PostgreSQL server: each run's a copy of one stocked database."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import URL, insert, make_url, select

from guard.reader import Reader
from guard.stocked import stocked
from guard.triggers import change_of_state_ddl
from ringfence.store import schema
from ringfence.store.engine import open_engine
from ringfence.store.installation import migrate, sqlite_url


class PostgresqlDatabases:
    """Databases of one server, made from a template with the rows of the stocked SQLite file."""

    def __init__(self, server: str) -> None:
        self._server = make_url(server)
        self._admin = psycopg.connect(_conninfo(self._server), autocommit=True)
        self._left: set[str] = set()
        self._template = self._create("template1")
        _stock(self._url(self._template))

    def new(self, folder: Path) -> str:
        return self._url(self._create(self._template))

    def reader(self, url: str) -> Reader:
        connection = psycopg.connect(
            _conninfo(make_url(url)), autocommit=True, row_factory=dict_row
        )
        return Reader(connection, placeholder="%s")

    def drop(self, url: str) -> None:
        name = make_url(url).database
        assert name in self._left
        self._drop(name)

    def close(self) -> None:
        """Drop the template, and whatever a run that failed has left."""
        for name in sorted(self._left):
            self._drop(name)
        self._admin.close()

    def _create(self, template: str) -> str:
        name = f"stateful_{uuid4().hex[:12]}"
        self._admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        self._left.add(name)
        return name

    def _drop(self, name: str) -> None:
        self._admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
        self._left.remove(name)

    def _url(self, name: str) -> str:
        # Power cuts are not what is tried here.
        fast = {"options": "-csynchronous_commit=off"}
        url = self._server.set(database=name).update_query_dict(fast)
        return url.render_as_string(hide_password=False)


def _conninfo(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _stock(url: str) -> None:
    """Make our tables, fill them as the stocked SQLite file has them, and plant the triggers of `watch`."""
    source = open_engine(sqlite_url(stocked().folder / "ringfence.db"))
    target = open_engine(url)
    migrate(target)
    with source.connect() as ours, target.begin() as theirs:
        for table in schema.metadata.sorted_tables:
            rows = [dict(row) for row in ours.execute(select(table)).mappings()]
            if rows:
                theirs.execute(insert(table), rows)
            # Where no statement asks for an order, autovacuum would change it in the midst of a run.
            theirs.exec_driver_sql(f"ALTER TABLE {table.name} SET (autovacuum_enabled = off)")
        for statement in change_of_state_ddl("postgresql"):
            theirs.exec_driver_sql(statement)
    source.dispose()
    target.dispose()  # nobody may be connected to a template
