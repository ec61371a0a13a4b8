"""The main job from the assistant's side: search, reserve, buy with a person's consent, assign, list.

Everything is real but the carrier, which is the sandbox: the tools, the guard, the store on disk.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp_types import ElicitRequestFormParams, ElicitResult, InputRequiredResult

from ringfence.desk.consenting import approve_at_terminal, show
from ringfence_server.app import RingfenceServer, build_server
from ringfence_server.cli.serving import opened
from ringfence_server.opening import open_installation
from ringfence_server.settings import Settings
from server.bare_pipe import environment

NUMBER = "+14155550142"
ENOUGH_SECONDS = 60
"""For a whole conversation with a busy machine; none of it waits for time to pass."""


class Person:
    """Reads the form and types what `typed` makes of the number that is asked about."""

    def __init__(self, typed: Callable[[str], str | None]) -> None:
        self.typed = typed
        self.read: list[str] = []

    async def __call__(self, context: Any, params: Any) -> ElicitResult:
        assert isinstance(params, ElicitRequestFormParams)
        self.read.append(params.message)
        typed = self.typed(params.message)
        content: Any = {} if typed is None else {"last_four": typed}
        return ElicitResult(action="accept", content=content)


def last_four(message: str) -> str:
    """The digits as a person finds them: in the sentence that asks for them."""
    return message.partition("last four digits of ")[2].partition(";")[0][-4:]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def server(settings: Settings) -> RingfenceServer:
    return build_server(partial(opened, settings), lambda: "local:ada")


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool and expect facts, not a refusal."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    facts: dict[str, Any] = result.structured_content or {}
    return facts


async def find(client: Client) -> dict[str, Any]:
    found = await ask(client, "search_numbers", country="US", contains=NUMBER[-7:])
    offers: list[dict[str, Any]] = found["offers"]
    return next(offer for offer in offers if offer["number"] == NUMBER)


async def converse(client: Client) -> None:
    """From a search to a number that serves an assistant."""
    offer = await find(client)
    assert (offer["setup"], offer["monthly"]) == ("1.00 USD", "1.00 USD")
    reserved = await ask(client, "reserve_numbers", offer_ids=[offer["offer_id"]])
    [reservation] = reserved["reservations"]
    bought = await ask(client, "buy_numbers", items=[reservation["reservation_id"]])
    assert (bought["state"], bought["total_now"]) == ("completed", "2.00 USD")
    assigned = await ask(client, "assign_number", number=NUMBER, assistant_id="front-desk")
    assert assigned["number"] == NUMBER
    assert all(step["done"] for step in assigned["steps"])
    [listed] = (await ask(client, "list_numbers"))["numbers"]
    assert (listed["number"], listed["assistant_id"]) == (NUMBER, "front-desk")


async def test_an_assistant_gets_a_number_with_a_persons_consent(
    mode: str, settings: Settings
) -> None:
    person = Person(last_four)
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode=mode, elicitation_callback=person) as client:
            await converse(client)
    [message] = person.read
    assert NUMBER in message
    assert "2.00 USD now" in message


async def test_the_same_over_stdin_and_stdout(mode: str, tmp_path: Path) -> None:
    process = StdioServerParameters(
        command=sys.executable,
        args=["-m", "ringfence_server", "serve"],
        env={**environment(), "RINGFENCE_HOME": str(tmp_path)},
    )
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(process, mode=mode, elicitation_callback=Person(last_four)) as client:
            await converse(client)


@pytest.mark.parametrize("typed", [None, "9999", "yes"], ids=str)
async def test_a_client_that_says_yes_to_everything_buys_nothing(
    mode: str, settings: Settings, typed: str | None
) -> None:
    person = Person(lambda _message: typed)
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode=mode, elicitation_callback=person) as client:
            offer = await find(client)
            bought = await ask(client, "buy_numbers", items=[offer["offer_id"]])
            assert bought["state"] == "awaiting_approval"
            assert (await ask(client, "list_numbers"))["numbers"] == []
    assert len(person.read) == 1
    left = datetime.fromisoformat(bought["consent"]["expires_at"]) - datetime.now(UTC)
    assert left <= timedelta(minutes=15), "a client's no leaves a person little time"


async def test_without_forms_a_person_decides_elsewhere_while_the_call_waits(
    mode: str, settings: Settings
) -> None:
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode=mode) as client, anyio.create_task_group() as t:
            offer = await find(client)
            bought = await ask(client, "buy_numbers", items=[offer["offer_id"]])
            assert bought["state"] == "awaiting_approval"
            assert bought["consent"]["channels"] == ["page", "terminal"]
            t.start_soon(approve_elsewhere, settings, bought["intent_id"])
            again = await ask(client, "buy_numbers", items=[offer["offer_id"]], wait_seconds=25)
    assert (again["intent_id"], again["state"]) == (bought["intent_id"], "completed")


async def approve_elsewhere(settings: Settings, intent_id: str) -> None:
    """A person at a terminal: another process, for all that the server can tell."""
    premises = open_installation(settings)
    try:
        digest = (await show(premises.desk, intent_id)).digest
        await approve_at_terminal(premises.desk, intent_id, digest=digest, person="ada")
    finally:
        premises.close()


async def test_a_dialog_left_open_is_closed_when_a_person_approves_elsewhere(
    settings: Settings,
) -> None:
    is_open = anyio.Event()

    async def nobody_answers(context: Any, params: Any) -> ElicitResult:
        is_open.set()
        await anyio.sleep_forever()
        raise AssertionError

    with anyio.fail_after(ENOUGH_SECONDS):
        client = Client(server(settings), mode="legacy", elicitation_callback=nobody_answers)
        async with client, anyio.create_task_group() as tasks:
            offer = await find(client)

            async def approve_when_open() -> None:
                await is_open.wait()
                async with Client(server(settings), mode="legacy") as other:
                    known = await ask(other, "buy_numbers", items=[offer["offer_id"]])
                await approve_elsewhere(settings, known["intent_id"])

            tasks.start_soon(approve_when_open)
            bought = await ask(client, "buy_numbers", items=[offer["offer_id"]])
    assert bought["state"] == "completed"


async def test_a_question_survives_a_restart_of_the_server(settings: Settings) -> None:
    person = Person(last_four)
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode="auto", elicitation_callback=person) as client:
            items = {"items": [(await find(client))["offer_id"]]}
            asked = await client.session.call_tool("buy_numbers", items, allow_input_required=True)
        assert isinstance(asked, InputRequiredResult)
        assert asked.input_requests is not None
        [(key, request)] = asked.input_requests.items()
        answer = await person(None, request.params)
        async with Client(server(settings), mode="auto", elicitation_callback=person) as client:
            result = await client.call_tool("buy_numbers", items, input_responses={key: answer})
    assert result.structured_content is not None
    assert result.structured_content["state"] == "completed"
