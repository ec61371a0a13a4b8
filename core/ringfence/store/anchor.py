"""The anchor: two small facts about an installation that are kept outside its database and its home.

Whoever restores, swaps or edits the database does not thereby change them: which root its approvers descend from,
and how far its history had come.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ringfence.errors import ConfigurationError
from ringfence.store.checkpoints import Checkpoints
from ringfence.store.small_files import read_small, write_small


@dataclass(frozen=True)
class HighWater:
    """An event at which the audit chain has ended."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Noted:
    """How far the chain had come: the same twice, or, while a change is committed, its end before and after.

    A process that dies at that moment leaves both, and either may be the truth.
    """

    before: HighWater
    after: HighWater


class Anchor(Protocol):
    """What is remembered of each installation, by its id."""

    checkpoints: Checkpoints | None
    """Where signed notes of its history are; None where none are kept."""

    def root(self, installation_id: str) -> str | None:
        """The fingerprint of the root's key; None where none was ever pinned."""
        ...

    def pin(self, installation_id: str, fingerprint: str) -> None:
        """Pin the root, once.

        Raises:
            ConfigurationError: another one is pinned, or the file cannot be written.
        """
        ...

    def high_water(self, installation_id: str) -> Noted | None:
        """How far the chain had come; None where nothing was noted."""
        ...

    def note(self, installation_id: str, noted: Noted, *, is_lasting: bool = True) -> None:
        """Note how far the chain has come, or is about to; a power cut undoes what is not to last.

        Raises:
            ConfigurationError: the file cannot be written.
        """
        ...


class NoAnchor:
    """Remembers nothing, so that no signature counts: for installations in which nobody signs."""

    checkpoints: Checkpoints | None = None

    def root(self, installation_id: str) -> str | None:
        """Nothing."""
        return None

    def pin(self, installation_id: str, fingerprint: str) -> None:
        """Cannot.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError("This program has nowhere to pin a root.")

    def high_water(self, installation_id: str) -> Noted | None:
        """Nothing."""
        return None

    def note(self, installation_id: str, noted: Noted, *, is_lasting: bool = True) -> None:
        """Forgets it."""


class FolderAnchor:
    """Anchors as files of a folder: `<installation>.root` and `<installation>.high-water`.

    Checkpoints are beside them, unless they have a folder of their own; then sandboxes have them too.
    """

    checkpoints: Checkpoints | None

    def __init__(self, folder: Path, *, checkpoints: Path | None = None) -> None:
        self.folder = folder
        self.checkpoints = Checkpoints(
            checkpoints or folder, keys=folder, in_sandboxes=checkpoints is not None
        )

    def root(self, installation_id: str) -> str | None:
        """The fingerprint of the root's key."""
        text = read_small(self._root_file(installation_id))
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
        write_small(self._root_file(installation_id), f"{fingerprint}\n")

    def high_water(self, installation_id: str) -> Noted | None:
        """How far the chain had come."""
        text = read_small(self._mark_file(installation_id))
        if text is None:
            return None
        try:
            marks = [HighWater(int(seq), str(head)) for seq, head in json.loads(text)]
            return Noted(*marks)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(
                f"The high-water file {self._mark_file(installation_id)} cannot be read.",
                remedy="Compare the database with a copy that you trust, then take the file away.",
            ) from error

    def note(self, installation_id: str, noted: Noted, *, is_lasting: bool = True) -> None:
        """Note how far the chain has come, or is about to."""
        marks = [[mark.seq, mark.hash] for mark in (noted.before, noted.after)]
        write_small(
            self._mark_file(installation_id), f"{json.dumps(marks)}\n", is_lasting=is_lasting
        )

    def _root_file(self, installation_id: str) -> Path:
        return self.folder.joinpath(f"{installation_id}.root")

    def _mark_file(self, installation_id: str) -> Path:
        return self.folder.joinpath(f"{installation_id}.high-water")
