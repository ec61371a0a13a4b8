"""A throw-away sandbox installation: founded once, copied for every run, and opened by simulated processes.

The tools, the stories, the guard, the store and the carrier are those of production, on real files. Only
time is simulated; and where nobody needs threads, there are none, so that runs are quick and repeatable.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import anyio.lowlevel

from ringfence.clock import Clock, ManualClock
from ringfence.desk import Desk
from ringfence.ids import RandomIds
from ringfence.offers import Provider
from ringfence.policy import PolicyDocument, parse_document, sandbox_policy
from ringfence.providers.sandbox import SandboxAdapter
from ringfence.runner import Runner
from ringfence.sandbox.carrier import Carrier
from ringfence.store.installation import move_clock, open_store
from ringfence.store.transaction import Store, Transaction
from ringfence.store.watch import Bell
from ringfence_server.opening import open_installation
from ringfence_server.settings import Settings
from ringfence_server.testing.simulated_time import START, SimulatedClock, SimulatedLoop

T = TypeVar("T")

FOUNDED = START - timedelta(hours=1)
"""Before any run begins, so that nothing of a run happens before its installation's founding."""


@dataclass(frozen=True)
class Process:
    """What one process of an installation has open; its runner works only where somebody runs it."""

    desk: Desk
    runner: Runner
    carrier: Carrier

    def close(self) -> None:
        """Let go of every file, as the end of a process does."""
        self.desk.store.close()
        self.carrier.close()


class Premises:
    """The files of one throw-away installation, and the processes that open them.

    Made inside a simulated loop, whose time is that of every process.
    """

    def __init__(self, home: Path, *, start: datetime = START) -> None:
        """Put a founded installation into `home`, which is empty or not there yet."""
        loop = asyncio.get_running_loop()
        if not isinstance(loop, SimulatedLoop):
            raise TypeError("A throw-away installation lives in a simulated loop.")
        self.loop = loop
        self.clock = SimulatedClock(loop, start)
        self.settings = _settings(home)
        self._opened = 0
        shutil.copytree(_founded(), home, dirs_exist_ok=True)

    def open(self, name: str) -> Process:
        """Another process on these files."""
        self._opened += 1
        return _open(self.settings, self.clock, owner=f"{name} {self._opened}")

    def hand_over(self) -> None:
        """Leave the files to the programs of every day: their time goes on from here, never back."""
        opened = open_installation(self.settings)
        try:
            ahead = self.clock.now() - datetime.now(UTC)
            if ahead > timedelta(0):
                offset = opened.desk.store.write_now(lambda tx: move_clock(tx, ahead))
                opened.sandbox_carrier.set_offset(offset)
        finally:
            opened.close()


@contextmanager
def throw_away_home() -> Iterator[Path]:
    """A folder for one installation, gone afterwards; in memory where there is some, for power cuts are not tried."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  # a folder of our own is made in it
    with tempfile.TemporaryDirectory(prefix="ringfence-stage-", dir=memory) as folder:
        yield Path(folder)


def policy_with(changes: Mapping[str, Any]) -> PolicyDocument:
    """The sandbox's policy with other fields: budgets replace those of their name, and maps are filled in.

    Raises:
        ValidationError: that is no policy.
    """
    document = json.loads(sandbox_policy().model_dump_json())
    for field, value in changes.items():
        if field == "budgets" and isinstance(value, list):
            names = {budget.get("name") for budget in value if isinstance(budget, dict)}
            value = [*(b for b in document[field] if b["name"] not in names), *value]
        elif isinstance(value, dict) and isinstance(document.get(field), dict):
            value = {**document[field], **value}
        document[field] = value
    return parse_document(document)


class _StoreInLoop(Store):
    """A store whose transactions run where they are awaited: one at a time, in an order that repeats."""

    async def write(self, body: Callable[[Transaction], T]) -> T:
        await anyio.lowlevel.checkpoint()
        return self.write_now(body)

    async def read(self, body: Callable[[Transaction], T]) -> T:
        await anyio.lowlevel.checkpoint()
        return self.read_now(body)


def _settings(home: Path) -> Settings:
    """A sandbox's settings, whatever the environment says: nothing here meets an installation in use."""
    return Settings(home=home, mode="sandbox", config=None, database_url=None)


def _open(settings: Settings, clock: Clock, *, owner: str) -> Process:
    ids = RandomIds()
    opened = open_store(
        settings.database, mode="sandbox", clock=clock, ids=ids, first_policy=sandbox_policy
    )
    store = _StoreInLoop(opened.engine, clock=clock, ids=ids)
    carrier = Carrier(settings.sandbox_carrier, clock)
    desk = Desk(store, {Provider.SANDBOX: SandboxAdapter(carrier)}, ids, Bell())
    return Process(desk, Runner(desk, owner=owner), carrier)


@cache
def _founded() -> Path:
    """An installation as it is on its first day; made once, then copied."""
    home = Path(tempfile.mkdtemp(prefix="ringfence-founded-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    process = _open(_settings(home), ManualClock(FOUNDED), owner="founder")
    process.carrier.now()
    process.close()
    return home
