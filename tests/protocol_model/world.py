"""The nouns of the protocol model: one line, its hold, the processes, the wire and the carrier.

Time has no clock here. It is the age of the attempt (`Attempt`), which moves in the three steps
that matter to the protocol: the ticket lives, the ticket is dead, the quarantine is over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum, auto


class Rule(StrEnum):
    """What the guard promises to do; the model can be run with any of them switched off."""

    RECORD_BEFORE_SEND = auto()
    CLAIM_IS_COMPARE_AND_SET = auto()
    CLAIM_IS_A_LEASE = auto()
    TICKET_DIES = auto()
    TICKET_SINGLE_USE = auto()
    TIMEOUT_IS_UNKNOWN = auto()
    AMBIGUOUS_ERROR_IS_UNKNOWN = auto()
    DISPATCHING_OF_A_DEAD_PROCESS_BECOMES_UNKNOWN = auto()
    NEVER_RESEND = auto()
    QUARANTINE_BEFORE_NEGATIVE = auto()
    TWO_NEGATIVE_LOOKS = auto()
    LOOKS_STAND_APART = auto()
    LOOKS_ARE_DATED_BY_THEIR_READ = auto()
    PENDING_ORDER_IS_NOT_ABSENT = auto()
    PERSON_WAITS_FOR_QUARANTINE = auto()
    FENCED_SETTLEMENT = auto()
    NO_HOLD_TIMER_AFTER_CLAIM = auto()
    ONLY_READY_IS_VOIDED = auto()


class Bound(StrEnum):
    """What the guard cannot promise and has to believe of the world outside."""

    REQUESTS_LAND_WITHIN_QUARANTINE = auto()
    LISTS_LAG_LESS_THAN_THE_GAP = auto()
    FIRST_BYTE_FOLLOWS_REDEEMING = auto()


class Carrier(StrEnum):
    """How a carrier treats a second request for the same line."""

    NO_IDEMPOTENCY = auto()  # it is a second purchase
    NATURAL_KEY = auto()  # it is refused: the number is sold, be it to us
    IDEMPOTENCY_KEY = auto()  # under the same key a success is replayed, a refusal is forgotten


class LineState(StrEnum):
    """The states of a line; a test compares them with those of `ringfence.states`."""

    READY = auto()
    DISPATCHING = auto()
    CAPTURED = auto()
    FAILED = auto()
    PROVIDER_PENDING = auto()
    UNKNOWN = auto()
    MANUAL = auto()
    VOIDED = auto()


CLAIMED_LINE = frozenset(
    {LineState.DISPATCHING, LineState.PROVIDER_PENDING, LineState.UNKNOWN, LineState.MANUAL}
)
SETTLED_LINE = frozenset({LineState.CAPTURED, LineState.FAILED, LineState.VOIDED})


class Hold(StrEnum):
    """The budget set aside for the line. It exists from the proposal on, so it starts pending."""

    PENDING = auto()
    POSTED = auto()
    VOIDED = auto()


class Attempt(StrEnum):
    """The committed record that a byte may have left, and how old it is."""

    NONE = auto()
    TICKET_ALIVE = auto()
    TICKET_DEAD = auto()
    QUARANTINE_OVER = auto()


class Looks(StrEnum):
    """Negative looks that counted: none, one, or one that lies a whole gap back."""

    NONE = auto()
    ONE = auto()
    ONE_AND_GAP = auto()


class Outcome(StrEnum):
    """What a sender knows after a paid call, and has still to write down."""

    BOUGHT = auto()
    REFUSED = auto()
    ACCEPTED = auto()  # asynchronous: an order that will succeed or fail
    AMBIGUOUS = auto()
    UNANSWERED = auto()
    UNSENT = auto()  # provably: no connection, or a ticket that was dead before the first byte


class Finding(StrEnum):
    """What a look at the carrier brought home, and has still to be written down."""

    OWNED = auto()
    ABSENT = auto()
    UNREADABLE = auto()  # or readable, and it proves nothing either way


class Activity(StrEnum):
    """Where a process stands; it may stall or crash at every one of these points."""

    IDLE = auto()
    SAW_READY = auto()  # only without compare-and-set: it will claim on what it remembers
    CLAIMED = auto()
    REDEEMED = auto()  # only where the first byte may come long after the ticket was redeemed
    WAITING = auto()
    HAS_NEWS = auto()


@dataclass(frozen=True, slots=True)
class Process:
    """One guard process and what it remembers; a crash forgets all of it.

    The fence is current while nobody else has written the line since this process took it up. An
    idle process has taken up nothing, and reads the line afresh.
    """

    activity: Activity = Activity.IDLE
    news: Outcome | Finding | None = None
    is_ticket_alive: bool = False
    is_fence_current: bool = True


IDLE = Process()


@dataclass(frozen=True, slots=True)
class Message:
    """A request on the wire: who still listens for its reply, its key, and if it must land soon."""

    listener: int | None
    key: int
    is_bounded: bool


@dataclass(frozen=True, slots=True)
class State:
    """Everything there is: our book, our processes, the wire, and the truth at the carrier."""

    processes: tuple[Process, ...]
    line: LineState = LineState.READY
    hold: Hold = Hold.PENDING
    attempt: Attempt = Attempt.NONE
    is_lease_live: bool = False
    looks: Looks = Looks.NONE
    is_adjusted: bool = False  # a late success was written down without a hold
    sends: int = 0
    wire: tuple[Message, ...] = ()
    orders: int = 0  # accepted by the carrier, neither charged nor failed yet
    charges: int = 0
    accepted_keys: frozenset[int] = frozenset()
    is_list_behind: bool = False  # the carrier's list does not show its latest sale yet

    def with_process(self, who: int, process: Process) -> State:
        """The same state, with another process at this place."""
        before, after = self.processes[:who], self.processes[who + 1 :]
        return replace(self, processes=(*before, process, *after))


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that can happen next."""

    label: str
    after: State
    is_crash: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """Who plays, by which rules, and within which bounds."""

    carrier: Carrier
    is_asynchronous: bool = False
    process_count: int = 2
    rules: frozenset[Rule] = frozenset(Rule)
    bounds: frozenset[Bound] = frozenset(Bound)
    has_new_key_per_send: bool = False  # a worse way to break NEVER_RESEND
    has_state_check: bool = False  # a milder way to break FENCED_SETTLEMENT: it checks the state

    def keeps(self, rule: Rule) -> bool:
        """Whether the guard follows this rule here."""
        return rule in self.rules

    def trusts(self, bound: Bound) -> bool:
        """Whether the world outside keeps within this bound here."""
        return bound in self.bounds

    def without(self, broken: Rule | Bound) -> World:
        """The same world with one rule or one bound switched off."""
        return replace(self, rules=self.rules - {broken}, bounds=self.bounds - {broken})

    def first_state(self) -> State:
        """An approved line with its hold, and nothing sent."""
        return State(processes=(IDLE,) * self.process_count)
