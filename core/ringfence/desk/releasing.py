"""Releasing: propose to give a number back for good; a person decides elsewhere, and the runner does the rest."""

from __future__ import annotations

from dataclasses import dataclass

from ringfence.desk import repeats
from ringfence.desk.counter import Desk
from ringfence.desk.owning import owned_terms, undecided_purchase
from ringfence.desk.repeats import Meaning, Name, refused
from ringfence.errors import NotFound, PolicyRefused, RingfenceError
from ringfence.guard.connection import check_active
from ringfence.guard.digest import items_hash, stock_key, wish_hash
from ringfence.guard.proposal import Proposal, propose
from ringfence.intents import Intent, LineTerms, Op
from ringfence.inventory import NumberRecord
from ringfence.numbers import E164
from ringfence.states import IntentState
from ringfence.store import intents, inventory
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class ReleaseWish:
    """A wish to give one number back."""

    number: E164
    reason: str | None = None
    idempotency_key: str | None = None


async def propose_release(desk: Desk, principal: str, wish: ReleaseWish) -> Intent:
    """Judge the wish and write it down; from then on nothing else is done with the number. A repeat finds its intent.

    Any principal may ask: numbers are the installation's, and a person decides.

    Raises:
        NotFound: not a number of this installation.
        PolicyRefused: it is lost, or it is being bought, connected, moved or given back at the moment.
        Frozen, IdempotencyConflict, Declined: see TOOLS.md.
    """
    await repeats.end_what_expired(desk)
    intent = await desk.store.write(lambda tx: _propose(tx, desk, principal, wish))
    desk.bell.ring()
    if intent.state is IntentState.REFUSED:
        raise refused(intent)
    return intent


def _propose(tx: Transaction, desk: Desk, principal: str, wish: ReleaseWish) -> Intent:
    name = Name(principal, wish.idempotency_key, items_hash([wish.number]))
    known = repeats.in_the_same_words(tx, name)
    if known is not None and known.terms.op is Op.RELEASE:
        return known
    record = inventory.by_number(tx, wish.number)
    latest = record or inventory.latest(tx, wish.number)
    if latest is None:
        raise _not_ours(wish.number)
    meaning = _meaning(latest)
    # A number that is ours again was bought anew, and to give it back is a new wish.
    earlier = repeats.earlier(tx, name, meaning, is_done=record is None)
    if earlier is not None:
        return earlier
    if record is None:
        raise _not_ours(wish.number)
    proposal = Proposal(
        op=Op.RELEASE,
        principal=principal,
        assistant_id=None,
        lines=[_terms(desk, record)],
        stock_key=meaning.stock_key,
        reason=wish.reason,
        idempotency_key=name.idempotency_key,
        items_hash=name.items_hash,
        wish_hash=meaning.wish_hash,
        rejection=_in_the_way(tx, principal, record),
    )
    return propose(tx, proposal)


def _not_ours(number: E164) -> NotFound:
    return NotFound(
        f"{number} is no number of this installation.",
        remedy="Call list_numbers to see which numbers there are.",
    )


def _meaning(record: NumberRecord) -> Meaning:
    key = stock_key(Op.RELEASE, [(record.provider.value, record.number)])
    wish = wish_hash(key, assistant_id=None, max_total=None)
    return Meaning(Op.RELEASE, [(record.provider, record.number)], key, wish)


def _terms(desk: Desk, record: NumberRecord) -> LineTerms:
    return owned_terms(desk, record).model_copy(
        update={"owned_monthly": record.monthly, "owned_since": record.bought_at}
    )


def _in_the_way(tx: Transaction, principal: str, record: NumberRecord) -> RingfenceError | None:
    """Why this number cannot be given back at the moment; stored like any refusal."""
    why = _why_not(tx, principal, record)
    if why is None:
        return None
    violation = {"rule": "number_undisturbed", "requested": record.number}
    return type(why)(why.message, remedy=why.remedy, details={"violations": [violation]})


def _why_not(tx: Transaction, principal: str, record: NumberRecord) -> RingfenceError | None:
    try:
        check_active(record)
    except PolicyRefused as error:
        return error
    if any(line.op is Op.ASSIGN for line in intents.open_lines(tx, record.provider, record.number)):
        return PolicyRefused(
            f"{record.number} is to be moved to another assistant, which is not decided yet.",
            remedy="Ask the person which of the two they want. Whoever asked for the move can withdraw it "
            "with cancel_intent.",
        )
    if _is_being_connected(tx, record):
        return PolicyRefused(
            f"{record.number} is being connected to {record.wanted_assistant_id} at the moment.",
            remedy="Wait a little and repeat the same call, if the person still wants it given back.",
        )
    return undecided_purchase(tx, principal, record)


def _is_being_connected(tx: Transaction, record: NumberRecord) -> bool:
    """Whether a connection will come about; one to an assistant that has left the register never does."""
    wanted = record.wanted_assistant_id
    is_possible = wanted is None or tx.rules.assistant(wanted) is not None
    return wanted != record.assistant_id and is_possible
