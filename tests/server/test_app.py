"""What a client sees of the server, before and besides purchases, in both protocol eras."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp_types import INVALID_PARAMS

from ringfence import __version__
from ringfence.errors import ConfigurationError, StorageUnavailable
from ringfence_server.app import build_server
from ringfence_server.installation import OpenDesk
from ringfence_server.listing import SNAPSHOT, ToolFilter
from ringfence_server.snapshot import render
from ringfence_tools import CATALOG
from server.toys import Book, Opener, call, toy_server


def never_opens() -> Any:
    raise AssertionError("nothing of this needs the installation")


NEVER: OpenDesk = never_opens


def nobody() -> str:
    raise AssertionError("nobody has called")


async def test_a_client_learns_name_version_and_rules_before_anything_is_opened(mode: str) -> None:
    async with Client(build_server(NEVER, nobody), mode=mode) as client:
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.version) == ("ringfence", __version__)
        assert "no tool and no argument can do it for them" in (client.instructions or "")
        listed = await client.list_tools()
    assert [tool.name for tool in listed.tools] == [operation.name for operation in CATALOG]


async def test_the_list_may_be_kept_and_shared(mode: str) -> None:
    async with Client(build_server(NEVER, nobody), mode="auto") as client:
        listed = await client.list_tools()
    assert (listed.ttl_ms, listed.cache_scope) == (3_600_000, "public")


def test_the_stored_list_is_what_the_tools_say() -> None:
    assert SNAPSHOT.read_text(encoding="utf-8") == render(), "run `make snapshots`"


async def test_a_restricted_list_names_no_tool_that_it_leaves_out(mode: str) -> None:
    server = build_server(NEVER, nobody, tool_filter=ToolFilter(read_only=True))
    async with Client(server, mode=mode) as client:
        listed = (await client.list_tools()).tools
        names = {tool.name for tool in listed}
        hidden = {operation.name for operation in CATALOG} - names
        assert names == {operation.name for operation in CATALOG if operation.is_read_only}
        texts = [client.instructions or "", *(tool.description or "" for tool in listed)]
        assert not [name for name in hidden for text in texts if name in text]
        with pytest.raises(MCPError, match="Unknown tool: buy_numbers"):
            await call(client, "buy_numbers", items=["off_01KAN5T1PR0000000000000001"])


async def test_a_server_can_be_told_which_tools_to_list(mode: str) -> None:
    only = frozenset({"search_numbers", "buy_numbers", "get_intent"})
    chosen = ToolFilter(only=only, exclude=frozenset({"buy_numbers"}))
    async with Client(build_server(NEVER, nobody, tool_filter=chosen), mode=mode) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
    assert names == ["search_numbers", "get_intent"]


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        (ToolFilter(only=frozenset({"buy_number"})), "did you mean buy_numbers"),
        (ToolFilter(exclude=frozenset({"sell"})), "there are search_numbers"),
        (ToolFilter(only=frozenset({"buy_numbers"}), read_only=True), "No tool is left"),
    ],
)
def test_a_filter_that_means_nothing_is_told_at_the_start(chosen: ToolFilter, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        build_server(NEVER, nobody, tool_filter=chosen)


async def test_a_result_is_structured_facts_and_a_short_reading_of_them(mode: str) -> None:
    async with Client(toy_server(), mode=mode) as client:
        result = await call(client, "look", country="US")
    assert not result.is_error
    assert result.structured_content == {
        "simulated": True,
        "next_step": "Choose one.",
        "said": "5 numbers of US for local:ada",
    }
    assert [block.text for block in result.content] == ["In words: 5 numbers of US for local:ada"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"country": "US", "limit": "5"},
        {"country": "US", "limit": True},
        {"country": "US", "limit": 5.5},
        {"country": "US", "limit": None},
        {"country": "US", "limit": 51},
        {"country": "us"},
        {"country": "US\n"},
        {"country": ["US"]},
        {"country": "US", "force": True},
        {"country": "US", "principal": "local:root"},
        {},
    ],
)
async def test_arguments_are_taken_as_published_or_not_at_all(
    mode: str, arguments: dict[str, Any]
) -> None:
    async with Client(toy_server(), mode=mode) as client:
        result = await call(client, "look", **arguments)
    assert result.is_error
    assert set(result.structured_content) == {"error"}
    assert result.structured_content["error"]["code"] == "invalid_arguments"
    assert result.structured_content["error"]["details"]["fields"]


async def test_an_unknown_tool_is_an_error_of_the_protocol(mode: str) -> None:
    async with Client(toy_server(), mode=mode) as client:
        with pytest.raises(MCPError, match="Unknown tool: approve") as caught:
            await call(client, "approve", intent_id="int_1")
    assert caught.value.code == INVALID_PARAMS


async def test_a_refusal_is_one_error_object_and_a_text_with_a_way_out(mode: str) -> None:
    async with Client(toy_server(), mode=mode) as client:
        result = await call(client, "refuse")
    assert result.is_error
    assert set(result.structured_content) == {"error"}
    error = result.structured_content["error"]
    assert set(error) == {"code", "message", "remedy", "retryable", "details"}
    assert (error["code"], error["retryable"]) == ("budget_exceeded", False)
    assert error["details"] == {"violations": [{"rule": "budget"}]}
    assert "cash has 0.50 USD left." in result.content[0].text
    assert "search_numbers" not in result.content[0].text  # this server does not list it


async def test_a_bug_is_logged_under_an_id_and_told_in_one_sentence(
    mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Client(toy_server(), mode=mode) as client:
        result = await call(client, "crash")
    error = result.structured_content["error"]
    assert (result.is_error, error["code"]) == (True, "internal")
    assert error["details"]["log_id"] in error["message"]
    assert "hunter2" not in str(result)
    [record] = [r for r in caplog.records if error["details"]["log_id"] in r.getMessage()]
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


async def test_the_installation_is_opened_once_by_the_first_calls_together(mode: str) -> None:
    opener = Opener(Book())
    async with Client(toy_server(opener=opener), mode=mode) as client:
        await client.list_tools()
        assert opener.opened == 0
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(lambda: call(client, "look", country="US"))
        with anyio.fail_after(5):
            await opener.ran.wait()
        assert (opener.opened, opener.closed) == (1, 0)
    assert (opener.opened, opener.closed) == (1, 1)


async def test_an_installation_that_does_not_open_is_tried_again_by_the_next_call(
    mode: str,
) -> None:
    opener = Opener(Book(), failures=[StorageUnavailable("The disk is full."), OSError("oops")])
    async with Client(toy_server(opener=opener), mode=mode) as client:
        codes = [(await call(client, "look", country="US")).structured_content for _ in range(3)]
    assert codes[0]["error"]["code"] == "storage_unavailable"
    assert codes[1]["error"]["code"] == "internal"
    assert "said" in codes[2]


async def test_wrong_arguments_are_told_without_opening_the_installation(mode: str) -> None:
    async with Client(toy_server(opener=Opener(Book(), [OSError()])), mode=mode) as client:
        result = await call(client, "look", country=1)
    assert result.structured_content["error"]["code"] == "invalid_arguments"
