"""What is to run as a service: this very ringfence, for the installation that this shell names."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ringfence.errors import ConfigurationError
from ringfence_server.clients import entry
from ringfence_server.settings import Settings

MARK = "Written by `ringfence up --install`; `ringfence up --uninstall` takes it away."
"""In every file of ours: what does not bear it is somebody else's, and is never written over."""
STOP_SECONDS = 20
"""For page and runner to end: more than a carrier's read time-out, so that no answer is cut off."""
AGAIN_SECONDS = 5
"""Between a failure and the next start."""
_FOLDERS = ("XDG_CONFIG_HOME", "XDG_DATA_HOME")
"""They decide where home, keys and pins are; a service manager may have others than this shell."""


@dataclass(frozen=True)
class Program:
    """A program with all that it needs to open the right installation, and nothing secret."""

    name: str
    """What the service is called: one for each installation of a user."""
    title: str
    words: tuple[str, ...]
    environment: Mapping[str, str]


def of(settings: Settings) -> Program:
    """Page and runner of an installation.

    Raises:
        ConfigurationError: the database's address, which may hold a password, is in the environment; or a path cannot
            be written into such a file.
    """
    environment = {
        **{name: os.environ[name] for name in _FOLDERS if os.environ.get(name)},
        **entry.variables(settings),
    }
    words = (*entry.command()[:-1], "up")
    for text in (*words, *environment.values()):
        if not text.isprintable():
            raise ConfigurationError(
                "A path of this installation holds a character that no service file can hold.",
                remedy="Choose a RINGFENCE_HOME without line breaks and control characters.",
            )
    return Program(
        name=_name(settings, environment),
        title=f"ringfence ({settings.mode}): approval page and runner",
        words=words,
        environment=environment,
    )


def _name(settings: Settings, environment: Mapping[str, str]) -> str:
    """`ringfence-live`, with a mark of its folder where that is not the usual one."""
    usual = f"ringfence-{settings.mode}"
    if "RINGFENCE_HOME" not in environment:
        return usual
    return f"{usual}-{hashlib.sha256(os.fsencode(settings.folder)).hexdigest()[:6]}"


@dataclass(frozen=True)
class Service:
    """A service as its manager knows it."""

    name: str
    file: Path
    text: str
    start: tuple[tuple[str, ...], ...]
    """Commands that make it known, and start it."""
    stop: tuple[tuple[str, ...], ...]
    is_active: tuple[str, ...]
    """Ends with 0 while it runs."""
    log: str
    """How its log is read."""
    afterwards: str = ""
    """What a person may want to do as well."""
