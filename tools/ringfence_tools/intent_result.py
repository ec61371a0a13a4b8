"""An intent as the tools return it: state, lines, totals, who must act and until when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ringfence.clock import rfc3339
from ringfence.errors import RingfenceError, error_class
from ringfence.intents import Intent, Level, Line, Op
from ringfence.offers import Provider
from ringfence.states import OPEN_INTENTS, IntentState, LineState
from ringfence_tools.intent_texts import channels, next_step, tell_person
from ringfence_tools.operation import Channel, Part, Result, Surface
from ringfence_tools.printing import cleaned, sentence
from ringfence_tools.texts import only_listed
from ringfence_tools.vocabulary import (
    MAX_WAIT_SECONDS,
    IntentId,
    LineId,
    Moment,
    MoneyText,
    NumberText,
)

UNDER_WAY = frozenset({IntentState.APPROVED, IntentState.EXECUTING})
"""A person has consented, and the end is a matter of seconds."""


class LineError(Part):
    """Why a line failed."""

    code: str
    message: str
    remedy: str


class LineDocument(Part):
    """One number of an intent; the carrier's own currency, null where nothing is charged."""

    line_id: LineId
    number: NumberText
    provider: Provider
    state: LineState
    setup: MoneyText | None
    monthly: MoneyText | None
    error: LineError | None = None


class Consent(Part):
    """What a person has to give, where, until when, and the code that shows it is this intent."""

    level: Level
    approve_at: str | None = None
    match_code: str
    expires_at: Moment
    channels: tuple[Channel, ...]


class NextCall(Part):
    """The call that shows how it goes on."""

    tool: str
    arguments: dict[str, Any]


class IntentDocument(Part):
    """The fields of an intent."""

    intent_id: IntentId
    op: Op
    state: IntentState
    lines: tuple[LineDocument, ...]
    total_now: MoneyText | None
    total_monthly: MoneyText | None
    first_year: MoneyText | None
    converted: Literal[True] | None = None
    requested_by: str
    consent: Consent | None = None
    tell_person: str | None = None
    next_call: NextCall | None = None
    untrusted_reason: str | None = None


class IntentResult(Result, IntentDocument):
    """A result that is an intent: its fields stand at the root."""


def intent_result(intent: Intent, surface: Surface) -> IntentResult:
    """The result for an intent as it stands.

    Raises:
        RingfenceError: the guard refused it; that is an error and never an intent to a caller.
    """
    document = intent_document(intent, surface)
    return IntentResult(
        **dict(document),
        simulated=intent.is_simulated,
        next_step=next_step(intent, surface),
    )


def intent_document(intent: Intent, surface: Surface) -> IntentDocument:
    """The intent's fields alone, for results that hold one under `intent`.

    Raises:
        RingfenceError: as `intent_result`.
    """
    if intent.state is IntentState.REFUSED:
        raise _refusal(intent)
    terms, is_awaiting = intent.terms, intent.state is IntentState.AWAITING_APPROVAL
    return IntentDocument(
        intent_id=intent.intent_id,
        op=terms.op,
        state=intent.state,
        lines=tuple(_line(line, surface) for line in intent.lines),
        total_now=str(terms.total_now),
        total_monthly=str(terms.total_monthly),
        first_year=str(terms.first_year),
        converted=True if terms.is_converted else None,
        requested_by=cleaned(terms.principal) or "",
        consent=_consent(intent, surface) if is_awaiting else None,
        tell_person=tell_person(intent, surface) if is_awaiting else None,
        next_call=_next_call(intent, surface),
        untrusted_reason=cleaned(intent.reason),
    )


def _line(line: Line, surface: Surface) -> LineDocument:
    price = line.terms.price
    return LineDocument(
        line_id=line.line_id,
        number=line.terms.number,
        provider=line.terms.provider,
        state=line.state,
        setup=None if price is None else str(price.setup),
        monthly=None if price is None else str(price.monthly),
        error=None if line.error is None else _line_error(line.error, surface),
    )


def _line_error(error: Mapping[str, Any], surface: Surface) -> LineError:
    return LineError(
        code=error["code"],
        message=sentence(only_listed(error["message"], surface.tools, fallback=error["message"])),
        remedy=sentence(only_listed(error.get("remedy") or "", surface.tools)),
    )


def _consent(intent: Intent, surface: Surface) -> Consent:
    return Consent(
        level=intent.terms.level,
        approve_at=surface.approve_at,
        match_code=intent.match_code,
        expires_at=rfc3339(intent.expires_at),
        channels=channels(intent, surface),
    )


def _next_call(intent: Intent, surface: Surface) -> NextCall | None:
    # To call at once would only spin.
    is_over_for_now = intent.state is IntentState.NEEDS_ATTENTION or intent.delayed_line is not None
    if intent.state not in OPEN_INTENTS or is_over_for_now or "get_intent" not in surface.tools:
        return None
    arguments: dict[str, Any] = {"intent_id": intent.intent_id}
    if intent.state in UNDER_WAY:
        arguments["wait_seconds"] = MAX_WAIT_SECONDS
    return NextCall(tool="get_intent", arguments=arguments)


def _refusal(intent: Intent) -> RingfenceError:
    stored = intent.refusal or {}
    return error_class(stored.get("code", ""))(
        stored.get("message", "This was refused."),
        remedy=stored.get("remedy"),
        details={**stored.get("details", {}), "intent_id": intent.intent_id},
    )


def intent_of(result: Part) -> IntentDocument | None:
    """The intent in a result, whether at its root or under `intent`; None where there is none."""
    held = result if isinstance(result, IntentDocument) else getattr(result, "intent", None)
    return held if isinstance(held, IntentDocument) else None


def awaiting(result: Part) -> IntentDocument | None:
    """The intent in a result if it awaits a person's consent; all that asking needs is in it."""
    intent = intent_of(result)
    if intent is None or intent.state is not IntentState.AWAITING_APPROVAL:
        return None
    return intent
