"""The other half of `test_stateful_guard`, for another test process."""

import pytest

from guard.stateful import assert_much_has_happened, run_steps
from guard.test_stateful_guard import STEPS


@pytest.mark.timeout(900)
def test_no_other_order_of_events_breaks_it_either(inline_threads: None) -> None:
    assert run_steps(STEPS, first_seed=10_001) >= STEPS
    assert_much_has_happened()
