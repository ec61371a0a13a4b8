"""A file that is another program's: read with care, kept as a copy, and replaced in one step."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from ringfence.errors import ConfigurationError
from ringfence_server.clients.catalogue import Place

MAX_BYTES = 20_000_000
"""Claude Code keeps years of history in its file; more is no settings file of anybody."""
MAX_COPIES = 1_000
COPY_NAME = "before-ringfence"
CONTEXT_LINES = 2
MAX_LINE_SHOWN = 160
_SECRET = re.compile(
    r"""(["']?[\w.-]*(?:key|token|secret|passw|auth|credential|cookie)[\w.-]*["']?\s*[:=]\s*)(["']).*\2""",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Text:
    """A file as it was when it was read; `raw` is None where there is none."""

    file: Path
    raw: bytes | None
    text: str


def read(place: Place) -> Text:
    """A client's file; an absent one is empty.

    Raises:
        ConfigurationError: a symbolic link, a folder, somebody else's, too large, or no text.
    """
    file = place.file
    links = [file, *([file.parent] if place.is_shared else [])]
    for each in links:
        if each.is_symlink():
            raise _refusal(file, f"{each} is a symbolic link to {each.readlink()}")
    try:
        found = file.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise _refusal(file, "it is no ordinary file")
        if found.st_uid != os.geteuid():
            raise _refusal(file, "it belongs to another user")
        if found.st_size > MAX_BYTES:
            raise _refusal(file, f"it has more than {MAX_BYTES} bytes")
        raw = file.read_bytes()
        return Text(file, raw, raw.decode("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return Text(file, None, "")
    except UnicodeDecodeError as error:
        raise _refusal(file, "it is no UTF-8 text") from error
    except OSError as error:
        raise _refusal(file, f"it cannot be read: {error.strerror}") from error


def write(before: Text, text: str, *, is_shared: bool) -> Path | None:
    """Replace the file in one step, with the permissions that it had; where the old one is kept.

    Raises:
        ConfigurationError: it changed since it was read, or cannot be written; nothing was changed.
    """
    file = before.file
    try:
        file.parent.mkdir(mode=0o755 if is_shared else 0o700, parents=True, exist_ok=True)
        mode = 0o644 if is_shared else 0o600
        if before.raw is not None:
            mode = stat.S_IMODE(file.stat().st_mode)
        copy = _keep(file, before.raw, mode) if before.raw is not None else None
        _replace(before, text, mode)
    except OSError as error:
        raise _refusal(file, f"it cannot be written: {error.strerror}") from error
    return copy


def _keep(file: Path, raw: bytes, mode: int) -> Path:
    """Copy the old file beside it, under the first name that is free."""
    for copy in _copies(file):
        with suppress(FileExistsError):
            handle = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "wb") as opened:
                os.fchmod(handle, mode)
                opened.write(raw)
            return copy
    raise _refusal(file, f"{MAX_COPIES} old copies lie beside it")


def _copies(file: Path) -> Iterator[Path]:
    yield file.with_name(f"{file.name}.{COPY_NAME}")
    for number in range(2, MAX_COPIES + 1):
        yield file.with_name(f"{file.name}.{COPY_NAME}-{number}")


def _replace(before: Text, text: str, mode: int) -> None:
    file = before.file
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as opened:
            os.fchmod(handle, mode)
            opened.write(text.encode("utf-8"))
            opened.flush()
            os.fsync(handle)
        now = file.read_bytes() if file.exists() else None
        if now != before.raw or file.is_symlink():
            raise _refusal(file, "another program has changed it meanwhile")
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def difference(before: Text, text: str) -> str:
    """What would change, line by line; values near it that look like secrets are masked."""
    old = str(before.file) if before.raw is not None else os.devnull
    lines = unified_diff(
        before.text.splitlines(),
        text.splitlines(),
        fromfile=old,
        tofile=str(before.file),
        lineterm="",
        n=CONTEXT_LINES,
    )
    return "\n".join(_shown(line) for line in lines)


def _shown(line: str) -> str:
    masked = _SECRET.sub(r"\1\2…\2", line)
    return masked if len(masked) <= MAX_LINE_SHOWN else f"{masked[:MAX_LINE_SHOWN]}…"


def _refusal(file: Path, why: str) -> ConfigurationError:
    return ConfigurationError(f"{file} is left as it is: {why}.")
