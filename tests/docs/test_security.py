"""SECURITY.md: the tests that it names exist, its commands are ones, and what to do after a loss does it.

The word behind `sh` names the story that a block is played in; `text by-hand` is for a person with root.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from architecture.test_invariants_are_named import exists
from cli.conftest import founded, home, shell
from cli.shell import REPOSITORY, Answer, Ended, Shell
from cli.test_approvers import recovery_in
from cli.test_live import LIMITS, WORDS, allow, last_letters
from cli.vouching import vouch
from guard.authenticator import Passkey
from ringfence_server.cli import program
from ringfence_server.keys.locked import read_key
from ringfence_server.settings import DATABASE_NAME, Settings

__all__ = ["founded", "home", "shell"]  # fixtures

pytestmark = pytest.mark.timeout(300)  # each story starts a dozen processes, one after another

TEXT = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```sh (\S+)\n((?:(?!```).*\n)*)```$", TEXT, re.MULTILINE))
THEIRS = "another four word phrase"
LIVE = {"RINGFENCE_MODE": "live"}


# What it says.


def rows() -> list[list[str]]:
    """The table of threats, without its head."""
    part = TEXT.partition("\n## What stops what\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_threat_has_a_control_and_tests_that_exist() -> None:
    assert len(rows()) > 20
    for threat, control, held in rows():
        named = re.findall(r"`tests/([\w/]+\.py::test_\w+)`", held)
        assert control, threat
        assert named, threat
        assert [test for test in named if not exists(test)] == [], threat


def test_every_level_of_consent_is_explained() -> None:
    part = TEXT.partition("\n## What each level of consent proves\n")[2].partition("\n## ")[0]
    levels = re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)
    assert levels == ["client", "page", "passphrase", "passkey", "two_people"]


def test_every_grade_is_one_that_doctor_gives_or_is_said_not_to_be_seen() -> None:
    part = TEXT.partition("\n## Three grades of installation\n")[2].partition("\n## ")[0]
    assert re.findall(r"\(`(\w+)`\)", part) == ["same_user", "other_user"]
    assert "says `unknown`" in " ".join(part.split())


@pytest.mark.parametrize(
    "line",
    [
        "Never type an approval secret into a chat. The guard will never ask for one there.",
        "Approve from your bookmark or command-line inbox, not from a link the assistant wrote; "
        "match the six-character code.",
    ],
)
def test_the_two_lines_stand_here_and_in_the_readme(line: str) -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for text in (TEXT, readme):
        assert line in " ".join(text.replace("*", "").split())


def test_the_hobbyists_part_comes_first_and_is_short() -> None:
    first = TEXT.partition("\n## ")[2].partition("\n## ")[0]
    assert first.startswith("In half a page")
    assert len(first.splitlines()) < 30


def commands() -> Iterator[list[str]]:
    """Every `ringfence …` in the running text and in the blocks."""
    inline = re.findall(r"`(ringfence [^`]+)`", TEXT)
    blocks = [line for text in BLOCKS.values() for line in text.splitlines()]
    for line in [*inline, *blocks]:
        yield shlex.split(line)[1:]


@pytest.mark.parametrize("words", sorted({tuple(each) for each in commands()}), ids=" ".join)
def test_every_command_is_one(words: tuple[str, ...]) -> None:
    if words == ("--version",) or words == ("script",):
        return
    command, rest = typer.main.get_command(program.build()), list(words)
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    command.make_context(" ".join(words), rest)  # refuses what it does not understand


def test_the_anchors_and_keys_are_where_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/settings")
    settings = Settings(home=Path("/home"))
    assert (settings.keys.name, settings.anchors.name) == ("keys", "anchors")
    assert settings.keys.parent == settings.anchors.parent
    assert not settings.anchors.is_relative_to(settings.folder)


# What it tells to do.


class Story:
    """A live installation with Ada and Bob, whose keys are in one folder, and a recovery key on paper."""

    def __init__(self, shell: Shell, tmp_path: Path) -> None:
        self.shell, self.folder = shell, tmp_path / "settings" / "ringfence" / "keys"
        typed: dict[str, Answer] = {
            "last four letters: ": last_letters,
            "or more: ": f"{WORDS}\n",
            "again: ": f"{WORDS}\n",
        }
        enrolled = self.run("ringfence approver enroll ada", **typed)
        self.paper = recovery_in(enrolled.screen)
        assert allow(shell, tmp_path).code == 0

    def run(self, line: str, **types: Answer) -> Ended:
        """One line of a block, in a terminal."""
        return self.shell.run_in_terminal(*shlex.split(line)[1:], types=types, **LIVE)

    def also_bob(self) -> None:
        typed: dict[str, Answer] = {"Passphrase of ada": f"{WORDS}\n", **self.new("bob")}
        assert self.run("ringfence approver enroll bob", **typed).code == 0

    def new(self, _person: str) -> dict[str, Answer]:
        """What somebody types who chooses a passphrase."""
        return {"or more: ": f"{THEIRS}\n", "again: ": f"{THEIRS}\n"}

    def lose_the_key_of(self, person: str) -> None:
        for file in self.folder.iterdir():
            if read_key(file).person == person:
                file.unlink()

    @property
    def people(self) -> set[str]:
        listed = self.shell.json("approver", "list")["approvers"]
        return {each["person"] for each in listed}

    @property
    def frozen(self) -> str | None:
        reason: str | None = self.shell.json("spending")["frozen"]
        return reason


@pytest.fixture
def story(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("RINGFENCE_MODE", "live")
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path / "live"))
    monkeypatch.setenv("RINGFENCE_APPROVALS_URL", "http://localhost:0")
    return Story(Shell(tmp_path / "live", shell.capture), tmp_path)


def test_every_block_is_played_below() -> None:
    assert set(BLOCKS) == {"lost-key", "lost-phone", "lost-all", "restored"}
    fences = re.findall(r"^```(\S.*)$", TEXT, re.MULTILINE)
    assert {fence for fence in fences if not fence.startswith("sh ")} == {"text by-hand"}


def test_after_a_lost_key_another_one_signs_and_the_old_one_does_not(story: Story) -> None:
    story.also_bob()
    before = {each["key_id"] for each in story.shell.json("approver", "list")["approvers"]}
    story.lose_the_key_of("ada")
    freeze, revoke, enroll, numbers, unfreeze = BLOCKS["lost-key"].splitlines()
    theirs: dict[str, Answer] = {"Passphrase of bob": f"{THEIRS}\n"}
    assert story.run(freeze).code == 0
    assert story.frozen == "the key of ada is lost"
    assert story.run(revoke, **theirs).code == 0
    assert story.people == {"bob"}
    assert story.run(enroll, **theirs, **story.new("ada")).code == 0
    after = {each["key_id"] for each in story.shell.json("approver", "list")["approvers"]}
    assert len(before & after) == 1
    assert len(after) == 2
    assert story.run(numbers).code == 0
    either: dict[str, Answer] = {"Whose key signs": "bob\n", **theirs}
    assert story.run(unfreeze, **either).code == 0
    assert story.frozen is None


def test_after_a_lost_phone_its_passkey_counts_no_longer(story: Story) -> None:
    [file] = story.folder.glob("*.key")
    bob = Passkey("bob")
    vouch(file, WORDS, bob)
    assert story.people == {"ada", "bob"}
    freeze, listing, revoke, unfreeze = BLOCKS["lost-phone"].splitlines()
    hers: dict[str, Answer] = {"Passphrase of ada": f"{WORDS}\n"}
    assert story.run(freeze).code == 0
    assert bob.key.key_id in story.run(listing).out
    assert story.run(revoke, **hers).code == 0
    assert story.people == {"ada"}
    assert story.run(unfreeze, **hers).code == 0


def test_after_every_key_is_lost_the_paper_lets_a_new_one_in(story: Story) -> None:
    story.lose_the_key_of("ada")
    revoke, enroll = BLOCKS["lost-all"].splitlines()
    typed: dict[str, Answer] = {"on the paper: ": f"{story.paper}\n"}
    assert story.run(revoke, **typed).code == 0
    assert story.people == set()
    assert story.run(enroll, **typed, **story.new("ada")).code == 0
    assert story.people == {"ada"}
    intent_id = story.shell.propose()
    ended = story.run(
        f"ringfence approve {intent_id}",
        **{"or no: ": "0142\n", "Passphrase of ada": f"{THEIRS}\n"},
    )
    assert ended.code == 0, ended.err


def test_a_restored_database_is_looked_at_and_goes_on(story: Story, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    story.shell.json("db", "backup", str(copy))
    story.shell.json("freeze", "to", "have", "a", "later", "history")
    database = story.shell.home / DATABASE_NAME
    for file in story.shell.home.glob(f"{DATABASE_NAME}-*"):
        file.unlink()
    shutil.copy(copy, database)
    doctor, audit, ledger, numbers, unfreeze = BLOCKS["restored"].splitlines()
    told = story.run(doctor)
    assert told.code == 2
    assert "fail  history" in told.out
    told = story.run(audit)
    assert (told.code, "another history" in told.out or "older copy" in told.out) == (1, True)
    for line in (ledger, numbers):
        assert story.run(line).code == 0, line
    assert "history" in str(story.frozen) or "older copy" in str(story.frozen)
    assert story.run(unfreeze, **{"Passphrase of ada": f"{WORDS}\n"}).code == 0
    assert story.frozen is None
    assert "fail  history" not in story.run(doctor).out
    assert story.run(audit).code == 0


def test_the_policy_of_these_stories_asks_for_a_passphrase() -> None:
    assert "buy: passphrase" in LIMITS
