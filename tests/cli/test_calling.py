"""`call`, `search` and `numbers`: tools from a shell, one JSON document each."""

from __future__ import annotations

from typing import Any

import pytest

from cli.shell import NUMBER, Shell
from ringfence.desk import consenting
from ringfence.store.watch import Bell
from ringfence_server.cli.at_work import premises
from ringfence_server.serve import local_principal


def test_a_call_prints_the_tools_result_and_nothing_else(shell: Shell) -> None:
    found = shell.call("search_numbers", country="US", area_code="415", limit=2)
    assert found.code == 0
    assert found.err == ""
    assert [offer["monthly"] for offer in found.document["offers"]] == ["1.00 USD", "1.00 USD"]
    assert found.document["simulated"] is True


def test_a_purchase_ends_with_4_while_a_person_has_to_decide(shell: Shell) -> None:
    bought = shell.call("buy_numbers", items=[shell.offer()], assistant_id="reception")
    assert bought.code == 4
    assert bought.document["state"] == "awaiting_approval"
    assert bought.document["requested_by"] == local_principal()
    assert bought.document["consent"]["channels"] == ["terminal"]


def test_a_purchase_names_the_page_while_another_program_serves_it(shell: Shell) -> None:
    with premises() as opened:
        keeper = opened.page_keeper()
        page = keeper.ensure()
        bought = shell.call("buy_numbers", items=[shell.offer()])
        keeper.close()
    consent = bought.document["consent"]
    assert consent["approve_at"] == f"{page}/i/{bought.document['intent_id']}"
    assert consent["channels"] == ["page", "terminal"]
    assert (
        f"at {consent['approve_at']} or in ringfence's terminal" in bought.document["tell_person"]
    )
    looked = shell.call("get_intent", intent_id=bought.document["intent_id"])
    assert "approve_at" not in looked.document["consent"]


def test_no_result_shows_a_command_that_approves(shell: Shell) -> None:
    waiting = shell.call("buy_numbers", items=[shell.offer()])
    assert "ringfence approve" not in waiting.out
    assert shell.call("get_intent", intent_id=waiting.document["intent_id"]).code == 4


def test_a_refusal_ends_with_3_and_says_which_limit(shell: Shell) -> None:
    dear = shell.offer(country="US", area_code="800")
    refused = shell.call("buy_numbers", items=[dear])
    assert refused.code == 3
    assert refused.error["code"] == "budget_exceeded"
    assert refused.error["details"]["violations"][0]["limit"] == "5.00 USD"


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("search_numbers", "{", "no JSON"),
        ("search_numbers", "[]", "must be an object"),
        ("search_numbers", '{"country": "us"}', "country"),
        ("search_number", "{}", "search_numbers"),
        ("get_intent", '{"intent_id": "int_01KAN5T1PR0000000000000001"}', "There is no intent"),
        ("buy_numbers", '{"items": ["off_01KAN5T1PR0000000000000001"]}', "off_01KAN5T1PR"),
    ],
)
def test_what_the_caller_must_correct_ends_with_2(
    shell: Shell, tool: str, arguments: str, told: str
) -> None:
    ended = shell.run("call", tool, arguments)
    assert ended.code == 2
    assert told in ended.error["message"] + ended.error["remedy"]


def test_a_withdrawn_purchase_ends_with_3(shell: Shell) -> None:
    intent_id = shell.propose()
    assert shell.call("cancel_intent", intent_id=intent_id).code == 3
    assert shell.call("get_intent", intent_id=intent_id).code == 3


