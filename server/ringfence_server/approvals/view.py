"""What the templates print: an intent's facts as plain words, in the order of the card.

The card as text stays the original; this is a rendering of the same facts, and shows the text as well.
Everything that came from outside passes the same `quoted` as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ringfence.desk.showing import Inbox, Shown
from ringfence.guard import passkeys
from ringfence.guard.card import card, checked_grouping, quoted
from ringfence.intents import DeclineReason, Intent, Level, Op, Terms, reasons_to_decline
from ringfence.money import Money
from ringfence_server.approvals.budget_view import BudgetView, budget_view
from ringfence_server.approvals.number_view import NumberView, number_view
from ringfence_server.approvals.outcome import Outcome, outcome_of

_ACTIONS = {
    Op.BUY: ("Buy a number", "Buy"),
    Op.RELEASE: ("Give a number back for good", "Give back for good"),
    Op.ASSIGN: ("Move a number in use", "Move, though in use,"),
}
_WHOSE = {Op.BUY: "For assistant", Op.RELEASE: "Taken from", Op.ASSIGN: "For assistant"}
_WHY_NOT = {
    DeclineReason.ANOTHER_NUMBER: "Another number",
    DeclineReason.TOO_EXPENSIVE: "Too expensive",
    DeclineReason.STOP: "Stop asking",
}
_APPROVE = "ringfence approve {}"
_ENROLL = "ringfence approver enroll NAME --passkey"
_HERE = {
    Level.PASSKEY: "An approver’s passkey, here.",
    Level.TWO_PEOPLE: "Two people, at least one with a passkey. One may sign",
}
"""What it takes where passkeys of this page can sign."""
_ELSEWHERE = {
    Level.PASSPHRASE: "This needs an approver’s passphrase, typed in a terminal.",
    Level.PASSKEY: "This needs an approver’s passkey.",
    Level.TWO_PEOPLE: "This needs two approvers, at least one with a passkey.",
}
"""The same where none can."""


@dataclass(frozen=True)
class Amount:
    """Money with its currency set apart, for setting in type."""

    value: str
    currency: str


@dataclass(frozen=True)
class Needs:
    """What consent takes, and what can be done about it in a terminal."""

    said: str
    command: str | None


@dataclass(frozen=True)
class CardView:
    """One intent."""

    intent_id: str
    action: str
    title: str
    """The number, or how many."""
    is_simulated: bool
    numbers: Sequence[NumberView]
    is_one: bool
    now: Amount | None
    monthly: Amount | None
    first_year: Amount | None
    about: str
    """Said before amounts that were converted upward."""
    small_print: Sequence[str]
    whose: str
    """What stands before the assistant: that it gets the numbers, or loses them."""
    assistant: str
    requester: str
    needs: Needs | None
    """What it takes beside a click; None where that is enough."""
    signed: str | None
    """Who has signed already, and who must still."""
    passkey: str | None
    """What the browser is asked for, as JSON; None where no passkey can sign."""
    frozen: str | None
    budgets: Sequence[BudgetView]
    marks: Sequence[str]
    match_code: str
    reason: str | None
    text: str
    until: str
    until_iso: str
    seconds_left: int
    left: str
    nonce: str | None
    decline_at: str
    """Where a no is sent."""
    decline_nonce: str | None
    """What it is sent with; None where nothing can be decided here."""
    by: str
    """The key of whoever has opened the page away from this machine; empty on this machine."""
    may_approve: bool
    reasons: Sequence[tuple[str, str]]
    """What a person can mean by no: the form's value, and its words."""
    outcome: Outcome | None
    may_withdraw: bool
    """Whether the page has a button that takes consent back."""


@dataclass(frozen=True)
class RowView:
    """One line of the inbox."""

    intent_id: str
    title: str
    said: str
    is_rehearsed: bool
    """Whether it follows live rules, and no real carrier is in it."""
    signed: str
    """Who has signed for it, where that is not enough; else empty."""
    match_code: str
    left: str
    kind: str


def card_view(shown: Shown) -> CardView:
    """Everything that an intent's page prints at this machine."""
    at = f"/i/{shown.facts.intent.intent_id}"
    return _card_view(shown, decline_at=at, decline_nonce=shown.nonce, by="")


def opened_view(shown: Shown, *, decline_nonce: str, by: str) -> CardView:
    """The same for whoever has opened it elsewhere with the key `by`: no click approves there."""
    at = f"/i/{shown.facts.intent.intent_id}/decline"
    nonce = decline_nonce if shown.nonce is not None else None
    view = _card_view(shown, decline_at=at, decline_nonce=nonce, by=by)
    return replace(view, may_approve=view.may_approve and view.passkey is not None)


def _card_view(shown: Shown, *, decline_at: str, decline_nonce: str | None, by: str) -> CardView:
    intent = shown.facts.intent
    terms = intent.terms
    left = max(intent.expires_at - shown.now, timedelta(0))
    return CardView(
        intent_id=intent.intent_id,
        action=_action(intent),
        title=_title(intent),
        is_simulated=intent.is_simulated,
        numbers=[number_view(line, intent) for line in intent.lines],
        is_one=len(terms.lines) == 1,
        now=_amount(terms.total_now) if terms.op is Op.BUY else None,
        monthly=_amount(terms.total_monthly) if terms.op is Op.BUY else None,
        first_year=_amount(terms.first_year) if terms.op is Op.BUY else None,
        about="at most " if terms.is_converted else "",
        small_print=_small_print(shown),
        whose=_WHOSE[terms.op],
        assistant=_assistant(intent),
        requester=quoted(terms.principal),
        needs=None if shown.is_page_enough else _needs(shown),
        signed=_signed(shown) if shown.signed else None,
        passkey=_asked_for(shown),
        frozen=quoted(shown.frozen) if shown.frozen is not None else None,
        budgets=[budget_view(standing) for standing in shown.facts.standings],
        marks=shown.facts.marks,
        match_code=intent.match_code,
        reason=quoted(intent.reason) if intent.reason else None,
        text=card(shown.facts),
        until=_moment(intent.expires_at),
        until_iso=intent.expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds_left=int(left.total_seconds()),
        left=_left(left),
        nonce=shown.nonce,
        decline_at=decline_at,
        decline_nonce=decline_nonce,
        by=by,
        may_approve=(shown.is_page_enough or bool(shown.passkeys)) and shown.frozen is None,
        reasons=[(reason.value, _WHY_NOT[reason]) for reason in reasons_to_decline(terms.op)],
        outcome=None if shown.is_open else outcome_of(intent),
        may_withdraw=shown.may_withdraw,
    )


