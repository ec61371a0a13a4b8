"""A sandbox installation on disk as several of its processes and callers see it, for tests of the server."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import anyio
from mcp import Client, MCPDeprecationWarning
from mcp.client.subscriptions import ResourceUpdated
from mcp_types import ResourceUpdatedNotification, TextResourceContents

from ringfence.desk.consenting import approve_at_terminal, decline_at_terminal, show
from ringfence_server.app import RingfenceServer, build_server
from ringfence_server.cli.serving import opened
from ringfence_server.listing import EVERY_TOOL, ToolFilter
from ringfence_server.opening import Premises, open_installation
from ringfence_server.settings import Settings

ENOUGH_SECONDS = 60
"""For a whole conversation with a busy machine; none of it waits for time to pass."""


def server_of(
    settings: Settings, principal: str = "local:ada", tool_filter: ToolFilter = EVERY_TOOL
) -> RingfenceServer:
    """A server of this installation for one caller."""
    return build_server(partial(opened, settings), lambda: principal, tool_filter=tool_filter)


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool and expect facts, not a refusal."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    facts: dict[str, Any] = result.structured_content or {}
    return facts


async def proposed(client: Client, *, area_code: str = "415", place: int = 0) -> str:
    """The id of an intent to buy a number, which waits for a person."""
    found = await ask(client, "search_numbers", country="US", area_code=area_code)
    offer = found["offers"][place]
    bought = await ask(client, "buy_numbers", items=[offer["offer_id"]])
    assert bought["state"] == "awaiting_approval"
    intent_id: str = bought["intent_id"]
    return intent_id


async def text_of(client: Client, uri: str) -> str:
    """A resource's one text."""
    [contents] = (await client.read_resource(uri)).contents
    assert isinstance(contents, TextResourceContents)
    assert (contents.uri, contents.mime_type) == (uri, "application/json")
    return contents.text


@contextmanager
def elsewhere(settings: Settings) -> Iterator[Premises]:
    """Another process of the installation, for all that the server can tell: no bell of ours rings."""
    premises = open_installation(settings)
    try:
        yield premises
    finally:
        premises.close()


async def approve_elsewhere(settings: Settings, intent_id: str) -> None:
    with elsewhere(settings) as premises:
        digest = (await show(premises.desk, intent_id)).digest
        await approve_at_terminal(premises.desk, intent_id, digest=digest, person="ada")


async def decline_elsewhere(settings: Settings, intent_id: str) -> None:
    with elsewhere(settings) as premises:
        await decline_at_terminal(premises.desk, intent_id, person="ada", reason=None)


class Subscriber:
    """Hears of changes in either era; its calling is the client's message handler."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self._has_stream = False  # whose events reach the handler as well
        self._news = anyio.Event()

    async def __call__(self, message: object) -> None:
        if isinstance(message, ResourceUpdatedNotification) and not self._has_stream:
            self._hear(message.params.uri)

    @asynccontextmanager
    async def to(self, client: Client, mode: str, *uris: str) -> AsyncIterator[list[str]]:
        """Be subscribed to these meanwhile; yields those that the server accepted."""
        if mode == "legacy":
            for uri in uris:
                await subscribe(client, uri)
            yield list(uris)
            for uri in uris:
                await unsubscribe(client, uri)
            return
        self._has_stream = True
        async with (
            client.listen(resource_subscriptions=uris) as stream,
            anyio.create_task_group() as tasks,
        ):

            async def listen() -> None:
                async for event in stream:
                    assert isinstance(event, ResourceUpdated)
                    self._hear(event.uri)

            tasks.start_soon(listen)
            yield list(stream.honored.resource_subscriptions or ())
            tasks.cancel_scope.cancel()

    async def hears_of(self, uri: str) -> None:
        """Wait for the next time that this is told of."""
        with anyio.fail_after(ENOUGH_SECONDS):
            while uri not in self.told:
                await self._news.wait()

    def forget(self) -> None:
        self.told.clear()

    def _hear(self, uri: str) -> None:
        self.told.append(uri)
        self._news.set()
        self._news = anyio.Event()


async def subscribe(client: Client, uri: str) -> None:
    with _of_the_old_era():
        await client.session.subscribe_resource(uri)


async def unsubscribe(client: Client, uri: str) -> None:
    with _of_the_old_era():
        await client.session.unsubscribe_resource(uri)


@contextmanager
def _of_the_old_era() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        yield
