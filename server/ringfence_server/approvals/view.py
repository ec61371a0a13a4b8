"""What the templates print: an intent's facts as plain words, in the order of the card.

The card as text stays the original; this is a rendering of the same facts, and shows the text as well.
Everything that came from outside passes the same `quoted` as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ringfence.desk.showing import Inbox, Shown
from ringfence.guard.budget import limit_of
from ringfence.guard.card import card, checked_grouping, quoted
from ringfence.guard.standing import Standing
from ringfence.intents import Intent, Level, Line, Op
from ringfence.money import Money
from ringfence.numbers import Capability
from ringfence.policy import AttemptsBudget, CashBudget, PurchasesBudget, RunRateBudget
from ringfence_server.approvals.outcome import Outcome, outcome_of

_ACTIONS = {
    Op.BUY: ("Buy a number", "Buy {count} numbers"),
    Op.RELEASE: ("Give a number back for good", "Give {count} numbers back for good"),
    Op.ASSIGN: ("Move a number in use", "Move {count} numbers in use"),
}
_CAN = {
    Capability.VOICE: "calls",
    Capability.SMS: "SMS",
    Capability.MMS: "MMS",
    Capability.WHATSAPP: "WhatsApp",
    Capability.FAX: "fax",
}
_FREE = {
    Op.BUY: "",
    Op.RELEASE: "Costs nothing and ends the monthly charge. It usually cannot be got back.",
    Op.ASSIGN: "Costs nothing, but moves live calls and texts.",
}
_TERMINAL_LEVELS = {
    Level.PASSPHRASE: "an approver’s passphrase, typed in a terminal",
    Level.PASSKEY: "an approver’s passkey",
    Level.TWO_PEOPLE: "two approvers",
}


@dataclass(frozen=True)
class Amount:
    """Money with its currency set apart, for setting in type."""

    value: str
    currency: str


@dataclass(frozen=True)
class NumberView:
    """One number of an intent."""

    shown: str
    e164: str
    about: str
    """Where it is, what kind it is, and what it can carry."""
    carrier: str
    serves: str | None
    price: str | None
    ended: str | None
    """What became of it; None while nothing has been sent."""


@dataclass(frozen=True)
class BudgetView:
    """A budget with this intent counted in."""

    name: str
    said: str
    percent: int
    is_tight: bool


@dataclass(frozen=True)
class CardView:
    """One intent."""

    intent_id: str
    action: str
    title: str
    is_simulated: bool
    numbers: Sequence[NumberView]
    now: Amount | None
    monthly: Amount | None
    first_year: Amount | None
    about: str
    """Said before amounts that were converted upward."""
    small_print: Sequence[str]
    assistant: str
    requester: str
    needs: str | None
    """What else than this page it takes; None where the page is enough."""
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
    may_approve: bool
    outcome: Outcome | None


@dataclass(frozen=True)
class RowView:
    """One line of the inbox."""

    intent_id: str
    title: str
    said: str
    match_code: str
    left: str
    kind: str


def card_view(shown: Shown) -> CardView:
    """Everything that an intent's page prints."""
    intent = shown.facts.intent
    terms = intent.terms
    left = max(intent.expires_at - shown.now, timedelta(0))
    return CardView(
        intent_id=intent.intent_id,
        action=_counted(_ACTIONS[terms.op], len(terms.lines)),
        title=_title(intent),
        is_simulated=intent.is_simulated,
        numbers=[_number(line, terms.op) for line in intent.lines],
        now=_amount(terms.total_now) if terms.op is Op.BUY else None,
        monthly=_amount(terms.total_monthly) if terms.op is Op.BUY else None,
        first_year=_amount(terms.first_year) if terms.op is Op.BUY else None,
        about="at most " if terms.is_converted else "",
        small_print=_small_print(intent),
        assistant=quoted(terms.assistant_id or "") or "nobody yet",
        requester=quoted(terms.principal),
        needs=None if shown.is_page_enough else _TERMINAL_LEVELS.get(shown.needed, "a person"),
        frozen=quoted(shown.frozen) if shown.frozen is not None else None,
        budgets=[_budget(standing) for standing in shown.facts.standings],
        marks=shown.facts.marks,
        match_code=intent.match_code,
        reason=quoted(intent.reason) if intent.reason else None,
        text=card(shown.facts),
        until=_moment(intent.expires_at),
        until_iso=intent.expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds_left=int(left.total_seconds()),
        left=_left(left),
        nonce=shown.nonce,
        may_approve=shown.is_page_enough and shown.frozen is None,
        outcome=None if shown.is_open else outcome_of(intent),
    )


