"""What is suggested while a person types: known values only, and only what is theirs to see; in both eras."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from mcp import Client, MCPError
from mcp_types import (
    INVALID_PARAMS,
    Completion,
    PromptReference,
    ResourceTemplateReference,
)

from house import policy_with
from ringfence.guard import policy_change
from ringfence_server.app import build_server
from ringfence_server.listing import ToolFilter
from ringfence_server.settings import Settings
from server.households import (
    ENOUGH_SECONDS,
    approve_elsewhere,
    ask,
    elsewhere,
    proposed,
    server_of,
)
from server.test_app import NEVER, nobody

INTENTS = ResourceTemplateReference(uri="ringfence://intents/{intent_id}")
GIVE = PromptReference(name="give_assistant_number")
WHY = PromptReference(name="why_refused")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


async def completed(
    client: Client, ref: PromptReference | ResourceTemplateReference, name: str, typed: str = ""
) -> Completion:
    return (await client.complete(ref, {"name": name, "value": typed})).completion


async def values(
    client: Client, ref: PromptReference | ResourceTemplateReference, name: str, typed: str = ""
) -> list[str]:
    return (await completed(client, ref, name, typed)).values


async def test_a_type_is_completed_before_anything_is_opened(mode: str) -> None:
    async with Client(build_server(NEVER, nobody), mode=mode) as client:
        assert client.server_capabilities.completions is not None
        assert await values(client, GIVE, "type") == ["local", "national", "mobile", "toll_free"]
        assert await values(client, GIVE, "type", "to") == ["toll_free"]
        assert await values(client, GIVE, "max_monthly", "2") == []


async def test_countries_are_those_where_numbers_are_on_sale(mode: str, settings: Settings) -> None:
    async with Client(server_of(settings), mode=mode) as client:
        assert {"US", "GB", "DE"} <= set(await values(client, GIVE, "country"))
        assert await values(client, GIVE, "country", "u") == ["US"]
        assert await values(client, GIVE, "country", "X") == []
        with elsewhere(settings) as premises:
            premises.desk.store.write_now(
                lambda tx: policy_change.apply(
                    tx, policy_with(countries="[US, CA, FI]"), applied_by="ada"
                )
            )
        assert await values(client, GIVE, "country") == ["CA", "US"]


async def test_assistants_are_registered_names_and_those_that_our_numbers_serve(
    mode: str, settings: Settings
) -> None:
    rules = policy_with(assistants="[{name: reception}, {name: research}, {name: bot-*}]")
    with elsewhere(settings) as premises:
        premises.desk.store.write_now(lambda tx: policy_change.apply(tx, rules, applied_by="ada"))
    async with Client(server_of(settings), mode=mode) as client:
        assert await values(client, GIVE, "assistant_id") == ["reception", "research"]
        assert await values(client, GIVE, "assistant_id", "rec") == ["reception"]
        found = await ask(client, "search_numbers", country="US", area_code="415")
        bought = await ask(
            client,
            "buy_numbers",
            items=[found["offers"][0]["offer_id"]],
            assistant_id="bot-7",
        )
        await approve_elsewhere(settings, bought["intent_id"])
        with anyio.fail_after(ENOUGH_SECONDS):
            await ask(client, "get_intent", intent_id=bought["intent_id"], wait_seconds=25)
        assert await values(client, GIVE, "assistant_id") == ["bot-7", "reception", "research"]


async def test_intents_are_the_callers_own_the_latest_first(mode: str, settings: Settings) -> None:
    async with (
        Client(server_of(settings), mode=mode) as ada,
        Client(server_of(settings, "local:bob"), mode=mode) as bob,
    ):
        first = await proposed(ada)
        second = await proposed(ada, place=1)
        foreign = await proposed(bob, place=2)
        for ref in (INTENTS, WHY):
            assert await values(ada, ref, "intent_id") == [second, first]
            assert await values(ada, ref, "intent_id", second) == [second]
            assert await values(ada, ref, "intent_id", foreign) == []
            assert await values(bob, ref, "intent_id", "int_") == [foreign]


async def test_at_most_a_hundred_are_suggested_and_the_rest_is_counted(
    mode: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [f"int_{place:026d}" for place in range(250)]

    async def ids(_desk: object, principal: str) -> list[str]:
        assert principal == "local:ada"
        return many

    from ringfence_server import completing

    monkeypatch.setitem(completing._STORIES, "intent_id", ids)
    async with Client(server_of(settings), mode=mode) as client:
        found = await completed(client, INTENTS, "intent_id")
    assert found.values == many[:100]
    assert (found.total, found.has_more) == (250, True)


async def test_a_completion_shows_no_more_than_the_listed_tools(
    mode: str, settings: Settings
) -> None:
    async with Client(server_of(settings), mode=mode) as client:
        await proposed(client)
    hidden = ToolFilter(exclude=frozenset({"get_intent"}))
    async with Client(server_of(settings, tool_filter=hidden), mode=mode) as client:
        with pytest.raises(MCPError, match="Unknown"):
            await completed(client, INTENTS, "intent_id")
        assert await values(client, WHY, "intent_id") == []


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        (PromptReference(name="approve"), "intent_id"),
        (GIVE, "password"),
        (ResourceTemplateReference(uri="ringfence://offers/{offer_id}"), "offer_id"),
        (ResourceTemplateReference(uri="ringfence://numbers"), "number"),
        (INTENTS, "principal"),
    ],
)
async def test_what_cannot_be_filled_in_is_an_error_of_the_protocol(
    mode: str, ref: PromptReference | ResourceTemplateReference, name: str
) -> None:
    async with Client(build_server(NEVER, nobody), mode=mode) as client:
        with pytest.raises(MCPError, match=r"Unknown (prompt|argument|resource)") as caught:
            await completed(client, ref, name)
    assert caught.value.code == INVALID_PARAMS
