"""Completions: what a person could mean while filling in a prompt or an address, as far as it is theirs to see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    PromptReference,
)

from ringfence.desk import Desk, suggesting
from ringfence_server.calls import Calls
from ringfence_server.installation import Installation
from ringfence_server.prompting import Prompting
from ringfence_server.protocol_errors import told_to_the_host
from ringfence_server.resources import Resources
from ringfence_tools.vocabulary import TypeOnSale

MAX_VALUES = 100
"""In one answer, as the protocol has it."""
MAX_NAME_SHOWN = 64


@dataclass(frozen=True)
class Completing:
    """Completes for the callers of one server."""

    prompting: Prompting
    resources: Resources
    calls: Calls

    async def complete(
        self, request: ServerRequestContext[Installation, Any], params: CompleteRequestParams
    ) -> CompleteResult:
        """Values that begin with what was typed.

        Raises:
            MCPError: no such prompt, address or argument, or the store cannot be read.
        """
        name, typed = params.argument.name, params.argument.value
        if name not in self._arguments(params):
            raise MCPError(INVALID_PARAMS, f"Unknown argument: {name[:MAX_NAME_SHOWN]}")
        values = await self._values(name, request.lifespan_context)
        matching = [value for value in values if value.lower().startswith(typed.lower())]
        return CompleteResult(
            completion=Completion(
                values=matching[:MAX_VALUES],
                total=len(matching),
                has_more=len(matching) > MAX_VALUES,
            )
        )

    def _arguments(self, params: CompleteRequestParams) -> Sequence[str]:
        if isinstance(params.ref, PromptReference):
            return [argument.name for argument in self.prompting.offered(params.ref.name).arguments]
        self.resources.check_template(params.ref.uri)
        return ["intent_id"]

    async def _values(self, name: str, installation: Installation) -> Sequence[str]:
        if name == "type":
            return get_args(TypeOnSale)
        if name not in _STORIES or not _SHOWN_BY.get(name, set()) <= self.calls.operations.keys():
            return ()
        with told_to_the_host("a completion", frozenset(self.calls.operations)):
            opened = await installation.opened()
            return await _STORIES[name](opened.desk, self.calls.principal())


_STORIES: Mapping[str, Callable[[Desk, str], Awaitable[Sequence[str]]]] = {
    "assistant_id": suggesting.assistants,
    "country": suggesting.countries,
    "number": suggesting.numbers,
    "intent_id": suggesting.intent_ids,
}
_SHOWN_BY = {"number": {"list_numbers"}, "intent_id": {"get_intent"}}
"""No completion shows what no listed tool would; the others are in what every tool answers to a wrong value."""
