"""One table of a TOML text: set or removed, with every other line left as it was.

The text is changed line by line and read again afterwards: what then does not say exactly what was wanted (an inline
table, a header inside a text of several lines) is not written.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from ringfence_server.clients.jsonc import NotEditable

_HEADER = re.compile(r"^[ \t]*\[")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def read(text: str) -> dict[str, Any]:
    """The document that a text holds.

    Raises:
        NotEditable: it is no TOML.
    """
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise NotEditable(f"it is no TOML: {str(error)[:120]}") from error


def put(text: str, keys: Sequence[str], values: Mapping[str, Any]) -> str:
    """The text with these values in the table at `keys`, which is made at the end where there is none.

    Raises:
        NotEditable: it cannot be done without touching anything else.
    """
    wanted = deepcopy(read(text))
    at: Any = wanted
    for key in keys:
        at = at.setdefault(key, {})
        if not isinstance(at, dict):
            raise NotEditable(f"{key!r} holds no table")
    at.update(values)
    lines = text.splitlines(keepends=True)
    newline = "\r\n" if "\r\n" in text else "\n"
    flat = {key: value for key, value in values.items() if not isinstance(value, dict)}
    _put_table(lines, keys, flat, newline)
    for key, value in values.items():
        if isinstance(value, dict):
            _put_sub_table(lines, keys, key, value, newline)
    return _checked("".join(lines), wanted)


def take(text: str, keys: Sequence[str]) -> str:
    """The text without the table at `keys` and those below it.

    Raises:
        NotEditable: it cannot be done without touching anything else.
    """
    wanted = deepcopy(read(text))
    at: Any = wanted
    for key in keys[:-1]:
        at = at[key]
    del at[keys[-1]]
    lines = text.splitlines(keepends=True)
    while (found := _block(lines, keys, is_below=True)) is not None:
        start, end = found
        is_followed_by_text = end < len(lines) and lines[end].strip()
        if start and not lines[start - 1].strip() and not is_followed_by_text:
            start -= 1  # of the blank lines round it, one stays
        del lines[start:end]
    result = "".join(lines)
    if wanted[keys[0]] == {} and keys[0] not in read(result):
        del wanted[keys[0]]  # only the removed table had made it
    return _checked(result, wanted)


def _checked(text: str, wanted: Any) -> str:
    if read(text) != wanted:
        raise NotEditable("the change would have touched more than its own table")
    return text


def _put_table(
    lines: list[str], keys: Sequence[str], values: Mapping[str, Any], newline: str
) -> None:
    found = _block(lines, keys)
    if found is None:
        _append(lines, keys, values, newline)
        return
    start, end = found
    for key, value in values.items():
        said = f"{key} = {_printed(value)}{newline}"
        own = re.compile(rf"[ \t]*{re.escape(key)}[ \t]*=")
        there = next((i for i in range(start + 1, end) if own.match(lines[i])), None)
        if there is not None:
            lines[there] = said
        else:
            lines.insert(start + 1, said)
            end += 1


def _put_sub_table(
    lines: list[str], keys: Sequence[str], key: str, values: Mapping[str, Any], newline: str
) -> None:
    """Write a table below ours: in one line where it stands in one, else as a table with its own header."""
    outer = _block(lines, keys)
    inline = re.compile(rf"[ \t]*{re.escape(key)}[ \t]*=")
    for i in range(*(outer or (0, 0))):
        if inline.match(lines[i]):
            pairs = ", ".join(f"{_key(name)} = {_printed(v)}" for name, v in values.items())
            lines[i] = f"{key} = {{ {pairs} }}{newline}" if pairs else f"{key} = {{}}{newline}"
            return
    own = _block(lines, [*keys, key])
    if own is not None:
        lines[own[0] + 1 : own[1]] = [
            f"{_key(name)} = {_printed(v)}{newline}" for name, v in values.items()
        ]
    elif values:
        _append(lines, [*keys, key], values, newline, after=outer)


def _append(
    lines: list[str],
    keys: Sequence[str],
    values: Mapping[str, Any],
    newline: str,
    after: tuple[int, int] | None = None,
) -> None:
    at = after[1] if after is not None else len(lines)
    if at and not lines[at - 1].endswith("\n"):
        lines[at - 1] += newline
    made = [f"[{'.'.join(map(_key, keys))}]{newline}"]
    made += [f"{_key(name)} = {_printed(value)}{newline}" for name, value in values.items()]
    if at and lines[at - 1].strip():
        made.insert(0, newline)
    lines[at:at] = made


def _block(
    lines: Sequence[str], keys: Sequence[str], *, is_below: bool = False
) -> tuple[int, int] | None:
    """The lines of a table from its header on; what stands right above the next header is that one's."""
    for start, line in enumerate(lines):
        if not _is_header(line, keys, is_below=is_below):
            continue
        end = start + 1
        while end < len(lines) and not _HEADER.match(lines[end]):
            end += 1
        if end < len(lines):
            while end > start + 1 and re.match(r"[ \t]*(#.*)?$", lines[end - 1].rstrip("\r\n")):
                end -= 1
        return start, end
    return None


def _is_header(line: str, keys: Sequence[str], *, is_below: bool) -> bool:
    parts = r"[ \t]*\.[ \t]*".join(rf"[\"']?{re.escape(key)}[\"']?" for key in keys)
    more = r"(?:[ \t]*\..*?)?" if is_below else ""
    return re.match(rf"[ \t]*\[[ \t]*{parts}{more}[ \t]*\][ \t]*(#.*)?$", line.rstrip()) is not None


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _printed(value: Any) -> str:
    """Texts and lists of texts; JSON writes them as TOML does."""
    return json.dumps(value, ensure_ascii=False)
