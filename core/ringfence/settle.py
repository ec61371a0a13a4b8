"""Settling: what is ours at a carrier, compared with what we have written down."""

from __future__ import annotations

from ringfence.desk.counter import Desk
from ringfence.guard.reconciliation import compare
from ringfence.providers.protocol import CarrierAdapter, purchase_tag


async def reconcile(desk: Desk, carrier: CarrierAdapter) -> None:
    """Read a carrier's whole list and write down what it says: lost, found, dearer, or charged after all.

    Raises:
        ProviderUnavailable: no list; nothing was changed.
    """
    seen_from = await desk.store.read(lambda tx: tx.now)
    listed = await carrier.owned()
    await desk.store.write(
        lambda tx: compare(
            tx,
            provider=carrier.provider,
            account=carrier.account,
            listed=listed,
            seen_from=seen_from,
            tag_of=lambda line_id: purchase_tag(tx.installation_id, line_id),
        )
    )
    desk.bell.ring()
