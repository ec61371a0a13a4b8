"""`ringfence install`: tell a client of this server, in its own file, and leave the rest of it alone."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.text import Text

from ringfence.errors import ConfigurationError, InvalidArguments, NotFound
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, coloured, show
from ringfence_server.clients import entry, files, jsonc, toml
from ringfence_server.clients.catalogue import (
    CLIENTS,
    Client,
    ClientName,
    Place,
    Scope,
    Surroundings,
    place,
)
from ringfence_server.settings import read_settings

CLAUDE = "claude"
CLAUDE_SECONDS = 60.0
"""For Claude Code's own command, which takes one or two."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Wish:
    """What is to stand where."""

    client: Client
    scope: Scope
    place: Place
    name: str
    entry: Mapping[str, Any]

    @property
    def keys(self) -> tuple[str, ...]:
        return (*self.place.keys, self.name)

    @property
    def is_toml(self) -> bool:
        return self.place.file.suffix == ".toml"


@dataclass(frozen=True)
class Done:
    """What was done, or would be."""

    is_changed: bool
    difference: str = ""
    commands: tuple[tuple[str, ...], ...] = ()
    """Claude Code's own commands, where they do it."""
    copy: str | None = None


def install(
    client: Annotated[ClientName, typer.Argument(metavar="CLIENT", help="Which client.")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    name: Annotated[str, typer.Option(help="What the client calls this server.")] = "ringfence",
    scope: Annotated[
        Scope | None,
        typer.Option(
            metavar="SCOPE",
            help="user (the default), project (this folder, shared) or, for claude-code, local.",
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the entry out again.")] = False,
    as_json: Json = False,
) -> Exit:
    """Tell a client of this server, in the client's own file.

    It writes one entry, shows the difference, keeps a copy of the old file beside it, and leaves everything
    else in the file as it is. Nothing secret is written.
    """
    wish = _wish(client, name, scope)
    found = files.read(wish.place)
    done = _remove(wish, found, dry_run) if remove else _add(wish, found, dry_run)
    document = {
        "client": client.value,
        "scope": wish.scope.value,
        "file": str(wish.place.file),
        "name": name,
        "entry": None if remove else dict(wish.entry),
        "changed": done.is_changed,
        "dry_run": dry_run,
        "difference": done.difference,
        "commands": [list(words) for words in done.commands],
        "copy": done.copy,
    }
    show(document, *_told(wish, done, dry_run=dry_run), as_json=as_json)
    return Exit.DONE


def _wish(name: ClientName, called: str, scope: Scope | None) -> Wish:
    client = CLIENTS[name]
    scope = scope or client.scopes[0]
    if scope not in client.scopes:
        raise InvalidArguments(
            f"{client.title} has no scope {scope}.",
            remedy=f"It has {', '.join(client.scopes)}.",
        )
    if _NAME.fullmatch(called) is None:
        raise InvalidArguments(
            f"{called[:64]!r} is no name for a server.",
            remedy="Use up to 64 letters, digits, - and _.",
        )
    wanted = entry.made(
        entry.command(), entry.variables(read_settings()), says_stdio=client.says_stdio
    )
    return Wish(client, scope, place(name, scope, Surroundings()), called, wanted)


def _add(wish: Wish, before: files.Text, dry_run: bool) -> Done:
    found = _found(wish, before)
    if found is not None and not entry.is_ours(found):
        raise InvalidArguments(
            f"{wish.client.title} has another server called {wish.name} in {wish.place.file}.",
            remedy="Choose another name with --name.",
        )
    changed = entry.changes(found or {}, wish.entry)
    if found is not None and not changed:
        return Done(is_changed=False)
    if program := _own_program(wish):
        return _by_command(wish, program, is_there=found is not None, dry_run=dry_run)
    edit = toml.put if wish.is_toml else jsonc.put
    try:
        after = edit(before.text, wish.keys, changed if found else wish.entry)
    except jsonc.NotEditable as error:
        raise _by_hand(wish, str(error)) from error
    return _written(wish, before, after, dry_run)


def _remove(wish: Wish, before: files.Text, dry_run: bool) -> Done:
    found = _found(wish, before)
    if found is None:
        raise NotFound(
            f"{wish.client.title} has no server called {wish.name} in {wish.place.file}.",
            remedy="Name it with --name, and where it is with --scope.",
        )
    if not entry.is_ours(found):
        raise InvalidArguments(
            f"{wish.name} in {wish.place.file} starts another program than ringfence.",
            remedy="Name ours with --name.",
        )
    if program := _own_program(wish):
        words = (program, "mcp", "remove", "--scope", wish.scope.value, wish.name)
        return _ran((words,), dry_run)
    edit = toml.take if wish.is_toml else jsonc.take
    try:
        after = edit(before.text, wish.keys)
    except jsonc.NotEditable as error:
        raise ConfigurationError(
            f"{wish.place.file} is left as it is: {error}.",
            remedy=f"Take {wish.name} out of it by hand.",
        ) from error
    return _written(wish, before, after, dry_run)


def _found(wish: Wish, before: files.Text) -> Mapping[str, Any] | None:
    """Our entry as it stands in the file; None where there is none."""
    try:
        at: Any = toml.read(before.text) if wish.is_toml else jsonc.read(before.text)
    except jsonc.NotEditable as error:
        raise _by_hand(wish, str(error)) from error
    for key in wish.keys:
        if not isinstance(at, dict):
            raise _by_hand(wish, "its list of servers is no list of names")
        at = at.get(key)
        if at is None:
            return None
    return at if isinstance(at, dict) else {}


def _by_hand(wish: Wish, why: str) -> ConfigurationError:
    """Nothing is written; the lines for a person to paste."""
    edit, empty = (toml.put, "") if wish.is_toml else (jsonc.put, "{}\n")
    lines = edit(empty, wish.keys, wish.entry).strip()
    return ConfigurationError(
        f"{wish.place.file} is left as it is: {why}.",
        remedy="Correct it, or add these lines to it by hand.",
        details={"lines": lines},
    )


def _written(wish: Wish, before: files.Text, after: str, dry_run: bool) -> Done:
    difference = files.difference(before, after)
    if dry_run:
        return Done(is_changed=True, difference=difference)
    copy = files.write(before, after, is_shared=wish.place.is_shared)
    return Done(is_changed=True, difference=difference, copy=str(copy) if copy else None)


def _own_program(wish: Wish) -> str | None:
    """Claude Code's own command, for the file that it rewrites all the time; None where there is none."""
    if wish.client.name is not ClientName.CLAUDE_CODE or wish.place.is_shared:
        return None
    return shutil.which(CLAUDE)


def _by_command(wish: Wish, program: str, *, is_there: bool, dry_run: bool) -> Done:
    scope = ("--scope", wish.scope.value)
    remove = (program, "mcp", "remove", *scope, wish.name)
    variables = [f"--env={name}={value}" for name, value in wish.entry.get("env", {}).items()]
    words = (wish.entry["command"], *wish.entry["args"])
    add = (program, "mcp", "add", *variables, *scope, wish.name, "--", *words)
    return _ran((remove, add) if is_there else (add,), dry_run)


def _ran(commands: tuple[tuple[str, ...], ...], dry_run: bool) -> Done:
    for words in () if dry_run else commands:
        try:
            ended = subprocess.run(  # noqa: S603  # their own program, with words of ours
                words, capture_output=True, check=False, text=True, timeout=CLAUDE_SECONDS
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise _failed(words, type(error).__name__) from error
        if ended.returncode != 0:
            raise _failed(words, (ended.stderr or ended.stdout).strip()[:300] or "it failed")
    return Done(is_changed=True, commands=commands)


def _failed(words: Sequence[str], why: str) -> ConfigurationError:
    return ConfigurationError(
        f"Claude Code's own command did not do it: {why}",
        remedy=f"Run it yourself: {shlex.join(words)}",
    )


def _told(wish: Wish, done: Done, *, dry_run: bool) -> list[str | Text]:
    title, file = wish.client.title, wish.place.file
    if not done.is_changed:
        return [f"{title} has it already, in {file}."]
    text: list[str | Text] = []
    if done.difference:
        text.append(coloured(done.difference, {"+": "green", "-": "red", "@@": "cyan"}))
    text += [f"$ {shlex.join(words)}" for words in done.commands]
    if dry_run:
        return [*text, "Nothing was changed."]
    if done.copy:
        text.append(f"The old file is kept as {done.copy}")
    return [*text, f"{title}: done. {wish.client.afterwards}"]
