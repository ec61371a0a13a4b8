"""Writing a service down, starting it, and taking it away again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ringfence.errors import ConfigurationError
from ringfence_server.service import launchd, systemd
from ringfence_server.service.program import Program, Service

COMMAND_SECONDS = 60.0
"""For a service manager's own command; a stop waits until the service has ended."""
_MARK = "ringfence up"


def service(program: Program) -> Service:
    """The program as a service of this system's own kind."""
    return launchd.service(program) if sys.platform == "darwin" else systemd.service(program)


def is_installed(wanted: Service) -> bool:
    """Whether its file is there, and ours.

    Raises:
        ConfigurationError: the file is somebody else's, or cannot be read.
    """
    try:
        found = wanted.file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    except (OSError, UnicodeDecodeError) as error:
        raise _not_ours(wanted.file) from error
    if _MARK not in found.partition("<plist")[0].partition("[Unit]")[0]:
        raise _not_ours(wanted.file)
    return True


def write(wanted: Service) -> None:
    """Write the file, whole or not at all.

    Raises:
        ConfigurationError: the one that is there is not ours, or it cannot be written.
    """
    is_installed(wanted)
    new = wanted.file.with_name(f"{wanted.file.name}.new-{os.getpid()}")
    try:
        wanted.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.write_text(wanted.text, encoding="utf-8")
        new.replace(wanted.file)
    except OSError as error:
        raise ConfigurationError(
            f"{wanted.file} cannot be written: {error.strerror}.",
            remedy="Give this user write access to its folder.",
        ) from error


def remove(wanted: Service) -> bool:
    """Take the file away; False where there was none.

    Raises:
        ConfigurationError: it is not ours.
    """
    if not is_installed(wanted):
        return False
    wanted.file.unlink()
    return True


def run(commands: tuple[tuple[str, ...], ...]) -> str | None:
    """Run the manager's commands one after another; why one did not do it, or None."""
    for words in commands:
        try:
            ended = subprocess.run(  # noqa: S603  # the system's own manager, with words of ours
                words, capture_output=True, check=False, text=True, timeout=COMMAND_SECONDS
            )
        except FileNotFoundError:
            return f"there is no {words[0]} here"
        except (OSError, subprocess.SubprocessError) as error:
            return f"{words[0]}: {type(error).__name__}"
        if ended.returncode != 0:
            return (ended.stderr or ended.stdout).strip()[:300] or f"{words[0]} failed"
    return None


def is_active(wanted: Service) -> bool | None:
    """Whether the manager says that it runs; None where the manager cannot be asked."""
    try:
        ended = subprocess.run(  # noqa: S603  # as above
            wanted.is_active, capture_output=True, check=False, text=True, timeout=COMMAND_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    if ended.returncode == 0:
        return True
    return None if "connect to bus" in ended.stderr else False


def _not_ours(file: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{file} was not written by ringfence, and is left as it is.",
        remedy="Move that file away, then run it again.",
    )
