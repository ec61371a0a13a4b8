"""The recovery key on paper: 32 bytes as groups of letters and digits that can be typed back, with a check."""

from __future__ import annotations

import hashlib
import secrets

from ringfence.approvers import ApproverKey, KeyKind
from ringfence.errors import NotAuthorized
from ringfence_server.keys.locked import Unlocked

OWNER = "root"
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: no letter that looks like another or like a digit."""
_CHECK_BYTES = 3
_GROUP = 4


def new_recovery() -> tuple[str, Unlocked]:
    """A recovery key: as it is printed, once, and ready to sign."""
    seed = secrets.token_bytes(32)
    return _printed(seed), _unlocked(seed)


def read_recovery(text: str) -> Unlocked:
    """The key that somebody typed off their paper.

    Raises:
        NotAuthorized: it is none, or was mistyped.
    """
    letters = [c for c in text.upper().translate(_LOOK_ALIKES) if c in _ALPHABET]
    size = 32 + _CHECK_BYTES
    if len(letters) != size * 8 // 5:
        raise NotAuthorized("That is no recovery key: it has another length.", remedy=_RETYPE)
    number = 0
    for letter in letters:
        number = number * 32 + _ALPHABET.index(letter)
    raw = number.to_bytes(size, "big")
    if _check(raw[:32]) != raw[32:]:
        raise NotAuthorized("That is no recovery key: a letter is mistyped.", remedy=_RETYPE)
    return _unlocked(raw[:32])


_RETYPE = (
    "Try again: type it as it is on the paper, group by group. Hyphens, spaces and capitals do not matter. "
    'If the paper is lost: SECURITY.md, "When something is lost".'
)
_LOOK_ALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})


def _printed(seed: bytes) -> str:
    raw = seed + _check(seed)
    number = int.from_bytes(raw, "big")
    count = len(raw) * 8 // 5
    letters = "".join(_ALPHABET[number >> 5 * (count - 1 - at) & 31] for at in range(count))
    return "-".join(letters[at : at + _GROUP] for at in range(0, count, _GROUP))


def _check(seed: bytes) -> bytes:
    return hashlib.sha256(b"ringfence/recovery/v1" + seed).digest()[:_CHECK_BYTES]


def _unlocked(seed: bytes) -> Unlocked:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes_raw().hex()
    return Unlocked(ApproverKey(person=OWNER, kind=KeyKind.RECOVERY, public_key=public), private)
