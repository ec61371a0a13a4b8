"""One process acting on the line: what a transaction changes, and who may still make it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from protocol_model.world import (
    IDLE,
    Activity,
    Attempt,
    Finding,
    Hold,
    LineState,
    Looks,
    Outcome,
    Process,
    Rule,
    State,
    Step,
    World,
)

NAMES = "AB"


@dataclass(frozen=True, slots=True)
class Turn:
    """One process about to act, in a state and under the rules of a world."""

    state: State
    world: World
    who: int

    @property
    def process(self) -> Process:
        """What the process remembers."""
        return self.state.processes[self.who]

    def step(self, label: str, process: Process) -> Step:
        """The process moves on, and nothing else does."""
        return Step(f"{NAMES[self.who]} {label}", self.state.with_process(self.who, process))

    def learns(self, news: Outcome | Finding, label: str) -> Step:
        """The process gets to know something; nothing is written yet."""
        return self.step(label, replace(self.process, activity=Activity.HAS_NEWS, news=news))

    def writes(self, line: LineState, label: str) -> Step:
        """The process moves the line and is done with it; an old fence moves nothing."""
        if is_fenced_off(self):
            return self.step(f"{label}: refused, it is too late", IDLE)
        after = Turn(written(self.state, line, by=self.who), self.world, self.who)
        return after.step(f"{label}: {line}", IDLE)


def is_fenced_off(turn: Turn) -> bool:
    """Whether the write of this process comes too late, and the book can tell."""
    if turn.world.keeps(Rule.FENCED_SETTLEMENT):
        return not turn.process.is_fence_current
    if not turn.world.has_state_check or turn.process == IDLE:
        return False
    is_look = isinstance(turn.process.news, Finding)
    return turn.state.line is not (LineState.UNKNOWN if is_look else LineState.DISPATCHING)


def written(state: State, line: LineState, *, by: int | None = None) -> State:
    """The book after one transaction: the line, its hold, and a fence that is old for all others.

    Going back to ready closes the attempt; only a provably unsent call should do that.
    """
    processes = tuple(
        process if who == by or process == IDLE else replace(process, is_fence_current=False)
        for who, process in enumerate(state.processes)
    )
    return replace(
        state,
        line=line,
        hold=hold_after(state.hold, line),
        attempt=Attempt.NONE if line is LineState.READY else state.attempt,
        is_lease_live=False,
        looks=Looks.NONE,
        processes=processes,
    )


def hold_after(hold: Hold, line: LineState) -> Hold:
    """A pending hold is posted or voided together with its line; a settled one stays."""
    if hold is not Hold.PENDING:
        return hold
    return {
        LineState.CAPTURED: Hold.POSTED,
        LineState.FAILED: Hold.VOIDED,
        LineState.VOIDED: Hold.VOIDED,
    }.get(line, hold)
