"""The transition tables say what the design says, reach every state, and let nothing leave an end."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import chain, combinations, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.states import (
    ENDED_INTENTS,
    ENDED_LINES,
    HOLD_TRANSITIONS,
    INTENT_TRANSITIONS,
    LINE_TRANSITIONS,
    NUMBER_TRANSITIONS,
    OPEN_INTENTS,
    UNSETTLED_LINES,
    HoldState,
    IllegalTransition,
    IntentState,
    LineState,
    NumberState,
    check_transition,
    intent_state,
)

# As the design draws them; `computed` is what an intent's lines may say.
COMPUTED = "executing completed partly_completed failed needs_attention"
DRAWN: dict[type[StrEnum], str] = {
    IntentState: f"""
        awaiting_approval -> approved declined expired cancelled
        approved -> executing failed expired cancelled
        executing -> {COMPUTED}
        needs_attention -> {COMPUTED}
        failed -> partly_completed completed
        partly_completed -> completed
    """,
    LineState: """
        ready -> dispatching voided
        dispatching -> ready captured failed provider_pending unknown
        provider_pending -> captured failed unknown
        unknown -> captured failed manual
        manual -> captured failed
        failed -> captured
    """,
    HoldState: "pending -> posted voided",
    NumberState: """
        active -> release_requested lost
        release_requested -> releasing active
        releasing -> released release_unknown release_requested active
        release_unknown -> released active
        lost -> active released
    """,
}
TABLES: dict[type[StrEnum], Mapping[Any, frozenset[Any]]] = {
    IntentState: INTENT_TRANSITIONS,
    LineState: LINE_TRANSITIONS,
    HoldState: HOLD_TRANSITIONS,
    NumberState: NUMBER_TRANSITIONS,
}
FIRST: dict[type[StrEnum], set[str]] = {
    IntentState: {"refused", "awaiting_approval", "approved"},
    LineState: {"ready", "voided"},  # a refused intent's lines are voided from the start
    HoldState: {"pending"},
    NumberState: {"active"},
}
TERMINAL: dict[type[StrEnum], set[str]] = {
    IntentState: {"refused", "declined", "expired", "cancelled", "completed"},
    LineState: {"captured", "voided"},
    HoldState: {"posted", "voided"},
    NumberState: {"released"},
}
MACHINES = list(TABLES)


def name_of(machine: type[StrEnum]) -> str:
    return machine.__name__


def drawn(machine: type[StrEnum]) -> dict[str, set[str]]:
    steps = {state.value: set[str]() for state in machine}
    for line in DRAWN[machine].strip().splitlines():
        before, _, after = line.partition("->")
        steps[before.strip()] = set(after.split())
    return steps


@pytest.mark.parametrize("machine", MACHINES, ids=name_of)
def test_the_table_is_the_one_that_was_drawn(machine: type[StrEnum]) -> None:
    table = {before.value: set(after) for before, after in TABLES[machine].items()}
    assert table == drawn(machine)


@pytest.mark.parametrize("machine", MACHINES, ids=name_of)
def test_every_state_can_be_reached(machine: type[StrEnum]) -> None:
    reached, frontier = set(FIRST[machine]), set(FIRST[machine])
    while frontier:
        frontier = {after for state in frontier for after in drawn(machine)[state]} - reached
        reached |= frontier
    assert reached == set(machine)


@pytest.mark.parametrize("machine", MACHINES, ids=name_of)
def test_exactly_the_terminal_states_lead_nowhere(machine: type[StrEnum]) -> None:
    ends = {state.value for state, after in TABLES[machine].items() if not after}
    assert ends == TERMINAL[machine]


@pytest.mark.parametrize("machine", MACHINES, ids=name_of)
def test_from_every_state_an_end_can_be_reached(machine: type[StrEnum]) -> None:
    ending = set(TERMINAL[machine])
    while more := {s for s, after in drawn(machine).items() if after & ending} - ending:
        ending |= more
    assert ending == set(machine)


@pytest.mark.parametrize("machine", MACHINES, ids=name_of)
def test_a_step_is_taken_if_it_was_drawn_and_raises_if_not(machine: type[StrEnum]) -> None:
    for before, after in product(machine, machine):
        if after in drawn(machine)[before]:
            check_transition(before, after)
        else:
            with pytest.raises(IllegalTransition):
                check_transition(before, after)


def test_a_state_of_one_thing_never_becomes_a_state_of_another() -> None:
    with pytest.raises(IllegalTransition):
        check_transition(LineState.FAILED, IntentState.COMPLETED)
    with pytest.raises(IllegalTransition):
        check_transition(IntentState.APPROVED, LineState.FAILED)


@given(st.sampled_from(MACHINES), st.data())
def test_a_random_walk_takes_drawn_steps_only_and_stops_at_the_ends(
    machine: type[StrEnum], data: st.DataObject
) -> None:
    state = machine(data.draw(st.sampled_from(sorted(FIRST[machine]))))
    for wished in data.draw(st.lists(st.sampled_from(list(machine)), max_size=20)):
        was_terminal = state in TERMINAL[machine]
        try:
            check_transition(state, wished)
        except IllegalTransition:
            assert wished not in drawn(machine)[state]
        else:
            assert not was_terminal
            state = wished


def test_open_and_ended_intents_are_all_intents() -> None:
    assert set(IntentState) == OPEN_INTENTS | ENDED_INTENTS
    assert not OPEN_INTENTS & ENDED_INTENTS
    # A late success is the one thing that still happens to what has ended, and it only adds to it.
    for ended in ENDED_INTENTS:
        assert INTENT_TRANSITIONS[ended] <= {IntentState.COMPLETED, IntentState.PARTLY_COMPLETED}


def test_every_line_waits_is_unsettled_or_has_ended() -> None:
    parts = ({LineState.READY}, UNSETTLED_LINES, ENDED_LINES)
    assert set(chain(*parts)) == set(LineState)
    assert sum(map(len, parts)) == len(LineState)


def test_nothing_that_may_have_been_sent_is_voided() -> None:
    for state in UNSETTLED_LINES:
        assert LineState.VOIDED not in LINE_TRANSITIONS[state]


def test_an_unknown_line_is_never_sent_again() -> None:
    reached, frontier = set[LineState](), {LineState.UNKNOWN}
    while frontier:
        reached |= frontier
        frontier = {after for state in frontier for after in LINE_TRANSITIONS[state]} - reached
    assert not reached & {LineState.READY, LineState.DISPATCHING}


# What an intent's state is, told by its lines

L, Intent_ = LineState, IntentState
TOLD = [
    ([L.READY], Intent_.EXECUTING),
    ([L.DISPATCHING], Intent_.EXECUTING),
    ([L.PROVIDER_PENDING], Intent_.EXECUTING),
    ([L.CAPTURED, L.READY], Intent_.EXECUTING),
    ([L.FAILED, L.DISPATCHING], Intent_.EXECUTING),
    ([L.UNKNOWN], Intent_.NEEDS_ATTENTION),
    ([L.MANUAL], Intent_.NEEDS_ATTENTION),
    ([L.CAPTURED, L.UNKNOWN], Intent_.NEEDS_ATTENTION),
    ([L.READY, L.MANUAL], Intent_.NEEDS_ATTENTION),
    ([L.CAPTURED], Intent_.COMPLETED),
    ([L.CAPTURED, L.CAPTURED], Intent_.COMPLETED),
    ([L.CAPTURED, L.FAILED], Intent_.PARTLY_COMPLETED),
    ([L.CAPTURED, L.VOIDED], Intent_.PARTLY_COMPLETED),
    ([L.CAPTURED, L.FAILED, L.VOIDED], Intent_.PARTLY_COMPLETED),
    ([L.FAILED], Intent_.FAILED),
    ([L.VOIDED], Intent_.FAILED),
    ([L.FAILED, L.VOIDED], Intent_.FAILED),
]


@pytest.mark.parametrize(("lines", "state"), TOLD)
def test_lines_tell_their_intent_s_state(lines: list[LineState], state: IntentState) -> None:
    assert intent_state(lines) is state
    assert intent_state(reversed(lines)) is state
    assert intent_state(lines * 2) is state


def subsets() -> Iterator[tuple[LineState, ...]]:
    return chain.from_iterable(combinations(LineState, size) for size in range(1, 9))


def test_every_mixture_of_lines_has_exactly_one_state() -> None:
    for lines in subsets():
        states = set(lines)
        holds = {
            Intent_.NEEDS_ATTENTION: bool(states & {L.UNKNOWN, L.MANUAL}),
            Intent_.EXECUTING: bool(states & {L.READY, L.DISPATCHING, L.PROVIDER_PENDING})
            and not states & {L.UNKNOWN, L.MANUAL},
            Intent_.COMPLETED: states == {L.CAPTURED},
            Intent_.PARTLY_COMPLETED: L.CAPTURED in states
            and bool(states & {L.FAILED, L.VOIDED})
            and states <= ENDED_LINES,
            Intent_.FAILED: states <= {L.FAILED, L.VOIDED},
        }
        assert [state for state, is_so in holds.items() if is_so] == [intent_state(lines)], lines


def steps_of_lines(count: int) -> Iterator[tuple[IntentState, IntentState]]:
    """The intent's state before and after each step that any of `count` approved lines can take."""
    start: Sequence[LineState] = (L.READY,) * count
    seen, frontier = {(Intent_.APPROVED, start)}, [(Intent_.APPROVED, start)]
    while frontier:
        before, lines = frontier.pop()
        for position, line in enumerate(lines):
            for after_line in LINE_TRANSITIONS[line]:
                moved = (*lines[:position], after_line, *lines[position + 1 :])
                after = intent_state(moved)
                yield before, after
                if (after, moved) not in seen:
                    seen.add((after, moved))
                    frontier.append((after, moved))


def test_the_table_of_intents_allows_just_what_their_lines_can_say() -> None:
    taken = {step for count in (1, 2, 3) for step in steps_of_lines(count) if step[0] != step[1]}
    for before, after in taken:
        check_transition(before, after)
    told = {IntentState(state) for state in COMPUTED.split()}
    allowed = {
        (before, after)
        for before in {Intent_.APPROVED, *told}
        for after in INTENT_TRANSITIONS[before] & told
        if before != after
    }
    assert allowed == taken
