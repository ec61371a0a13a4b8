"""Captured values: `${name}` in a script stands for what an earlier step has saved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAME = re.compile(r"\$\{([^{}]*)\}")


class NoSuchValue(LookupError):
    """An answer holds nothing at a path."""


def names_in(text: str) -> list[str]:
    """The names that a text refers to."""
    return _NAME.findall(text)


def filled(value: Any, saved: Mapping[str, Any]) -> Any:
    """The same value with every reference replaced; a text that is one reference becomes its value, of any type."""
    if isinstance(value, str):
        whole = _NAME.fullmatch(value)
        if whole:
            return saved[whole[1]]
        return _NAME.sub(lambda match: str(saved[match[1]]), value)
    if isinstance(value, Mapping):
        return {key: filled(inner, saved) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, saved) for inner in value]
    return value


def value_at(document: Any, path: str) -> Any:
    """What stands at a path such as `offers.0.offer_id`.

    Raises:
        NoSuchValue: nothing does.
    """
    found = document
    for part in path.split("."):
        if isinstance(found, Mapping) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            raise NoSuchValue(f"there is nothing at {path}")
    return found
