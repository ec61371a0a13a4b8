"""buy_numbers: propose exactly these numbers; a person decides elsewhere."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ringfence.desk import buying
from ringfence.desk.buying import BuyWish
from ringfence.intents import Intent
from ringfence_tools.intent_reading import read_intent_result
from ringfence_tools.intent_result import IntentResult, intent_result
from ringfence_tools.operation import Arguments, Call, Operation
from ringfence_tools.parsing import read_money
from ringfence_tools.printing import named
from ringfence_tools.texts import only_listed
from ringfence_tools.vocabulary import (
    MAX_ITEMS,
    NOBODY,
    UNIQUE,
    AssistantId,
    IdempotencyKey,
    ItemId,
    MoneyText,
    Omittable,
    Reason,
    WaitSeconds,
)


class BuyArguments(Arguments):
    """What to buy, for whom, and at most for how much."""

    items: Annotated[tuple[ItemId, ...], Field(min_length=1, max_length=MAX_ITEMS), UNIQUE] = Field(
        description="offer or reservation ids"
    )
    assistant_id: Omittable[AssistantId] = None
    max_total: Omittable[MoneyText] = Field(
        default=None, description="bounds total_now, e.g. 5.00 USD"
    )
    reason: Omittable[Reason] = None
    idempotency_key: Omittable[IdempotencyKey] = None
    wait_seconds: WaitSeconds = 0


async def run(call: Call, arguments: BuyArguments) -> IntentResult:
    """Propose the purchase, or find the intent that the same wish has led to."""
    wish = BuyWish(
        items=arguments.items,
        assistant_id=_wanted(arguments),
        max_total=read_money("max_total", arguments.max_total),
        reason=arguments.reason or None,
        idempotency_key=arguments.idempotency_key,
    )
    progress = call.counting("Reserved")
    intent = await buying.propose_buy(call.desk, call.principal, wish, progress=progress)
    return await _result(call, arguments, intent)


async def follow(call: Call, arguments: BuyArguments, intent_id: str) -> IntentResult:
    """The intent as it stands after the asking or the waiting."""
    intent = await buying.get_intent(call.desk, call.principal, intent_id)
    return await _result(call, arguments, intent)


async def _result(call: Call, arguments: BuyArguments, intent: Intent) -> IntentResult:
    """The intent, with a word about what of the wish is not in it: a number may be asked for already."""
    result = intent_result(intent, call.surface)
    left_out = await buying.not_in(call.desk, call.principal, arguments.items, intent)
    is_more = len(intent.lines) + len(left_out) > len(arguments.items)
    if not left_out and not is_more and _wanted(arguments) == intent.terms.assistant_id:
        return result
    note = only_listed(_note(intent, left_out), call.surface.tools)
    return result.model_copy(update={"next_step": f"{note} {result.next_step}"})


def _wanted(arguments: BuyArguments) -> str | None:
    return None if arguments.assistant_id == NOBODY else arguments.assistant_id


def _note(intent: Intent, left_out: list[str]) -> str:
    whom = intent.terms.assistant_id or "no assistant"
    missing = f" {named(left_out)} is not in it." if left_out else ""
    return (
        f"This is an earlier request of yours, for {whom}: {named([line.terms.number for line in intent.lines])}."
        f"{missing} "
        "To ask for something else, withdraw it with cancel_intent."
    )


OPERATION = Operation(
    name="buy_numbers",
    title="Buy numbers",
    description=(
        "Proposes buying exactly these. Charges set-up plus first month, then monthly until "
        "released, only after consent that a person gives outside this chat. "
        "If `awaiting_approval`, tell the person what `tell_person` says. Then use get_intent. "
        "The same items return the same intent. If any match will do, use provision_number."
    ),
    arguments=BuyArguments,
    result=IntentResult,
    run=run,
    read=read_intent_result,
    scopes=frozenset({"numbers:buy"}),
    is_read_only=False,
    is_destructive=True,
    follow=follow,
    wait_seconds=lambda arguments: arguments.wait_seconds,
)
