"""High water: whether the database is the one that was there before, and no older copy of it."""

from __future__ import annotations

from ringfence.guard import witness
from ringfence.guard.freeze import freeze
from ringfence.store import audit
from ringfence.store.anchor import HighWater, Noted
from ringfence.store.transaction import Store, Transaction


def watch_over(store: Store) -> str | None:
    """Freeze a live installation whose history is not the one that was noted outside it; why, or None.

    A restored copy knows nothing of what was bought since, so its budgets would begin anew. An approver who has
    compared it with the carriers lifts the freeze, and with it the old mark.
    """
    if store.read_now(_why) is None:
        return None
    return store.write_now(
        _freeze
    )  # seen again where nobody else writes: a look may fall between note and commit


def _freeze(tx: Transaction) -> str | None:
    why = _why(tx)
    if why is not None:
        freeze(tx, why, actor="ringfence")
    return why


def _why(tx: Transaction) -> str | None:
    return None if tx.frozen is not None else difference(tx)


def difference(tx: Transaction) -> str | None:
    """How a live installation's history differs from what was noted outside it; None where it does not."""
    if tx.mode != "live":
        return None
    noted = tx.anchor.high_water(tx.installation_id)
    if noted is None:
        return "the note of how far this installation had come is missing"
    head = HighWater(*audit.head(tx))
    if head not in {noted.before, noted.after} and (why := _contradiction(tx, noted, head)):
        return why
    return witness.contradiction(tx)


def _contradiction(tx: Transaction, noted: Noted, head: HighWater) -> str | None:
    if noted.before.seq > head.seq:
        return (
            f"the database is an older copy: it has {head.seq} events, and had {noted.before.seq}"
        )
    if audit.hash_at(tx, noted.before.seq) != noted.before.hash:
        return "the database has another history than this installation had"
    if tx.is_shared:
        return None  # another host went on with it, and has a note of its own
    return f"the database has {head.seq} events, and the last {head.seq - noted.before.seq} are not noted"
