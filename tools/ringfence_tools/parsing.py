"""Strict reading of arguments: what the schema says is taken, and a refusal says what to correct.

One difference from JSON Schema is on purpose: it calls 5.0 an integer, and here only 5 is one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import ValidationError

from ringfence.errors import InvalidArguments
from ringfence.money import BadMoney, Money
from ringfence_tools.operation import Arguments, Operation, Result
from ringfence_tools.vocabulary import LOOKS_LIKE

A = TypeVar("A", bound=Arguments)
R = TypeVar("R", bound=Result)

MAX_SHOWN = 60
"""Characters of a sent value that an error repeats."""
MAX_PROBLEMS = 10
"""Problems that one error names; more would not help to correct them."""


def parse(operation: Operation[A, R], raw: object) -> A:
    """Read the arguments of a call, all or nothing.

    Raises:
        InvalidArguments: `details.fields` has `{path, message, code}` for each thing that is wrong.
    """
    return parse_as(operation.arguments, operation.name, raw)


def parse_as(model: type[A], name: str, raw: object) -> A:
    """Read the arguments of whatever is called `name`, as this model has them.

    Raises:
        InvalidArguments: as `parse`.
    """
    if not isinstance(raw, dict):
        raise _refused(name, [_problem("", "must be an object of named arguments", "wrong_type")])
    try:
        # Through JSON, where strict means JSON's types: enums are read from text and nothing bends.
        text = json.dumps(raw)
    except (ValueError, TypeError, RecursionError) as error:
        raise _refused(name, [_problem("", "must be plain JSON values", "not_json")]) from error
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        found = _without_echoes(error.errors(include_url=False))[:MAX_PROBLEMS]
        known = list(model.model_fields)
        raise _refused(name, [_explained(one, known) for one in found]) from None


def read_money(field: str, text: str | None) -> Money | None:
    """Money that was sent as text of the right form.

    Raises:
        InvalidArguments: no currency that a price can be in.
    """
    if text is None:
        return None
    try:
        return Money.parse(text)
    except BadMoney as error:
        raise InvalidArguments(
            f"{field}: {error}", details={"fields": [_problem(field, str(error), "currency")]}
        ) from error


def _refused(name: str, problems: list[dict[str, str]]) -> InvalidArguments:
    told = "; ".join(f"{p['path'] or 'the arguments'} {p['message']}" for p in problems)
    return InvalidArguments(f"{name}: {told}.", details={"fields": problems})


def _without_echoes(errors: Sequence[Any]) -> list[Any]:
    """Without "too short" of a list whose items are wrong: they were there."""
    wrong = [tuple(map(str, each["loc"])) for each in errors]
    return [
        each
        for each in errors
        if each["type"] != "too_short"
        or not any(
            len(loc) > len(each["loc"]) and loc[: len(each["loc"])] == tuple(map(str, each["loc"]))
            for loc in wrong
        )
    ]


def _problem(path: str, message: str, code: str) -> dict[str, str]:
    return {"path": path, "message": message, "code": code}


def _explained(error: Mapping[str, Any], known: list[str]) -> dict[str, str]:
    location = [_shortened(str(part)) for part in error["loc"] if part != "[key]"]
    path, kind, sent, context = (
        "/".join(location),
        error["type"],
        error["input"],
        error.get("ctx", {}),
    )
    if (
        kind == "extra_forbidden"
    ):  # its value is never repeated: it may be a secret that nobody asked for
        return _problem(path, _unknown(location[-1], known), "unknown_argument")
    if kind == "missing":
        return _problem(path, "is required", "missing")
    if sent is None:
        return _problem(path, "must not be null; what is optional is left out", "null")
    code, describe = _KINDS.get(kind, ("not_allowed", lambda _: "is not allowed"))
    message = describe(context)
    return _problem(path, message if code in _UNQUOTED else f"{message}, not {_quoted(sent)}", code)


def _unknown(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    there_are = f"there are {', '.join(known)}" if known else "there are none"
    return f"is no argument of it ({f'did you mean {near[0]}?' if near else there_are})"


def _quoted(sent: object) -> str:
    if isinstance(sent, dict):
        return "an object"
    if isinstance(sent, list | tuple):
        return f"a list of {len(sent)}"
    if isinstance(sent, str):
        return json.dumps(_shortened(sent), ensure_ascii=not sent.isprintable())
    return _shortened(json.dumps(sent))


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


Describe = Callable[[Mapping[str, Any]], str]

# Free text is measured, never repeated: nobody knows what was pasted into it.
_UNQUOTED = frozenset({"too_long", "too_short", "duplicate", "reserved", "not_json", "not_a_line"})

# What each kind of refusal is called and how it is said; pydantic's own words stay inside.
_KINDS: Mapping[str, tuple[str, Describe]] = {
    "string_type": ("wrong_type", lambda _: "must be text"),
    "int_type": ("wrong_type", lambda _: "must be a whole number"),
    "int_parsing_size": ("wrong_type", lambda _: "must be a whole number"),
    "bool_type": ("wrong_type", lambda _: "must be true or false"),
    "tuple_type": ("wrong_type", lambda _: "must be a list"),
    "dict_type": ("wrong_type", lambda _: "must be an object of texts"),
    "enum": ("not_allowed", lambda c: f"must be one of {_listed(c)}"),
    "literal_error": ("not_allowed", lambda c: f"must be one of {_listed(c)}"),
    "string_pattern_mismatch": (
        "pattern",
        lambda c: f"must be {LOOKS_LIKE.get(c['pattern'], 'text that matches ' + c['pattern'])}",
    ),
    "string_too_long": ("too_long", lambda c: f"must have at most {c['max_length']} characters"),
    "string_too_short": ("too_short", lambda c: f"must have at least {c['min_length']} characters"),
    "too_long": ("too_long", lambda c: f"must hold at most {c['max_length']} items"),
    "too_short": ("too_short", lambda c: f"must hold at least {c['min_length']} item"),
    "greater_than_equal": ("too_small", lambda c: f"must be at least {c['ge']}"),
    "less_than_equal": ("too_big", lambda c: f"must be at most {c['le']}"),
    "unique_items": ("duplicate", lambda _: "holds the same value twice"),
    "reserved_key": ("reserved", lambda _: "begins with a name that is ringfence's own"),
    "not_a_line": ("not_a_line", lambda _: "must be one line of printable text"),
    "json_invalid": ("not_json", lambda _: "must be plain JSON values"),
}


def _listed(context: Mapping[str, Any]) -> str:
    return str(context["expected"]).replace("'", "").replace(" or ", ", ")
