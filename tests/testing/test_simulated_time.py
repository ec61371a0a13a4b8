"""Simulated time: waits take none, keep their order, and never outrun a thread that works."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import anyio
import pytest
from anyio import to_thread

from ringfence_server.testing.simulated_time import (
    START,
    SimulatedClock,
    SimulatedLoop,
    come_to_rest,
)


def run(work: Coroutine[Any, Any, None]) -> float:
    """Run it in a simulated loop; the seconds that passed there."""

    async def ready() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        await loop.get_ready()
        await work
        return loop.time()

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(ready())


def test_a_day_passes_at_once() -> None:
    began = time.monotonic()
    assert run(anyio.sleep(86_400)) == 86_400
    assert time.monotonic() - began < 10


def test_waits_end_in_their_order_and_at_their_moment() -> None:
    woken: list[tuple[str, float]] = []

    async def sleep(name: str, seconds: float) -> None:
        await anyio.sleep(seconds)
        woken.append((name, anyio.current_time()))

    async def three() -> None:
        async with anyio.create_task_group() as tasks:
            for name, seconds in (("late", 25.0), ("soon", 0.25), ("then", 1.0)):
                tasks.start_soon(sleep, name, seconds)

    assert run(three()) == 25.0
    assert woken == [("soon", 0.25), ("then", 1.0), ("late", 25.0)]


def test_a_time_out_strikes_in_simulated_time_only() -> None:
    async def work() -> None:
        with anyio.fail_after(0.001):  # in earnest it would strike while the thread is at it
            await to_thread.run_sync(
                time.sleep, 0.05
            )  # the one real wait: nothing sleeps but this thread
        with pytest.raises(TimeoutError), anyio.fail_after(3):
            await anyio.sleep_forever()

    assert run(work()) == 3.0


def test_the_clock_goes_with_the_loop_and_jumps_when_told() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        clock = SimulatedClock(loop)
        await anyio.sleep(1.5)
        assert (clock.now() - START).total_seconds() == 1.5
        loop.advance(60)
        assert (clock.now() - START).total_seconds() == 61.5
        assert clock.boottime() == 61.5

    run(work())


def test_rest_comes_when_everybody_else_waits_for_later() -> None:
    done: list[int] = []

    async def busy() -> None:
        for step in range(50):
            await to_thread.run_sync(done.append, step)
        await anyio.sleep(10)
        done.append(-1)

    async def work() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(busy)
            await come_to_rest()
            assert done == list(range(50))

    run(work())
    assert done[-1] == -1
