"""The approval card: what a person reads before they decide, in plain text of at most 80 columns.

The order is fixed: what happens and to which number, who is paid and what it costs, for whom, what
is left of the budgets, who asks, until when, and the code that says it is this purchase. What an
assistant wrote comes last, behind a fence, where it can look like nothing else on the card.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import phonenumbers

from ringfence.guard import approval, counting
from ringfence.guard import budget as budgets
from ringfence.guard.standing import Standing, standings
from ringfence.guard.words import ERASED, UNVERIFIED
from ringfence.intents import Intent, Level, LineTerms, Op, Terms
from ringfence.inventory import NumberRecord
from ringfence.money import Money
from ringfence.numbers import E164, Capability, grouped
from ringfence.policy import AttemptsBudget, CashBudget, PurchasesBudget, RunRateBudget
from ringfence.states import OPEN_INTENTS, HoldState, IntentState, NumberState
from ringfence.store import inventory, ledger
from ringfence.store.ledger import Hold
from ringfence.store.transaction import Transaction

WIDTH = 80
MAX_QUOTED = 200
"""Characters of text from outside that the card shows."""
FENCE = "| "
NEEDS = {
    Level.CLIENT: "a yes in the assistant's client, on the page or in a terminal",
    Level.PAGE: "a person, on the page or in a terminal",
    Level.PASSPHRASE: "a person, with a passphrase",
    Level.PASSKEY: "a person, with a passkey",
    Level.TWO_PEOPLE: "two people, one of them with a passkey",
}
"""Consent in the words of whoever reads the card."""

_ACTIONS = {
    Op.BUY: "BUY",
    Op.RELEASE: "GIVE BACK FOR GOOD",
    Op.ASSIGN: "MOVE CALLS AND TEXTS OF",
}
_MOST_SPELT = 20
"""Characters of a text that are folded, for each that is shown: NFKC and spaces may shorten it."""
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
"""Unicode categories that draw nothing, reorder what stands beside them, or break the line."""
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
"""Scripts with letters that look alike."""


@dataclass(frozen=True)
class Facts:
    """Everything that stands on a card."""

    intent: Intent
    standings: Sequence[Standing] = ()
    """The budgets that it counts for, with its own hold in them; empty once nothing is held."""
    marks: Sequence[str] = ()
    """What is unusual about it."""


def read_facts(tx: Transaction, intent_id: str) -> Facts:
    """The facts of one intent, all of one moment.

    Raises:
        NotFound: no such intent.
    """
    intent = approval.existing(tx, intent_id)
    if intent.state not in OPEN_INTENTS or intent.terms.op is Op.ASSIGN:
        return Facts(intent)
    if intent.terms.op is Op.RELEASE:
        return Facts(intent, standings=list(_without(tx, intent)), marks=list(_in_use(intent)))
    return Facts(
        intent=intent,
        standings=list(_with_own(tx, intent)),
        marks=list(marks(intent, inventory.everything(tx))),
    )


def _with_own(tx: Transaction, intent: Intent) -> Iterator[Standing]:
    """The budgets that a purchase counts in, with what it holds or has spent there set apart."""
    own = [hold for line in intent.lines for hold in ledger.holds_of(tx, line.line_id)]
    for standing in standings(tx):
        if _counts(standing, intent):
            here = (standing.budget.name, standing.window)
            change = sum(_taken(hold) for hold in own if (hold.budget, hold.window) == here)
            yield replace(standing, change=change)


def _taken(hold: Hold) -> int:
    return hold.amount if hold.state is HoldState.PENDING else hold.posted


def _without(tx: Transaction, intent: Intent) -> Iterator[Standing]:
    """The budgets that the numbers of a release count in for as long as they are ours, as if they were gone."""
    records = [inventory.get(tx, line.number_id or "") for line in intent.terms.lines]
    entries = [counting.counted_by(tx, record) for record in records if record is not None]
    for standing in standings(tx):
        shares = sum(counting.share(tx, entry, standing.budget) for entry in entries)
        if shares:
            yield replace(standing, used=standing.used - shares, change=-shares)


def _in_use(intent: Intent) -> Iterator[str]:
    for line in intent.terms.lines:
        if line.current_assistant_id is not None:
            yield f"IN USE: calls and texts reach {quoted(line.current_assistant_id)} no longer."


def _counts(standing: Standing, intent: Intent) -> bool:
    terms = intent.terms
    return any(
        budgets.matches(
            standing.budget,
            budgets.dimensions_of(line, requester=terms.principal, assistant_id=terms.assistant_id),
        )
        for line in terms.lines
    )


def marks(intent: Intent, numbers: Sequence[NumberRecord]) -> Iterator[str]:
    """What a person should look at twice, beside every number that there ever was."""
    terms = intent.terms
    for country in sorted({line.country for line in terms.lines} - {n.country for n in numbers}):
        yield f"NEW country: no number in {country} so far."
    for provider in sorted({line.provider for line in terms.lines} - {n.provider for n in numbers}):
        yield f"NEW carrier: no number at {provider} so far."
    for line in terms.lines:
        if line.price is not None and _is_highest(line.price.monthly, numbers):
            yield f"HIGHEST price so far: {line.number}, {line.price.monthly} a month."
    served = [
        number.number
        for number in numbers
        if terms.assistant_id is not None
        and number.wanted_assistant_id == terms.assistant_id
        and number.state is not NumberState.RELEASED
        and number.country in {line.country for line in terms.lines}
    ]
    if served:
        yield f"DUPLICATE? {quoted(str(terms.assistant_id))} already has {', '.join(served)}."


def _is_highest(monthly: Money, numbers: Sequence[NumberRecord]) -> bool:
    """Whether nothing in this currency has cost as much, though something has cost less."""
    before = [n.monthly for n in numbers if n.monthly and n.monthly.currency == monthly.currency]
    return bool(before) and all(monthly > other for other in before)


def card(facts: Facts) -> str:
    """The card as it is shown; the same facts always give the same text."""
    intent, terms = facts.intent, facts.intent.terms
    lines = [_heading(intent)]
    for line in terms.lines:
        lines += _number(line)
    lines += _costs(intent)
    lines += ["", *_labelled(*_whose(terms))]
    lines += _labelled("After this", [_budget(standing) for standing in facts.standings])
    lines += _labelled("Look twice", facts.marks)
    lines += _labelled("Asked by", [quoted(terms.principal)])
    if intent.state is not IntentState.REFUSED:  # of which nobody was ever asked
        lines += _labelled("Needs", [NEEDS[terms.level]])
        lines += _labelled("Open until", [_moment(intent.expires_at)])
        lines += _labelled("Match code", [intent.match_code])
    if intent.reason:
        lines += ["", UNVERIFIED, *_fenced(quoted(intent.reason))]
    elif intent.is_reason_erased:
        lines += ["", ERASED]
    return "\n".join(lines)


def _heading(intent: Intent) -> str:
    lines = intent.terms.lines
    what = checked_grouping(lines[0].number) if len(lines) == 1 else f"{len(lines)} NUMBERS"
    mark = "SIMULATED: no real money" if intent.is_simulated else "REAL MONEY"
    head = f"{_ACTIONS[intent.terms.op]} {what}"
    return f"{head}{mark:>{max(len(mark) + 2, WIDTH - len(head))}}"


def _whose(terms: Terms) -> tuple[str, list[str]]:
    """Whom it is about: the assistant that gets the numbers, or those that lose them."""
    if terms.op is Op.RELEASE:
        losing = {line.current_assistant_id for line in terms.lines} - {None}
        return "Taken from", [quoted(each or "") for each in sorted(map(str, losing))] or ["nobody"]
    return "For assistant", [quoted(terms.recipient or "nobody yet")]


def _number(line: LineTerms) -> Iterator[str]:
    can = ", ".join(_CAN.get(each, each.value) for each in line.capabilities)
    country = f", {line.country}" if line.place else line.country
    yield _beside(f"{line.number} = {checked_grouping(line.number)} · ", line.place or "", country)
    yield from _wrapped(f"{line.type} · {can or 'no capability known'}", "  ")
    yield _beside(f"at {line.provider}, account ", line.account)
    if line.number_id is not None:
        yield _beside("serves ", line.current_assistant_id or "nobody", " now")
    if line.owned_since is not None:
        yield f"  ours since {line.owned_since.astimezone(UTC):%Y-%m-%d}, {_monthly(line)}"
    if line.price is not None:
        price = line.price
        term = "1 month" if line.min_term_months == 1 else f"{line.min_term_months} months"
        yield f"  set-up {price.setup}, then {price.monthly} a month until released"
        yield f"  at least {term}; tax as the carrier bills it"


def _beside(facts: str, name: str, after: str = "") -> str:
    """A name from outside on the line of a fact; cut there, so that it never begins a line of its own."""
    return f"  {facts}{quoted(name, WIDTH - 2 - len(facts) - len(after))}{after}"


_CAN = {Capability.SMS: "SMS", Capability.MMS: "MMS", Capability.WHATSAPP: "WhatsApp"}


def _costs(intent: Intent) -> Iterator[str]:
    terms = intent.terms
    if terms.op is Op.RELEASE:
        ends = terms.lines[0].owned_monthly if len(terms.lines) == 1 else None
        yield _ENDS.format(f"{ends} a month" if ends else "the monthly charge")
        return
    if terms.op is Op.ASSIGN:
        yield "costs nothing, but moves live calls and texts"
        return
    about = "at most " if terms.is_converted else ""
    yield (
        f"today {about}{_amount(terms.total_now)} · then {about}{_amount(terms.total_monthly)}"
        f" a month · first year {about}{_amount(terms.first_year)}"
    )


_ENDS = "costs nothing and ends {}, for good: usually it cannot be got back"


def _monthly(line: LineTerms) -> str:
    """What an owned number costs, as far as anybody knows."""
    return f"{line.owned_monthly} a month" if line.owned_monthly else "at an unknown price"


def _amount(amount: Money | None) -> str:
    return "UNKNOWN" if amount is None else str(amount)


def _budget(standing: Standing) -> str:
    """`cash 2026-11: 2.00 of 25.00 USD (0.00 before)`."""
    budget, taken, before = standing.budget, standing.taken, standing.before
    if isinstance(budget, CashBudget | RunRateBudget):
        taken, before = taken.rpartition(" ")[0], before.rpartition(" ")[0]
    when = ""
    if isinstance(budget, CashBudget | PurchasesBudget):
        when = f" {standing.window}"
    elif isinstance(budget, AttemptsBudget):
        when = " this hour"
    scope = "" if budget.scope == "all" else f" ({budget.scope})"
    return f"{budget.name}{scope}{when}: {taken} of {standing.limit} ({before} before)"


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _labelled(label: str, values: Sequence[str]) -> Iterator[str]:
    for index, value in enumerate(values):
        yield from _wrapped(value, f"{'' if index else label:<15}", " " * 15)


def _wrapped(text: str, indent: str, hanging: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "  " if hanging is None else hanging,
    )


def _fenced(text: str) -> list[str]:
    """Every line of it behind a mark, so that none can look like one of ours."""
    return [FENCE + part for part in textwrap.wrap(text, WIDTH - len(FENCE))]


def checked_grouping(number: E164) -> str:
    """The number as people read it, which must read back as the very same number.

    Raises:
        RuntimeError: it does not; such a card must never be shown.
    """
    shown = grouped(number)
    again = phonenumbers.format_number(
        phonenumbers.parse(shown), phonenumbers.PhoneNumberFormat.E164
    )
    if again != number or not shown.isascii():
        raise RuntimeError(f"{number} would be shown as {shown!r}.")
    return shown


def quoted(text: str, limit: int = MAX_QUOTED) -> str:
    """Text from outside on one line: compatibility forms folded, what cannot be seen spelt out, cut.

    A word whose letters come from look-alike scripts says so.
    """
    # What is cut off anyway is not looked at: a text of megabytes costs no more than a sentence.
    shown = spelt(text[: limit * _MOST_SPELT])
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def spelt(text: str) -> str:
    """The same in its whole length, for what a person signs."""
    folded = unicodedata.normalize("NFKC", text)
    return " ".join(f"{_spelt(word)}{_flag(word)}" for word in folded.split(" ") if word)


def _spelt(word: str) -> str:
    return "".join(
        f"\\u{{{ord(character):x}}}" if unicodedata.category(character) in _INVISIBLE else character
        for character in word
    )


def _flag(word: str) -> str:
    names = [unicodedata.name(character, "") for character in word if character.isalpha()]
    scripts = {script for script in _SCRIPTS for name in names if name.startswith(script)}
    return " [mixed alphabets]" if len(scripts) > 1 else ""
