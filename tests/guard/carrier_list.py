"""A carrier's list as tests of a live installation meet it: counted, out of reach, or the last thing that is done."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import anyio

from guard.rehearsal import at
from guard.signing import Somebody
from house import House
from ringfence.clock import ManualClock
from ringfence.errors import ProviderUnavailable
from ringfence.guard import consent, freeze
from ringfence.ids import RandomIds
from ringfence.inventory import Owned
from ringfence.store.transaction import Transaction


@dataclass
class Lists:
    """How often a house has asked its carrier for the list."""

    asked: int = 0


def counted(house: House) -> Lists:
    """Count from now on."""
    lists, ask = Lists(), house.adapter.owned

    async def asked() -> Sequence[Owned]:
        lists.asked += 1
        return await ask()

    _ask(house, asked)
    return lists


@contextmanager
def out_of_reach(house: House) -> Iterator[Lists]:
    """While open, the carrier does everything but list our numbers."""
    lists, ask = Lists(), house.adapter.owned

    async def refused() -> Sequence[Owned]:
        lists.asked += 1
        raise ProviderUnavailable("The sandbox carrier answered with HTTP 503.")

    _ask(house, refused)
    yield lists
    _ask(house, ask)


def while_asked(house: House, meanwhile: Callable[[], Awaitable[None]]) -> None:
    """Let something happen once the list was read at the carrier, and before anybody knows what it says."""
    ask = house.adapter.owned

    async def asked() -> Sequence[Owned]:
        listed = await ask()
        await meanwhile()
        return listed

    _ask(house, asked)


def _ask(house: House, ask: Callable[[], Awaitable[Sequence[Owned]]]) -> None:
    adapter: Any = house.adapter
    adapter.owned = ask


def thaw(house: House, who: Somebody) -> None:
    """Lift the freeze as somebody signs for it; a moment later than whatever was read before."""

    def lift(tx: Transaction) -> None:
        statement = freeze.lifting(tx, nonce=consent.fresh_nonce())
        freeze.unfreeze_signed(tx, statement, who.sign(statement))

    house.write(lift)
    house.clock.advance(seconds=1)


# The database, put back as it was.


def keep(house: House) -> Path:
    """A copy of the database as it is now."""
    database = house.folder / "ringfence.db"
    house.store.close()
    with closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = database.with_name("kept")
    shutil.copy2(database, kept)
    return kept


def put_back(house: House, kept: Path) -> None:
    """The database is that copy again; the carrier has forgotten nothing."""
    house.store.close()
    for beside in house.folder.glob("ringfence.db-*"):
        beside.unlink()
    shutil.copy2(kept, house.folder / "ringfence.db")


# A process that is killed.

POINTS = ("while it reads the list", "between the list and the claim")


@dataclass(frozen=True)
class Errand:
    """What a process works off, and where it dies."""

    folder: Path
    at: datetime
    point: str


def run_and_die(errand: Errand) -> None:
    """Work off what is approved, until the kill."""
    house = at(errand.folder, clock=ManualClock(errand.at), ids=RandomIds(), owner="who dies")
    adapter: Any = house.adapter
    setattr(adapter, {POINTS[0]: "owned", POINTS[1]: "quote"}[errand.point], _die)
    anyio.run(house.work)


async def _die(*_asked: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("killed processes do not come here")
