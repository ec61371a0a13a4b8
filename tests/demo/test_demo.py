"""The demo happens as it is told, leaves nothing behind, and says so when it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.shell import inherited
from ringfence_server import demo
from ringfence_server.settings import PREFIX

END_SECONDS = 100
STORY = [
    "1. ",
    "assistant> search_numbers US, area_code 415",
    "2. ",
    "refused: ",
    "limit 5.00 USD, asked for 9.00 USD",
    "ringfence policy apply FILE",
    "3. ",
    "assistant> reserve_numbers +14155550142",
    "4. ",
    "To agree, type the last four digits of +14155550142",
    "types: 0142",
    ": completed, for 2.00 USD",
    "5. ",
    "assistant> assign_number +14155550142 to reception",
    "6. ",
    "The person closes it.",
    ": awaiting_approval",
    "$ ringfence decline int_",
    "Declined by local:",
    "7. ",
    "+14155550142 serves reception, 1.00 USD a month",
    "$ ringfence spending",
    "8. ",
    "The ledger and every balance agree.",
    "Everything holds: ",
]


def test_the_story_is_told_to_its_end_as_often_as_one_likes(tmp_path: Path) -> None:
    mine = {"RINGFENCE_HOME": str(tmp_path / "mine"), "TMPDIR": str(tmp_path)}
    for _ in range(2):
        told = subprocess.run(
            [sys.executable, "-m", "ringfence_server", "demo"],
            env={**inherited(), **mine},
            capture_output=True,
            check=False,
            text=True,
            timeout=END_SECONDS,
        )
        assert (told.returncode, told.stderr) == (0, "")
        place = -1
        for part in STORY:
            place = told.stdout.find(part, place + 1)
            assert place >= 0, part
        assert max(map(len, told.stdout.splitlines())) <= 80
        assert "\x1b" not in told.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_goes_otherwise_ends_the_demo_with_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", inherited()["PYTHONPATH"])
    monkeypatch.setenv(f"{PREFIX}MODE", "live")
    monkeypatch.setattr(demo, "run", lambda _command: 3)
    assert demo.demo() == 1
    assert (
        "went otherwise than told: ringfence decline ends with 0, not 3" in capsys.readouterr().out
    )
    assert os.environ[f"{PREFIX}MODE"] == "live"
