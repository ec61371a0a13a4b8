"""Who said so: consent, refusal and withdrawal, each one compare-and-set on the stored intent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from ringfence.approvers import Signature, Statement
from ringfence.clock import rfc3339
from ringfence.errors import (
    ConfigurationError,
    Declined,
    Expired,
    Frozen,
    InvalidArguments,
    NotFound,
    PolicyRefused,
    RingfenceError,
)
from ringfence.guard import consent, holds
from ringfence.guard.digest import digest_of, digest_of_bytes
from ringfence.ids import Prefix
from ringfence.intents import WEAK_LEVELS, DeclineReason, Intent, Level, reasons_to_decline
from ringfence.states import IntentState, LineState
from ringfence.store import approvals, intents, requesters
from ringfence.store.transaction import Transaction

MAX_OVERDUE = 100
"""Intents that one sweep ends; the next one ends the others."""
STOP = timedelta(minutes=15)
"""How long a person's *stop* closes a requester and an operation."""
AFTER_CLIENT_DECLINE = timedelta(minutes=15)
"""How long an intent stays open after a client, not a person, declined it."""


@dataclass(frozen=True)
class Evidence:
    """Who consents, through what, without a key: good enough for the sandbox alone."""

    level: Level
    """One of `WEAK_LEVELS`."""
    channel: str
    """`client`, `terminal` or `page`."""
    person: str


def approve(tx: Transaction, intent_id: str, evidence: Evidence, *, digest: str) -> Intent:
    """Record consent to exactly this digest; the runner takes it from there.

    Raises:
        NotFound: no such intent.
        Declined, Expired, PolicyRefused: it has ended, or the consent is not strong enough.
        Frozen: spending is frozen.
    """
    intent = existing(tx, intent_id)
    if intent.state in {IntentState.APPROVED, IntentState.EXECUTING} or _is_done(intent):
        return intent
    check_open(tx, intent)
    _check_evidence(tx, intent, evidence, digest)
    return _approved(tx, intent, evidence.level, evidence.channel, evidence.person)


def approve_signed(
    tx: Transaction, intent_id: str, statement: Statement, signature: Signature, *, channel: str
) -> Intent:
    """Record an approver's signed consent; with enough of it the intent is approved.

    Until then it waits: the consent of a second person may come an hour later, from another machine.

    Raises:
        NotFound: no such intent.
        Declined, Expired: it has ended.
        NotAuthorized, PolicyRefused: the signature does not count, or is about something else.
        Frozen: spending is frozen.
    """
    intent = existing(tx, intent_id)
    if intent.state in {IntentState.APPROVED, IntentState.EXECUTING} or _is_done(intent):
        return intent
    check_open(tx, intent)
    given = consent.add(tx, intent, statement, signature)
    people = consent.people(tx, intent)
    tx.audit(
        "intent.signed",
        actor=people[-1],
        subject=intent_id,
        digest=intent.digest,
        statement=statement.encoded.decode(),
        key=signature.key_id,
    )
    if given is None or given.strength < needed_level(tx, intent).strength:
        return existing(tx, intent_id)
    return _approved(tx, intent, given, channel, " and ".join(people))


def _approved(tx: Transaction, intent: Intent, level: Level, channel: str, person: str) -> Intent:
    approved = intents.move(
        tx,
        intent,
        IntentState.APPROVED,
        decided_by=person,
        decided_level=level.value,
    )
    approvals.add(
        tx,
        approval_id=tx.new_id(Prefix.APPROVAL),
        intent=intent,
        level=level,
        channel=channel,
        person=person,
    )
    for line in approved.lines:
        intents.change_line(tx, line, due_at=tx.now)
    tx.audit(
        "intent.approved",
        actor=person,
        subject=intent.intent_id,
        digest=intent.digest,
        level=level.value,
        channel=channel,
    )
    return existing(tx, intent.intent_id)


def level_given(tx: Transaction, intent: Intent) -> Level | None:
    """What the consent to an intent proves at this moment; None where there is none that counts.

    Signed consent is verified again from its bytes. Consent without a key counts in a sandbox alone.

    Raises:
        NotAuthorized: somebody has signed, and the chain of who may sign does not hold.
    """
    signed = consent.given(tx, intent)
    stored = approvals.of_intent(tx, intent.intent_id)
    if stored is None or stored.digest != intent.digest or not _is_untouched(tx, intent):
        return None
    if signed is not None or tx.mode != "sandbox":
        return signed
    level = Level(stored.level)
    return level if level in WEAK_LEVELS else None


def _is_untouched(tx: Transaction, intent: Intent) -> bool:
    """Whether the digest is that of the terms, as they were read and as they are stored to the last byte."""
    stored = digest_of_bytes(intents.terms_bytes(tx, intent.intent_id))
    return stored == intent.digest == digest_of(intent.terms)


