"""`init` of a live installation leads through two approvers at the terminal, and `doctor` says where one is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cli.shell import Answer, Ended, Shell
from cli.test_approvers import recovery_in
from cli.test_live import WORDS, last_letters

MINE = "another four word phrase"
ROOT: Mapping[str, Answer] = {
    "such as ada: ": "ada\n",
    "last four letters: ": last_letters,
}
FIRST: Mapping[str, Answer] = {
    **ROOT,
    "or more: ": f"{WORDS}\n",
    "again: ": f"{WORDS}\n",
}


@pytest.fixture
def live(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A user who is about to found a live installation."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("RINGFENCE_MODE", "live")
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path / "live"))
    return Shell(tmp_path / "live", shell.capture)


def init(live: Shell, **types: Answer) -> Ended:
    return live.run_in_terminal("init", types=types, RINGFENCE_MODE="live")


def typed(*more: tuple[str, Answer]) -> dict[str, Answer]:
    return {**FIRST, **dict(more)}


def people(live: Shell) -> list[str]:
    return sorted(each["person"] for each in live.json("approver", "list")["approvers"])


def approvers(live: Shell) -> list[dict[str, Any]]:
    found = live.run("doctor", "--json").document["findings"]
    return [each for each in found if each["check"] == "approvers"]


def prose(text: str) -> str:
    return " ".join(text.split())


def test_init_leads_through_two_people_and_says_why(live: Shell) -> None:
    ended = init(
        live,
        **typed(
            ("another person: ", "bob\n"),
            ("Passphrase of ada", f"{WORDS}\n"),
            ("characters or more: ", f"{MINE}\n"),
            ("The same again: ", f"{MINE}\n"),
        ),
    )
    assert ended.code == 0, ended.err
    assert people(live) == ["ada", "bob"]
    assert "four eyes" in prose(ended.screen)
    assert "lost" in ended.screen
    assert "Next, sign what may be bought: ringfence policy apply FILE" in prose(ended.out)
    assert WORDS not in ended.screen + ended.out + ended.err
    assert MINE not in ended.screen + ended.out + ended.err
    assert [each["grade"] for each in approvers(live)] == ["ok"]
    again = init(live)
    assert (again.code, people(live)) == (0, ["ada", "bob"])
    assert "ada and bob may sign here." in prose(again.out)


def test_who_leaves_after_the_first_is_led_to_the_second_next_time(live: Shell) -> None:
    ended = init(live, **typed(("another person: ", "\n")))
    assert (ended.code, people(live)) == (0, ["ada"])
    assert "ringfence approver enroll NAME" in ended.out
    [finding] = approvers(live)
    assert (finding["grade"], finding["mend"]) == ("warn", "ringfence approver enroll NAME")
    assert "ada alone may sign" in finding["says"]
    later = init(
        live,
        **{
            "another person: ": "bob\n",
            "Passphrase of ada": f"{WORDS}\n",
            "or more: ": f"{MINE}\n",
            "again: ": f"{MINE}\n",
        },
    )
    assert (later.code, people(live)) == (0, ["ada", "bob"])


def test_a_short_passphrase_does_not_end_the_founding(live: Shell) -> None:
    ended = init(
        live,
        **ROOT,
        **{
            "or more: ": "short\n",
            "characters or more: ": f"{WORDS}\n",
            "again: ": f"{WORDS}\n",
            "another person: ": "\n",
        },
    )
    assert (ended.code, people(live)) == (0, ["ada"])


def test_who_left_after_the_root_was_made_is_told_why_the_paper_is_asked_for(live: Shell) -> None:
    left = init(live, **ROOT, **{"or more: ": "\x03"})
    assert (left.code, people(live)) == (130, [])
    assert "no key was made" in left.screen
    paper = recovery_in(left.screen)
    ended = init(
        live,
        **{
            "such as ada: ": "ada\n",
            "on the paper: ": f"{paper}\n",
            "or more: ": f"{WORDS}\n",
            "again: ": f"{WORDS}\n",
            "another person: ": "\n",
        },
    )
    assert (ended.code, people(live)) == (0, ["ada"])
    assert paper not in ended.screen + ended.out
    told = prose(ended.screen.replace("\r", ""))
    assert "It is there already" in ended.out
    assert re.search(
        r"its root is there already, made on 20\d\d-\d\d-\d\d; but nobody may sign", told
    )
    assert "let in with the recovery key that was shown then" in told
    assert "If its paper is lost" in told
    assert re.search(r"Nobody may sign here, so the recovery key has to; it was shown when", told)


def test_whoever_comes_to_one_approver_is_told_who_there_is(live: Shell) -> None:
    init(live, **typed(("another person: ", "\n")))
    again = init(live, **{"another person: ": "\n"})
    assert again.code == 0
    assert "ada may sign here already." in again.screen


def test_the_same_person_is_no_second_approver(live: Shell) -> None:
    ended = init(
        live,
        **typed(
            ("another person: ", "ada\n"),
            ("one person.\r\nThe second approver, another person: ", "Bob Smith\n"),
            ("such as ada.\r\nThe second approver, another person: ", "ada\n"),
        ),
    )
    assert (ended.code, people(live)) == (0, ["ada"])
    assert "two keys of one person are one person" in ended.screen


def test_without_a_terminal_init_says_what_to_run(live: Shell) -> None:
    ended = live.run_alone("init", stdin="ada\n", RINGFENCE_MODE="live")
    assert (ended.code, people(live)) == (0, [])
    said = prose(ended.out)
    assert "Enrol two approvers: ringfence approver enroll NAME" in said
    assert "every purchase is refused" in said
    [finding] = approvers(live)
    assert finding["grade"] == "warn"
    assert live.json("init")["mode"] == "live"


def test_a_sandbox_asks_for_nobody(shell: Shell) -> None:
    ended = shell.run_in_terminal("init")
    assert (ended.code, "approver" in ended.out + ended.screen) == (0, False)
    assert approvers(shell) == []


def test_the_doctor_says_when_the_pin_is_missing(live: Shell, tmp_path: Path) -> None:
    init(live, **typed(("another person: ", "\n")))
    [pin] = (tmp_path / "settings" / "ringfence" / "anchors").glob("*.root")
    pin.unlink()
    [finding] = approvers(live)
    assert finding["grade"] == "fail"
    assert "pin" in finding["says"]
    assert "backup" in finding["mend"]
