"""Keeping the page alive: one process of the installation serves it, and another takes over when that one is gone.

There is no heartbeat. Whoever needs the page, or sees that somebody is awaited, asks what the store names whether
it is alive and ours; if not, it binds the port and writes itself down, which only one can do.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from anyio import to_thread

from ringfence.desk import Desk, authorizing
from ringfence.errors import RingfenceError
from ringfence.guard import viewing
from ringfence.store import audit, page
from ringfence.store.page import Page
from ringfence.store.transaction import Transaction
from ringfence_server.approvals.identity import is_ours
from ringfence_server.approvals.listening import PortTaken, listen, port_of

if TYPE_CHECKING:  # a web server: 30 ms that only the process pays which serves the page
    from ringfence_server.approvals.serving import Serving

LOOK_SECONDS = 0.5
"""Between two looks whether a page lives while somebody is awaited; a little more or less each time, so that
the processes of an installation do not look all at once."""
OWNER_LOOK_SECONDS = 2.0
"""The same for the process that serves it, which only has to notice that another took over."""
AGAIN_SECONDS = 0.02
"""For a sibling that has bound the port to write itself down."""
MAX_TRIES = 50
STRANGER_SECONDS = 5.0
"""How long a port that was a stranger's is taken to be so still."""

log = logging.getLogger(__name__)


class _Again(Exception):
    """Another process is about to become the owner, or was quicker."""


