"""What may come back when a purchase or release is sent or looked up; all that the guard knows of it."""

from __future__ import annotations

from dataclasses import dataclass

from ringfence.inventory import Owned


@dataclass(frozen=True, slots=True)
class Captured:
    """The carrier sold us the number; `owned` is how it lists it now."""

    owned: Owned
    evidence: str


@dataclass(frozen=True, slots=True)
class Released:
    """The number that was to be given back is ours no longer: a complete list of the account lacks it."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A definite no in the carrier's own error shape: nothing was charged or given back.

    `code` is one of our error codes, `evidence` the carrier's status and code for the record.
    """

    code: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Pending:
    """The carrier took the order and decides later."""

    carrier_ref: str
    evidence: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Provably unprocessed: no byte left, or the carrier documents that it did nothing."""

    evidence: str
    retry_after_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Unknown:
    """Everything else: it may have been bought, or given back."""

    evidence: str


Outcome = Captured | Released | Refused | Pending | NotSent | Unknown


@dataclass(frozen=True, slots=True)
class Absent:
    """A look that proved the account, saw a complete list, and saw that what was asked for has not been done."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """A look that proves nothing either way, for example because the carrier did not answer."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """We own the number but cannot tell by which purchase, or it cost more than was approved: a person decides."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Times:
    """How a carrier's requests and looks are timed, in seconds; see `CarrierAbilities`."""

    ticket_life: float
    read_timeout: float
    quarantine: float
    look_interval: float

    def __post_init__(self) -> None:
        if self.quarantine <= self.ticket_life + self.read_timeout:
            raise ValueError("The quarantine must outlast ticket life and read time-out together.")


Look = Captured | Released | Refused | Pending | Absent | Unclear | Ambiguous
