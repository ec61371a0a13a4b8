"""A house whose page is really served, with a runner at work: what a browser can be sent to."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from anyio.from_thread import start_blocking_portal
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from approvals.desk_page import PERSON
from house import House
from ringfence.intents import Intent
from ringfence_server.approvals.listening import listen, port_of
from ringfence_server.approvals.serving import Serving
from ringfence_server.approvals.web import Site, build_app

SECRET = "5e" * 32
REQUEST_SECONDS = 30
"""For a browser on a busy machine to send what it was told to."""


@dataclass(frozen=True)
class Request:
    """A request that reached the page, and how it was answered."""

    method: str
    path: str
    origin: str | None
    status: int


class Seen:
    """One request that a test waits for."""

    request: Request


class Recorder:
    """Stands before the page, and tells the tests what browsers really send."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._watched: list[queue.Queue[Request]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self._app(scope, receive, noted)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        request = Request(scope["method"], scope["path"], headers.get("origin"), status)
        for each in self._watched:
            each.put(request)

    @contextmanager
    def watched(self) -> Iterator[queue.Queue[Request]]:
        requests: queue.Queue[Request] = queue.Queue()
        self._watched.append(requests)
        yield requests
        self._watched.remove(requests)


class ServedHouse:
    """A house with its page on a port of this machine."""

    def __init__(self, house: House) -> None:
        self.house = house
        sockets = listen(0)
        self.port = port_of(sockets)
        self.origin = f"http://localhost:{self.port}"
        site = Site(
            desk=house.desk,
            secret=SECRET,
            port=self.port,
            origin=self.origin,
            person=PERSON,
            mode=house.read(lambda tx: tx.mode),
            changed=lambda: None,
        )
        self._recorder = Recorder(build_app(site))
        self._serving = Serving(self._recorder, sockets)
        # In a thread of its own: the browser's driver has a loop in this one.
        self._portal_context = start_blocking_portal()
        self._portal = self._portal_context.__enter__()

    def close(self) -> None:
        self._portal_context.__exit__(None, None, None)
        self._serving.stop()
        self.house.books_balance()
        self.house.close()

    def propose(self, index: int = 0, **wish: Any) -> Intent:
        """Something to decide."""

        async def propose() -> Intent:
            offers = await self.house.find(index + 1)
            return await self.house.propose(offers[index], **wish)

        return self._portal.call(propose)

    def propose_several(self, count: int, **wish: Any) -> Intent:
        """Several numbers to decide at once: the last ones of the list."""

        async def propose() -> Intent:
            offers = await self.house.find(20)
            return await self.house.propose(*offers[-count:], **wish)

        return self._portal.call(propose)

    def approve(self, intent: Intent) -> None:
        """A person says yes to it elsewhere."""
        self._portal.call(self.house.approve, intent)

    def settle(self) -> None:
        """Let time pass until the runner knows what became of everything."""
        self._portal.call(self.house.wait_out)

    def settle_for(self, **span: float) -> None:
        """Let this much time pass, and the runner do what has become due."""
        self._portal.call(lambda: self.house.pass_time(**span))

    def work(self) -> None:
        """Let the runner do what was approved."""
        self._portal.call(self.house.work)

    def now(self, intent: Intent) -> Intent:
        return self._portal.call(self.house.now, intent)

    @contextmanager
    def next_request(self, intent: Intent, method: str) -> Iterator[Seen]:
        """The first such request for this intent's page that comes from now on; waited for at the end."""
        seen = Seen()
        with self._recorder.watched() as requests:
            yield seen
            while True:
                seen.request = requests.get(timeout=REQUEST_SECONDS)
                if (seen.request.method, seen.request.path) == (method, f"/i/{intent.intent_id}"):
                    return

    def url(self, intent: Intent) -> str:
        return f"{self.origin}/i/{intent.intent_id}"


@contextmanager
def foreign_site(html: str, name: str = "127.0.0.1") -> Iterator[str]:
    """Somebody else's site, on another port of this machine; its address."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = html.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing: the tests speak for themselves."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{name}:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
