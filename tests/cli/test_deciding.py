"""`pending`, `show`, `approve`, `decline`: a yes needs a terminal and digits, a no needs neither."""

from __future__ import annotations

import pytest

from cli.shell import NUMBER, Shell
from cli.test_keeping import write

QUESTION = "or no: "


def test_what_waits_is_listed_with_its_match_code(shell: Shell) -> None:
    assert "Nothing waits for a person." in shell.run("pending").out
    intent_id = shell.propose()
    [waiting] = shell.json("pending")["pending"]
    assert waiting["intent_id"] == intent_id
    listed = shell.run("pending").out
    assert intent_id in listed
    assert waiting["consent"]["match_code"] in listed


def test_a_converted_total_is_a_most_in_the_list_and_what_costs_nothing_says_so(
    shell: Shell,
) -> None:
    number = shell.buy()
    british = shell.offer(country="GB", area_code="161")
    american = shell.offer(country="US", area_code="415")
    shell.call("buy_numbers", items=[british, american])
    shell.call("release_number", number=number)
    listed = shell.run("pending").out
    assert "at most 4.4948 USD" in listed
    assert " nothing " in listed


def test_a_damaged_row_hides_nothing_else_and_is_told(shell: Shell) -> None:
    """A reader changed one row: `pending` ended with an error, and said nothing of all the others."""
    damaged, whole = shell.propose(), shell.propose(country="CA", area_code="416")
    write(shell, damaged, terms="{}")
    listed = shell.run("pending")
    assert listed.code == 0
    assert f"ringfence approve {damaged}" not in listed.out
    assert whole in listed.out
    assert f"What is stored of {damaged} is not what was proposed" in listed.out
    assert "ringfence audit verify" in listed.out
    document = shell.json("pending")
    assert [each["intent_id"] for each in document["pending"]] == [whole]
    assert [each["intent_id"] for each in document["damaged"]] == [damaged]
    refused = shell.run_in_terminal("approve", damaged)
    assert (refused.code, "is not what was proposed" in refused.err) == (2, True)


@pytest.mark.parametrize("damage", ["not json", '{"intent_id": 1}', ""])
def test_terms_that_cannot_be_read_in_any_way_are_told(shell: Shell, damage: str) -> None:
    damaged = shell.propose()
    write(shell, damaged, terms=damage)
    assert [each["intent_id"] for each in shell.json("pending")["damaged"]] == [damaged]


def test_show_prints_the_card_and_how_it_stands(shell: Shell) -> None:
    intent_id = shell.propose()
    shown = shell.run("show", intent_id)
    assert shown.code == 0
    assert "BUY +1 415-555-0142 " in shown.out
    assert ": 2.00 of 25.00 USD (0.00 before)\n" in shown.out
    assert f"ringfence approve {intent_id}" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    assert shell.json("show", intent_id)["state"] == "awaiting_approval"


def test_the_last_four_digits_approve_what_the_card_shows(shell: Shell) -> None:
    intent_id = shell.propose()
    approved = shell.run_in_terminal("approve", intent_id, "--json", types={QUESTION: "0142\n"})
    assert "BUY +1 415-555-0142 " in approved.screen
    assert "Match code" in approved.screen
    assert "Price confirmed 0 minutes ago; a higher one voids this." in approved.screen
    assert (approved.code, approved.err) == (0, "")
    assert approved.document["state"] == "completed"
    assert [number["number"] for number in shell.json("numbers")["numbers"]] == [NUMBER]


def test_the_terminal_is_asked_even_where_stdin_is_a_pipe(shell: Shell) -> None:
    """An assistant that runs the command with digits on stdin approves nothing by it."""
    intent_id = shell.propose()
    piped = shell.run_alone("approve", intent_id, stdin="0142\n")
    assert piped.code == 2
    assert "no terminal" in piped.err
    assert shell.json("show", intent_id)["state"] == "awaiting_approval"


def test_without_a_terminal_the_refusal_is_a_document_where_json_is_asked_for(
    shell: Shell,
) -> None:
    refused = shell.run_alone("approve", shell.propose(), "--json")
    assert refused.code == 2
    assert refused.error["code"] == "configuration"
    assert refused.err == ""


def test_no_declines_for_good(shell: Shell) -> None:
    intent_id = shell.propose()
    declined = shell.run_in_terminal("approve", intent_id, types={QUESTION: "no\n"})
    assert declined.code == 3
    assert declined.out.startswith("Declined by ")
    again = shell.run_in_terminal("approve", intent_id)
    assert (again.code, again.screen) == (3, "")
    assert "declined" in again.err


@pytest.mark.parametrize("typed", ["yes\n0143\n4142\n", "\x04", "\n\n\n"])
def test_other_words_and_leaving_decide_nothing(shell: Shell, typed: str) -> None:
    intent_id = shell.propose()
    left = shell.run_in_terminal("approve", intent_id, types={QUESTION: typed})
    assert left.code == 4
    assert "Nothing is decided" in left.screen
    assert shell.json("show", intent_id)["state"] == "awaiting_approval"


