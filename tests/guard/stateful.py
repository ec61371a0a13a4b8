"""How the stateful test is run: so many steps, always the same ones, and the events that must have come by in them."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from guard.machine import GuardMachine

STEPS_A_RUN = 80
RUNS_A_SEED = 10
EVENTS = (
    "charges", "hold posted", "hold voided", "intent approved", "intent cancelled", "intent completed",
    "intent declined", "intent expired", "intent failed", "intent needs_attention", "intent partly_completed",
    "killed", "line captured", "line failed", "line provider_pending", "line ready",
    "line unknown", "line voided", "number active", "number release_unknown", "number released",
    "refused budget_exceeded", "refused declined",
    "refused frozen", "refused number_gone", "renewals", "stalled before sending", "stalled on the wire",
)  # fmt: skip
"""What some thousand steps must have met, or they have proved little."""


def run_steps(count: int, *, first_seed: int) -> int:
    """Run one installation after the other until `count` rules have been executed; how many have been."""
    GuardMachine.steps = 0
    GuardMachine.seen.clear()
    number = first_seed
    while GuardMachine.steps < count:
        run_state_machine_as_test(
            seed(number)(type("SeededGuardMachine", (GuardMachine,), {})),
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


def assert_much_has_happened() -> None:
    """Print what the steps have met, and miss nothing that matters."""
    met = GuardMachine.seen
    missed = [event for event in EVENTS if not met[event]]
    assert not missed, f"{GuardMachine.steps} steps never met {missed}; they met {dict(met)}"
