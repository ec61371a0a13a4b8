"""What most commands do: open the installation, work in it, close it; and finish an intent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar

import anyio

from ringfence.errors import StorageUnavailable
from ringfence.guard import approval
from ringfence.intents import Intent
from ringfence.states import IntentState, LineState
from ringfence.store import intents
from ringfence_server.opening import Premises, open_installation
from ringfence_server.serve import local_principal
from ringfence_server.settings import read_settings
from ringfence_tools import CATALOG
from ringfence_tools.operation import Surface

WORK_SECONDS = 25.0
"""How long a command waits for a purchase to end; it goes on in any other process afterwards."""

T = TypeVar("T")


@contextmanager
def premises() -> Iterator[Premises]:
    """The installation that the settings name.

    Raises:
        RingfenceError: the settings are wrong, or it cannot be opened.
    """
    opened = open_installation(read_settings())
    try:
        _tidy(opened)
        yield opened
    finally:
        opened.close()


def _tidy(opened: Premises) -> None:
    """End what has expired, if no server runs here: it must not hold budget, nor be shown as open."""
    store = opened.desk.store
    if store.read_now(lambda tx: intents.overdue(tx, 1)):
        with suppress(StorageUnavailable):  # then it is as it was, and may be looked at
            store.write_now(approval.expire_overdue)


def in_premises(work: Callable[[Premises], Awaitable[T]]) -> T:
    """Run a piece of work in the installation."""
    with premises() as opened:
        return anyio.run(partial(work, opened))


def person() -> str:
    """Who is at this terminal, as far as the operating system knows."""
    return local_principal()


def surface() -> Surface:
    """What a caller at the command line sees: every tool, and consent in a terminal."""
    return Surface(frozenset(operation.name for operation in CATALOG))


async def work_off(opened: Premises, intent_id: str, seconds: float = WORK_SECONDS) -> Intent:
    """Run the runner here until the intent has ended, only a person can go on, or time is over."""
    with anyio.move_on_after(seconds):
        while True:
            intent = await opened.runner.work_until_ended(intent_id, seconds)
            if not _is_being_looked_up(intent):
                return intent
            if not await opened.runner.step():
                await opened.desk.bell.wait()
    return await opened.runner.work_until_ended(intent_id, 0)


def _is_being_looked_up(intent: Intent) -> bool:
    """Whether looks at the carrier may still tell what became of it."""
    return intent.state is IntentState.NEEDS_ATTENTION and any(
        line.state is LineState.UNKNOWN for line in intent.lines
    )
