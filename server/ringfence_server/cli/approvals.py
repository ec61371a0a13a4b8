"""The approval page from a terminal: serve it where no server does, and open it."""

from __future__ import annotations

import signal
import sys
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio import CancelScope, to_thread

from ringfence.errors import ConfigurationError, NotAuthorized
from ringfence.guard import viewing
from ringfence_server.approvals.keeping import Keeper
from ringfence_server.cli.at_work import in_premises, premises
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, show
from ringfence_server.opening import Premises


def serve_page() -> Exit:
    """Serve the approval page in this terminal, and finish what is approved, until Ctrl-C."""
    return in_premises(_serve)


def open_page(*, as_json: Json = False) -> Exit:
    """Print the approval page's address, and open it in a browser.

    With --json it only prints. There is a page while a server awaits somebody, or serves it here. Where the policy
    names a public address, that is printed too; what is opened is the page of this machine.
    """
    with premises() as opened:
        url = opened.page_keeper().living()
        public = _public(opened)
    if url is None:
        raise ConfigurationError(
            "No approval page is being served.",
            remedy="Run: ringfence approvals serve",
        )
    show({"url": url, "public_url": public}, *_addresses(url, public), as_json=as_json)
    if not as_json and sys.stdout.isatty():
        webbrowser.open(url)
    return Exit.DONE


async def _serve(opened: Premises) -> Exit:
    async with at_the_page(opened.page_keeper()) as (keeper, signals):
        url = await keeper.address()
        if url is None:
            raise ConfigurationError(
                f"{opened.settings.approvals_url} belongs to another program; a live installation has "
                "its page there or nowhere.",
                remedy="End that program, or set RINGFENCE_APPROVALS_URL to another port.",
            )
        told = (
            "" if keeper.is_owner else "\nAnother process serves it; this one takes over from it."
        )
        text = "\n".join(_addresses(url, await to_thread.run_sync(_public, opened)))
        show({}, f"{text}{told}\nCtrl-C ends this.", as_json=False)
        await until_told(opened, keeper, signals)
    return Exit.DONE


Signals = AsyncIterator[signal.Signals]


async def until_told(opened: Premises, keeper: Keeper, signals: Signals) -> None:
    """Keep the page and execute what is approved, until a signal says to end."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keeper.watch_always)
        tasks.start_soon(opened.runner.run)
        await anext(signals)
        tasks.cancel_scope.cancel()


def _public(opened: Premises) -> str | None:
    """The page's public address; None where the policy names none that anybody stands for."""
    try:
        named = opened.desk.store.read_now(viewing.public_page)
    except NotAuthorized:
        return None
    return named.public_url if named is not None else None


def _addresses(url: str, public: str | None) -> list[str]:
    return [url] if public is None else [url, f"For phones and other machines: {public}"]


@asynccontextmanager
async def at_the_page(keeper: Keeper) -> AsyncIterator[tuple[Keeper, Signals]]:
    """A keeper that lets go of the page at the end, and the signals that say when that is."""
    # Whoever has read the page's address may end us at once, and must not meet the signals' own ways.
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        try:
            yield keeper, aiter(signals)
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(keeper.close)
