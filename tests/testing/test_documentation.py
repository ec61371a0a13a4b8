"""docs/scripts.md: its examples run, and it leaves nothing out."""

from __future__ import annotations

import re

import pytest

from cli.shell import REPOSITORY
from ringfence_server.testing.matching import MATCHERS
from ringfence_server.testing.running import run_script
from ringfence_server.testing.script import VERBS, read_script
from ringfence_server.testing.stage import ERAS, Era
from testing.test_plugin import EXAMPLE

PAGE = (REPOSITORY / "docs" / "scripts.md").read_text()


def example(language: str) -> str:
    [text] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(text)


@pytest.mark.parametrize("era", ERAS)
def test_the_script_runs(era: Era) -> None:
    report = run_script(read_script(example("yaml"), file="docs/scripts.md"), era)
    assert not report.problem, report.problem


def test_the_test_is_the_one_that_is_run() -> None:
    assert example("python").strip() == EXAMPLE.strip()


def test_every_verb_and_every_matcher_is_there() -> None:
    rows = " ".join(line.split("|")[1] for line in PAGE.splitlines() if line.startswith("|"))
    assert set(VERBS) <= set(re.findall(r"`(\w+)`", rows))
    assert set(re.findall(r"`{(\w+):", rows)) == MATCHERS
