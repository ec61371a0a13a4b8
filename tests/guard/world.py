"""The world of the stateful test: one installation, one carrier, two processes, and what was shown on the shelf."""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from guard.processes import Process
from guard.watch import plant
from house import FOUNDED, ME, SOMEBODY_ELSE, House, move_in
from ringfence.clock import ManualClock
from ringfence.desk.searching import SearchWish, search
from ringfence.ids import CountingIds, Prefix
from ringfence.offers import Offer
from ringfence.policy import sandbox_policy
from ringfence.sandbox.carrier import Carrier
from ringfence.store import offers as stored
from ringfence.store.installation import open_store, sqlite_url

T = TypeVar("T")

REQUESTERS = (ME, SOMEBODY_ELSE)
ASSISTANTS = (None, "front-desk", "night-desk")
_SHELF: tuple[tuple[dict[str, Any], int], ...] = (
    ({"country": "US", "area_code": "415"}, 7),
    ({"country": "US", "area_code": "404"}, 1),  # not kept by the carrier
    ({"country": "US", "area_code": "822"}, 2),
    ({"country": "US", "area_code": "882"}, 1),  # on back order
    ({"country": "CA", "area_code": "416"}, 2),
    ({"country": "GB", "area_code": "20"}, 3),
    ({"country": "GB", "area_code": "306"}, 2),
    ({"country": "GB", "contains": "3069990990"}, 1),  # without a price
    ({"country": "SE", "area_code": "8"}, 2),
    ({"country": "IS", "locality": "Reykjavik"}, 2),
    ({"country": "IS", "contains": "2001944"}, 1),  # in a currency without a rate
    ({"country": "JP", "area_code": "50"}, 1),
    ({"country": "FR", "area_code": "1"}, 1),  # sold only to holders of papers
)
"""What to look for, and how many of it to take."""
SHELVED = sum(count for _, count in _SHELF)
_FAR_AWAY = datetime(2099, 1, 1, tzinfo=UTC)


def _fast_folder() -> str | None:
    """Memory, where there is some: power cuts are not what is tried here."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # a folder of our own is made in it


@cache
def _stocked() -> tuple[Path, dict[str, tuple[Offer, ...]]]:
    """A founded installation in which both requesters have seen the same offers, which never expire."""
    folder = Path(tempfile.mkdtemp(prefix="ringfence-stocked-", dir=_fast_folder()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    move_in(folder)
    house = House(folder, clock=ManualClock(FOUNDED + timedelta(minutes=1)), ids=CountingIds())
    offers = {who: tuple(asyncio.run(_see(house, who))) for who in REQUESTERS}
    house.close()
    plant(folder / "ringfence.db")
    return folder, offers


async def _see(house: House, principal: str) -> list[Offer]:
    seen: list[Offer] = []
    for wish, count in _SHELF:
        found = await search(house.desk, principal, SearchWish(limit=count, **wish))
        assert len(found.offers) == count
        seen += [
            offer.model_copy(
                update={
                    "offer_id": house.ids.new(Prefix.OFFER, house.clock.now()),
                    "expires_at": _FAR_AWAY,
                }
            )
            for offer in found.offers
        ]
    house.write(lambda tx: stored.add_offers(tx, seen))
    return seen


class World:
    """Everything of one run."""

    def __init__(self) -> None:
        template, self.offers = _stocked()
        self.folder = Path(tempfile.mkdtemp(prefix="ringfence-world-", dir=_fast_folder()))
        for name in ("ringfence.db", "carrier.db"):
            shutil.copy2(template / name, self.folder / name)
        self.loop = asyncio.new_event_loop()
        self.clock = ManualClock(datetime(2026, 12, 30, 23, 50, tzinfo=UTC))
        self.ids = CountingIds()
        self.carrier = Carrier(self.folder / "carrier.db", self.clock)
        self.store = open_store(
            sqlite_url(self.folder / "ringfence.db"),
            mode="sandbox",
            clock=self.clock,
            ids=self.ids,
            first_policy=sandbox_policy,
        )
        self._processes_made = 0
        self.processes = [self.new_process(), self.new_process()]

    def new_process(self) -> Process:
        self._processes_made += 1
        owner = f"process {self._processes_made}"
        return Process(self.store.engine, self.carrier, clock=self.clock, ids=self.ids, owner=owner)

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
        self.carrier.close()
        shutil.rmtree(self.folder)
