"""Every field that a policy can hold, found in its models, and which of them two policies differ in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, get_args

from ringfence.nouns import Noun

_NAMES = ({"name"}, {"provider"}, {"source", "target"}, {"first_year"})
"""What tells entries of a list apart; a step of `buy_above` by its amount."""


def every_field(model: type[Noun], path: str = "") -> Iterator[str]:
    """The path of each field that holds a value: `budgets[cash].limit`."""
    for name, field in model.model_fields.items():
        inner = list(nouns_in(field.annotation))
        if not inner:
            yield f"{path}{name}"
        for each in inner:
            yield from every_field(each, f"{path}{name}{_tag(each)}.")


def changed(before: Noun, after: Noun, path: str = "") -> Iterator[str]:
    """The paths of the fields in which they differ; of an entry that only one of them has, its name's."""
    for name, field in type(before).model_fields.items():
        one, other = getattr(before, name), getattr(after, name)
        if one == other:
            continue
        if not list(nouns_in(field.annotation)):
            yield f"{path}{name}"
        elif isinstance(one, Noun) and isinstance(other, Noun):
            yield from changed(one, other, f"{path}{name}{_tag(type(one))}.")
        elif isinstance(section := one or other, Noun):  # which only one of them has
            yield from every_field(type(section), f"{path}{name}.")
        else:
            yield from _changed_entries(one, other, f"{path}{name}")


def _changed_entries(before: tuple[Noun, ...], after: tuple[Noun, ...], path: str) -> Iterator[str]:
    names = _name_fields(type((before or after)[0]))
    if "first_year" in names:  # by place
        pairs = list(zip_longest(before, after))
    else:
        old, new = ({_name(each, names): each for each in some} for some in (before, after))
        pairs = [(old.get(key), new.get(key)) for key in {**old, **new}]
    for one, other in pairs:
        if one is not None and other is not None:
            if type(one) is type(other):
                yield from changed(one, other, f"{path}{_tag(type(one))}.")
            else:
                yield from (f"{path}{_tag(type(each))}.kind" for each in (one, other))
        for each in (one, other):
            if each is not None and (one is None or other is None):
                yield from (f"{path}{_tag(type(each))}.{field}" for field in names)


def _name(entry: Noun, names: set[str]) -> tuple[Any, ...]:
    return tuple(getattr(entry, field) for field in sorted(names))


def _name_fields(model: type[Noun]) -> set[str]:
    return next(each for each in _NAMES if each <= model.model_fields.keys())


def _tag(model: type[Noun]) -> str:
    kind = model.model_fields.get("kind")
    return f"[{get_args(kind.annotation)[0].value}]" if kind else ""


def nouns_in(annotation: object) -> Iterator[type[Noun]]:
    """The nouns that a field may hold, however deep in its type."""
    if isinstance(annotation, type) and issubclass(annotation, Noun):
        yield annotation
    for inner in get_args(annotation):
        yield from nouns_in(inner)
