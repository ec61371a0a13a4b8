"""Exit codes: one table, with a place for every error and every state."""

from __future__ import annotations

import pytest

from ringfence.errors import all_errors
from ringfence.states import IntentState
from ringfence_server.cli import exits

CONTRACT = {
    "internal": 1,
    "invalid_arguments": 2,
    "configuration": 2,
    "budget_exceeded": 3,
    "policy_refused": 3,
    "papers_missing": 3,
    "frozen": 3,
    "declined": 3,
    "expired": 3,
    "number_gone": 5,
    "provider_unavailable": 5,
    "provider_refused": 5,
    "outcome_unknown": 6,
    "completed": 0,
    "refused": 3,
    "cancelled": 3,
    "awaiting_approval": 4,
    "failed": 5,
    "needs_attention": 6,
}


def test_every_error_has_an_exit_code_and_none_is_success() -> None:
    assert {kind.code for kind in all_errors()} == set(exits.BY_ERROR)
    assert exits.Exit.DONE not in exits.BY_ERROR.values()


def test_every_state_of_an_intent_has_an_exit_code_and_only_completion_is_success() -> None:
    assert set(exits.BY_STATE) == set(IntentState)
    done = [state for state, code in exits.BY_STATE.items() if code is exits.Exit.DONE]
    assert done == [IntentState.COMPLETED]


@pytest.mark.parametrize(("what", "code"), CONTRACT.items())
def test_the_codes_that_scripts_rely_on(what: str, code: int) -> None:
    by_state = {state.value: exits.of_state(state) for state in IntentState}
    assert {**exits.BY_ERROR, **by_state}[what] == code
