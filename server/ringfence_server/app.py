"""The MCP server: the catalogue as tools, prompts and resources, for clients of both protocol eras.

It is the SDK's server with its seams taken over: what it lists, and what a call, a prompt and a
look at a resource run. Until the first call nothing is loaded that the list does not need: no tool, no model, no
database, no carrier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver import server as sdk
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    GetPromptResult,
    InputRequiredResult,
    PaginatedRequestParams,
    Prompt,
    Resource,
    ResourceTemplate,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    Tool,
    UnsubscribeRequestParams,
)
from pydantic.networks import AnyUrl

from ringfence import __version__
from ringfence_server.installation import Installation, OpenDesk, installation
from ringfence_server.listing import EVERY_TOOL, Catalog, Listing, ToolFilter, every_operation
from ringfence_server.prompting import Prompting
from ringfence_server.resources import JSON, Resources
from ringfence_server.subscriptions import Subscriptions

if TYPE_CHECKING:
    from mcp.shared._stream_protocols import ReadStream, WriteStream
    from mcp.shared.message import SessionMessage

    from ringfence_server.calls import Calls
    from ringfence_server.intent_stories import Intents
    from ringfence_server.reading import Reader

LIST_TTL_MS = 3_600_000
"""A list changes with the version only; an hour after an upgrade every client has seen it."""
CACHE_HINTS: dict[CacheableMethod, CacheHint] = {
    "prompts/list": CacheHint(LIST_TTL_MS, "public"),
    "resources/list": CacheHint(LIST_TTL_MS, "public"),
    "resources/templates/list": CacheHint(LIST_TTL_MS, "public"),
    "resources/read": CacheHint(0, "private"),  # the principal's own, and old at once
}
MAX_NAME_SHOWN = 64


def build_server(
    open_desk: OpenDesk,
    principal: Callable[[], str],
    *,
    tool_filter: ToolFilter = EVERY_TOOL,
    catalog: Catalog = every_operation,
    intents: Callable[[], Intents] | None = None,
) -> RingfenceServer:
    """The server over an installation that is opened with the first call.

    Args:
        open_desk: opens the installation; not touched before a call needs it.
        principal: who calls; from a verified token or the operator's configuration, never from
            what a client says of itself.
        tool_filter: what an operator lets it list.
        catalog: the operations; loaded with the first call unless the filter needs them before.
        intents: the desk's functions about one intent.

    Raises:
        ConfigurationError: the filter names an unknown tool, or leaves none.
    """
    is_usual = tool_filter == EVERY_TOOL and catalog is every_operation
    listing = Listing.stored() if is_usual else Listing.of(tool_filter.chosen(catalog()))

    def calls() -> Calls:
        from ringfence_server.calls import Calls
        from ringfence_server.intent_stories import intents_of_the_desk

        operations = {operation.name: operation for operation in tool_filter.chosen(catalog())}
        return Calls(operations, principal, (intents or intents_of_the_desk)())

    return RingfenceServer(listing, calls, open_desk)


class RingfenceServer(MCPServer[Installation]):
    """An MCP server whose tools are ringfence's operations."""

    def __init__(
        self, listing: Listing, load_calls: Callable[[], Calls], open_desk: OpenDesk
    ) -> None:
        self._listing = listing
        self._load_calls = load_calls
        with _logging_left_alone():
            super().__init__(
                "ringfence",
                title="ringfence",
                version=__version__,
                instructions=listing.instructions,
                lifespan=lambda _server: installation(open_desk),
                cache_hints=CACHE_HINTS,
            )
        self._prompting = Prompting(listing.names)
        self._resources = Resources(listing.names)
        self._handle_what_the_sdk_leaves_open()
        # Answered by a plain document: to read it into the SDK's models first gains nothing.
        self._lowlevel_server.add_request_handler(
            "tools/list", PaginatedRequestParams, self._listed
        )

    async def serve(
        self, reading: ReadStream[SessionMessage | Exception], writing: WriteStream[SessionMessage]
    ) -> None:
        """Serve one client over a pair of streams until it leaves."""
        lowlevel = self._lowlevel_server
        await lowlevel.run(reading, writing, lowlevel.create_initialization_options())

    async def list_tools(self) -> list[Tool]:
        """The listed tools, for programs in this process."""
        return [Tool.model_validate(tool, by_name=False) for tool in self._listing.tools]

    async def call_tool(
        self,
        name: str,
        arguments: dict[str, Any],
        context: Context[Installation, Any] | None = None,
    ) -> CallToolResult | InputRequiredResult:
        """Call a listed tool; every refusal is a result.

        Raises:
            MCPError: no such tool is listed.
        """
        if name not in self._listing.names:
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {name[:MAX_NAME_SHOWN]}")
        if context is None:
            raise ValueError("A call needs the client that it comes from.")
        return await self._calls.answer(name, arguments, context)

    async def list_prompts(self) -> list[Prompt]:
        """The prompts whose tools are listed."""
        return self._prompting.menu()

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        _context: Context[Installation, Any] | None = None,
    ) -> GetPromptResult:
        """A prompt, filled in; nothing is opened for it.

        Raises:
            MCPError: no such prompt is offered, or an argument is not right.
        """
        return self._prompting.get(name, arguments or {})

    async def list_resources(self) -> list[Resource]:
        """The resources that show what listed tools show."""
        return self._resources.listed()

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """The same for those that are found by an id."""
        return self._resources.templates()

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Installation, Any] | None = None
    ) -> Iterable[ReadResourceContents]:
        """A resource as its caller may see it.

        Raises:
            MCPError: no such resource for this caller, or it cannot be read now.
        """
        self._resources.check(str(uri))
        if context is None:
            raise ValueError("A look needs the client that it comes from.")
        return [ReadResourceContents(await self._reader.read(str(uri), context), JSON)]

    @cached_property
    def _calls(self) -> Calls:
        return self._load_calls()

    @cached_property
    def _reader(self) -> Reader:
        from ringfence_server.reading import Reader

        return Reader(self._resources, self._calls)

    async def _completed(
        self, context: ServerRequestContext[Installation, Any], params: CompleteRequestParams
    ) -> CompleteResult:
        from ringfence_server.completing import Completing

        completing = Completing(self._prompting, self._resources, self._calls)
        return await completing.complete(context, params)

    def _handle_what_the_sdk_leaves_open(self) -> None:
        lowlevel = self._lowlevel_server
        subscriptions = Subscriptions(
            self._resources,
            lambda: self._reader,
            bus=self._subscriptions,
            listed=self._listing.names,
        )
        lowlevel.add_request_handler("completion/complete", CompleteRequestParams, self._completed)
        lowlevel.add_request_handler(
            "resources/subscribe", SubscribeRequestParams, subscriptions.subscribe
        )
        lowlevel.add_request_handler(
            "resources/unsubscribe", UnsubscribeRequestParams, subscriptions.unsubscribe
        )
        lowlevel.add_request_handler(
            "subscriptions/listen", SubscriptionsListenRequestParams, subscriptions.listen
        )

    async def _listed(
        self, _context: ServerRequestContext[Installation, Any], _params: PaginatedRequestParams
    ) -> dict[str, Any]:
        # The old era knows no caching; the SDK takes these fields out of its answers.
        return {
            "resultType": "complete",
            "ttlMs": LIST_TTL_MS,
            "cacheScope": "public",
            "tools": list(self._listing.tools),
        }

    def _tool_input_schema(self, name: str) -> dict[str, Any] | None:
        schemas = {tool["name"]: tool["inputSchema"] for tool in self._listing.tools}
        return schemas.get(name)


@contextmanager
def _logging_left_alone() -> Iterator[None]:
    """Keep the SDK's constructor from setting up logging.

    That is the process's own affair, and the SDK's way loads rich: a tenth of the start.
    """
    configure = vars(sdk)["configure_logging"]
    vars(sdk)["configure_logging"] = lambda _level: None
    try:
        yield
    finally:
        vars(sdk)["configure_logging"] = configure
