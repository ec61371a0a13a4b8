"""High water: whether the database is the one that was there before, and no older copy of it."""

from __future__ import annotations

from ringfence.guard import witness
from ringfence.guard.freeze import freeze
from ringfence.store import audit
from ringfence.store.transaction import Store, Transaction


def watch_over(store: Store) -> str | None:
    """Freeze a live installation whose history is not the one that was noted outside it; why, or None.

    A restored copy knows nothing of what was bought since, so its budgets would begin anew. An approver who has
    compared it with the carriers lifts the freeze, and with it the old mark.
    """
    why = store.read_now(_why)
    if why is not None:
        store.write_now(lambda tx: freeze(tx, why, actor="ringfence"))
    return why


def _why(tx: Transaction) -> str | None:
    return None if tx.frozen is not None else difference(tx)


def difference(tx: Transaction) -> str | None:
    """How a live installation's history differs from what was noted outside it; None where it does not."""
    if tx.mode != "live":
        return None
    mark = tx.anchor.high_water(tx.installation_id)
    if mark is None:
        return "the note of how far this installation had come is missing"
    seq, _ = audit.head(tx)
    if mark.seq > seq:
        return f"the database is an older copy: it has {seq} events, and had {mark.seq}"
    if audit.hash_at(tx, mark.seq) != mark.hash:
        return "the database has another history than this installation had"
    return witness.contradiction(tx)
