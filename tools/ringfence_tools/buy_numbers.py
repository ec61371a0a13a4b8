"""buy_numbers: propose exactly these numbers; a person decides elsewhere."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ringfence.desk import buying
from ringfence.desk.buying import BuyWish
from ringfence_tools.intent_reading import read_intent_result
from ringfence_tools.intent_result import IntentResult, intent_result
from ringfence_tools.operation import Arguments, Call, Operation
from ringfence_tools.parsing import read_money
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
        assistant_id=None if arguments.assistant_id == NOBODY else arguments.assistant_id,
        max_total=read_money("max_total", arguments.max_total),
        reason=arguments.reason or None,
        idempotency_key=arguments.idempotency_key,
    )
    progress = call.counting("Reserved")
    intent = await buying.propose_buy(call.desk, call.principal, wish, progress=progress)
    return intent_result(intent, call.surface)


async def follow(call: Call, arguments: BuyArguments, intent_id: str) -> IntentResult:
    """The intent as it stands after the asking or the waiting."""
    return intent_result(
        await buying.get_intent(call.desk, call.principal, intent_id), call.surface
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
