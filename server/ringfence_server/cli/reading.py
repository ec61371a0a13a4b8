"""An intent as a person at the terminal reads it: how it stands, and what they can do now."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from ringfence.desk.resolving import Open
from ringfence.guard.card import WIDTH, quoted
from ringfence.intents import Intent, Level, Line, Op, Terms
from ringfence.states import IntentState, LineState
from ringfence.store.intents import Damaged
from ringfence_server.cli.output import filled
from ringfence_server.cli.remedies import for_person

MAX_SENTENCE = 600
"""Characters of a stored message; ours are shorter."""
CONSENT = {
    Level.CLIENT: "of a client",
    Level.PAGE: "on the page or in a terminal",
    Level.PASSPHRASE: "with a passphrase",
    Level.PASSKEY: "with a passkey",
    Level.TWO_PEOPLE: "of two people, one of them with a passkey",
}
"""What stands behind the word consent, at each level."""

_DONE = {Op.BUY: "Bought", Op.RELEASE: "Given back", Op.ASSIGN: "Moved"}

_STANDS = {
    IntentState.REFUSED: "The guard refused it; nothing was asked for.",
    IntentState.AWAITING_APPROVAL: (
        "It waits for a person: ringfence approve {id}, or ringfence decline {id}."
    ),
    IntentState.APPROVED: "Approved, and about to be sent. To go on here: ringfence settle",
    IntentState.DECLINED: "Declined{by}: final, and nothing was charged.",
    IntentState.EXPIRED: "Nobody decided in time; nothing was charged.",
    IntentState.CANCELLED: "Withdrawn; nothing was charged.",
    IntentState.EXECUTING: "The carrier is at it. To go on here: ringfence settle",
    IntentState.COMPLETED: "{done}.",
    IntentState.PARTLY_COMPLETED: "{done} in part: the lines say which.",
    IntentState.FAILED: "It did not work out, and nothing was charged.",
    IntentState.NEEDS_ATTENTION: (
        "It may have been {did}. It is looked up, never sent again: ringfence settle"
    ),
}


def to_resolve(left: Open) -> list[dict[str, str]]:
    """What a person has to resolve, as `--json` prints it."""
    return [
        *(
            {"id": line.line_id, "number": line.terms.number, "op": intent.terms.op.value}
            for intent, line in left.lines
        ),
        *({"id": record.number_id, "number": record.number, "op": "lost"} for record in left.lost),
    ]


def delayed(lines: Sequence[tuple[Intent, Line]]) -> list[dict[str, str]]:
    """What was approved and is not sent yet, as `--json` prints it."""
    return [
        {
            "intent_id": intent.intent_id,
            "number": line.terms.number,
            "op": intent.terms.op.value,
            **{name: str(said) for name, said in (line.error or {}).items()},
        }
        for intent, line in lines
    ]


def not_sent_yet(lines: Sequence[tuple[Intent, Line]]) -> Iterator[str]:
    """The same for a person, with what they can do."""
    if lines:
        yield "\nApproved, and not sent yet:"
    for intent, line in lines:
        error = line.error or {}
        yield filled(
            f"  {intent.terms.op} {line.terms.number}: {_said(error['message'])}", indent=4
        )
        yield filled(f"    {_said(for_person(error['remedy']))}", indent=4)


def unresolved(left: Open) -> Iterator[str]:
    """The same for a person, with the command."""
    if left.lines or left.lost:
        yield "\nOnly a person can say what became of these:"
    for intent, line in left.lines:
        yield f"  {intent.terms.op} {line.terms.number}: ringfence resolve {line.line_id}"
    for record in left.lost:
        yield f"  lost {record.number}: ringfence resolve {record.number_id}"


def unreadable(damaged: Sequence[Damaged]) -> Iterator[str]:
    """Requests that nobody can decide, with what a person can do."""
    for each in damaged:
        yield "\n" + filled(f"{_said(each.why)} It cannot be approved or declined.", indent=2)
    if damaged:
        yield filled(for_person(damaged[0].remedy), indent=2)


_UNRESOLVED = "Only a person can say what became of it, once they have looked at the carrier:"
_DELAYED = "Approved, and not all of it is sent yet. To go on here: ringfence settle"
_WITHDRAWN = "Withdrawn by a person before it was sent; nothing was charged."


def standing(intent: Intent, half: Sequence[str] = ()) -> str:
    """How it stands, and each line that says more.

    Args:
        intent: what is asked about.
        half: what it still takes, where some have signed and that is not enough.
    """
    waits = intent.awaited_line
    command = [] if waits is None else [f"  ringfence resolve {waits.line_id}"]
    said = _WITHDRAWN if intent.is_withdrawn else _STANDS[intent.state]
    if intent.delayed_line is not None:
        said = _DELAYED
    said = (said if waits is None else _UNRESOLVED).format(
        id=intent.intent_id,
        by=f" by {quoted(intent.decided_by)}" if intent.decided_by else "",
        done=_DONE[intent.terms.op],
        did=_DONE[intent.terms.op].lower(),
    )
    return "\n".join(
        part
        for line in [*(half or [said]), *command, *_lines(intent)]
        for part in textwrap.wrap(line, WIDTH, subsequent_indent="    ", break_long_words=False)
    )


def one_line(intent: Intent) -> tuple[str, str, str, str, str]:
    """A row of the list of what waits."""
    terms = intent.terms
    first, more = terms.lines[0].number, len(terms.lines) - 1
    what = f"{terms.op} {first}" + (f" and {more} more" if more else "")
    until = f"{intent.expires_at:%d %b %H:%M} UTC"
    return intent.intent_id, what, _now(terms), intent.match_code, until


def _now(terms: Terms) -> str:
    if terms.op is not Op.BUY:
        return "nothing"
    return f"{'at most ' if terms.is_converted else ''}{terms.total_now}"


def _lines(intent: Intent) -> Iterator[str]:
    if intent.refusal:
        yield f"  {_said(intent.refusal['message'])}"
        yield f"  {_said(intent.refusal['remedy'])}"
    if intent.state is IntentState.AWAITING_APPROVAL:
        return
    for line in intent.lines:
        yield f"  {line.terms.number}: {_became(line, intent.terms.op)}"


def _said(sentence: str) -> str:
    """A sentence of ours, in which a name from outside may stand."""
    return quoted(sentence, MAX_SENTENCE)


def _became(line: Line, op: Op) -> str:
    if line.error:
        return f"{line.state.replace('_', ' ')} ({_said(line.error['message'])})"
    if line.state is LineState.CAPTURED and line.terms.price is not None:
        price = line.terms.price
        return f"{price.now} charged now, then {price.monthly} a month"
    if line.state is LineState.CAPTURED:
        return _DONE[op].lower()
    return line.state.replace("_", " ")
