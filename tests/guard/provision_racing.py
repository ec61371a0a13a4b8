"""Processes that race each other to get one assistant a number, each with a desk of its own on one database."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
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


def _race(url: str, folder: Path, racer: int, words: Connection) -> None:
    desk = desk_at(url, folder)
    words.send("ready")
    while (asked := words.recv()) is not None:
        wish = ProvisionWish(
            asked.assistant_id, "US", area_code=AREA_CODES[racer % len(AREA_CODES)]
        )
        words.send(anyio.run(ask, desk, asked.principal or f"racer:{racer}", wish))
    desk.store.close()


class Field:
    """Processes that stay alive between starts."""

    def __init__(self, lines: list[Connection]) -> None:
        self._lines = lines

    def run(self, asked: Asked) -> list[Got]:
        """Give the word, and wait for everybody."""
        for line in self._lines:
            line.send(asked)
        return [line.recv() for line in self._lines]


@contextmanager
def field_of(url: str, folder: Path, count: int) -> Iterator[Field]:
    """Start the field and send it home."""
    context = multiprocessing.get_context("spawn")
    pairs = [context.Pipe() for _ in range(count)]
    processes = [
        context.Process(target=_race, args=(url, folder, racer, theirs), daemon=True)
        for racer, (_ours, theirs) in enumerate(pairs)
    ]
    for process in processes:
        process.start()
    lines = [ours for ours, _theirs in pairs]
    try:
        for line in lines:
            assert line.poll(60), "a racer did not start"
            line.recv()
        yield Field(lines)
        for line in lines:
            line.send(None)
    finally:
        for process in processes:
            process.join(10)
            process.kill()
