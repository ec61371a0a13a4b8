"""Repeats: the intent that the same wish has led to before, known by its key, by an open line, or by what was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ringfence.desk.counter import Desk
from ringfence.errors import IdempotencyConflict, RingfenceError, error_class
from ringfence.guard import approval
from ringfence.intents import Intent, Op
from ringfence.offers import Provider
from ringfence.store import intents, requesters
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class Name:
    """What a caller calls a wish: a key of its own, if any, and the very words that it was said in."""

    principal: str
    idempotency_key: str | None
    items_hash: str


@dataclass(frozen=True)
class Meaning:
    """What a wish comes down to: what is to be done with which stock, and all that a repeat must share."""

    op: Op
    stock: Sequence[tuple[Provider, str]]
    stock_key: str
    wish_hash: str


def in_the_same_words(tx: Transaction, name: Name) -> Intent | None:
    """The intent of a wish with this key that was said in just these words."""
    if name.idempotency_key is None:
        return None
    known = requesters.keyed(tx, name.principal, name.idempotency_key)
    if known is None or known.items_hash != name.items_hash:
        return None
    return approval.existing(tx, known.intent_id)


def earlier(tx: Transaction, name: Name, meaning: Meaning, *, is_done: bool) -> Intent | None:
    """The intent that this wish has led to before; None where it starts anew.

    Args:
        is_done: whether what was completed within a day still counts as the same wish.

    Raises:
        IdempotencyConflict: the key named another wish.
    """
    key = name.idempotency_key
    if key is not None:
        known = requesters.keyed(tx, name.principal, key)
        if known is not None and known.wish_hash != meaning.wish_hash:
            raise IdempotencyConflict(f"The key {key!r} was used for another wish.")
        if known is not None:
            return approval.existing(tx, known.intent_id)
    found = intents.open_intent(tx, name.principal, meaning.op, meaning.stock)
    if found is not None and key is not None and _is_just(found, meaning):
        requesters.remember_key(
            tx,
            principal=name.principal,
            key=key,
            intent_id=found.intent_id,
            items_hash=name.items_hash,
            wish_hash=meaning.wish_hash,
        )
    if found is None and key is None and is_done:
        found = intents.completed_repeat(tx, name.principal, meaning.stock_key)
    return found


def _is_just(found: Intent, meaning: Meaning) -> bool:
    """Whether an intent is about this stock and no other; a key of part of it is not a key of it."""
    return {(line.terms.provider, line.terms.number) for line in found.lines} == set(meaning.stock)


async def end_what_expired(desk: Desk) -> None:
    """End what nobody decided in time before anything is compared with it; a runner may not have come by yet."""
    if await desk.store.read(lambda tx: bool(intents.overdue(tx, 1))):
        await desk.store.write(approval.expire_overdue)


def refused(intent: Intent) -> RingfenceError:
    """The stored refusal of an intent, as it was judged."""
    refusal = intent.refusal or {}
    details = dict(refusal.get("details", {})) | {"intent_id": intent.intent_id}
    kind = error_class(str(refusal.get("code")))
    return kind(str(refusal.get("message")), remedy=str(refusal.get("remedy")), details=details)
