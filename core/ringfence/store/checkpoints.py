"""Checkpoints: signed notes of how far the audit chain had come, kept in a file outside the database.

A chain shows what was edited in it, and cannot show that its end was cut off, nor that all of it was made anew. A
checkpoint does: a later chain that lacks the event it names is another one.

The key that signs them is the installation's own, in a file that the server reads. So a signature proves little:
that the checkpoint is not somebody else's. Whoever can read that file can make a whole chain with checkpoints to
match. What they cannot do is change a checkpoint that somebody else has a copy of, or a head that an approver signed.
Let the file be on another disk, on a share that only grows, or copy it away: that is what makes it a witness.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, count
from pathlib import Path
from typing import Annotated, Any

import rfc8785
from pydantic import Field, ValidationError

from ringfence.errors import ConfigurationError
from ringfence.nouns import Noun
from ringfence.store.small_files import read_small, write_small

EVERY = 100
"""Events after which the next commit makes a checkpoint."""
AT_LEAST_EVERY = timedelta(days=1)
AT_ONCE = frozenset({"line.captured", "line.late_success", "line.resolved"})
"""Events that make one at once: money was spent."""
NEW_KEY = "checkpoint.key"
"""The event with which the chain names the key of its checkpoints."""
PURPOSE = b"ringfence/checkpoint/v1"
MAX_LINE_BYTES = 1_024
"""A checkpoint takes less than half of it."""

_HEX = r"^[0-9a-f]+$"


class Checkpoint(Noun):
    """That an installation's chain had `size` events, of which the last had the hash `head`."""

    v: Annotated[int, Field(ge=1, le=1)] = 1
    installation_id: str
    size: Annotated[int, Field(ge=1)]
    head: Annotated[str, Field(pattern=_HEX, min_length=64, max_length=64)]
    at: datetime
    key: Annotated[str, Field(pattern=_HEX, min_length=64, max_length=64)]
    """The public half of the key that signed it, in hexadecimal."""
    signature: Annotated[str, Field(pattern=_HEX, min_length=128, max_length=128)]

    @property
    def encoded(self) -> bytes:
        """The bytes that are signed: the purpose, a zero byte, and the canonical facts (RFC 8785)."""
        return PURPOSE + b"\0" + rfc8785.dumps(self.model_dump(mode="json", exclude={"signature"}))

    @property
    def is_signed(self) -> bool:
        """Whether its signature is that of the key that it names."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.key))
            public.verify(bytes.fromhex(self.signature), self.encoded)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Key:
    """An installation's key for checkpoints; its private half shows itself nowhere."""

    installation_id: str
    public: str
    announced: int
    """Where the chain names it; 0 while it does not."""
    path: Path

    def sign(self, encoded: bytes) -> str:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        private = bytes.fromhex(_key_document(self.path)["private"])
        return Ed25519PrivateKey.from_private_bytes(private).sign(encoded).hex()


class Checkpoints:
    """The checkpoints that this program writes: one file and one key for each installation."""

    def __init__(self, folder: Path, *, keys: Path, in_sandboxes: bool) -> None:
        self.folder = folder
        self.in_sandboxes = in_sandboxes
        """Whether a sandbox has them too: only where somebody asked for it."""
        self._keys = keys
        self._last: dict[str, Checkpoint] = {}
        self.named: set[str] = set()
        """Installations whose chain is known to name the key."""
        self._is_behind = False

    def are_kept(self, mode: str) -> bool:
        """Whether an installation of this mode has them."""
        return mode == "live" or self.in_sandboxes

    def file(self, installation_id: str) -> Path:
        """Where they are."""
        return self.folder.joinpath(f"{installation_id}.checkpoints")

    def key(self, installation_id: str) -> Key:
        """The key that signs them, made at first need.

        Raises:
            ConfigurationError: its file cannot be read or written.
        """
        path = self._keys.joinpath(f"{installation_id}.checkpoint-key")
        if read_small(path) is None:
            write_small(path, _new_key(), is_new=True)
        document = _key_document(path)
        return Key(installation_id, document["public"], document["announced"], path)

    def announced(self, key: Key, seq: int) -> None:
        """Note that the chain names the key there."""
        document = _key_document(key.path) | {"announced": seq}
        write_small(key.path, f"{json.dumps(document)}\n")
        self.named.add(key.installation_id)

    def last(self, installation_id: str) -> Checkpoint | None:
        """The latest one; None where there is none.

        Raises:
            ConfigurationError: the file cannot be read, or its end is no checkpoint.
        """
        path = self.file(installation_id)
        with _translated(path), suppress(FileNotFoundError), path.open("rb") as file:
            return _last_of(path, file.fileno())
        return None

    def made(self, installation_id: str) -> Iterator[Checkpoint | None]:
        """All that the file holds, in order; None where a line is none. Nothing where there is no file.

        Raises:
            ConfigurationError: the file cannot be read.
        """
        path = self.file(installation_id)
        if path.exists():
            for _, found in read_file(path):
                yield found

    def is_due(self, installation_id: str, size: int, now: datetime) -> bool:
        """Whether the chain has come so far, or so much time has gone by, that one is to be made.

        Raises:
            ConfigurationError: as `last`.
        """
        last = self._last.get(installation_id) or self.last(installation_id)
        if self._is_behind or last is None:
            return True
        self._last[installation_id] = last
        return size - last.size >= EVERY or now - last.at >= AT_LEAST_EVERY

    def make(self, installation_id: str, size: int, head: str, at: datetime) -> Checkpoint:
        """Make one, unless another process has come as far; the latest.

        Raises:
            ConfigurationError: the file or the key cannot be read or written.
        """
        self._is_behind = True
        path = self.file(installation_id)
        with _locked(path) as handle:
            last = _last_of(path, handle)
            if last is None or last.size < size:
                last = self._signed(installation_id, size, head, at)
                _append(handle, last)
        self._last[installation_id] = last
        self._is_behind = False
        return last

    def _signed(self, installation_id: str, size: int, head: str, at: datetime) -> Checkpoint:
        key = self.key(installation_id)
        blank = Checkpoint(
            installation_id=installation_id,
            size=size,
            head=head,
            at=at,
            key=key.public,
            signature="0" * 128,
        )
        return blank.model_copy(update={"signature": key.sign(blank.encoded)})

    def set_aside(self, installation_id: str) -> None:
        """Begin a new file: an approver has said that another history is right. The old one keeps what it says.

        It takes the place of none that was put aside before: the same copy may be restored twice.

        Raises:
            ConfigurationError: it cannot be renamed.
        """
        path = self.file(installation_id)
        self._last.pop(installation_id, None)
        last = self.last(installation_id)
        with _translated(path):
            if last is not None:
                path.rename(_free(path.with_name(f"{path.name}.until-{last.size}")))


