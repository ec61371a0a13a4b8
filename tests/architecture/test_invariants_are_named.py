"""Each promise of the guard is held by tests that exist, or is said not to be built yet."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from architecture.invariants import INVARIANTS, Invariant
from architecture.source import REPOSITORY

TESTS = REPOSITORY / "tests"
HOW_MANY = 34
"""As many as the guard's design names; a new one is added there and here."""
EACH = pytest.mark.parametrize(("name", "invariant"), INVARIANTS.items(), ids=INVARIANTS.keys())


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of the tests in a file, read off its syntax tree."""
    file = TESTS / path
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    )


def exists(test: str) -> bool:
    path, _, name = test.partition("::")
    return name in names_in(path)


def test_every_invariant_of_the_design_has_a_name_here() -> None:
    assert len(INVARIANTS) == HOW_MANY
    assert all(re.fullmatch(r"INV(-[A-Z]+)+", name) for name in INVARIANTS)


@EACH
def test_an_invariant_is_held_or_is_said_not_to_be_built(name: str, invariant: Invariant) -> None:
    assert invariant.says.endswith(".")
    assert invariant.tests or invariant.not_built, name
    assert len(set(invariant.tests)) == len(invariant.tests)


@EACH
def test_the_tests_that_hold_it_exist(name: str, invariant: Invariant) -> None:
    gone = [test for test in invariant.tests if not exists(test)]
    assert gone == [], name


def test_few_invariants_wait_for_something_and_fewer_are_held_by_nothing() -> None:
    bare = [name for name, invariant in INVARIANTS.items() if not invariant.tests]
    assert bare == ["INV-MANDATE"]


def test_an_invariant_that_is_spoken_of_in_a_comment_is_one_of_these() -> None:
    spoken = set(named_in_comments())
    assert spoken
    assert spoken <= set(INVARIANTS)


def named_in_comments() -> Iterator[str]:
    for folder in ("core", "tools", "server", "tests"):
        for file in (REPOSITORY / folder).rglob("*.py"):
            if file.name not in {"invariants.py", Path(__file__).name}:
                yield from re.findall(r"INV(?:-[A-Z]+)+", file.read_text(encoding="utf-8"))
