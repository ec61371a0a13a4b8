"""A change or a ruling in words: the same in the terminal that asks about it and wherever it waits for signatures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ringfence.approvers import Purpose
from ringfence.guard.adjustment import Difference
from ringfence.guard.card import quoted
from ringfence.guard.charges import Charge
from ringfence.guard.effect import Effect
from ringfence.guard.finding import Became, Finding
from ringfence.intents import Intent, Line
from ringfence.inventory import NumberRecord
from ringfence.money import Money

CHANGES: Mapping[Purpose, str] = {
    Purpose.POLICY: "policy, {}",
    Purpose.ENROLL: "new key of {}",
    Purpose.REVOKE: "revoked key of {}",
    Purpose.RESOLVE: "what became of {}",
    Purpose.ADJUST: "correction of the books for {}",
}
"""What a change is called, around its title."""
_BECAME = {
    Became.CAPTURED: "the carrier did it",
    Became.FAILED: "the carrier never did it; nothing was charged",
    Became.ACTIVE: "it is ours after all, and costs as before",
    Became.RELEASED: "it is ours no longer, and costs nothing more",
}


def of_line(intent: Intent, line: Line) -> Iterator[str]:
    """What a line was meant to do, and what was approved."""
    terms = line.terms
    assistant = quoted(intent.terms.recipient or "nobody yet")
    yield f"{intent.terms.op.upper()} {terms.number} at {terms.provider}, for {assistant}"
    yield f"line {line.line_id} of {intent.intent_id}"
    if terms.price is not None:
        by = quoted(intent.decided_by or "nobody")
        yield f"approved by {by}: set-up {terms.price.setup}, then {terms.price.monthly} a month"


def of_lost(record: NumberRecord) -> Iterator[str]:
    """What a number was before its carrier listed it no longer."""
    serves = quoted(record.assistant_id or "nobody")
    yield f"LOST {record.number} at {record.provider}, which served {serves}"
    yield f"number {record.number_id}, known there as {quoted(record.carrier_ref)}"
    monthly = record.monthly or "an unknown price"
    yield f"{monthly} a month, ours since {record.bought_at:%Y-%m-%d}"


def of_charge(record: NumberRecord, charge: Charge) -> Iterator[str]:
    """What the books have of a number, and of the charge that is corrected."""
    yield f"ADJUST {record.number} at {record.provider}, {record.number_id}"
    if charge.is_booked:
        setup, monthly = (
            Money(micros, charge.currency)
            for micros in (charge.setup_micros, charge.monthly_micros)
        )
        yield f"charged {charge.counts_at:%Y-%m-%d}: set-up {setup}, monthly {monthly}"
    else:
        yield "nothing has been charged for it in these books so far"
    yield f"costs {record.monthly or 'an unknown price'} a month"


def found(finding: Finding) -> str:
    """What became of it."""
    price, charged = finding.price, ""
    if price is not None:
        charged = f", and charged {price.setup} and {price.monthly} a month, as {finding.reference}"
    return f"{_BECAME[finding.became]}{charged}"


def differs(difference: Difference) -> Iterator[str]:
    """How an invoice differs from the books."""
    word = "less" if difference.is_less else "more"
    if difference.setup is not None:
        yield f"{difference.setup} {word}, once"
    if difference.monthly is not None:
        yield f"{difference.monthly} a month {word}, this time and from now on"


def shown_by(said: str | None) -> str:
    """What shows a finding."""
    return f"What shows it: {quoted(said or 'erased words')}"


def because(said: str | None) -> str:
    """Why the books are adjusted."""
    return f"Why: {quoted(said or 'erased words')}"


def does(effect: Effect) -> str:
    """What will happen to one budget."""
    before, after = effect.before.row, effect.after.row
    return (
        f"{after.name} {after.window}: used {before.used}, held {before.held} -> "
        f"used {after.used}, held {after.held}, of {after.limit}"
        + (" OVER THE LIMIT" if effect.is_over else "")
    )
