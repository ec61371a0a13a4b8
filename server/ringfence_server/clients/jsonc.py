"""One entry of a JSON text with comments: set or removed, with every other byte left as it was.

Editors write their settings as JSON with comments and trailing commas. Reading such a text and writing it afresh
would lose what a person wrote there, so the text is cut at the places that a scan finds, and read again afterwards:
what then does not say exactly what was wanted is not written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_DEPTH = 100
"""Nobody nests settings deeper; a text that does is not worth a recursion error."""
_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_WORD = re.compile(r"-?[0-9][0-9.eE+-]*|true|false|null")


class NotEditable(ValueError):
    """The text is no JSON of that kind, or the entry cannot be changed without touching more."""


@dataclass
class _Value:
    """A value with its place in the text."""

    start: int
    end: int
    plain: Any
    members: list[_Member] | None = None
    """Of an object; None for anything else."""

    def member(self, key: str) -> _Member | None:
        return next((each for each in self.members or [] if each.key == key), None)


@dataclass
class _Member:
    """`"key": value` in an object, and the comma behind it, if there is one."""

    key: str
    start: int
    value: _Value
    comma: int | None = field(default=None)


def read(text: str) -> dict[str, Any]:
    """The object that a text holds; an empty text holds an empty one.

    Raises:
        NotEditable: anything else.
    """
    found = _root(text)
    if found.members is None:
        raise NotEditable("it holds no object")
    return dict(found.plain)


def put(text: str, keys: Sequence[str], values: Mapping[str, Any]) -> str:
    """The text with these members of the object at `keys`, which is made where there is none.

    Raises:
        NotEditable: it cannot be done without touching anything else.
    """
    wanted = _merged(read(text), keys, values)
    for key, value in values.items():
        text = _put_one(text if text.strip() else "{}\n", [*keys, key], value)
    return _checked(text, wanted)


def take(text: str, keys: Sequence[str]) -> str:
    """The text without the member at `keys`, which is there.

    Raises:
        NotEditable: it cannot be done without touching anything else.
    """
    wanted = read(text)
    parent = wanted
    for key in keys[:-1]:
        parent = parent[key]
    del parent[keys[-1]]
    return _checked(_take_one(text, keys), wanted)


def _merged(plain: dict[str, Any], keys: Sequence[str], values: Mapping[str, Any]) -> Any:
    at = plain
    for key in keys:
        at = at.setdefault(key, {})
        if not isinstance(at, dict):
            raise NotEditable(f"{key!r} holds no object")
    at.update(values)
    return plain


def _checked(text: str, wanted: Any) -> str:
    if read(text) != wanted:
        raise NotEditable("the change would have touched more than its own entry")
    return text


def _put_one(text: str, path: Sequence[str], value: Any) -> str:
    at = _root(text)
    for depth, key in enumerate(path):
        member = at.member(key)
        if member is None:
            for outer in reversed(path[depth + 1 :]):
                value = {outer: value}
            return _insert(text, at, key, value)
        at = member.value
    if at.plain == value:
        return text
    return text[: at.start] + _printed(text, value, _indent_at(text, at.start)) + text[at.end :]


def _insert(text: str, parent: _Value, key: str, value: Any) -> str:
    """Write a member behind the last one, below whatever comment follows that."""
    newline = "\r\n" if "\r\n" in text else "\n"
    outer = _indent_at(text, parent.start)
    first = parent.members[0] if parent.members else None
    is_on_own_line = first is not None and text[: first.start].rstrip(" \t").endswith("\n")
    inner = _indent_at(text, first.start) if first and is_on_own_line else outer + _unit(text)
    brace = parent.end - 1
    until = len(text[:brace].rstrip())
    said = f"{newline}{inner}{json.dumps(key, ensure_ascii=False)}: {_printed(text, value, inner)}"
    tail = text[until:]
    if "\n" not in text[until:brace]:
        tail = f"{newline}{outer}{text[brace:]}"
    last = parent.members[-1] if parent.members else None
    if last is None:
        return text[:until] + said + tail
    if last.comma is not None:  # whoever ends with a comma is not to miss it
        return text[:until] + said + "," + tail
    return text[: last.value.end] + "," + text[last.value.end : until] + said + tail


def _take_one(text: str, path: Sequence[str]) -> str:
    at, parent = _root(text), _root(text)
    for key in path:
        parent = at
        member = at.member(key)
        if member is None:
            raise NotEditable(f"there is no {key!r}")
        at = member.value
    members = parent.members or []
    index = next(i for i, each in enumerate(members) if each.key == path[-1])
    gone = members[index]
    start, end = gone.start, gone.value.end if gone.comma is None else gone.comma + 1
    is_alone_on_its_lines = re.match(r"[ \t]*(\r?\n|$)", text[end:]) is not None
    before = text[:start].rstrip(" \t")
    if is_alone_on_its_lines and before.endswith("\n"):
        start = len(before.rstrip("\r\n"))
    text_before = text[:start]
    if gone.comma is None and index > 0:
        comma = members[index - 1].comma
        if comma is not None:
            text_before = text_before[:comma] + text_before[comma + 1 :]
    return text_before + text[end:]


def _printed(text: str, value: Any, indent: str) -> str:
    """A value as settings are written: an object's members on their own lines, a list in one."""
    if not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    newline, inner = "\r\n" if "\r\n" in text else "\n", indent + _unit(text)
    members = [
        f"{inner}{json.dumps(key, ensure_ascii=False)}: {_printed(text, each, inner)}"
        for key, each in value.items()
    ]
    return "{" + newline + f",{newline}".join(members) + f"{newline}{indent}}}"


