"""`approver enroll|list|revoke`, and `approve` with a key: passphrases are typed into the terminal and nowhere else."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from cli.shell import NUMBER, Answer, Ended, Shell
from ringfence_server.keys import locked

WORDS = "correct horse battery staple"
LEVELS = "levels:\n  buy: passphrase\n  release: passphrase\n  assign: passphrase\n"
WRITTEN_DOWN = "last four letters: "


@pytest.fixture(autouse=True)
def settings_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this person's keys and pins are."""
    folder = tmp_path / "settings"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder / "ringfence"


def recovery_in(screen: str) -> str:
    [key] = re.findall(r"(?:[0-9A-Z]{4}-){13}[0-9A-Z]{4}", screen)
    return str(key)


def last_letters(screen: str) -> str:
    return recovery_in(screen)[-4:] + "\n"


def enroll_first(shell: Shell, words: str = WORDS) -> Ended:
    return shell.run_in_terminal(
        "approver", "enroll", "ada", "--json",
        types={WRITTEN_DOWN: last_letters, "or more: ": f"{words}\n", "again: ": f"{words}\n"},
    )  # fmt: skip


@pytest.fixture
def enrolled(shell: Shell) -> Shell:
    """An installation with an approver, whose policy asks for a passphrase."""
    first = enroll_first(shell)
    assert first.code == 0, first.err
    policy = shell.run("policy", "show").out
    file = shell.home / "policy.yaml"
    file.write_text(re.sub(r"levels:\n(  .*\n)+", LEVELS, policy))
    assert shell.run("policy", "apply", str(file)).code == 0
    return shell


def approve(shell: Shell, intent_id: str, *words: str) -> Ended:
    types: dict[str, Answer] = {"or no: ": f"{NUMBER[-4:]}\n"}
    prompts = ["Passphrase of ada", "Passphrase of ada (", "Passphrase of ada (k"]
    types.update({prompt: f"{word}\n" for prompt, word in zip(prompts, words, strict=False)})
    return shell.run_in_terminal("approve", intent_id, types=types)


def test_the_first_approver_makes_the_root_and_gets_the_recovery_key(
    shell: Shell, settings_folder: Path
) -> None:
    ended = enroll_first(shell)
    assert (ended.code, ended.document["in_force"]) == (0, True)
    [key] = (settings_folder / "keys").iterdir()
    assert str(key) == ended.document["file"]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    [pin] = (settings_folder / "anchors").glob("*.root")
    assert pin.read_text().strip()
    listed = shell.json("approver", "list")
    assert [each["person"] for each in listed["approvers"]] == ["ada"]
    assert listed["strongest"] == "passphrase"


def test_no_secret_is_printed_stored_or_recorded(shell: Shell, settings_folder: Path) -> None:
    ended = enroll_first(shell)
    recovery = recovery_in(ended.screen)
    assert WORDS not in ended.screen + ended.out + ended.err
    assert recovery not in ended.out + ended.err
    kept = [*shell.home.rglob("*"), *settings_folder.rglob("*")]
    for file in kept:
        if file.is_file():
            assert WORDS.encode() not in file.read_bytes()
            assert recovery.encode() not in file.read_bytes()


def test_without_having_written_the_recovery_key_down_nothing_is_made(shell: Shell) -> None:
    ended = shell.run_in_terminal("approver", "enroll", "ada", types={WRITTEN_DOWN: "yes\n"})
    assert ended.code == 3
    assert shell.json("approver", "list")["approvers"] == []


def test_without_a_terminal_nobody_is_enrolled(shell: Shell) -> None:
    ended = shell.run_alone("approver", "enroll", "ada", stdin=f"{WORDS}\n{WORDS}\n")
    assert (ended.code, shell.json("approver", "list")["approvers"]) == (2, [])