def _free(path: Path) -> Path:
    """This name, or the first one numbered after it that nothing has."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(each for each in chain([path], numbered) if not each.exists())


def read_file(path: Path) -> Iterator[tuple[int, Checkpoint | None]]:
    """Every line of a file of checkpoints with its number; None where it is none. A torn last line is left out.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    with _translated(path), path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.endswith(b"\n"):
                yield number, _parsed(line)


def _parsed(line: bytes) -> Checkpoint | None:
    try:
        return Checkpoint.model_validate_json(line)
    except ValidationError:
        return None


def _new_key() -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    document = {
        "public": private.public_key().public_bytes_raw().hex(),
        "private": private.private_bytes_raw().hex(),
        "announced": 0,
    }
    return f"{json.dumps(document)}\n"


def _key_document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(read_small(path) or "")
        if (len(document["public"]), len(document["private"])) == (64, 64):
            return {**document, "announced": int(document["announced"])}
    except (ValueError, TypeError, KeyError):
        pass
    raise ConfigurationError(
        f"The key for checkpoints in {path} cannot be read.",
        remedy="Restore it from a copy; without one take it away, and a new one is made.",
    )


def _last_of(path: Path, handle: int) -> Checkpoint | None:
    """The last whole line of an open file."""
    size = os.fstat(handle).st_size
    tail = os.pread(handle, 2 * MAX_LINE_BYTES, max(0, size - 2 * MAX_LINE_BYTES))
    lines = tail.split(b"\n")[:-1]  # what follows the last line end is torn
    if not lines:
        if size > MAX_LINE_BYTES:
            raise _no_checkpoint(path)
        return None
    found = _parsed(lines[-1])
    if found is None:
        raise _no_checkpoint(path)
    return found


def _no_checkpoint(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"The last line of {path} is no checkpoint.",
        remedy="Compare the file with a copy of it, then put it right or aside.",
    )


def _append(handle: int, checkpoint: Checkpoint) -> None:
    """Add one line, whole or not at all; what a power cut tore off is taken away first."""
    size = os.fstat(handle).st_size
    tail = os.pread(handle, MAX_LINE_BYTES, max(0, size - MAX_LINE_BYTES))
    whole = size - (len(tail) - (tail.rfind(b"\n") + 1))
    if whole < size:
        os.ftruncate(handle, whole)
    line = f"{checkpoint.model_dump_json()}\n".encode()
    try:
        written = append_bytes(handle, line)
        os.fsync(handle)
    except OSError:
        with suppress(OSError):
            os.ftruncate(handle, whole)
        raise
    if written != len(line):  # the disk is full; the next one takes the torn line away
        raise OSError(0, "there is no room")


append_bytes = os.write
"""How a line gets to the disk; how much of it did."""


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    with _translated(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"The checkpoints in {path} cannot be read or written: {error.strerror}.",
            remedy="Give this user read and write access to the file, and room on its disk.",
        ) from error
