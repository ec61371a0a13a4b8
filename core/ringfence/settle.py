"""Settling: what is ours at a carrier, compared with what we have written down."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import anyio
from anyio import CancelScope

from ringfence.desk.counter import Desk
from ringfence.errors import ProviderUnavailable, RingfenceError
from ringfence.guard import listing
from ringfence.guard.reconciliation import compare
from ringfence.inventory import Owned
from ringfence.offers import Provider
from ringfence.providers.protocol import CarrierAdapter
from ringfence.store import lease

log = logging.getLogger(__name__)

LIST_SECONDS = 60.0
"""For one whole list, of thousands of numbers on many pages; a carrier that takes longer has not answered."""
LEASE_MARGIN_SECONDS = 10.0
"""For comparing what was read, so that nobody reads the same list beside a process that still does."""


async def reconcile(desk: Desk, carrier: CarrierAdapter) -> None:
    """Read a carrier's whole list and write down what it says: lost, found, dearer, or charged after all.

    Raises:
        ProviderUnavailable: no list; nothing was changed.
    """
    seen_from = await desk.store.read(lambda tx: tx.now)
    listed = await _listed(carrier)
    await desk.store.write(
        lambda tx: compare(
            tx,
            provider=carrier.provider,
            account=carrier.account,
            listed=listed,
            seen_from=seen_from,
        )
    )
    desk.bell.ring()


async def _listed(carrier: CarrierAdapter) -> Sequence[Owned]:
    try:
        with anyio.fail_after(LIST_SECONDS):
            return await carrier.owned()
    except TimeoutError as error:
        raise ProviderUnavailable(
            f"{carrier.provider} did not list its numbers within {LIST_SECONDS:.0f} s."
        ) from error


@dataclass(frozen=True)
class _Failure:
    """A list that was asked for in vain, and when."""

    at: datetime
    why: RingfenceError


class Lister:
    """Reads carriers' lists before live purchases, each once for everything that waits for it."""

    def __init__(self, desk: Desk, *, owner: str) -> None:
        self._desk = desk
        self._owner = owner
        self._turns: defaultdict[Provider, anyio.Lock] = defaultdict(anyio.Lock)
        self._failures: dict[Provider, _Failure] = {}

    async def keep_up(self, carrier: CarrierAdapter) -> RingfenceError | None:
        """Read and compare a carrier's list if a purchase there wants a newer one; why that failed, or None.

        While another process reads it this one does not, and the list is as old as before.
        """
        async with self._turns[carrier.provider]:
            now, is_wanted = await self._desk.store.read(
                lambda tx: (tx.now, listing.is_wanted(tx, carrier.provider, carrier.account))
            )
            if not is_wanted:
                return None
            failed = self._failures.get(carrier.provider)
            if failed is None or now - failed.at >= listing.LOOK_AGAIN:
                failed = await self._read(carrier, now)
            return failed.why if failed is not None else None

    async def _read(self, carrier: CarrierAdapter, now: datetime) -> _Failure | None:
        name, owner = f"list:{carrier.provider}:{carrier.account}", self._owner
        seconds = LIST_SECONDS + LEASE_MARGIN_SECONDS
        fence = await self._desk.store.write(
            lambda tx: lease.acquire(tx, name, owner=owner, seconds=seconds)
        )
        if fence is None:
            return None
        self._failures.pop(carrier.provider, None)
        try:
            await reconcile(self._desk, carrier)
        except RingfenceError as error:
            log.warning("%s was not listed: %s", carrier.provider, error.message)
            self._failures[carrier.provider] = _Failure(now, error)
        finally:
            with CancelScope(shield=True):
                await self._desk.store.write(
                    lambda tx: lease.release(tx, name, owner=owner, fence=fence)
                )
        return self._failures.get(carrier.provider)
