"""Consenting: what a person, or for the sandbox a client, says to a waiting intent."""

from __future__ import annotations

from ringfence.approvers import Signature, Statement
from ringfence.desk.counter import Desk
from ringfence.errors import InvalidArguments, NotAuthorized, PolicyRefused
from ringfence.guard import approval, authority, consent, passkeys
from ringfence.guard.approval import Evidence
from ringfence.guard.ways import Lack, Ways, ways
from ringfence.intents import DeclineReason, Intent, Level, Line
from ringfence.store import intents, page
from ringfence.store.intents import Damaged
from ringfence.store.transaction import Transaction


async def approve_by_client(
    desk: Desk, principal: str, intent_id: str, *, last_four: str
) -> Intent:
    """Take a client's form for consent at level `client`, if the digits are those of the first line's number.

    Raises:
        InvalidArguments: other digits; nothing was approved.
        NotFound, Declined, Expired, PolicyRefused, Frozen: as `guard.approval.approve`.
    """

    def decide(tx: Transaction) -> Intent:
        intent = approval.existing(tx, intent_id, principal=principal)
        if last_four != intent.lines[0].terms.number[-4:]:
            raise InvalidArguments("last_four: these are not the last four digits of the number.")
        evidence = Evidence(Level.CLIENT, "client", principal)
        return approval.approve(tx, intent_id, evidence, digest=intent.digest)

    return _rung(desk, await desk.store.write(decide))


async def client_declined(desk: Desk, principal: str, intent_id: str) -> Intent:
    """Note that a client said no; the intent stays open for a person, but not for long."""
    noted = await desk.store.write(
        lambda tx: approval.client_declined(tx, intent_id, principal=principal)
    )
    return _rung(desk, noted)


async def approve_at_terminal(desk: Desk, intent_id: str, *, digest: str, person: str) -> Intent:
    """Take a person's yes at a terminal for consent at level `page`, to the digest that the card showed.

    Raises:
        NotFound, Declined, Expired, PolicyRefused, Frozen: as `guard.approval.approve`.
    """
    evidence = Evidence(Level.PAGE, "terminal", person)
    return _rung(
        desk,
        await desk.store.write(lambda tx: approval.approve(tx, intent_id, evidence, digest=digest)),
    )


async def ways_to_consent(desk: Desk, intent_id: str, *, origin: str | None) -> Ways:
    """How people can consent to an intent now, where the page, if there is one, is at this origin.

    Raises:
        NotFound: no such intent.
    """
    return await desk.store.read(lambda tx: _ways(tx, intent_id, origin))


def _ways(tx: Transaction, intent_id: str, origin: str | None) -> Ways:
    intent = approval.existing(tx, intent_id)
    level = approval.level_here(tx, approval.needed_level(tx, intent))
    try:
        return ways(authority.read(tx), level, consent.consenting(tx, intent), origin=origin)
    except NotAuthorized:
        return Ways(level, lack=Lack("nobody's signature counts here now", "ringfence doctor"))


async def statement_to_sign(desk: Desk, intent_id: str, *, card: str, digest: str) -> Statement:
    """The statement that an approver signs who has read this card, about the intent with this digest.

    Raises:
        NotFound: no such intent.
        PolicyRefused: it is not what the card showed.
    """

    def make(tx: Transaction) -> Statement:
        intent = approval.existing(tx, intent_id)
        if intent.digest != digest:
            raise PolicyRefused(f"{intent_id} is not what was shown; look at the card again.")
        return consent.about(tx, intent, card=card, nonce=consent.fresh_nonce())

    return await desk.store.read(make)


async def approve_signed(
    desk: Desk, intent_id: str, statement: Statement, signature: Signature
) -> Intent:
    """Take an approver's signed yes from a terminal; the intent is approved once enough have signed.

    Raises:
        NotFound, Declined, Expired, PolicyRefused, NotAuthorized, Frozen: as `guard.approval.approve_signed`.
    """

    def decide(tx: Transaction) -> Intent:
        return approval.approve_signed(tx, intent_id, statement, signature, channel="terminal")

    return _rung(desk, await desk.store.write(decide))


async def decline_at_terminal(
    desk: Desk, intent_id: str, *, person: str, reason: DeclineReason | None
) -> Intent:
    """Take a person's no, which is final; what is approved is withdrawn as far as it has not been sent.

    Raises:
        NotFound: no such intent.
        PolicyRefused: nothing waits there any more.
    """

    def say_no(tx: Transaction) -> Intent:
        is_approved = approval.existing(tx, intent_id).has_unsent
        say = approval.withdraw if is_approved else approval.decline
        return say(tx, intent_id, person=person, channel="terminal", reason=reason)

    return _rung(desk, await desk.store.write(say_no))


