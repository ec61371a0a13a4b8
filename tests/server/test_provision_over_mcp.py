"""Get assistant reception a number in area code 415: one call and one consent, however a person is asked."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, ClientSession
from mcp_types import (
    ClientCapabilities,
    ElicitationCapability,
    ElicitResult,
    InputRequiredResult,
    UrlElicitationCapability,
)

from approvals.test_url_purchase import Browser
from ringfence.desk.consenting import decline_at_terminal, pending
from ringfence.intents import DeclineReason
from ringfence_server.app import RingfenceServer, build_server
from ringfence_server.cli.serving import opened
from ringfence_server.opening import open_installation
from ringfence_server.settings import Settings
from server.test_purchase_over_mcp import Person, approve_elsewhere, ask, last_four

ENOUGH_SECONDS = 60
WISH = {"assistant_id": "reception", "country": "US", "area_code": "415"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, approvals_url="http://localhost:0")


def server(settings: Settings, principal: str = "local:ada") -> RingfenceServer:
    return build_server(partial(opened, settings), lambda: principal)


async def is_served(client: Client, number: str) -> None:
    [listed] = (await ask(client, "list_numbers", assistant_id="reception"))["numbers"]
    assert listed["number"] == number


async def is_told(answer: dict[str, Any]) -> None:
    """A number that was bought and connected, and nothing else."""
    assert set(answer) == {"number", "steps", "reused", "simulated", "next_step"}
    assert answer["number"].startswith("+1415")
    assert answer["reused"] is False
    assert [(step["what"], step["done"]) for step in answer["steps"]] == [("connect", True)]


async def test_with_a_form_it_takes_one_call_and_one_consent(mode: str, settings: Settings) -> None:
    person = Person(last_four)
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode=mode, elicitation_callback=person) as client:
            answer = await ask(client, "provision_number", **WISH)
            await is_told(answer)
            await is_served(client, answer["number"])
            again = await ask(client, "provision_number", **WISH)
    assert (again["number"], again["reused"]) == (answer["number"], True)
    [message] = person.read
    assert answer["number"] in message
    assert "for assistant reception?" in message
    assert "2.00 USD now" in message


async def test_with_a_page_it_takes_one_call_and_one_consent(
    mode: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = ClientCapabilities(elicitation=ElicitationCapability(url=UrlElicitationCapability()))
    monkeypatch.setattr(ClientSession, "_build_capabilities", lambda *_, **__: declared)
    browser = Browser("approve")
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode=mode, elicitation_callback=browser) as client:
            answer = await ask(client, "provision_number", **WISH)
            await is_told(answer)
            await is_served(client, answer["number"])
    assert len(browser.visited) == 1


async def test_without_either_the_same_call_goes_on_after_a_consent_elsewhere(
    mode: str, settings: Settings
) -> None:
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode=mode) as client, anyio.create_task_group() as t:
            asked = await ask(client, "provision_number", **WISH)
            assert set(asked) == {"intent", "simulated", "next_step"}
            intent = asked["intent"]
            assert intent["state"] == "awaiting_approval"
            assert intent["consent"]["channels"] == ["page", "terminal"]
            assert intent["tell_person"].endswith("Never send me a passphrase.")
            t.start_soon(approve_elsewhere, settings, intent["intent_id"])
            answer = await ask(client, "provision_number", **WISH, wait_seconds=25)
            await is_served(client, answer["number"])
    assert answer["number"] == intent["lines"][0]["number"]
    assert all(step["done"] for step in answer["steps"])


async def test_the_role_stands_in_the_question(mode: str, settings: Settings) -> None:
    person = Person(last_four)
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode=mode, elicitation_callback=person) as client:
            await ask(client, "provision_number", **WISH, role="night")
    assert "for assistant reception, role night?" in person.read[0]


async def test_a_client_that_says_yes_to_everything_gets_nothing(
    mode: str, settings: Settings
) -> None:
    person = Person(lambda _message: "9999")
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode=mode, elicitation_callback=person) as client:
            first = await ask(client, "provision_number", **WISH)
            again = await ask(client, "provision_number", **WISH)
            assert (await ask(client, "list_numbers"))["numbers"] == []
    assert first["intent"]["state"] == "awaiting_approval"
    assert again["intent"]["intent_id"] == first["intent"]["intent_id"]


async def test_a_question_survives_a_restart_of_the_server(settings: Settings) -> None:
    person = Person(last_four)
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode="auto", elicitation_callback=person) as client:
            asked = await client.session.call_tool(
                "provision_number", WISH, allow_input_required=True
            )
        assert isinstance(asked, InputRequiredResult)
        assert asked.input_requests is not None
        [(key, request)] = asked.input_requests.items()
        answer = await person(None, request.params)
        async with Client(server(settings), mode="auto", elicitation_callback=person) as client:
            result = await client.call_tool("provision_number", WISH, input_responses={key: answer})
    assert result.structured_content is not None
    await is_told(result.structured_content)


async def test_an_answer_to_what_a_person_declined_meanwhile_asks_for_nothing_new(
    settings: Settings,
) -> None:
    person = Person(last_four)
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode="auto", elicitation_callback=person) as client:
            asked = await client.session.call_tool(
                "provision_number", WISH, allow_input_required=True
            )
            assert isinstance(asked, InputRequiredResult)
            assert asked.input_requests is not None
            [key] = asked.input_requests
            await decline_elsewhere(settings, key, DeclineReason.ANOTHER_NUMBER)
            answers: dict[str, Any] = {
                key: ElicitResult(action="accept", content={"last_four": "0000"})
            }
            result = await client.call_tool("provision_number", WISH, input_responses=answers)
            assert result.structured_content is not None
            assert result.structured_content["intent"]["state"] == "declined"
            assert "Call provision_number again" in result.structured_content["next_step"]
    premises = open_installation(settings)
    assert await pending(premises.desk) == []
    premises.close()


async def decline_elsewhere(settings: Settings, intent_id: str, reason: DeclineReason) -> None:
    premises = open_installation(settings)
    await decline_at_terminal(premises.desk, intent_id, person="ada", reason=reason)
    premises.close()


async def refused(client: Client, **wish: Any) -> dict[str, Any]:
    result = await client.call_tool("provision_number", WISH | wish)
    assert result.is_error
    assert result.structured_content is not None
    assert set(result.structured_content) == {"error"}
    error: dict[str, Any] = result.structured_content["error"]
    return error


async def test_after_stop_it_is_declined(mode: str, settings: Settings) -> None:
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode=mode) as client:
            asked = await ask(client, "provision_number", **WISH)
            await decline_elsewhere(settings, asked["intent"]["intent_id"], DeclineReason.STOP)
            assert (await refused(client))["code"] == "declined"
            assert (await refused(client, area_code="212", role="night"))["code"] == "declined"


async def test_what_another_caller_has_asked_for_is_refused(mode: str, settings: Settings) -> None:
    with anyio.fail_after(ENOUGH_SECONDS):
        async with (
            Client(server(settings), mode=mode) as client,
            Client(server(settings, "local:eve"), mode=mode) as other,
        ):
            asked = await ask(client, "provision_number", **WISH)
            error = await refused(other)
    assert error["code"] == "policy_refused"
    assert asked["intent"]["intent_id"] not in str(error)


async def test_where_nothing_matches_the_text_says_what_would(
    mode: str, settings: Settings
) -> None:
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode=mode) as client:
            error = await refused(client, contains="7777777")
    assert error["code"] == "not_found"
    assert error["details"]["relaxations"] == ["Search without contains: 20 found."]
    assert error["details"]["relaxations"][0] in error["message"]


async def test_an_idle_number_is_connected_without_asking_anybody(
    mode: str, settings: Settings
) -> None:
    person = Person(last_four)
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode=mode, elicitation_callback=person) as client:
            found = await ask(client, "search_numbers", country="US", area_code="415", limit=1)
            bought = await ask(client, "buy_numbers", items=[found["offers"][0]["offer_id"]])
            answer = await ask(client, "provision_number", **WISH)
    assert (answer["number"], answer["reused"]) == (bought["lines"][0]["number"], True)
    assert len(person.read) == 1
