"""The money core through whatever order of events Hypothesis thinks of.

Each step is followed by the checks of `watch`, each run by those of `reckoning`. Another half of the steps is taken
in `test_stateful_guard_on`, so that two test processes share the work.
"""

import pytest

from guard.stateful import assert_much_has_happened, run_steps

STEPS = 10_000
MANY_STEPS = 1_000_000


@pytest.mark.timeout(900)
def test_no_order_of_events_breaks_the_money_core(inline_threads: None) -> None:
    assert run_steps(STEPS, first_seed=1) >= STEPS
    assert_much_has_happened()


@pytest.mark.nightly
@pytest.mark.timeout(60_000)
def test_no_order_of_very_many_events_breaks_the_money_core(inline_threads: None) -> None:
    assert run_steps(MANY_STEPS, first_seed=100_000) >= MANY_STEPS
    assert_much_has_happened()
