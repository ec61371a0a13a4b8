"""Settings: where one installation's state is, and whether it is a sandbox or live.

A value comes from the environment (`RINGFENCE_…`), else from the configuration file (TOML), else
from its default. A key that nobody knows stops the start: a misspelt setting must
not be taken for an absent one.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ringfence.errors import ConfigurationError

APP = "ringfence"
PREFIX = "RINGFENCE_"
DATABASE_NAME = "ringfence.sqlite3"
SANDBOX_CARRIER_NAME = "sandbox-carrier.sqlite3"
CONFIG_NAME = "config.toml"
MAX_NAME_SHOWN = 64
FIRST_PORT, LAST_PORT = 1_024, 65_535
"""Below are the system's own ports."""


class Settings(BaseSettings):
    """Everything that is decided before an installation is opened."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True
    )

    home: Path | None = Field(
        default=None,
        description="The folder with all state of one installation; absolute or with ~. "
        "By default the platform's folder for data, one for each mode.",
    )
    config: Path | None = Field(
        default=None,
        description="The configuration file (TOML), which may hold the other settings in lower "
        "case. By default config.toml in home, else in the platform's folder for settings.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="Another database: sqlite:///PATH or a PostgreSQL address. "
        "By default a SQLite file in home.",
    )
    mode: Literal["sandbox", "live"] = Field(
        default="sandbox",
        description="sandbox or live; an installation is one of them for good.",
    )

    approvals_url: str = Field(
        default="http://localhost:7415",
        pattern=r"^http://localhost:(0|[1-9][0-9]{3,4})$",
        description="Where the approval page is: http://localhost:PORT, with a port from 1024 to 65535, "
        "or 0 for any that is free.",
    )

    checkpoints: Path | None = Field(
        default=None,
        description="The folder in which signed checkpoints of the history are kept; absolute or with ~. "
        "By default beside the pins, in the user's settings, and for live installations only. "
        "On another disk, or on a share that only grows, they are a better witness.",
    )

    @field_validator("approvals_url")
    @classmethod
    def _is_a_port(cls, url: str) -> str:
        if not _port_of(url) or FIRST_PORT <= _port_of(url) <= LAST_PORT:
            return url
        raise ValueError(f"a port is 0 or from {FIRST_PORT} to {LAST_PORT}")

    @field_validator("database_url")
    @classmethod
    def _is_an_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None or re.match(r"(sqlite|postgresql)(\+\w+)?://", url.get_secret_value()):
            return url
        raise ValueError("an address begins with sqlite:/// or postgresql://")

    @field_validator("home", "config", "checkpoints")
    @classmethod
    def _is_absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path else None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then the file; a `.env` that happens to lie about is nobody's wish."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, _read_file())

    @property
    def folder(self) -> Path:
        """Where the state of this installation is."""
        return self.home or platformdirs.user_data_path(APP) / self.mode

    @property
    def database(self) -> str:
        """The database's address; may hold a password, so it is never shown."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.folder / DATABASE_NAME}"

    @property
    def anchors(self) -> Path:
        """Where roots are pinned and high-water marks noted: with the user's settings, outside every home."""
        return platformdirs.user_config_path(APP) / "anchors"

    @property
    def keys(self) -> Path:
        """Where approvers on this machine keep their locked keys; no server reads them."""
        return platformdirs.user_config_path(APP) / "keys"

    @property
    def approvals_port(self) -> int:
        """The approval page's preferred port; 0 is any that is free."""
        return _port_of(self.approvals_url)

    @property
    def sandbox_carrier(self) -> Path:
        """The sandbox carrier's own file: another company's books, beside ours for convenience."""
        return self.folder / SANDBOX_CARRIER_NAME


def _port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def read_settings() -> Settings:
    """The settings of this process.

    Raises:
        ConfigurationError: an unknown key, a value that is not allowed, or a file that is none.
    """
    for name in os.environ:
        if name.upper().startswith(PREFIX):
            key = name[len(PREFIX) :].lower()
            _check_known(key, Settings.model_fields, spelt=_in_environment)
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]  # its input may be secret
        setting = _in_environment(str(first["loc"][0]))
        raise ConfigurationError(
            f"{setting} is not as it must be: {first['msg'].rstrip('.')}.",
            remedy=f"Correct {setting}, in the environment or in the configuration file.",
        ) from None


class Origin(StrEnum):
    """Where the value of a setting comes from."""

    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


def origins() -> dict[str, Origin]:
    """Where each setting comes from, by its name.

    Raises:
        ConfigurationError: the configuration file cannot be read.
    """
    said = _read_file()
    set_here = {name.upper() for name, value in os.environ.items() if value}
    return {
        name: Origin.ENVIRONMENT
        if _in_environment(name) in set_here
        else (Origin.FILE if name in said else Origin.DEFAULT)
        for name in Settings.model_fields
    }


def config_file() -> tuple[Path, bool]:
    """The configuration file that is read, or would be; and whether it is there."""
    path = _file() or _usual_file()
    return path.absolute(), path.is_file()


def folder_in_environment() -> Path:
    """Where home is by the environment alone: for whoever may not read what the configuration file says."""
    home, mode = os.environ.get(f"{PREFIX}HOME"), os.environ.get(f"{PREFIX}MODE", "sandbox")
    return Path(home).expanduser().absolute() if home else platformdirs.user_data_path(APP) / mode


def _read_file() -> dict[str, Any]:
    """What the configuration file says; nothing where there is none."""
    path = _file()
    if path is None:
        return {}
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except PermissionError as error:
        raise ConfigurationError(
            f"The configuration file {path} is closed to this user.",
            remedy="Run it as the user whose installation it is, or name your own in RINGFENCE_HOME.",
        ) from error
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The configuration file {path} cannot be read: {type(error).__name__}.",
            remedy=f"Give it readable TOML, or name another file in {PREFIX}CONFIG.",
        ) from error
    for key in said:
        _check_known(key, Settings.model_fields.keys() - {"config"})
    return said


def _file() -> Path | None:
    """Where the configuration file is; one that was named must be there."""
    if named := os.environ.get(f"{PREFIX}CONFIG"):
        return Path(named).expanduser()
    path = _usual_file()
    try:
        return path if path.is_file() else None
    except PermissionError:  # it may be there: whoever reads it says that they may not
        return path


def _usual_file() -> Path:
    home = os.environ.get(f"{PREFIX}HOME")
    folder = Path(home).expanduser() if home else platformdirs.user_config_path(APP)
    return folder / CONFIG_NAME


def _in_environment(key: str) -> str:
    return f"{PREFIX}{key.upper()}"


def _check_known(key: str, known: Iterable[str], *, spelt: Callable[[str], str] = str) -> None:
    """Stop at a key that nobody knows; its value is never repeated, for it may be a secret."""
    if key in known:
        return
    near = get_close_matches(key, known, n=1)
    named = [spelt(name) for name in near or known]
    hint = f"Did you mean {named[0]}?" if near else f"There are {', '.join(named)}."
    raise ConfigurationError(
        f"{spelt(key)[:MAX_NAME_SHOWN]} is no setting of ringfence.",
        remedy=f"{hint} Correct it or take it away.",
    )
