"""A client takes the person to the page, they press a button there, and the very call that asked tells how it went."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client, ClientSession, StdioServerParameters
from mcp_types import (
    ClientCapabilities,
    ElicitationCapability,
    ElicitRequestURLParams,
    ElicitResult,
    InputRequiredResult,
    UrlElicitationCapability,
)

from approvals.desk_page import nonce_in
from ringfence.store import intents
from ringfence.store.installation import FIRST_MOMENT
from ringfence_server.app import RingfenceServer, build_server
from ringfence_server.cli.serving import opened
from ringfence_server.opening import open_installation
from ringfence_server.settings import Settings
from server.bare_pipe import environment

ENOUGH_SECONDS = 60
"""For a whole conversation with a busy machine; none of it waits for time to pass."""


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> str:
    """The protocol era."""
    era: str = request.param
    return era


@pytest.fixture(autouse=True)
def sends_people_to_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the SDK's client declare pages alone, as it cannot be told to."""
    declared = ClientCapabilities(elicitation=ElicitationCapability(url=UrlElicitationCapability()))
    monkeypatch.setattr(ClientSession, "_build_capabilities", lambda *_, **__: declared)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, approvals_url="http://localhost:0")


def server(settings: Settings) -> RingfenceServer:
    return build_server(partial(opened, settings), lambda: "local:ada")


class Browser:
    """Goes where the client sends the person, and presses a button there."""

    def __init__(self, decision: str, answer: str = "accept") -> None:
        self.decision = decision
        self.answer = answer
        self.visited: list[str] = []

    async def __call__(self, context: Any, params: Any) -> ElicitResult:
        assert isinstance(params, ElicitRequestURLParams)
        self.visited.append(params.url)
        await self.decide(params.url)
        return ElicitResult(action=self.answer)  # type: ignore[arg-type]  # a word of the protocol

    async def decide(self, url: str) -> None:
        async with httpx.AsyncClient(trust_env=False) as browser:
            nonce = nonce_in((await browser.get(url)).text)
            form = {"decision": self.decision, "nonce": nonce}
            headers = {"origin": origin(url)}
            assert (await browser.post(url, data=form, headers=headers)).status_code == 303


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool and expect facts, not a refusal."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    facts: dict[str, Any] = result.structured_content or {}
    return facts


async def an_offer(client: Client) -> str:
    found = await ask(client, "search_numbers", country="US", area_code="415")
    offer: str = found["offers"][0]["offer_id"]
    return offer


DECISIONS = [("approve", "completed"), ("decline", "declined"), ("stop", "declined")]


@pytest.mark.parametrize(("decision", "state"), DECISIONS)
async def test_the_call_that_asked_tells_how_it_went(
    mode: str, settings: Settings, decision: str, state: str
) -> None:
    browser = Browser(decision)
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode=mode, elicitation_callback=browser) as client:
            bought = await ask(client, "buy_numbers", items=[await an_offer(client)])
    assert bought["state"] == state
    assert len(browser.visited) == 1


async def test_after_a_persons_no_nothing_is_proposed_again(mode: str, settings: Settings) -> None:
    browser = Browser("decline")
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode=mode, elicitation_callback=browser) as client:
            declined = await ask(client, "buy_numbers", items=[await an_offer(client)])
            premises = open_installation(settings)
            known = premises.desk.store.read_now(
                lambda tx: intents.lately(tx, since=FIRST_MOMENT, limit=10)
            )
            waiting = premises.desk.store.read_now(intents.awaiting)
            premises.close()
    assert [intent.intent_id for intent in known] == [declined["intent_id"]]
    assert waiting == []


async def test_the_same_over_stdin_and_stdout(mode: str, tmp_path: Path) -> None:
    process = StdioServerParameters(
        command=sys.executable,
        args=["-m", "ringfence_server"],
        env={
            **environment(),
            "RINGFENCE_HOME": str(tmp_path),
            "RINGFENCE_APPROVALS_URL": "http://localhost:0",
        },
    )
    browser = Browser("approve")
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(process, mode=mode, elicitation_callback=browser) as client:
            bought = await ask(client, "buy_numbers", items=[await an_offer(client)])
    assert bought["state"] == "completed"
    assert len(browser.visited) == 1


@pytest.mark.parametrize("answer", ["decline", "cancel"])
async def test_what_the_person_does_on_the_page_counts_and_not_what_the_client_says(
    mode: str, settings: Settings, answer: str
) -> None:
    browser = Browser("approve", answer)
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode=mode, elicitation_callback=browser) as client:
            offer = await an_offer(client)
            bought = await ask(client, "buy_numbers", items=[offer], wait_seconds=25)
    assert bought["state"] == "completed"


async def test_a_client_that_declines_unseen_leaves_it_to_the_page(
    mode: str, settings: Settings
) -> None:
    seen: list[str] = []

    async def decline_unseen(context: Any, params: Any) -> ElicitResult:
        seen.append(str(params.url))
        return ElicitResult(action="decline")

    with anyio.fail_after(ENOUGH_SECONDS):
        client = Client(server(settings), mode=mode, elicitation_callback=decline_unseen)
        async with client:
            waiting = await ask(client, "buy_numbers", items=[await an_offer(client)])
            assert waiting["state"] == "awaiting_approval"
            assert waiting["consent"]["approve_at"] == seen[0]
            await Browser("approve").decide(seen[0])
            bought = await ask(
                client, "get_intent", intent_id=waiting["intent_id"], wait_seconds=25
            )
    assert bought["state"] == "completed"
    assert len(seen) == 1


async def test_the_page_may_be_another_processs(settings: Settings) -> None:
    browser = Browser("approve")
    with anyio.fail_after(ENOUGH_SECONDS):
        async with (
            Client(server(settings), mode="legacy", elicitation_callback=left_alone) as owner,
            Client(server(settings), mode="legacy", elicitation_callback=browser) as client,
        ):
            found = await ask(owner, "search_numbers", country="US", area_code="206")
            waiting = await ask(owner, "buy_numbers", items=[found["offers"][0]["offer_id"]])
            bought = await ask(client, "buy_numbers", items=[await an_offer(client)])
    assert bought["state"] == "completed"
    assert origin(browser.visited[0]) == origin(waiting["consent"]["approve_at"])


async def left_alone(context: Any, params: Any) -> ElicitResult:
    return ElicitResult(action="cancel")


def origin(url: str) -> str:
    return url.partition("/i/")[0]


async def test_it_survives_a_restart_between_the_rounds(settings: Settings) -> None:
    browser = Browser("approve")
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server(settings), mode="auto", elicitation_callback=browser) as client:
            items = {"items": [await an_offer(client)]}
            asked = await client.session.call_tool("buy_numbers", items, allow_input_required=True)
        assert isinstance(asked, InputRequiredResult)
        assert asked.input_requests is not None
        [(key, request)] = asked.input_requests.items()
        async with Client(server(settings), mode="auto", elicitation_callback=browser) as client:
            await an_offer(client)  # a page comes with the installation, which opens with a call
            waiting = await ask(client, "get_intent", intent_id=key)
            await browser.decide(waiting["consent"]["approve_at"])
            result = await client.call_tool(
                "buy_numbers", items, input_responses={key: ElicitResult(action="accept")}
            )
    assert isinstance(request.params, ElicitRequestURLParams)
    assert result.structured_content is not None
    assert result.structured_content["state"] == "completed"
