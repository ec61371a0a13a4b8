"""The watch: whether resources that somebody subscribed to read differently than before."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import anyio
from mcp.shared.exceptions import MCPError

from ringfence.errors import RingfenceError
from ringfence_server.installation import Installation, Opened

PAUSE_SECONDS = 1.0
"""Before the store is looked at again after it could not be read."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Topic:
    """One resource as one principal sees it."""

    principal: str
    uri: str


Look = Callable[[Topic, Opened], Awaitable[str]]
"""Reads a resource; raises `MCPError` where there is none (any more)."""


@dataclass(eq=False)
class Watch:
    """One look at a time, however many are subscribed; and none at all while nobody is."""

    look: Look
    tell: Callable[[Topic], Awaitable[None]]
    _read: dict[Topic, int | None] = field(default_factory=dict)
    """A digest of what each read like when it was last looked at; None once it was gone."""
    _watchers: Counter[Topic] = field(default_factory=Counter)
    _running: anyio.CancelScope | None = None

    async def start(self, topic: Topic, installation: Installation) -> None:
        """Watch it from now on: whatever changes after this has returned is told.

        Raises:
            MCPError: there is no such resource for this principal.
            RingfenceError: the store cannot be read.
        """
        opened = await installation.opened()
        digest = hash(await self.look(topic, opened))
        self._read.setdefault(topic, digest)
        self._watchers[topic] += 1
        if self._running is None:
            self._running = anyio.CancelScope()
            installation.run_beside(partial(self._run, opened, self._running))

    def stop(self, topic: Topic) -> None:
        """One who watched it does so no more."""
        self._watchers[topic] -= 1
        if not self._watchers[topic]:
            del self._watchers[topic], self._read[topic]
        if not self._watchers and self._running is not None:
            self._running.cancel()
            self._running = None

    async def _run(self, opened: Opened, scope: anyio.CancelScope) -> None:
        from ringfence.desk.watching import next_change

        seen = None
        with scope:
            while True:
                try:
                    now = await next_change(opened.desk, seen)
                    await self._compare(opened)
                    seen = now
                except RingfenceError as error:
                    log.warning("Subscribers may be told late: %s", error.message)
                    await anyio.sleep(PAUSE_SECONDS)
                except Exception:
                    log.exception("The watch stumbled; it goes on in %s s.", PAUSE_SECONDS)
                    await anyio.sleep(PAUSE_SECONDS)

    async def _compare(self, opened: Opened) -> None:
        for topic in list(self._read):
            try:
                digest = hash(await self.look(topic, opened))
            except MCPError:
                digest = None
            if topic in self._read and self._read[topic] != digest:
                self._read[topic] = digest
                await self.tell(topic)
