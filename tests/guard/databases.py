"""The kinds of database that hold the installations of the stateful test; PostgreSQL's stands in `postgresql`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

from guard.reader import Reader, sqlite_reader
from guard.stocked import stocked
from ringfence.store.installation import sqlite_url


class Databases(Protocol):
    """One kind of database: each run gets one like the stocked one, and drops it."""

    def new(self, folder: Path) -> str:
        """The address of a new one; the folder is the run's own."""
        ...

    def reader(self, url: str) -> Reader:
        """A look at one past our code."""
        ...

    def drop(self, url: str) -> None:
        """Do away with one that nobody uses any more; what is in the run's folder goes with that."""
        ...


class SqliteFiles:
    """A file in each run's folder."""

    def new(self, folder: Path) -> str:
        shutil.copy2(stocked().folder / _FILE, folder / _FILE)
        return sqlite_url(folder / _FILE)

    def reader(self, url: str) -> Reader:
        return sqlite_reader(Path(url.removeprefix("sqlite:///")))

    def drop(self, url: str) -> None:
        pass


_FILE = "ringfence.db"
