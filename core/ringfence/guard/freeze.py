"""The freeze: one switch that stops every paid request, checked again in the transaction that sends."""

from __future__ import annotations

from datetime import timedelta

from ringfence.approvers import Purpose, Signature, Statement
from ringfence.errors import ConfigurationError, NotAuthorized
from ringfence.guard import books, consent, witness
from ringfence.guard.windows import RENEWALS
from ringfence.store import policies, statements
from ringfence.store.balances import Balance
from ringfence.store.told import Contradiction
from ringfence.store.transaction import Transaction

TIME_TO_SIGN = timedelta(minutes=15)
"""How long a statement that lifts a freeze may wait for its signature: the next freeze has another reason."""


def freeze(tx: Transaction, reason: str, *, actor: str) -> None:
    """Stop all spending; anybody at the terminal may, and so does the guard when it meets what it cannot explain."""
    if tx.frozen is None:
        policies.set_frozen(tx, reason[:300])
        tx.audit("guard.frozen", actor=actor, subject=tx.installation_id, reason=reason[:300])


def unfreeze(tx: Transaction, *, actor: str) -> None:
    """Let spending go on, in a sandbox.

    Raises:
        NotAuthorized: a live installation, where an approver signs for it.
    """
    if tx.mode != "sandbox":
        raise NotAuthorized(
            "Only an approver can lift the freeze of a live installation.",
            remedy="Tell the person to lift it themselves, in a terminal: ringfence unfreeze",
        )
    _lift(tx, actor=actor)


def lifting(tx: Transaction, *, nonce: str) -> Statement:
    """The statement by which an approver lifts this very freeze.

    Raises:
        ConfigurationError: nothing is frozen.
    """
    if tx.frozen is None:
        raise ConfigurationError("Nothing is frozen.", remedy="There is nothing to lift.")
    return consent.make(
        tx,
        Purpose.UNFREEZE,
        subject=tx.installation_id,
        body={"reason": tx.frozen},
        nonce=nonce,
        expires_at=tx.now + TIME_TO_SIGN,
    )


def unfreeze_signed(tx: Transaction, statement: Statement, signature: Signature) -> None:
    """Let spending go on, as an approver signed; the present approvers' strongest consent is not asked for.

    Raises:
        NotAuthorized: the signature does not count, or it was about another freeze.
    """
    if statement.purpose is not Purpose.UNFREEZE or statement.body.get("reason") != tx.frozen:
        raise NotAuthorized(
            "What was signed is not about this freeze.", remedy="Look at its reason, and sign anew."
        )
    key = consent.check(tx, statement, signature)
    _rebuild(tx)
    statements.sign(tx, statements.add(tx, statement), signature)
    tx.is_new_beginning = True  # whoever lifts the freeze stands for what is there now
    witness.begin_anew(tx)
    _lift(tx, actor=key.person)


def _rebuild(tx: Transaction) -> None:
    """Let balances be what follows from the ledger, whatever somebody has written into their rows.

    Raises:
        NotAuthorized: the chain does not hold, so there is nothing to stand for.
    """
    try:
        told = tx.told()
    except Contradiction as broken:
        raise NotAuthorized(
            f"The history does not hold: {broken}. Nothing can be bought on it.",
            remedy="Restore a copy of the database from before, then unfreeze that one.",
        ) from broken
    renewed = {key: Balance() for key in told.balances if key[0] == RENEWALS}
    tx.balances.replace_all(renewed | books.refold(tx))


def _lift(tx: Transaction, *, actor: str) -> None:
    if tx.frozen is not None:
        tx.audit("guard.unfrozen", actor=actor, subject=tx.installation_id, reason=tx.frozen)
        policies.set_frozen(tx, None)
