"""Small private files outside the database, each written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from ringfence.errors import ConfigurationError


def read_small(path: Path) -> str | None:
    """What a file says; None where there is none.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The anchor {path} cannot be read: {type(error).__name__}.",
            remedy="Give this user read access to it.",
        ) from error


def write_small(path: Path, text: str, *, is_new: bool = False, is_lasting: bool = True) -> bool:
    """Write a file for its owner alone, whole, and let it survive a power cut, unless it is not to last.

    With `is_new` one that is there already stays as it is, and the answer is False.

    Raises:
        ConfigurationError: it cannot be written.
    """
    new = path.with_name(f"{path.name}.new-{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            if is_lasting:
                file.flush()
                os.fsync(file.fileno())
        is_written = _put_beside(new, path) if is_new else bool(new.replace(path))
        if is_lasting:
            _survive(path.parent)
    except OSError as error:
        raise ConfigurationError(
            f"The anchor {path} cannot be written: {error.strerror}.",
            remedy="Give this user write access to its folder.",
        ) from error
    return is_written


def _survive(folder: Path) -> None:
    """Let the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put_beside(new: Path, path: Path) -> bool:
    """Give a file its name unless another has it."""
    try:
        path.hardlink_to(new)
    except FileExistsError:
        return False
    finally:
        new.unlink()
    return True
