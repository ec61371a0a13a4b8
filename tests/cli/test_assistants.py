"""`assistant` and `policy plan`: the register, and every change of authority in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.shell import NUMBER, Shell

VOICE = "https://example.org/{assistant_id}/voice"
ONE_VOICE = "https://example.org/support-1/voice"


def connect(shell: Shell, assistant_id: str) -> None:
    """Give our number to an assistant; a number that is in use needs a person."""
    answer = shell.call("assign_number", number=NUMBER, assistant_id=assistant_id)
    if answer.code == 4:
        intent_id = answer.document["intent"]["intent_id"]
        shell.approve_only(intent_id)
        assert shell.call("get_intent", intent_id=intent_id).code == 0


def voice_url(shell: Shell) -> str | None:
    """Where the carrier sends calls to our number."""
    with_carrier = shell.opened()
    [owned] = with_carrier.sandbox_carrier.statement().owned
    with_carrier.close()
    return owned.voice_url


def test_a_pattern_is_registered_and_numbers_go_to_its_addresses(shell: Shell) -> None:
    entered = shell.json("assistant", "add", "support-*", "--voice-url", VOICE)
    [said] = entered["differences"]
    assert (entered["version"], entered["loosens"]) == (2, True)
    assert said["says"] == f"assistant support-* added: voice {VOICE}, SMS nowhere"
    assert shell.json("policy", "show")["version"] == 2
    shell.buy()
    connect(shell, "support-1")
    assert voice_url(shell) == ONE_VOICE
    rows = {row["name"]: row["numbers"] for row in shell.json("assistant", "list")["assistants"]}
    assert rows == {"*": 0, "support-*": 1}
    assert f"  voice  {VOICE}\n" in shell.run("assistant", "list").out


def test_the_same_entry_again_changes_nothing(shell: Shell) -> None:
    shell.json("assistant", "add", "desk", "--voice-url", VOICE)
    again = shell.json("assistant", "add", "desk", "--voice-url", VOICE)
    assert (again["version"], again["differences"], again["loosens"]) == (2, [], False)
    assert shell.run("assistant", "add", "desk", "--voice-url", VOICE).out == "No difference.\n"


def test_other_addresses_are_shown_and_taken_only_when_they_shall_replace_the_old(
    shell: Shell,
) -> None:
    shell.json("assistant", "add", "desk", "--voice-url", VOICE)
    new = ("assistant", "add", "desk", "--voice-url", "https://example.net/v")
    refused = shell.run(*new, "--json")
    assert (refused.code, refused.error["code"]) == (2, "invalid_arguments")
    assert f"from {VOICE} to https://example.net/v" in refused.error["message"]
    assert "--replace" in refused.error["remedy"]
    assert shell.json("policy", "show")["version"] == 2
    assert shell.json(*new, "--replace")["version"] == 3


def test_numbers_that_keep_the_old_address_are_named(shell: Shell) -> None:
    """Changing the register moves no call: what rings today rings where a person once agreed to."""
    shell.buy()
    connect(shell, "support-1")
    entered = shell.json("assistant", "add", "support-1", "--voice-url", VOICE)
    assert entered["left_behind"] == [NUMBER]
    assert voice_url(shell) == "https://example.com/assistants/support-1/voice"
    told = shell.run("assistant", "add", "support-1", "--sms-url", VOICE, "--replace").out
    assert f"Still connected to the old addresses: {NUMBER}." in told
    connect(shell, "none")
    connect(shell, "support-1")
    assert voice_url(shell) is None


def test_an_entry_that_has_numbers_stays_until_they_are_moved(shell: Shell) -> None:
    shell.json("assistant", "add", "support-*", "--voice-url", VOICE)
    shell.buy()
    connect(shell, "support-1")
    refused = shell.run("assistant", "remove", "support-*", "--json")
    assert (refused.code, refused.error["code"]) == (3, "policy_refused")
    assert refused.error["details"]["numbers"] == [{"number": NUMBER, "assistant_id": "support-1"}]
    assert "assign_number" in refused.error["remedy"]
    assert shell.json("policy", "show")["version"] == 2
    connect(shell, "none")
    removed = shell.json("assistant", "remove", "support-*")
    assert (removed["version"], removed["loosens"]) == (3, True)
    assert [row["name"] for row in shell.json("assistant", "list")["assistants"]] == ["*"]


def test_an_entry_that_another_name_has_taken_over_can_go(shell: Shell) -> None:
    """Each number is spoken for by one entry, the most exact one: the others may leave."""
    shell.buy()
    connect(shell, "support-1")
    shell.json("assistant", "add", "support-1", "--voice-url", VOICE)
    removed = shell.json("assistant", "remove", "*")
    assert (removed["loosens"], removed["left_behind"]) == (False, [])
    refused = shell.call("assign_number", number=NUMBER, assistant_id="anybody")
    assert refused.error["details"]["assistants"] == ["support-1"]


def test_an_empty_register_lets_nobody_have_a_number(shell: Shell) -> None:
    shell.json("assistant", "remove", "*")
    assert shell.run("assistant", "list").out == "Nobody is registered.\n"
    offer = shell.offer()
    refused = shell.call("buy_numbers", items=[offer], assistant_id="desk")
    assert (refused.code, refused.error["code"]) == (2, "invalid_arguments")


def test_who_is_not_registered_cannot_be_removed(shell: Shell) -> None:
    refused = shell.run("assistant", "remove", "support", "--json")
    assert (refused.code, refused.error["code"]) == (2, "not_found")
    assert "Registered are: *." in refused.error["remedy"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["desk"], "neither calls nor texts would go anywhere"),
        (["two words", "--voice-url", VOICE], "name: "),
        (["a*b", "--voice-url", VOICE], "name: "),
        (["desk", "--voice-url", "http://example.org/"], "voice_url: "),
        (["*", "--voice-url", "https://{assistant_id}/"], "a plain host"),
        (["*", "--sms-url", "https://example.org/{id}"], "no braces but those"),
        (["desk", "--sms-url", "https://me:secret@example.org/"], "a plain host"),
    ],
)
def test_what_is_no_entry_changes_nothing(shell: Shell, arguments: list[str], told: str) -> None:
    refused = shell.run("assistant", "add", *arguments, "--json")
    assert (refused.code, refused.error["code"]) == (2, "invalid_arguments")
    assert told in refused.error["message"]
    assert "secret" not in refused.out
    assert shell.json("policy", "show")["version"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "desk", "--voice-url", VOICE],
        ["add", "support-*", "--voice-url", VOICE, "--replace"],
    ],
)
def test_a_live_register_is_for_approvers_alone(
    shell: Shell, tmp_path: Path, arguments: list[str]
) -> None:
    live = {"RINGFENCE_MODE": "live", "RINGFENCE_HOME": str(tmp_path / "live")}
    refused = shell.run_alone("assistant", *arguments, "--json", **live)
    assert (refused.code, refused.error["code"]) == (3, "not_authorized")
    assert "approvers sign it" in refused.error["message"]
    assert "ringfence policy apply" in refused.error["remedy"]
    listed = shell.run_alone("assistant", "list", "--json", **live)
    assert listed.document == {"assistants": []}


def test_a_plan_says_what_would_change_and_changes_nothing(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    shown = shell.run("policy", "show").out
    file.write_text(shown.replace("25.00 USD", "30.00 USD").replace("limit: 20", "limit: 2"))
    planned = shell.json("policy", "plan", str(file))
    assert [(each["says"], each["tightens"]) for each in planned["differences"]] == [
        ("budget cash: from 25.00 USD to 30.00 USD", False),
        ("budget attempts: from 20 to 2", True),
    ]
    assert (planned["version"], planned["loosens"]) == (1, True)
    told = shell.run("policy", "plan", str(file)).out
    assert told.startswith("loosens   budget cash: from 25.00 USD to 30.00 USD\ntightens  budget")
    assert f"ringfence policy apply {file}" in told
    assert shell.json("policy", "show")["version"] == 1
    applied = shell.json("policy", "apply", str(file))
    assert applied["differences"] == planned["differences"]
    assert shell.json("policy", "plan", str(file))["differences"] == []
    assert shell.run("policy", "plan", str(file)).out == "No difference.\n"


def test_a_plan_of_no_policy_ends_with_2(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("currency: USD\n")
    assert shell.run("policy", "plan", str(file)).code == 2
    assert shell.run("policy", "plan", str(tmp_path / "none.yaml")).code == 2
