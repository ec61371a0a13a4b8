"""The machine: versions, the folder and who else can read it, and how far one user is from another."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import sqlite3
import stat
import sys
from collections.abc import Iterator
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from ringfence_server.checkup.finding import Finding, fail, ok, unknown, warn
from ringfence_server.settings import Settings

LEAST_PYTHON = (3, 11)
LEAST_SQLITE = (3, 37, 0)
"""The first with strict tables; RETURNING came before it."""
PACKAGES = ("mcp", "pydantic", "sqlalchemy", "typer")
NETWORK_FILESYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs", "glusterfs"}
)
"""Where SQLite's log and its locks do not work between hosts."""
MOUNTS = Path("/proc/mounts")
OTHERS = 0o077


def versions() -> Iterator[Finding]:
    """Python, SQLite and the packages that we stand on."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < LEAST_PYTHON:
        yield fail("python", f"Python {found} is too old.", "Install Python 3.11 or newer.")
    else:
        yield ok("python", f"Python {found}, SQLite {sqlite3.sqlite_version}.")
    if sqlite3.sqlite_version_info < LEAST_SQLITE:
        yield fail(
            "sqlite", f"SQLite {sqlite3.sqlite_version} is too old.", "Use a newer Python build."
        )
    yield _packages()


def _packages() -> Finding:
    have, wrong = [], []
    for name in PACKAGES:
        try:
            have.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
    if not wrong and not metadata.version("mcp").startswith("2."):
        wrong.append(f"mcp is {metadata.version('mcp')}, and 2.3 is needed")
    if wrong:
        return fail("packages", f"{', '.join(wrong)}.", "pip install --upgrade ringfence")
    return ok("packages", f"{', '.join(have)}.")


def home(settings: Settings) -> Iterator[Finding]:
    """The folder with everything in it: whose it is, and who else can enter."""
    folder = settings.folder
    try:
        found = folder.stat()
    except FileNotFoundError:
        yield warn("home", f"Not there yet: {folder}", "ringfence init")
        return
    except OSError as error:
        yield fail("home", f"{folder} cannot be seen: {error.strerror}.", _own(folder))
        return
    if found.st_uid != os.geteuid():
        says = f"{folder} belongs to {user(found.st_uid)}, and this is {user(os.geteuid())}."
        yield fail("home", says, _own(folder))
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield fail("home", f"{folder} cannot be written.", f"chmod 700 {_quoted(folder)}")
    elif stat.S_IMODE(found.st_mode) & OTHERS:
        says = f"Other users of this machine can enter {folder}."
        yield warn("home", says, f"chmod 700 {_quoted(folder)}")
    else:
        yield ok("home", f"{folder} is {user(found.st_uid)}'s alone.")


def readers(settings: Settings, database: Path | None) -> Iterator[Finding]:
    """Who else can read what is in it, file by file."""
    candidates = [settings.sandbox_carrier]
    if database is not None:
        candidates += [database, *(Path(f"{database}{tail}") for tail in ("-wal", "-shm", ".lock"))]
    there = [file for file in candidates if file.exists()]
    loose = [file for file in there if stat.S_IMODE(file.stat().st_mode) & OTHERS]
    if loose:
        names = ", ".join(file.name for file in loose)
        command = f"chmod 600 {' '.join(map(_quoted, loose))}"
        yield warn("readers", f"Other users may read {names}.", command)
    elif there:
        yield ok("readers", "Database and carrier are readable by their owner alone.")


def filesystem(database: Path | None) -> Iterator[Finding]:
    """A database on a network's file system loses its locks."""
    kind = _filesystem_of(database) if database is not None else None
    if kind in NETWORK_FILESYSTEMS:
        yield fail(
            "filesystem",
            f"The database is on a network file system ({kind}), where its locks do not hold.",
            "Set RINGFENCE_HOME to a folder on a local disk.",
        )


def _filesystem_of(path: Path) -> str | None:
    """The kind of file system, where the system tells (Linux)."""
    try:
        mounts = [line.split() for line in MOUNTS.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return None
    real = path.resolve()
    points = {Path(_unescaped(point)): kind for _, point, kind, *_ in mounts}
    above = [point for point in points if real.is_relative_to(point)]
    return points[max(above, key=lambda point: len(point.parts))] if above else None


def _unescaped(point: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), point)


class Separation(StrEnum):
    """What keeps whoever runs this command from the installation, as far as that can be seen from where they are.

    That it is on another host cannot be seen from either one: there nothing is found, which proves nothing.
    """

    SAME_USER = "same_user"
    """Nothing: whatever runs as this user can read and change everything."""
    OTHER_USER = "other_user"
    """It is another user's, and closed to this one."""
    UNKNOWN = "unknown"
    """There is nothing here to look at."""


def separation(folder: Path) -> Separation:
    """How far this user is from the installation in a folder."""
    try:
        owner = folder.stat().st_uid
    except FileNotFoundError:
        return Separation.UNKNOWN
    except OSError:
        return Separation.OTHER_USER
    if owner == os.geteuid() or os.access(folder, os.R_OK | os.X_OK):
        return Separation.SAME_USER
    return Separation.OTHER_USER


def shell(folder: Path, *, is_live: bool) -> Finding:
    """What an assistant's own shell could do here, said plainly."""
    who, grade = user(os.geteuid()), separation(folder)
    if grade is Separation.OTHER_USER:
        return ok(
            "separation",
            f"Grade: other user. A shell of {who} can read none of this. Another host would be further still.",
        )
    if grade is Separation.UNKNOWN:
        return unknown(
            "separation",
            f"Grade: unknown. There is no installation at {folder}; whether it is on another host cannot be "
            "seen from here.",
        )
    says = (
        f"Grade: same user. A shell that runs as {who}, an assistant's too, can read and change all of "
        "this, and answer `ringfence approve` in a terminal of its own."
    )
    if not is_live:
        return ok("separation", f"{says} No money is at stake in a sandbox.")
    return warn(
        "separation",
        f"{says} It lacks your passphrase, unless it reads along while you type it.",
        "Run ringfence as another user, or on another host: see SECURITY.md.",
    )


def user(uid: int) -> str:
    """A user's name, or their number where no name is known."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _own(folder: Path) -> str:
    return f"sudo chown -R {user(os.geteuid())} {_quoted(folder)}"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
