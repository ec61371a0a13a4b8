"""What became of an intent, as its page says it afterwards: never more than is known."""

from __future__ import annotations

from dataclasses import dataclass

from ringfence.clock import rfc3339
from ringfence.guard.card import checked_grouping, quoted
from ringfence.intents import DeclineReason, Intent, Op
from ringfence.states import IntentState
from ringfence_server.approvals.number_view import MAX_SENTENCE

SOON = 1
"""Seconds until a page looks again whether the carrier has answered."""
LATER = 5
"""The same where only a look at the carrier can tell."""


@dataclass(frozen=True)
class Outcome:
    """A heading, a sentence or two, and whether there will be more to say."""

    kind: str
    """`good`, `bad`, `warn`, `open` (under way) or `quiet`: how the page looks."""
    title: str
    said: str
    look_again_seconds: int | None = None


_S = IntentState
_DONE = {Op.BUY: "Bought", Op.RELEASE: "Given back", Op.ASSIGN: "Moved"}
_NOT_DONE = {Op.BUY: "Not bought", Op.RELEASE: "Not given back", Op.ASSIGN: "Not moved"}
_BUSY = {
    Op.BUY: "The carrier is being asked for it now.",
    Op.RELEASE: "The carrier is being told now.",
    Op.ASSIGN: "It is being connected now.",
}
_DECLINED = {
    None: "Nothing was charged.",
    DeclineReason.ANOTHER_NUMBER: "Nothing was charged. The assistant is told to look for another number.",
    DeclineReason.TOO_EXPENSIVE: "Nothing was charged. The assistant is told to look for a cheaper one.",
    DeclineReason.STOP: (
        "Nothing was charged, and this requester can ask for nothing of the kind for 15 minutes."
    ),
}


def outcome_of(intent: Intent) -> Outcome:
    """How an intent ended, or how far it is, once nobody can decide it any more."""
    match intent.state:
        case _S.APPROVED | _S.EXECUTING:
            return _under_way(intent)
        case _S.COMPLETED:
            return Outcome("good", _DONE[intent.terms.op], _completed(intent))
        case _S.PARTLY_COMPLETED:
            done = f"{_DONE[intent.terms.op]} in part"
            return Outcome("warn", done, "What became of each number stands beside it.")
        case _S.FAILED if intent.is_withdrawn:
            return _withdrawn(intent)
        case _S.FAILED:
            said = f"{_approved(intent)} It did not work out, and {_UNCHANGED[intent.terms.op]}."
            return Outcome("bad", _NOT_DONE[intent.terms.op], said.strip())
        case _S.NEEDS_ATTENTION if intent.awaited_line is not None:
            said = (
                f"{_UNRESOLVED.format(intent.awaited_line.line_id)} {_NOT_ANOTHER[intent.terms.op]}"
            )
            return Outcome("warn", "A person has to find out", said.strip(), LATER)
        case _S.NEEDS_ATTENTION:
            said = f"{_UNKNOWN} {_NOT_ANOTHER[intent.terms.op]}".strip()
            return Outcome("warn", "Outcome unknown", said, LATER)
        case _S.DECLINED:
            return Outcome("quiet", f"Declined{_by(intent)}", _DECLINED[intent.decline_reason])
        case _S.CANCELLED:
            return _cancelled(intent)
        case _:
            until = rfc3339(intent.expires_at).replace("T", " ").removesuffix(":00Z")
            return Outcome(
                "quiet",
                "Expired",
                f"Nobody decided until {until.removesuffix('Z')} UTC. Nothing was charged. "
                "If it is still wanted, let the assistant ask again.",
            )


_UNKNOWN = (
    "The carrier did not say clearly whether it was done. It is being looked up, and is never sent "
    "a second time."
)
_UNRESOLVED = (
    "No look at the carrier can tell what became of it. Find out there, in its console or on its invoice; "
    "then, in a terminal of your own, run: ringfence resolve {}."
)
_NOT_ANOTHER = {
    Op.BUY: "Do not approve another one in its place.",
    Op.RELEASE: "Until then it counts as yours.",
    Op.ASSIGN: "",
}
_UNCHANGED = {
    Op.BUY: "nothing was charged",
    Op.RELEASE: "the number is still yours",
    Op.ASSIGN: "nothing was changed",
}


def _under_way(intent: Intent) -> Outcome:
    if intent.delayed_line is None:
        return Outcome("open", f"Approved{_by(intent)}", _BUSY[intent.terms.op], SOON)
    why = str((intent.delayed_line.error or {})["message"])
    return Outcome(
        "warn", f"Approved{_by(intent)}, and not sent yet", quoted(why, MAX_SENTENCE), LATER
    )


def _completed(intent: Intent) -> str:
    terms = intent.terms
    if terms.op is Op.RELEASE:
        ended = terms.lines[0].owned_monthly
        charge = f"charge of {ended}" if ended else "charge"
        return f"{_approved(intent)} Its monthly {charge} ends.".strip()
    if terms.op is Op.ASSIGN:
        return f"{_approved(intent)} Nothing was charged.".strip()
    what = checked_grouping(terms.lines[0].number) if len(terms.lines) == 1 else "All of them"
    verb = "is" if len(terms.lines) == 1 else "are"
    money = (
        "Simulated: no money was charged." if intent.is_simulated else "The carrier has charged it."
    )
    return f"{what} {verb} yours. {money} {_approved(intent)}".strip()


def _cancelled(intent: Intent) -> Outcome:
    if intent.decided_by == "ringfence":
        return Outcome(
            "quiet",
            "Superseded",
            "The price or the terms have changed since it was asked for, so it is void. Nothing was "
            "charged. If it is still wanted, let the assistant ask again.",
        )
    if intent.is_withdrawn:
        return _withdrawn(intent)
    return Outcome("quiet", "Withdrawn", "Whoever asked for it took it back. Nothing was charged.")


def _withdrawn(intent: Intent) -> Outcome:
    message = str((intent.lines[0].error or {})["message"])
    return Outcome("quiet", "Withdrawn", f"{quoted(message)} Nothing was charged.")


def _by(intent: Intent) -> str:
    return f" by {quoted(intent.decided_by)}" if intent.decided_by else ""


def _approved(intent: Intent) -> str:
    return f"Approved{_by(intent)}." if intent.decided_by else ""
