"""What an assistant asks before it buys and after a refusal, in both protocol eras: free, and without a person."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from ringfence.desk.consenting import approve_at_terminal, show
from ringfence_server.app import build_server
from ringfence_server.cli.serving import opened
from ringfence_server.opening import open_installation
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


async def test_spending_follows_a_purchase_from_held_to_used(tmp_path: Path, mode: str) -> None:
    found = await ask(tmp_path, mode, "search_numbers", country="US", area_code="415", limit=1)
    [offer] = found.structured_content["offers"]
    bought = await ask(
        tmp_path, mode, "buy_numbers", items=[offer["offer_id"]], assistant_id="reception"
    )
    waiting = (await ask(tmp_path, mode, "show_spending")).structured_content
    assert cash_of(waiting) == ("0.00 USD", "2.00 USD", "23.00 USD")
    assert (waiting["run_rate"], waiting["forecast"]) == ("0.00 USD", "2.00 USD")
    assert waiting["recent"] == []

    await approve(tmp_path, bought.structured_content["intent_id"])
    result = await ask(tmp_path, mode, "show_spending", period="day")
    facts = result.structured_content
    assert cash_of(facts) == ("2.00 USD", "0.00 USD", "23.00 USD")
    assert (facts["currency"], facts["run_rate"], facts["forecast"]) == (
        "USD",
        "1.00 USD",
        "2.00 USD",
    )
    [fact] = facts["recent"]
    assert (fact["what"], fact["number"], fact["amount"], fact["assistant_id"]) == (
        "purchase",
        offer["number"],
        "2.00 USD",
        "reception",
    )
    assert (facts["frozen"], facts["mandates"], facts["simulated"]) == (None, [], True)
    assert facts["next_step"] in result.content[0].text
    assert "converted" not in facts


async def test_after_a_refusal_spending_says_which_limit_is_used_up(
    tmp_path: Path, mode: str
) -> None:
    """A limit of nothing refuses everything, and the way on is a person."""
    found = await ask(tmp_path, mode, "search_numbers", country="US", area_code="415", limit=10)
    offers = [offer["offer_id"] for offer in found.structured_content["offers"]]
    held = await ask(tmp_path, mode, "buy_numbers", items=offers)
    assert held.structured_content["state"] == "awaiting_approval"
    facts = (await ask(tmp_path, mode, "show_spending")).structured_content
    assert {b["name"]: b["left"] for b in facts["budgets"]}["count"] == "0"
    assert "Nothing is left of count and purchases." in facts["next_step"]
    assert "only they can change limits" in facts["next_step"]


@pytest.mark.parametrize("wrong", [{"period": "year"}, {"period": None}, {"limit": 5}])
async def test_spending_takes_nothing_but_its_period(
    tmp_path: Path, mode: str, wrong: dict[str, Any]
) -> None:
    result = await ask(tmp_path, mode, "show_spending", **wrong)
    assert result.structured_content["error"]["code"] == "invalid_arguments"


def cash_of(facts: dict[str, Any]) -> tuple[str, str, str]:
    [cash] = [budget for budget in facts["budgets"] if budget["name"] == "cash"]
    assert (cash["scope"], cash["kind"], cash["limit"]) == ("all", "cash", "25.00 USD")
    return cash["used"], cash["held"], cash["left"]


async def approve(home: Path, intent_id: str) -> None:
    """A person at a terminal; the number is bought there."""
    premises = open_installation(Settings(home=home))
    try:
        digest = (await show(premises.desk, intent_id)).digest
        await approve_at_terminal(premises.desk, intent_id, digest=digest, person="ada")
        await premises.runner.settle(20)
    finally:
        premises.close()
