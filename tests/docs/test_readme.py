"""README.md: every fenced example runs, and what it says of tools, settings and errors is so.

The first word behind a fence says how it is checked: `sh` runs (`exit=N` is its exit code, `types=X`
what a person types), `sh live` runs in a live installation with two people at the terminal, `sh client`
is started as its client would, `console` names targets of make, `json` is a client's configuration,
`text card` is a card, `yaml script` is the file that a shell example plays, `yaml live` a policy. A
`python` test is run by tests/testing/test_plugin.py.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from cli.shell import COMMAND, END_SECONDS, REPOSITORY, ROOTS, Answer, Ended, in_terminal, inherited
from ringfence.errors import all_errors
from ringfence.sandbox.faults import Fault
from ringfence.states import IntentState
from ringfence_server.cli import exits
from ringfence_server.settings import PREFIX, Settings
from ringfence_tools import CATALOG

pytestmark = pytest.mark.timeout(300)  # the examples start twenty processes, one after another

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BASH = "/bin/bash"
QUESTION = "or no: "


@dataclass(frozen=True)
class Example:
    """One fenced block."""

    kind: str
    text: str
    line: int

    def value(self, name: str) -> str | None:
        """What the fence says behind `name=`."""
        found = re.search(rf"{name}=(\S+)", self.kind)
        return found[1] if found else None


def examples(*kinds: str) -> list[Example]:
    """The examples whose fence begins with one of these words."""
    fences = re.finditer(r"^```(\S.*)\n((?:(?!```).*\n)*)^```$", README, re.MULTILINE)
    found = [
        Example(fence[1], fence[2], README.count("\n", 0, fence.start()) + 1) for fence in fences
    ]
    return [each for each in found if not kinds or each.kind.startswith(kinds)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `.venv/bin/ringfence`, as `make demo` leaves it."""
    folder = tmp_path_factory.mktemp("checkout")
    command = folder / ".venv" / "bin" / "ringfence"
    command.parent.mkdir(parents=True)
    installed = Path(sys.executable).with_name("ringfence")
    if installed.exists():
        command.symlink_to(installed)
        return folder
    path = os.pathsep.join(str(REPOSITORY / root) for root in ROOTS)
    words = " ".join(COMMAND)
    command.write_text(f'#!/bin/sh\nexport PYTHONPATH="{path}"\nexec {words} "$@"\n')
    command.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def told(checkout: Path) -> Ended:
    """What the shell examples did, run from the first to the last in one terminal."""
    [played] = examples("yaml script")
    (checkout / "script.yaml").write_text(played.text)
    blocks = [each for each in examples("sh") if each.kind not in {"sh client", "sh live"}]
    return in_terminal(
        [BASH, "-c", "\n".join(script(blocks))],
        environment(checkout),
        [(QUESTION, f"{typed}\n") for each in blocks if (typed := each.value("types"))],
        cwd=checkout,
    )


def script(blocks: list[Example]) -> Iterator[str]:
    """All blocks as one script, so that what one sets the next can use; stops where one fails."""
    yield "set -u"
    for block in blocks:
        expected = block.value("exit")
        if expected is None:
            yield f"set -e\n{block.text}set +e"
        else:
            yield f"{block.text}[ $? = {expected} ] || exit 99"


def environment(home: Path) -> dict[str, str]:
    """A user's own, with nothing of ringfence set and an empty home."""
    kept = {name: value for name, value in inherited().items() if not name.startswith("XDG_")}
    return {**kept, "HOME": str(home)}


def test_every_fence_says_how_it_is_checked() -> None:
    known = ("sh", "console", "json", "text card", "yaml script", "yaml live", "python")
    assert len(examples()) == README.count("\n```") // 2
    assert [each for each in examples() if not each.kind.startswith(known)] == []


def test_the_shell_examples_run_from_the_first_to_the_last(told: Ended) -> None:
    assert told.code == 0, f"{told.err}\n{told.screen}"
    assert "Bought." in told.out
    assert "+14155550142  active  reception" in told.out


SECRET = "correct horse battery staple"


def last_letters(screen: str) -> str:
    """What somebody types who has written the recovery key down."""
    found = re.findall(r"(?:[0-9A-Z]{4}-){13}([0-9A-Z]{4})", screen)
    return f"{found[0]}\n"


def test_going_live_leads_from_nothing_to_a_number_that_two_approvers_stand_for(
    checkout: Path, tmp_path: Path
) -> None:
    """Block after block, as two people who do what they say; between the first two one of them edits the file."""
    found, allowed, rehearsed = examples("sh live")
    sign: list[tuple[str, Answer]] = [("Passphrase of ", f"{SECRET}\n")]
    choose: list[tuple[str, Answer]] = [("or more: ", f"{SECRET}\n"), ("again: ", f"{SECRET}\n")]
    first: list[tuple[str, Answer]] = [
        ("such as ada: ", "ada\n"),
        ("last four letters: ", last_letters),
    ]
    second: list[tuple[str, Answer]] = [("another person: ", "bob\n"), *sign, *choose]
    played(found, checkout, tmp_path, [*first, *choose, *second])
    policy = checkout / "live.yaml"
    assert "0.00 USD" in policy.read_text()
    [written] = examples("yaml live")
    policy.write_text(written.text)
    sign = [("Whose key signs", "ada\n"), *sign]  # the two keep their keys in one folder
    applied = played(allowed, checkout, tmp_path, sign)
    assert "Version 2 of the policy is in force." in applied.out
    assert "ada, bob may sign" in applied.out
    bought = played(rehearsed, checkout, tmp_path, [(QUESTION, "0142\n"), *sign, *sign])
    assert "SIMULATED" in bought.screen
    assert "Bought." in bought.out
    assert "Not frozen" in bought.out


