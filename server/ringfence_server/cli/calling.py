"""Calling tools from a shell: `call` for all of them, `search` and `numbers` for people."""

from __future__ import annotations

import json
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from typing import Annotated, Any, cast

import typer

from ringfence.desk import listing
from ringfence.desk.buying import get_intent
from ringfence.desk.listing import Idle
from ringfence.errors import InvalidArguments
from ringfence.states import IntentState
from ringfence_server.cli import exits
from ringfence_server.cli.at_work import WORK_SECONDS, in_premises, person, surface, work_off
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import SIMULATED, Json, print_document, show, table
from ringfence_server.opening import Premises
from ringfence_tools import CATALOG, list_numbers
from ringfence_tools.intent_result import intent_of
from ringfence_tools.list_numbers import ListArguments, ListResult, NumberDocument
from ringfence_tools.operation import AnyOperation, Call, Result
from ringfence_tools.parsing import parse
from ringfence_tools.printing import printed, words
from ringfence_tools.search_numbers import OfferDocument, SearchResult

NO_SUM = "What they cost together is not known: a price or a rate is missing."


def call(
    tool: Annotated[str, typer.Argument(help="The tool's name, such as list_numbers.")],
    arguments: Annotated[str, typer.Argument(help="Its arguments: one JSON object.")] = "{}",
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait up to 25 s for a person to decide elsewhere.")
    ] = False,
) -> Exit:
    """Call a tool as an assistant would, and print its result as JSON.

    A purchase that awaits a person ends with exit code 4: `ringfence approve` is for that person.
    """
    result = run_tool(tool, _read_json(arguments), wait=wait)
    print_document(result.as_document())
    intent = intent_of(result)
    return exits.of_state(intent.state) if intent else Exit.DONE


def search(
    country: Annotated[str, typer.Argument(help="Two letters, such as US.")],
    *,
    type_: Annotated[
        str | None, typer.Option("--type", help="local, national, mobile or toll_free.")
    ] = None,
    area_code: Annotated[str | None, typer.Option(help="Such as 415.")] = None,
    starts_with: Annotated[str | None, typer.Option(help="Digits after the country code.")] = None,
    contains: Annotated[str | None, typer.Option(help="Digits, or letters of a keypad.")] = None,
    locality: Annotated[str | None, typer.Option(help="City.")] = None,
    region: Annotated[str | None, typer.Option(help="State or province, such as CA.")] = None,
    capability: Annotated[
        list[str] | None, typer.Option(help="voice, sms, mms, whatsapp or fax; may be repeated.")
    ] = None,
    max_monthly: Annotated[str | None, typer.Option(help='Such as "2.00 USD".')] = None,
    limit: Annotated[int, typer.Option(help="How many at most, up to 50.")] = 5,
    as_json: Json = False,
) -> Exit:
    """Find numbers on sale, cheapest first year first. Costs nothing."""
    wished = {
        "country": country.upper(),
        "type": type_,
        "area_code": area_code,
        "starts_with": starts_with,
        "contains": contains,
        "locality": locality,
        "region": region,
        "capabilities": capability or None,
        "max_monthly": max_monthly,
        "limit": limit,
    }
    result = cast("SearchResult", run_tool("search_numbers", _without_none(wished)))
    found = table(
        "number",
        "where",
        "set-up, monthly",
        "offer",
        rows=map(_offer, result.offers),
        wraps="where",
    )
    text = [found] if result.offers else ["Nothing matches.", *result.relaxations]
    show(result.as_document(), *text, *marked(result), as_json=as_json)
    return Exit.DONE


def numbers(
    *,
    country: Annotated[str | None, typer.Option(help="Two letters, such as US.")] = None,
    assistant: Annotated[str | None, typer.Option(help="Whom they serve.")] = None,
    idle_days: Annotated[
        int | None, typer.Option(help="Only those that have served nobody for so many days.")
    ] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the carriers first.")] = False,
    limit: Annotated[int, typer.Option(help="How many at most, up to 100.")] = 20,
    as_json: Json = False,
) -> Exit:
    """List the numbers that we pay for, and what a year of the idle ones costs."""
    wished = {
        "country": country and country.upper(),
        "assistant_id": assistant,
        "idle_days": idle_days,
        "refresh": refresh,
        "limit": limit,
    }
    arguments = parse(list_numbers.OPERATION, _without_none(wished))
    result, idle = in_premises(partial(_listed, arguments=arguments))
    document = {**result.as_document(), "idle": _idle_document(idle)}
    found = table(
        "number",
        "state",
        "serves",
        "a month",
        "works",
        rows=map(_number, result.numbers),
        wraps="works",
    )
    total = f"Together {result.total_monthly} a month." if result.total_monthly else NO_SUM
    text = [found, total] if result.numbers else ["None yet." if idle_days is None else "None."]
    show(document, *text, *_idle_told(idle, idle_days), *marked(result), as_json=as_json)
    return Exit.DONE


