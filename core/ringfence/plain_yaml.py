"""YAML without guesses: text, whole numbers, null, lists and maps, each as it is written.

YAML reads `NO` as false, `010` as 8, `1:30` as 90 and `1.10` as a float, lets a key stand twice, and lets a few
lines of aliases stand for gigabytes. A policy is no place for any of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

MAX_CHARACTERS = 500_000
"""What is longer was not written by hand, and reading it would take very long."""
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")


class BadYaml(ValueError):
    """The text is no YAML, or YAML that would have to be guessed at."""


Path = tuple[str | int, ...]
"""The keys and indexes that lead to a value."""


def read(text: str, *, has_truth: bool = False) -> Any:
    """The document that the text holds, in plain Python values.

    Args:
        text: the YAML.
        has_truth: whether `true` and `false`, written just so, are the truth values; all others stay refused.

    Raises:
        BadYaml: no YAML, a duplicate key, an alias, a float, a truth value, or anything but plain text and numbers.
    """
    loader = _TruthLoader if has_truth else _PlainLoader
    with _in_our_words(text):
        return yaml.load(text, Loader=loader)  # noqa: S506  # a SafeLoader that takes less


def lines(text: str) -> dict[Path, int]:
    """The line on which every key or list item of a document stands, counted from 1, by the path to it.

    Raises:
        BadYaml: as `read`, as far as the text's form goes.
    """
    found: dict[Path, int] = {}
    with _in_our_words(text):
        _note_lines(yaml.compose(text, Loader=_PlainLoader), (), found)
    return found


def _note_lines(node: yaml.Node | None, path: Path, found: dict[Path, int]) -> None:
    inner: list[tuple[str | int, yaml.Node, yaml.Node]]
    if isinstance(node, yaml.MappingNode):
        inner = [(str(key.value), key, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        inner = [(index, item, item) for index, item in enumerate(node.value)]
    else:
        return
    for name, where, value in inner:
        found[*path, name] = where.start_mark.line + 1
        _note_lines(value, (*path, name), found)


@contextmanager
def _in_our_words(text: str) -> Iterator[None]:
    if len(text) > MAX_CHARACTERS:
        raise BadYaml(f"it has {len(text)} characters; at most {MAX_CHARACTERS} are read")
    try:
        yield
    except yaml.YAMLError as error:
        raise BadYaml(" ".join(str(error).split())[:300]) from error
    except RecursionError as error:
        raise BadYaml("it is nested too deep") from error


class _PlainLoader(yaml.SafeLoader):
    """Reads the kinds that are listed at the end of this module, and refuses every other."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            why = "an alias is not followed: write out what it stands for"
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # so are the stubs
            raise yaml.composer.ComposerError(None, None, why, mark)
        return super().compose_node(parent, index)


def _map(loader: _PlainLoader, node: yaml.MappingNode) -> dict[str, Any]:
    pairs = [
        (loader.construct_object(key, deep=True), loader.construct_object(value, deep=True))
        for key, value in node.value
    ]
    keys = [key for key, _ in pairs]
    if not all(isinstance(key, str) for key in keys):
        raise _refusal(node, f"keys are text, unlike one of {keys}")
    if len(set(keys)) != len(keys):
        raise _refusal(node, f"a key stands twice among {keys}")
    return dict(pairs)


def _whole(_loader: _PlainLoader, node: yaml.ScalarNode) -> int:
    if _WHOLE.fullmatch(node.value) is None:
        raise _refusal(node, f"{node.value[:40]} is no plain whole number")
    return int(node.value)


def _text(_loader: _PlainLoader, node: yaml.ScalarNode) -> str:
    return str(node.value)


def _guessed(_loader: _PlainLoader, node: yaml.Node) -> Any:
    kind = node.tag.rpartition(":")[2]
    if not isinstance(node, yaml.ScalarNode):
        raise _refusal(node, f"a {kind} is not read")
    name = "truth value" if kind == "bool" else kind
    raise _refusal(node, f"YAML takes {node.value[:40]} for a {name}; write it in quotes")


def _refusal(node: yaml.Node, why: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, why, node.start_mark)


def _truth(loader: _PlainLoader, node: yaml.ScalarNode) -> bool:
    if node.value not in {"true", "false"}:
        _guessed(loader, node)
    return str(node.value) == "true"


_KINDS = {
    "map": _map,
    "seq": yaml.SafeLoader.construct_yaml_seq,
    "null": yaml.SafeLoader.construct_yaml_null,
    "int": _whole,
    "str": _text,
    "timestamp": _text,
}
_PlainLoader.yaml_constructors = {  # not added to those of the base, but in their place
    None: _guessed,
    **{f"tag:yaml.org,2002:{name}": read_kind for name, read_kind in _KINDS.items()},
}


class _TruthLoader(_PlainLoader):
    """Reads `true` and `false` as well."""


_TruthLoader.yaml_constructors = {
    **_PlainLoader.yaml_constructors,
    "tag:yaml.org,2002:bool": _truth,
}
