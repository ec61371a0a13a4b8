"""Every script under tests/journeys, in both eras; a script whose tools are not there yet says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringfence_server.testing.running import Status, run_script
from ringfence_server.testing.script import read_script_file
from ringfence_server.testing.stage import ERAS, Era

JOURNEYS = sorted((Path(__file__).parents[1] / "journeys").glob("*.yaml"))


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("file", JOURNEYS, ids=lambda file: file.stem)
def test_it_goes_as_it_is_told(file: Path, era: Era) -> None:
    script = read_script_file(file)
    assert script.eras == ERAS
    report = run_script(script, era)
    if report.status is Status.SKIPPED:
        pytest.skip(report.why_skipped)
    assert not report.problem, f"\n{report.problem}"


def test_every_script_ends_with_its_charges_and_its_books() -> None:
    """What a journey is for: nothing is paid for that nobody approved, and everything is accounted for."""
    assert len(JOURNEYS) > 15
    for file in JOURNEYS:
        last = [placed.step.says for placed in read_script_file(file).steps][-2:]
        assert last == ["expect_charges", "expect_balanced"], file.name
