"""Dialogs: what a client can show a person, and the two requests that make it do so.

A form's answer can approve where level `client` is enough. A page is only pointed at: to accept means
that the person will open it, and what they decide there is read from the store.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import Any, Protocol

from mcp.server.mcpserver import Context
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError
from mcp_types import (
    ElicitationCapability,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    ElicitResult,
)

from ringfence.intents import Intent
from ringfence_server.question import SCHEMA, message, page_message


def has_forms(context: Context[Any, Any]) -> bool:
    """Whether the client says that it can show a form; an empty declaration means just that."""
    declared = _declared(context)
    return declared is not None and (declared.form is not None or declared.url is None)


def has_urls(context: Context[Any, Any]) -> bool:
    """Whether the client says that it can take a person to a page."""
    declared = _declared(context)
    return declared is not None and declared.url is not None


def _declared(context: Context[Any, Any]) -> ElicitationCapability | None:
    capabilities = context.client_capabilities
    return capabilities.elicitation if capabilities else None


class Dialog(Protocol):
    """One way of asking, about one intent."""

    def request(self) -> ElicitRequest:
        """The question as the new era sends it: part of a result."""
        ...

    async def open(self, session: ServerSession, request_id: Any) -> ElicitResult:
        """Ask as the old era does: a request that is open until the person answers."""
        ...

    async def close(self, session: ServerSession, request_id: Any) -> None:
        """Tell a client of the old era that the person has decided."""
        ...


class FormDialog:
    """Facts of the intent, and a field for four digits."""

    def __init__(self, intent: Intent) -> None:
        self._message = message(intent)

    def request(self) -> ElicitRequest:
        params = ElicitRequestFormParams(message=self._message, requested_schema=SCHEMA)
        return ElicitRequest(params=params)

    async def open(self, session: ServerSession, request_id: Any) -> ElicitResult:
        answer: ElicitResult = await session.elicit_form(self._message, SCHEMA, request_id)
        return answer

    async def close(self, session: ServerSession, request_id: Any) -> None:
        """A form is closed by cancelling the request."""


class PageDialog:
    """Facts of the intent, and the address of its page."""

    def __init__(self, intent: Intent, address: str) -> None:
        self._message, self._address = page_message(intent), address
        # The old era wants a name for each asking, and an intent may be asked about twice.
        self._id = f"{intent.intent_id}.{secrets.token_hex(4)}"

    def request(self) -> ElicitRequest:
        params = ElicitRequestURLParams(message=self._message, url=self._address)
        return ElicitRequest(params=params)

    async def open(self, session: ServerSession, request_id: Any) -> ElicitResult:
        answer: ElicitResult = await session.elicit_url(
            self._message, self._address, self._id, request_id
        )
        return answer

    async def close(self, session: ServerSession, request_id: Any) -> None:
        with suppress(MCPError):  # a courtesy: the client may be gone
            await session.send_elicit_complete(self._id, request_id)
