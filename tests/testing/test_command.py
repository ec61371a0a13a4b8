"""`ringfence script`: what a person and a program see of it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from cli.conftest import founded, home, shell
from cli.shell import Shell
from ringfence_server.testing.stage import Setting, Stage

__all__ = ["founded", "home", "shell"]

GOOD = """\
name: it goes well
steps:
  - call: search_numbers
    with: {country: US, area_code: "415"}
    save: {offer: offers.0.offer_id, number: offers.0.number}
  - call: buy_numbers
    with: {items: ["${offer}"]}
    save: {intent: intent_id}
  - approve: ${intent}
    expect: {state: completed}
"""
BAD = GOOD.replace("it goes well", "it does not <go> & stops").replace("completed", "failed")


@pytest.fixture
def good(tmp_path: Path) -> str:
    (tmp_path / "good.yaml").write_text(GOOD)
    return str(tmp_path / "good.yaml")


@pytest.fixture
def bad(tmp_path: Path) -> str:
    (tmp_path / "bad.yaml").write_text(BAD)
    return str(tmp_path / "bad.yaml")


def test_both_eras_run_and_each_has_its_line(shell: Shell, good: str) -> None:
    ended = shell.run("script", good)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[:2] == ["passed  it goes well (modern)", "passed  it goes well (legacy)"]
    assert lines[2].startswith("2 passed in ")
    assert len(lines) == 3


def test_one_era_can_be_chosen(shell: Shell, good: str) -> None:
    assert "(legacy)" not in shell.run("script", good, "--era", "modern").out
    assert shell.run("script", good, "--era", "old").code == 2


def test_an_expectation_that_fails_ends_with_1_and_is_shown(
    shell: Shell, good: str, bad: str
) -> None:
    ended = shell.run("script", bad, good, "--era", "modern")
    assert ended.code == 1
    assert f"{bad}:9: step 3, approve (modern)" in ended.out
    assert "state: expected failed, came completed" in ended.out
    assert "passed  it goes well (modern)" in ended.out
    assert "1 passed, 1 failed in " in ended.out


def test_a_file_that_is_no_script_ends_with_2_before_anything_is_run(
    shell: Shell, good: str, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: wrong\nsteps:\n  - cal: search_numbers\n")
    ended = shell.run("script", good, str(wrong))
    assert (ended.code, ended.out) == (2, "")
    assert f"{wrong}:3: unknown verb `cal` (did you mean call?)" in ended.err
    as_json = shell.run("script", str(wrong), "--json")
    assert (as_json.code, as_json.error["code"]) == (2, "invalid_arguments")


def test_json_is_one_document_with_every_step(shell: Shell, good: str, bad: str) -> None:
    ended = shell.run("script", good, bad, "--json", "--era", "legacy")
    assert ended.code == 1
    first, second = ended.document["runs"]
    assert (first["status"], first["era"], first["file"]) == ("passed", "legacy", good)
    assert [step["line"] for step in first["steps"]] == [3, 6, 9]
    assert second["status"] == "failed"
    assert "came completed" in second["steps"][2]["problem"]


def test_junit_has_a_case_for_every_step_and_the_failure_in_words(
    shell: Shell, good: str, bad: str, tmp_path: Path
) -> None:
    report = tmp_path / "report.xml"
    assert shell.run("script", good, bad, "--junit", str(report)).code == 1
    root = Xml.parse(report).getroot()  # noqa: S314  # our own file
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("12", "2", "0")
    assert [suite.get("name") for suite in root] == [
        f"{name} ({era})"
        for name in ("it goes well", "it does not <go> & stops")
        for era in ("modern", "legacy")
    ]
    [failure] = root[2].iter("failure")
    assert failure.get("message") == "state: expected failed, came completed"
    assert f"{bad}:9: step 3" in str(failure.text)


def test_a_report_that_cannot_be_written_ends_with_2(shell: Shell, good: str) -> None:
    assert shell.run("script", good, "--junit", "/nowhere/report.xml").code == 2


def test_a_kept_installation_is_one_like_any_other(
    shell: Shell, good: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    [run] = shell.run("script", good, "--era", "modern", "--keep", "--json").document["runs"]
    monkeypatch.setenv("RINGFENCE_HOME", run["home"])
    assert len(shell.json("numbers")["numbers"]) == 1
    assert shell.json("ledger", "verify")["agrees"]
    assert shell.json("audit", "verify")["holds"]
    assert shell.call("search_numbers", country="US", area_code="415").code == 0


def test_without_keep_nothing_is_left(
    shell: Shell, good: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes: list[Path] = []
    opened = Stage.opened

    async def noted(home: Path, setting: Setting) -> Stage:
        homes.append(home)
        return await opened(home, setting)

    monkeypatch.setattr(Stage, "opened", noted)
    shell.run("script", good)
    assert len(homes) == 2
    assert not any(home.exists() for home in homes)


def test_it_leaves_the_users_installation_alone(shell: Shell, good: str) -> None:
    shell.run("script", good)
    assert shell.json("numbers")["numbers"] == []
