"""Running scripts: what fails a step, how that reads, and that eras and runs do not meet."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from ringfence.guard import books
from ringfence.runner import Runner, Settled
from ringfence.store import inventory
from ringfence_server.testing.running import RunReport, Status, run_script
from ringfence_server.testing.script import read_script
from ringfence_server.testing.stage import ERAS, Era

SEARCH = """
- call: search_numbers
  with: {country: US, area_code: "415"}
  save: {offer: offers.0.offer_id, number: offers.0.number}
"""
BUY = f"""{SEARCH}
- call: buy_numbers
  with: {{items: ["${{offer}}"]}}
  save: {{intent: intent_id}}
"""


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> Era:
    chosen: Era = request.param
    return chosen


def played(steps: str, era: Era = "modern", head: str = "") -> RunReport:
    text = f"name: mine\n{head}\nsteps:\n{textwrap.indent(steps, '  ')}"
    return run_script(read_script(text, file="mine.yaml"), era)


def problem(steps: str, era: Era = "modern", head: str = "") -> str:
    report = played(steps, era, head)
    assert report.status is Status.FAILED
    return report.problem


def test_a_step_that_is_not_as_expected_fails_with_its_place_and_skips_the_rest(era: Era) -> None:
    report = played(
        f"""{SEARCH}
- name: the second
  call: buy_numbers
  with: {{items: ["${{offer}}"]}}
  expect: {{state: completed, total_now: 2.00 USD, lines: [{{state: captured}}]}}
- settle
- expect_balanced
""",
        era,
    )
    statuses = [step.status.value for step in report.steps]
    assert statuses == ["passed", "failed", "skipped", "skipped"]
    lines = report.problem.splitlines()
    assert lines[0] == f"mine.yaml:9: step 2, the second ({era})"
    assert lines[1] == "state: expected completed, came awaiting_approval"
    assert lines[2] == "lines.0.state: expected captured, came ready"
    assert lines[3] == "it came back with:"
    assert '"intent_id": "int_' in report.problem


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ("- call: search_numbers\n", "country is required. (invalid_arguments)"),
        ("- call: serch_numbers\n", "protocol error: Unknown tool: serch_numbers"),
        (SEARCH + "- call: list_numbers\n  save: {x: numbers.0.number}", "nothing at numbers.0"),
        (
            SEARCH + "- call: list_numbers\n  expect: {error: not_found}",
            'error: expected {"code": "not_found"}, came nothing',
        ),
        (BUY + "- expect_charges: 1", "charges: expected 1, came 0"),
        (BUY + "- approve: ${intent}\n- expect_charges: 0", "charges: expected 0, came 1"),
        (BUY + "- approve: ${intent}\n- expect_charges: ['+14155550142']", "charges.0: expected"),
        (BUY + "- decline: ${intent}\n- approve: ${intent}", "has declined"),
        (BUY + "- approve: ${number}", "(not_found)"),
        ("- stop\n- call: list_numbers", "the server is stopped; `restart` comes before"),
        (
            BUY
            + "- call: get_intent\n  with: {intent_id: '${intent}'}\n  follow: 3\n  ends: nowhere",
            "following led by get_intent to person, not to nowhere",
        ),
        (
            "- call: get_intent\n  with: {intent_id: int_01KAN5T1PR0000000000000001}\n  follow: 1",
            "following led by get_intent → search_numbers to calling, not to person",
        ),
    ],
)
def test_what_else_fails_a_step(steps: str, told: str, era: Era) -> None:
    assert told in problem(steps, era)


def test_what_time_cannot_settle_fails_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    async def one_is_left(_runner: Runner, _seconds: float) -> Settled:
        return Settled(rounds=3, open_lines=1, waiting_lines=0)

    monkeypatch.setattr(Runner, "settle", one_is_left)
    assert "open still: 1 of the lines" in problem("- settle")


def test_books_that_do_not_balance_fail_expect_balanced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "verify", lambda _tx: ["cash 2026-11: 2.00 is not 4.00"])
    assert "cash 2026-11: 2.00 is not 4.00" in problem(f"{BUY}- expect_balanced")


def test_a_charge_that_no_line_accounts_for_fails_expect_balanced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inventory, "everything", lambda _tx: [])
    assert "was charged 1 times, which 0 lines account for" in problem(
        f"{BUY}- approve: ${{intent}}\n- expect_balanced"
    )


def test_every_run_is_in_an_installation_of_its_own(era: Era) -> None:
    steps = (
        f"{BUY}- approve: ${{intent}}\n- call: list_numbers\n  expect: {{numbers: {{length: 1}}}}"
    )
    assert [played(steps, era).status for _ in range(2)] == [Status.PASSED] * 2


def test_the_environment_of_whoever_runs_it_is_not_seen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A stage never meets an installation that is in use, nor a live one."""
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path / "in use"))
    monkeypatch.setenv("RINGFENCE_DATABASE_URL", f"sqlite:///{tmp_path}/other.sqlite3")
    monkeypatch.setenv("RINGFENCE_MODE", "live")
    assert played(f"{BUY}- approve: ${{intent}}\n  expect: {{state: completed}}").status == "passed"
    assert list(tmp_path.iterdir()) == []


def test_a_script_for_tools_that_are_not_listed_is_skipped_with_that_reason(era: Era) -> None:
    report = played("- settle", era, "needs: [search_numbers, read_minds]")
    assert report.status is Status.SKIPPED
    assert report.why_skipped == "the server does not list read_minds"
    assert [step.status.value for step in report.steps] == ["skipped"]


def test_the_approver_is_no_stronger_than_a_page(era: Era) -> None:
    """Where more is asked for, the test approver's consent is refused like anybody's."""
    head = "policy: {levels: {buy: passkey}}"
    steps = f"{SEARCH}\n- call: buy_numbers\n  with: {{items: ['${{offer}}']}}\n  expect: {{error: policy_refused}}"
    assert played(f"{steps}\n- expect_charges: 0", era, head).status is Status.PASSED