async def _listed(opened: Premises, *, arguments: ListArguments) -> tuple[ListResult, Idle]:
    """What the tool lists, and what those of them that serve nobody cost."""
    result = await list_numbers.run(Call(opened.desk, person(), surface()), arguments)
    return result, await listing.idle(opened.desk, person(), list_numbers.wish_of(arguments))


def _idle_document(idle: Idle) -> dict[str, Any]:
    return {
        "count": idle.count,
        "yearly": printed(idle.yearly),
        **({"converted": True} if idle.is_converted else {}),
    }


def _idle_told(idle: Idle, days: int | None) -> list[str]:
    if not idle.count:
        return []
    cost = f"{'at most ' if idle.is_converted else ''}{idle.yearly}" if idle.yearly else "unknown"
    since = f" for {days} days or more" if days else ""
    who = "1 serves" if idle.count == 1 else f"{idle.count} serve"
    return [f"{who} nobody{since}, which costs {cost} a year."]


def run_tool(name: str, raw: object, *, wait: bool = False) -> Result:
    """The result of one tool, through the same parsing and the same story as at the server.

    Raises:
        RingfenceError: as the tool.
    """
    operation = _operation(name)
    parsed = parse(operation, raw)
    return in_premises(partial(_run, operation=operation, arguments=parsed, wait=wait))


async def _run(opened: Premises, *, operation: AnyOperation, arguments: Any, wait: bool) -> Result:
    tool_call = Call(opened.desk, person(), surface())
    result: Result = await operation.run(tool_call, arguments)
    intent = intent_of(result)
    if intent is None or operation.follow is None:
        return result
    if intent.state is IntentState.AWAITING_APPROVAL:
        seconds = WORK_SECONDS if wait else float(operation.wait_seconds(arguments))
        await work_off(opened, intent.intent_id, seconds)
    else:
        await work_off(opened, intent.intent_id)
    from ringfence_server.consent import (
        surface_for,  # it knows the protocol, which no other command needs
    )
    from ringfence_server.intent_stories import intents_of_the_desk

    awaited = await get_intent(opened.desk, person(), intent.intent_id)
    page = opened.page_keeper().living_addresses
    seen = await surface_for(awaited, tool_call, intents_of_the_desk(), page)
    followed: Result = await operation.follow(
        replace(tool_call, surface=seen), arguments, intent.intent_id
    )
    return followed


def _operation(name: str) -> AnyOperation:
    known = {operation.name: operation for operation in CATALOG}
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(known)}."
    raise InvalidArguments(f"No tool is called {name[:64]!r}.", remedy=hint)


def _read_json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArguments(
            "The arguments are no JSON.",
            remedy="""Write one object in single quotes, such as '{"country": "US"}'.""",
        ) from error


def _without_none(wished: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wished.items() if value is not None}


def marked(result: Result) -> list[str]:
    """The note that nothing of a result is real, where nothing is."""
    return [SIMULATED] if result.simulated else []


def _offer(offer: OfferDocument) -> tuple[str, str, str, str]:
    setup, monthly = (offer.setup or "").partition(" ")[0], offer.monthly
    price = f"{setup} + {monthly}" if monthly else "no price"
    where = offer.place or f"{offer.country}, {words(offer.type)}"
    return offer.number, where, price, offer.offer_id


def _number(number: NumberDocument) -> tuple[str, str, str, str, str]:
    ready = number.readiness
    works = f"voice {ready.voice}, SMS {ready.sms}"
    whom = number.assistant_id or "nobody"
    return number.number, words(number.state), whom, number.monthly or "unknown", works
