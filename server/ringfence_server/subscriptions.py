"""Subscriptions: telling a client that a resource has changed, whichever process changed it.

A client of the new era listens on a stream that it keeps open (`subscriptions/listen`), one of the
old era subscribes to one address after the other (`resources/subscribe`). Both rest on one watch.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession
from mcp.server.subscriptions import ListenHandler, ResourceUpdated, SubscriptionBus
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    EmptyResult,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from ringfence_server.installation import Installation, Opened
from ringfence_server.protocol_errors import told_to_the_host
from ringfence_server.resources import Resources
from ringfence_server.watch import Topic, Watch

if TYPE_CHECKING:
    from ringfence_server.reading import Reader

MAX_SUBSCRIBED = 100
"""Addresses that one connection or one stream may name: each is read anew after every change."""

Request = ServerRequestContext[Installation, Any]


class Subscriptions:
    """Who is to be told of what, at one server."""

    def __init__(
        self,
        resources: Resources,
        reader: Callable[[], Reader],
        *,
        bus: SubscriptionBus,
        listed: Set[str],
    ) -> None:
        self._resources = resources
        self._reader = reader
        self._listen = ListenHandler(bus)
        self._bus = bus
        self._listed = listed
        self._watches: WeakKeyDictionary[Installation, Watch] = WeakKeyDictionary()
        self._subscribed: dict[Connection, dict[Topic, ServerSession]] = {}

    async def listen(
        self, request: Request, params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Serve one stream; addresses that are not this caller's are not acknowledged.

        Raises:
            MCPError: too many addresses, or the store cannot be read.
        """
        asked = dict.fromkeys(params.notifications.resource_subscriptions or ())
        if not asked:  # the lists never change while we run: there is nothing to watch
            return await self._listen(request, params)
        if len(asked) > MAX_SUBSCRIBED:
            raise _too_many()
        watch, found = self._watch(request), []
        with ExitStack() as watched:
            for uri in asked:
                if (topic := await self._started(uri, watch, request)) is not None:
                    watched.callback(watch.stop, topic)
                    found.append(uri)
            wanted = params.notifications.model_copy(update={"resource_subscriptions": found})
            return await self._listen(request, params.model_copy(update={"notifications": wanted}))

    async def subscribe(self, request: Request, params: SubscribeRequestParams) -> EmptyResult:
        """Tell this connection when that resource changes.

        Raises:
            MCPError: no such resource for this caller, too many, or the store cannot be read.
        """
        self._resources.check(params.uri)
        watch, connection = self._watch(request), _connection(request)
        if connection not in self._subscribed:
            self._subscribed[connection] = {}
            connection.exit_stack.callback(self._forget, connection, watch)
        mine = self._subscribed[connection]
        if self._topic(params.uri) not in mine and len(mine) >= MAX_SUBSCRIBED:
            raise _too_many()
        topic = await self._start(params.uri, watch, request)
        if topic in mine or connection not in self._subscribed:  # twice, or gone meanwhile
            watch.stop(topic)
        mine[topic] = request.session
        return EmptyResult()

    async def unsubscribe(self, request: Request, params: UnsubscribeRequestParams) -> EmptyResult:
        """Tell it no more; one that was not told is none the worse for it."""
        topic = self._topic(params.uri)
        if self._subscribed.get(_connection(request), {}).pop(topic, None) is not None:
            self._watch(request).stop(topic)
        return EmptyResult()

    async def _started(self, uri: str, watch: Watch, request: Request) -> Topic | None:
        """What is watched from now on; None where there is no such resource for this caller."""
        try:
            return await self._start(uri, watch, request)
        except MCPError as error:
            if error.code != INVALID_PARAMS:
                raise
            return None

    async def _start(self, uri: str, watch: Watch, request: Request) -> Topic:
        self._resources.check(uri)
        topic = self._topic(uri)
        with told_to_the_host("a subscription", self._listed):
            await watch.start(topic, request.lifespan_context)
        return topic

    def _topic(self, uri: str) -> Topic:
        return Topic(self._reader().calls.principal(), uri)

    def _watch(self, request: Request) -> Watch:
        return self._watches.setdefault(request.lifespan_context, Watch(self._look, self._tell))

    async def _look(self, topic: Topic, opened: Opened) -> str:
        return await self._reader().look(topic.uri, topic.principal, opened)

    async def _tell(self, topic: Topic) -> None:
        # A stream hears only of addresses that were acknowledged, which are its caller's own.
        await self._bus.publish(ResourceUpdated(uri=topic.uri))
        for mine in list(self._subscribed.values()):
            if topic in mine:
                await mine[topic].send_resource_updated(topic.uri)

    def _forget(self, connection: Connection, watch: Watch) -> None:
        """The client has left."""
        for topic in self._subscribed.pop(connection, {}):
            watch.stop(topic)


def _too_many() -> MCPError:
    return MCPError(INVALID_PARAMS, f"At most {MAX_SUBSCRIBED} resources can be subscribed to.")


def _connection(request: Request) -> Connection:
    # The SDK has no public way from a request to its connection, whose a subscription is.
    return request.session._connection
