"""Rulings that wait for signatures: which still fit, what they would do, and how they are signed.

A ruling is about one version of a line or a number. Once that has moved on, or another ruling came first, it would not
do any more what it says, and nobody signs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from ringfence.approvers import Purpose, Signature, Statement
from ringfence.errors import NotAuthorized, RingfenceError
from ringfence.guard import (
    adjustment,
    authority,
    charges,
    effect,
    lost_numbers,
    resolution,
    ruling,
    telling,
)
from ringfence.guard.authority import Authority
from ringfence.guard.effect import Effect
from ringfence.guard.finding import Finding, finding_in, is_still
from ringfence.ids import Prefix
from ringfence.intents import Level
from ringfence.inventory import NumberRecord
from ringfence.offers import Provider
from ringfence.store import audit, intents, inventory, statements
from ringfence.store.statements import Signed
from ringfence.store.transaction import Transaction

PURPOSES = (Purpose.RESOLVE, Purpose.ADJUST)
LONGEST_QUARANTINE = timedelta(hours=1)
"""For a carrier that this process is not connected to: more than any adapter asks for."""

Quarantine = Callable[[Provider], timedelta]
"""How long a carrier may still carry out what was sent to it."""

_WRITTEN = frozenset({"line.resolved", "number.resolved", "ledger.adjusted"})
"""What the chain says of a ruling that is in the books."""


def longest_quarantine(_provider: Provider) -> timedelta:
    """The quarantine of a carrier that nothing is known of."""
    return LONGEST_QUARANTINE


def is_about_number(subject: str) -> bool:
    """Whether an id is a number's, and not a line's."""
    return subject.startswith(f"{Prefix.NUMBER}_")


def finding_body(tx: Transaction, subject: str, finding: Finding) -> dict[str, Any]:
    """What approvers sign about a line or a lost number.

    Raises:
        NotFound, PolicyRefused, InvalidArguments: as the finding itself would be refused.
    """
    of = lost_numbers.number_body if is_about_number(subject) else resolution.line_body
    return of(tx, subject, finding)


def finding_effects(tx: Transaction, subject: str, finding: Finding) -> Iterator[Effect]:
    """What a finding will do to the budgets.

    Raises:
        ConfigurationError: there is no exchange rate for what was charged.
    """
    of = effect.number_effects if is_about_number(subject) else effect.effects
    return of(tx, subject, finding)


def waiting(tx: Transaction) -> list[Signed]:
    """Rulings that would still do what they say, and that approvers may sign now, oldest first."""
    return [
        signed
        for signed in statements.of_purposes(tx, PURPOSES)
        if ruling.may_wait(tx, signed) and _fits(tx, authority.parse(signed))
    ]


def is_written(tx: Transaction, statement: Statement) -> bool:
    """Whether it is in the books; reads the whole chain, so for a person who asks."""
    if _fits(tx, statement):
        return False
    said = statement.encoded.decode()
    return any(
        event["type"] in _WRITTEN and event["body"].get("statement") == said
        for event in audit.about(tx, statement.subject)
    )


def needed(tx: Transaction, who: Authority, statement: Statement) -> Level | None:
    """What its signatures must prove together; None where nobody can sign."""
    loosens = (
        statement.purpose is Purpose.ADJUST and adjustment.difference_in(statement.body).is_less
    )
    return ruling.needed(tx, who, loosens=loosens)


def sign(
    tx: Transaction, statement: Statement, signature: Signature, quarantine: Quarantine
) -> bool:
    """Store an approver's signature under a ruling that waits; whether it is in the books with that.

    Raises:
        NotAuthorized: the signature does not count, or the ruling is about something that has changed.
        PolicyRefused: it says that nothing was done, which may still be done.
        NotFound, InvalidArguments, ConfigurationError: as the ruling itself would be refused.
    """
    subject = statement.subject
    if statement.purpose is Purpose.ADJUST:
        return adjustment.adjust_signed(tx, statement, signature, None) is not None
    if is_about_number(subject):
        return lost_numbers.resolve_number_signed(tx, statement, signature, None) is not None
    _, line = resolution.manual(tx, subject)
    until = quarantine(line.terms.provider)
    settled = resolution.resolve_signed(tx, statement, signature, None, quarantine=until)
    return settled is not None


def _fits(tx: Transaction, statement: Statement) -> bool:
    """Whether the books are still as they were when it was made."""
    try:
        return is_still(_body(tx, statement), statement)
    except RingfenceError:
        return False


def _body(tx: Transaction, statement: Statement) -> dict[str, Any]:
    subject = statement.subject
    if statement.purpose is Purpose.ADJUST:
        difference = adjustment.difference_in(statement.body)
        charge = charges.named(tx, subject, statement.body)
        return adjustment.body(tx, subject, difference, charge)
    return finding_body(tx, subject, finding_in(statement))


# In words.


def tell(tx: Transaction, statement: Statement, *, waits: bool) -> tuple[str, list[str]]:
    """The number that a ruling is about, and what it says; with what it would do to the budgets while it waits.

    Raises:
        NotAuthorized: it cannot be read, or is about nothing that there is.
    """
    if statement.purpose is Purpose.ADJUST:
        return _adjustment_says(tx, statement, waits=waits)
    return _finding_says(tx, statement, waits=waits)


def _finding_says(tx: Transaction, statement: Statement, *, waits: bool) -> tuple[str, list[str]]:
    subject, finding = statement.subject, finding_in(statement)
    if is_about_number(subject):
        record = _record(tx, subject)
        number, facts = record.number, list(telling.of_lost(record))
    else:
        if not intents.is_line(tx, subject):
            raise NotAuthorized("This is about a line that there never was.")
        intent, line = intents.of_line(tx, subject)
        number, facts = line.terms.number, list(telling.of_line(intent, line))
    said = telling.shown_by(ruling.said(tx, statement))
    does = _told_effects(lambda: finding_effects(tx, subject, finding)) if waits else []
    return number, [f"{number}: {telling.found(finding)}", said, *facts, *does]


def _adjustment_says(
    tx: Transaction, statement: Statement, *, waits: bool
) -> tuple[str, list[str]]:
    subject = statement.subject
    record, difference = _record(tx, subject), adjustment.difference_in(statement.body)
    says = [f"{record.number}: {each}" for each in telling.differs(difference)]
    says.append(telling.because(ruling.said(tx, statement)))
    if waits:
        charge = charges.named(tx, subject, statement.body)
        says += telling.of_charge(record, charge)
        says += _told_effects(lambda: adjustment.effects(tx, record, difference, charge))
    return record.number, says


def _told_effects(effects: Callable[[], Iterator[Effect]]) -> list[str]:
    """What it would do, or why that cannot be said: it is not written as long as it cannot."""
    try:
        return [telling.does(each) for each in effects()]
    except RingfenceError as error:
        return [f"It cannot be written as things are: {error.message}"]


def _record(tx: Transaction, subject: str) -> NumberRecord:
    record = inventory.get(tx, subject)
    if record is None:
        raise NotAuthorized("This is about a number that there never was.")
    return record
