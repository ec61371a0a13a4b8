"""Giving a number back from the assistant's side: a person consents in their client, or elsewhere, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from ringfence_server.app import RingfenceServer, build_server
from ringfence_server.cli.serving import opened
from ringfence_server.settings import Settings
from server.test_purchase_over_mcp import (
    ENOUGH_SECONDS,
    NUMBER,
    Person,
    approve_elsewhere,
    ask,
    find,
    last_four,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def server(settings: Settings) -> RingfenceServer:
    return build_server(partial(opened, settings), lambda: "local:ada")


class Answers:
    """Consents to a purchase; to a release as `typed` says."""

    def __init__(self, typed: Callable[[str], str | None]) -> None:
        self.buying, self.releasing = Person(last_four), Person(typed)

    async def __call__(self, context: Any, params: Any) -> Any:
        is_release = params.message.startswith("Give ")
        return await (self.releasing if is_release else self.buying)(context, params)


async def buy(client: Client) -> None:
    """A number that serves an assistant."""
    offer = await find(client)
    bought = await ask(client, "buy_numbers", items=[offer["offer_id"]], assistant_id="front-desk")
    assert bought["state"] == "completed"


async def listed(client: Client, **wish: Any) -> list[tuple[str, str]]:
    numbers = (await ask(client, "list_numbers", **wish))["numbers"]
    return [(number["number"], number["state"]) for number in numbers]


async def test_an_assistant_gives_a_number_back_with_a_persons_consent(
    mode: str, settings: Settings
) -> None:
    answers = Answers(last_four)
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode=mode, elicitation_callback=answers) as client:
            await buy(client)
            released = await ask(client, "release_number", number=NUMBER, reason="Closed.")
            assert (released["op"], released["state"]) == ("release", "completed")
            again = await ask(client, "release_number", number=NUMBER)
            assert again["intent_id"] == released["intent_id"]
            assert await listed(client) == []
            assert await listed(client, state="released") == [(NUMBER, "released")]
            seen = await ask(client, "get_intent", intent_id=released["intent_id"])
            assert seen["state"] == "completed"
    [message] = answers.releasing.read
    assert "back for good?" in message
    assert "now serving assistant front-desk" in message
    assert "ends 1.00 USD a month" in message
    assert "Closed." not in message, "an assistant's words are no part of the question"


@pytest.mark.parametrize("typed", [None, "9999", "yes"], ids=str)
async def test_a_client_that_says_yes_to_everything_gives_nothing_back(
    mode: str, settings: Settings, typed: str | None
) -> None:
    answers = Answers(lambda _message: typed)
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode=mode, elicitation_callback=answers) as client:
            await buy(client)
            released = await ask(client, "release_number", number=NUMBER)
            assert released["state"] == "awaiting_approval"
            assert await listed(client) == [(NUMBER, "release_requested")]
            refused = await client.call_tool(
                "assign_number", {"number": NUMBER, "assistant_id": "night-desk"}
            )
            assert refused.is_error
            assert refused.structured_content is not None
            assert refused.structured_content["error"]["code"] == "policy_refused"
            withdrawn = await ask(client, "cancel_intent", intent_id=released["intent_id"])
            assert withdrawn["state"] == "cancelled"
            assert await listed(client) == [(NUMBER, "active")]
    assert len(answers.releasing.read) == 1


async def test_without_forms_a_person_decides_elsewhere_while_the_call_waits(
    mode: str, settings: Settings
) -> None:
    with anyio.fail_after(ENOUGH_SECONDS):
        answers = Answers(last_four)
        async with Client(server(settings), mode=mode, elicitation_callback=answers) as client:
            await buy(client)
        async with Client(server(settings), mode=mode) as client, anyio.create_task_group() as t:
            waiting = await ask(client, "release_number", number=NUMBER)
            assert waiting["state"] == "awaiting_approval"
            t.start_soon(approve_elsewhere, settings, waiting["intent_id"])
            again = await ask(client, "release_number", number=NUMBER, wait_seconds=25)
    assert (again["intent_id"], again["state"]) == (waiting["intent_id"], "completed")


async def test_what_is_not_ours_is_not_found(mode: str, settings: Settings) -> None:
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode=mode) as client:
            refused = await client.call_tool("release_number", {"number": NUMBER})
    assert refused.is_error
    assert refused.structured_content is not None
    error = refused.structured_content["error"]
    assert (error["code"], "list_numbers" in error["remedy"]) == ("not_found", True)
