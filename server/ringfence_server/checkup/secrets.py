"""Secrets where they do not belong: a key that no passphrase locks, a carrier's key within reach of a shell."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from ringfence.errors import ConfigurationError
from ringfence_server.checkup.finding import Finding, fail, ok, warn
from ringfence_server.keys.locked import read_key
from ringfence_server.settings import Settings

CARRIERS_KEYS = (
    "TWILIO_AUTH_TOKEN",
    "TWILIO_API_SECRET",
    "TELNYX_API_KEY",
    "BIRD_ACCESS_KEY",
    "MESSAGEMEDIA_API_SECRET",
    "BURKI_API_KEY",
)
"""What the carriers themselves call the variable that holds a secret."""
OTHERS = 0o077
MAX_SHOWN = 5


def keys(settings: Settings) -> Iterator[Finding]:
    """The folder of this user's locked keys, file by file; nothing where there is none."""
    folder = settings.keys
    try:
        files = sorted(each for each in folder.iterdir() if each.is_file())
        loose = [each for each in (folder, *files) if stat.S_IMODE(each.stat().st_mode) & OTHERS]
    except FileNotFoundError:
        return
    except OSError as error:
        yield fail("keys", f"{folder} cannot be seen: {error.strerror}.", f"ls -ld {folder}")
        return
    strange = [each for each in files if not _is_locked(each)]
    if strange:
        says = f"Not locked by a passphrase, or no key at all: {_names(strange)} in {folder}."
        yield fail("keys", says, f"Move it elsewhere: {shlex.join(map(str, strange[:MAX_SHOWN]))}")
    if loose:
        says = f"Other users of this machine can read {_names(loose)}: its passphrase alone protects it."
        yield warn("keys", says, f"chmod go= {shlex.join(map(str, loose[:MAX_SHOWN]))}")
    if files and not strange and not loose:
        yield ok("keys", f"Locked and their owner's alone: {_names(files)} in {folder}.")


def _is_locked(file: Path) -> bool:
    try:
        read_key(file)
    except ConfigurationError:
        return False
    return True


def _names(files: list[Path]) -> str:
    more = len(files) - MAX_SHOWN
    shown = ", ".join(file.name for file in files[:MAX_SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown


def carriers(environment: Mapping[str, str] | None = None) -> Finding:
    """Whether a carrier's key is in this shell's environment, where everything that it starts can read it."""
    given = os.environ if environment is None else environment
    found = [name for name in CARRIERS_KEYS if given.get(name)]
    if not found:
        return ok("secrets", "No carrier's key is in the environment of this shell.")
    return warn(
        "secrets",
        f"Whatever runs in this shell can read {', '.join(found)}, and buy around any guard.",
        "Keep it where only the user reads it who runs ringfence: see SECURITY.md.",
    )
