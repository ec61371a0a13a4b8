"""What every request passes first, and what every answer carries.

A browser will send requests here for any page that a person happens to have open. So: the host must
be ours (against DNS rebinding), whatever may change something must come from our own page and say so
(against cross-site requests), and nothing is shown inside another page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringfence_server.approvals.pace import Pace

MAX_BODY_BYTES = 2_048
"""Ten times what a decision needs."""
MAX_ANSWER_BYTES = 10_240
"""What the longest answer of a passkey comes to in a form."""
PROOF_PATH = "/whoami"
"""Not counted: whoever floods the page must not make it look dead to the installation's other processes."""

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Frame-Options": "DENY",
    # Not no-referrer: under that a form's POST says `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_TAKES_ANSWERS = re.compile(r"/(?:i/[^/]{1,64}|enroll)/passkey")
_SAFE = frozenset({"GET", "HEAD"})
_OUR_OWN = frozenset({"same-origin", "none"})
"""What a browser says of a request that our own page, or the person at the address bar, made."""


class Gate:
    """An ASGI app before the page's own."""

    def __init__(self, app: ASGIApp, *, port: int, pace: Pace | None = None) -> None:
        self._app = app
        self._host = f"localhost:{port}"
        self._origin = f"http://{self._host}"
        self._pace = pace or Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what may pass with the app, and everything else with a short refusal."""
        if scope["type"] != "http":
            raise ValueError(f"The approval page speaks HTTP alone, not {scope['type']}.")
        app = self._refusal(scope) or self._app
        await app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers, method = Headers(scope=scope), scope["method"]
        if headers.getlist("host") != [self._host]:
            return _refuse(421, f"This is {self._host}, and nothing else.")
        if method not in _SAFE | {"POST"}:
            return _refuse(405, "Only looking and deciding is possible here.")
        most = most_bytes(scope["path"])
        wrong = self._wrong_look(headers) if method in _SAFE else self._wrong_post(headers, most)
        if wrong is not None:
            return wrong
        return (
            None if self._is_in_pace(scope) else _refuse(429, "Too many requests; wait a little.")
        )

    def _wrong_look(self, headers: Headers) -> ASGIApp | None:
        """Another page may link here, but neither embed nor fetch anything; nor is any look anticipated."""
        if _is_prefetch(headers):
            return _refuse(503, "Open the page itself.")
        site = headers.get("sec-fetch-site")
        if site is None or site in _OUR_OWN:
            return None
        is_link = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == (
            "navigate",
            "document",
        )
        return None if is_link else _refuse(403, "Other pages may link here, and nothing more.")

    def _wrong_post(self, headers: Headers, most: int) -> ASGIApp | None:
        if headers.getlist("origin") != [self._origin]:
            return _refuse(403, "A decision is made on this page itself.")
        if headers.get("sec-fetch-site", "same-origin") not in _OUR_OWN:
            return _refuse(403, "A decision is made on this page itself.")
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            return _refuse(411, "The length of the form is missing.")
        if len(length) > len(str(most)) or int(length) > most:
            return _refuse(413, "That is more than a decision.")
        return None

    def _is_in_pace(self, scope: Scope) -> bool:
        if scope["method"] in _SAFE:
            return scope["path"] == PROOF_PATH or self._pace.may_look()
        return self._pace.may_decide(scope["path"])


def most_bytes(path: str) -> int:
    """How long a form may be that is sent here."""
    return MAX_ANSWER_BYTES if _TAKES_ANSWERS.fullmatch(path) else MAX_BODY_BYTES


def _is_prefetch(headers: Headers) -> bool:
    """Whether a browser only guesses that the person will come here."""
    said = (headers.get(name, "") for name in ("sec-purpose", "purpose", "x-moz"))
    return any("prefetch" in each or "preview" in each for each in said)


def _refuse(status: int, words: str) -> PlainTextResponse:
    return PlainTextResponse(f"{words}\n", status_code=status)


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers[name] = value
        await send(message)

    return wrapped
