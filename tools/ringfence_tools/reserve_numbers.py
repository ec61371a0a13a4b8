"""reserve_numbers: keep offers while a person chooses, and look at the limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from ringfence.clock import rfc3339
from ringfence.desk import reserving
from ringfence.desk.reserving import FailedItem, Reserved
from ringfence.guard.decision import Decision, Violation
from ringfence.intents import Level
from ringfence.offers import Reservation, ReservationKind
from ringfence_tools.operation import Arguments, Call, Operation, Part, Result
from ringfence_tools.printing import printed, reading
from ringfence_tools.refusal import read_violation
from ringfence_tools.texts import only_listed
from ringfence_tools.vocabulary import (
    MAX_ITEMS,
    UNIQUE,
    Moment,
    MoneyText,
    NumberText,
    OfferId,
    ReservationId,
)


class ReserveArguments(Arguments):
    """Which offers to keep."""

    offer_ids: Annotated[tuple[OfferId, ...], Field(min_length=1, max_length=MAX_ITEMS), UNIQUE]


class ReservationDocument(Part):
    """A kept offer with its fresh price; kind `local` keeps it only from ourselves."""

    reservation_id: ReservationId
    offer_id: OfferId
    number: NumberText
    kind: ReservationKind
    setup: MoneyText | None
    monthly: MoneyText | None
    expires_at: Moment


class FailedDocument(Part):
    """An offer that could not be kept."""

    offer_id: OfferId
    code: str
    message: str


class ViolationDocument(Part):
    """One rule that says no, as refusals have it in `details.violations`."""

    rule: str
    budget: str | None
    scope: str | None
    window: str | None
    limit: str | None
    used: str | None
    held: str | None
    requested: str | None
    left: str | None


class GuardDocument(Part):
    """Whether these could be bought now, and the consent that a purchase would need."""

    allowed: bool
    violations: tuple[ViolationDocument, ...]
    consent: Level


class ReserveResult(Result):
    """What is kept and what is not, the sum, and the guard's preview."""

    reservations: tuple[ReservationDocument, ...]
    failed: tuple[FailedDocument, ...]
    total_now: MoneyText | None
    total_monthly: MoneyText | None
    converted: Literal[True] | None = None
    guard: GuardDocument


async def run(call: Call, arguments: ReserveArguments) -> ReserveResult:
    """Keep the offers and show what they would cost."""
    reserved = await reserving.reserve(
        call.desk, call.principal, arguments.offer_ids, progress=call.counting("Reserved")
    )
    stock = [kept.offer.stock for kept in reserved.reservations]
    return ReserveResult(
        reservations=tuple(_reservation(kept) for kept in reserved.reservations),
        failed=tuple(_failed(item) for item in reserved.failed),
        total_now=printed(reserved.total_now),
        total_monthly=printed(reserved.total_monthly),
        converted=True if reserved.is_converted else None,
        guard=_guard(reserved.decision),
        simulated=call.is_simulated(s.provider for s in stock),
        next_step=only_listed(_next_step(reserved), call.surface.tools),
    )


def _reservation(kept: Reservation) -> ReservationDocument:
    price = kept.offer.stock.price
    return ReservationDocument(
        reservation_id=kept.reservation_id,
        offer_id=kept.offer.offer_id,
        number=kept.offer.stock.number,
        kind=kept.kind,
        setup=printed(price.setup if price else None),
        monthly=printed(price.monthly if price else None),
        expires_at=rfc3339(kept.expires_at),
    )


def _failed(item: FailedItem) -> FailedDocument:
    return FailedDocument(offer_id=item.offer_id, code=item.error.code, message=item.error.message)


def _guard(decision: Decision) -> GuardDocument:
    return GuardDocument(
        allowed=decision.is_allowed,
        violations=tuple(_violation(v) for v in decision.violations),
        consent=decision.level,
    )


def _violation(violation: Violation) -> ViolationDocument:
    return ViolationDocument(**dict(violation))


def _next_step(reserved: Reserved) -> str:
    if not reserved.reservations:
        return (
            "Nothing could be kept. Tell the person why: failed says it. "
            "Call search_numbers for other offers."
        )
    if not reserved.decision.is_allowed:
        return (
            "The limits would refuse this: tell the person which rule, limit and amount. "
            "Only a person can change limits."
        )
    return (
        "Let the person choose. Then call buy_numbers with the reservation_id, before expires_at."
    )


def read(result: ReserveResult) -> str:
    """What is kept, what is not, what it would cost, and whether the limits allow it."""
    about = "at most " if result.converted else ""
    total = f"Together {about}{result.total_now} now, then {about}{result.total_monthly} a month."
    return reading(
        result,
        *(_read_reservation(kept) for kept in result.reservations),
        *(f"- {item.offer_id} is not kept: {item.message}" for item in result.failed),
        total if result.total_now else "The sum is not known: a price or a rate is missing.",
        *_read_guard(result.guard),
    )


def _read_reservation(kept: ReservationDocument) -> str:
    cost = f"set-up {kept.setup}, monthly {kept.monthly}" if kept.monthly else "no price"
    until = f"until {kept.expires_at}"
    if kept.kind is ReservationKind.LOCAL:
        until = f"others may still buy it; listed {until}"
    return f"- {kept.number}: {cost}; {until}. {kept.reservation_id}"


def _read_guard(guard: GuardDocument) -> Iterator[str]:
    if guard.allowed:
        yield f"Within the limits; buying needs consent ({guard.consent})."
        return
    yield "The limits do not allow it:"
    yield from (read_violation(violation.as_document()) for violation in guard.violations)


OPERATION = Operation(
    name="reserve_numbers",
    title="Reserve numbers",
    description=(
        "Optional: keeps offers while a person chooses, refreshes prices and previews the limits. "
        "Costs nothing. Kind `local` means that others may still buy it. "
        "To buy at once, use buy_numbers, which reserves on the way."
    ),
    arguments=ReserveArguments,
    result=ReserveResult,
    run=run,
    read=read,
    scopes=frozenset({"numbers:reserve"}),
    is_read_only=False,
)
