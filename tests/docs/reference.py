"""`python -m docs.reference`: the reference of tools, errors, commands and settings, written from the code.

`make reference` writes docs/reference; a test holds that what is there is what would be written.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import typer

from ringfence.errors import RingfenceError, all_errors
from ringfence_server.cli import exits
from ringfence_server.cli.program import build
from ringfence_server.cli.serving import parser as serve_parser
from ringfence_server.settings import PREFIX, Settings
from ringfence_tools import CATALOG
from ringfence_tools.operation import AnyOperation
from ringfence_tools.schema import full_schema, input_schema
from ringfence_tools.vocabulary import LOOKS_LIKE

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
WRITTEN = "*Written from the code by `make reference`; edits here are lost.*"

Schema = Mapping[str, Any]


def pages() -> dict[str, str]:
    """Every page by the name of its file."""
    made: Mapping[str, Callable[[], Iterable[str]]] = {
        "tools.md": tools,
        "errors.md": errors,
        "commands.md": commands,
        "settings.md": settings,
    }
    return {name: "\n".join(make()).rstrip() + "\n" for name, make in made.items()}


# Tools.


def tools() -> Iterator[str]:
    """What an assistant can call."""
    yield from ("# Tools", "", WRITTEN, "")
    yield (
        "Arguments are read strictly: an unknown one, a wrong type or a null is `invalid_arguments`. "
        "Every result also has `simulated` and `next_step`; a refusal has `error` alone "
        "([errors.md](errors.md))."
    )
    for operation in CATALOG:
        yield from _tool(operation)


def _tool(operation: AnyOperation) -> Iterator[str]:
    hints = [
        "reads only" if operation.is_read_only else "changes something",
        "cannot be undone" if operation.is_destructive else "",
        "the same twice is once" if operation.is_idempotent else "",
        "asks carriers" if operation.is_open_world else "asks nobody else",
    ]
    yield from ("", f"## {operation.name}", "", operation.description, "")
    scopes = " and ".join(f"`{scope}`" for scope in sorted(operation.scopes))
    yield f"{', '.join(hint for hint in hints if hint).capitalize()}. Scope: {scopes}."
    schema = input_schema(operation)
    if schema["properties"]:
        yield from ("", "| argument | takes | |", "|---|---|---|")
        for name, each in schema["properties"].items():
            notes = [
                "required" if name in schema.get("required", []) else "",
                f"default {_code(each['default'])}" if "default" in each else "",
                each.get("description", ""),
            ]
            told = "; ".join(note for note in notes if note)
            yield f"| `{name}` | {_cell(_takes(each))} | {_cell(told)} |"
    yield from ("", "Result:", "")
    yield from _fields(full_schema(operation.result), depth=0)


def _fields(schema: Schema, *, depth: int) -> Iterator[str]:
    for name, each in schema.get("properties", {}).items():
        if depth == 0 and name in {"simulated", "next_step"}:
            continue
        inner = each.get("items", each)
        yield f"{'  ' * depth}- `{name}{'[]' if 'items' in each else ''}`: {_takes(inner)}"
        yield from _fields(inner, depth=depth + 1)


def _takes(schema: Schema) -> str:
    """A value's schema in words."""
    if "enum" in schema:
        return " ".join(f"`{'null' if value is None else value}`" for value in schema["enum"])
    if "const" in schema:
        return _code(schema["const"])
    if "anyOf" in schema:
        return " or ".join(_takes(arm) for arm in schema["anyOf"])
    kinds = schema.get("type", "anything")
    if isinstance(kinds, list):
        return " or ".join(_takes({**schema, "type": kind}) for kind in kinds)
    told = _KINDS.get(kinds)
    return told(schema) if told else str(kinds)


def _text(schema: Schema) -> str:
    if "pattern" in schema:
        return LOOKS_LIKE.get(schema["pattern"], f"text {_code(schema['pattern'])}")
    return f"{_bounds(schema, 'minLength', 'maxLength')}text"


