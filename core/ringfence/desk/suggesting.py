"""Suggesting: what a caller could mean, for forms that complete what is typed."""

from __future__ import annotations

from collections.abc import Sequence

from ringfence.desk.assistants import registered
from ringfence.desk.carriers import countries_on_sale
from ringfence.desk.counter import Desk
from ringfence.store import intents, inventory
from ringfence.store.transaction import Transaction

MAX_INTENTS = 1_000
"""The latest of them; nobody types the id of an older one."""


async def assistants(desk: Desk, _principal: str) -> Sequence[str]:
    """Registered names, and assistants that our numbers serve; patterns are no names."""

    def read(tx: Transaction) -> set[str]:
        names = {name for name in registered(tx.rules) if not name.endswith("*")}
        return names | {n.assistant_id for n in inventory.paid_for(tx) if n.assistant_id}

    return sorted(await desk.store.read(read))


async def countries(desk: Desk, _principal: str) -> Sequence[str]:
    """Where numbers are on sale."""
    return await desk.store.read(lambda tx: countries_on_sale(desk, tx.rules))


async def numbers(desk: Desk, _principal: str) -> Sequence[str]:
    """Numbers that we pay for; they are the installation's."""
    return sorted(n.number for n in await desk.store.read(inventory.paid_for))


async def intent_ids(desk: Desk, principal: str) -> Sequence[str]:
    """The principal's own intents, the latest first."""
    return await desk.store.read(lambda tx: intents.ids_of(tx, principal, limit=MAX_INTENTS))
