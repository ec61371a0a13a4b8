"""Whether the page on a port is ours: what answers must know the installation's secret.

A heartbeat could not tell a live owner from a dead one that beat a moment ago, and an open port could
be anybody's. The port is part of the proof, so that a stranger cannot pass the question on to the real page.
"""

from __future__ import annotations

import hmac
import re
import secrets
import socket
import time
from contextlib import suppress

PROBE_SECONDS = 1.0
"""For a page's whole answer; it takes milliseconds, and a person waits for a link meanwhile."""
MAX_ANSWER_BYTES = 4_096
NONCE = re.compile(r"[0-9a-f]{32}")
_PURPOSE = b"ringfence/page/v1\x00"


def proof(secret: str, nonce: str, port: int) -> str:
    """What only a page of this installation on this port can answer."""
    said = _PURPOSE + f"{nonce} {port}".encode("ascii")
    return hmac.digest(bytes.fromhex(secret), said, "sha256").hex()


def is_ours(port: int, secret: str) -> bool:
    """Whether a live page of this installation answers on the port; False after `PROBE_SECONDS` at the latest."""
    nonce = secrets.token_hex(16)
    answer = b""
    with suppress(OSError):
        answer = _ask(port, nonce)
    head, _, body = answer.partition(b"\r\n\r\n")
    is_ok = re.match(rb"HTTP/1\.1 200 ", head) is not None
    return is_ok and hmac.compare_digest(body, proof(secret, nonce, port).encode("ascii"))


def _ask(port: int, nonce: str) -> bytes:
    """The whole answer; a deadline for all of it, since a stranger may send a byte a second for ever."""
    ends_at = time.monotonic() + PROBE_SECONDS
    request = (
        f"GET /whoami?n={nonce} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=PROBE_SECONDS) as connection:
        connection.sendall(request.encode("ascii"))
        answer = b""
        while len(answer) < MAX_ANSWER_BYTES:
            left = ends_at - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
            received = connection.recv(MAX_ANSWER_BYTES)
            if not received:
                break
            answer += received
    return answer