def _unit(text: str) -> str:
    """How far the text indents: what its first indented line has."""
    found = re.search(r"^([ \t]+)\"", text, re.MULTILINE)
    return found[1] if found else "  "


def _indent_at(text: str, position: int) -> str:
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _root(text: str) -> _Value:
    if not text.strip().lstrip("\ufeff"):
        return _Value(0, len(text), {}, [])
    found = _value(text, _skip(text, len(text) - len(text.lstrip("\ufeff"))), 0)
    if _skip(text, found.end) != len(text):
        raise NotEditable("something follows its end")
    return found


def _skip(text: str, position: int) -> int:
    blank = _BLANK.match(text, position)
    return blank.end() if blank else position


def _value(text: str, start: int, depth: int) -> _Value:
    if depth > MAX_DEPTH:
        raise NotEditable("it is nested too deep")
    if text.startswith("{", start):
        return _object(text, start, depth)
    if text.startswith("[", start):
        return _array(text, start, depth)
    found = _STRING.match(text, start) or _WORD.match(text, start)
    if found is None:
        raise NotEditable(f"it cannot be read at character {start + 1}")
    try:
        return _Value(start, found.end(), json.loads(found[0]))
    except ValueError as error:
        raise NotEditable(f"it cannot be read at character {start + 1}") from error


def _object(text: str, start: int, depth: int) -> _Value:
    members: list[_Member] = []
    at = _skip(text, start + 1)
    while not text.startswith("}", at):
        if members and members[-1].comma is None:
            raise NotEditable(f"a comma is missing at character {at + 1}")
        key = _value(text, at, depth)
        colon = _skip(text, key.end)
        if not isinstance(key.plain, str) or not text.startswith(":", colon):
            raise NotEditable(f"no key stands at character {at + 1}")
        if any(each.key == key.plain for each in members):
            raise NotEditable(f"the key {key.plain[:40]!r} stands twice")
        value = _value(text, _skip(text, colon + 1), depth + 1)
        at = _skip(text, value.end)
        comma = at if text.startswith(",", at) else None
        members.append(_Member(key.plain, key.start, value, comma))
        at = _skip(text, at + 1) if comma is not None else at
    return _Value(start, at + 1, {each.key: each.value.plain for each in members}, members)


def _array(text: str, start: int, depth: int) -> _Value:
    items: list[Any] = []
    at, is_open = _skip(text, start + 1), True
    while not text.startswith("]", at):
        if not is_open:
            raise NotEditable(f"a comma is missing at character {at + 1}")
        item = _value(text, at, depth + 1)
        items.append(item.plain)
        at = _skip(text, item.end)
        is_open = text.startswith(",", at)
        at = _skip(text, at + 1) if is_open else at
    return _Value(start, at + 1, items)
