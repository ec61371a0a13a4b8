"""How lines end that their sender did not settle: by looking, by a timer, or by a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from protocol_model.book import Turn, is_fenced_off, written
from protocol_model.world import (
    CLAIMED_LINE,
    IDLE,
    Activity,
    Attempt,
    Finding,
    Hold,
    LineState,
    Looks,
    Rule,
    State,
    Step,
    World,
)


def recovery_steps(turn: Turn) -> Iterator[Step]:
    """What an idle process can do for a line that was left behind, and write after a look."""
    if isinstance(turn.process.news, Finding):
        yield write_finding(turn, turn.process.news)
    if turn.process.activity is not Activity.IDLE:
        return
    match turn.state.line:
        case LineState.DISPATCHING if not turn.state.is_lease_live:
            yield take_over(turn)
        case LineState.UNKNOWN:
            yield from look_steps(turn)
        case LineState.PROVIDER_PENDING:
            yield from poll_steps(turn)
        case LineState.FAILED if turn.state.charges:
            late = replace(turn.state, line=LineState.CAPTURED, is_adjusted=True)
            found = Turn(late, turn.world, turn.who)
            yield found.step("finds a late success: captured by an adjusting entry", IDLE)


def take_over(turn: Turn) -> Step:
    """Its sender is dead or stalled, and may have sent: nobody knows."""
    is_doubted = turn.world.keeps(Rule.DISPATCHING_OF_A_DEAD_PROCESS_BECOMES_UNKNOWN)
    return turn.writes(LineState.UNKNOWN if is_doubted else LineState.READY, "takes the line over")


def look_steps(turn: Turn) -> Iterator[Step]:
    """Read the carrier's list. It may be behind, or not readable at all.

    A look that says nothing is no step: one that finds an order still pending, or finds nothing
    at a time when this cannot count yet.
    """
    state, world = turn.state, turn.world
    may_absence_count = may_negative_count(state, world) or not world.keeps(
        Rule.LOOKS_ARE_DATED_BY_THEIR_READ
    )
    if may_absence_count and state.is_list_behind:
        yield turn.learns(Finding.ABSENT, "looks at a stale list: absent")
    if may_absence_count and is_absent(state, world):
        yield turn.learns(Finding.ABSENT, "looks: absent")
    if state.charges:
        fresh = Turn(replace(state, is_list_behind=False), world, turn.who)
        yield fresh.learns(Finding.OWNED, "looks: it is ours")
    yield turn.learns(Finding.UNREADABLE, "cannot look")


def is_absent(state: State, world: World) -> bool:
    """Whether a list that is up to date shows nothing of ours."""
    is_order_overlooked = not world.keeps(Rule.PENDING_ORDER_IS_NOT_ABSENT)
    return not state.charges and (not state.orders or is_order_overlooked)


def may_negative_count(state: State, world: World) -> bool:
    """Whether it is late enough for a negative look: after the quarantine, and after the gap."""
    is_quarantine_over = state.attempt is Attempt.QUARANTINE_OVER
    is_gap_over = state.looks is not Looks.ONE
    return (is_quarantine_over or not world.keeps(Rule.QUARANTINE_BEFORE_NEGATIVE)) and (
        is_gap_over or not world.keeps(Rule.LOOKS_STAND_APART)
    )


def write_finding(turn: Turn, finding: Finding) -> Step:
    """Write a look down, if nobody wrote the line since it was read."""
    state, world = turn.state, turn.world
    if finding is Finding.OWNED:
        return turn.writes(LineState.CAPTURED, "writes what it found")
    if finding is Finding.UNREADABLE:
        return turn.writes(LineState.MANUAL, "writes that it cannot look")
    if is_fenced_off(turn) or not may_negative_count(state, world):
        return turn.step("drops its negative look: it is too late or too early", IDLE)
    if state.looks is not Looks.NONE or not world.keeps(Rule.TWO_NEGATIVE_LOOKS):
        return turn.writes(LineState.FAILED, "writes the last negative look")
    counted = replace(written(state, state.line, by=turn.who), looks=Looks.ONE)
    return Turn(counted, world, turn.who).step("writes the first negative look", IDLE)


def poll_steps(turn: Turn) -> Iterator[Step]:
    """Ask for a known order; an ended order does not change. After its time it is unknown."""
    if turn.state.charges:
        yield turn.writes(LineState.CAPTURED, "polls the order")
    elif not turn.state.orders:
        yield turn.writes(LineState.FAILED, "polls the order")
    yield turn.writes(LineState.UNKNOWN, "has polled for too long")


def timer_steps(state: State, world: World) -> Iterator[Step]:
    """Expiry, cancel and freeze void a ready line; nothing may touch it once it is claimed."""
    is_claimed = state.line in CLAIMED_LINE
    may_void_claimed = not world.keeps(Rule.ONLY_READY_IS_VOIDED)
    if state.line is LineState.READY or (is_claimed and may_void_claimed):
        after = written(state, LineState.VOIDED)
        yield Step(f"the intent expires: its {state.line} line is voided", after)
    has_timer = not world.keeps(Rule.NO_HOLD_TIMER_AFTER_CLAIM)
    if is_claimed and has_timer and state.hold is Hold.PENDING:
        yield Step("the hold's timer runs out", replace(state, hold=Hold.VOIDED))


def person_steps(state: State, world: World) -> Iterator[Step]:
    """A person who has the carrier's own account before them resolves a manual line."""
    if state.line is not LineState.MANUAL or state.orders:
        return
    is_quarantine_over = state.attempt is Attempt.QUARANTINE_OVER
    if state.charges:
        yield Step("a person resolves it: captured", written(state, LineState.CAPTURED))
    elif is_quarantine_over or not world.keeps(Rule.PERSON_WAITS_FOR_QUARANTINE):
        yield Step("a person resolves it: failed", written(state, LineState.FAILED))
