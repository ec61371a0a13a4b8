"""`ringfence serve`: the server process. An assistant waits for it, so it loads what it must."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from ringfence.errors import ConfigurationError
from ringfence_server.cli.remedies import for_person

if TYPE_CHECKING:
    from ringfence_server.installation import Opened
    from ringfence_server.opening import Premises
    from ringfence_server.settings import Settings

USAGE_ERROR = 2
EXAMPLE = "ringfence serve --exclude-tools buy_numbers"


def serve(arguments: Sequence[str]) -> int:
    """Serve one client on stdin and stdout; the exit code when it has left."""
    options = parser().parse_args(arguments)
    from ringfence_server.listing import ToolFilter
    from ringfence_server.serve import local_principal, serve_stdio
    from ringfence_server.settings import read_settings

    tool_filter = ToolFilter(
        only=_names(options.tools),
        exclude=_names(options.exclude_tools) or frozenset(),
        read_only=options.read_only,
    )
    try:
        serve_stdio(partial(opened, read_settings()), local_principal(), tool_filter)
    except ConfigurationError as error:
        sys.stderr.write(f"ringfence: {error.message}\n{for_person(error.remedy)}\n")
        return USAGE_ERROR
    return 0


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Opened]:
    """The installation, opened in a thread: the client's other messages are answered meanwhile.

    The approval page lives beside it, from the moment that somebody is awaited.
    """
    from anyio import CancelScope, create_task_group, to_thread

    from ringfence_server.installation import Opened

    premises = await to_thread.run_sync(_open, settings)
    keeper = premises.page_keeper()

    async def run_forever() -> None:
        async with create_task_group() as tasks:
            tasks.start_soon(keeper.watch)
            await premises.runner.run()

    try:
        yield Opened(premises.desk, run_forever=run_forever, approve_at=keeper.addresses)
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(keeper.close)
        premises.close()


def _open(settings: Settings) -> Premises:
    from ringfence_server.opening import open_installation

    return open_installation(settings)


def _names(text: str | None) -> frozenset[str] | None:
    """`a,b` as names; None where nothing was said."""
    if text is None:
        return None
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def option_names() -> list[tuple[str, str]]:
    """Every option with what it does, for shell completion."""
    actions = parser()._actions  # argparse tells it nowhere else
    return [(name, each.help or "") for each in actions for name in each.option_strings[-1:]]


def parser() -> ArgumentParser:
    """The options of `ringfence serve`."""
    options = ArgumentParser(
        prog="ringfence serve",
        description="Serve an assistant over MCP, on stdin and stdout; its client starts this.",
        epilog=f"Example: {EXAMPLE}",
        allow_abbrev=False,
    )
    options.add_argument(
        "--transport", choices=["stdio"], default="stdio", help="how the client is connected"
    )
    options.add_argument(
        "--read-only", action="store_true", help="list only tools that change nothing"
    )
    options.add_argument("--tools", metavar="A,B", help="list only these tools")
    options.add_argument("--exclude-tools", metavar="A,B", help="list every tool but these")
    return options