def _is_done(intent: Intent) -> bool:
    return intent.state in {
        IntentState.COMPLETED, IntentState.PARTLY_COMPLETED, IntentState.FAILED, IntentState.NEEDS_ATTENTION,
    }  # fmt: skip


def check_open(tx: Transaction, intent: Intent) -> None:
    """Check that a yes to an intent would be taken at this moment.

    Raises:
        Declined, Expired, PolicyRefused: it has ended.
        Frozen: spending is frozen.
    """
    if intent.state in _ENDED:
        raise _ENDED[intent.state](intent)
    if tx.now >= intent.expires_at:
        raise _expired(intent)
    if tx.frozen is not None:
        raise Frozen(f"All spending is frozen: {tx.frozen}.")


def _check_evidence(tx: Transaction, intent: Intent, evidence: Evidence, digest: str) -> None:
    """Consent counts for one digest, at a level that both its terms and the present policy find strong enough."""
    if not digest == intent.digest == digest_of(intent.terms):
        raise PolicyRefused(
            f"What was shown is not what {intent.intent_id} says; nothing was approved.",
            remedy="Tell the person to look at the card again.",
        )
    if tx.mode == "live" and evidence.level in WEAK_LEVELS:
        raise PolicyRefused("A live installation takes no consent that proves no person.")
    needed = needed_level(tx, intent)
    if evidence.level not in WEAK_LEVELS:
        raise PolicyRefused(f"Consent at level {evidence.level} is signed; this was not.")
    if evidence.level.strength < needed.strength:
        raise PolicyRefused(
            f"{intent.intent_id} needs consent at level {needed}; this was {evidence.level}."
        )


def needed_level(tx: Transaction, intent: Intent) -> Level:
    """What consent to it must prove now: what its terms say, or more where the policy has become stricter."""
    terms = intent.terms
    levels = (terms.level, tx.rules.level_for(terms.op, terms.first_year, tx.now))
    return max(levels, key=lambda level: level.strength)


def level_here(tx: Transaction, level: Level) -> Level:
    """What consent must prove where a policy asks for this level: live, at least a secret that a person knows."""
    if tx.mode != "live":
        return level
    return max(level, Level.PASSPHRASE, key=lambda each: each.strength)


def is_enough(tx: Transaction, intent: Intent, level: Level) -> bool:
    """Whether consent at this level counts for it here and now."""
    is_too_weak_here = tx.mode == "live" and level in WEAK_LEVELS
    return level.strength >= needed_level(tx, intent).strength and not is_too_weak_here


def _expired(intent: Intent) -> RingfenceError:
    return Expired(f"{intent.intent_id} waited for a person until {rfc3339(intent.expires_at)}.")


_ENDED: dict[IntentState, Callable[[Intent], RingfenceError]] = {
    IntentState.DECLINED: lambda intent: Declined(f"A person has declined {intent.intent_id}."),
    IntentState.EXPIRED: _expired,
    IntentState.CANCELLED: lambda intent: Expired(f"{intent.intent_id} was withdrawn."),
    IntentState.REFUSED: lambda intent: PolicyRefused(
        f"{intent.intent_id} was refused by the guard."
    ),
}


def decline(
    tx: Transaction, intent_id: str, *, person: str, channel: str, reason: DeclineReason | None
) -> Intent:
    """A person's no, which is final for this intent; *stop* closes the requester and operation for a while.

    What some have signed for it counts for nothing any more, since not enough had.

    Raises:
        NotFound: no such intent.
        InvalidArguments: the reason is one that only a purchase has.
        PolicyRefused: it is approved, or has ended another way.
    """
    intent = existing(tx, intent_id)
    _check_reason(intent, reason)
    if intent.state is IntentState.DECLINED:
        return intent
    if intent.state is not IntentState.AWAITING_APPROVAL:
        raise PolicyRefused(
            f"{intent_id} is {intent.state}; only what waits for a person can be declined.",
            remedy="Look at it with get_intent.",
        )
    declined = intents.move(
        tx,
        intent,
        IntentState.DECLINED,
        decided_by=person,
        decline_reason=reason.value if reason else None,
    )
    _stop(tx, intent, reason)
    void_ready(tx, declined, why=Declined(f"A person declined {intent_id}."))
    tx.audit(
        "intent.declined",
        actor=person,
        subject=intent_id,
        channel=channel,
        reason=reason and reason.value,
    )
    return existing(tx, intent_id)


