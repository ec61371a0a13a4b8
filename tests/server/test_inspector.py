"""The official Inspector does the whole job over stdio, in both eras, and finds no fault in the schemas.

It is a Node program, installed with `npm install --prefix build/inspector @modelcontextprotocol/inspector@2.12.0`
(`make inspector`); where it is not, these tests are skipped, but never in CI.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.shell import COMMAND, in_terminal, inherited
from server.bare_pipe import REPOSITORY, environment

NUMBER = "+14155550142"
END_SECONDS = 60
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def inspector() -> str:
    local = REPOSITORY / "build/inspector/node_modules/.bin/mcp-inspector"
    found = str(local) if local.exists() else shutil.which("mcp-inspector")
    if found is None:
        why = "The Inspector is not installed: make inspector"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return found


class Inspector:
    """One client in one era, at one installation."""

    def __init__(self, program: str, era: str, home: Path) -> None:
        self._program, self._era = program, era
        self.variables = {"RINGFENCE_HOME": str(home)}
        # The Inspector hands nothing of its own environment on, as hosts do.
        handed = {"PYTHONPATH": environment()["PYTHONPATH"], **self.variables}
        self._handed = [
            part for name, value in handed.items() for part in ("-e", f"{name}={value}")
        ]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        server = [sys.executable, "-m", "ringfence_server", "serve"]
        return subprocess.run(
            [
                self._program,
                "--cli",
                *server,
                *self._handed,
                *arguments,
                "--protocol-era",
                self._era,
                "--connect-timeout",
                str(END_SECONDS * 1000),  # a busy machine starts us slowly
                "--format",
                "json",
            ],
            capture_output=True,
            text=True,
            timeout=END_SECONDS,
            check=False,
        )

    def result(self, *arguments: str) -> dict[str, Any]:
        ended = self.run(*arguments)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        document: dict[str, Any] = json.loads(ended.stdout)["result"]
        return document

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        sent = ["--tool-name", tool, "--tool-args-json", json.dumps(arguments)]
        document: dict[str, Any] = self.result("--method", "tools/call", *sent)["structuredContent"]
        return document


@pytest.fixture(params=["modern", "legacy"])
def client(request: pytest.FixtureRequest, inspector: str, tmp_path: Path) -> Inspector:
    return Inspector(inspector, request.param, tmp_path)


def test_the_schemas_are_portable(client: Inspector) -> None:
    ended = client.run("--method", "tools/list", "--strict")
    assert ended.returncode == 0, ended.stderr


def test_prompts_and_resources_are_there(client: Inspector) -> None:
    menu = client.result("--method", "prompts/list")["prompts"]
    assert "give_assistant_number" in {prompt["name"] for prompt in menu}
    filled_in = ["--prompt-name", "find_number", "--prompt-args", "country=US"]
    [message] = client.result("--method", "prompts/get", *filled_in)["messages"]
    assert '"country": "US"' in message["content"]["text"]
    assert client.run("--method", "prompts/get", "--prompt-name", "find_number").returncode != 0
    for resource in client.result("--method", "resources/list")["resources"]:
        [read] = client.result("--method", "resources/read", "--uri", resource["uri"])["contents"]
        assert json.loads(read["text"])["simulated"] is True
    [template] = client.result("--method", "resources/templates/list")["resourceTemplates"]
    assert template["uriTemplate"] == "ringfence://intents/{intent_id}"


def test_search_reserve_buy_assign_and_list(client: Inspector) -> None:
    found = client.call("search_numbers", country="US", area_code="415", contains="0142")
    offer_id = found["offers"][0]["offer_id"]
    reserved = client.call("reserve_numbers", offer_ids=[offer_id])
    asked = client.call("buy_numbers", items=[reserved["reservations"][0]["reservation_id"]])
    assert asked["state"] == "awaiting_approval"
    approved = in_terminal(
        [*COMMAND, "approve", asked["intent_id"]],
        inherited() | client.variables,
        [("digits", "0142\n")],
    )
    assert approved.code == 0, approved.screen
    assert client.call("get_intent", intent_id=asked["intent_id"])["state"] == "completed"
    assert client.call("assign_number", number=NUMBER, assistant_id="reception")["number"] == NUMBER
    listed = client.call("list_numbers")["numbers"]
    assert [(each["number"], each["assistant_id"]) for each in listed] == [(NUMBER, "reception")]
