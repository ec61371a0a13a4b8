"""Processes that race each other to get one assistant a number, each with a desk of its own on one database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from guard.racing import store_at
from ringfence.clock import SystemClock
from ringfence.desk import Desk
from ringfence.desk.provisioning import Given, ProvisionWish, provision
from ringfence.errors import RingfenceError
from ringfence.ids import RandomIds
from ringfence.providers.sandbox import SandboxAdapter
from ringfence.sandbox.carrier import Carrier
from ringfence.store.watch import Bell

AREA_CODES = ("415", "212", "312", "206")
"""Racers say it in different words: each wants a number of another city."""


@dataclass(frozen=True)
class Asked:
    """One start of the field: for which assistant, and by whom; None where each asks for itself."""

    assistant_id: str
    principal: str | None = None


@dataclass(frozen=True)
class Got:
    """What one racer got: an intent, a number, or a refusal."""

    intent_id: str | None = None
    number: str | None = None
    code: str | None = None


def desk_at(url: str, folder: Path) -> Desk:
    """A desk of this process's own."""
    clock = SystemClock()
    adapter = SandboxAdapter(Carrier(folder / "carrier.db", clock))
    return Desk(store_at(url), {adapter.provider: adapter}, RandomIds(), Bell())


async def ask(desk: Desk, principal: str, wish: ProvisionWish) -> Got:
    try:
        answer = await provision(desk, principal, wish)
    except RingfenceError as error:
        return Got(code=error.code)
    if isinstance(answer, Given):
        return Got(number=answer.record.number)
    return Got(intent_id=answer.intent_id)


@contextmanager
def race(url: str, folder: Path, racer: int) -> Iterator[Callable[[Asked], Got]]:
    """One process of the field; `field(race, (url, folder), count)` starts it."""
    desk = desk_at(url, folder)
    area_code = AREA_CODES[racer % len(AREA_CODES)]

    def answer(asked: Asked) -> Got:
        wish = ProvisionWish(asked.assistant_id, "US", area_code=area_code)
        return anyio.run(ask, desk, asked.principal or f"racer:{racer}", wish)

    yield answer
    desk.store.close()
