"""Settings: where a value comes from, and that a misspelt one stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.shell import Shell
from ringfence.errors import ConfigurationError
from ringfence_server.settings import PREFIX, read_settings


@pytest.fixture(autouse=True)
def _nobody_is_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform's folders are empty ones."""
    for name in ("HOME", "CONFIG", "DATABASE_URL", "MODE"):
        monkeypatch.delenv(f"{PREFIX}{name}", raising=False)
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_without_any_setting_it_is_a_sandbox_in_the_platforms_folder(tmp_path: Path) -> None:
    settings = read_settings()
    assert settings.mode == "sandbox"
    assert settings.folder.name == "sandbox"
    assert settings.folder.is_relative_to(tmp_path)
    assert settings.database == f"sqlite:///{settings.folder}/ringfence.sqlite3"


def test_each_mode_has_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_MODE", "live")
    assert read_settings().folder.name == "live"


def test_home_holds_everything_and_may_start_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_HOME", "~/mine")
    assert read_settings().folder == tmp_path / "mine"
    assert read_settings().sandbox_carrier.parent == tmp_path / "mine"


def test_an_empty_variable_is_an_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_MODE", "")
    monkeypatch.setenv("RINGFENCE_HOME", "")
    assert read_settings().folder.name == "sandbox"


def test_the_environment_comes_before_the_file_in_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text('mode = "live"\ndatabase_url = "sqlite:////x.db"\n')
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path))
    assert read_settings().mode == "live"
    monkeypatch.setenv("RINGFENCE_MODE", "sandbox")
    assert read_settings().mode == "sandbox"
    assert read_settings().database == "sqlite:////x.db"


def test_a_file_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "elsewhere.toml"
    file.write_text(f'home = "{tmp_path}/there"\n')
    monkeypatch.setenv("RINGFENCE_CONFIG", str(file))
    assert read_settings().folder == tmp_path / "there"


def test_a_named_file_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(ConfigurationError, match=r"none\.toml cannot be read"):
        read_settings()


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("RINGFENCE_HOEM", "Did you mean RINGFENCE_HOME?"),
        ("RINGFENCE_DATABASE", "Did you mean RINGFENCE_DATABASE_URL?"),
        ("RINGFENCE_X", "There are RINGFENCE_HOME, RINGFENCE_CONFIG"),
    ],
)
def test_an_unknown_variable_stops_the_start_and_its_value_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, remedy: str
) -> None:
    monkeypatch.setenv(name, "s3cret")
    with pytest.raises(ConfigurationError, match=name) as refused:
        read_settings()
    assert remedy in refused.value.remedy
    assert "s3cret" not in str(refused.value.as_document())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('moed = "live"\n', "moed is no setting"),
        ('config = "other.toml"\n', "config is no setting"),
        ('mode = "real"\n', "RINGFENCE_MODE is not as it must be"),
        ("mode = live\n", "cannot be read"),
        ('database_url = "mysql://db"\n', "begins with sqlite:/// or postgresql://"),
    ],
)
def test_a_wrong_file_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    (tmp_path / "config.toml").write_text(text)
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path))
    with pytest.raises(ConfigurationError, match=told):
        read_settings()


def test_the_databases_address_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_DATABASE_URL", "postgresql://ringfence:s3cret@db/ringfence")
    settings = read_settings()
    assert "s3cret" not in repr(settings)
    assert settings.database.endswith("s3cret@db/ringfence")


def test_commands_and_the_server_stop_alike(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in (["pending"], ["serve"], []):
        stopped = shell.run_alone(*command, RINGFENCE_HOEM="1")
        assert (stopped.code, stopped.out) == (2, "")
        assert "Did you mean RINGFENCE_HOME?" in stopped.err
