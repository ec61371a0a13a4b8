"""Waiting for rows to change: at once for what this process does, within a quarter second for what others do."""

from __future__ import annotations

import anyio

LOOK_EVERY_SECONDS = 0.25
"""How often a waiter reads its row anew; a look costs a fraction of a millisecond."""


class Bell:
    """Wakes everybody in this process who waits for a change; ringing is free when nobody does."""

    def __init__(self) -> None:
        self._event: anyio.Event | None = None

    def ring(self) -> None:
        """Something has changed; called in the event loop."""
        if self._event is not None:
            self._event.set()
            self._event = None

    async def wait(self, seconds: float = LOOK_EVERY_SECONDS) -> None:
        """Return when the bell rings, or after `seconds`: then another process may have changed something."""
        if self._event is None:
            self._event = anyio.Event()
        event = self._event
        with anyio.move_on_after(seconds):
            await event.wait()
