"""Resources: what the read tools show, as documents that a client can keep in view and subscribe to.

A resource is offered where the tool is listed that shows the same, so it never shows more. The
lists are static and open nothing; what is read belongs to the principal who reads it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, Resource, ResourceTemplate

from ringfence.errors import InvalidArguments, NotFound, RingfenceError

if TYPE_CHECKING:
    from ringfence_tools.operation import AnyOperation, Call

JSON = "application/json"
INTENT_URI = "ringfence://intents/"
INTENT_TEMPLATE = f"{INTENT_URI}{{intent_id}}"
MAX_NUMBERS = 100
"""On one page, as list_numbers has it; the rest has a cursor for that tool."""
MAX_URI_SHOWN = 100

_INTENT = re.compile(re.escape(INTENT_URI) + r"(?P<intent_id>[^/?#]{1,64})")


@dataclass(frozen=True)
class Shown:
    """One resource, and the tools any of which shows the same."""

    uri: str
    name: str
    title: str
    description: str
    tools: frozenset[str]


SPENDING = Shown(
    "ringfence://spending",
    "spending",
    "Spending",
    "Limits, what is spent, held and left, and whether spending is frozen.",
    frozenset({"show_spending"}),
)
NUMBERS = Shown(
    "ringfence://numbers",
    "numbers",
    "Our numbers",
    "The numbers we pay for: cost, assignment, renewal, what blocks calls or SMS.",
    frozenset({"list_numbers"}),
)
CARRIERS = Shown(
    "ringfence://carriers",
    "carriers",
    "Carriers",
    "Whom we could buy from, and in which countries; no carrier is asked.",
    frozenset({"search_numbers", "check_requirements"}),
)
INTENT = Shown(
    INTENT_TEMPLATE,
    "intent",
    "An intent",
    "One purchase, release or move that was proposed: state, who must act, until when.",
    frozenset({"get_intent"}),
)
STATIC = (SPENDING, NUMBERS, CARRIERS)


class Resources:
    """The resources of a server that lists these tools."""

    def __init__(self, listed: Set[str]) -> None:
        self._listed = listed

    def listed(self) -> list[Resource]:
        """What can be read without knowing an id."""
        return [
            Resource(
                uri=each.uri,
                name=each.name,
                title=each.title,
                description=each.description,
                mime_type=JSON,
            )
            for each in STATIC
            if self._is_offered(each)
        ]

    def templates(self) -> list[ResourceTemplate]:
        """What can be read with an id."""
        return [
            ResourceTemplate(
                uri_template=each.uri,
                name=each.name,
                title=each.title,
                description=each.description,
                mime_type=JSON,
            )
            for each in (INTENT,)
            if self._is_offered(each)
        ]

    def check(self, uri: str) -> None:
        """Know an address before anything is opened for it.

        Raises:
            MCPError: no resource that is offered has such an address.
        """
        shown = INTENT if intent_id_of(uri) else next((s for s in STATIC if s.uri == uri), None)
        if shown is None or not self._is_offered(shown):
            raise not_found(uri)

    def check_template(self, uri_template: str) -> None:
        """Know a template.

        Raises:
            MCPError: there is no such template here.
        """
        if uri_template not in {each.uri_template for each in self.templates()}:
            raise not_found(uri_template)

    async def read(self, uri: str, call: Call, operations: Mapping[str, AnyOperation]) -> str:
        """A resource as JSON text, as this caller may see it.

        Raises:
            MCPError: no such resource for this caller; another principal's looks the same.
            RingfenceError: the store cannot be read.
        """
        self.check(uri)
        intent_id = intent_id_of(uri)
        if intent_id is None:
            document = await _READ[uri](call, operations)
        else:
            document = await _intent(uri, intent_id, call, operations)
        return json.dumps(document, ensure_ascii=False, indent=1)

    def _is_offered(self, shown: Shown) -> bool:
        return bool(shown.tools & self._listed)


def intent_id_of(uri: str) -> str | None:
    """What an address names as an intent's id; None where it is no intent's."""
    found = _INTENT.fullmatch(uri)
    return found and found["intent_id"]


def not_found(uri: str) -> MCPError:
    """The error for what is not there, or not this caller's."""
    shown = uri[:MAX_URI_SHOWN]
    return MCPError(INVALID_PARAMS, f"Unknown resource: {shown}", {"uri": shown})


async def _numbers(call: Call, operations: Mapping[str, AnyOperation]) -> dict[str, Any]:
    return await _result_of("list_numbers", {"limit": MAX_NUMBERS}, call, operations)


async def _carriers(call: Call, _operations: Mapping[str, AnyOperation]) -> dict[str, Any]:
    from ringfence_tools.carriers_result import carriers_result

    return (await carriers_result(call)).as_document()


async def _spending(call: Call, operations: Mapping[str, AnyOperation]) -> dict[str, Any]:
    return await _result_of("show_spending", {}, call, operations)


async def _intent(
    uri: str, intent_id: str, call: Call, operations: Mapping[str, AnyOperation]
) -> dict[str, Any]:
    from ringfence_tools.refusal import error_document

    try:
        return await _result_of("get_intent", {"intent_id": intent_id}, call, operations)
    except (InvalidArguments, NotFound) as error:
        raise not_found(uri) from error
    except RingfenceError as error:
        if error.details.get("intent_id") != intent_id:
            raise
        # The guard refused it: the refusal is all there is to see, as the tool shows it.
        return error_document(error, call.surface.tools)


async def _result_of(
    tool: str, raw: dict[str, Any], call: Call, operations: Mapping[str, AnyOperation]
) -> dict[str, Any]:
    from ringfence_tools.parsing import parse

    operation = operations[tool]
    result = await operation.run(call, parse(operation, raw))
    document: dict[str, Any] = result.as_document()
    return document


Read = Callable[["Call", "Mapping[str, AnyOperation]"], Awaitable[dict[str, Any]]]

_READ: Mapping[str, Read] = {
    SPENDING.uri: _spending,
    NUMBERS.uri: _numbers,
    CARRIERS.uri: _carriers,
}