def test_what_is_bought_already_is_shown_and_not_asked_again(shell: Shell) -> None:
    intent_id = shell.propose()
    shell.run_in_terminal("approve", intent_id, types={QUESTION: "0142\n"})
    again = shell.run_in_terminal("approve", intent_id)
    assert (again.code, again.screen) == (0, "")
    assert again.out.startswith("Bought.")


def test_what_the_carrier_refuses_ends_with_5(shell: Shell) -> None:
    intent_id = shell.propose()
    shell.run("sandbox", "fault", "gone")
    gone = shell.run_in_terminal("approve", intent_id, types={QUESTION: "0142\n"})
    assert gone.code == 5
    assert "nothing was charged" in gone.out
    assert shell.call("get_intent", intent_id=intent_id).code == 5


def test_nothing_is_approved_while_spending_is_frozen(shell: Shell) -> None:
    intent_id = shell.propose()
    shell.run("freeze", "too fast")
    frozen = shell.run_in_terminal("approve", intent_id)
    assert (frozen.code, frozen.screen) == (3, "")
    assert "too fast" in frozen.err


def test_what_is_approved_and_waits_is_told_with_its_reason(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringfence_server.cli.keeping.WORK_SECONDS", 0.5)
    intent_id = shell.propose()
    shell.approve_only(intent_id)
    shell.run("freeze", "too fast")
    shell.run("settle")
    document = shell.json("pending")
    assert document["delayed"] == [
        {
            "intent_id": intent_id,
            "number": NUMBER,
            "op": "buy",
            "code": "frozen",
            "message": "All spending is frozen: too fast.",
            "remedy": "Tell the person that spending is frozen and why; only they can lift it.",
        }
    ]
    told = shell.run("pending").out
    assert (
        f"Approved, and not sent yet:\n  buy {NUMBER}: All spending is frozen: too fast.\n" in told
    )
    assert "To lift it: ringfence unfreeze" in told
    shown = shell.run("show", intent_id).out
    assert "Approved, and not all of it is sent yet." in shown
    assert f"{NUMBER}: ready (All spending is frozen: too fast.)" in shown
    shell.run("unfreeze")
    monkeypatch.setattr("ringfence_server.cli.keeping.WORK_SECONDS", 25.0)
    assert shell.run("settle").code == 0
    assert shell.json("show", intent_id)["state"] == "completed"
    assert shell.json("pending")["delayed"] == []


def test_what_expired_is_not_approved(shell: Shell) -> None:
    intent_id = shell.propose()
    shell.run("sandbox", "clock", "+61m")
    late = shell.run_in_terminal("approve", intent_id)
    assert (late.code, late.screen) == (3, "")
    assert "waited for a person until" in late.err


def test_a_no_needs_no_terminal_and_may_say_why(shell: Shell) -> None:
    intent_id = shell.propose()
    declined = shell.run_alone("decline", intent_id, "--reason", "stop", "--json")
    assert declined.code == 0
    assert declined.document["state"] == "declined"
    assert shell.call("buy_numbers", items=[shell.offer()]).error["code"] == "declined"


def test_what_is_decided_cannot_be_declined(shell: Shell) -> None:
    intent_id = shell.propose()
    shell.approve_only(intent_id)
    shell.call("get_intent", intent_id=intent_id)
    assert shell.run("decline", intent_id).code == 3


def test_what_is_approved_and_not_sent_is_withdrawn(shell: Shell) -> None:
    intent_id = shell.propose()
    shell.approve_only(intent_id)
    withdrawn = shell.run("decline", intent_id)
    assert withdrawn.code == 0
    assert withdrawn.out.startswith(
        "Withdrawn by a person before it was sent; nothing was charged."
    )
    told = shell.call("get_intent", intent_id=intent_id)
    assert (told.code, told.document["state"]) == (3, "cancelled")
    assert "do not propose the same again" in told.document["next_step"]
    assert shell.json("numbers")["numbers"] == []


@pytest.mark.parametrize("command", ["show", "decline"])
def test_an_unknown_intent_ends_with_2(shell: Shell, command: str) -> None:
    unknown = shell.run(command, "int_01KAN5T1PR0000000000000001", "--json")
    assert (unknown.code, unknown.error["code"]) == (2, "not_found")


def test_a_refused_wish_is_shown_as_the_refusal_that_it_was(shell: Shell) -> None:
    refused = shell.call("buy_numbers", items=[shell.offer(country="US", area_code="800")])
    intent_id = refused.error["details"]["intent_id"]
    assert "The guard refused it" in shell.run("show", intent_id).out
    assert shell.run("show", intent_id, "--json").error["code"] == "budget_exceeded"
