"""The transition tables: what may follow what. They are data; anything that is not in them raises.

The store enforces the same tables by conditional updates (`… WHERE state = …`), so two processes that try
the same step cannot both take it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum


class IntentState(StrEnum):
    """How far one wish to buy, release or assign has come."""

    REFUSED = "refused"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    DECLINED = "declined"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    EXECUTING = "executing"
    COMPLETED = "completed"
    PARTLY_COMPLETED = "partly_completed"
    FAILED = "failed"
    NEEDS_ATTENTION = "needs_attention"


class LineState(StrEnum):
    """How far one number of an intent has come."""

    READY = "ready"
    DISPATCHING = "dispatching"
    PROVIDER_PENDING = "provider_pending"
    UNKNOWN = "unknown"
    MANUAL = "manual"
    CAPTURED = "captured"
    FAILED = "failed"
    VOIDED = "voided"


class HoldState(StrEnum):
    """What became of budget that was set aside."""

    PENDING = "pending"
    POSTED = "posted"
    VOIDED = "voided"


class NumberState(StrEnum):
    """The life of a number that we pay for."""

    ACTIVE = "active"
    RELEASE_REQUESTED = "release_requested"
    RELEASING = "releasing"
    RELEASE_UNKNOWN = "release_unknown"
    RELEASED = "released"
    LOST = "lost"


class IllegalTransition(RuntimeError):
    """A step that no table allows: a bug, never an answer to a user."""


_I, _L, _H, _N = IntentState, LineState, HoldState, NumberState

# From `executing` on an intent's state is computed from its lines, by `intent_state`.
_COMPUTED = frozenset(
    {_I.EXECUTING, _I.COMPLETED, _I.PARTLY_COMPLETED, _I.FAILED, _I.NEEDS_ATTENTION}
)

INTENT_TRANSITIONS: Mapping[IntentState, frozenset[IntentState]] = {
    _I.REFUSED: frozenset(),
    _I.AWAITING_APPROVAL: frozenset({_I.APPROVED, _I.DECLINED, _I.EXPIRED, _I.CANCELLED}),
    # `failed` at once: every line was voided before it was sent.
    _I.APPROVED: frozenset({_I.EXPIRED, _I.CANCELLED, _I.EXECUTING, _I.FAILED}),
    _I.DECLINED: frozenset(),
    _I.EXPIRED: frozenset(),
    _I.CANCELLED: frozenset(),
    _I.EXECUTING: _COMPUTED,
    _I.NEEDS_ATTENTION: _COMPUTED,
    _I.COMPLETED: frozenset(),
    _I.PARTLY_COMPLETED: frozenset({_I.COMPLETED}),
    _I.FAILED: frozenset({_I.COMPLETED, _I.PARTLY_COMPLETED}),
}
"""`partly_completed` and `failed` move on only by a late success: a failed line that was charged after all."""

LINE_TRANSITIONS: Mapping[LineState, frozenset[LineState]] = {
    _L.READY: frozenset({_L.DISPATCHING, _L.VOIDED}),
    _L.DISPATCHING: frozenset({_L.READY, _L.CAPTURED, _L.FAILED, _L.PROVIDER_PENDING, _L.UNKNOWN}),
    _L.PROVIDER_PENDING: frozenset({_L.CAPTURED, _L.FAILED, _L.UNKNOWN}),
    _L.UNKNOWN: frozenset({_L.CAPTURED, _L.FAILED, _L.MANUAL}),
    _L.MANUAL: frozenset({_L.CAPTURED, _L.FAILED}),
    _L.FAILED: frozenset({_L.CAPTURED}),
    _L.CAPTURED: frozenset(),
    _L.VOIDED: frozenset(),
}

HOLD_TRANSITIONS: Mapping[HoldState, frozenset[HoldState]] = {
    _H.PENDING: frozenset({_H.POSTED, _H.VOIDED}),
    _H.POSTED: frozenset(),
    _H.VOIDED: frozenset(),
}

NUMBER_TRANSITIONS: Mapping[NumberState, frozenset[NumberState]] = {
    _N.ACTIVE: frozenset({_N.RELEASE_REQUESTED, _N.LOST}),
    _N.RELEASE_REQUESTED: frozenset({_N.RELEASING, _N.ACTIVE}),
    # Back from `releasing`: provably not sent, or definitely refused.
    _N.RELEASING: frozenset({_N.RELEASED, _N.RELEASE_UNKNOWN, _N.RELEASE_REQUESTED, _N.ACTIVE}),
    _N.RELEASE_UNKNOWN: frozenset({_N.RELEASED, _N.ACTIVE}),
    _N.RELEASED: frozenset(),
    _N.LOST: frozenset({_N.ACTIVE, _N.RELEASED}),
}

BEING_RELEASED = frozenset({_N.RELEASE_REQUESTED, _N.RELEASING, _N.RELEASE_UNKNOWN})
"""Where a line that gives the number back is open; nothing else may be done with it meanwhile."""

OPEN_INTENTS = frozenset({_I.AWAITING_APPROVAL, _I.APPROVED, _I.EXECUTING, _I.NEEDS_ATTENTION})
SENDABLE_INTENTS = frozenset({_I.APPROVED, _I.EXECUTING, _I.NEEDS_ATTENTION})
"""Where consent has been given, and ready lines may be sent."""
ENDED_INTENTS = frozenset(IntentState) - OPEN_INTENTS
"""Where nothing more happens by itself."""

ENDED_LINES = frozenset({_L.CAPTURED, _L.FAILED, _L.VOIDED})
UNSETTLED_LINES = frozenset({_L.DISPATCHING, _L.PROVIDER_PENDING, _L.UNKNOWN, _L.MANUAL})
"""A request has left, or may have: no timer frees what these hold."""

_TABLES: Mapping[type[StrEnum], Mapping[StrEnum, frozenset[StrEnum]]] = {
    IntentState: INTENT_TRANSITIONS,  # type: ignore[dict-item]  # one table a type; Mapping is invariant in its keys
    LineState: LINE_TRANSITIONS,  # type: ignore[dict-item]  # as above
    HoldState: HOLD_TRANSITIONS,  # type: ignore[dict-item]  # as above
    NumberState: NUMBER_TRANSITIONS,  # type: ignore[dict-item]  # as above
}


def check_transition(before: StrEnum, after: StrEnum) -> None:
    """Raise `IllegalTransition` unless the table of their type allows the step."""
    if type(before) is not type(after) or after not in _TABLES[type(before)][before]:
        raise IllegalTransition(f"{type(before).__name__} {before} may not become {after}.")


def intent_state(lines: Iterable[LineState]) -> IntentState:
    """What an intent's state is once a line has been sent, told by its lines alone."""
    states = set(lines)
    if states & {_L.UNKNOWN, _L.MANUAL}:
        return _I.NEEDS_ATTENTION
    if states - ENDED_LINES:
        return _I.EXECUTING
    if _L.CAPTURED not in states:
        return _I.FAILED
    return _I.COMPLETED if states == {_L.CAPTURED} else _I.PARTLY_COMPLETED
