"""The installation behind the server: opened by the first call, and run until the server ends."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskGroup

if TYPE_CHECKING:  # the desk stands on the store, which no server imports before its first call
    from ringfence.desk import Desk

CLOSE_SECONDS = 5.0
"""How long closing may take when the client has left; whoever started us kills us soon after."""
RUNNER_PAUSE_SECONDS = 5.0
"""Before a runner that failed is started again: approved purchases wait for it."""

log = logging.getLogger(__name__)


async def _nowhere() -> Sequence[str]:
    """There is no page."""
    return ()


@dataclass(frozen=True)
class Opened:
    """One installation, open: the desk, what runs beside it, and where a person finds it."""

    desk: Desk
    run_forever: Callable[[], Awaitable[None]]
    """Executes what people approve, wherever they do; ends only by cancellation."""
    approve_at: Callable[[], Awaitable[Sequence[str]]] = _nowhere
    """The approval page's addresses, for somebody who is awaited now, the one for people first; none without a page."""


OpenDesk = Callable[[], AbstractAsyncContextManager[Opened]]
"""Opens the installation, and closes it on the way out. May fail: the next call tries again."""


class Installation:
    """The installation of one running server: at most one is open, or being opened."""

    def __init__(self, open_desk: OpenDesk, tasks: TaskGroup) -> None:
        self._open_desk = open_desk
        self._tasks = tasks
        self._attempt: _Attempt | None = None

    async def opened(self) -> Opened:
        """The installation, opened now if it was not; all who ask meanwhile wait for the same one.

        The opening belongs to the server, not to the call: a cancelled call does not leave it
        half done.

        Raises:
            RingfenceError: it could not be opened; asking again tries again.
        """
        if self._attempt is None:
            self._attempt = _Attempt()
            self._tasks.start_soon(self._keep_open, self._attempt)
        attempt = self._attempt
        await attempt.ended.wait()
        if attempt.opened is None:
            raise attempt.error or RuntimeError("The installation was closed while it was opened.")
        return attempt.opened

    def run_beside(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Let something run beside the calls, at most until the server ends."""
        self._tasks.start_soon(work)

    async def _keep_open(self, attempt: _Attempt) -> None:
        stack = AsyncExitStack()
        try:
            attempt.opened = await stack.enter_async_context(self._open_desk())
        except Exception as error:
            attempt.error = error
            self._attempt = None
            return
        finally:
            attempt.ended.set()
        try:
            await _run(attempt.opened)
        finally:
            with anyio.move_on_after(CLOSE_SECONDS, shield=True):
                await stack.aclose()


@dataclass
class _Attempt:
    """One try at opening."""

    ended: anyio.Event = field(default_factory=anyio.Event)
    opened: Opened | None = None
    error: Exception | None = None


async def _run(opened: Opened) -> None:
    while True:
        try:
            await opened.run_forever()
        except Exception:
            log.exception("The runner stopped; it is started again in %s s.", RUNNER_PAUSE_SECONDS)
        await anyio.sleep(RUNNER_PAUSE_SECONDS)


@asynccontextmanager
async def installation(open_desk: OpenDesk) -> AsyncIterator[Installation]:
    """An installation that is not open yet; leaving stops its runner and closes it."""
    async with anyio.create_task_group() as tasks:
        yield Installation(open_desk, tasks)
        tasks.cancel_scope.cancel()
