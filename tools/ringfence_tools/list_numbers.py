"""list_numbers: what we pay for, and whom it serves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ringfence.desk import listing
from ringfence.desk.listing import ListWish, NumberPage
from ringfence.inventory import NumberRecord, Origin, Ready
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Provider
from ringfence.states import NumberState
from ringfence_tools.operation import Arguments, Call, Operation, Part, Result
from ringfence_tools.printing import cleaned, moment, named, printed, reading, words
from ringfence_tools.texts import only_listed
from ringfence_tools.vocabulary import (
    MAX_IDLE_DAYS,
    MAX_LABEL,
    NOBODY,
    AssistantId,
    CountryCode,
    Cursor,
    Moment,
    MoneyText,
    NumberText,
    Omittable,
)


class ListArguments(Arguments):
    """Which numbers."""

    country: Omittable[CountryCode] = None
    provider: Omittable[Provider] = None
    assistant_id: Omittable[AssistantId] = None
    state: Omittable[NumberState] = None
    idle_days: Omittable[Annotated[int, Field(ge=0, le=MAX_IDLE_DAYS)]] = Field(
        default=None, description="unassigned for at least so many days"
    )
    number: Omittable[NumberText] = None
    refresh: bool = Field(default=False, description="ask the carriers first")
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Omittable[Cursor] = None


class ReadinessDocument(Part):
    """Whether each channel works today; `no` is a number that never will."""

    voice: Ready
    sms: Ready
    whatsapp: Ready


class NumberDocument(Part):
    """A number that we pay for."""

    number: NumberText
    provider: Provider
    country: CountryCode
    type: NumberType
    state: NumberState
    capabilities: tuple[Capability, ...]
    readiness: ReadinessDocument
    blockers: tuple[str, ...]
    assistant_id: str | None
    label: str | None
    metadata: dict[str, str]
    monthly: MoneyText | None
    renews_at: Moment | None
    origin: Origin


class ListResult(Result):
    """Numbers in the order they were bought; the total is of every match, not of this page."""

    numbers: tuple[NumberDocument, ...]
    assistants: tuple[str, ...] = Field(description="ids; a pattern ends with *")
    total_monthly: MoneyText | None
    converted: Literal[True] | None = None
    next_cursor: str | None = None


async def run(call: Call, arguments: ListArguments) -> ListResult:
    """List what matches."""
    progress = call.counting("Asked", "carriers")
    page = await listing.list_numbers(
        call.desk, call.principal, wish_of(arguments), progress=progress
    )
    return ListResult(
        numbers=tuple(_number(record) for record in page.numbers),
        assistants=page.assistants,
        total_monthly=printed(page.total_monthly),
        converted=True if page.is_converted else None,
        next_cursor=page.next_cursor,
        simulated=call.is_simulated(record.provider for record in page.numbers),
        next_step=only_listed(_next_step(page), call.surface.tools),
    )


def wish_of(arguments: ListArguments) -> ListWish:
    """The arguments as the desk is asked."""
    is_for_nobody = arguments.assistant_id == NOBODY
    return ListWish(
        country=arguments.country,
        provider=arguments.provider,
        assistant_id=None if is_for_nobody else arguments.assistant_id,
        state=arguments.state,
        # "none" is assign_number's word for no assistant: unassigned, for however short a time.
        idle_days=arguments.idle_days or 0 if is_for_nobody else arguments.idle_days,
        number=arguments.number,
        refresh=arguments.refresh,
        limit=arguments.limit,
        cursor=arguments.cursor,
    )


def _number(record: NumberRecord) -> NumberDocument:
    ready = record.readiness
    return NumberDocument(
        number=record.number,
        provider=record.provider,
        country=record.country,
        type=record.type,
        state=record.state,
        capabilities=record.capabilities,
        readiness=ReadinessDocument(voice=ready.voice, sms=ready.sms, whatsapp=ready.whatsapp),
        blockers=ready.blockers,
        assistant_id=record.assistant_id,
        label=cleaned(record.label, MAX_LABEL),
        metadata=record.metadata,
        monthly=printed(record.monthly),
        renews_at=moment(record.renews_at),
        origin=record.origin,
    )


def _next_step(page: NumberPage) -> str:
    if not page.numbers:
        return "Tell the person that nothing matches. To see what is on sale, call search_numbers."
    if any(
        record.assistant_id is None and record.state is NumberState.ACTIVE
        for record in page.numbers
    ):
        return "Use an unassigned number before buying another. Call assign_number to connect it."
    return "Nothing is to be done; tell the person what they asked for."


def read(result: ListResult) -> str:
    """The numbers, one a line, what they cost together, and whom they may serve."""
    about = "at most " if result.converted else ""
    total = (
        f"Together {about}{result.total_monthly} a month."
        if result.total_monthly
        else "The sum is not known: a price or a rate is missing."
    )
    return reading(
        result,
        *(_read_number(number) for number in result.numbers),
        total if result.numbers else "No number of ours matches.",
        f"Registered assistants: {named(result.assistants)}." if result.assistants else None,
        f"More with cursor {result.next_cursor}." if result.next_cursor else None,
    )


def _read_number(number: NumberDocument) -> str:
    whom = f"serves {number.assistant_id}" if number.assistant_id else "unassigned"
    cost = f"{number.monthly} a month" if number.monthly else "price unknown"
    renewal = f", renews {number.renews_at}" if number.renews_at else ""
    ready = number.readiness
    works = f"voice {ready.voice}, SMS {ready.sms}, WhatsApp {ready.whatsapp}"
    blocked = f" ({'; '.join(number.blockers)})" if number.blockers else ""
    head = f"- {number.number} at {number.provider}, {words(number.state)}"
    return f"{head}: {whom}, {cost}{renewal}; {works}{blocked}"


OPERATION = Operation(
    name="list_numbers",
    title="List our numbers",
    description=(
        "Lists the numbers we pay for: cost, assignment, renewal, what blocks calls or SMS; also "
        "the registered assistants. Costs nothing. Look before buying. "
        "To see numbers on sale, use search_numbers."
    ),
    arguments=ListArguments,
    result=ListResult,
    run=run,
    read=read,
    scopes=frozenset({"numbers:read"}),
    is_read_only=True,
)