def played(block: Example, checkout: Path, home: Path, types: list[tuple[str, Answer]]) -> Ended:
    """One block in a terminal, with the programs where the examples before it have put them."""
    variables = {
        **environment(home),
        "RINGFENCE_MODE": "live",
        "RINGFENCE_APPROVALS_URL": "http://localhost:0",  # the usual port may be somebody's
        "PATH": f"{checkout}/.venv/bin:{os.environ['PATH']}",
    }
    ended = in_terminal([BASH, "-c", f"set -u\n{block.text}"], variables, types, cwd=checkout)
    assert ended.code == 0, f"{ended.err}\n{ended.screen}"
    return ended


def test_the_card_is_the_one_that_is_shown(told: Ended) -> None:
    [card] = examples("text card")
    shown = told.out[told.out.index("BUY +1") :]
    assert timeless(shown).startswith(timeless(card.text))


def timeless(card: str) -> str:
    """A card without what differs from one purchase to the next."""
    card = re.sub(r"\d{4}-\d\d(-\d\d)?( \d\d:\d\d UTC)?", "DATE", card)
    card = re.sub(r"local:\S+", "local:ada", card)
    return re.sub(r"(Match code +)\S+", r"\1CODE", card)


def client_command(checkout: Path) -> list[str]:
    """What a client starts that was told so by the install line."""
    [line] = examples("sh client")
    told = subprocess.run(
        [BASH, "-c", f'claude() {{ printf "%s\\n" "$@"; }}\n{line.text}'],
        cwd=checkout,
        capture_output=True,
        check=True,
        text=True,
        timeout=END_SECONDS,
    )
    words = told.stdout.splitlines()
    assert words[: words.index("--")] == ["mcp", "add", "ringfence"]
    return words[words.index("--") + 1 :]


@pytest.mark.anyio
@pytest.mark.parametrize("variables", [[], ["HOME={home}"]], ids=["nothing", "home"])
async def test_the_installed_command_serves_with_a_bare_environment_from_anywhere(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, variables: list[str]
) -> None:
    home = tmp_path_factory.mktemp("home")
    given = [variable.format(home=home) for variable in variables]
    bare = StdioServerParameters(
        command="/usr/bin/env",
        args=["-i", *given, *client_command(checkout)],
        cwd=tmp_path_factory.mktemp("elsewhere"),
    )
    async with Client(bare) as client:
        listed = [tool.name for tool in (await client.list_tools()).tools]
        assert listed == [operation.name for operation in CATALOG]
        if given:
            found = await client.call_tool("search_numbers", {"country": "US", "area_code": "415"})
            assert found.is_error is False


def test_the_configuration_starts_the_same_command(checkout: Path) -> None:
    [example] = examples("json")
    configured = json.loads(example.text)["mcpServers"]["ringfence"]
    command, *arguments = client_command(checkout)
    assert configured["args"] == arguments
    assert Path(configured["command"]).parts[-3:] == Path(command).parts[-3:]
    assert Path(configured["command"]).is_absolute()


def test_every_make_target_exists() -> None:
    named = [
        target for each in examples("console") for target in re.findall(r"make (\S+)", each.text)
    ]
    targets = re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert named
    assert set(named) <= set(targets)


def rows(heading: str) -> dict[str, str]:
    """The table under a heading: each row's first cell, with the whole row."""
    part = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return {line.split("|")[1].strip(): line for line in lines}


def test_every_tool_is_documented() -> None:
    named = re.findall(r"`([a-z_]+)`", " ".join(rows("The tools")))
    assert sorted(named) == sorted(operation.name for operation in CATALOG)


def test_every_setting_is_documented() -> None:
    assert list(rows("Settings")) == [f"`{PREFIX}{key.upper()}`" for key in Settings.model_fields]


def test_every_error_is_documented_with_its_exit_code() -> None:
    documented = {
        code: int(exit_code)
        for exit_code, row in rows("Errors and exit codes").items()
        for code in re.findall(r"`([a-z_]+)`", row)
    }
    assert documented == {kind.code: int(exits.BY_ERROR[kind.code]) for kind in all_errors()}


@pytest.mark.parametrize("state", [s for s in IntentState if s is not IntentState.COMPLETED])
def test_every_state_is_documented_with_its_exit_code(state: IntentState) -> None:
    row = rows("Errors and exit codes")[str(int(exits.of_state(state)))]
    assert re.search(rf"\b{state}\b", row)


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_is_documented(fault: Fault) -> None:
    assert f"`{fault}`" in README.partition("\n## The sandbox\n")[2]
