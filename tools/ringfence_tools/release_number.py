"""release_number: propose to give a number back for good; a person decides elsewhere."""

from __future__ import annotations

from ringfence.desk import releasing
from ringfence.desk.releasing import ReleaseWish
from ringfence_tools.get_intent import follow
from ringfence_tools.intent_reading import read_intent_result
from ringfence_tools.intent_result import IntentResult, intent_result
from ringfence_tools.operation import Arguments, Call, Operation
from ringfence_tools.vocabulary import (
    IdempotencyKey,
    NumberText,
    Omittable,
    Reason,
    WaitSeconds,
)


class ReleaseArguments(Arguments):
    """Which number to give back, and why."""

    number: NumberText
    reason: Omittable[Reason] = None
    idempotency_key: Omittable[IdempotencyKey] = None
    wait_seconds: WaitSeconds = 0


async def run(call: Call, arguments: ReleaseArguments) -> IntentResult:
    """Propose the release, or find the intent that the same wish has led to."""
    wish = ReleaseWish(
        number=arguments.number,
        reason=arguments.reason or None,
        idempotency_key=arguments.idempotency_key,
    )
    proposed = await releasing.propose_release(call.desk, call.principal, wish)
    return intent_result(proposed, call.surface)


OPERATION = Operation(
    name="release_number",
    title="Give a number back",
    description=(
        "Proposes giving a number back for good; usually it cannot be got again. "
        "Costs nothing and ends the monthly charge. Needs a person's consent, given outside this chat. "
        "Only to stop serving an assistant, use assign_number. "
        "To see what is unused, call list_numbers with idle_days."
    ),
    arguments=ReleaseArguments,
    result=IntentResult,
    run=run,
    read=read_intent_result,
    scopes=frozenset({"numbers:release"}),
    is_read_only=False,
    is_destructive=True,
    follow=follow,
    wait_seconds=lambda arguments: arguments.wait_seconds,
)
