"""No float comes near an amount: the modules that money passes through hold none, but for seconds."""

import ast
import typing
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from architecture.source import Module, modules, walk
from ringfence.intents import Intent
from ringfence.inventory import NumberRecord, Owned
from ringfence.money import Money
from ringfence.offers import Offer, Quote, Reservation
from ringfence.policy import Policy
from ringfence.store.ledger import Entry, Hold

MONEY_PATH = (
    "core/ringfence/money.py",
    "core/ringfence/offers.py",
    "core/ringfence/intents.py",
    "core/ringfence/inventory.py",
    "core/ringfence/policy.py",
    "core/ringfence/plain_yaml.py",
    "core/ringfence/states.py",
    "core/ringfence/guard/",
    "core/ringfence/store/",
    "core/ringfence/desk/",
    "core/ringfence/runner.py",
    "core/ringfence/settle.py",
    "core/ringfence/sandbox/",
    "core/ringfence/providers/",
    "tools/ringfence_tools/",
    "server/ringfence_server/question.py",
)
TIMES = (
    "seconds",
    "timeout",
    "deadline",
    "quarantine",
    "interval",
    "ticks",
    "span",
    "ticket_life",
    "sleep",
)
"""Ends of names that are times and may be floats."""
FLOATING = {"float", "round", "Decimal", "Fraction", "math", "statistics", "numpy"}
TYPE_CHECKS = {("tools/ringfence_tools/refusal.py", "_plain")}
"""Asks whether a value is a float, and makes none."""


def money_path() -> list[Module]:
    return [module for module in modules() if module.path.startswith(MONEY_PATH)]


def is_time(name: str) -> bool:
    return name.lower().endswith(TIMES)


def names_of_times(tree: ast.AST) -> Iterator[ast.AST]:
    """The parts of a tree that belong to a name that is a time: its annotation, default or value."""
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name)) if is_time(
                name
            ):
                yield from ast.walk(node)
            case ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name)]) if is_time(
                name
            ):
                yield from ast.walk(node.value)
            case ast.keyword(arg=str(name)) if is_time(name):
                yield from ast.walk(node.value)
            case ast.arg(arg=name, annotation=ast.expr() as annotation) if is_time(name):
                yield from ast.walk(annotation)
            case ast.arguments():
                yield from _defaults_of_times(node)
            case _:
                pass


def _defaults_of_times(node: ast.arguments) -> Iterator[ast.AST]:
    positional = node.posonlyargs + node.args
    with_defaults = positional[len(positional) - len(node.defaults) :]
    pairs = zip(with_defaults + node.kwonlyargs, [*node.defaults, *node.kw_defaults], strict=True)
    for argument, default in pairs:
        if default is not None and is_time(argument.arg):
            yield from ast.walk(default)


def floats(module: Module) -> Iterator[str]:
    """Every place of a module that makes, names or divides into a float and is no time."""
    excused = {id(node) for node in names_of_times(module.tree)}
    for scope, node in walk(module.tree):
        if id(node) in excused or (module.path, scope) in TYPE_CHECKS:
            continue
        where = f"{module.path}:{getattr(node, 'lineno', 0)}"
        match node:
            case ast.Constant(value=float()):
                yield f"{where}: {ast.unparse(node)}"
            case ast.Name(id=name) if name in FLOATING:
                yield f"{where}: {name}"
            case ast.alias(name=name) if name.partition(".")[0] in FLOATING:
                yield f"{where}: import {name}"
            case ast.BinOp(op=ast.Div()) if not _is_path(node):
                yield f"{where}: {ast.unparse(node)}"
            case ast.AugAssign(op=ast.Div()):
                yield f"{where}: {ast.unparse(node)}"
            case _:
                pass


def _is_path(node: ast.BinOp) -> bool:
    """Whether it is a path that is put together: a name or text follows, and a path is in front."""
    text = ast.unparse(node)
    return text.startswith(("files(", "Path(")) or ".parent /" in text


def test_the_modules_that_money_passes_through_hold_no_float() -> None:
    assert {m.path for m in money_path()} >= {"core/ringfence/money.py", "core/ringfence/guard/budget.py"}  # fmt: skip
    assert [found for module in money_path() for found in floats(module)] == []


FLOATING_CODE = [
    "x = 1.5",
    "x = float('1.5')",
    "x = 3 / 2",
    "x /= 2",
    "x = round(y, 2)",
    "from decimal import Decimal",
    "import math",
    "def f(price: float) -> None: ...",
    "def f(price=0.5, seconds=1): ...",
    "price = Decimal(text)",
    "amount: float = 1",
    "f(amount=0.5)",
]
SOUND_CODE = [
    "LOOK_SECONDS = 1.5",
    "def f(seconds: float = 0.5) -> None: ...",
    "def f(*, timeout: float) -> None: ...",
    "f(read_timeout=2.0)",
    "look_interval: float",
    "x = 3 // 2",
    "x = Path(__file__).parent / 'a'",
]


@pytest.mark.parametrize("code", FLOATING_CODE)
def test_the_check_sees_a_float(code: str) -> None:
    assert list(floats(Module("core/ringfence/money.py", ast.parse(code))))


@pytest.mark.parametrize("code", SOUND_CODE)
def test_the_check_lets_times_be(code: str) -> None:
    assert list(floats(Module("core/ringfence/money.py", ast.parse(code)))) == []


# What is stored and approved


def kinds(annotation: object, seen: set[object]) -> Iterator[object]:
    yield annotation
    for inner in typing.get_args(annotation):
        yield from kinds(inner, seen)
    if (
        isinstance(annotation, type)
        and issubclass(annotation, BaseModel)
        and annotation not in seen
    ):
        seen.add(annotation)
        for field in annotation.model_fields.values():
            yield from kinds(field.annotation, seen)


DOCUMENTS: tuple[type[BaseModel], ...] = (
    Intent, Policy, Offer, Quote, Reservation, Owned, NumberRecord, Entry, Hold,
)  # fmt: skip


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda kind: kind.__name__)
def test_no_field_of_a_stored_document_is_a_float(document: type[BaseModel]) -> None:
    assert float not in set(kinds(document, set()))


def test_the_same_look_finds_money_where_there_is_some() -> None:
    for document in (Intent, Policy, Offer, Quote, NumberRecord):
        assert Money in set(kinds(document, set()))