def _list(schema: Schema) -> str:
    return f"{_bounds(schema, 'minItems', 'maxItems')}list of {_takes(schema['items'])}"


_KINDS: Mapping[str, Callable[[Schema], str]] = {
    "array": _list,
    "string": _text,
    "integer": lambda schema: f"{_bounds(schema, 'minimum', 'maximum')}whole number",
    "boolean": lambda _schema: "`true` or `false`",
    "object": lambda schema: "object" if "properties" in schema else "object of texts",
}


def _bounds(schema: Schema, least: str, most: str) -> str:
    if least not in schema and most not in schema:
        return ""
    return f"{schema.get(least, '')}–{schema.get(most, '')} "


def _code(value: object) -> str:
    text = {None: "null", True: "true", False: "false"}.get(value, value)  # type: ignore[call-overload]  # keyed by constants
    return f"`{text}`"


def _cell(text: str) -> str:
    """Text as it may stand in a table."""
    return text.replace("|", "\\|")


# Errors.


def errors() -> Iterator[str]:
    """Every code that a refusal can bear."""
    yield from ("# Errors", "", WRITTEN, "")
    yield (
        'A refusal is `{"error": {"code", "message", "remedy", "retryable", "details"}}`. '
        "A remedy may say more than the usual one below. The exit code is that of the command line."
    )
    yield from ("", "| code | means | usual remedy | retry | exit |", "|---|---|---|---|---|")
    for kind in all_errors():
        yield _error(kind)


def _error(kind: type[RingfenceError]) -> str:
    cells = [
        f"`{kind.code}`",
        _cell((inspect.getdoc(kind) or "").partition("\n")[0]),
        _cell(kind.default_remedy),
        "yes" if kind.retryable else "no",
        str(int(exits.BY_ERROR[kind.code])),
    ]
    return f"| {' | '.join(cells)} |"


# Commands.


def commands() -> Iterator[str]:
    """The command line, as its own help tells it."""
    yield from (
        "# Commands",
        "",
        WRITTEN,
        "",
        (exits.__doc__ or "").strip().join(["```text\n", "\n```"]),
    )
    root = typer.main.get_command(build())
    assert isinstance(root, click.Group | typer.core.TyperGroup)
    for path, command in _walk(root, ["ringfence"]):
        yield from _command(path, command)


def _walk(group: Any, path: list[str]) -> Iterator[tuple[list[str], Any]]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from _walk(command, [*path, name])
        else:
            yield [*path, name], command


def _command(path: list[str], command: Any) -> Iterator[str]:
    context = command.context_class(command, info_name=path[-1])
    usage = " ".join([*path, *command.collect_usage_pieces(context)])
    yield from ("", f"## {' '.join(path)}", "", "```text", usage, "```", "")
    yield inspect.cleandoc(command.help or "").replace("\b\n", "").replace("\b", "")
    records = [record for each in command.params if (record := each.get_help_record(context))]
    if path == ["ringfence", "serve"]:  # its options are read without the command line's library
        records = [
            (_flag(each), each.help or "") for each in serve_parser()._actions
        ]  # argparse shows them nowhere else
    shown = [(name, told) for name, told in records if "--help" not in name]
    if shown:
        yield from ("", "| | |", "|---|---|")
        yield from (f"| `{_cell(name)}` | {_cell(told)} |" for name, told in shown)


def _flag(action: argparse.Action) -> str:
    takes = action.metavar or "|".join(action.choices or ())
    return f"{action.option_strings[-1]} {takes}".rstrip()


# Settings.


def settings() -> Iterator[str]:
    """What is decided before an installation is opened."""
    yield from ("# Settings", "", WRITTEN, "")
    yield (
        "A flag goes before the environment, that before the configuration file (TOML, lower case, "
        "without the prefix), that before the default. An unknown name stops the start."
    )
    yield from ("", "| variable | what it is | default |", "|---|---|---|")
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else _code(field.default)
        yield f"| `{PREFIX}{name.upper()}` | {_cell(field.description or '')} | {default} |"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in pages().items():
        (FOLDER / file).write_text(text, encoding="utf-8")
