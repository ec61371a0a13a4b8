"""Adjusting: what the books have of a number, and how an invoice differs from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ringfence.approvers import Purpose, Signature, Statement
from ringfence.desk.counter import Desk
from ringfence.guard import adjustment, changes, charges, ruling, windows
from ringfence.guard.adjustment import Difference
from ringfence.guard.changes import Change
from ringfence.guard.charges import Charge
from ringfence.guard.effect import Effect
from ringfence.inventory import NumberRecord
from ringfence.store.audit import Words
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class Plan:
    """An adjustment before anybody has agreed to it."""

    record: NumberRecord
    difference: Difference
    charge: Charge
    effects: Sequence[Effect]
    shown: Mapping[str, Any]
    """Exactly this is written, or nothing."""
    waiting: Statement | None
    """The same, where somebody has proposed or signed it already and a signature is missing."""
    said: str | None
    """Their words."""


async def plan(desk: Desk, subject: str, difference: Difference, *, month: str | None) -> Plan:
    """What an adjustment would do to the charge of a month, else to the latest.

    Raises:
        NotFound: no such number, or nothing was charged in that month.
        InvalidArguments: it does not fit what the books have.
        ConfigurationError: there is no exchange rate for it.
    """

    def read(tx: Transaction) -> Plan:
        windows.keep_up(tx)  # the months that have begun are charges too
        record = charges.number_of(tx, subject)
        return _plan(tx, record, difference, charges.of_month(tx, record, month))

    return await desk.store.write(read)


async def half_signed(desk: Desk, subject: str) -> Plan | None:
    """The latest adjustment of a number that waits for a signature; None where none does."""

    def read(tx: Transaction) -> Plan | None:
        record = charges.number_of(tx, subject)
        for statement in reversed(ruling.waiting(tx, Purpose.ADJUST, record.number_id)):
            if statement.body.get("version") == record.version:
                difference = adjustment.difference_in(statement.body)
                charge = charges.named(tx, record.number_id, statement.body)
                return _plan(tx, record, difference, charge)
        return None

    return await desk.store.read(read)


def _plan(tx: Transaction, record: NumberRecord, difference: Difference, charge: Charge) -> Plan:
    shown = adjustment.body(tx, record.number_id, difference, charge)
    waiting = [
        each
        for each in ruling.waiting(tx, Purpose.ADJUST, record.number_id)
        if {**shown, ruling.WORDS: each.body.get(ruling.WORDS)} == each.body
    ]
    latest = waiting[-1] if waiting else None
    return Plan(
        record=record,
        difference=difference,
        charge=charge,
        effects=list(adjustment.effects(tx, record, difference, charge)),
        shown=shown,
        waiting=latest,
        said=None if latest is None else ruling.said(tx, latest),
    )


async def statement(desk: Desk, planned: Plan, words: Words) -> Statement:
    """What an approver signs for it."""
    return await desk.store.read(
        lambda tx: ruling.make(tx, Purpose.ADJUST, planned.record.number_id, planned.shown, words)
    )


async def propose(desk: Desk, planned: Plan, words: Words, *, by: str) -> Change:
    """Let it wait for the approvers.

    Raises:
        NotFound, InvalidArguments: it does not fit any more what the books have.
        NotAuthorized: it is not any more what was planned.
        ConfigurationError: it needs no signature, nobody can sign, or too many changes wait.
    """

    def write(tx: Transaction) -> Change:
        adjustment.check_shown(tx, planned.record.number_id, planned.shown)
        return changes.propose_ruling(
            tx, Purpose.ADJUST, planned.record.number_id, planned.shown, words, by=by
        )

    change = await desk.store.write(write)
    desk.bell.ring()
    return change


async def adjust_at_terminal(desk: Desk, planned: Plan, words: Words, *, person: str) -> None:
    """Write it into the books of a sandbox, as a person at the terminal agreed.

    Raises:
        NotAuthorized: a live installation; or it is not any more what was shown.
    """
    await desk.store.write(
        lambda tx: adjustment.adjust(
            tx, planned.record.number_id, planned.shown, words, person=person
        )
    )
    desk.bell.ring()


async def adjust_signed(
    desk: Desk, statement: Statement, signature: Signature, words: Words | None
) -> bool:
    """Take an approver's signature; whether it was enough, and is in the books.

    Raises:
        NotAuthorized: the signature does not count, or it is not any more what was signed.
    """
    entry = await desk.store.write(
        lambda tx: adjustment.adjust_signed(tx, statement, signature, words)
    )
    desk.bell.ring()
    return entry is not None
