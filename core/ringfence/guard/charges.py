"""Charges: what was charged for a number at one time or another, as the books have it, with every adjustment so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ringfence.errors import NotFound
from ringfence.guard import counting
from ringfence.guard.finding import changed
from ringfence.ids import Prefix
from ringfence.inventory import NumberRecord
from ringfence.store import intents, inventory, ledger
from ringfence.store.ledger import Dimensions, Entry, EntryKind
from ringfence.store.schema import moment_text
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class Charge:
    """What was charged for a number at one time, with every adjustment of it so far."""

    counts_at: datetime
    policy_version: int
    currency: str
    setup_micros: int
    monthly_micros: int
    dimensions: Dimensions
    intent_id: str | None
    is_booked: bool = True
    """False where nothing has been charged yet: an adjustment can only add to it."""


def number_of(tx: Transaction, subject: str) -> NumberRecord:
    """The number that an id stands for: itself, its own id, or that of the line which bought it.

    Raises:
        NotFound: no such number, or the line bought none.
    """
    if subject.startswith("+"):
        record = inventory.by_number(tx, subject) or inventory.latest(tx, subject)
    elif subject.startswith(f"{Prefix.LINE}_"):
        record = inventory.by_line(tx, subject)
    else:
        record = inventory.get(tx, subject)
    if record is None:
        raise NotFound(
            f"The books know no number under {subject}.",
            remedy="Take the id of a number, or of the line that bought it: ringfence ledger export",
        )
    return record


def of_number(tx: Transaction, record: NumberRecord) -> list[Charge]:
    """Everything that was charged for a number, oldest first."""
    found: dict[datetime, Charge] = {}
    for entry in ledger.charges_of(tx, number_id=record.number_id, line_id=record.line_id):
        counts_at = _counts_at(tx, entry)
        before = found.get(counts_at)
        if before is None:
            found[counts_at] = Charge(
                counts_at,
                entry.policy_version,
                entry.currency,
                entry.setup_micros,
                entry.monthly_micros,
                entry.dimensions,
                entry.intent_id,
                is_booked=entry.kind is not EntryKind.ADJUST,
            )
        else:
            found[counts_at] = replace(
                before,
                setup_micros=before.setup_micros + entry.setup_micros,
                monthly_micros=before.monthly_micros + entry.monthly_micros,
            )
    return [found[moment] for moment in sorted(found)]


def _counts_at(tx: Transaction, entry: Entry) -> datetime:
    """A purchase counts when it was sent, everything else when its entry says."""
    if entry.line_id is None:
        return entry.effective_at
    return intents.of_line(tx, entry.line_id)[1].dispatched_at or entry.effective_at


def of_month(tx: Transaction, record: NumberRecord, month: str | None) -> Charge:
    """The charge of a month such as `2026-12`, else the latest; one of nothing where none was booked yet.

    Raises:
        NotFound: nothing was charged in that month.
    """
    booked = of_number(tx, record)
    if month is not None:
        booked = [each for each in booked if each.counts_at.strftime("%Y-%m") == month]
        if not booked:
            raise NotFound(
                f"Nothing was charged for {record.number} in {month}.",
                remedy="Choose a month in which it was bought or renewed: ringfence ledger export",
            )
    if booked:
        return booked[-1]
    counted = counting.counted_by(tx, record)
    return Charge(
        tx.now, tx.policy_version, "", 0, 0, counted.dimensions, counted.intent_id, is_booked=False
    )


def named(tx: Transaction, number_id: str, shown: Mapping[str, Any]) -> Charge:
    """The charge that a statement's body is about, as it is now.

    Raises:
        NotAuthorized: the books have none like that any more.
    """
    record = number_of(tx, number_id)
    moment = shown.get("charge")
    for charge in of_number(tx, record):
        if charge.is_booked and moment_text(charge.counts_at) == moment:
            return charge
    latest = of_month(tx, record, None)
    if moment != "none" or latest.is_booked:
        raise changed()
    return latest
