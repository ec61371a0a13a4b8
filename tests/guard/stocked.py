"""The installation that every run begins with: founded, and with an open shelf before both requesters."""

from __future__ import annotations

import asyncio
import atexit
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from guard.triggers import change_of_state_ddl
from house import FOUNDED, ME, SOMEBODY_ELSE, House, move_in
from ringfence.clock import ManualClock
from ringfence.desk.searching import SearchWish, search
from ringfence.ids import CountingIds, Prefix
from ringfence.offers import Offer
from ringfence.store import offers as stored

REQUESTERS = (ME, SOMEBODY_ELSE)
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


@dataclass(frozen=True)
class Stocked:
    """The installation's file, with the triggers of `watch`, beside its carrier's; and what either requester saw."""

    folder: Path
    offers: dict[str, tuple[Offer, ...]]


@cache
def stocked() -> Stocked:
    """Both requesters have seen the same offers, which never expire; made once, then copied."""
    folder = fast_folder("stocked")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    move_in(folder)
    house = House(folder, clock=ManualClock(FOUNDED + timedelta(minutes=1)), ids=CountingIds())
    offers = {who: tuple(asyncio.run(_see(house, who))) for who in REQUESTERS}
    house.close()
    with closing(sqlite3.connect(folder / "ringfence.db")) as db:
        for statement in change_of_state_ddl("sqlite"):
            db.execute(statement)
        db.commit()
    return Stocked(folder, offers)


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


def fast_folder(name: str) -> Path:
    """A new folder in memory, where there is some: power cuts are not what is tried here."""
    memory = Path("/dev/shm")
    return Path(
        tempfile.mkdtemp(prefix=f"ringfence-{name}-", dir=memory if memory.is_dir() else None)
    )