def approve_on_page(desk: Desk, intent_id: str, *, nonce: str, person: str) -> Intent:
    """Take a click on the page for consent at level `page`, to the digest that its form showed.

    Not async, and rings no bell: the page has a thread of its own, and whoever runs it wakes the others.

    Raises:
        PolicyRefused: the form's nonce does not count; nothing was approved. Else as `guard.approval.approve`.
        NotFound, Declined, Expired, Frozen: as `guard.approval.approve`.
    """

    def decide(tx: Transaction) -> Intent:
        form = page.use(tx, intent_id, nonce)
        if form is None:
            raise _stale(intent_id)
        evidence = Evidence(Level.PAGE, "page", person)
        return approval.approve(tx, intent_id, evidence, digest=form.digest)

    return desk.store.write_now(decide)


def approve_with_passkey(
    desk: Desk, intent_id: str, *, nonce: str, answer: str, origin: str
) -> Intent:
    """Take a passkey's answer from the page for its person's signed yes to the card that its form showed.

    It approves once enough have signed. Not async, as `approve_on_page`.

    Args:
        desk: the open installation.
        intent_id: what is approved.
        nonce: of the form.
        answer: what the browser handed over, as JSON.
        origin: of the page that asked.

    Raises:
        PolicyRefused: the form's nonce does not count; nothing was signed. Else as `guard.approval.approve_signed`.
        NotAuthorized: it is not the answer of a passkey that was made on this page and may sign, or not to this.
        NotFound, Declined, Expired, Frozen: as `guard.approval.approve_signed`.
    """

    def decide(tx: Transaction) -> Intent:
        form = page.use(tx, intent_id, nonce)
        if form is None:
            raise _stale(intent_id)
        keys = [key for key in authority.read(tx).keys.values() if key.origin == origin]
        return approval.approve_signed(
            tx,
            intent_id,
            Statement.model_validate_json(form.statement),
            passkeys.signature_in(answer, keys),
            channel="page",
        )

    return desk.store.write_now(decide)


def decline_on_page(
    desk: Desk, intent_id: str, *, nonce: str, person: str, reason: DeclineReason | None
) -> Intent:
    """Take a no on the page, which is final; not async, as `approve_on_page`.

    Raises:
        PolicyRefused: the form's nonce does not count, or nothing waits there any more.
        NotFound: no such intent.
    """

    def decide(tx: Transaction) -> Intent:
        if page.use(tx, intent_id, nonce) is None:
            raise _stale(intent_id)
        return approval.decline(tx, intent_id, person=person, channel="page", reason=reason)

    return desk.store.write_now(decide)


def withdraw_on_page(desk: Desk, intent_id: str, *, nonce: str, person: str) -> Intent:
    """Take consent back on the page, as far as nothing was sent yet; not async, as `approve_on_page`.

    Raises:
        PolicyRefused: the form's nonce does not count, or everything has been sent.
        NotFound: no such intent.
    """

    def decide(tx: Transaction) -> Intent:
        if page.use(tx, intent_id, nonce) is None:
            raise _stale(intent_id)
        return approval.withdraw(tx, intent_id, person=person, channel="page", reason=None)

    return desk.store.write_now(decide)


def _stale(intent_id: str) -> PolicyRefused:
    return PolicyRefused(
        f"The page of {intent_id} was open for too long, or somebody signed meanwhile; nothing was decided.",
        remedy="Tell the person to look at the page again and decide there.",
    )


async def pending(desk: Desk) -> list[Intent]:
    """Everything that waits for a person and can be read, oldest first."""
    return await desk.store.read(intents.awaiting)


async def delayed(desk: Desk) -> list[tuple[Intent, Line]]:
    """Every number that was consented to and is not sent yet, with the reason at it, oldest first."""
    return await desk.store.read(intents.delayed_lines)


async def damaged(desk: Desk) -> list[Damaged]:
    """Every open intent that cannot be read, so that nobody can decide it."""
    return await desk.store.read(intents.damaged)


async def show(desk: Desk, intent_id: str) -> Intent:
    """Any principal's intent, for the operator.

    Raises:
        NotFound: no such intent.
    """
    return await desk.store.read(lambda tx: approval.existing(tx, intent_id))


def _rung(desk: Desk, intent: Intent) -> Intent:
    desk.bell.ring()
    return intent
