"""Where the page is can be set, but not to anywhere else than this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringfence.errors import ConfigurationError
from ringfence_server.settings import Settings, read_settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RINGFENCE_APPROVALS_URL")
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path))


def test_the_usual_port_is_one_that_people_can_bookmark() -> None:
    assert read_settings().approvals_port == 7415


@pytest.mark.parametrize("port", [0, 1_024, 7_415, 65_535])
def test_a_port_of_this_machine_can_be_set(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_APPROVALS_URL", f"http://localhost:{port}")
    assert read_settings().approvals_port == port


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost",
        "http://localhost:80",
        "http://localhost:1023",
        "http://localhost:65536",
        "http://localhost:99999",
        "http://localhost:07415",
        "http://localhost:7415/",
        "http://localhost:7415\n",
        "https://localhost:7415",
        "http://127.0.0.1:7415",
        "http://0.0.0.0:7415",
        "http://evil.example:7415",
        "http://localhost@evil.example:7415",
        "7415",
    ],
)
def test_anything_else_stops_the_start(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_APPROVALS_URL", url)
    with pytest.raises(ConfigurationError, match="RINGFENCE_APPROVALS_URL"):
        read_settings()


def test_it_may_stand_in_the_configuration_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('approvals_url = "http://localhost:7999"\n')
    assert read_settings().approvals_port == 7999
    assert Settings(approvals_url="http://localhost:0").approvals_port == 0
