"""Refusals as a caller sees them: one object under `error`, and the same in a few lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from ringfence.errors import RingfenceError
from ringfence_tools.printing import on_its_lines, sentence
from ringfence_tools.texts import only_listed


def error_document(error: RingfenceError, listed: Set[str]) -> dict[str, Any]:
    """The structured content of an error result; its texts name listed tools only."""
    return {
        "error": {
            "code": error.code,
            "message": sentence(only_listed(error.message, listed, fallback=error.message)),
            "remedy": sentence(only_listed(error.remedy, listed)),
            "retryable": error.retryable,
            "details": _plain(error.details, listed),
        }
    }


def read_error(document: Mapping[str, Any]) -> str:
    """The same refusal for a person: what happened, which limits say so, and the way out."""
    error = document["error"]
    rules = [
        read_violation(v) for v in error["details"].get("violations", []) if isinstance(v, dict)
    ]
    return "\n".join([f"{error['message']} ({error['code']})", *rules, error["remedy"]])


def _plain(value: object, listed: Set[str]) -> object:
    """Details as JSON has them: other values become text; remedies inside name listed tools."""
    if isinstance(value, Mapping):
        return {
            str(key): only_listed(inner, listed)
            if key == "remedy" and isinstance(inner, str)
            else _plain(inner, listed)
            for key, inner in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner, listed) for inner in value]
    return value if value is None or type(value) in (bool, int, float) else on_its_lines(str(value))


def read_violation(violation: Mapping[str, Any]) -> str:
    """One rule that says no: `- cash (all, month): limit 25.00 USD, used 24.00 USD`."""
    return "- " + "".join(_parts(violation))


def _parts(violation: Mapping[str, Any]) -> Iterator[str]:
    yield str(violation.get("budget") or violation.get("rule"))
    bounds = [str(violation[key]) for key in ("scope", "window") if violation.get(key)]
    yield f" ({', '.join(bounds)})" if bounds else ""
    amounts = (
        ("limit", "limit"),
        ("used", "used"),
        ("held", "held"),
        ("requested", "asked for"),
        ("left", "left"),
    )
    told = [f"{word} {violation[key]}" for key, word in amounts if violation.get(key) is not None]
    yield f": {', '.join(told)}" if told else ""
