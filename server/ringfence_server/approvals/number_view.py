"""One number on the page: what it is, who sells it, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC

from ringfence.guard.card import checked_grouping, quoted
from ringfence.intents import Intent, Line, LineTerms, Op
from ringfence.numbers import Capability
from ringfence.states import LineState

MAX_SENTENCE = 600
"""Characters of a stored message of ours, in which a name from outside may stand."""
MAX_NAME = 60
"""Characters of a name from outside that stands among facts, so that it cannot pass for more of them."""
_DONE = {Op.BUY: "bought", Op.RELEASE: "given back", Op.ASSIGN: "moved"}
_CAN = {
    Capability.VOICE: "calls",
    Capability.SMS: "SMS",
    Capability.MMS: "MMS",
    Capability.WHATSAPP: "WhatsApp",
    Capability.FAX: "fax",
}


@dataclass(frozen=True)
class NumberView:
    """One number of an intent."""

    shown: str
    said: Sequence[str]
    """The number again in digits alone, where it is, what it can carry, who sells it, what it costs."""
    ended: str | None
    """What became of it; None while nothing has been sent, and nothing keeps it waiting."""


def number_view(line: Line, intent: Intent) -> NumberView:
    """A line of an intent; of a single one the outcome above it says enough."""
    op = intent.terms.op
    is_told_already = len(intent.lines) == 1 and line.state in _TOLD_BY_THE_OUTCOME
    return NumberView(
        shown=checked_grouping(line.terms.number),
        said=list(_said(line.terms, op)),
        ended=None if is_told_already else _ended(line, op),
    )


_TOLD_BY_THE_OUTCOME = frozenset(
    {LineState.READY, LineState.CAPTURED, LineState.VOIDED, LineState.DISPATCHING}
)


def _said(terms: LineTerms, op: Op) -> Iterator[str]:
    where = ", ".join(filter(None, [quoted(terms.place or "", MAX_NAME), terms.country]))
    can = ", ".join(_CAN[each] for each in terms.capabilities) or "no capability known"
    yield f"{terms.number} · {where} · {terms.type.replace('_', '-')} · {can}"
    yield f"at {terms.provider}, account {quoted(terms.account, MAX_NAME)}"
    if op is not Op.BUY:
        yield f"serves {quoted(terms.current_assistant_id or '') or 'nobody'} now"
    if terms.owned_since is not None:
        costs = f"{terms.owned_monthly} a month" if terms.owned_monthly else "at an unknown price"
        yield f"ours since {terms.owned_since.astimezone(UTC):%Y-%m-%d}, {costs}"
    if terms.price is not None:
        yield f"set-up {terms.price.setup}, then {terms.price.monthly} a month"


def _ended(line: Line, op: Op) -> str | None:
    match line.state:
        case LineState.READY if line.error is None:
            return None
        case LineState.READY:
            ended = "Not sent yet"
        case LineState.CAPTURED:
            return _DONE[op].capitalize()
        case LineState.VOIDED:
            return "Not sent"
        case LineState.FAILED:
            ended = f"Not {_DONE[op]}"
        case state:
            ended = _LINES[state]
    return f"{ended}: {quoted(line.error['message'], MAX_SENTENCE)}" if line.error else ended


_LINES = {
    LineState.DISPATCHING: "The carrier is being asked",
    LineState.PROVIDER_PENDING: "Taken; the carrier is working on it",
    LineState.UNKNOWN: "Outcome unknown",
    LineState.MANUAL: "Outcome unknown; a person has to look",
}
