"""`init` and `config show`: an installation from nothing, and where everything is."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cli.shell import Shell
from ringfence_server.settings import Settings


@pytest.fixture
def new(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that is not there yet."""
    home = tmp_path / "deep" / "home"
    monkeypatch.setenv("RINGFENCE_HOME", str(home))
    return home


def test_init_makes_a_private_home_with_everything_in_it(shell: Shell, new: Path) -> None:
    made = shell.json("init")
    assert (made["new"], made["mode"], made["policy_version"]) == (True, "sandbox", 1)
    assert (made["home"], made["log"]) == (str(new), "stderr")
    assert made["config_file"] == f"{new / 'config.toml'} (not there)"
    assert stat.S_IMODE(new.stat().st_mode) == 0o700
    files = [path for path in new.iterdir() if path.is_file()]
    assert {"ringfence.sqlite3", "sandbox-carrier.sqlite3"} <= {path.name for path in files}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_init_again_changes_nothing(shell: Shell, new: Path) -> None:
    shell.json("init")
    events = shell.json("audit", "verify")["events"]
    again = shell.json("init")
    assert (again["new"], again["policy_version"]) == (False, 1)
    assert shell.json("audit", "verify")["events"] == events
    told = shell.run("init").out
    assert told.startswith("It is there already; nothing was changed.\n")
    assert "ringfence install claude-code" in told
    assert "chmod" not in told


def test_init_says_that_others_can_enter_and_leaves_the_folder_as_it_is(
    shell: Shell, new: Path
) -> None:
    new.mkdir(parents=True, mode=0o755)
    new.chmod(0o755)
    assert f"chmod 700 {new}" in shell.run("init").out
    assert stat.S_IMODE(new.stat().st_mode) == 0o755


def test_init_says_which_folder_a_relative_home_has_become(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RINGFENCE_HOME", "my numbers")
    told = shell.run("init").out
    home = tmp_path / "my numbers"
    assert f"\nexport RINGFENCE_HOME='{home}'\n" in told
    assert shell.json("init")["home"] == str(home)
    monkeypatch.setenv("RINGFENCE_HOME", str(home))
    again = shell.run("init").out
    assert "It is there already" in again
    assert "relative" not in again


def test_init_where_no_folder_can_be_made_ends_with_2(shell: Shell, new: Path) -> None:
    new.parent.write_text("no folder")
    refused = shell.run("init", "--json")
    assert (refused.code, refused.error["code"]) == (2, "configuration")


def test_a_live_installation_is_told_that_it_buys_nothing(
    shell: Shell, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_MODE", "live")
    assert shell.json("init")["mode"] == "live"
    assert "every purchase is refused" in " ".join(shell.run("init").out.split())


def test_every_setting_is_shown_with_its_value_and_its_origin(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shell.home / "config.toml").write_text('approvals_url = "http://localhost:7777"\n')
    monkeypatch.setenv("RINGFENCE_MODE", "")
    shown = shell.json("config", "show")
    found = {row["name"]: (row["value"], row["origin"]) for row in shown["settings"]}
    assert found == {
        "home": (str(shell.home), "environment"),
        "config": (str(shell.home / "config.toml"), "default"),
        "database_url": (f"sqlite:///{shell.home}/ringfence.sqlite3", "default"),
        "mode": ("sandbox", "default"),
        "approvals_url": ("http://localhost:7777", "file"),
        "checkpoints": (str(Settings().anchors), "default"),
    }
    assert set(found) == set(Settings.model_fields)
    assert shown["config_file"] == str(shell.home / "config.toml")
    text = shell.run("config", "show").out
    assert "RINGFENCE_APPROVALS_URL  file         http://localhost:7777\n" in text


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://me:s3cret@db.example/x?password=s3cret", "postgresql://***@db.example/***"),
        (
            "postgresql+psycopg://db:5432?user=me&password=s3cret",
            "postgresql+psycopg://***@db:5432/***",
        ),
        ("postgresql://me:s3c@ret@db/x", "postgresql://***@db/***"),
    ],
)
def test_no_secret_of_an_address_is_shown(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, address: str, shown: str
) -> None:
    monkeypatch.setenv("RINGFENCE_DATABASE_URL", address)
    as_json, as_text = shell.run("config", "show", "--json"), shell.run("config", "show")
    assert "s3c" not in as_json.out + as_text.out
    assert as_json.document["database"] == shown
    assert f"environment  {shown}\n" in as_text.out


def test_a_wrong_setting_stops_it_with_2(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_HOEM", "/x")
    assert shell.run("config", "show").code == 2
    assert shell.run("init").code == 2
