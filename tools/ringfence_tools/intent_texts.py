"""What is said about an intent: to the person who decides, and to the model that asked."""

from __future__ import annotations

from collections.abc import Mapping

from ringfence.intents import DeclineReason, Intent, Level, Op
from ringfence.numbers import MAIN_ROLE
from ringfence.states import IntentState, LineState
from ringfence_tools.operation import Channel, Surface
from ringfence_tools.printing import cleaned, clock_time, named
from ringfence_tools.texts import only_listed

_TERMINAL = "in ringfence's terminal"
_NO_PAGE = "on ringfence's approval page, which is not open now,"
NEVER_SEND = "Never send me a passphrase."
ASSIGNED = "Tell the person that it is done. Call list_numbers to see whether calls and texts work."
DO_NOT_BUY_ANOTHER = "It may have been bought: do not buy another."


def channels(intent: Intent, surface: Surface) -> tuple[Channel, ...]:
    """Where a person can consent to it; a client's form is enough for the weakest level only."""
    is_form_enough = intent.terms.level is Level.CLIENT
    return tuple(c for c in surface.channels if c != "client" or is_form_enough)


def tell_person(intent: Intent, surface: Surface) -> str:
    """Two sentences for the person: what, for how much, where to approve, which code, until when.

    They hold no command: a model with a shell runs what it is shown.
    """
    return (
        f"To {_wish(intent)}, {_asked(surface)}, "
        f"where the code must read {intent.match_code}, until {clock_time(intent.expires_at)}. "
        f"{NEVER_SEND}"
    )


def _asked(surface: Surface) -> str:
    """What people are asked to do, and where."""
    found = surface.ways
    if found is None or found.is_weak:
        page = f"at {surface.approve_at} or " if surface.approve_at else ""
        return f"please approve it {page}{_TERMINAL}"
    if found.lack is not None:
        return (
            f"nobody can approve it yet, for {found.lack.says}: an approver is enrolled {_TERMINAL}"
        )
    page = f"at {surface.approve_at}" if surface.approve_at else _NO_PAGE
    places = [
        *([f"{page} with a passkey"] if found.on_page else []),
        *([f"{_TERMINAL} with a passphrase"] if found.in_terminal else []),
    ]
    where = " or ".join(places)
    if found.level is not Level.TWO_PEOPLE:
        return f"please approve it {where}"
    if found.signed:
        there = " and a ".join(found.signed_with)
        return f"which one of two people has signed with a {there}, somebody else has to approve it {where}"
    return f"two different people have to approve it, at least one of them with a passkey, {where}"


def _wish(intent: Intent) -> str:
    terms = intent.terms
    numbers = named([line.terms.number for line in intent.lines])
    simulated = " (simulated, no real money)" if intent.is_simulated else ""
    if terms.op is Op.RELEASE:
        return f"give back {numbers} for good{simulated}, which {_loss(intent)}"
    if terms.op is Op.ASSIGN:
        assistant = cleaned(terms.assistant_id)
        move = f"connect {numbers} to {assistant}" if assistant else f"disconnect {numbers}"
        return f"{move}{simulated}, which costs {terms.total_now} but moves live calls and texts"
    about = "at most " if terms.is_converted else ""
    is_special = terms.role not in {None, MAIN_ROLE}
    role = (
        f" as the {cleaned(terms.role)} number of {cleaned(terms.assistant_id)}"
        if is_special
        else ""
    )
    return (
        f"buy {numbers}{simulated}{role} for {about}{terms.total_now} now "
        f"and {about}{terms.total_monthly} a month from then on"
    )


def _loss(intent: Intent) -> str:
    """What giving numbers back means: whom they serve, what ends, and that it is for good."""
    terms = intent.terms
    serving = sorted({line.current_assistant_id for line in terms.lines} - {None}, key=str)
    serves = (
        f"serves {named([cleaned(each) or 'somebody' for each in serving])} now, "
        if serving
        else ""
    )
    monthly = terms.lines[0].owned_monthly if len(terms.lines) == 1 else None
    ends = f"{monthly} a month" if monthly else "its monthly charge"
    return f"{serves}costs {terms.total_now}, ends {ends} and usually cannot be undone"


def next_step(intent: Intent, surface: Surface) -> str:
    """One or two sentences for the model: what to do now, by tools that it has."""
    return only_listed(_next_step(intent), surface.tools)


