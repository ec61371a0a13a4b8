"""Showing: what the approval page puts before a person, all of one moment.

Not async: the page lives in a thread of its own, beside the event loop that the other stories run in.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ringfence.desk.counter import Desk
from ringfence.errors import NotFound
from ringfence.guard import approval, windows
from ringfence.guard.card import Facts, read_facts
from ringfence.intents import Intent, Level
from ringfence.states import IntentState
from ringfence.store import intents, page
from ringfence.store.transaction import Transaction

REMEMBERED = timedelta(days=1)
"""How long after its consent would have ended an intent is still shown; later it is as if it had never been."""
LATELY = 5
"""Decided intents that the inbox lists below those that wait."""


@dataclass(frozen=True)
class Shown:
    """One intent with what a person can do about it on the page."""

    facts: Facts
    now: datetime
    quoted_at: datetime
    """When its prices were last confirmed."""
    is_open: bool
    """Whether it still waits for a person."""
    needed: Level
    """What consent must prove now."""
    is_page_enough: bool
    """Whether consent on the page proves that much."""
    frozen: str | None
    """Why nothing can be approved at all; None while it can."""
    may_withdraw: bool
    """Whether it is approved, and something in it has not been sent yet."""
    nonce: str | None
    """What a decision must be sent with; None where there is none to make."""


@dataclass(frozen=True)
class Inbox:
    """Everything that waits for a person, oldest first, and what was decided lately, newest first."""

    waiting: Sequence[Intent]
    lately: Sequence[Intent]
    now: datetime


def inbox(desk: Desk) -> Inbox:
    """What the page's front shows."""

    def read(tx: Transaction) -> Inbox:
        waiting = [intent for intent in intents.awaiting(tx) if tx.now < intent.expires_at]
        return Inbox(waiting, intents.lately(tx, since=tx.now - REMEMBERED, limit=LATELY), tx.now)

    return desk.store.read_now(read)


def shown(desk: Desk, intent_id: str, *, is_form: bool) -> Shown:
    """One intent as its page shows it; with `is_form` ready to be decided.

    Writes only a form's nonce, and that not for every look.

    Raises:
        NotFound: no such intent, one that nobody was ever asked about, or one that ended long ago.
    """
    seen = desk.store.read_now(lambda tx: _shown(tx, intent_id, page.live_nonce(tx, intent_id)))
    if not is_form or not (seen.is_open or seen.may_withdraw) or seen.nonce is not None:
        return seen
    fresh = secrets.token_urlsafe(32)
    return desk.store.write_now(lambda tx: _with_nonce(tx, intent_id, fresh))


def _with_nonce(tx: Transaction, intent_id: str, fresh: str) -> Shown:
    intent = approval.existing(tx, intent_id)
    windows.keep_up(tx)  # the budgets on the card are those of this moment
    nonce = page.issue_nonce(tx, intent_id, digest=intent.digest, fresh=fresh)
    return _shown(tx, intent_id, nonce)


def _shown(tx: Transaction, intent_id: str, nonce: str | None) -> Shown:
    facts = read_facts(tx, intent_id)
    intent = facts.intent
    if intent.state is IntentState.REFUSED or tx.now > intent.terms.expires_at + REMEMBERED:
        raise NotFound(f"There is no intent {intent_id} here.")
    is_open = intent.state is IntentState.AWAITING_APPROVAL and tx.now < intent.expires_at
    return Shown(
        facts=facts,
        now=tx.now,
        quoted_at=intents.quoted_at(tx, intent_id),
        is_open=is_open,
        needed=approval.needed_level(tx, intent),
        is_page_enough=approval.is_enough(tx, intent, Level.PAGE),
        frozen=tx.frozen,
        may_withdraw=intent.has_unsent,
        nonce=nonce if is_open or intent.has_unsent else None,
    )
