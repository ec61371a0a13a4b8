"""Progress of bulk work: a story tells how far it is, and does not care who listens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """How far it is: `done` of `total` things were tried, `failed` of them in vain."""

    done: int
    total: int
    failed: int = 0


Progress = Callable[[Step], Awaitable[None]]
"""Hears of each step, one after the other."""


async def untold(_step: Step) -> None:
    """Nobody listens."""
