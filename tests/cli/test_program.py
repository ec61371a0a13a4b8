"""The program itself: how it starts, how it fails, and how it prints."""

from __future__ import annotations

import json
import os
import resource
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from cli.shell import COMMAND, END_SECONDS, Shell
from ringfence import __version__
from ringfence.guard import books
from ringfence_server.cli import program, serving
from ringfence_server.cli.examples import EXAMPLES

VERSION_CPU_SECONDS = 0.15
HEAVY = {"anyio", "mcp", "pydantic", "rich", "sqlalchemy", "typer"}


def every_command() -> list[list[str]]:
    """The words that lead to each command."""

    def below(group: Any, path: list[str]) -> Iterator[list[str]]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from below(command, [*path, name])
            else:
                yield [*path, name]

    return list(below(typer.main.get_command(program.build()), []))


def test_the_version_is_printed_without_loading_anything(shell: Shell) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    shown = shell.run_alone("--version")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (shown.code, shown.out) == (0, f"ringfence {__version__}\n")
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent <= VERSION_CPU_SECONDS


def test_the_entry_module_loads_nothing_heavy(shell: Shell) -> None:
    code = (
        "import sys, json; from ringfence_server import __main__;"
        " from ringfence_server.cli import serving; print(json.dumps(sorted(sys.modules)))"
    )
    left = subprocess.run(
        [sys.executable, "-c", code],
        env=shell.environment(),
        capture_output=True,
        check=True,
        text=True,
        timeout=END_SECONDS,
    )
    assert HEAVY.isdisjoint(json.loads(left.stdout))


def test_without_arguments_and_without_a_terminal_it_is_the_server(shell: Shell) -> None:
    """A client that was given the bare command starts a server; it ends when the client leaves."""
    left = shell.run_alone()
    assert (left.code, left.out) == (0, "")


def test_without_arguments_a_person_gets_help_and_the_next_step(shell: Shell) -> None:
    controller, terminal = os.openpty()
    left = subprocess.run(
        COMMAND,
        env=shell.environment(),
        stdin=terminal,
        capture_output=True,
        check=False,
        text=True,
        timeout=END_SECONDS,
    )
    os.close(terminal)
    os.close(controller)
    assert left.returncode == 0
    assert "Commands:" in left.stdout
    assert "ringfence demo" in left.stdout
    assert max(map(len, left.stdout.splitlines())) <= 82


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_every_command_explains_itself(shell: Shell, path: list[str]) -> None:
    if path in (["serve"], ["demo"]):
        return  # in processes of their own
    shown = shell.run(*path, "--help")
    assert shown.code == 0
    assert "Usage: ringfence " in shown.out


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_every_help_ends_with_an_example_that_the_command_understands(
    shell: Shell, path: list[str]
) -> None:
    helped = shell.run_alone if path == ["serve"] else shell.run
    example = (
        helped(*path, "--help").out.rstrip().splitlines()[-1].removeprefix("Example: ").strip()
    )
    assert len(example) <= 76, "a longer one would be broken"
    words = shlex.split(example)
    if words[0] != "ringfence":  # NAME=value before the command, as shells have it
        assert words.pop(0).startswith("RINGFENCE_")
    words = words[: words.index(">")] if ">" in words else words
    assert words[: len(path) + 1] == ["ringfence", *path]
    rest = words[len(path) + 1 :]
    if path == ["serve"]:
        serving.parser().parse_args(rest)
        return
    command = typer.main.get_command(program.build())
    for name in path:
        command = command.commands[name]  # type: ignore[attr-defined]  # groups have them
    command.make_context(" ".join(path), rest)  # refuses what it does not understand


def test_every_example_belongs_to_a_command() -> None:
    assert set(EXAMPLES) == {" ".join(path) for path in every_command()}


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_the_list_of_commands_and_each_help_fit_80_columns(shell: Shell, path: list[str]) -> None:
    if path == ["serve"]:
        return  # its parser asks the terminal
    for words in (["--help"], [*path[:-1], "--help"], [*path, "--help"]):
        wide = [line for line in shell.run(*words).out.splitlines() if len(line) > 80]
        assert [line for line in wide if "|" not in line] == []  # a list of values has no space


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_no_command_can_say_yes_for_a_person(path: list[str]) -> None:
    """Options named so would be tried by whoever reads the help."""
    command = typer.main.get_command(program.build())
    for name in path:
        command = command.commands[name]  # type: ignore[attr-defined]  # groups have them
    options = {option for each in command.params for option in each.opts}
    assert options.isdisjoint({"--yes", "-y", "--force", "--confirm", "--approve", "--no-input"})


@pytest.mark.parametrize(
    "arguments",
    [
        ["approv"],
        ["polcy", "show"],
        ["show"],
        ["sandbox"],
        ["pending", "--jsn"],
        ["policy", "apply"],
    ],
)
def test_a_wrong_command_line_ends_with_2_and_points_to_the_help(
    shell: Shell, arguments: list[str]
) -> None:
    wrong = shell.run(*arguments)
    assert (wrong.code, wrong.out) == (2, "")
    assert "--help" in wrong.err
    as_json = shell.run(*arguments, "--json")
    assert (as_json.code, as_json.error["code"], as_json.err) == (2, "invalid_arguments", "")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (["polcy"], "policy"),
        (["policy", "aply"], "apply"),
        (["assistant", "rm", "x"], None),
        (["pending", "--jsn"], "--json"),
    ],
)
def test_a_typo_is_answered_with_what_was_meant(
    shell: Shell, wrong: list[str], right: str | None
) -> None:
    told = shell.run(*wrong).err
    assert right is None or right in told.partition("See: ")[0]
    assert "See: ringfence" in told


def test_a_bug_ends_with_1_and_an_id_under_which_its_details_are(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_tx: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(books, "verify", broken)
    bug = shell.run("ledger", "verify", "--json")
    assert (bug.code, bug.error["code"]) == (1, "internal")
    assert bug.error["details"]["log_id"] in bug.err
    assert "ZeroDivisionError" in bug.err
    assert "ZeroDivisionError" not in bug.out


def test_refusals_are_for_the_person_who_reads_them(shell: Shell) -> None:
    refused = shell.run("show", "int_01KAN5T1PR0000000000000001")
    assert (refused.code, refused.out) == (2, "")
    assert "(not_found)" in refused.err
    assert "Tell the person" not in refused.err


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}, {"FORCE_COLOR": ""}])
def test_what_is_piped_is_plain(shell: Shell, variables: dict[str, str]) -> None:
    assert "\x1b" not in shell.run_alone("spending", **variables).out


def test_whoever_stops_reading_changes_no_exit_code(shell: Shell) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    left = subprocess.run(
        [*COMMAND, "policy", "show"],
        env=shell.environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        text=True,
        timeout=END_SECONDS,
    )
    os.close(writing)
    assert (left.returncode, left.stderr) == (0, "")
