"""The world of the stateful test: one installation, one carrier, two processes, and what was shown on the shelf."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

from guard.databases import Databases
from guard.processes import MortalStore, Process
from guard.reader import Reader, sqlite_reader
from guard.stocked import fast_folder, stocked
from ringfence.clock import ManualClock
from ringfence.ids import CountingIds
from ringfence.sandbox.carrier import Carrier
from ringfence.store.engine import open_engine

T = TypeVar("T")

ASSISTANTS = (None, "front-desk", "night-desk")


class World:
    """Everything of one run, with its installation in a new database of this kind."""

    def __init__(self, databases: Databases) -> None:
        self.offers = stocked().offers
        self.folder = fast_folder("world")
        shutil.copy2(stocked().folder / "carrier.db", self.folder)
        self._databases = databases
        self._url = databases.new(self.folder)
        self.loop = asyncio.new_event_loop()
        self.clock = ManualClock(datetime(2026, 12, 30, 23, 50, tzinfo=UTC))
        self.ids = CountingIds()
        self.carrier = Carrier(self.folder / "carrier.db", self.clock)
        self.store = MortalStore(open_engine(self._url), clock=self.clock, ids=self.ids)
        """The test's own; it never dies."""
        self._processes_made = 0
        self.processes = [self.new_process(), self.new_process()]

    def new_process(self) -> Process:
        self._processes_made += 1
        owner = f"process {self._processes_made}"
        return Process(self.store.engine, self.carrier, clock=self.clock, ids=self.ids, owner=owner)

    def reader(self) -> Reader:
        """A look at the installation past our code."""
        return self._databases.reader(self._url)

    def carrier_reader(self) -> Reader:
        """A look at the carrier's file past our code."""
        return sqlite_reader(self.folder / "carrier.db")

    def run(self, story: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(story)

    def bury_the_dead(self) -> None:
        """Let new processes take the places of those that were killed."""
        for at, process in enumerate(self.processes):
            if process.store.is_dead:
                self.run(process.wake())
                self.processes[at] = self.new_process()

    def free(self) -> Process | None:
        """A process that is not stalled."""
        return next((each for each in self.processes if not each.is_stalled), None)

    def close(self) -> None:
        for process in self.processes:
            self.run(process.wake())
        self.loop.close()
        self.store.close()
        self._databases.drop(self._url)
        self.carrier.close()
        shutil.rmtree(self.folder)
