"""assign_number: connect an owned number to a registered assistant, or disconnect it."""

from __future__ import annotations

from pydantic import Field

from ringfence.desk import assigning
from ringfence.desk.assigning import Assigned, AssignWish
from ringfence.states import IntentState
from ringfence_tools.intent_reading import intent_lines
from ringfence_tools.intent_result import IntentDocument, intent_document
from ringfence_tools.intent_texts import ASSIGNED, next_step
from ringfence_tools.operation import Arguments, Call, Operation, Result
from ringfence_tools.printing import reading
from ringfence_tools.steps import StepDocument, read_step, step_document
from ringfence_tools.texts import only_listed
from ringfence_tools.vocabulary import (
    NOBODY,
    AssistantId,
    Label,
    Metadata,
    NumberText,
    Omittable,
)


class AssignArguments(Arguments):
    """Which number, for whom, and what to note about it; addresses are never arguments."""

    number: NumberText
    assistant_id: AssistantId = Field(description='registered id, or "none"')
    label: Omittable[Label] = None
    metadata: Omittable[Metadata] = None


class AssignResult(Result):
    """The number and what was done, or the intent that first needs a person's consent."""

    number: NumberText | None = None
    steps: tuple[StepDocument, ...] | None = None
    intent: IntentDocument | None = None


async def run(call: Call, arguments: AssignArguments) -> AssignResult:
    """Connect an idle number at once; propose an intent for one in use."""
    wish = AssignWish(
        number=arguments.number,
        assistant_id=None if arguments.assistant_id == NOBODY else arguments.assistant_id,
        label=arguments.label,
        metadata=arguments.metadata,
    )
    return _result(call, await assigning.assign(call.desk, call.principal, wish))


async def follow(call: Call, arguments: AssignArguments, intent_id: str) -> AssignResult:
    """What the intent has led to so far."""
    return _result(call, await assigning.assigned_by(call.desk, call.principal, intent_id))


def _result(call: Call, assigned: Assigned) -> AssignResult:
    intent = assigned.intent
    is_done = intent is None or intent.state is IntentState.COMPLETED
    steps = tuple(step_document(step) for step in assigned.steps)
    told = next_step(intent, call.surface) if intent else None
    return AssignResult(
        number=assigned.number if is_done else None,
        steps=steps if steps or is_done else None,
        intent=intent_document(intent, call.surface) if intent else None,
        simulated=intent.is_simulated if intent else call.is_simulated(()),
        next_step=told or only_listed(_next_step(assigned), call.surface.tools),
    )


def _next_step(assigned: Assigned) -> str:
    if all(step.done for step in assigned.steps):
        return ASSIGNED
    return (
        "Tell the person what is not done yet: steps says it. "
        "Call assign_number again with the same arguments to finish."
    )


def read(result: AssignResult) -> str:
    """The number and each step, or the intent that waits for a person."""
    return reading(
        result,
        f"{result.number}:" if result.number else None,
        *(read_step(step) for step in result.steps or ()),
        *(intent_lines(result.intent) if result.intent else ()),
    )


OPERATION = Operation(
    name="assign_number",
    title="Assign a number",
    description=(
        'Connects an owned number to a registered assistant, or with "none" disconnects it. '
        "Costs nothing, but moves live calls and texts: a number already in use needs a person's "
        "consent. A wrong id returns the valid ones. "
        "To get a new number for an assistant, use provision_number."
    ),
    arguments=AssignArguments,
    result=AssignResult,
    run=run,
    read=read,
    scopes=frozenset({"numbers:assign"}),
    is_read_only=False,
    is_destructive=True,
    follow=follow,
)
