"""The pytest plugin as its users have it: found by its entry point, in a test run of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cli.shell import END_SECONDS, REPOSITORY, ROOTS

PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]

PYTEST = (
    *(sys.executable, "-m", "pytest", "-q", "-W", "error", "--strict-markers"),
    *("--durations=0", "-p", "no:cacheprovider"),
)

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
EXAMPLE = README.partition("```python\n")[2].partition("```\n")[0]
"""Eight lines, as the README has them."""


class Users:
    """A folder of somebody's tests, in an environment where ringfence is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        installed = folder / "site" / "ringfence_of_the_test-0.dist-info"
        installed.mkdir(parents=True)
        [(name, module)] = PROJECT["entry-points"]["pytest11"].items()
        (installed / "entry_points.txt").write_text(f"[pytest11]\n{name} = {module}\n")
        (installed / "METADATA").write_text("Name: ringfence-of-the-test\nVersion: 0\n")

    def test(self, source: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run pytest on a file with this text."""
        (self.folder / "test_mine.py").write_text(source)
        paths = [str(self.folder / "site"), *(str(REPOSITORY / root) for root in ROOTS)]
        return subprocess.run(
            [*PYTEST, *options, "test_mine.py"],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            check=False,
            text=True,
            timeout=END_SECONDS,
        )

    def passes(self, source: str, *options: str) -> str:
        ended = self.test(source, *options)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture
def users(tmp_path: Path) -> Users:
    return Users(tmp_path)


def test_the_example_of_the_readme_passes(users: Users) -> None:
    assert "1 passed" in users.passes(EXAMPLE)
    assert len(EXAMPLE.strip().splitlines()) == 8


def test_a_test_takes_less_than_a_second_after_the_first(users: Users) -> None:
    """In CPU time, since this machine may be busy; the first one loads the server and founds an installation."""
    again = EXAMPLE.replace("def test_", "def test_again_")
    timed = """
import time
import pytest

@pytest.fixture(autouse=True)
def cpu(request):
    began = time.process_time()
    yield
    spent = time.process_time() - began
    assert "again" not in request.node.name or spent < 1.0, spent
"""
    assert "2 passed" in users.passes(f"{timed}\n{EXAMPLE}\n{again}")


def test_refusals_are_raised_with_the_fields_that_an_assistant_sees(users: Users) -> None:
    users.passes(
        """
import pytest
from ringfence_server.testing.play import RingfenceRefused

def test_it(ringfence):
    [dear] = ringfence.call("search_numbers", country="US", area_code="800")["offers"]
    with pytest.raises(RingfenceRefused, match="budget_exceeded") as refused:
        ringfence.call("buy_numbers", items=[dear["offer_id"]])
    assert refused.value.code == "budget_exceeded"
    assert refused.value.details["violations"][0]["budget"] == "per-number"
    assert refused.value.remedy
    raw = ringfence.call_raw("buy_numbers", items=[dear["offer_id"]])
    assert raw.error["code"] == "budget_exceeded"
    assert "per-number" in raw.text
    with pytest.raises(RingfenceRefused, match="Unknown tool: approve_intent"):
        ringfence.call("approve_intent", intent_id="int_01KAN5T1PR0000000000000001")
    assert ringfence.carrier.charges == []
    ringfence.assert_balanced()
"""
    )


def test_a_person_declines_freezes_and_comes_too_late(users: Users) -> None:
    users.passes(
        """
import pytest
from ringfence_server.testing.play import RingfenceRefused

def propose(ringfence, **more):
    offers = ringfence.call("search_numbers", country="US", area_code="415")["offers"]
    return ringfence.call("buy_numbers", items=[offers[0]["offer_id"]], **more)

def test_declined(ringfence):
    intent = propose(ringfence)
    assert ringfence.decline(intent, reason="stop")["state"] == "declined"
    with pytest.raises(RingfenceRefused) as refused:
        ringfence.approve(intent["intent_id"])
    assert refused.value.code == "declined"

def test_expired(ringfence):
    intent = propose(ringfence)
    before = ringfence.clock.now()
    ringfence.clock.advance(hours=1, seconds=1)
    assert (ringfence.clock.now() - before).total_seconds() == pytest.approx(3601, abs=0.1)
    with pytest.raises(RingfenceRefused) as refused:
        ringfence.approve(intent)
    assert refused.value.code == "expired"

def test_frozen(ringfence):
    intent = propose(ringfence)
    ringfence.freeze("too much at once")
    with pytest.raises(RingfenceRefused, match="too much at once"):
        ringfence.approve(intent)
    ringfence.unfreeze()
    ringfence.restart()
    assert ringfence.approve(intent)["state"] == "completed"
    assert ringfence.settle() == 0
    ringfence.assert_balanced()
"""
    )


def test_the_marker_sets_the_installation_up_otherwise(users: Users) -> None:
    users.passes(
        """
import pytest
from ringfence_server.testing.play import RingfenceRefused

def buy(ringfence):
    offers = ringfence.call("search_numbers", country="US", area_code="415")["offers"]
    return ringfence.call("buy_numbers", items=[offers[0]["offer_id"]])

@pytest.mark.parametrize("era", [
    pytest.param(era, marks=pytest.mark.ringfence(era=era, forms="accept"))
    for era in ("modern", "legacy")
])
def test_forms(ringfence, era):
    assert buy(ringfence)["state"] == "completed"

@pytest.mark.ringfence(policy={"levels": {"buy": "page"}}, forms="accept")
def test_a_form_is_not_enough(ringfence):
    intent = buy(ringfence)
    assert intent["state"] == "awaiting_approval"
    assert ringfence.approve(intent)["state"] == "completed"

@pytest.mark.ringfence(policy={"levels": {"buy": "passkey"}})
def test_an_approver_that_proves_no_person_is_not_enough(ringfence):
    with pytest.raises(RingfenceRefused) as refused:
        ringfence.approve(buy(ringfence))
    assert refused.value.code == "policy_refused"
    assert ringfence.carrier.charges == []
"""
    )


def test_a_marker_that_says_nothing_known_fails_its_test(users: Users) -> None:
    ended = users.test(
        """
import pytest

@pytest.mark.ringfence(era="old")
def test_era(ringfence): pass

@pytest.mark.ringfence(forms="maybe")
def test_forms(ringfence): pass

@pytest.mark.ringfence(policy={"limit": 3})
def test_policy(ringfence): pass

@pytest.mark.ringfence(approve=True)
def test_what_there_is_not(ringfence): pass
"""
    )
    assert ended.returncode == 1
    assert "4 errors" in ended.stdout


def test_a_failing_test_leaves_its_installation_to_look_at(users: Users) -> None:
    ended = users.test(
        f"{EXAMPLE}    assert 'one' == 'another'", "--basetemp", str(users.folder / "kept")
    )
    assert ended.returncode == 1
    assert "'one' == 'another'" in ended.stdout
    assert list(users.folder.glob("kept/*/ringfence/ringfence.sqlite3"))


def test_unused_it_loads_nothing_heavy(users: Users) -> None:
    users.passes(
        """
import sys

def test_it(pytestconfig):
    assert pytestconfig.pluginmanager.has_plugin("ringfence")
    assert {"mcp", "pydantic", "sqlalchemy", "ringfence_tools"}.isdisjoint(sys.modules)
"""
    )
