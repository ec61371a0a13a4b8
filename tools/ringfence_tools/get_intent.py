"""get_intent: how a proposed purchase, release or move stands."""

from __future__ import annotations

from ringfence.desk import buying
from ringfence_tools.intent_reading import read_intent_result
from ringfence_tools.intent_result import IntentResult, intent_result
from ringfence_tools.operation import Arguments, Call, Operation
from ringfence_tools.vocabulary import IntentId, WaitSeconds


class GetIntentArguments(Arguments):
    """Which intent, and how long to wait for its end."""

    intent_id: IntentId
    wait_seconds: WaitSeconds = 0


async def run(call: Call, arguments: GetIntentArguments) -> IntentResult:
    """The intent as it stands now."""
    return await follow(call, arguments, arguments.intent_id)


async def follow(call: Call, _arguments: Arguments, intent_id: str) -> IntentResult:
    """The intent as it stands after the asking or the waiting, whichever operation proposed it."""
    return intent_result(
        await buying.get_intent(call.desk, call.principal, intent_id), call.surface
    )


OPERATION = Operation(
    name="get_intent",
    title="Look at an intent",
    description=(
        "Shows a purchase, release or move that was proposed: state, who must act, until when. "
        "Costs nothing. Still awaiting: end your turn and check when the person returns. "
        "`unknown` may have been bought: do not buy another. To withdraw it, use cancel_intent."
    ),
    arguments=GetIntentArguments,
    result=IntentResult,
    run=run,
    read=read_intent_result,
    scopes=frozenset({"numbers:read"}),
    is_read_only=True,
    is_open_world=False,
    follow=follow,
    wait_seconds=lambda arguments: arguments.wait_seconds,
)
