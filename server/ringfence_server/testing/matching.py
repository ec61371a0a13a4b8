r"""Matching: what a step expects, held against what came.

A map is met by a map that has at least these keys, a list by a list of as many items, and anything else by its
equal. A map whose keys are names of matchers is met where all of them are:

    {is: anything}            any value but null; also `absent` and `empty`
    {matches: "^\\+1415"}      a text in which the pattern is found
    {contains: x}             a text that holds x, or a list with an item that x matches
    {one_of: [a, b]}          matched by one of these
    {not: x}                  not matched by x
    {each: x}                 a list whose every item is matched by x
    {length: x}               a list, map or text whose length is matched by x
    {at_least: 1}             a whole number, no smaller; also `at_most`
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_SHOWN = 120
"""Characters of a value that a difference shows."""
_ABSENT = object()
_STATES = ("anything", "absent", "empty")

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Difference:
    """One place where what came is not as expected."""

    path: Path
    expected: str
    came: str

    def __str__(self) -> str:
        where = ".".join(map(str, self.path))
        return f"{where or 'the answer'}: expected {self.expected}, came {self.came}"


class BadMatcher(ValueError):
    """An expectation that nothing could be held against."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(problem)
        self.path = path


def differences(expected: Any, came: Any, path: Path = ()) -> list[Difference]:
    """Where what came is not as expected; empty is good."""
    return list(_differences(expected, came, path))


def _differences(expected: Any, came: Any, path: Path) -> Iterator[Difference]:
    if _is_of_matchers(expected):
        for name, argument in expected.items():
            yield from _MATCHERS[name](argument, came, path)
    elif came is _ABSENT:
        yield Difference(path, _shown(expected), "nothing")
    elif isinstance(expected, Mapping) and isinstance(came, Mapping):
        for key, inner in expected.items():
            yield from _differences(inner, came.get(key, _ABSENT), (*path, key))
    elif isinstance(expected, list) and isinstance(came, list):
        yield from _items(expected, came, path)
    elif type(expected) is not type(came) or expected != came:
        yield Difference(path, _shown(expected), _shown(came))


def _items(expected: list[Any], came: list[Any], path: Path) -> Iterator[Difference]:
    if len(expected) != len(came):
        yield Difference(path, _count(expected), f"{_count(came)}: {_shown(came)}")
        return
    for index, (wanted, found) in enumerate(zip(expected, came, strict=True)):
        yield from _differences(wanted, found, (*path, index))


def check_expected(expected: Any, path: Path = ()) -> None:
    """Read an expectation before anything is run.

    Raises:
        BadMatcher: a matcher's argument is of the wrong kind.
    """
    if isinstance(expected, Mapping):
        is_of_matchers = _is_of_matchers(expected)
        for name, argument in expected.items():
            inner = (*path, name)
            if is_of_matchers and (problem := _problem(name, argument)):
                raise BadMatcher(inner, f"`{name}` {problem}")
            if name in MATCHERS and not is_of_matchers:
                raise BadMatcher(inner, f"the matcher `{name}` stands among fields")
            check_expected(argument, inner)
    elif isinstance(expected, list):
        for index, item in enumerate(expected):
            check_expected(item, (*path, index))


def _problem(name: str, argument: Any) -> str | None:
    if name == "is" and argument not in _STATES:
        return f"takes {', '.join(_STATES)}"
    if name in {"at_least", "at_most"} and type(argument) is not int:
        return "takes a whole number"
    if name == "one_of" and not (isinstance(argument, list) and argument):
        return "takes a list"
    if name == "matches":
        try:
            re.compile(argument)
        except (re.error, TypeError) as error:
            return f"takes a pattern: {error}"
    return None


def _is_of_matchers(expected: Any) -> bool:
    """Whether a map is no map to be met, but matchers that must all be met."""
    return isinstance(expected, Mapping) and bool(expected) and set(expected) <= MATCHERS


def _is(state: str, came: Any, path: Path) -> Iterator[Difference]:
    is_so = {
        "anything": came is not _ABSENT and came is not None,
        "absent": came is _ABSENT,
        "empty": isinstance(came, list | dict | str) and not came,
    }
    if not is_so[state]:
        yield Difference(path, state, _shown(came))


def _matches(pattern: str, came: Any, path: Path) -> Iterator[Difference]:
    if not isinstance(came, str) or re.search(pattern, came) is None:
        yield Difference(path, f"text that matches {pattern}", _shown(came))


def _contains(wanted: Any, came: Any, path: Path) -> Iterator[Difference]:
    if isinstance(came, str) and isinstance(wanted, str):
        is_in = wanted in came
    else:
        is_in = isinstance(came, list) and any(not differences(wanted, item) for item in came)
    if not is_in:
        yield Difference(path, f"to hold {_shown(wanted)}", _shown(came))


def _one_of(wanted: list[Any], came: Any, path: Path) -> Iterator[Difference]:
    if all(differences(each, came) for each in wanted):
        yield Difference(path, f"one of {_shown(wanted)}", _shown(came))


def _not(unwanted: Any, came: Any, path: Path) -> Iterator[Difference]:
    if not differences(unwanted, came):
        yield Difference(path, f"anything but {_shown(unwanted)}", _shown(came))


def _each(wanted: Any, came: Any, path: Path) -> Iterator[Difference]:
    if not isinstance(came, list):
        yield Difference(path, "a list", _shown(came))
        return
    for index, item in enumerate(came):
        yield from _differences(wanted, item, (*path, index))


def _length(wanted: Any, came: Any, path: Path) -> Iterator[Difference]:
    if not isinstance(came, list | dict | str):
        yield Difference(path, "something with a length", _shown(came))
    else:
        yield from _differences(wanted, len(came), (*path, "length"))


def _at_least(least: int, came: Any, path: Path) -> Iterator[Difference]:
    if type(came) is not int or came < least:
        yield Difference(path, f"at least {least}", _shown(came))


def _at_most(most: int, came: Any, path: Path) -> Iterator[Difference]:
    if type(came) is not int or came > most:
        yield Difference(path, f"at most {most}", _shown(came))


_MATCHERS: Mapping[str, Callable[[Any, Any, Path], Iterator[Difference]]] = {
    "is": _is,
    "matches": _matches,
    "contains": _contains,
    "one_of": _one_of,
    "not": _not,
    "each": _each,
    "length": _length,
    "at_least": _at_least,
    "at_most": _at_most,
}
MATCHERS = frozenset(_MATCHERS)
"""Names that no field of a tool's result may have; a test holds that."""


def _count(items: list[Any]) -> str:
    return f"{len(items)} item{'s' if len(items) != 1 else ''}"


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
