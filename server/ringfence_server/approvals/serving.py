"""A web app in a thread of its own: it outlives no process, and no request of it can hold one up.

In the loop of the MCP server it would do harm: uvicorn takes over the signals of a main thread, and
ends the whole process where it cannot start.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence

import uvicorn
from starlette.types import ASGIApp

STOP_SECONDS = 2.0
"""A little more than uvicorn's own grace for requests that run."""
GRACE_SECONDS = 1
IDLE_SECONDS = 5
MAX_CONNECTIONS = 50


class Serving:
    """A web app, served on these sockets until it is stopped."""

    def __init__(self, app: ASGIApp, sockets: Sequence[socket.socket]) -> None:
        self._sockets = list(sockets)
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,  # its own would write to stdout, which belongs to the protocol
            access_log=False,  # every line would name an intent
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            limit_concurrency=MAX_CONNECTIONS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="approval page", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it still answers."""
        return self._thread.is_alive() and not self._server.should_exit

    def stop(self) -> None:
        """End within `STOP_SECONDS`; the port is free afterwards."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        for each in self._sockets:
            each.close()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=self._sockets))
