"""What an assistant asks before it buys and after a refusal, in both protocol eras: free, and without a person."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from ringfence_server.app import build_server
from ringfence_server.cli.serving import opened
from ringfence_server.settings import Settings


async def ask(home: Path, mode: str, tool: str, **arguments: Any) -> Any:
    """One call of a server of its own."""
    server = build_server(partial(opened, Settings(home=home)), lambda: "local:ada")
    async with Client(server, mode=mode) as client:
        return await client.call_tool(tool, arguments)


@pytest.mark.parametrize(
    ("kind", "buyable", "papers", "sms"),
    [
        ({"country": "US", "type": "local"}, "now", [], ["10DLC"]),
        ({"country": "US", "type": "toll_free", "capabilities": ["voice"]}, "now", [], []),
        ({"country": "GB", "type": "mobile"}, "after_papers", ["bundle"], ["sender"]),
        ({"country": "SE", "type": "mobile"}, "back_order", [], []),
        ({"country": "KE", "type": "national"}, "unknown", [], []),
        ({"country": "ES", "type": "local"}, "not_sold", [], []),
    ],
)
async def test_requirements_are_asked_of_the_carriers(
    tmp_path: Path, mode: str, kind: dict[str, Any], buyable: str, papers: list[str], sms: list[str]
) -> None:
    result = await ask(tmp_path, mode, "check_requirements", **kind)
    assert not result.is_error
    facts = result.structured_content
    [carrier] = facts["carriers"]
    assert (carrier["provider"], carrier["buyable"]) == ("sandbox", buyable)
    assert [paper["name"] for paper in carrier["papers"]] == papers
    assert not any(paper["on_file"] for paper in carrier["papers"])
    assert len(carrier["messaging"]) == len(sms)
    assert all(word in each["what"] for word, each in zip(sms, carrier["messaging"], strict=True))
    assert ("sold_instead" in carrier) == (buyable == "not_sold")
    assert facts["simulated"]
    assert facts["next_step"] in result.content[0].text


@pytest.mark.parametrize(
    "wrong",
    [
        {"country": "US"},
        {"type": "local"},
        {"country": "us", "type": "local"},
        {"country": "US", "type": "other"},
        {"country": "US", "type": "local", "provider": "acme"},
        {"country": "US", "type": "local", "capabilities": []},
        {"country": "US", "type": "local", "papers": "waived"},
    ],
)
async def test_a_kind_that_no_schema_knows_is_refused(
    tmp_path: Path, mode: str, wrong: dict[str, Any]
) -> None:
    result = await ask(tmp_path, mode, "check_requirements", **wrong)
    assert result.is_error
    assert result.structured_content["error"]["code"] == "invalid_arguments"
