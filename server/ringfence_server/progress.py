"""What a client hears while its call runs, if it asked for that: the steps of bulk work, and signs of life."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

PROGRESS_SECONDS = 5.0
"""Between two signs of life of a call that takes long, most of all for a person to decide."""
SIGN_OF_LIFE = 0.001
"""What a sign of life adds: progress has to grow each time, and must not overtake the next step."""

Send = Callable[[float, float | None, str | None], Awaitable[None]]


class Progress:
    """One call's progress; each thing that is sent is more than the last."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._sent = 0.0
        self._total: int | None = None
        self._turn = anyio.Lock()

    async def step(self, done: int, total: int, words: str) -> None:
        """So many of so many are done; in order, however many are at work at once."""
        async with self._turn:
            if done > self._sent:
                self._sent, self._total = done, total if done < total else None
                await self._send(done, total, words)

    async def show_life(self) -> None:
        """Say every few seconds that the call goes on; ends only by cancellation."""
        began = anyio.current_time()
        while True:
            await anyio.sleep(PROGRESS_SECONDS)
            async with self._turn:
                self._sent = round(self._sent + SIGN_OF_LIFE, 3)
                seconds = round(anyio.current_time() - began)
                await self._send(self._sent, self._total, f"Still waiting, {seconds} s.")
