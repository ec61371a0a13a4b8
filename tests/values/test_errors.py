"""The tree of errors is the one that is drawn, and every error has a way out."""

import ast
import re

import pytest

from architecture.source import places
from ringfence import errors
from ringfence.errors import (
    InternalError,
    Refused,
    RingfenceError,
    all_errors,
    error_class,
)
from ringfence.guard.signatures import BadSignature

CODES = [
    "invalid_arguments", "not_found", "offer_expired", "reservation_expired", "number_gone",
    "price_unknown", "price_changed", "budget_exceeded", "policy_refused", "papers_missing",
    "frozen", "declined", "expired", "idempotency_conflict", "storage_unavailable",
    "provider_unavailable", "provider_refused", "insufficient_funds", "bad_credentials",
    "rate_limited", "outcome_unknown", "not_authorized", "configuration", "internal",
]  # fmt: skip
RETRYABLE = {"storage_unavailable", "provider_unavailable", "rate_limited"}

ERRORS = all_errors()


def drawn() -> dict[str, tuple[str, str | None]]:
    """Parent and code of every class in the docstring's drawing."""
    found: dict[str, tuple[str, str | None]] = {}
    above = ["RingfenceError"]
    for line in (errors.__doc__ or "").splitlines():
        if branch := re.match(r"    ((?:│   |    )*)[├└]── (\w+)\s*([a-z_]+)?", line):
            depth = len(branch[1]) // 4 + 1
            found[branch[2]] = (above[depth - 1], branch[3])
            above[depth:] = [branch[2]]
    return found


def subclasses(kind: type[RingfenceError]) -> list[type[RingfenceError]]:
    return [found for child in kind.__subclasses__() for found in (child, *subclasses(child))]


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    built = {
        kind.__name__: (kind.__bases__[0].__name__, vars(kind).get("code"))
        for kind in subclasses(RingfenceError)
        if kind.__module__ == errors.__name__
    }
    assert drawn() == built


def test_a_class_outside_the_tree_only_narrows_one_in_it() -> None:
    outside = [k for k in subclasses(RingfenceError) if k.__module__ != errors.__name__]
    assert BadSignature in outside
    assert [kind for kind in outside if "code" in vars(kind)] == []


def test_every_code_of_the_design_exists_exactly_once() -> None:
    assert sorted(kind.code for kind in ERRORS) == sorted(CODES)


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.code)
def test_every_error_is_told_with_its_code_and_a_way_out(kind: type[RingfenceError]) -> None:
    document = kind("What happened.", details={"items": [1]}).as_document()
    assert document == {
        "code": kind.code,
        "message": "What happened.",
        "remedy": kind.default_remedy,
        "retryable": kind.code in RETRYABLE,
        "details": {"items": [1]},
    }
    assert re.fullmatch(r"[A-Z].{20,}\.", kind.default_remedy)
    assert kind("No.", remedy="Ask Anna.").as_document()["remedy"] == "Ask Anna."
    assert kind("No.", remedy="").remedy == kind.default_remedy


@pytest.mark.parametrize("code", CODES)
def test_a_stored_code_finds_its_class_again(code: str) -> None:
    assert error_class(code).code == code


def test_an_unknown_code_is_a_bug_of_ours() -> None:
    assert error_class("no_such_code") is InternalError


def test_what_the_guard_refuses_is_never_said_to_be_worth_a_retry() -> None:
    """What the terminal refuses is told to the person who sits there."""
    refusals = [kind for kind in subclasses(Refused) if kind.__module__ == Refused.__module__]
    assert refusals
    assert not any(kind.retryable for kind in refusals)
    assert all("person" in kind.default_remedy for kind in refusals)


def test_after_an_unknown_outcome_nobody_is_told_to_buy_again() -> None:
    assert error_class("outcome_unknown").default_remedy.startswith("Do not buy another.")
    assert not error_class("outcome_unknown").retryable


def test_the_details_of_an_error_are_its_own() -> None:
    details = {"items": 1}
    error = RingfenceError("No.", details=details)
    details["items"] = 2
    assert error.details == {"items": 1}


def test_nothing_raises_a_class_that_has_no_code_of_its_own() -> None:
    nameless = {"RingfenceError", "Refused"}
    raised = [
        f"{path}:{node.lineno}"
        for path, _, node in places()
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and node.exc.func.id in nameless
    ]
    assert raised == []