def test_a_call_can_wait_for_a_person_who_decides_elsewhere(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent_id = shell.propose()
    wait, elsewhere = Bell.wait, shell.opened()

    async def decided_meanwhile(bell: Bell, seconds: float = 0.0) -> None:
        await consenting.decline_at_terminal(
            elsewhere.desk, intent_id, person="the person", reason=None
        )
        await wait(bell, seconds)

    monkeypatch.setattr(Bell, "wait", decided_meanwhile)
    after = shell.run("call", "get_intent", f'{{"intent_id": "{intent_id}"}}', "--wait")
    elsewhere.close()
    assert (after.code, after.document["state"]) == (3, "declined")


def test_wait_seconds_of_the_tool_count_too_and_end_with_4_when_nobody_comes(
    shell: Shell,
) -> None:
    waited = shell.call("buy_numbers", items=[shell.offer()], wait_seconds=1)
    assert waited.code == 4


def test_a_call_goes_on_with_what_was_approved_elsewhere(shell: Shell) -> None:
    intent_id = shell.propose()
    shell.approve_only(intent_id)
    looked = shell.call("get_intent", intent_id=intent_id)
    assert (looked.code, looked.document["state"]) == (0, "completed")


def test_people_search_with_flags(shell: Shell) -> None:
    found = shell.run("search", "us", "--area-code", "415", "--limit", "2")
    assert found.code == 0
    assert found.out.count("+1415555") == 2
    assert found.out.count("off_") == 2
    assert "Simulated: no real money." in found.out
    assert max(map(len, found.out.splitlines())) <= 80


def test_a_search_without_a_match_says_what_to_change(shell: Shell) -> None:
    nothing = shell.run("search", "US", "--locality", "Nowhere")
    assert nothing.code == 0
    assert nothing.out.startswith("Nothing matches.\n")


@pytest.mark.parametrize(
    "flags",
    [
        ["--type", "toll_free"],
        ["--capability", "sms", "--capability", "voice"],
        ["--region", "CA", "--max-monthly", "2.00 USD"],
        ["--starts-with", "415", "--contains", "142"],
    ],
)
def test_every_flag_of_search_is_an_argument_of_the_tool(shell: Shell, flags: list[str]) -> None:
    assert shell.json("search", "US", *flags)["offers"]


def test_a_wrong_flag_value_is_told_like_any_wrong_argument(shell: Shell) -> None:
    wrong = shell.run("search", "US", "--type", "satellite")
    assert (wrong.code, wrong.out) == (2, "")
    assert "type must be one of" in wrong.err


def test_numbers_lists_what_we_pay_for(shell: Shell) -> None:
    assert "None yet." in shell.run("numbers").out
    assert shell.buy() == NUMBER
    listed = shell.run("numbers")
    assert NUMBER in listed.out
    assert "Together 1.00 USD a month." in listed.out
    document: dict[str, Any] = shell.json("numbers", "--country", "us")
    assert [number["number"] for number in document["numbers"]] == [NUMBER]
    assert shell.json("numbers", "--assistant", "reception")["numbers"] == []


def test_numbers_say_what_a_year_of_the_idle_ones_costs(shell: Shell) -> None:
    assert shell.json("numbers")["idle"] == {"count": 0, "yearly": "0.00 USD"}
    assert "nobody" not in shell.run("numbers").out
    shell.buy()
    assert shell.json("numbers")["idle"] == {"count": 1, "yearly": "12.00 USD"}
    assert "1 serves nobody, which costs 12.00 USD a year." in shell.run("numbers").out
    shell.call("assign_number", number=NUMBER, assistant_id="reception")
    assert shell.json("numbers")["idle"]["count"] == 0
    assert "nobody" not in shell.run("numbers").out


def test_idle_days_list_only_what_has_served_nobody_for_so_long(shell: Shell) -> None:
    shell.buy()
    shell.json("sandbox", "clock", "+10d")
    idle = shell.json("numbers", "--idle-days", "10")
    assert [number["number"] for number in idle["numbers"]] == [NUMBER]
    assert idle["idle"] == {"count": 1, "yearly": "12.00 USD"}
    text = shell.run("numbers", "--idle-days", "10").out
    assert "1 serves nobody for 10 days or more, which costs 12.00 USD a year." in text
    younger = shell.run("numbers", "--idle-days", "11")
    assert younger.out.startswith("None.\n")
    assert shell.json("numbers", "--idle-days", "11")["idle"] == {"count": 0, "yearly": "0.00 USD"}


def test_the_idle_total_covers_every_match_and_not_one_page(shell: Shell) -> None:
    shell.buy()
    intent_id = shell.propose(country="GB", area_code="161")
    shell.approve_only(intent_id)
    shell.json("settle")
    page = shell.json("numbers", "--limit", "1")
    assert len(page["numbers"]) == 1
    assert page["idle"] == {"count": 2, "yearly": "25.3056 USD", "converted": True}
    text = shell.run("numbers", "--limit", "1").out
    assert "2 serve nobody, which costs at most 25.3056 USD a year." in text
    assert max(map(len, text.splitlines())) <= 80


def test_wrong_idle_days_are_told_without_opening_anything(shell: Shell) -> None:
    wrong = shell.run("numbers", "--idle-days", "-1", "--json")
    assert (wrong.code, wrong.error["code"]) == (2, "invalid_arguments")
