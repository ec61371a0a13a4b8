"""`python -m docs.reference`: the reference of tools, errors, commands, settings and policy, written from the code.

`make reference` writes docs/reference; a test holds that what is there is what would be written.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import click
import typer

from guard.policy_fields import nouns_in
from ringfence.errors import RingfenceError, all_errors
from ringfence.nouns import Noun
from ringfence.numbers import NumberType
from ringfence.offers import Provider
from ringfence.policy import REQUIRED_KINDS, PolicyDocument
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
        "policy.md": policy,
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


# The policy.


def policy() -> Iterator[str]:
    """Everything that a policy can say."""
    yield from ("# Policy", "", WRITTEN, "", " ".join(_POLICY.split()))
    kinds = ", ".join(f"`{kind}`" for kind in REQUIRED_KINDS)
    yield from ("", _LIVE, "")
    yield f"Without a budget of each of the kinds {kinds} for scope `all`, nothing is bought."
    for path, model in policy_models():
        yield from _model(path, model)
    yield from ("", "## Scopes", "", "What a budget counts, and what stands behind the colon:", "")
    yield from ("| scope | counts |", "|---|---|")
    yield from (f"| `{scope}` | {told} |" for scope, told in _SCOPES.items())
    yield from ("", "## A complete example", "", "Every field stands in it once at least.", "")
    yield from ("```yaml", EXAMPLE.read_text(encoding="utf-8").rstrip(), "```")


EXAMPLE = Path(__file__).with_name("example_policy.yaml")
_POLICY = """
A policy is a file in YAML, which `ringfence policy apply FILE` puts in force, `ringfence policy plan FILE` tells in
words, and `ringfence policy show` prints. It is closed and strict: an unknown field, one that stands twice, a float or
a wildcard where none is allowed, and the file is not read; the old policy stays. Amounts are text with a currency
(`"25.00 USD"`); what holds a colon or begins with `*` is quoted. Levels of consent stand weakest first;
[SECURITY.md](../../SECURITY.md) says what each proves. What is not said is refused, and *unlimited* cannot be said. A
policy holds no prices and no papers: carriers say what a number costs, and what a country asks for.
"""
_LIVE = (
    "In a live installation approvers sign whatever loosens anything, and a policy has to be narrower: "
    "consent is at level `passphrase` or stronger everywhere; every rate has `max_age_days`; accounts, countries and "
    "assistants are named, none is `any` or a bare `*`."
)
_SCOPES: Mapping[str, str] = {
    "all": "everything",
    "provider:telnyx": "what this carrier sells: " + ", ".join(f"`{each}`" for each in Provider),
    "country:GB": "numbers of this country, by its ISO 3166 code",
    "type:toll_free": "numbers of this type: " + ", ".join(f"`{each}`" for each in NumberType),
    "assistant:reception": "what this assistant shall get, by its exact name",
    "requester:local:ada": "what this requester asks for, as the card names it",
    "mandate:man_…": "what is bought under this mandate; there are none yet, so it counts nothing",
}


def policy_models() -> Iterator[tuple[str, type[Noun]]]:
    """Every section of a policy with its path; `[]` stands behind a list."""
    yield "", PolicyDocument
    yield from _inner(PolicyDocument, "")


def _inner(model: type[Noun], path: str) -> Iterator[tuple[str, type[Noun]]]:
    for name, field in model.model_fields.items():
        for inner in nouns_in(field.annotation):
            at = f"{path}{name}{'[]' if _is_list(field.annotation) else ''}"
            yield at, inner
            yield from _inner(inner, f"{at}.")


def _is_list(annotation: object) -> bool:
    return get_origin(annotation) is tuple


def _model(path: str, model: type[Noun]) -> Iterator[str]:
    kind = model.model_fields.get("kind")
    title = f"{path} of kind {get_args(kind.annotation)[0].value}" if kind else path
    yield from ("", f"## {title or 'The document'}", "", inspect.getdoc(model) or "", "")
    yield from ("| field | takes | default | what it means |", "|---|---|---|---|")
    schemas = full_schema(model)["properties"]
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else _default(field.default)
        takes = _section(path, name, field.annotation) or _takes(schemas[name])
        yield f"| `{name}` | {_cell(takes)} | {default} | {_cell(field.description or '')} |"


def _default(value: object) -> str:
    return {(): "an empty list", None: "absent"}.get(value) or _code(value)  # type: ignore[call-overload]  # keyed by constants


def _section(path: str, name: str, annotation: object) -> str:
    """Where the sections of a field are told, which are objects; empty for a plain value."""
    if not list(nouns_in(annotation)):
        return ""
    at = f"{path}{'.' if path else ''}{name}"
    return f"list of objects: `{at}[]` below" if _is_list(annotation) else f"object: `{at}` below"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in pages().items():
        (FOLDER / file).write_text(text, encoding="utf-8")
