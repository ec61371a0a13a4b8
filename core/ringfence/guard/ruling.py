"""Rulings: what a person says about the books, where no look at a carrier can tell.

In a sandbox a person at the terminal is enough. In a live installation approvers sign it, over everything that it
does and over the version of what it is about, so that it does it once. What one of two has signed waits for the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ringfence.approvers import Purpose, Signature, Statement
from ringfence.errors import Declined, NotAuthorized
from ringfence.guard import authority, consent
from ringfence.guard.authority import Authority
from ringfence.intents import Level
from ringfence.store import audit, statements
from ringfence.store.audit import Words
from ringfence.store.statements import Signed
from ringfence.store.transaction import Transaction

TIME_TO_SIGN = timedelta(hours=24)
"""How long a ruling waits for everybody who has to sign it."""
WORDS = "words"
"""Where a ruling's body names the hash of the words that were said for it."""


@dataclass(frozen=True)
class Given:
    """Who stands for a ruling, and what their words hash to."""

    people: str
    words: str
    statement: str | None
    """What they signed; None where nobody needs to sign."""


def needs_signing(tx: Transaction) -> bool:
    """Whether it takes an approver's signature, and not merely a person at the terminal."""
    return tx.mode != "sandbox"


def needed(tx: Transaction, who: Authority, *, loosens: bool) -> Level | None:
    """What its signatures must prove together; None where nobody can sign.

    What gives budget back is signed like a looser policy, everything else like the smallest purchase; neither at a
    level that these approvers could not give, for what has happened at a carrier has to be written down.
    """
    if loosens or who.strongest is None:
        return authority.needed_to_change(who, tx.rules)
    asked = max((tx.rules.levels.buy, Level.PASSPHRASE), key=lambda level: level.strength)
    return min(asked, who.strongest, key=lambda level: level.strength)


def make(
    tx: Transaction, purpose: Purpose, subject: str, body: Mapping[str, Any], words: Words
) -> Statement:
    """The statement to be signed: one that says the same and waits for a signature already, or a new one."""
    for statement in waiting(tx, purpose, subject):
        if without_words(statement.body) == dict(body):
            return statement
    return consent.make(
        tx,
        purpose,
        subject=subject,
        body={**body, WORDS: words.hash},
        nonce=consent.fresh_nonce(),
        expires_at=tx.now + TIME_TO_SIGN,
    )


def waiting(tx: Transaction, purpose: Purpose, subject: str) -> list[Statement]:
    """Rulings about one subject that somebody has proposed or signed, and that may wait for signatures.

    One that is about an older version of its subject is among them: whoever carries it out finds that.
    """
    return [
        authority.parse(signed)
        for signed in statements.about(tx, purpose, subject)
        if may_wait(tx, signed)
    ]


def may_wait(tx: Transaction, signed: Signed) -> bool:
    """Whether a stored ruling can be read, is in time, and nobody has declined it."""
    try:
        statement = authority.parse(signed)
    except NotAuthorized:
        return False
    is_in_time = tx.now < statement.expires_at <= statement.made_at + TIME_TO_SIGN
    return is_in_time and not statements.is_declined(tx, signed)


def propose(tx: Transaction, statement: Statement, words: Words) -> int:
    """Store a ruling that nobody has signed, with the words that were said for it; its place."""
    audit.keep_words(tx, words)
    return statements.add(tx, statement)


def said(tx: Transaction, statement: Statement) -> str | None:
    """The words that were said for a ruling that waits, unless they were erased."""
    return audit.said(tx, str(statement.body.get(WORDS)))


def unsigned(tx: Transaction, words: Words, *, person: str) -> Given:
    """A person at the terminal stands for it.

    Raises:
        NotAuthorized: a live installation, where approvers sign.
    """
    if needs_signing(tx):
        raise NotAuthorized(
            "In a live installation an approver signs for what is written into the books.",
            remedy="Tell the person to do it themselves, in a terminal of their own.",
        )
    audit.keep_words(tx, words)
    return Given(person, words.hash, None)


def sign(
    tx: Transaction,
    statement: Statement,
    signature: Signature,
    words: Words | None,
    *,
    purpose: Purpose,
    loosens: bool,
) -> Given | None:
    """Store an approver's signature under a ruling; None while more are needed.

    Raises:
        NotAuthorized: the signature does not count, it was made for something else, or the words are others.
        Declined: it waited, and somebody has said no.
    """
    if statement.purpose is not purpose:
        raise NotAuthorized("What was signed is about something else.")
    seq = _place(tx, statement, signature, words)
    statements.sign(tx, seq, signature)
    stored = next(s for s in statements.about(tx, purpose, statement.subject) if s.seq == seq)
    who = authority.read(tx)
    signers = authority.valid_signers(who, stored)
    people = " and ".join(dict.fromkeys(key.person for key in signers))
    given = authority.level_of(signers)
    if not authority.is_at_least(given, needed(tx, who, loosens=loosens)):
        tx.audit(
            f"{purpose}.signed",
            actor=people,
            subject=statement.subject,
            statement=statement.encoded.decode(),
        )
        return None
    return Given(people, str(statement.body[WORDS]), statement.encoded.decode())


def _place(tx: Transaction, statement: Statement, signature: Signature, words: Words | None) -> int:
    """Where the statement is stored; it may wait there for its second signature."""
    stored = _stored(tx, statement)
    if stored is not None:
        if statements.is_declined(tx, stored):
            raise Declined(
                "This was declined, which is final.", remedy="Look again, and sign anew."
            )
        if not may_wait(tx, stored):
            raise NotAuthorized("This has waited too long.", remedy="Look again, and sign anew.")
        consent.check_sound(tx, statement)
        consent.check_signer(tx, statement, signature)
        if signature.key_id in {each.key_id for each in stored.signatures}:
            raise NotAuthorized(
                "This key has signed it already.", remedy="Somebody else has to sign it as well."
            )
        return stored.seq
    if words is None or words.hash != statement.body.get(WORDS):
        raise NotAuthorized("What was signed for other words.", remedy="Sign it anew.")
    consent.check(tx, statement, signature)
    audit.keep_words(tx, words)
    return statements.add(tx, statement)


def _stored(tx: Transaction, statement: Statement) -> Signed | None:
    stored = statements.about(tx, statement.purpose, statement.subject)
    return next((each for each in stored if each.encoded == statement.encoded), None)


def without_words(body: Mapping[str, Any]) -> dict[str, Any]:
    """A ruling's body beside the words that were said for it."""
    return {name: value for name, value in body.items() if name != WORDS}
