"""Witnesses outside the database: nothing live is bought while no checkpoint of its history can be written."""

from __future__ import annotations

from ringfence.errors import ConfigurationError, StorageUnavailable
from ringfence.store import audit
from ringfence.store.transaction import Transaction


def require(tx: Transaction) -> None:
    """Raise where a checkpoint of a live installation's history is due and cannot be written.

    What was committed stands, whether it could be witnessed or not. But an installation that spent on without a
    witness could be made to forget it, so nothing more is asked for or sent until one is written.

    Raises:
        StorageUnavailable: it cannot be written; nothing was changed.
    """
    if tx.mode != "live" or tx.checkpoints is None:
        return
    seq, head = audit.head(tx)
    try:
        if seq and tx.checkpoints.is_due(tx.installation_id, seq, tx.now):
            tx.checkpoints.make(tx.installation_id, seq, head, tx.now)
    except ConfigurationError as error:
        raise StorageUnavailable(
            f"{error.message} Nothing is bought while the history has no witness.",
            remedy=f"Tell the person: {error.remedy}",
        ) from error


def contradiction(tx: Transaction) -> str | None:
    """Why the history here is not the one of the latest checkpoint; None where it is, or none can be read."""
    if tx.checkpoints is None:
        return None
    try:
        last = tx.checkpoints.last(tx.installation_id)
    except ConfigurationError:
        return None  # nothing is bought meanwhile: see `require`
    if last is None or audit.hash_at(tx, last.size) == last.head:
        return None
    return f"the database has another history than its checkpoint of {last.size} events says"


def begin_anew(tx: Transaction) -> None:
    """Put checkpoints of another history aside: an approver stands for the one that is here.

    The latest may be of the history here, and those before it of the other: it has gone on since it was put back.

    Raises:
        ConfigurationError: they cannot be put aside.
    """
    if tx.checkpoints is None:
        return
    made = tx.checkpoints.made(tx.installation_id)
    if any(audit.hash_at(tx, each.size) != each.head for each in made if each is not None):
        tx.checkpoints.set_aside(tx.installation_id)
