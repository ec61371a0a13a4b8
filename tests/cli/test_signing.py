"""Typing a secret: a wrong one, whose it is where several could sign, and leaving in the middle of it."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from cli.shell import NUMBER, Answer, Ended, Shell
from cli.test_live import WORDS, WRONG_WORDS, allow, in_terminal, live
from cli.vouching import vouch
from ringfence_server.keys.locked import new_key, write_key

__all__ = ["live"]  # a fixture

MINE = "another four word phrase"


def keys(tmp_path: Path) -> Path:
    return tmp_path / "settings" / "ringfence" / "keys"


@pytest.fixture
def bob(live: Shell, tmp_path: Path) -> Path:
    """The file of a second person's key, in the folder of the first one's."""
    [hers] = keys(tmp_path).iterdir()
    made = new_key("bob", MINE)
    file = keys(tmp_path) / f"{made.key.key_id}.key"
    write_key(file, made)
    vouch(hers, WORDS, made)
    return file


@pytest.fixture
def frozen(live: Shell) -> Shell:
    """An installation where somebody has to sign, to go on."""
    assert live.run("freeze", "to", "be", "sure").code == 0
    return live


def unfreeze(live: Shell, *words: str, **types: Answer) -> Ended:
    return live.run_in_terminal("unfreeze", *words, types=types, RINGFENCE_MODE="live")


# A wrong passphrase.


def test_after_wrong_passphrases_the_way_on_is_about_the_passphrase(frozen: Shell) -> None:
    ended = unfreeze(frozen, **WRONG_WORDS)
    assert ended.code == 3
    assert "nothing was signed" in ended.err
    assert "Try again" in ended.err
    assert "waits" in ended.err
    assert 'SECURITY.md, "When something is lost"' in ended.err
    assert "policy" not in ended.err
    assert "wrong" not in ended.screen


def test_the_same_is_said_in_a_document(frozen: Shell) -> None:
    ended = unfreeze(frozen, "--json", **WRONG_WORDS)
    assert ended.error["code"] == "not_authorized"
    assert "When something is lost" in ended.error["remedy"]


def test_a_mistyped_recovery_key_is_told_what_to_do(live: Shell) -> None:
    ended = in_terminal(live, "approver", "revoke", "ada", "--recovery", **{"paper: ": "ABCD\n"})
    assert ended.code == 3
    assert "as it is on the paper" in ended.err
    assert "policy" not in ended.err


# Keys of several people.


def test_of_several_people_the_one_who_signs_is_asked_for(frozen: Shell, bob: Path) -> None:
    ended = unfreeze(frozen, **{"beforehand): ": "bob\n", "Passphrase of bob": f"{MINE}\n"})
    assert ended.code == 0, ended.err
    assert re.search(r"\d  ada  key [0-9a-f]{16}", ended.screen)
    assert f"bob  key {bob.stem}" in ended.screen
    assert "--key FILE" in ended.screen
    assert "Passphrase of ada" not in ended.screen


def test_the_number_before_a_name_is_as_good(frozen: Shell, bob: Path) -> None:
    def her_number(screen: str) -> str:
        [number] = re.findall(r"(\d)  ada  key", screen)
        return f"{number}\n"

    types: dict[str, Answer] = {"beforehand): ": her_number, "Passphrase of ada": f"{WORDS}\n"}
    ended = unfreeze(frozen, **types)
    assert ended.code == 0, ended.err


def test_who_names_the_file_is_not_asked(frozen: Shell, bob: Path) -> None:
    ended = unfreeze(frozen, "--key", str(bob), **{"Passphrase of bob": f"{MINE}\n"})
    assert ended.code == 0, ended.err
    assert "beforehand" not in ended.screen


def test_who_says_nobody_that_is_there_signs_nothing(frozen: Shell, bob: Path) -> None:
    tries = (
        "beforehand): ",
        "by number (--key FILE says it beforehand): ",
        "ber (--key FILE says it beforehand): ",
    )
    ended = unfreeze(frozen, **dict(zip(tries, ("eve\n", "3\n", "0\n"), strict=True)))
    assert ended.code == 2
    assert "nothing was signed" in ended.err
    assert "--key FILE" in ended.err
    assert "Passphrase of" not in ended.screen
    assert frozen.json("spending")["frozen"]


def test_two_keys_of_one_person_are_told_apart_by_number(frozen: Shell, tmp_path: Path) -> None:
    [first] = keys(tmp_path).iterdir()
    second = new_key("ada", MINE)
    write_key(keys(tmp_path) / f"{second.key.key_id}.key", second)
    vouch(first, WORDS, second)

    def the_second(screen: str) -> str:
        [number] = re.findall(rf"(\d)  ada  key {second.key.key_id}", screen)
        return f"{number}\n"

    types: dict[str, Answer] = {
        "beforehand): ": "ada\n",
        "it beforehand): ": the_second,
        "Passphrase of ada": f"{MINE}\n",
    }
    ended = unfreeze(frozen, **types)
    assert ended.code == 0, ended.err
    assert "ada has several keys" in ended.screen


# Leaving in the middle.


ENDS = [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT]


@pytest.mark.parametrize("end", [*ENDS, "\x03"], ids=str)
def test_whoever_leaves_at_a_passphrase_has_their_terminal_back(frozen: Shell, end: Answer) -> None:
    ended = unfreeze(frozen, **{"Passphrase of ada": end})
    assert ended.code == 130
    assert ended.echoes
    assert "You left: nothing was signed, and nothing is changed." in ended.screen
    assert frozen.json("spending")["frozen"] == "to be sure"


@pytest.mark.parametrize("end", [signal.SIGTERM, "\x03"], ids=str)
def test_whoever_leaves_at_a_new_passphrase_is_told_that_there_is_no_key(
    live: Shell, tmp_path: Path, end: Answer
) -> None:
    ended = in_terminal(live, "approver", "enroll", "bob", "--propose", **{"or more: ": end})
    assert ended.code == 130
    assert ended.echoes
    assert "You left: no key was made." in ended.screen
    assert len(list(keys(tmp_path).iterdir())) == 1


def test_ctrl_c_ends_a_ruling_at_its_passphrase(live: Shell, tmp_path: Path) -> None:
    """These commands run in an event loop, which kept the first Ctrl-C to itself while the terminal was read."""
    allow(live, tmp_path)
    bought = in_terminal(
        live, "approve", live.propose(),
        **{"or no: ": f"{NUMBER[-4:]}\n", "Passphrase of ada": f"{WORDS}\n"},
    )  # fmt: skip
    assert bought.code == 0, bought.err
    asked = ("ledger", "adjust", NUMBER, "--monthly", "0.25 USD", "--reason", "invoice 4711")
    ended = in_terminal(live, *asked, **{"Passphrase of ada": "\x03"})
    assert ended.code == 130
    assert ended.echoes
    assert live.json("spending")["run_rate"] == "1.00 USD"


def test_whoever_leaves_at_the_digits_has_decided_nothing(shell: Shell) -> None:
    intent_id = shell.propose()
    ended = shell.run_in_terminal("approve", intent_id, types={"or no: ": signal.SIGTERM})
    assert ended.code == 130
    assert "Nothing is decided; it still waits." in ended.screen
    assert shell.json("show", intent_id)["state"] == "awaiting_approval"
