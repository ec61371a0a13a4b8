"""The page's public address: whether what answers there is our page, locked, and reached as itself."""

from __future__ import annotations

import re
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

from ringfence.errors import NotAuthorized
from ringfence.guard import viewing
from ringfence.store import page
from ringfence_server.approvals.identity import proof
from ringfence_server.approvals.seal import VIEW, Seal
from ringfence_server.checkup.finding import Finding, fail, ok, warn
from ringfence_server.opening import Premises

CHECK = "public"
TRY_SECONDS = 5.0
MAX_ANSWER_BYTES = 65_536
GUIDE = "docs/phones.md tells how a reverse proxy must be set up."
_NONCE = re.compile(r'name="nonce" value="([A-Za-z0-9_-]{43})"')
_LOOK = "/doctor"
"""Any address: all of them show the same locked page."""


@dataclass(frozen=True)
class _Answer:
    status: int
    body: str
    is_https_alone: bool


def reached(opened: Premises) -> Iterator[Finding]:
    """Nothing where the policy names no public address; else how it is from here."""
    try:
        named = opened.desk.store.read_now(viewing.public_page)
    except NotAuthorized as error:
        says = f"The page's public address is not served: {error.message}"
        yield fail(CHECK, says, "Put a policy in force that approvers stand for.")
        return
    if named is None:
        return
    if opened.page_keeper().living() is None:
        yield ok(CHECK, f"{named.public_url} was not tried, since nobody serves the page now.")
        return
    yield _examined(opened, named.public_url)


def _examined(opened: Premises, url: str) -> Finding:
    known = opened.desk.store.read_now(page.read)
    if known is None or known.port is None:
        return ok(CHECK, f"{url} was not tried, since nobody serves the page now.")
    nonce = secrets.token_hex(16)
    try:
        asked, looked = _ask(f"{url}/whoami?n={nonce}"), _ask(f"{url}{_LOOK}")
    except OSError as error:
        return warn(CHECK, f"{url} cannot be reached from here: {_why(error)}.", GUIDE)
    if asked.body == proof(known.secret, nonce, known.port):
        return fail(
            CHECK,
            f"What answers at {url} changes Host: whoever reaches it is taken for the person at this machine.",
            f"Stop it now. {GUIDE}",
        )
    drawn = _NONCE.search(looked.body)
    is_ours = drawn is not None and Seal(known.secret).made_at(drawn[1], VIEW, _LOOK) is not None
    if looked.status != 200 or not is_ours:
        return warn(CHECK, f"What answers at {url} is not this page ({looked.status}).", GUIDE)
    if not looked.is_https_alone:
        return warn(CHECK, f"What answers at {url} drops headers of the page.", GUIDE)
    return ok(CHECK, f"The page is also at {url}, and locked there.")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        """Nowhere else."""


def _ask(url: str) -> _Answer:
    """One look, past every proxy of the environment; whatever its status is.

    Raises:
        OSError: there was no answer, or its certificate is not good.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    try:
        answer = opener.open(url, timeout=TRY_SECONDS)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        body = answer.read(MAX_ANSWER_BYTES).decode("utf-8", errors="replace")
        has_header = answer.headers.get("Strict-Transport-Security") is not None
        return _Answer(answer.status, body, has_header)


def _why(error: OSError) -> str:
    reason = getattr(error, "reason", error)
    said = getattr(reason, "verify_message", None) or getattr(reason, "strerror", None)
    return str(said or type(reason).__name__)[:120]
