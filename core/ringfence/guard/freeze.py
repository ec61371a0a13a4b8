"""The freeze: one switch that stops every paid request, checked again in the transaction that sends."""

from __future__ import annotations

from ringfence.errors import ConfigurationError
from ringfence.store import policies
from ringfence.store.transaction import Transaction


def freeze(tx: Transaction, reason: str, *, actor: str) -> None:
    """Stop all spending; anybody at the terminal may, and so does the guard when it meets what it cannot explain."""
    if tx.frozen is None:
        policies.set_frozen(tx, reason[:300])
        tx.audit("guard.frozen", actor=actor, subject=tx.installation_id, reason=reason[:300])


def unfreeze(tx: Transaction, *, actor: str) -> None:
    """Let spending go on.

    Raises:
        ConfigurationError: a live installation, where only an approver may; that is not built yet.
    """
    if tx.mode != "sandbox":
        raise ConfigurationError("Only an approver can lift the freeze of a live installation.")
    if tx.frozen is not None:
        tx.audit("guard.unfrozen", actor=actor, subject=tx.installation_id, reason=tx.frozen)
        policies.set_frozen(tx, None)
