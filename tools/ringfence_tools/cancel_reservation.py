"""cancel_reservation: give back what is no longer wanted."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ringfence.desk import reserving
from ringfence_tools.operation import Arguments, Call, Operation, Result
from ringfence_tools.printing import reading
from ringfence_tools.vocabulary import MAX_ITEMS, UNIQUE, ReservationId


class CancelReservationArguments(Arguments):
    """Which reservations to give back."""

    reservation_ids: Annotated[
        tuple[ReservationId, ...], Field(min_length=1, max_length=MAX_ITEMS), UNIQUE
    ]


class CancelReservationResult(Result):
    """Reservation ids by what became of them."""

    cancelled: tuple[ReservationId, ...]
    already_gone: tuple[ReservationId, ...]


async def run(call: Call, arguments: CancelReservationArguments) -> CancelReservationResult:
    """Give the reservations back."""
    given = await reserving.cancel_reservations(
        call.desk, call.principal, arguments.reservation_ids
    )
    return CancelReservationResult(
        cancelled=given.cancelled,
        already_gone=given.already_gone,
        simulated=call.is_simulated(()),
        next_step="Nothing more is to be done for these: none of them is kept any longer.",
    )


def read(result: CancelReservationResult) -> str:
    """What was given back, and what had lapsed before."""
    return reading(
        result,
        f"Given back: {', '.join(result.cancelled)}." if result.cancelled else None,
        f"Had lapsed before: {', '.join(result.already_gone)}." if result.already_gone else None,
    )


OPERATION = Operation(
    name="cancel_reservation",
    title="Cancel reservations",
    description=(
        "Gives back reservations that are no longer wanted. Costs nothing. "
        "To withdraw a purchase that was proposed, use cancel_intent."
    ),
    arguments=CancelReservationArguments,
    result=CancelReservationResult,
    run=run,
    read=read,
    scopes=frozenset({"numbers:reserve"}),
    is_read_only=False,
)
