"""Connecting idle numbers: free, so no person is asked, but never without a grant."""

from __future__ import annotations

from datetime import datetime, timedelta

from ringfence.errors import Frozen, PolicyRefused
from ringfence.inventory import NumberRecord, Owned
from ringfence.numbers import MAIN_ROLE
from ringfence.states import BEING_RELEASED, NumberState
from ringfence.store import intents, inventory
from ringfence.store.transaction import Transaction
from ringfence.ticket import Grant, mint_grant

TRY_AGAIN = timedelta(seconds=5)
"""When the runner tries a connection that its carrier did not confirm; connecting twice is connecting once."""


def check_active(record: NumberRecord) -> None:
    """Let nothing be done with a number that is on its way back to its carrier, or not there.

    Raises:
        PolicyRefused: the number is in any state but `active`.
    """
    if record.state is NumberState.ACTIVE:
        return
    if record.state in BEING_RELEASED:
        raise PolicyRefused(
            f"{record.number} is being given back to its carrier, so nothing else is done with it.",
            remedy="Use another number: list_numbers shows them. "
            "Whoever asked for its release can withdraw it with cancel_intent while it waits.",
        )
    raise PolicyRefused(
        f"{record.number} is {record.state}; only an active number can be used.",
        remedy="Call list_numbers with refresh to ask its carrier again, or use another number.",
    )


def due_at(tx: Transaction, record: NumberRecord, state: NumberState) -> datetime | None:
    """When the runner is to connect a number that comes into this state: at once where that is still to be done."""
    is_to_be_done = record.assistant_id != record.wanted_assistant_id
    return tx.now if is_to_be_done and state is NumberState.ACTIVE else None


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
    if record is None:
        raise PolicyRefused("Only an active number can be connected.")
    check_active(record)
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
