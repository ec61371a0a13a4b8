"""Intents: one wish to buy, release or assign, followed from request to outcome.

The *terms* of an intent never change and are what a person approves; the digest covers them. What changes
(states, attempts, errors) stands beside them.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from ringfence.errors import Declined
from ringfence.money import Money
from ringfence.nouns import Noun
from ringfence.numbers import E164, MAIN_ROLE, Capability, NumberType
from ringfence.offers import Country, Price, Provider
from ringfence.states import SENDABLE_INTENTS, IntentState, LineState


class Op(StrEnum):
    """What is wished."""

    BUY = "buy"
    RELEASE = "release"
    ASSIGN = "assign"


class Level(StrEnum):
    """How strong a consent is, weakest first; what each proves stands in the README."""

    CLIENT = "client"
    PAGE = "page"
    PASSPHRASE = "passphrase"  # noqa: S105  # the name of a level, not a secret
    PASSKEY = "passkey"
    TWO_PEOPLE = "two_people"

    @property
    def strength(self) -> int:
        return list(Level).index(self)


WEAK_LEVELS = frozenset({Level.CLIENT, Level.PAGE})
"""Consent that proves no person's secret; a sandbox takes it."""


class DeclineReason(StrEnum):
    """What a person means by no; only `stop` closes the scope."""

    ANOTHER_NUMBER = "another_number"
    TOO_EXPENSIVE = "too_expensive"
    STOP = "stop"


def reasons_to_decline(op: Op) -> tuple[DeclineReason, ...]:
    """What a person can mean by no: that a number is the wrong one, or too dear, only where one is bought."""
    return tuple(DeclineReason) if op is Op.BUY else (DeclineReason.STOP,)


_LEFT_OUT = Field(exclude_if=lambda value: value is None)


class LineTerms(Noun):
    """One number of an intent, as it is shown, approved and sent: nothing here may differ later."""

    line_id: str
    provider: Provider
    account: str
    host: str
    """The carrier's host that the request goes to."""
    number: E164
    stock_id: str
    country: Country
    type: NumberType
    raw_type: str
    capabilities: tuple[Capability, ...]
    price: Price | None
    """None only where nothing is charged (an assignment, a release)."""
    min_term_months: int
    place: str | None
    carrier_hold_id: str | None = None
    number_id: str | None = None
    """The owned number that is moved or released; None for a purchase."""
    current_assistant_id: str | None = None
    # Left out of the canonical form where they say nothing, so that older digests stay what they were.
    owned_monthly: Annotated[Money | None, _LEFT_OUT] = None
    """What a number that is released costs a month; None where nobody knows, and for everything else."""
    owned_since: Annotated[datetime | None, _LEFT_OUT] = None
    """Since when a number that is released is ours."""


class Terms(Noun):
    """Everything that a person consents to."""

    intent_id: str
    installation_id: str
    op: Op
    principal: str
    assistant_id: str | None
    """Who shall get the numbers; None leaves them unassigned."""
    role: str | None = None
    """What they shall be for at that assistant; None where there is none, and in terms older than roles."""
    lines: Annotated[tuple[LineTerms, ...], Field(min_length=1, max_length=25)]
    currency: str
    """The currency of the totals."""
    total_now: Money | None
    """None where a price or a rate is missing; such an intent is refused."""
    total_monthly: Money | None
    first_year: Money | None
    is_converted: bool
    max_total: Money | None
    policy_version: int
    level: Level
    created_at: datetime
    expires_at: datetime

    @property
    def recipient(self) -> str | None:
        """Who shall get the numbers, with their role where it is not the main one."""
        if self.assistant_id is None or self.role in {None, MAIN_ROLE}:
            return self.assistant_id
        return f"{self.assistant_id}, role {self.role}"


class Line(Noun):
    """One number of an intent with what has become of it."""

    intent_id: str
    terms: LineTerms
    state: LineState
    version: int
    """Counts every change of this line; later writers must name the version they saw."""
    attempts: int = 0
    attempt_id: str | None = None
    request_hash: str | None = None
    dispatched_at: datetime | None = None
    due_at: datetime | None = None
    """When the runner looks at this line next; None while nothing is to be done."""
    negative_looks: int = 0
    looked_at: datetime | None = None
    """When the carrier was asked for the look that last counted as negative."""
    carrier_ref: str | None = None
    """The carrier's own id of what was bought or ordered."""
    error: dict[str, Any] | None = None

    @property
    def line_id(self) -> str:
        return self.terms.line_id


class Intent(Noun):
    """An intent as it stands now."""

    terms: Terms
    digest: str
    state: IntentState
    lines: tuple[Line, ...]
    expires_at: datetime
    """When consent ends; may be sooner than the terms say, after a client declined on its own."""
    refusal: dict[str, Any] | None = None
    """The refusal of a `refused` intent: `code`, `message`, `remedy`, `details`."""
    decided_by: str | None = None
    decided_level: Level | None = None
    decline_reason: DeclineReason | None = None
    reason: str | None = None
    """The requester's words: unverified, worth nothing, and erasable."""
    is_reason_erased: bool = False
    """Whether there were such words, and somebody had them erased."""

    @property
    def is_simulated(self) -> bool:
        """Whether no real carrier is in it."""
        return all(line.terms.provider is Provider.SANDBOX for line in self.lines)

    @property
    def has_unsent(self) -> bool:
        """Whether it is approved, and a number of it has not been sent yet: that can be withdrawn."""
        is_approved = self.state in SENDABLE_INTENTS
        return is_approved and any(line.state is LineState.READY for line in self.lines)

    @property
    def is_withdrawn(self) -> bool:
        """Whether a person took their consent back before anything of it was sent."""
        return self.state in _ENDED_UNSENT and all(
            line.state is LineState.VOIDED and (line.error or {}).get("code") == Declined.code
            for line in self.lines
        )

    @property
    def delayed_line(self) -> Line | None:
        """The first line that may be sent, and is not yet, for the reason that stands at it."""
        if self.state not in SENDABLE_INTENTS:
            return None
        waiting = (line for line in self.lines if line.state is LineState.READY)
        return next((line for line in waiting if line.error is not None), None)

    @property
    def awaited_line(self) -> Line | None:
        """The first line that only a person can settle, where no look at a carrier is still to come."""
        if any(line.state is LineState.UNKNOWN for line in self.lines):
            return None
        return next((line for line in self.lines if line.state is LineState.MANUAL), None)

    @property
    def match_code(self) -> str:
        """Six characters that a person compares between chat, card and terminal."""
        return match_code(self.digest)

    @property
    def intent_id(self) -> str:
        return self.terms.intent_id


# `failed` where a number had been given back as provably not sent, before the rest was withdrawn.
_ENDED_UNSENT = frozenset({IntentState.CANCELLED, IntentState.FAILED})

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def match_code(digest: str) -> str:
    """The first thirty bits of a hexadecimal digest in Crockford's alphabet."""
    bits = int(digest[:8], 16) >> 2
    return "".join(_CROCKFORD[bits >> shift & 31] for shift in range(25, -1, -5))