def _next_step(intent: Intent) -> str:
    match intent.state:
        case IntentState.AWAITING_APPROVAL if intent.expires_at < intent.terms.expires_at:
            return f"{_CLIENT_SAID_NO} {_STEPS[intent.state]}"
        case IntentState.DECLINED if intent.terms.op is Op.BUY:
            return _DECLINED.get(intent.decline_reason, _DECLINED_ONLY)
        case IntentState.DECLINED:
            return _STOP if intent.decline_reason is DeclineReason.STOP else _DECLINED_ONLY
        case IntentState.COMPLETED | IntentState.PARTLY_COMPLETED:
            return _ended_well(intent)
        case IntentState.CANCELLED | IntentState.FAILED if intent.is_withdrawn:
            return _WITHDRAWN
        case IntentState.FAILED:
            return _failed(intent)
        case IntentState.APPROVED | IntentState.EXECUTING if intent.delayed_line is not None:
            return _DELAYED
        case IntentState.NEEDS_ATTENTION if intent.awaited_line is not None:
            return _ONLY_A_PERSON.format(not_again=_NOT_AGAIN[intent.terms.op])
        case state:
            op = intent.terms.op
            return _STEPS[state].format(propose=_PROPOSE[op], not_again=_NOT_AGAIN[op])


def _ended_well(intent: Intent) -> str:
    if intent.terms.op is not Op.BUY:
        return _DONE[intent.terms.op]
    told = "Tell the person that it is bought."
    if intent.state is IntentState.PARTLY_COMPLETED:
        told = (
            "Tell the person which numbers were bought and which were not: lines[].state says it."
        )
    if intent.terms.assistant_id is None:
        return f"{told} To connect it to an assistant, call assign_number."
    return f"{told} Call list_numbers to see whether calls and texts already work."


def _failed(intent: Intent) -> str:
    if intent.terms.op is Op.RELEASE:
        return (
            "The number was not given back: it is still ours and costs as before. "
            "Tell the person why: lines[].error says it."
        )
    if intent.terms.op is Op.ASSIGN:
        return "Nothing was changed. Tell the person why: lines[].error says it."
    if all(line.state is LineState.VOIDED for line in intent.lines):
        return (
            "Nothing was sent and nothing was charged. Tell the person why: lines[].error says it. "
            "Call search_numbers for fresh offers."
        )
    return (
        "Nothing was bought and nothing was charged. Tell the person why: lines[].error says it. "
        "Call search_numbers to choose another number."
    )


_PROPOSE: Mapping[Op, str] = {
    Op.BUY: "buy_numbers",
    Op.RELEASE: "release_number",
    Op.ASSIGN: "assign_number",
}

_NOT_AGAIN: Mapping[Op, str] = {
    Op.BUY: DO_NOT_BUY_ANOTHER,
    Op.RELEASE: "It may have been given back: do not ask for it again, nor buy one in its place.",
    Op.ASSIGN: "It may have been moved: do not ask for it again.",
}

# Hosts decline without drawing anything, so their no is nobody's; it only shortens the wait.
_CLIENT_SAID_NO = (
    "The client answered no, which decides nothing: the person can still decide, but not for long."
)

_STEPS: Mapping[IntentState, str] = {
    IntentState.AWAITING_APPROVAL: (
        "Tell the person what tell_person says, then end your turn: only a person can consent. "
        "When they return, call get_intent."
    ),
    IntentState.APPROVED: (
        "Consent is given and it is about to be sent. Call get_intent to see what came of it."
    ),
    IntentState.EXECUTING: (
        "The carrier is working on it: do not ask for it again. "
        "Call get_intent to see what came of it."
    ),
    IntentState.NEEDS_ATTENTION: (
        "The outcome is not known yet and is being looked up. {not_again} "
        "Tell the person, say that they can settle it, and end your turn. When they return, call get_intent."
    ),
    IntentState.EXPIRED: (
        "Nobody consented in time and nothing was charged. "
        "Ask the person whether it is still wanted. If it is, call {propose} again."
    ),
    IntentState.CANCELLED: (
        "It was withdrawn and nothing was charged. If it is wanted after all, call {propose} again."
    ),
}

_ONLY_A_PERSON = (
    "Nobody can look up what became of it: only a person can find out at the carrier and say so in ringfence's "
    "terminal. {not_again} Tell the person that lines[].error needs them, and end your turn. "
    "When they return, call get_intent."
)

_DELAYED = (
    "Consent is given, and not all of it is sent yet: lines[].error says why. Tell the person, do not ask for it "
    "again, and end your turn. When they return, call get_intent."
)

_DECLINED_ONLY = (
    "A person declined it and nothing was charged. "
    "Ask them what they want instead; do not propose the same again."
)
_WITHDRAWN = (
    "A person took their consent back before it was sent, and nothing was charged. "
    "Ask them what they want instead; do not propose the same again."
)
_STOP = "The person said stop and nothing was charged. Propose nothing more unless they ask for it."
_DECLINED: Mapping[DeclineReason | None, str] = {
    DeclineReason.ANOTHER_NUMBER: (
        "The person wants another number; nothing was charged. Ask which kind. "
        "Then call search_numbers and leave the declined ones out."
    ),
    DeclineReason.TOO_EXPENSIVE: (
        "The person finds it too expensive; nothing was charged. Ask what it may cost. "
        "Then call search_numbers with max_monthly."
    ),
    DeclineReason.STOP: _STOP,
}

_DONE: Mapping[Op, str] = {
    Op.RELEASE: "Tell the person that the number was given back and its monthly charge ends.",
    Op.ASSIGN: ASSIGNED,
}