def row_view(intent: Intent, inbox: Inbox) -> RowView:
    """One intent in the inbox."""
    terms = intent.terms
    outcome = None if intent in inbox.waiting else outcome_of(intent)
    costs = f"{terms.total_now} now, then {terms.total_monthly} a month"
    return RowView(
        intent_id=intent.intent_id,
        title=f"{_counted(_ACTIONS[terms.op], len(terms.lines))}: {_title(intent)}",
        said=outcome.title if outcome else (costs if terms.op is Op.BUY else "costs nothing"),
        match_code=intent.match_code,
        left="" if outcome else _left(intent.expires_at - inbox.now),
        kind=outcome.kind if outcome else "open",
    )


def _counted(one_or_more: tuple[str, str], count: int) -> str:
    return one_or_more[0] if count == 1 else one_or_more[1].format(count=count)


def _title(intent: Intent) -> str:
    first = checked_grouping(intent.terms.lines[0].number)
    more = len(intent.terms.lines) - 1
    return f"{first} and {more} more" if more else first


def _number(line: Line, op: Op) -> NumberView:
    terms = line.terms
    where = ", ".join(filter(None, [quoted(terms.place or ""), terms.country]))
    can = ", ".join(_CAN[each] for each in terms.capabilities) or "no capability known"
    price = terms.price
    serving = quoted(terms.current_assistant_id or "") or "nobody"
    return NumberView(
        shown=checked_grouping(terms.number),
        e164=terms.number,
        about=f"{where} · {terms.type.replace('_', '-')} · {can}",
        carrier=f"{terms.provider}, account {quoted(terms.account)}",
        serves=serving if op is not Op.BUY else None,
        price=f"set-up {price.setup}, then {price.monthly} a month" if price else None,
        ended=_ended(line),
    )


def _ended(line: Line) -> str | None:
    if line.error:
        return f"{_LINES.get(line.state, line.state)}: {line.error['message']}"
    return _LINES.get(line.state)


_LINES = {
    "dispatching": "being bought",
    "provider_pending": "ordered; the carrier is working on it",
    "unknown": "outcome unknown",
    "manual": "outcome unknown; a person has to look",
    "captured": "done",
    "failed": "not done",
    "voided": "not sent",
}


def _small_print(intent: Intent) -> list[str]:
    terms = intent.terms
    if terms.op is not Op.BUY:
        return [_FREE[terms.op]]
    months = max(line.min_term_months for line in terms.lines)
    term = "one month" if months == 1 else f"{months} months"
    said = [f"Renews every month until it is given back; at least {term}."]
    if terms.is_converted:
        said.append(f"Other currencies are counted in {terms.currency}, rounded up.")
    return [*said, "Tax as the carrier bills it."]


def _budget(standing: Standing) -> BudgetView:
    budget, limit = standing.budget, limit_of(standing.budget)
    taken = standing.used + standing.held
    percent = 100 if limit <= 0 else min(100, -(-taken * 100 // limit))
    said = standing.taken
    if isinstance(budget, CashBudget | RunRateBudget):
        said = said.rpartition(" ")[0]
    return BudgetView(
        name=_budget_name(standing),
        said=f"{said} of {standing.limit}",
        percent=percent,
        is_tight=percent >= TIGHT_PERCENT,
    )


TIGHT_PERCENT = 80
"""From here on a budget's bar warns."""


def _budget_name(standing: Standing) -> str:
    budget = standing.budget
    when = ""
    if isinstance(budget, CashBudget | PurchasesBudget):
        when = f" {standing.window}"
    elif isinstance(budget, AttemptsBudget):
        when = " this hour"
    scope = "" if budget.scope == "all" else f" ({budget.scope})"
    return f"{budget.name.replace('_', ' ')}{scope}{when}"


def _amount(amount: Money | None) -> Amount | None:
    if amount is None:
        return None
    value, _, currency = str(amount).partition(" ")
    return Amount(value, currency)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _left(span: timedelta) -> str:
    """How long a person has, in words that do not change every second."""
    minutes = max(0, int(span.total_seconds())) // 60
    if minutes < 1:
        return "less than a minute"
    if minutes < _HOUR:
        return "1 minute" if minutes == 1 else f"{minutes} minutes"
    hours, rest = divmod(minutes, _HOUR)
    return f"{hours} h {rest:02d} min"


_HOUR = 60
