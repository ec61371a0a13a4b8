"""Breadth-first search through a world, so that the first way found to a harm is a shortest one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from protocol_model.model import Harm, harms, harms_at_the_end, steps
from protocol_model.world import SETTLED_LINE, LineState, State, Step, World

# Ten times what any search here needs: a model that explodes should say so, not fill the memory.
MOST_STATES = 200_000


@dataclass(frozen=True)
class CounterExample:
    """A shortest way from an approved line to a harm."""

    world: World
    harm: Harm
    labels: tuple[str, ...]
    state: State

    def __str__(self) -> str:
        """The way as a numbered story, one step a line."""
        state = self.state
        story = (f"{place:4}. {label}" for place, label in enumerate(self.labels, start=1))
        end = f"line {state.line}, hold {state.hold}, charges {state.charges}"
        return "\n".join([f"{self.harm} ({self.world.carrier}):", *story, f"      so: {end}"])


@dataclass
class Graph:
    """The states reached, nearest first, with all their steps, and the first state of each harm."""

    world: World
    steps_of: dict[State, tuple[Step, ...]] = field(default_factory=dict)
    reached_by: dict[State, tuple[State, str] | None] = field(default_factory=dict)
    first_with: dict[Harm, State] = field(default_factory=dict)

    def note(self, state: State, found: Iterable[Harm]) -> None:
        """Keep the state of each harm that is seen for the first time."""
        for harm in found:
            self.first_with.setdefault(harm, state)

    def counter_examples(self) -> list[CounterExample]:
        """One for every harm that was found, in the order of finding."""
        return [
            CounterExample(self.world, harm, self.labels_to(state), state)
            for harm, state in self.first_with.items()
        ]

    def labels_to(self, state: State) -> tuple[str, ...]:
        """The labels of a shortest way to this state."""
        labels = []
        while came := self.reached_by[state]:
            state, label = came
            labels.append(label)
        return tuple(reversed(labels))

    def line_transitions(self) -> set[tuple[LineState, LineState]]:
        """Every move of the line from one of its states to another."""
        return {
            (state.line, step.after.line)
            for state, taken in self.steps_of.items()
            for step in taken
            if step.after.line is not state.line
        }


def counter_example(world: World, harm: Harm) -> CounterExample | None:
    """A shortest way to this harm, if there is any."""
    graph = explore(world, until=harm)
    return next((found for found in graph.counter_examples() if found.harm is harm), None)


def explore(world: World, *, until: Harm | None = None) -> Graph:
    """Walk through all that can happen in a world, or until one harm was found."""
    start = world.first_state()
    graph = Graph(world, reached_by={start: None})
    queue = deque([start])
    while queue and until not in graph.first_with:
        state = queue.popleft()
        graph.steps_of[state] = taken = tuple(steps(state, world))
        if all(step.is_crash for step in taken):
            graph.note(state, harms_at_the_end(state))
        for step in taken:
            if step.after not in graph.reached_by:
                graph.reached_by[step.after] = (state, step.label)
                graph.note(step.after, harms(step.after))
                queue.append(step.after)
        if len(graph.reached_by) > MOST_STATES:
            raise OverflowError(f"more than {MOST_STATES} states: this model explodes")
    if not queue and (stuck := first_stuck_state(graph)):
        graph.note(stuck, [Harm.STUCK])
    return graph


def first_stuck_state(graph: Graph) -> State | None:
    """The nearest state from which the line cannot be settled without another crash.

    A manual line counts as settled here, since only a person can move it on.
    """
    earlier: dict[State, list[State]] = {state: [] for state in graph.steps_of}
    for state, taken in graph.steps_of.items():
        for step in taken:
            if not step.is_crash:
                earlier[step.after].append(state)
    at_rest = SETTLED_LINE | {LineState.MANUAL}
    hopeful = {state for state in graph.steps_of if state.line in at_rest}
    queue = deque(hopeful)
    while queue:
        for state in earlier[queue.popleft()]:
            if state not in hopeful:
                hopeful.add(state)
                queue.append(state)
    return next((state for state in graph.steps_of if state not in hopeful), None)
