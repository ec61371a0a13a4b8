"""cancel_intent: withdraw what was proposed and has not been sent."""

from __future__ import annotations

from ringfence.desk import buying
from ringfence_tools.intent_reading import read_intent_result
from ringfence_tools.intent_result import IntentResult, intent_result
from ringfence_tools.operation import Arguments, Call, Operation
from ringfence_tools.vocabulary import IntentId


class CancelIntentArguments(Arguments):
    """Which intent to withdraw."""

    intent_id: IntentId


async def run(call: Call, arguments: CancelIntentArguments) -> IntentResult:
    """Withdraw it, or return it as it is if it has ended or is under way."""
    return intent_result(
        await buying.cancel_intent(call.desk, call.principal, arguments.intent_id), call.surface
    )


OPERATION = Operation(
    name="cancel_intent",
    title="Withdraw an intent",
    description=(
        "Withdraws a purchase, release or move that has not been sent; frees the held budget. "
        "Costs nothing. What has been sent goes on. "
        "To give back a number that was bought, use release_number."
    ),
    arguments=CancelIntentArguments,
    result=IntentResult,
    run=run,
    read=read_intent_result,
    scopes=frozenset({"numbers:buy"}),
    is_read_only=False,
)
