"""The guard, the store and the carrier, through every order of events that Hypothesis thinks of."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from guard.machine import GuardMachine
from guard.processes import InlineThreads


@pytest.fixture(autouse=True)
def _no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringfence.providers.sandbox.to_thread", InlineThreads)


def test_no_order_of_events_breaks_the_money_core() -> None:
    import os, time

    t = time.time()
    run_state_machine_as_test(
        GuardMachine,
        settings=settings(
            max_examples=int(os.environ.get("N", "20")),
            stateful_step_count=50,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(GuardMachine.steps, time.time() - t)
    for k, v in sorted(GuardMachine.seen.items()):
        print(k, v)
