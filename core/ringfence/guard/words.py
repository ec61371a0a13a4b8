"""Words of an assistant or a person: shown, signed as a hash, and erasable."""

from __future__ import annotations

from ringfence.errors import NotFound
from ringfence.store import audit
from ringfence.store.transaction import Transaction

UNVERIFIED = "The assistant says (unverified):"
"""The line of a card after which nothing comes but an assistant's words, each line behind a fence."""
ERASED = "What the assistant said was erased."


def attested(card: str, words: audit.Words | None) -> str:
    """A card as it is signed: with the salted hash of the assistant's words where the words stand.

    What is signed stays for ever, and words must not: without the salt nobody can even try a guess at them.
    """
    facts, mark, _ = card.partition(f"\n{UNVERIFIED}\n")
    if not mark or words is None or words.is_erased:
        return facts
    return f"{facts}\n{UNVERIFIED}\nsha256 {words.hash}"


def erase(tx: Transaction, subject: str, *, actor: str) -> bool:
    """Erase what was said about an intent, a line or a number; False where it was erased before.

    An assistant's words belong to its intent, a person's to what they resolved or adjusted. The salted hashes stay in
    the chain, with events that say who had the words erased. Copies of the database that were made before keep them.

    Raises:
        NotFound: nothing was said about it.
    """
    there = [
        (place, words) for place in _places(tx, subject) if (words := audit.words_of(tx, place))
    ]
    if not there:
        raise NotFound(
            f"There are no words about {subject[:40]} here.",
            remedy="Name an intent (int_…), or a line (lin_…) or number (num_…) that was resolved or adjusted.",
        )
    left = [(place, words) for place, words in there if not words.is_erased]
    for place, words in left:
        audit.erase_words(tx, place)
        tx.audit("words.erased", actor=actor, subject=place, hash=words.hash)
    return bool(left)


def _places(tx: Transaction, subject: str) -> list[str]:
    """Where words about something may be kept: an assistant's under its intent, others under their own hash."""
    hashes = [event["body"].get("words_hash") for event in audit.about(tx, subject)]
    return [subject, *(audit.place_of(each) for each in hashes if each)]
