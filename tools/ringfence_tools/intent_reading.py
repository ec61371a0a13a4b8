"""An intent as a person reads it: what and how far, each number, what it costs, who must act."""

from __future__ import annotations

from collections.abc import Iterator

from ringfence.states import IntentState
from ringfence_tools.intent_result import IntentDocument, IntentResult, LineDocument
from ringfence_tools.printing import reading, words


def read_intent_result(result: IntentResult) -> str:
    """The text of a result that is an intent."""
    return reading(result, *intent_lines(result))


def intent_lines(intent: IntentDocument) -> Iterator[str]:
    """An intent's own lines, for results that hold one."""
    yield f"{intent.op.capitalize()} {intent.intent_id}: {words(intent.state)}."
    yield from (_line(line) for line in intent.lines)
    yield from _totals(intent)
    if intent.tell_person:
        yield f"Tell the person: {intent.tell_person}"


def _totals(intent: IntentDocument) -> Iterator[str]:
    """What all of it costs, as long as it may; what was charged of it in part stands at the lines."""
    if intent.state in _NEVER_CHARGED:
        return
    about = "at most " if intent.converted else ""
    whole = "Had all of it been bought: now" if intent.state in _IN_PART else "Now"
    yield (
        f"{whole} {about}{intent.total_now}, monthly {about}{intent.total_monthly}, "
        f"first year {about}{intent.first_year}."
    )


_NEVER_CHARGED = frozenset(
    {IntentState.DECLINED, IntentState.EXPIRED, IntentState.CANCELLED, IntentState.FAILED}
)
_IN_PART = frozenset({IntentState.PARTLY_COMPLETED})


def _line(line: LineDocument) -> str:
    price = f", set-up {line.setup}, monthly {line.monthly}" if line.monthly else ""
    why = f" ({line.error.code}: {line.error.message} {line.error.remedy})" if line.error else ""
    return f"- {line.number} at {line.provider}: {words(line.state)}{price}{why}"
