"""What a model reads and writes to get assistant reception a number in area code 415: in one call, and by hand.

    python bench/tokens.py [--era auto] [--check]

A real server in this process, over an installation of its own; a person consents in a form, or at the terminal where
the client has no forms. Bytes are those of JSON as it travels: a call's name and arguments, its result with text and
structured content. Tokens are estimated as a quarter of the bytes. `--check` exits with 1 above the bars.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from mcp_types import ElicitResult

from ringfence.desk.consenting import approve_at_terminal, show
from ringfence_server.app import build_server
from ringfence_server.cli.serving import opened
from ringfence_server.opening import open_installation
from ringfence_server.settings import Settings

BYTES_PER_TOKEN = 4
MAX_LIST_BYTES = 26_000
MAX_CALLS_BY_HAND = 4
ENOUGH_SECONDS = 60
WISH = {"assistant_id": "reception", "country": "US", "area_code": "415"}


@dataclass(frozen=True)
class Spoken:
    """One call: bytes of what the model wrote, and of what it read, as text and as structured content."""

    tool: str
    request: int
    text: int
    structured: int

    @property
    def total(self) -> int:
        return self.request + self.text + self.structured


class Conversation:
    """A client's calls of one server, each measured."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.calls: list[Spoken] = []

    async def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool, expect facts, and note what it took."""
        result = await self._client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        content = [each.model_dump(mode="json", exclude_none=True) for each in result.content]
        self.calls.append(
            Spoken(
                tool,
                request=size({"name": tool, "arguments": arguments}),
                text=size(content),
                structured=size(result.structured_content),
            )
        )
        facts: dict[str, Any] = result.structured_content or {}
        return facts


Approve = Callable[[str], Awaitable[None]]
Way = Callable[[Conversation, Approve | None], Awaitable[str]]


async def in_one_call(conversation: Conversation, approve: Approve | None) -> str:
    """With provision_number; without forms the same call once more, when the person has consented."""
    answer = await conversation.ask("provision_number", **WISH)
    if approve is not None:
        await approve(answer["intent"]["intent_id"])
        answer = await conversation.ask("provision_number", **WISH, wait_seconds=25)
    number: str = answer["number"]
    return number


async def by_hand(conversation: Conversation, approve: Approve | None) -> str:
    """Search, buy, look at the intent where that is needed, list."""
    found = await conversation.ask("search_numbers", country="US", area_code="415")
    offer_id = found["offers"][0]["offer_id"]
    bought = await conversation.ask("buy_numbers", items=[offer_id], assistant_id="reception")
    if approve is not None:
        await approve(bought["intent_id"])
        bought = await conversation.ask(
            "get_intent", intent_id=bought["intent_id"], wait_seconds=25
        )
    assert bought["state"] == "completed"
    [listed] = (await conversation.ask("list_numbers", assistant_id="reception"))["numbers"]
    number: str = listed["number"]
    return number


def size(document: object) -> int:
    """Bytes of a document as JSON without white space."""
    return len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())


async def types_the_digits(_context: Any, params: Any) -> ElicitResult:
    """A person who reads the form and agrees."""
    digits = params.message.partition("last four digits of ")[2].partition(";")[0][-4:]
    return ElicitResult(action="accept", content={"last_four": digits})


async def approve_at(settings: Settings, intent_id: str) -> None:
    """A person at the terminal, who agrees."""
    premises = open_installation(settings)
    try:
        digest = (await show(premises.desk, intent_id)).digest
        await approve_at_terminal(premises.desk, intent_id, digest=digest, person="bench")
    finally:
        premises.close()


async def converse(way: Way, era: str, *, has_forms: bool) -> list[Spoken]:
    """One conversation with an installation of its own."""
    with tempfile.TemporaryDirectory() as home, anyio.fail_after(ENOUGH_SECONDS):
        settings = Settings(home=Path(home), approvals_url="http://localhost:0")
        server = build_server(partial(opened, settings), lambda: "local:bench")
        asked = types_the_digits if has_forms else None
        async with Client(server, mode=era, elicitation_callback=asked) as client:
            conversation = Conversation(client)
            approve = None if has_forms else partial(approve_at, settings)
            assert (await way(conversation, approve)).startswith("+1415")
            return conversation.calls


async def listed(era: str) -> tuple[int, int, int]:
    """How many tools a server lists, in how many bytes, and the bytes of its instructions."""
    with tempfile.TemporaryDirectory() as home:
        server = build_server(partial(opened, Settings(home=Path(home))), lambda: "local:bench")
        async with Client(server, mode=era) as client:
            tools = (await client.list_tools()).tools
            plain = [
                tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools
            ]
            return len(plain), size({"tools": plain}), len((client.instructions or "").encode())


def show_calls(title: str, calls: list[Spoken]) -> None:
    count = f"{len(calls)} call{'s' if len(calls) > 1 else ''}"
    total = sum(call.total for call in calls)
    print(f"\n{title}: {count}, {written(total)}")
    for call in calls:
        print(
            f"  {call.tool:17} request {call.request:5}   text {call.text:5}   "
            f"structured {call.structured:5}"
        )


def written(count: int) -> str:
    """`1234 bytes, about 309 tokens`."""
    return f"{count} bytes, about {-(-count // BYTES_PER_TOKEN)} tokens"


async def measure(era: str) -> bool:
    """Print everything; whether it is within the bars."""
    tools, list_bytes, instructions = await listed(era)
    print(f"tools/list, {tools} tools: {written(list_bytes)}")
    print(f"instructions: {written(instructions)}")
    is_good = list_bytes <= MAX_LIST_BYTES
    for has_forms, where in ((True, "a form"), (False, "consent at the terminal")):
        one = await converse(in_one_call, era, has_forms=has_forms)
        hand = await converse(by_hand, era, has_forms=has_forms)
        show_calls(f"provision_number, {where}", one)
        show_calls(f"by hand, {where}", hand)
        is_good = is_good and len(hand) <= MAX_CALLS_BY_HAND
        is_good = is_good and len(one) == (1 if has_forms else 2)
    return is_good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--era", choices=("auto", "legacy"), default="auto")
    parser.add_argument("--check", action="store_true", help="exit with 1 above the bars")
    options = parser.parse_args()
    is_good = anyio.run(measure, options.era)
    print(f"\n{'within' if is_good else 'ABOVE'} the bars")
    return int(options.check and not is_good)


if __name__ == "__main__":
    sys.exit(main())
