"""Resolving: what waits for a person's word, everything that is known of it, and that word.

The person looks at the carrier, in its console or on its invoice. What it lists now is shown beside that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ringfence.approvers import Purpose, Signature, Statement
from ringfence.desk.counter import Desk, times_of
from ringfence.errors import RingfenceError
from ringfence.guard import changes, lost_numbers, resolution, ruling
from ringfence.guard.changes import Change
from ringfence.guard.effect import Effect
from ringfence.guard.finding import Finding
from ringfence.guard.rulings import (
    LONGEST_QUARANTINE,
    finding_body,
    finding_effects,
    is_about_number,
)
from ringfence.intents import Intent, Line
from ringfence.inventory import NumberRecord, Owned
from ringfence.offers import Provider
from ringfence.states import NumberState
from ringfence.store import attempts, audit, intents, inventory
from ringfence.store.audit import Words
from ringfence.store.schema import moment_text
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class Open:
    """What waits for a person to say what became of it."""

    lines: Sequence[tuple[Intent, Line]]
    lost: Sequence[NumberRecord]


@dataclass(frozen=True)
class Answer:
    """Something that was learnt of a line, and when."""

    at: str
    what: str
    evidence: str


@dataclass(frozen=True)
class Listed:
    """Whether a carrier lists a number at this moment."""

    was_asked: bool
    owned: Owned | None


@dataclass(frozen=True)
class Case:
    """A line or a number that waits, with all that is known of it."""

    intent: Intent | None
    line: Line | None
    record: NumberRecord | None
    answers: Sequence[Answer]
    listed: Listed
    waiting: Sequence[tuple[Statement, str | None]]
    """What somebody has proposed or signed about it as it is, and needs a signature, with their words."""

    @property
    def number(self) -> str:
        """The number that it is about."""
        if self.line is not None:
            return self.line.terms.number
        return self.record.number if self.record is not None else ""


async def still_open(desk: Desk) -> Open:
    """Lines that are manual and numbers that are lost, oldest first."""
    return await desk.store.read(lambda tx: Open(intents.manual_lines(tx), _lost(tx)))


def _lost(tx: Transaction) -> list[NumberRecord]:
    return [record for record in inventory.paid_for(tx) if record.state is NumberState.LOST]


async def case(desk: Desk, subject: str) -> Case:
    """Everything that is known of a line or number that waits.

    Raises:
        NotFound, PolicyRefused: there is none, or it does not wait.
    """
    provider, account, number = await desk.store.read(lambda tx: _where(tx, subject))
    listed = await _listed(desk, provider, account, number)
    return await desk.store.read(lambda tx: _case(tx, subject, listed))


def _where(tx: Transaction, subject: str) -> tuple[Provider, str, str]:
    if is_about_number(subject):
        record = lost_numbers.lost(tx, subject)
        return record.provider, record.account, record.number
    terms = resolution.manual(tx, subject)[1].terms
    return terms.provider, terms.account, terms.number


async def _listed(desk: Desk, provider: Provider, account: str, number: str) -> Listed:
    carrier = desk.carriers.get(provider)
    if carrier is None or carrier.account != account:
        return Listed(was_asked=False, owned=None)
    try:
        everything = await carrier.owned()
    except RingfenceError:
        return Listed(was_asked=False, owned=None)
    return Listed(True, next((each for each in everything if each.number == number), None))


def _case(tx: Transaction, subject: str, listed: Listed) -> Case:
    intent: Intent | None = None
    line: Line | None = None
    record: NumberRecord | None = None
    if is_about_number(subject):
        record = lost_numbers.lost(tx, subject)
        version = record.version
    else:
        intent, line = resolution.manual(tx, subject)
        version = line.version
    waits = [
        (each, ruling.said(tx, each))
        for each in ruling.waiting(tx, Purpose.RESOLVE, subject)
        if each.body.get("version") == version
    ]
    return Case(
        intent=intent,
        line=line,
        record=record,
        answers=_answers(tx, subject),
        listed=listed,
        waiting=waits,
    )


def _answers(tx: Transaction, subject: str) -> list[Answer]:
    """What the chain knows of it; for a line also what each attempt was answered with."""
    found = [
        Answer(event["at"], event["type"], str(event["body"].get("evidence") or ""))
        for event in audit.about(tx, subject)
    ]
    if not is_about_number(subject):
        for attempt in attempts.of_line(tx, subject):
            at: datetime = attempt.settled_at or attempt.committed_at
            what = f"answer to {attempt.attempt_id}: {attempt.outcome or 'none'}"
            found.append(Answer(moment_text(at), what, attempt.evidence or ""))
    return sorted(found, key=lambda each: each.at)


async def effects(desk: Desk, subject: str, finding: Finding) -> list[Effect]:
    """What a finding will do to the budgets.

    Raises:
        NotFound, PolicyRefused, InvalidArguments: as the finding itself would be refused.
        ConfigurationError: there is no exchange rate for what was charged.
    """

    def read(tx: Transaction) -> list[Effect]:
        finding_body(tx, subject, finding)
        return list(finding_effects(tx, subject, finding))

    return await desk.store.read(read)


async def statement(desk: Desk, subject: str, finding: Finding, words: Words) -> Statement:
    """What an approver signs for a finding.

    Raises:
        NotFound, PolicyRefused, InvalidArguments: as `effects`.
    """
    return await desk.store.read(
        lambda tx: ruling.make(
            tx, Purpose.RESOLVE, subject, finding_body(tx, subject, finding), words
        )
    )


async def propose(desk: Desk, subject: str, finding: Finding, words: Words, *, by: str) -> Change:
    """Let a finding wait for the approvers.

    Raises:
        NotFound, PolicyRefused, InvalidArguments: as `effects`.
        ConfigurationError: it needs no signature, nobody can sign, or too many changes wait.
    """

    def write(tx: Transaction) -> Change:
        body = finding_body(tx, subject, finding)
        return changes.propose_ruling(tx, Purpose.RESOLVE, subject, body, words, by=by)

    change = await desk.store.write(write)
    desk.bell.ring()
    return change


async def resolve_at_terminal(
    desk: Desk, subject: str, finding: Finding, words: Words, *, person: str
) -> None:
    """Write down what a person at the terminal of a sandbox found out.

    Raises:
        NotAuthorized: a live installation.
        NotFound, PolicyRefused, InvalidArguments, ConfigurationError: as `effects`.
    """
    quarantine = await _quarantine(desk, subject)

    def write(tx: Transaction) -> object:
        if is_about_number(subject):
            return lost_numbers.resolve_number(tx, subject, finding, words, person=person)
        return resolution.resolve(tx, subject, finding, words, person=person, quarantine=quarantine)

    await desk.store.write(write)
    desk.bell.ring()


async def resolve_signed(
    desk: Desk, statement: Statement, signature: Signature, words: Words | None
) -> bool:
    """Take an approver's signature; whether it was enough, and is written down.

    Raises:
        NotAuthorized: the signature does not count, or it is about something that has changed.
        NotFound, PolicyRefused, InvalidArguments, ConfigurationError: as `effects`.
    """
    subject = statement.subject
    quarantine = await _quarantine(desk, subject)

    def write(tx: Transaction) -> object:
        if is_about_number(subject):
            return lost_numbers.resolve_number_signed(tx, statement, signature, words)
        return resolution.resolve_signed(tx, statement, signature, words, quarantine=quarantine)

    is_done = await desk.store.write(write) is not None
    desk.bell.ring()
    return is_done


async def _quarantine(desk: Desk, subject: str) -> timedelta:
    provider, _, _ = await desk.store.read(lambda tx: _where(tx, subject))
    return quarantine_at(desk, provider)


def quarantine_at(desk: Desk, provider: Provider) -> timedelta:
    """How long a carrier may still carry out what was sent to it."""
    carrier = desk.carriers.get(provider)
    if carrier is None:
        return LONGEST_QUARANTINE
    return timedelta(seconds=times_of(carrier).quarantine)
