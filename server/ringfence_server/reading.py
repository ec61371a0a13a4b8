"""Reading resources: for a client that asks, and for the watch that compares."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mcp.server.mcpserver import Context

from ringfence.errors import NotFound
from ringfence_server.calls import Calls
from ringfence_server.consent import surface_for
from ringfence_server.installation import Installation, Opened
from ringfence_server.protocol_errors import told_to_the_host
from ringfence_server.resources import Resources, intent_id_of, not_found
from ringfence_tools.operation import Call, Surface


@dataclass(frozen=True)
class Reader:
    """Reads the resources of one server."""

    resources: Resources
    calls: Calls

    async def read(self, uri: str, context: Context[Installation, object]) -> str:
        """A resource as its caller sees it now, as JSON text.

        Raises:
            MCPError: no such resource for this caller, or it cannot be read now.
        """
        self.resources.check(uri)
        with told_to_the_host("a resource", frozenset(self.calls.operations)):
            opened = await context.request_context.lifespan_context.opened()
            call = Call(opened.desk, self.calls.principal(), self.calls.surface(context))
            call = await self._with_page(uri, call, opened)
            return await self.resources.read(uri, call, self.calls.operations)

    async def look(self, uri: str, principal: str, opened: Opened) -> str:
        """The same for a principal who is not here, to see whether it has changed.

        Raises:
            MCPError: no such resource for this principal.
            RingfenceError: it cannot be read now.
        """
        call = Call(opened.desk, principal, Surface(frozenset(self.calls.operations)))
        return await self.resources.read(uri, call, self.calls.operations)

    async def _with_page(self, uri: str, call: Call, opened: Opened) -> Call:
        """The call, knowing the approval page where a person is awaited there."""
        intent_id = intent_id_of(uri)
        if intent_id is None:
            return call
        try:
            intent = await self.calls.intents.get(call.desk, call.principal, intent_id)
        except NotFound as error:
            raise not_found(uri) from error
        surface = await surface_for(intent, call, self.calls.intents, opened.approve_at)
        return replace(call, surface=surface)
