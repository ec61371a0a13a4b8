"""The anchor: two small facts about an installation that are kept outside its database and its home.

Whoever restores, swaps or edits the database does not thereby change them: which root its approvers descend from,
and how far its history had come.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ringfence.errors import ConfigurationError


@dataclass(frozen=True)
class HighWater:
    """An event that the audit chain has had."""

    seq: int
    hash: str


class Anchor(Protocol):
    """What is remembered of each installation, by its id."""

    def root(self, installation_id: str) -> str | None:
        """The fingerprint of the root's key; None where none was ever pinned."""
        ...

    def pin(self, installation_id: str, fingerprint: str) -> None:
        """Pin the root, once.

        Raises:
            ConfigurationError: another one is pinned, or the file cannot be written.
        """
        ...

    def high_water(self, installation_id: str) -> HighWater | None:
        """How far the chain had come; None where nothing was noted."""
        ...

    def note(self, installation_id: str, mark: HighWater) -> None:
        """Note how far the chain has come; never backward.

        Raises:
            ConfigurationError: the file cannot be written.
        """
        ...

    def forget(self, installation_id: str) -> None:
        """Forget how far it had come: an approver has said that what is there now is right."""
        ...


class NoAnchor:
    """Remembers nothing, so that no signature counts: for installations in which nobody signs."""

    def root(self, installation_id: str) -> str | None:
        """Nothing."""
        return None

    def pin(self, installation_id: str, fingerprint: str) -> None:
        """Cannot.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError("This program has nowhere to pin a root.")

    def high_water(self, installation_id: str) -> HighWater | None:
        """Nothing."""
        return None

    def note(self, installation_id: str, mark: HighWater) -> None:
        """Forgets it."""

    def forget(self, installation_id: str) -> None:
        """Knows nothing anyway."""


class FolderAnchor:
    """Anchors as files of a folder: `<installation>.root` and `<installation>.high-water`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def root(self, installation_id: str) -> str | None:
        """The fingerprint of the root's key."""
        text = self._read(self._root_file(installation_id))
        return text.strip() if text is not None else None

    def pin(self, installation_id: str, fingerprint: str) -> None:
        """Pin the root, once."""
        known = self.root(installation_id)
        if known == fingerprint:
            return
        if known is not None:
            raise ConfigurationError(
                "Another root is pinned for this installation; it is never exchanged.",
                remedy="Restore the database that belongs to the pinned root, or found a new installation.",
            )
        self._write(self._root_file(installation_id), f"{fingerprint}\n")

    def high_water(self, installation_id: str) -> HighWater | None:
        """How far the chain had come."""
        text = self._read(self._mark_file(installation_id))
        if text is None:
            return None
        try:
            seq, head = json.loads(text)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(
                f"The high-water file {self._mark_file(installation_id)} cannot be read.",
                remedy="Compare the database with a copy that you trust, then take the file away.",
            ) from error
        return HighWater(int(seq), str(head))

    def note(self, installation_id: str, mark: HighWater) -> None:
        """Note how far the chain has come; never backward."""
        known = self.high_water(installation_id)
        if known is None or known.seq < mark.seq:
            self._write(self._mark_file(installation_id), f"{json.dumps([mark.seq, mark.hash])}\n")

    def forget(self, installation_id: str) -> None:
        """Forget how far it had come; the next change notes it anew."""
        self._mark_file(installation_id).unlink(missing_ok=True)

    def _root_file(self, installation_id: str) -> Path:
        return self.folder.joinpath(f"{installation_id}.root")

    def _mark_file(self, installation_id: str) -> Path:
        return self.folder.joinpath(f"{installation_id}.high-water")

    def _read(self, path: Path) -> str | None:
        try:
            return path.read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"The anchor {path} cannot be read: {type(error).__name__}.",
                remedy="Give this user read access to it.",
            ) from error

    def _write(self, path: Path, text: str) -> None:
        """Write it whole or not at all, and let it survive a power cut."""
        new = path.with_name(f"{path.name}.new-{os.getpid()}")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError as error:
            raise ConfigurationError(
                f"The anchor {path} cannot be written: {error.strerror}.",
                remedy="Give this user write access to its folder.",
            ) from error
