"""Whatever an assistant calls in a live installation, and whatever its client answers, nobody has consented."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from guard.fuzzing import PROGRAMS, Range, Step
from ringfence.intents import Level

LEVELS = (Level.PASSPHRASE, Level.PASSKEY, Level.TWO_PEOPLE)
"""What the signed policy asks for; less than the first cannot be put in force."""
ERAS = ("auto", "legacy")
IN_CI, NIGHTLY = 34, 1_700
"""Programs for each level in each era: 204 with every change, 10 200 every night."""


def try_programs(folder: Path, mode: str, level: Level, count: int) -> Range:
    """Try so many programs; nothing that is authority may change, but to be stricter."""

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(PROGRAMS)
    def nothing_is_allowed(program: list[Step]) -> None:
        before, after = ground.attempt(program)
        assert after == before or (after.frozen and not before.frozen)

    with Range(folder, mode, level).ready() as ground:
        nothing_is_allowed()
    return ground


def was_tried(ground: Range, count: int) -> None:
    """Nothing proves less than a fuzz whose every call was refused at the door."""
    assert ground.tried >= count
    assert ground.answered > ground.calls / 4
    assert ground.asked > count / 50


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody opens the page that the client says it opened, so there is nothing to wait for."""
    monkeypatch.setattr("ringfence_server.consent.WAIT_AFTER_ASKING_SECONDS", 0.0)


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("level", LEVELS)
def test_no_program_of_tool_calls_approves_or_loosens_anything(
    tmp_path: Path, mode: str, level: Level
) -> None:
    was_tried(try_programs(tmp_path, mode, level, IN_CI), IN_CI)


@pytest.mark.nightly
@pytest.mark.timeout(1_500)
@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("level", LEVELS)
def test_ten_thousand_programs_approve_and_loosen_nothing(
    tmp_path: Path, mode: str, level: Level
) -> None:
    was_tried(try_programs(tmp_path, mode, level, NIGHTLY), NIGHTLY)
