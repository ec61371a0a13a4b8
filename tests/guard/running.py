"""A process that runs the runner on an installation until it finds nothing more to do."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

import anyio

from house import House
from ringfence.clock import ManualClock
from ringfence.desk.consenting import decline_at_terminal
from ringfence.errors import PolicyRefused
from ringfence.ids import RandomIds

PATIENCE = 20
"""How often a runner looks again after it found nothing: what others hold may come free."""


@dataclass(frozen=True)
class Shift:
    """Where a runner works, as whom, and when."""

    folder: Path
    owner: str
    at: datetime


def run(shift: Shift, start: Barrier) -> None:
    """Wait for the others, then work."""
    anyio.run(_run, shift, start)


async def _run(shift: Shift, start: Barrier) -> None:
    house = House(shift.folder, clock=ManualClock(shift.at), ids=RandomIds(), owner=shift.owner)
    start.wait(60)
    idle = 0
    while idle < PATIENCE:
        idle = 0 if await house.runner.step() else idle + 1
    house.close()


def withdraw(shift: Shift, intent_ids: Sequence[str], start: Barrier) -> None:
    """Wait for the others, then take consent to all of these back, as far as that is still possible."""
    anyio.run(_withdraw, shift, intent_ids, start)


async def _withdraw(shift: Shift, intent_ids: Sequence[str], start: Barrier) -> None:
    house = House(shift.folder, clock=ManualClock(shift.at), ids=RandomIds(), owner=shift.owner)
    start.wait(60)
    for intent_id in intent_ids:
        with suppress(PolicyRefused):
            await decline_at_terminal(house.desk, intent_id, person="ada", reason=None)
    house.close()
