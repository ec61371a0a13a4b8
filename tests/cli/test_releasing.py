"""A release from a shell: asked for by anybody, decided in a terminal, with an exit code for every end."""

from __future__ import annotations

from cli.shell import NUMBER, Shell

QUESTION = "or no: "


def proposed(shell: Shell) -> str:
    """The id of a release that waits for a person."""
    shell.buy()
    waiting = shell.call("release_number", number=NUMBER)
    assert waiting.code == 4
    assert (waiting.document["op"], waiting.document["state"]) == ("release", "awaiting_approval")
    intent_id: str = waiting.document["intent_id"]
    return intent_id


def state(shell: Shell) -> str:
    [number] = shell.json("numbers")["numbers"]
    return str(number["state"])


def test_what_is_not_ours_ends_with_2(shell: Shell) -> None:
    unknown = shell.call("release_number", number=NUMBER)
    assert (unknown.code, unknown.error["code"]) == (2, "not_found")


def test_a_release_that_waits_is_listed_and_shown(shell: Shell) -> None:
    intent_id = proposed(shell)
    listed = shell.run("pending").out
    assert intent_id in listed
    assert "release" in listed
    shown = shell.run("show", intent_id).out
    assert "GIVE BACK FOR GOOD +1 415-555-0142 " in shown
    assert "1.00 USD a month" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_the_last_four_digits_give_it_back(shell: Shell) -> None:
    intent_id = proposed(shell)
    approved = shell.run_in_terminal("approve", intent_id, types={QUESTION: "0142\n"})
    assert "GIVE BACK FOR GOOD" in approved.screen
    assert approved.code == 0
    assert approved.out == f"Given back.\n  {NUMBER}: given back\n"
    assert shell.json("numbers")["numbers"] == []
    assert shell.call("release_number", number=NUMBER).code == 0
    assert shell.run("ledger", "verify").code == 0


def test_a_declined_release_ends_with_3_and_keeps_the_number(shell: Shell) -> None:
    intent_id = proposed(shell)
    assert state(shell) == "release_requested"
    assert shell.run("decline", intent_id, "--reason", "stop").code == 0
    assert state(shell) == "active"
    assert shell.call("get_intent", intent_id=intent_id).code == 3
    assert shell.call("release_number", number=NUMBER).error["code"] == "declined"


def test_a_withdrawn_release_ends_with_3(shell: Shell) -> None:
    assert shell.call("cancel_intent", intent_id=proposed(shell)).code == 3
    assert state(shell) == "active"


def test_a_number_that_is_being_given_back_is_not_assigned(shell: Shell) -> None:
    proposed(shell)
    refused = shell.call("assign_number", number=NUMBER, assistant_id="night-desk")
    assert (refused.code, refused.error["code"]) == (3, "policy_refused")


def test_a_release_that_is_not_answered_is_looked_up_and_not_sent_again(shell: Shell) -> None:
    intent_id = proposed(shell)
    shell.run("sandbox", "fault", "timeout_after_charge")
    shell.approve_only(intent_id)
    seen = shell.call("get_intent", intent_id=intent_id)
    assert (seen.code, seen.document["state"]) == (0, "completed")
    assert shell.json("numbers")["numbers"] == []
