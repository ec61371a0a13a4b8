"""How a process claims a ready line, sends its one request, and writes the outcome down.

The call and the transaction that writes it down are two steps: a process can stall in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from protocol_model.book import Turn, written
from protocol_model.world import (
    IDLE,
    Activity,
    Attempt,
    Bound,
    Hold,
    LineState,
    Message,
    Outcome,
    Process,
    Rule,
    State,
    Step,
    World,
)

# One request too many already shows every harm that more of them could do.
MOST_SENDS = 2


def dispatch_steps(turn: Turn) -> Iterator[Step]:
    """What a process can do that has a line in hand, or could take one up."""
    match turn.process.activity:
        case Activity.IDLE:
            yield from claim_steps(turn)
        case Activity.SAW_READY:
            yield claim(turn)
        case Activity.CLAIMED:
            yield from send_steps(turn)
        case Activity.REDEEMED:
            yield send(turn, "sends long after its ticket was redeemed")
        case Activity.WAITING:
            yield give_up(turn)
        case Activity.HAS_NEWS if isinstance(turn.process.news, Outcome):
            yield from settle_steps(turn, turn.process.news)
    if turn.process.activity is not Activity.IDLE:
        yield crash(turn)


def claim_steps(turn: Turn) -> Iterator[Step]:
    """A ready line with a pending hold is claimed in one conditional write."""
    state, world = turn.state, turn.world
    if state.line is LineState.UNKNOWN and not world.keeps(Rule.NEVER_RESEND):
        yield claim(turn)
    if state.line is not LineState.READY:
        return
    if not world.keeps(Rule.CLAIM_IS_COMPARE_AND_SET):
        yield turn.step("reads that the line is ready", Process(Activity.SAW_READY))
    elif state.hold is Hold.PENDING:
        yield claim(turn)
    if not world.keeps(Rule.RECORD_BEFORE_SEND) and state.sends < MOST_SENDS:
        yield send(turn, "sends without a record")


def claim(turn: Turn) -> Step:
    """Attempt, ticket, lease and line in one commit; the age of the attempt starts now."""
    label = f"claims the {turn.state.line} line"
    book = written(turn.state, LineState.DISPATCHING, by=turn.who)
    book = replace(book, attempt=Attempt.TICKET_ALIVE, is_lease_live=True)
    holder = Process(Activity.CLAIMED, is_ticket_alive=True)
    return Turn(book, turn.world, turn.who).step(label, holder)


def send_steps(turn: Turn) -> Iterator[Step]:
    """Redeem the ticket and send, or learn for certain that nothing was sent."""
    if not is_ticket_good(turn):
        yield turn.learns(Outcome.UNSENT, "finds its ticket dead before the first byte")
        return
    yield turn.learns(Outcome.UNSENT, "cannot connect: provably unsent")
    if turn.state.sends < MOST_SENDS:
        yield send(turn, "sends" if turn.process.is_ticket_alive else "sends on a dead ticket")
        if not turn.world.trusts(Bound.FIRST_BYTE_FOLLOWS_REDEEMING):
            redeemed = replace(turn.process, activity=Activity.REDEEMED)
            yield turn.step("redeems its ticket", redeemed)


def send(turn: Turn, label: str) -> Step:
    """Put one request on the wire. One sent in time lands or is lost before the quarantine ends."""
    state, world = turn.state, turn.world
    message = Message(
        listener=turn.who,
        key=state.sends if world.has_new_key_per_send else 0,
        is_bounded=state.attempt in (Attempt.NONE, Attempt.TICKET_ALIVE),
    )
    may_reuse = turn.process.is_ticket_alive and not world.keeps(Rule.TICKET_SINGLE_USE)
    waiting = Process(
        Activity.WAITING,
        is_ticket_alive=may_reuse,
        is_fence_current=turn.process.is_fence_current,
    )
    sent = replace(state, sends=state.sends + 1, wire=(*state.wire, message))
    return Turn(sent, world, turn.who).step(label, waiting)


def give_up(turn: Turn) -> Step:
    """A time-out: the request or its reply is late or lost, and nobody knows which."""
    alone = Turn(without_listener(turn.state, turn.who), turn.world, turn.who)
    return alone.learns(Outcome.UNANSWERED, "gives up waiting")


def crash(turn: Turn) -> Step:
    """Forget everything that was not committed. The process starts again, idle."""
    alone = Turn(without_listener(turn.state, turn.who), turn.world, turn.who)
    return replace(alone.step("crashes", IDLE), is_crash=True)


def settle_steps(turn: Turn, outcome: Outcome) -> Iterator[Step]:
    """Write the outcome down, if the line is still ours to write."""
    yield turn.writes(line_after(outcome, turn.world), f"settles its {outcome} call")
    is_retry_tempting = outcome is Outcome.UNANSWERED and turn.state.sends < MOST_SENDS
    may_reuse = is_ticket_good(turn) and not turn.world.keeps(Rule.TICKET_SINGLE_USE)
    if is_retry_tempting and may_reuse:
        yield send(turn, "sends again on the same ticket")


def line_after(outcome: Outcome, world: World) -> LineState:
    """Where an outcome takes a line: only a definite answer is a success or a failure."""

    def doubt(rule: Rule) -> LineState:
        return LineState.UNKNOWN if world.keeps(rule) else LineState.FAILED

    return {
        Outcome.BOUGHT: LineState.CAPTURED,
        Outcome.REFUSED: LineState.FAILED,
        Outcome.ACCEPTED: LineState.PROVIDER_PENDING,
        Outcome.UNSENT: LineState.READY,
        Outcome.UNANSWERED: doubt(Rule.TIMEOUT_IS_UNKNOWN),
        Outcome.AMBIGUOUS: doubt(Rule.AMBIGUOUS_ERROR_IS_UNKNOWN),
    }[outcome]


def is_ticket_good(turn: Turn) -> bool:
    """Whether this process may still redeem its ticket."""
    return turn.process.is_ticket_alive or not turn.world.keeps(Rule.TICKET_DIES)


def without_listener(state: State, who: int) -> State:
    """Nobody listens any more for the replies that this process waited for."""
    if all(message.listener != who for message in state.wire):
        return state
    wire = tuple(
        replace(message, listener=None) if message.listener == who else message
        for message in state.wire
    )
    return replace(state, wire=wire)
