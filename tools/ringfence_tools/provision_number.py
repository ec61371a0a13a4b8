"""provision_number: give an assistant a number, in one call that may be repeated."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ringfence.desk import provisioning
from ringfence.desk.provisioning import Given, Provisioned, ProvisionWish
from ringfence.errors import InvalidArguments
from ringfence.intents import DeclineReason, Intent, Op
from ringfence.numbers import MAIN_ROLE, ROLE_PATTERN, NumberType
from ringfence.states import IntentState
from ringfence_tools.intent_reading import intent_lines
from ringfence_tools.intent_result import IntentDocument, intent_document
from ringfence_tools.intent_texts import next_step
from ringfence_tools.operation import Arguments, Call, Operation, Result
from ringfence_tools.parsing import read_money
from ringfence_tools.printing import reading
from ringfence_tools.steps import StepDocument, read_step, step_document
from ringfence_tools.texts import only_listed
from ringfence_tools.vocabulary import (
    AREA_CODE_PATTERN,
    KEYPAD_PATTERN,
    NOBODY,
    AssistantId,
    Capabilities,
    CountryCode,
    MoneyText,
    NumberText,
    Omittable,
    Place,
    Reason,
    TypeOnSale,
    WaitSeconds,
)


class ProvisionArguments(Arguments):
    """For whom, and what kind of number."""

    assistant_id: AssistantId
    country: CountryCode
    type: Omittable[TypeOnSale] = None
    capabilities: Capabilities = ()
    area_code: Omittable[Annotated[str, Field(pattern=AREA_CODE_PATTERN)]] = None
    locality: Omittable[Place] = Field(default=None, description="city")
    contains: Omittable[Annotated[str, Field(pattern=KEYPAD_PATTERN)]] = None
    role: Annotated[str, Field(pattern=ROLE_PATTERN)] = Field(
        default=MAIN_ROLE, description="tells several numbers of one assistant apart"
    )
    max_monthly: Omittable[MoneyText] = None
    reason: Omittable[Reason] = None
    wait_seconds: WaitSeconds = 0


class ProvisionResult(Result):
    """The number and what was done, or the intent that first needs a person's consent."""

    number: NumberText | None = None
    steps: tuple[StepDocument, ...] | None = None
    reused: bool | None = None
    intent: IntentDocument | None = None


async def run(call: Call, arguments: ProvisionArguments) -> ProvisionResult:
    """Find the assistant's number, or an idle one, or propose the cheapest match."""
    if arguments.assistant_id == NOBODY:
        raise InvalidArguments(f'assistant_id: "{NOBODY}" is no assistant.')
    wish = ProvisionWish(
        assistant_id=arguments.assistant_id,
        country=arguments.country,
        type=NumberType(arguments.type) if arguments.type else None,
        capabilities=arguments.capabilities,
        area_code=arguments.area_code,
        locality=arguments.locality,
        contains=arguments.contains,
        role=arguments.role,
        max_monthly=read_money("max_monthly", arguments.max_monthly),
        reason=arguments.reason or None,
    )
    return _result(call, await provisioning.provision(call.desk, call.principal, wish))


async def follow(call: Call, arguments: ProvisionArguments, intent_id: str) -> ProvisionResult:
    """What the intent has led to so far."""
    return _result(call, await provisioning.provisioned_by(call.desk, call.principal, intent_id))


def _result(call: Call, provisioned: Provisioned) -> ProvisionResult:
    listed = call.surface.tools
    if isinstance(provisioned, Given):
        return ProvisionResult(
            number=provisioned.record.number,
            steps=(step_document(provisioned.step),),
            reused=provisioned.is_reused,
            simulated=call.is_simulated([provisioned.record.provider]),
            next_step=only_listed(_given(provisioned), listed),
        )
    again = _again(provisioned)
    return ProvisionResult(
        intent=intent_document(provisioned, call.surface),
        simulated=provisioned.is_simulated,
        next_step=only_listed(again, listed) if again else next_step(provisioned, call.surface),
    )


def _given(given: Given) -> str:
    if not given.step.done:
        return (
            "Tell the person what is not done yet: steps says it. "
            "Call provision_number again with the same arguments to see it done."
        )
    how = "it was ours already and nothing was charged" if given.is_reused else "it is bought"
    return (
        f"Tell the person the number: {how}. Call list_numbers to see whether calls and texts work."
    )


def _again(intent: Intent) -> str | None:
    """What to do once nothing came of a purchase; None where the usual words will do."""
    if intent.terms.op is not Op.BUY:
        return None
    match intent.state, intent.decline_reason:
        case IntentState.DECLINED, DeclineReason.ANOTHER_NUMBER:
            return (
                "The person wants another number; nothing was charged. "
                "Call provision_number again with the same arguments: it leaves this one out."
            )
        case IntentState.DECLINED, DeclineReason.TOO_EXPENSIVE:
            return (
                "The person finds it too expensive; nothing was charged. Ask what it may cost. "
                "Then call provision_number again with max_monthly."
            )
        case IntentState.EXPIRED, _:
            return (
                "Nobody consented in time and nothing was charged. "
                "Ask the person whether it is still wanted. If it is, call provision_number again."
            )
        case IntentState.CANCELLED, _:
            return (
                "It was withdrawn and nothing was charged. "
                "If it is wanted after all, call provision_number again."
            )
        case IntentState.FAILED, _:
            return (
                "Nothing was bought and nothing was charged. "
                "Tell the person why: lines[].error says it. "
                "Call provision_number again for the next match."
            )
    return None


def read(result: ProvisionResult) -> str:
    """The number and how far it is connected, or the intent that waits for a person."""
    return reading(
        result,
        f"{result.number}{', ours already' if result.reused else ''}:" if result.number else None,
        *(read_step(step) for step in result.steps or ()),
        *(intent_lines(result.intent) if result.intent else ()),
    )


OPERATION = Operation(
    name="provision_number",
    title="Give an assistant a number",
    description=(
        "The usual choice: gives an assistant a number. Uses a matching idle one first, else "
        "proposes the cheapest match, then connects it. Charges set-up plus monthly, only after "
        "consent outside this chat. Repeat the same call to continue; it never buys twice for the "
        "same assistant and role. To choose the number yourself, use search_numbers."
    ),
    arguments=ProvisionArguments,
    result=ProvisionResult,
    run=run,
    read=read,
    scopes=frozenset({"numbers:buy", "numbers:assign"}),
    is_read_only=False,
    is_destructive=True,
    follow=follow,
    wait_seconds=lambda arguments: arguments.wait_seconds,
)
