"""What we own: numbers, what they are connected to, and whether they can be used."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from ringfence.money import Money
from ringfence.nouns import Noun
from ringfence.numbers import E164, E164_PATTERN, MAIN_ROLE, Capability, NumberType
from ringfence.offers import Country, Provider
from ringfence.states import NumberState


class Origin(StrEnum):
    """Bought through us, or found at the carrier."""

    RINGFENCE = "ringfence"
    EXTERNAL = "external"


class Ready(StrEnum):
    """Whether a channel works today; `no` is a number that never will."""

    READY = "ready"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"
    NO = "no"


class Readiness(Noun):
    """Whether calls and messages would work, and what blocks them."""

    voice: Ready
    sms: Ready
    whatsapp: Ready
    blockers: tuple[str, ...] = ()


class Routing(Noun):
    """Where a number's calls and texts go at the carrier; all None is empty."""

    voice_url: str | None = None
    sms_url: str | None = None

    @property
    def is_empty(self) -> bool:
        return self == Routing()


class Owned(Noun):
    """A number as its carrier lists it."""

    provider: Provider
    account: str
    carrier_ref: str
    number: Annotated[E164, Field(pattern=E164_PATTERN)]
    country: Country
    type: NumberType
    capabilities: tuple[Capability, ...]
    readiness: Readiness
    monthly: Money | None
    routing: Routing
    tag: str | None
    """The text that we planted when we bought it, if we did."""
    bought_at: datetime
    renews_at: datetime | None


class NumberRecord(Noun):
    """A number that we pay for, as this installation knows it."""

    number_id: str
    provider: Provider
    account: str
    carrier_ref: str
    number: E164
    country: Country
    type: NumberType
    capabilities: tuple[Capability, ...]
    readiness: Readiness
    state: NumberState
    label: str | None
    metadata: dict[str, str]
    assistant_id: str | None
    """Who it is connected to, as far as the carrier confirmed."""
    wanted_assistant_id: str | None
    """Who it shall be connected to; differs from `assistant_id` while that is still to be done."""
    role: str | None = None
    """What it is for at whom it shall be connected to; None is `main` there."""
    unassigned_since: datetime | None
    requester: str
    line_id: str | None
    monthly: Money | None
    origin: Origin
    bought_at: datetime
    renews_at: datetime | None
    released_at: datetime | None = None
    """When we learnt that the carrier had taken it back."""
    version: int

    def serves(self, assistant_id: str, role: str) -> bool:
        """Whether it is that assistant's number for that role, or is being made so."""
        return self.wanted_assistant_id == assistant_id and (self.role or MAIN_ROLE) == role
