"""A server process on stdin and stdout: how it starts, and how it ends.

Importing this module loads next to nothing; `serve_stdio` loads the rest, in the order that starts
fastest.
"""

from __future__ import annotations

import gc
import logging
import os
import pwd
import signal
import sys
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import anyio

    from ringfence_server.app import RingfenceServer
    from ringfence_server.installation import OpenDesk
    from ringfence_server.listing import ToolFilter

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def serve_stdio(open_desk: OpenDesk, principal: str, tool_filter: ToolFilter | None = None) -> None:
    """Serve one client over stdin and stdout until it leaves, or until the process is told to end.

    Args:
        open_desk: opens the installation; not touched before a call needs it.
        principal: who calls, from the operator's configuration or `local_principal`.
        tool_filter: which tools to list; None lists all.

    Raises:
        ConfigurationError: the filter names an unknown tool, or leaves none.
    """

    def build() -> RingfenceServer:
        from ringfence_server.app import build_server
        from ringfence_server.listing import EVERY_TOOL

        return build_server(open_desk, lambda: principal, tool_filter=tool_filter or EVERY_TOOL)

    run_on_stdio(build)


def run_on_stdio(build: Callable[[], RingfenceServer]) -> None:
    """Build a server and run it until its client leaves; `build` loads what it needs."""
    log_to_stderr()
    # What is loaded here lives as long as we do: looking for garbage is a tenth of the start.
    gc.disable()
    try:
        import anyio

        server = build()
    finally:
        gc.freeze()
        gc.enable()
    anyio.run(_serve, server)


def log_to_stderr() -> None:
    """Send our log, and other libraries' warnings, to stderr: stdout belongs to the protocol."""
    logging.basicConfig(stream=sys.stderr, format=LOG_FORMAT, level=logging.WARNING)
    logging.getLogger("ringfence").setLevel(logging.INFO)
    logging.getLogger("ringfence_server").setLevel(logging.INFO)


def local_principal() -> str:
    """The principal of a process on this machine: the user that the operating system runs it as."""
    try:
        return f"local:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:  # containers often run as a number that no file names
        return f"local:{os.getuid()}"


async def _serve(server: RingfenceServer) -> None:
    import anyio
    from mcp.server.stdio import stdio_server

    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with anyio.create_task_group() as tasks, stdio_server() as (reading, writing):
            with anyio.CancelScope() as serving:
                told = _Told()
                tasks.start_soon(told.wait, signals, serving)
                await server.serve(reading, writing)
            if told.by is not None:
                _die_of(told.by)
            tasks.cancel_scope.cancel()


class _Told:
    """The signal that told us to end, if one did."""

    by: signal.Signals | None = None

    async def wait(
        self, signals: AsyncIterator[signal.Signals], serving: anyio.CancelScope
    ) -> None:
        self.by = await anext(signals)
        serving.cancel()


def _die_of(told_by: signal.Signals) -> None:
    """End now, as the signal would have ended us, once everything is closed.

    To return would hang: the SDK's reader thread waits in `read` for a client that is still there.
    """
    logging.shutdown()
    signal.signal(told_by, signal.SIG_DFL)
    os.kill(os.getpid(), told_by)
