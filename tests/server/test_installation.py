"""The installation behind a server: opened once, run for as long as the server, closed at its end."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from ringfence_server import installation as module
from ringfence_server.installation import Opened, installation
from server.toys import Book, Opener


async def test_a_cancelled_call_does_not_cancel_the_opening() -> None:
    may_open = anyio.Event()
    begun = anyio.Event()

    class SlowOpener(Opener):
        @asynccontextmanager
        async def __call__(self) -> AsyncIterator[Opened]:
            begun.set()
            await may_open.wait()
            async with super().__call__() as opened:
                yield opened

    opener = SlowOpener(Book())
    with anyio.fail_after(5):
        async with installation(opener) as site:
            async with anyio.create_task_group() as first_call:
                first_call.start_soon(site.opened)
                await begun.wait()
                first_call.cancel_scope.cancel()
            may_open.set()
            await site.opened()
    assert (opener.opened, opener.closed) == (1, 1)


async def test_leaving_while_it_is_opened_leaves_nothing_open() -> None:
    begun = anyio.Event()

    @asynccontextmanager
    async def never_done() -> AsyncIterator[Opened]:
        begun.set()
        await anyio.sleep_forever()
        yield  # type: ignore[misc]  # never reached

    with anyio.fail_after(5):
        async with installation(never_done) as site, anyio.create_task_group() as calls:
            calls.start_soon(site.opened)
            await begun.wait()
            calls.cancel_scope.cancel()


async def test_a_runner_that_fails_is_logged_and_started_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "RUNNER_PAUSE_SECONDS", 0)

    class Stumbling(Opener):
        stumbles = 2

        async def run_forever(self) -> None:
            if self.stumbles:
                self.stumbles -= 1
                raise ZeroDivisionError
            await super().run_forever()

    opener = Stumbling(Book())
    with anyio.fail_after(5):
        async with installation(opener) as site:
            await site.opened()
            await opener.ran.wait()
    assert [r.levelno for r in caplog.records if "runner" in r.message] == [logging.ERROR] * 2
