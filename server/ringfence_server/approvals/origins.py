"""Where the page is: on this machine, and where the policy says so, at one public address.

What a request says of itself decides nothing here but which of the two it means; every header that a proxy
could add is disbelieved. In live mode the public address counts only while approvers stand for the policy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers

from ringfence.guard import viewing
from ringfence.policy import Approvals
from ringfence.store.transaction import Store, Transaction

VERIFIED_SECONDS = 60.0
"""How long a policy that approvers stand for is taken to be so still: verifying it costs milliseconds a signature,
and anybody may ask. A newer version is verified at once."""

_MARKS = frozenset(
    {
        "cdn-loop",
        "client-ip",
        "fastly-client-ip",
        "forwarded",
        "true-client-ip",
        "via",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-proxyuser-ip",
        "x-real-ip",
    }
)
_MARKS_BEGIN = (
    "cf-",
    "ngrok-",
    "tailscale-",
    "x-amzn-",
    "x-appengine-",
    "x-arr-",
    "x-azure-",
    "x-envoy-",
    "x-forwarded",
    "x-original-",
)


@dataclass(frozen=True)
class Origin:
    """One address of the page, exactly as browsers say it."""

    url: str
    is_public: bool

    @property
    def host(self) -> str:
        """What a request's `Host` must be."""
        return self.url.partition("://")[2]


class Origins:
    """The page's addresses: the one on a port of this machine, and the policy's."""

    def __init__(
        self, store: Store, *, port: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.local = Origin(f"http://localhost:{port}", is_public=False)
        self._store, self._clock = store, clock
        self._verified: tuple[int, float] | None = None

    def public(self) -> Origin | None:
        """The public one as the policy in force names it; None where it names none. Waits for the store.

        Raises:
            NotAuthorized: nobody stands for the policy that names it.
            RingfenceError: the store cannot be read.
        """
        named = self._store.read_now(self._named)
        return Origin(named.public_url, is_public=True) if named is not None else None

    def _named(self, tx: Transaction) -> Approvals | None:
        if tx.rules.approvals is None or self._is_verified(tx.policy_version):
            return tx.rules.approvals
        named = viewing.public_page(tx)
        self._verified = (tx.policy_version, self._clock())
        return named

    def _is_verified(self, version: int) -> bool:
        if self._verified is None or self._verified[0] != version:
            return False
        return self._clock() - self._verified[1] < VERIFIED_SECONDS


def is_proxied(headers: Headers) -> bool:
    """Whether a request shows that a proxy has passed it on: nobody at this machine's own browser made it."""
    return any(name in _MARKS or name.startswith(_MARKS_BEGIN) for name in headers)
