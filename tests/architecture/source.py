"""The source of this project as syntax trees, for tests that read what the code may and may not say."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
ROOTS = ("core", "tools", "prompts", "server")


@dataclass(frozen=True)
class Module:
    """One file of ours."""

    path: str
    """From the repository on, with slashes: `core/ringfence/money.py`."""
    tree: ast.Module


@cache
def _all_modules() -> tuple[Module, ...]:
    return tuple(
        Module(file.relative_to(REPOSITORY).as_posix(), ast.parse(file.read_text(encoding="utf-8")))
        for root in ROOTS
        for file in sorted((REPOSITORY / root).rglob("*.py"))
    )


def modules(*folders: str) -> list[Module]:
    """Every module below these folders, or below all four roots."""
    return [module for module in _all_modules() if module.path.startswith(folders or ("",))]


def walk(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Every node with the dotted name of the function or class it stands in; "" is the module itself."""
    waiting = [("", tree)]
    while waiting:
        scope, parent = waiting.pop()
        for child in ast.iter_child_nodes(parent):
            yield scope, child
            is_scope = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            waiting.append((f"{scope}.{child.name}".lstrip(".") if is_scope else scope, child))  # type: ignore[attr-defined]  # scopes have names


@cache
def _all_places() -> tuple[tuple[str, str, ast.AST], ...]:
    return tuple(
        (module.path, scope, node) for module in _all_modules() for scope, node in walk(module.tree)
    )


def places(*folders: str) -> Iterator[tuple[str, str, ast.AST]]:
    """Every node with its file and scope, below these folders or below all four roots."""
    for place in _all_places():
        if place[0].startswith(folders or ("",)):
            yield place


def function(path: str, scope: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    """One function by its file and dotted name."""
    [module] = [m for m in modules() if m.path == path]
    [found] = [
        node
        for outer, node in walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and f"{outer}.{node.name}".lstrip(".") == scope
    ]
    return found
