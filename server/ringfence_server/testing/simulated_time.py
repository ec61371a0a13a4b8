"""Simulated time: an event loop in which nobody sleeps, and a clock that goes with it.

Whenever all tasks wait for time to pass, the loop's time jumps to the first moment that one of them waits
for. So every wait, time-out and pause of the production code happens in its order, and takes none.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import anyio
from anyio import to_thread

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
"""When a stage's time begins, so that every run of a script meets the same calendar."""
A_MOMENT_SECONDS = 0.001


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only by waiting, and then at once."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._skipping = _SkippingSelector(self.advance)
        super().__init__(self._skipping)

    def time(self) -> float:
        """Seconds since the loop was made, as its tasks live through them."""
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Let time pass at once; whoever waited until some moment of it wakes afterwards."""
        self._seconds += seconds

    async def get_ready(self) -> None:
        """Learn which worker threads there are; awaited once, before anything uses one."""
        limiter = to_thread.current_default_thread_limiter()
        self._skipping.is_at_work = lambda: limiter.borrowed_tokens > 0


class _SkippingSelector(selectors.DefaultSelector):
    """Waits for worker threads, and never for time."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        super().__init__()
        self._advance = advance
        self.is_at_work: Callable[[], bool] = lambda: False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        happened = super().select(0)
        if happened or (timeout is not None and timeout <= 0):
            return happened
        # A thread gives its token back in the loop alone, so its wake-up cannot be missed here.
        if timeout is None or self.is_at_work():
            return super().select(None)
        self._advance(timeout)
        return []


class SimulatedClock:
    """The time of a simulated loop, as the core asks for it."""

    def __init__(self, loop: SimulatedLoop, start: datetime = START) -> None:
        self._loop = loop
        self._start = start

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time())

    def boottime(self) -> float:
        return self._loop.time()


async def come_to_rest() -> None:
    """Return when nobody can do anything more at this moment: all others wait for a later one."""
    await anyio.sleep(A_MOMENT_SECONDS)