class Keeper:
    """One process's part in keeping the page."""

    def __init__(self, desk: Desk, *, port: int, person: str, mode: str) -> None:
        """Nothing is opened yet.

        Args:
            desk: the open installation.
            port: the preferred port; 0 for any.
            person: who sits at this machine.
            mode: of the installation. A live one has its page on its own port or not at all.
        """
        self._desk, self._port, self._person, self._mode = desk, port, person, mode
        self._owner = secrets.token_hex(16)
        self._serving: Serving | None = None
        self._lock = threading.Lock()
        self._is_closed = False
        self._given_up_until = 0.0
        self._complaint = ""
        self._seen: tuple[int, str] | None = None
        self._is_change_waiting = False
        self._wake: Callable[[], None] = lambda: None

    @property
    def is_owner(self) -> bool:
        """Whether this process serves the page."""
        return self._serving is not None

    async def address(self) -> str | None:
        """The page's address, which is served from here if nobody else does; None where there can be no page."""
        try:
            return await to_thread.run_sync(self.ensure)
        except (RingfenceError, OSError) as error:
            self._complain(f"There is no approval page: {error}")
            return None

    async def addresses(self) -> Sequence[str]:
        """Where the page is: the policy's public address first, then the one of this machine; none without a page."""
        return await self._with_public(await self.address())

    async def living_addresses(self) -> Sequence[str]:
        """The same for a program that ends too soon to serve the page; none where nobody else does."""
        return await self._with_public(await to_thread.run_sync(self.living))

    async def _with_public(self, address: str | None) -> Sequence[str]:
        if address is None:
            return ()
        public = await self._public()
        return (public, address) if public is not None else (address,)

    async def _public(self) -> str | None:
        try:
            named = await self._desk.store.read(viewing.public_page)
        except RingfenceError as error:
            self._complain(f"The page's public address is not shown: {error.message}")
            return None
        return named.public_url if named is not None else None

    async def watch(self) -> None:
        """See to it that there is a page while somebody is awaited; ends only by cancellation."""
        await self._watch(self._is_somebody_awaited)

    async def watch_always(self) -> None:
        """See to it that there is a page; ends only by cancellation."""
        await self._watch(_yes)

    async def _watch(self, is_needed: Callable[[], Awaitable[bool]]) -> None:
        loop = asyncio.get_running_loop()
        self._wake = lambda: _ring_in(loop, self._desk)
        while True:
            if await is_needed():
                await self.address()
            seconds = OWNER_LOOK_SECONDS if self.is_owner else LOOK_SECONDS
            await self._desk.bell.wait(seconds * random.uniform(0.75, 1.25))  # noqa: S311  # no secret

    async def _is_somebody_awaited(self) -> bool:
        try:
            return await self._desk.store.read(self._awaits)
        except RingfenceError as error:
            self._complain(f"It cannot be seen whether somebody is awaited: {error.message}")
            return False

    def _awaits(self, tx: Transaction) -> bool:
        """Whether an intent waits, or a change of authority; that is verified only when anything has happened."""
        head = audit.head(tx)
        if head != self._seen:
            self._seen, self._is_change_waiting = head, authorizing.is_any_waiting(tx)
        return self._is_change_waiting or page.somebody_is_awaited(tx)

    def living(self) -> str | None:
        """The address of a page that lives now, whoever serves it; nothing is started.

        Raises:
            RingfenceError: the store cannot be read.
        """
        known = self._desk.store.read_now(page.read)
        if known is None or known.port is None or not is_ours(known.port, known.secret):
            return None
        return known.url

    def ensure(self) -> str | None:
        """`address`, in this thread.

        Raises:
            RingfenceError: the store cannot be read or written.
            OSError: this machine lets us listen nowhere.
        """
        with self._lock:
            for _ in range(MAX_TRIES):
                if self._is_closed:
                    return None
                try:
                    return self._once()
                except _Again:
                    time.sleep(AGAIN_SECONDS)  # nothing here could tell us when it is done
        return None

    def close(self) -> None:
        """Stop serving, and say so; another process takes over at once if somebody is awaited."""
        with self._lock:
            self._is_closed = True
            if self._serving is not None:
                self._stop()
                with suppress(RingfenceError):  # then the next one finds out by itself
                    self._desk.store.write_now(lambda tx: page.leave(tx, owner=self._owner))

    def _once(self) -> str | None:
        known = self._known()
        if self._serving is not None and (known.owner != self._owner or not self._serving.is_alive):
            self._stop()  # another one took us for dead, and is the owner now
        if self._serving is not None:
            return known.url
        if known.port is not None and is_ours(known.port, known.secret):
            return known.url
        sockets = self._listen(known.secret)
        return self._take(known, sockets) if sockets else None

    def _known(self) -> Page:
        known = self._desk.store.read_now(page.read)
        if known is not None:
            return known
        secret = secrets.token_hex(32)
        return self._desk.store.write_now(lambda tx: page.found(tx, secret=secret))

    def _listen(self, secret: str) -> list[socket.socket] | None:
        if time.monotonic() < self._given_up_until:
            return None
        try:
            return listen(self._port)
        except PortTaken:
            pass
        if is_ours(self._port, secret):
            raise _Again
        if self._mode == "live":
            self._complain(_NO_PAGE.format(self._port), logging.ERROR)
            self._given_up_until = time.monotonic() + STRANGER_SECONDS
            return None
        self._complain(_OTHER_PORT.format(self._port))
        return listen(0)

    def _take(self, known: Page, sockets: list[socket.socket]) -> str:
        port = port_of(sockets)
        url = f"http://localhost:{port}"
        try:
            is_taken = self._desk.store.write_now(
                lambda tx: page.take(tx, seen=known, url=url, port=port, owner=self._owner)
            )
        except BaseException:
            _close(sockets)
            raise
        if not is_taken:
            _close(sockets)
            raise _Again
        self._serving = self._serve(known.secret, url, sockets)
        log.info("The approval page is at %s", url)
        return url

    def _serve(self, secret: str, url: str, sockets: list[socket.socket]) -> Serving:
        from ringfence_server.approvals.serving import Serving
        from ringfence_server.approvals.web import Site, build_app

        site = Site(
            desk=self._desk,
            secret=secret,
            port=port_of(sockets),
            origin=url,
            person=self._person,
            mode=self._mode,
            changed=self._changed,
        )
        return Serving(build_app(site), sockets)

    def _stop(self) -> None:
        if self._serving is not None:
            self._serving.stop()
            self._serving = None

    def _changed(self) -> None:
        self._wake()

    def _complain(self, why: str, level: int = logging.WARNING) -> None:
        """Log what is wrong, but not twice a second for as long as it is."""
        if why != self._complaint:
            self._complaint = why
            log.log(level, "%s", why)


_NO_PAGE = (
    "Port {} belongs to another program, so there is no approval page. End that program, or set "
    "RINGFENCE_APPROVALS_URL to another port. Until then decide with: ringfence pending"
)
_OTHER_PORT = "Port {} belongs to another program; the approval page takes another one."


async def _yes() -> bool:
    return True


def _close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _ring_in(loop: asyncio.AbstractEventLoop, desk: Desk) -> None:
    """Wake everybody who waits in that loop; called from the page's threads."""
    with suppress(RuntimeError):  # it has ended, and nobody waits
        loop.call_soon_threadsafe(desk.bell.ring)
