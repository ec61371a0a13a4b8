"""Approvers: people who can sign, the public halves of their keys, and what they sign.

The server never holds a key that could sign. An approver's private key is in an authenticator, or in a file of their
own that a passphrase locks; the recovery key that made the root is on paper.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import rfc8785
from pydantic import Field

from ringfence.intents import Level
from ringfence.nouns import Noun

PERSON_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,31}$"
"""People are told apart by a short name, lower case, so that no two look alike."""
KEY_ID_PATTERN = r"^[0-9a-f]{16}$"


class KeyKind(StrEnum):
    """How a key is held, which is what a signature of it proves."""

    PASSPHRASE = "passphrase"  # noqa: S105  # the name of a kind, not a secret
    PASSKEY = "passkey"
    RECOVERY = "recovery"

    @property
    def level(self) -> Level:
        """What one signature of it proves."""
        return Level.PASSKEY if self is KeyKind.PASSKEY else Level.PASSPHRASE


class Purpose(StrEnum):
    """What a statement does; part of what is hashed, so that no signature serves two purposes."""

    ROOT = "root"
    ENROLL = "enroll"
    REVOKE = "revoke"
    POLICY = "policy"
    APPROVE = "approve"
    UNFREEZE = "unfreeze"
    RESOLVE = "resolve"
    ADJUST = "adjust"
    VIEW = "view"
    DECLINE = "decline"
    """A change that was declined; it needs no signature, since it only takes away."""


AUTHORITY = (Purpose.ROOT, Purpose.ENROLL, Purpose.REVOKE)
"""Statements about who may sign; they form one chain that begins at the pinned root."""


class ApproverKey(Noun):
    """The public half of a key, and whose it is."""

    person: Annotated[str, Field(pattern=PERSON_PATTERN)]
    kind: KeyKind
    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64,2048}$")]
    """Hexadecimal: 32 bytes of Ed25519, or a passkey's COSE key."""
    credential_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,1400}$")] | None = None
    """A passkey's name at its authenticator, base64url."""
    origin: Annotated[str, Field(pattern=r"^https?://[a-z0-9.:-]{1,253}$")] | None = None
    """Where a passkey was made; it signs there alone."""

    @property
    def key_id(self) -> str:
        """The key's fingerprint: the first 64 bits of SHA-256 over its public half, in hexadecimal."""
        return hashlib.sha256(bytes.fromhex(self.public_key)).hexdigest()[:16]

    @property
    def shown_id(self) -> str:
        """The id in groups of four, as a person compares two."""
        return " ".join(self.key_id[at : at + 4] for at in range(0, len(self.key_id), 4))

    @property
    def rp_id(self) -> str:
        """A passkey's relying party: the host of its origin."""
        return relying_party(self.origin or "")


def relying_party(origin: str) -> str:
    """Whom passkeys of a page belong to: the host of its origin."""
    return origin.partition("://")[2].partition(":")[0]


class Statement(Noun):
    """What a person signs: one purpose, one subject, in one installation, at one moment of its history.

    The audit head makes every signature a witness of everything that had happened before.
    """

    v: Annotated[int, Field(ge=1, le=1)] = 1
    purpose: Purpose
    installation_id: str
    subject: str
    """What it is about: an intent, a key, a policy's version, a line."""
    body: Mapping[str, Any]
    """The facts; text, whole numbers and objects of these."""
    nonce: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
    audit_seq: int
    audit_head: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    made_at: datetime
    expires_at: datetime

    @property
    def encoded(self) -> bytes:
        """The canonical bytes (RFC 8785), which are stored and signed."""
        return rfc8785.dumps(self.model_dump(mode="json"))

    @property
    def challenge(self) -> bytes:
        """What is signed: SHA-256(purpose ‖ 0x00 ‖ statement). A passkey takes it as its challenge."""
        return challenge_of(self.purpose, self.encoded)


def challenge_of(purpose: Purpose, encoded: bytes) -> bytes:
    """The challenge of a statement that is canonical already."""
    return hashlib.sha256(purpose.value.encode() + b"\x00" + encoded).digest()


def fingerprint(public_key: bytes) -> str:
    """A root's name, as it is pinned: SHA-256 over its public key, in hexadecimal."""
    return hashlib.sha256(public_key).hexdigest()


class Signature(Noun):
    """One signature over a statement, with everything that is needed to verify it again."""

    key_id: Annotated[str, Field(pattern=KEY_ID_PATTERN)]
    ed25519: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")] | None = None
    """Of a passphrase or recovery key, hexadecimal."""
    assertion: Annotated[str, Field(max_length=8_000)] | None = None
    """A passkey's answer as the browser gave it: the JSON of `credential.toJSON()`."""
    sign_count: int = 0
    """A passkey's counter after this signature."""
