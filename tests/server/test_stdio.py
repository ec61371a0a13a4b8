"""The server as a process: it starts light, keeps the wire clean, and ends when it should."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp_types import ElicitResult

from ringfence_server.serve import local_principal
from ringfence_tools import CATALOG
from server.bare_pipe import END_SECONDS, BarePipe, environment

TOYS = "server.toy_process"
REAL = "server.real_process"
BUY = {"name": "buy", "arguments": {"wait_seconds": 25}}
NOT_AT_START = {
    "alembic",
    "babel",
    "httpx",
    "phonenumbers",
    "rich",
    "ringfence.desk",
    "ringfence_tools",
    "sqlalchemy",
    "typer",
}


async def test_a_purchase_with_the_real_client(mode: str) -> None:
    async def person(context: Any, params: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"last_four": "0142"})

    process = StdioServerParameters(command=sys.executable, args=["-m", TOYS], env=environment())
    async with Client(process, mode=mode, elicitation_callback=person) as client:
        assert (await client.call_tool("look", {"country": "US"})).is_error is False
        result = await client.call_tool("buy", {})
    assert result.structured_content is not None
    assert result.structured_content["state"] == "completed"


@pytest.fixture
def unusable_home(tmp_path: Path) -> str:
    """A home that no database can be opened in."""
    (tmp_path / "file").touch()
    return str(tmp_path / "file" / "home")


def test_every_list_is_answered_before_anything_heavy_is_loaded(
    mode: str, unusable_home: str
) -> None:
    with BarePipe(REAL, mode, RINGFENCE_HOME=unusable_home) as pipe:
        listed = pipe.ask("tools/list", {})
        assert pipe.ask("prompts/list", {})["prompts"]
        assert pipe.ask("resources/list", {})["resources"]
        assert pipe.ask("resources/templates/list", {})["resourceTemplates"]
        ended, errors = pipe.leave()
    assert [tool["name"] for tool in listed["tools"]] == [o.name for o in CATALOG]
    assert ended == 0
    assert NOT_AT_START & set(json.loads(errors.splitlines()[-1])) == set()


def test_an_installation_that_does_not_open_is_an_answer_not_an_end(
    mode: str, unusable_home: str
) -> None:
    with BarePipe(REAL, mode, RINGFENCE_HOME=unusable_home) as pipe:
        request = {"name": "search_numbers", "arguments": {"country": "US"}}
        for _ in range(2):
            result = pipe.ask("tools/call", request)
            assert result["isError"] is True
            assert result["structuredContent"]["error"]["code"] == "configuration"
        assert pipe.leave()[0] == 0


def test_what_a_library_prints_does_not_reach_the_wire(mode: str) -> None:
    with BarePipe(TOYS, mode) as pipe:
        said = pipe.ask("tools/call", {"name": "chatter", "arguments": {}})
        assert said["structuredContent"]["said"] == "printed"
        assert pipe.ask("tools/list", {})["tools"]
        assert "not a protocol message" in pipe.leave()[1]


def test_a_bug_is_logged_to_stderr_with_its_traceback(mode: str) -> None:
    with BarePipe(TOYS, mode) as pipe:
        result = pipe.ask("tools/call", {"name": "crash", "arguments": {}})
        _, errors = pipe.leave()
    assert result["structuredContent"]["error"]["details"]["log_id"] in errors
    assert "ZeroDivisionError: the key is hunter2" in errors


def test_the_process_ends_with_its_client_even_while_a_call_waits(mode: str) -> None:
    with BarePipe(TOYS, mode) as pipe:
        pipe.send("tools/call", BUY)
        pipe.ask("tools/call", {"name": "look", "arguments": {"country": "US"}})
        ended, errors = pipe.leave()
    assert ended == 0
    assert "the installation is closed" in errors


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_when_it_is_told_to_even_while_a_call_waits(
    mode: str, told: signal.Signals
) -> None:
    with BarePipe(TOYS, mode) as pipe:
        pipe.send("tools/call", BUY)
        pipe.ask("tools/call", {"name": "look", "arguments": {"country": "US"}})
        pipe.process.send_signal(told)
        assert pipe.process.wait(END_SECONDS) == -told
        assert pipe.process.stderr is not None
        assert "the installation is closed" in pipe.process.stderr.read()


def test_a_local_principal_is_the_user_of_the_operating_system() -> None:
    assert local_principal().startswith("local:")
    assert len(local_principal()) > len("local:")
