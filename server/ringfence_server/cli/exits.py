"""Exit codes: what a script learns without reading a word.

0  done, or shown
1  a bug of ours, books that do not balance, or a script whose step is not as expected
2  the command or the installation must be corrected: arguments, ids, settings, a damaged database
3  no: the guard refused, a person declined, it was withdrawn, or it is too late
4  a person has to decide first
5  it did not work out at the carrier, or storage could not be reached
6  the outcome is not known yet: never buy again, run `ringfence settle`
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from ringfence.errors import RingfenceError
from ringfence.states import IntentState


class Exit(IntEnum):
    """What a command ends with."""

    DONE = 0
    BUG = 1
    USAGE = 2
    REFUSED = 3
    WAITING = 4
    CARRIER = 5
    UNKNOWN = 6


BY_ERROR: Mapping[str, Exit] = {
    "invalid_arguments": Exit.USAGE,
    "not_found": Exit.USAGE,
    "idempotency_conflict": Exit.USAGE,
    "configuration": Exit.USAGE,
    "offer_expired": Exit.REFUSED,
    "reservation_expired": Exit.REFUSED,
    "price_unknown": Exit.REFUSED,
    "price_changed": Exit.REFUSED,
    "budget_exceeded": Exit.REFUSED,
    "policy_refused": Exit.REFUSED,
    "papers_missing": Exit.REFUSED,
    "frozen": Exit.REFUSED,
    "not_authorized": Exit.REFUSED,
    "declined": Exit.REFUSED,
    "expired": Exit.REFUSED,
    "number_gone": Exit.CARRIER,
    "provider_unavailable": Exit.CARRIER,
    "rate_limited": Exit.CARRIER,
    "provider_refused": Exit.CARRIER,
    "insufficient_funds": Exit.CARRIER,
    "bad_credentials": Exit.CARRIER,
    "storage_unavailable": Exit.CARRIER,
    "outcome_unknown": Exit.UNKNOWN,
    "internal": Exit.BUG,
}
"""By the error's code; a test holds that none is missing."""

BY_STATE: Mapping[IntentState, Exit] = {
    IntentState.REFUSED: Exit.REFUSED,
    IntentState.AWAITING_APPROVAL: Exit.WAITING,
    IntentState.APPROVED: Exit.UNKNOWN,
    IntentState.DECLINED: Exit.REFUSED,
    IntentState.EXPIRED: Exit.REFUSED,
    IntentState.CANCELLED: Exit.REFUSED,
    IntentState.EXECUTING: Exit.UNKNOWN,
    IntentState.COMPLETED: Exit.DONE,
    IntentState.PARTLY_COMPLETED: Exit.CARRIER,
    IntentState.FAILED: Exit.CARRIER,
    IntentState.NEEDS_ATTENTION: Exit.UNKNOWN,
}
"""By how the intent stands that a command leads to: not whether the command ran, but how it is.

So withdrawing an intent ends with 3, like looking at one that was withdrawn. `approved` and
`executing` are what is still under way after the wait.
"""


def of_error(error: RingfenceError) -> Exit:
    """The exit code of a refusal."""
    return BY_ERROR[error.code]


def of_state(state: IntentState) -> Exit:
    """The exit code for an intent as it stands."""
    return BY_STATE[state]
