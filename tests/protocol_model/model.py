"""Dispatch and recovery of one line: everything that can happen next, and what must never be.

The model leaves out prices, other lines and other budgets: they are decided before the claim.
It keeps what can go wrong after it: crashes and stalls at every point, requests and replies that
are late or lost, errors that hide a charge, lists that lag behind the truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from protocol_model.book import Turn
from protocol_model.carrier import carrier_steps, time_steps
from protocol_model.dispatch import dispatch_steps
from protocol_model.recovery import person_steps, recovery_steps, timer_steps
from protocol_model.world import CLAIMED_LINE, IDLE, Hold, LineState, State, Step, World


class Harm(StrEnum):
    """What must never come about."""

    TWO_CHARGES = "two charges for one line"
    CHARGE_WITHOUT_HOLD = "a charge that no hold covers"
    LATE_SUCCESS = "a charge that was found after its line had failed"
    HOLD_AND_LINE_DISAGREE = "a hold that is settled otherwise than its line"
    WRONG_RECORD = "an end where the line does not say what the carrier charged"
    LEAKED_HOLD = "an end where budget stays held"
    STUCK = "a line that will never be settled, even if nothing crashes any more"


def steps(state: State, world: World) -> Iterator[Step]:
    """Everything that can happen next; a step that changes nothing is none."""
    for step in all_steps(state, world):
        if step.after != state:
            yield step


def all_steps(state: State, world: World) -> Iterator[Step]:
    """Whatever the guard, a person, time, the network or the carrier may do."""
    for who, process in enumerate(state.processes):
        if process == IDLE and process in state.processes[:who]:
            continue  # of two processes that remember nothing, either may stand for both
        turn = Turn(state, world, who)
        yield from dispatch_steps(turn)
        yield from recovery_steps(turn)
    yield from timer_steps(state, world)
    yield from person_steps(state, world)
    yield from time_steps(state, world)
    yield from carrier_steps(state, world)


def harms(state: State) -> Iterator[Harm]:
    """What is wrong with a state, wherever it may still lead."""
    if state.charges > 1:
        yield Harm.TWO_CHARGES
    if state.charges and state.hold is Hold.VOIDED and not state.is_adjusted:
        yield Harm.CHARGE_WITHOUT_HOLD
    if state.is_adjusted:
        yield Harm.LATE_SUCCESS
    if do_hold_and_line_disagree(state):
        yield Harm.HOLD_AND_LINE_DISAGREE


def do_hold_and_line_disagree(state: State) -> bool:
    """Whether the hold is settled otherwise than the line says; an adjusting entry needs none."""
    if state.is_adjusted:
        return False
    expected = {LineState.CAPTURED: Hold.POSTED}.get(state.line, Hold.VOIDED)
    if state.line is LineState.READY or state.line in CLAIMED_LINE:
        expected = Hold.PENDING
    return state.hold is not expected


def harms_at_the_end(state: State) -> Iterator[Harm]:
    """What is wrong with a state after which nothing happens any more.

    Whether a line is stuck shows only in the whole graph; see `search`.
    """
    if (state.line is LineState.CAPTURED) != bool(state.charges):
        yield Harm.WRONG_RECORD
    if state.hold is Hold.PENDING:
        yield Harm.LEAKED_HOLD
