"""A throw-away sandbox installation behind every command; it is founded once and then copied."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cli.shell import Shell
from ringfence_server.opening import open_installation
from ringfence_server.settings import PREFIX, Settings


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a new installation, which is only copied."""
    home = tmp_path_factory.mktemp("founded")
    premises = open_installation(Settings(home=home))
    premises.sandbox_carrier.now()
    premises.close()
    return home


@pytest.fixture
def home(founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home that this test's commands find; nothing else is set."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    shutil.copytree(founded, home)
    monkeypatch.setenv(f"{PREFIX}HOME", str(home))
    return home


@pytest.fixture
def shell(home: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(home, capsys)
