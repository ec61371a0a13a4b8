"""Without any one of its named checks the guard is broken, and the test that is named for it says so."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from architecture.source import REPOSITORY
from mutants.run import Verdict, attempt, attempt_all, tree, untouched
from mutants.table import MUTANTS, Mutant

LEAST = 30
"""As many checks as the guard's design wants taken away."""
QUICK = tuple(mutant for mutant in MUTANTS if mutant.is_quick)


def test_there_are_as_many_as_were_promised_each_with_a_name_of_its_own() -> None:
    assert len(MUTANTS) >= LEAST
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert 3 <= len(QUICK) <= 6


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_it_takes_away_still_stands_once_in_the_code(mutant: Mutant) -> None:
    """And its test still exists: a change of a check says here that its mutant must follow."""
    text = (REPOSITORY / mutant.path).read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1, f"{mutant.path} no longer says {mutant.old!r} once"
    assert mutant.old != mutant.new
    path, _, name = mutant.test.partition("[")[0].partition("::")
    tests = (REPOSITORY / "tests" / path).read_text(encoding="utf-8")
    assert re.search(rf"^(async )?def {re.escape(name)}\(", tests, re.MULTILINE)


def test_a_few_are_tried_with_every_change() -> None:
    """Their tests pass on the code as it is, and fail without the check."""
    assert untouched(QUICK).returncode == 0
    for tried in attempt_all(QUICK, workers=2):
        assert tried.verdict is Verdict.CAUGHT, f"{tried}\n{tried.said}"


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree(tmp_path_factory.mktemp("tree"))


HARMLESS = Mutant(
    "a comment", "core/ringfence/ticket.py", "_SEAL = object()", "_SEAL = object()  # the same",
    "nouns/test_ticket.py::test_a_ticket_lets_its_request_out_once",
)  # fmt: skip
GONE = Mutant(
    "a line of long ago", "core/ringfence/ticket.py", "if self._used:", "if False:", HARMLESS.test
)
TWICE = Mutant(
    "a line that stands twice",
    "core/ringfence/ticket.py",
    "raise TicketRefused(",
    "pass(",
    HARMLESS.test,
)
NO_TEST = Mutant(
    "no such test", HARMLESS.path, HARMLESS.old, HARMLESS.new, "nouns/test_ticket.py::test_nothing"
)
NO_CODE = Mutant("no code", HARMLESS.path, HARMLESS.old, "_SEAL = object(", HARMLESS.test)


@pytest.mark.parametrize(
    ("mutant", "verdict"),
    [
        (HARMLESS, Verdict.SURVIVED),
        (GONE, Verdict.STALE),
        (TWICE, Verdict.STALE),
        (NO_TEST, Verdict.BROKEN),
        (NO_CODE, Verdict.BROKEN),
    ],
    ids=lambda each: each.name if isinstance(each, Mutant) else str(each.value)[:8],
)
def test_the_runner_takes_nothing_for_caught_that_was_not(
    copied: Path, mutant: Mutant, verdict: Verdict
) -> None:
    before = (copied / mutant.path).read_bytes()
    assert attempt(copied, mutant).verdict is verdict
    assert (copied / mutant.path).read_bytes() == before


@pytest.mark.nightly
@pytest.mark.timeout(1_500)
def test_every_one_is_caught() -> None:
    assert untouched(MUTANTS).returncode == 0
    tried = list(attempt_all(MUTANTS, workers=os.cpu_count() or 1))
    assert [str(each) for each in tried if each.verdict is not Verdict.CAUGHT] == []
