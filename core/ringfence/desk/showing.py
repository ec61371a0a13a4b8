"""Showing: what the approval page puts before a person, all of one moment.

Not async: the page lives in a thread of its own, beside the event loop that the other stories run in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ringfence.approvers import ApproverKey, Statement, is_public
from ringfence.desk.counter import Desk
from ringfence.errors import NotAuthorized, NotFound
from ringfence.guard import approval, consent, windows
from ringfence.guard.card import Facts, card, read_facts
from ringfence.intents import Intent, Level
from ringfence.offers import Provider
from ringfence.states import IntentState
from ringfence.store import intents, page
from ringfence.store.intents import Damaged
from ringfence.store.page import Form
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
    signed: Sequence[str]
    """Who has signed for it already, where that is not enough."""
    passkeys: Sequence[ApproverKey]
    """Those of this page whose signature would add to that; empty where the page is enough."""
    statement: Statement | None
    """What they would sign; None where there is no decision to make."""


@dataclass(frozen=True)
class Inbox:
    """Everything that waits for a person, oldest first, and what was decided lately, newest first."""

    waiting: Sequence[Intent]
    lately: Sequence[Intent]
    signed: Mapping[str, Sequence[str]]
    """Who has signed for what still waits, by its id."""
    frozen: str | None
    """Why nothing can be approved at all; None while it can."""
    damaged: Sequence[Damaged]
    """Open requests that cannot be read, so that nobody can decide them."""
    is_simulated: bool
    """Whether no real carrier is in it, nor may be."""
    now: datetime


def inbox(desk: Desk) -> Inbox:
    """What the page's front shows."""

    def read(tx: Transaction) -> Inbox:
        waiting = [intent for intent in intents.awaiting(tx) if tx.now < intent.expires_at]
        lately = intents.lately(tx, since=tx.now - REMEMBERED, limit=LATELY)
        signed = {intent.intent_id: _people(tx, intent) for intent in waiting}
        return Inbox(
            waiting=waiting,
            lately=lately,
            signed=signed,
            frozen=tx.frozen,
            damaged=intents.damaged(tx),
            is_simulated=_is_simulated(tx, [*waiting, *lately]),
            now=tx.now,
        )

    return desk.store.read_now(read)


def _is_simulated(tx: Transaction, listed: Sequence[Intent]) -> bool:
    """Whether the policy allows the sandbox carrier alone, and nothing here was ever meant for another."""
    is_rehearsal = {each.provider for each in tx.rules.carriers} <= {Provider.SANDBOX}
    return is_rehearsal and all(intent.is_simulated for intent in listed)


def _people(tx: Transaction, intent: Intent) -> list[str]:
    """Who has signed for it; nobody where the chain of who may sign does not hold."""
    try:
        return consent.people(tx, intent)
    except NotAuthorized:
        return []


def shown(desk: Desk, intent_id: str, *, origin: str, is_form: bool) -> Shown:
    """One intent as its page at this origin shows it; with `is_form` ready to be decided.

    Writes only what a form shows, and that not for every look.

    Raises:
        NotFound: no such intent, one that nobody was ever asked about, or one that ended long ago.
    """
    seen = desk.store.read_now(
        lambda tx: _shown(tx, intent_id, page.live_form(tx, intent_id), origin)
    )
    if not is_form or not (seen.is_open or seen.may_withdraw) or seen.nonce is not None:
        return seen
    fresh = consent.fresh_nonce()
    return desk.store.write_now(lambda tx: _drawn(tx, intent_id, fresh, origin))


def _drawn(tx: Transaction, intent_id: str, fresh: str, origin: str) -> Shown:
    intent = approval.existing(tx, intent_id)
    windows.keep_up(tx)  # the budgets on the card are those of this moment
    statement = consent.about(tx, intent, card=card(read_facts(tx, intent_id)), nonce=fresh)
    form = Form(fresh, intent.digest, statement.encoded.decode())
    return _shown(tx, intent_id, page.issue(tx, intent_id, form), origin)


def _shown(tx: Transaction, intent_id: str, form: Form | None, origin: str) -> Shown:
    facts = read_facts(tx, intent_id)
    intent = facts.intent
    if intent.state is IntentState.REFUSED or tx.now > intent.terms.expires_at + REMEMBERED:
        raise NotFound(f"There is no intent {intent_id} here.")
    is_open = intent.state is IntentState.AWAITING_APPROVAL and tx.now < intent.expires_at
    statement = _statement_of(tx, form, facts) if form is not None and is_open else None
    is_page_enough = approval.is_enough(tx, intent, Level.PAGE)
    return Shown(
        facts=facts,
        now=tx.now,
        quoted_at=intents.quoted_at(tx, intent_id),
        is_open=is_open,
        needed=approval.needed_level(tx, intent),
        is_page_enough=is_page_enough,
        frozen=tx.frozen,
        may_withdraw=intent.has_unsent,
        nonce=_nonce(form, is_open=is_open, statement=statement)
        if is_open or intent.has_unsent
        else None,
        signed=_people(tx, intent) if is_open else [],
        # Away from this machine no click counts, whatever is asked for.
        passkeys=_passkeys(tx, intent, origin)
        if is_open and (is_public(origin) or not is_page_enough)
        else [],
        statement=statement,
    )


def _nonce(form: Form | None, *, is_open: bool, statement: Statement | None) -> str | None:
    """What a decision is sent with: a yes needs a form whose card is still true, taking one back any form."""
    if form is None or (is_open and statement is None):
        return None
    return form.nonce


def _statement_of(tx: Transaction, form: Form, facts: Facts) -> Statement | None:
    """What is signed with a form; None where its card has become another one since it was drawn."""
    statement = Statement.model_validate_json(form.statement)
    now = consent.about(tx, facts.intent, card=card(facts), nonce=form.nonce)
    return statement if statement.body == now.body else None


def _passkeys(tx: Transaction, intent: Intent, origin: str) -> list[ApproverKey]:
    try:
        return consent.passkeys_for(tx, intent, origin)
    except NotAuthorized:
        return []