def test_short_passphrases_make_no_key(shell: Shell, settings_folder: Path) -> None:
    short = dict.fromkeys(
        ("or more: ", "characters or more: ", "10 characters or more: "), "short\n"
    )
    ended = shell.run_in_terminal(
        "approver", "enroll", "ada", types={WRITTEN_DOWN: last_letters, **short}
    )
    assert ended.code == 2
    assert "no key was made" in ended.err
    assert not (settings_folder / "keys").exists()


def test_a_short_passphrase_or_two_different_ones_are_asked_for_again(shell: Shell) -> None:
    ended = shell.run_in_terminal(
        "approver", "enroll", "ada",
        types={
            WRITTEN_DOWN: last_letters,
            "or more: ": "short\n",
            "characters or more: ": f"{WORDS}\n",
            "again: ": "another one altogether\n",
            "10 characters or more: ": f"{WORDS}\n",
            "same again: ": f"{WORDS}\n",
        },
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert "That has less than 10 characters." in ended.screen
    assert "These were two different ones." in ended.screen
    assert [each["person"] for each in shell.json("approver", "list")["approvers"]] == ["ada"]


def test_a_person_approves_with_their_passphrase(enrolled: Shell) -> None:
    intent_id = enrolled.propose()
    ended = approve(enrolled, intent_id, WORDS)
    assert ended.code == 0, ended.err
    assert WORDS not in ended.screen
    assert enrolled.json("show", intent_id)["state"] == "completed"


def test_the_digits_alone_approve_nothing(enrolled: Shell) -> None:
    intent_id = enrolled.propose()
    ended = approve(enrolled, intent_id, "wrong", "wrong again", "and again")
    assert ended.code == 3
    assert enrolled.json("show", intent_id)["state"] == "awaiting_approval"


def test_the_next_approver_is_enrolled_by_the_first(enrolled: Shell) -> None:
    ended = enrolled.run_in_terminal(
        "approver", "enroll", "bob", "--json",
        types={"Passphrase of ada": f"{WORDS}\n", "or more: ": "another four word phrase\n",
               "again: ": "another four word phrase\n"},
    )  # fmt: skip
    assert ended.code == 0, ended.err
    people = [each["person"] for each in enrolled.json("approver", "list")["approvers"]]
    assert sorted(people) == ["ada", "bob"]


def test_a_lost_key_is_revoked_with_the_recovery_key(shell: Shell) -> None:
    recovery = recovery_in(enroll_first(shell).screen)
    ended = shell.run_in_terminal(
        "approver", "revoke", "ada", "--recovery", types={"on the paper: ": f"{recovery}\n"}
    )
    assert ended.code == 0, ended.err
    assert shell.json("approver", "list") == {"approvers": [], "strongest": None}


@pytest.mark.parametrize("change", ["mistyped", "short"])
def test_a_recovery_key_that_is_not_right_says_so(shell: Shell, change: str) -> None:
    recovery = recovery_in(enroll_first(shell).screen)
    wrong = (
        recovery[:-1]
        if change == "short"
        else recovery.replace(recovery[0], "Z" if recovery[0] != "Z" else "Y")
    )
    ended = shell.run_in_terminal(
        "approver", "revoke", "ada", "--recovery", types={"on the paper: ": f"{wrong}\n"}
    )
    assert (ended.code, "no recovery key" in ended.err) == (3, True)


def test_a_key_file_that_was_changed_does_not_open(shell: Shell) -> None:
    file = Path(enroll_first(shell).document["file"])
    held = json.loads(file.read_text())
    changed = locked.KeyFile.model_validate({**held, "person": "eve"})
    with pytest.raises(locked.WrongPassphrase):
        changed.unlock(WORDS)
    assert locked.read_key(file).unlock(WORDS).key.person == "ada"


def test_an_odd_name_is_refused_before_anything_is_made(shell: Shell) -> None:
    refused = shell.run("approver", "enroll", "Ada Lovelace", "--json")
    assert (refused.code, refused.error["code"]) == (2, "invalid_arguments")
