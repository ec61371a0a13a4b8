"""What every request passes first, and what every answer carries.

A browser will send requests here for any page that a person happens to have open. So: the host must
be ours (against DNS rebinding), whatever may change something must come from our own page and say so
(against cross-site requests), and nothing is shown inside another page.

One port serves two origins. What names this machine must come from it: a request that names it and shows that a
proxy has passed it on is refused, so that a proxy which rewrites `Host` makes nobody the person at the machine.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringfence.errors import NotAuthorized, RingfenceError
from ringfence_server.approvals.origins import Origin, Origins, is_proxied
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
HTTPS_ALONE = "max-age=31536000"
"""For the public origin; a browser that was there once never goes there without TLS again."""
_TAKES_ANSWERS = re.compile(r"/(?:[ic]/[^/]{1,64}|enroll|unfreeze)/passkey")
_SAFE = frozenset({"GET", "HEAD"})
_OUR_OWN = frozenset({"same-origin", "none"})
"""What a browser says of a request that our own page, or the person at the address bar, made."""


log = logging.getLogger(__name__)


class Gate:
    """Stands before two ASGI apps, one for each origin, which they find in `request.state.origin`.

    They are two so that what is shown at this machine cannot be shown elsewhere by forgetting to hide it.
    """

    def __init__(
        self,
        app: ASGIApp,
        public_app: ASGIApp,
        *,
        origins: Origins,
        pace: Pace | None = None,
        public_pace: Pace | None = None,
    ) -> None:
        self._app, self._public_app, self._origins = app, public_app, origins
        self._pace = pace or Pace()
        # Its own, so that strangers out there cannot slow down the person at this machine.
        self._public_pace = public_pace or Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what may pass with the app, and everything else with a short refusal."""
        if scope["type"] != "http":
            raise ValueError(f"The approval page speaks HTTP alone, not {scope['type']}.")
        origin = await self._origin(scope)
        if isinstance(origin, Origin):
            scope.setdefault("state", {})["origin"] = origin
            wanted = self._public_app if origin.is_public else self._app
            app, headers = self._refusal(scope, origin) or wanted, _headers_of(origin)
        else:
            app, headers = origin, SECURITY_HEADERS
        await app(scope, receive, _with_headers(send, headers))

    async def _origin(self, scope: Scope) -> Origin | ASGIApp:
        """Which of our origins a request came to; a refusal where to none, or in disguise."""
        headers = Headers(scope=scope)
        hosts, local = headers.getlist("host"), self._origins.local
        if hosts == [local.host]:
            # A browser speaks HTTP/1.1; 1.0 is what some proxies fall back to that rewrite Host and say nothing.
            if is_proxied(headers) or scope["http_version"] == "1.0":
                return _refuse(421, _PROXIED)
            return local
        if not self._public_pace.may_look():
            return _too_many()
        try:
            public = await run_in_threadpool(self._origins.public)
        except RingfenceError as error:
            log.warning("The page's public address is not served: %s", error.message)
            public = None
            if not isinstance(error, NotAuthorized):
                return _refuse(503, "The page is out of order; look again in a moment.")
        if public is not None and hosts == [public.host]:
            return public
        return _refuse(421, f"This is {local.host}, and nothing else.")

    def _refusal(self, scope: Scope, origin: Origin) -> ASGIApp | None:
        headers, method = Headers(scope=scope), scope["method"]
        if method not in _SAFE | {"POST"}:
            return _refuse(405, "Only looking and deciding is possible here.")
        wrong = self._wrong_look(headers) if method in _SAFE else self._wrong_post(scope, origin)
        if wrong is not None:
            return wrong
        return None if self._is_in_pace(scope, origin) else _too_many()

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

    def _wrong_post(self, scope: Scope, origin: Origin) -> ASGIApp | None:
        headers, most = Headers(scope=scope), most_bytes(scope["path"], is_public=origin.is_public)
        if headers.getlist("origin") != [origin.url]:
            return _refuse(403, "A decision is made on this page itself.")
        if headers.get("sec-fetch-site", "same-origin") not in _OUR_OWN:
            return _refuse(403, "A decision is made on this page itself.")
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            return _refuse(411, "The length of the form is missing.")
        if len(length) > len(str(most)) or int(length) > most:
            return _refuse(413, "That is more than a decision.")
        return None

    def _is_in_pace(self, scope: Scope, origin: Origin) -> bool:
        if scope["method"] not in _SAFE:
            pace = self._public_pace if origin.is_public else self._pace
            return pace.may_decide(scope["path"])
        if origin.is_public:
            return True  # counted before its origin was looked up
        return scope["path"] == PROOF_PATH or self._pace.may_look()


def most_bytes(path: str, *, is_public: bool) -> int:
    """How long a form may be that is sent here; away from this machine every address takes a passkey's answer."""
    takes_answers = is_public or _TAKES_ANSWERS.fullmatch(path)
    return MAX_ANSWER_BYTES if takes_answers else MAX_BODY_BYTES


def _is_prefetch(headers: Headers) -> bool:
    """Whether a browser only guesses that the person will come here."""
    said = (headers.get(name, "") for name in ("sec-purpose", "purpose", "x-moz"))
    return any("prefetch" in each or "preview" in each for each in said)


def _too_many() -> PlainTextResponse:
    return _refuse(429, "Too many requests; wait a little.")


_PROXIED = (
    "A proxy has passed this on and changed Host on the way. Let it keep the Host that the browser sent, and name "
    "that address in the policy: approvals.public_url."
)


def _headers_of(origin: Origin) -> Mapping[str, str]:
    if not origin.is_public:
        return SECURITY_HEADERS
    return {**SECURITY_HEADERS, "Strict-Transport-Security": HTTPS_ALONE}


def _refuse(status: int, words: str) -> PlainTextResponse:
    return PlainTextResponse(f"{words}\n", status_code=status)


def _with_headers(send: Send, carried: Mapping[str, str]) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in carried.items():
                headers[name] = value
        await send(message)

    return wrapped
