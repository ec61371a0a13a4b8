"""Connecting idle numbers: free, so no person is asked, but never without a grant."""

from __future__ import annotations

from datetime import timedelta

from ringfence.errors import Frozen, PolicyRefused
from ringfence.inventory import NumberRecord, Owned
from ringfence.numbers import MAIN_ROLE
from ringfence.states import NumberState
from ringfence.store import intents, inventory
from ringfence.store.transaction import Transaction
from ringfence.ticket import Grant, mint_grant

TRY_AGAIN = timedelta(seconds=5)
"""When the runner tries a connection that its carrier did not confirm; connecting twice is connecting once."""


def begin(
    tx: Transaction, number_id: str, assistant_id: str | None, *, actor: str, role: str = MAIN_ROLE
) -> tuple[Grant, NumberRecord]:
    """Write down whom an idle number shall serve, and grant exactly that; what is being connected keeps its role.

    Raises:
        PolicyRefused: the number serves, or shall serve, somebody else: that needs consent.
        Frozen: spending is frozen.
    """
    record = inventory.get(tx, number_id)
    if tx.frozen is not None:
        raise Frozen(f"All spending is frozen, and moving numbers with it: {tx.frozen}.")
    if record is None or record.state is not NumberState.ACTIVE:
        raise PolicyRefused("Only an active number can be connected.")
    if record.assistant_id is not None or record.wanted_assistant_id not in {None, assistant_id}:
        raise PolicyRefused(f"{record.number} is in use; moving it needs a person's consent.")
    if intents.is_being_moved(tx, number_id):
        raise PolicyRefused(f"{record.number} is being moved, as a person consented.")
    given = role if assistant_id else None
    kept = record.role if record.wanted_assistant_id == assistant_id else given
    begun = inventory.change(
        tx, record, due_at=tx.now + TRY_AGAIN, wanted_assistant_id=assistant_id, role=kept
    )
    tx.audit("number.connecting", actor=actor, subject=number_id, assistant=assistant_id)
    return mint_grant(number_id=number_id, number=record.number, assistant_id=assistant_id), begun


def finish(tx: Transaction, number_id: str, assistant_id: str | None, owned: Owned) -> NumberRecord:
    """Write down that the carrier has connected it."""
    record = inventory.get(tx, number_id)
    if record is None:
        raise PolicyRefused("The number is gone.")
    if record.wanted_assistant_id != assistant_id or record.assistant_id == assistant_id:
        return record
    tx.audit("number.connected", actor="ringfence", subject=number_id, assistant=assistant_id)
    return inventory.change(
        tx,
        record,
        assistant_id=assistant_id,
        unassigned_since=None if assistant_id else tx.now,
        readiness=owned.readiness,
    )
