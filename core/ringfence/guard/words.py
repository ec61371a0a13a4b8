"""Words of an assistant: shown to a person, signed as a hash, and erasable."""

from __future__ import annotations

from ringfence.errors import NotFound
from ringfence.store import audit, intents
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


def erase(tx: Transaction, intent_id: str, *, actor: str) -> bool:
    """Erase what the assistant said about an intent; False where it was erased before.

    Their salted hash stays in the chain, with an event that says who had them erased. Copies of the database that
    were made before keep them.

    Raises:
        NotFound: no such intent, or nothing was said about it.
    """
    words = audit.words_of(tx, intent_id)
    if intents.get(tx, intent_id) is None or words is None:
        raise NotFound(
            f"There are no words of an assistant about {intent_id} here.",
            remedy="Look at it: ringfence show ID",
        )
    if words.is_erased:
        return False
    audit.erase_words(tx, intent_id)
    tx.audit("words.erased", actor=actor, subject=intent_id, hash=words.hash)
    return True
