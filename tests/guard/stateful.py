"""How the stateful test is run: so many steps, always the same ones, and the events that must have come by in them.

The same ones as long as the code is the same: Hypothesis likes to draw the constants that it finds in it.
"""

from __future__ import annotations

from collections.abc import Set

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from guard.databases import Databases, SqliteFiles
from guard.machine import GuardMachine

STEPS_A_RUN = 80
RUNS_A_SEED = 10
EVENTS = (
    "adjusted", "charges", "hold posted", "hold voided", "intent approved", "intent cancelled", "intent completed",
    "intent declined", "intent expired", "intent failed", "intent needs_attention", "intent partly_completed",
    "killed", "line captured", "line failed", "line provider_pending", "line ready",
    "line unknown", "line voided", "number active", "number release_unknown", "number released",
    "refused budget_exceeded", "refused declined",
    "refused frozen", "refused number_gone", "renewals", "resolved captured",
    "stalled before sending", "stalled on the wire", "taken back",
)  # fmt: skip
"""What ten thousand steps must have met, or they have proved little."""
RARE_EVENTS = frozenset({"intent cancelled", "refused declined", "resolved captured", "taken back"})
"""Met but a few times in a thousand steps, so that fewer than ten thousand may miss them."""


def run_steps(count: int, *, first_seed: int, databases: Databases | None = None) -> int:
    """Run one installation after the other until `count` rules have been executed; how many have been.

    They are kept in SQLite files, unless another kind of database is given.
    """
    kept = {"databases": databases or SqliteFiles()}
    GuardMachine.steps = 0
    GuardMachine.seen.clear()
    number = first_seed
    while GuardMachine.steps < count:
        run_state_machine_as_test(
            seed(number)(type("SeededGuardMachine", (GuardMachine,), kept)),
            settings=settings(
                max_examples=RUNS_A_SEED,
                stateful_step_count=STEPS_A_RUN,
                phases=[Phase.generate, Phase.shrink],
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        number += 1
    return GuardMachine.steps


def assert_much_has_happened(*, but: Set[str] = frozenset()) -> None:
    """Print what the steps have met, and miss nothing that matters, `but` these."""
    met = GuardMachine.seen
    missed = [event for event in EVENTS if not met[event] and event not in but]
    assert not missed, f"{GuardMachine.steps} steps never met {missed}; they met {dict(met)}"