def row_view(intent: Intent, inbox: Inbox, *, mode: str) -> RowView:
    """One intent in the inbox."""
    outcome = None if intent in inbox.waiting else outcome_of(intent)
    return RowView(
        intent_id=intent.intent_id,
        title=f"{_action(intent)}{' ' if len(intent.lines) > 1 else ': '}{_title(intent)}",
        said=outcome.title if outcome else _costs(intent),
        is_rehearsed=mode == "live" and intent.is_simulated,
        signed=" and ".join(inbox.signed.get(intent.intent_id, ())),
        match_code=intent.match_code,
        left="" if outcome else _left(intent.expires_at - inbox.now),
        kind=outcome.kind if outcome else "open",
    )


def _needs(shown: Shown) -> Needs:
    """What it takes; a passphrase is typed in a terminal, and a passkey answers the page where it was made."""
    command = _APPROVE.format(shown.facts.intent.intent_id)
    is_strong = shown.needed in _ELSEWHERE
    needed = shown.needed if is_strong else Level.PASSPHRASE  # a live page takes no mere click
    if shown.passkeys and needed is Level.PASSPHRASE:
        return Needs("An approver’s passkey, here; or a passphrase,", command)
    if shown.passkeys:
        return Needs(_HERE[needed], command if needed is Level.TWO_PEOPLE else None)
    if needed is Level.PASSKEY:
        return Needs(
            f"{_ELSEWHERE[needed]} None of this page can sign for it; one is made", _ENROLL
        )
    return Needs(f"{_ELSEWHERE[needed]} It cannot be approved on this page, but", command)


def _signed(shown: Shown) -> str:
    people = [quoted(person) for person in shown.signed]
    have = f"{' and '.join(people)} {'has' if len(people) == 1 else 'have'} signed."
    if shown.needed is Level.TWO_PEOPLE and len(people) == 1:
        return f"{have} Another person must sign too."
    return f"{have} A passkey must sign too."


def _asked_for(shown: Shown) -> str | None:
    if shown.statement is None or not shown.passkeys or shown.frozen is not None:
        return None
    return passkeys.request_options(shown.statement.challenge, shown.passkeys)


def _costs(intent: Intent) -> str:
    terms = intent.terms
    match terms.op:
        case Op.BUY:
            about = "at most " if terms.is_converted else ""
            return f"{about}{terms.total_now} now, then {about}{terms.total_monthly} a month"
        case Op.RELEASE:
            return f"costs nothing and ends {_ending(terms)}"
        case Op.ASSIGN:
            return "costs nothing"


def _ending(terms: Terms) -> str:
    """What a release saves."""
    monthly = terms.lines[0].owned_monthly if len(terms.lines) == 1 else None
    return f"{monthly} a month" if monthly else "the monthly charge"


def _assistant(intent: Intent) -> str:
    """Whom it is about: who gets the numbers, or whom they are taken from."""
    terms = intent.terms
    if terms.op is not Op.RELEASE:
        return quoted(terms.recipient or "") or "nobody yet"
    losing = sorted({line.current_assistant_id or "" for line in terms.lines} - {""})
    return ", ".join(map(quoted, losing)) or "nobody"


def _action(intent: Intent) -> str:
    return _ACTIONS[intent.terms.op][len(intent.lines) > 1]


def _title(intent: Intent) -> str:
    count = len(intent.lines)
    return f"{count} numbers" if count > 1 else checked_grouping(intent.lines[0].terms.number)


def _small_print(shown: Shown) -> list[str]:
    terms = shown.facts.intent.terms
    if terms.op is Op.RELEASE:
        return [f"Costs nothing and ends {_ending(terms)}.", "It usually cannot be got back."]
    if terms.op is Op.ASSIGN:
        return ["Costs nothing, but moves live calls and texts."]
    months = max(line.min_term_months for line in terms.lines)
    term = "one month" if months == 1 else f"{months} months"
    said = [f"Renews every month until it is given back; at least {term}."]
    if terms.is_converted:
        said.append(f"Other currencies are counted in {terms.currency}, rounded up.")
    said.append("Tax as the carrier bills it.")
    if shown.is_open:
        said.append(f"Price confirmed {_left(shown.now - shown.quoted_at)} ago.")
    return said


def _amount(amount: Money | None) -> Amount | None:
    if amount is None:
        return None
    value, _, currency = str(amount).partition(" ")
    return Amount(value, currency)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _left(span: timedelta) -> str:
    """A span in words that do not change every second: `59 minutes`, `1 hour 5 minutes`."""
    minutes = max(0, int(span.total_seconds())) // 60
    if minutes < 1:
        return "less than a minute"
    hours, rest = divmod(minutes, 60)
    parts = [
        f"{count} {word}{'s' * (count > 1)}"
        for count, word in ((hours, "hour"), (rest, "minute"))
        if count
    ]
    return " ".join(parts)