def withdraw(
    tx: Transaction, intent_id: str, *, person: str, channel: str, reason: DeclineReason | None
) -> Intent:
    """A person takes consent back: what has not been sent never is; what has been sent goes on.

    It needs no level and no key, for it only lowers. The claim before the byte changes the same lines, so one of the
    two comes first and the other finds that out.

    Raises:
        NotFound: no such intent.
        InvalidArguments: the reason is one that only a purchase has.
        PolicyRefused: nobody has approved it, or everything in it has been sent.
    """
    intent = existing(tx, intent_id)
    _check_reason(intent, reason)
    if not intent.has_unsent:
        raise PolicyRefused(
            f"{intent_id} is {intent.state}; there is nothing approved in it that has not been sent.",
            remedy="Look at it with get_intent.",
        )
    changes = {"decline_reason": reason.value if reason else None}
    if intent.state is IntentState.APPROVED:
        intent = intents.move(tx, intent, IntentState.CANCELLED, decided_by=person, **changes)
    _stop(tx, intent, reason)
    void_ready(tx, intent, why=Declined(f"It was withdrawn by {person} before it was sent."))
    tx.audit(
        "intent.withdrawn",
        actor=person,
        subject=intent_id,
        channel=channel,
        reason=reason and reason.value,
        unsent=[line.line_id for line in intent.lines if line.state is LineState.READY],
    )
    return existing(tx, intent_id)


def _check_reason(intent: Intent, reason: DeclineReason | None) -> None:
    if reason is not None and reason not in reasons_to_decline(intent.terms.op):
        raise InvalidArguments(
            f"{reason}: {intent.intent_id} buys nothing, so that is no reason against it.",
            remedy="Decline it without a reason, or with stop.",
        )


def _stop(tx: Transaction, intent: Intent, reason: DeclineReason | None) -> None:
    if reason is DeclineReason.STOP:
        requesters.close_scope(tx, intent.terms.principal, intent.terms.op, tx.now + STOP)


def client_declined(tx: Transaction, intent_id: str, *, principal: str) -> Intent:
    """Note that a client said no; it approves nothing and locks nothing, for hosts say no without showing anything."""
    intent = existing(tx, intent_id, principal=principal)
    if intent.state is IntentState.AWAITING_APPROVAL:
        until = min(intent.expires_at, tx.now + AFTER_CLIENT_DECLINE)
        intents.set_expiry(tx, intent, until)
        tx.audit("intent.client_declined", actor=principal, subject=intent_id, until=rfc3339(until))
    return existing(tx, intent_id)


def cancel(tx: Transaction, intent_id: str, *, principal: str) -> Intent:
    """The requester withdraws what has not been sent; lines that were sent go on.

    Raises:
        NotFound: no such intent of this principal.
    """
    intent = existing(tx, intent_id, principal=principal)
    if intent.state in {IntentState.AWAITING_APPROVAL, IntentState.APPROVED}:
        intent = intents.move(tx, intent, IntentState.CANCELLED, decided_by=principal)
    elif not any(line.state is LineState.READY for line in intent.lines) or intent.state in _ENDED:
        return intent
    tx.audit("intent.cancelled", actor=principal, subject=intent_id)
    void_ready(tx, intent, why=Expired(f"{intent_id} was withdrawn by its requester."))
    return existing(tx, intent_id)


def expire(tx: Transaction, intent_id: str) -> Intent:
    """End an intent that nobody decided, or that was not sent, in time."""
    intent = existing(tx, intent_id)
    is_open = intent.state in {IntentState.AWAITING_APPROVAL, IntentState.APPROVED}
    if not is_open or tx.now < intent.expires_at:
        return intent
    expired = intents.move(tx, intent, IntentState.EXPIRED)
    void_ready(tx, expired, why=_expired(intent))
    tx.audit("intent.expired", actor="ringfence", subject=intent_id)
    return existing(tx, intent_id)


def expire_overdue(tx: Transaction) -> None:
    """End what nobody decided in time; for programs beside which no runner does it."""
    for intent_id in intents.overdue(tx, MAX_OVERDUE):
        with suppress(ConfigurationError):  # what cannot be read is told to whoever asks for it
            expire(tx, intent_id)


def supersede(tx: Transaction, intent: Intent, *, why: RingfenceError) -> None:
    """End a waiting intent whose card is no longer true; what it says now needs a new one."""
    ended = intents.move(tx, intent, IntentState.CANCELLED, decided_by="ringfence")
    void_ready(tx, ended, why=why)
    tx.audit("intent.superseded", actor="ringfence", subject=intent.intent_id, code=why.code)


def void_ready(tx: Transaction, intent: Intent, *, why: RingfenceError) -> None:
    """Give back what the unsent lines of an intent hold."""
    for line in intent.lines:
        if line.state is LineState.READY:
            holds.void_line(tx, intent, line, why=why)


def existing(tx: Transaction, intent_id: str, *, principal: str | None = None) -> Intent:
    """The intent, which must exist and, with `principal`, be theirs.

    Raises:
        NotFound: it does not, or is not.
    """
    intent = intents.get(tx, intent_id, principal=principal)
    if intent is None:
        raise NotFound(f"There is no intent {intent_id} here.")
    return intent
