"""The carriers' own lists, without which nothing live is bought: when each was last read, and whether that will do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from ringfence.desk import Desk
from ringfence.guard import listing
from ringfence.offers import Provider
from ringfence.providers.protocol import CarrierAdapter
from ringfence.store import carrier_lists, intents
from ringfence.store.carrier_lists import CarrierList
from ringfence.store.transaction import Transaction
from ringfence_server.checkup.finding import Finding, ok, warn

READ = "ringfence numbers --refresh"


def read(desk: Desk) -> Iterator[Finding]:
    """One finding for each carrier that this installation is connected to."""
    for carrier in desk.carriers.values():
        yield desk.store.read_now(lambda tx, carrier=carrier: _list(tx, carrier))  # type: ignore[misc]  # bound at once


def _list(tx: Transaction, carrier: CarrierAdapter) -> Finding:
    """A list that is too old is as it should be while nobody buys, for the next purchase reads it first."""
    provider, account = carrier.provider, carrier.account
    last = carrier_lists.last(tx, provider, account)
    fault = listing.fault(tx, provider, account)
    says = _says(tx, provider, last)
    if fault is None:
        return ok("list", f"{says} Purchases there may rest on one that is up to an hour old.")
    waiting = sum(
        (line.terms.provider, line.terms.account) == (provider, account)
        for _, line in intents.delayed_lines(tx)
    )
    if waiting and tx.frozen is None:
        wait = "1 purchase waits" if waiting == 1 else f"{waiting} purchases wait"
        return warn("list", f"{says} {wait} for a newer one: {fault}.", READ)
    if last is None:
        return ok("list", f"{says} The first purchase there reads it.")
    return ok("list", f"{says} Before a purchase there it is read anew: {fault}.")


def _says(tx: Transaction, provider: Provider, last: CarrierList | None) -> str:
    if last is None:
        return f"The list of our numbers at {provider} was never read here."
    counted = f"{last.listed} {'number' if last.listed == 1 else 'numbers'}"
    return f"The list of our numbers at {provider} was last read {_age(tx.now - last.read_at)} ago: {counted}."


def _age(span: timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    if minutes < 1:
        return "less than a minute"
    count, unit = (minutes, "minute") if minutes < 120 else (minutes // 60, "hour")
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
