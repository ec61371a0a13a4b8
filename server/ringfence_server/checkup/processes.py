"""Other processes at the same database, as far as the system shows them (Linux does)."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
LOCK_SECONDS = 1.0
"""How long the lock is waited for: a transaction holds it for milliseconds."""
LOCK_PAUSE_SECONDS = 0.02
SERVING = ("serve", "up", "approvals")
"""Commands that keep a runner going."""


@dataclass(frozen=True)
class Process:
    """A process that has the database open."""

    pid: int
    words: tuple[str, ...]

    @property
    def works_off(self) -> bool:
        """Whether it executes what people approve; the bare command is a server, too."""
        names = [Path(word).name for word in self.words]
        at = next((i for i, n in enumerate(names) if n in {"ringfence", "ringfence_server"}), None)
        if at is None:
            return False
        return len(names) == at + 1 or names[at + 1] in SERVING


def can_be_seen() -> bool:
    """Whether this system shows which files a process has open."""
    return (PROC / "self" / "fd").is_dir()


def at_database(database: Path) -> list[Process]:
    """Every other process of this user that has the file open."""
    wanted = str(database.resolve())
    return [
        Process(pid, _words(pid))
        for pid in _pids()
        if pid != os.getpid() and wanted in _open_files(pid)
    ]


def lock_holder(lock: Path) -> int | None:
    """Who holds a file's lock longer than any transaction does; 0 where the system does not tell who."""
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        ends_at = time.monotonic() + LOCK_SECONDS
        while time.monotonic() < ends_at:
            with suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return None
            time.sleep(LOCK_PAUSE_SECONDS)
        return _holder(os.fstat(handle).st_ino)
    finally:
        os.close(handle)


def _holder(inode: int) -> int:
    with suppress(OSError):
        for line in (PROC / "locks").read_text(encoding="ascii").splitlines():
            words = line.split()
            if words[1] == "FLOCK" and words[5].endswith(f":{inode}"):
                return int(words[4])
    return 0


def _pids() -> Iterator[int]:
    with suppress(OSError):
        yield from (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _open_files(pid: int) -> set[str]:
    found = set()
    with suppress(OSError):  # it has ended, or is another user's
        for each in (PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                found.add(str(each.readlink()))
    return found


def _words(pid: int) -> tuple[str, ...]:
    try:
        raw = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(word for word in raw.decode("utf-8", "replace").split("\0") if word)
