"""Nonces that the page can hand out to anybody without writing anything down, and knows again when they come back.

Each says when it was made and proves that it was made here for one thing: time ‖ random ‖ HMAC. Whether one was used
is the store's to know; strangers who only look at locked pages cost it nothing.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime

TIME_BYTES, RANDOM_BYTES, TAG_BYTES = 6, 10, 16
"""32 bytes together: 43 characters, as every nonce has them."""
NONCE = re.compile(r"[A-Za-z0-9_-]{43}")
VIEW, DECISION = "view", "decline"
"""What nonces are for on the page away from this machine."""
_PURPOSE = b"ringfence/seal/v1\x00"


class Seal:
    """The installation's secret, put to this use."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(bytes.fromhex(secret), _PURPOSE, "sha256")

    def nonce(self, now: datetime, *about: str) -> str:
        """A nonce that was made now, and is good for exactly this."""
        head = int(now.timestamp()).to_bytes(TIME_BYTES, "big") + secrets.token_bytes(RANDOM_BYTES)
        return _text(head + self._tag(head, about))

    def made_at(self, nonce: str, *about: str) -> datetime | None:
        """When a nonce was made for this, to the second; None where it never was."""
        if NONCE.fullmatch(nonce) is None:
            return None
        raw = urlsafe_b64decode(nonce + "=")
        if _text(raw) != nonce:  # other last bits, the same bytes: it would count as another one
            return None
        head, tag = raw[: TIME_BYTES + RANDOM_BYTES], raw[TIME_BYTES + RANDOM_BYTES :]
        if not hmac.compare_digest(tag, self._tag(head, about)):
            return None
        return datetime.fromtimestamp(int.from_bytes(head[:TIME_BYTES], "big"), UTC)

    def _tag(self, head: bytes, about: tuple[str, ...]) -> bytes:
        said = head + json.dumps(about).encode("ascii")
        return hmac.digest(self._key, said, "sha256")[:TAG_BYTES]


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
