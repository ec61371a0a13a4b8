"""A private key in a file that a passphrase locks: Ed25519 under argon2id and ChaCha20-Poly1305.

(argon2id, RFC 9106, second recommended option: 64 MiB, 3 passes, 4 lanes. It takes about a fifth of a second.)
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationError

from ringfence.approvers import ApproverKey, KeyKind, Signature, Statement
from ringfence.errors import ConfigurationError, NotAuthorized
from ringfence.nouns import Noun

if TYPE_CHECKING:  # 40 ms that only whoever makes or unlocks a key pays
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

MEMORY_KIB, PASSES, LANES = 65_536, 3, 4
MAX_FILE_BYTES = 4_096
MIN_PASSPHRASE = 10
"""Characters; argon2id makes each guess dear, and nothing makes a short one long."""


class WrongPassphrase(NotAuthorized):
    """The passphrase does not open the key."""

    default_remedy = (
        "Try again; after each wrong one it waits a little longer. Nobody can look a lost passphrase up: another "
        'approver revokes the key and vouches for a new one, as SECURITY.md, "When something is lost", shows.'
    )


class KeyFile(Noun):
    """What the file holds; everything but the box is in the clear, and the box is bound to it."""

    v: Literal[1] = 1
    person: str
    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    memory_kib: Annotated[int, Field(ge=19_456, le=1_048_576)]
    passes: Annotated[int, Field(ge=1, le=16)]
    lanes: Annotated[int, Field(ge=1, le=16)]
    salt: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    nonce: Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")]
    box: Annotated[str, Field(pattern=r"^[0-9a-f]{96}$")]

    @property
    def key(self) -> ApproverKey:
        """The public half."""
        return ApproverKey(person=self.person, kind=KeyKind.PASSPHRASE, public_key=self.public_key)

    def _clear(self) -> bytes:
        return self.model_dump_json(exclude={"box"}).encode()

    def _lock(self, passphrase: str) -> ChaCha20Poly1305:
        from argon2.low_level import Type, hash_secret_raw
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        secret = hash_secret_raw(
            passphrase.encode(),
            bytes.fromhex(self.salt),
            time_cost=self.passes,
            memory_cost=self.memory_kib,
            parallelism=self.lanes,
            hash_len=32,
            type=Type.ID,
        )
        return ChaCha20Poly1305(secret)

    def locked(self, private: Ed25519PrivateKey, passphrase: str) -> KeyFile:
        """The same with the private half in its box."""
        box = self._lock(passphrase).encrypt(
            bytes.fromhex(self.nonce), private.private_bytes_raw(), self._clear()
        )
        return self.model_copy(update={"box": box.hex()})

    def unlock(self, passphrase: str) -> Unlocked:
        """The private half, for as long as it takes to sign.

        Raises:
            WrongPassphrase: it does not open the box, or the file was changed.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        try:
            raw = self._lock(passphrase).decrypt(
                bytes.fromhex(self.nonce), bytes.fromhex(self.box), self._clear()
            )
        except InvalidTag as error:
            raise WrongPassphrase("That is not the passphrase of this key.") from error
        return Unlocked(self.key, Ed25519PrivateKey.from_private_bytes(raw))


class Unlocked:
    """A key that can sign. It shows itself nowhere."""

    def __init__(self, key: ApproverKey, private: Ed25519PrivateKey) -> None:
        self.key = key
        self._private = private

    def sign(self, statement: Statement) -> Signature:
        """Sign a statement's challenge."""
        signed = self._private.sign(statement.challenge)
        return Signature(key_id=self.key.key_id, ed25519=signed.hex())


def new_key(person: str, passphrase: str) -> KeyFile:
    """Make a key for a person, locked."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    blank = KeyFile(
        person=person,
        public_key=private.public_key().public_bytes_raw().hex(),
        memory_kib=MEMORY_KIB,
        passes=PASSES,
        lanes=LANES,
        salt=secrets.token_hex(16),
        nonce=secrets.token_hex(12),
        box="0" * 96,
    )
    return blank.locked(private, passphrase)


def write_key(path: Path, key: KeyFile) -> None:
    """Write a key file, for its owner alone; one that is there is never written over.

    Raises:
        ConfigurationError: it is there, or cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(key.model_dump_json(indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigurationError(
            f"The key file {path} cannot be written: {error.strerror}.",
            remedy="Name another file with --key.",
        ) from error


def read_key(path: Path) -> KeyFile:
    """Read a key file.

    Raises:
        ConfigurationError: it is not there, or is none.
    """
    try:
        with path.open("rb") as file:
            return KeyFile.model_validate_json(file.read(MAX_FILE_BYTES))
    except (OSError, ValidationError) as error:
        raise ConfigurationError(
            f"The key file {path} cannot be read: {type(error).__name__}.",
            remedy="Name the file of your key with --key.",
        ) from error
