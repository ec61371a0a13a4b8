"""What a person is asked in their client: facts of the intent, and how to say yes.

Every word is derived from the stored intent, so the question for one intent is always the same,
and nothing that an assistant wrote is in it.
"""

from __future__ import annotations

import re
from typing import Any

from mcp_types import ElicitResult

from ringfence.guard.card import quoted
from ringfence.intents import Intent, LineTerms, Op, Terms

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "last_four": {
            "type": "string",
            "title": "Last four digits",
            "description": "The last four digits of the number that is named first.",
            "minLength": 4,
            "maxLength": 4,
        }
    },
    "required": ["last_four"],
}
"""No default and no box to tick: whoever answers has at least seen the number.

That they are digits is checked here alone: the protocol's forms know no `pattern`.
"""


def message(intent: Intent) -> str:
    """The question in words: what, at what price, until when, and how to say yes in a form."""
    how = (
        f"To agree, type the last four digits of {intent.terms.lines[0].number}; "
        "anything else leaves it undecided."
    )
    return "\n".join([*_facts(intent), how])


def page_message(intent: Intent) -> str:
    """The same for a person who is taken to the page, where they decide."""
    how = "The page shows this and the match code again. Approve or decline it there."
    return "\n".join([*_facts(intent), how])


def _facts(intent: Intent) -> list[str]:
    terms = intent.terms
    facts = [
        _wish(terms),
        *(_line(line) for line in terms.lines),
        _costs(terms),
        "Sandbox: simulated, no real money." if intent.is_simulated else "",
        f"Match code {intent.match_code}. Open until {intent.expires_at:%Y-%m-%d %H:%M} UTC.",
    ]
    return [fact for fact in facts if fact]


def last_four(answer: ElicitResult) -> str | None:
    """The four digits of an accepted form; None for every other answer."""
    typed = (answer.content or {}).get("last_four") if answer.action == "accept" else None
    return typed if isinstance(typed, str) and re.fullmatch("[0-9]{4}", typed) else None


def _wish(terms: Terms) -> str:
    count = len(terms.lines)
    numbers = "this number" if count == 1 else f"these {count} numbers"
    match terms.op, terms.recipient:
        case Op.BUY, None:
            return f"Buy {numbers}?"
        case Op.BUY, recipient:
            return f"Buy {numbers} for assistant {_named(recipient)}?"
        case Op.ASSIGN, None:
            return f"Disconnect {numbers}?"
        case Op.ASSIGN, recipient:
            return f"Connect {numbers} to assistant {_named(recipient)}?"
        case Op.RELEASE, _:
            return f"Give {numbers} back for good?"


def _named(recipient: str | None) -> str:
    return quoted(recipient or "")


def _line(line: LineTerms) -> str:
    serving = line.current_assistant_id
    now = f", now serving assistant {quoted(serving)}" if serving else ""
    price = line.price
    costs = f": set-up {price.setup}, then {price.monthly} a month" if price else ""
    if line.owned_since is not None:
        now += f", ours since {line.owned_since:%Y-%m-%d}"
    return f"{line.number} at {line.provider}{now}{costs}"


def _costs(terms: Terms) -> str:
    if terms.op is Op.RELEASE:
        monthly = terms.lines[0].owned_monthly if len(terms.lines) == 1 else None
        ends = f"{monthly} a month" if monthly else "the monthly charge"
        return f"It costs nothing and ends {ends}; usually it cannot be got again."
    if terms.op is Op.ASSIGN:
        return ""
    about = "at most " if terms.is_converted else ""
    return (
        f"In all {about}{terms.total_now} now, then {about}{terms.total_monthly} a month; "
        f"{about}{terms.first_year} in the first year."
    )
