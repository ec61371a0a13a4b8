"""Buying: propose exactly these numbers; a person decides elsewhere, and the runner does the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio
from anyio import create_task_group

from ringfence.desk import repeats
from ringfence.desk.assistants import check_registered
from ringfence.desk.counter import Desk
from ringfence.desk.progress import Progress, Step, untold
from ringfence.desk.repeats import Meaning, Name, refused
from ringfence.desk.reserving import gone, keep, line_terms, stock_key_of, why_unsellable
from ringfence.errors import (
    BudgetExceeded,
    InvalidArguments,
    NotFound,
    OfferExpired,
    PriceChanged,
    ReservationExpired,
    RingfenceError,
)
from ringfence.guard import approval
from ringfence.guard.decision import Violation
from ringfence.guard.digest import items_hash, wish_hash
from ringfence.guard.proposal import Proposal, preview, propose, total
from ringfence.intents import Intent, Op
from ringfence.money import Money
from ringfence.numbers import MAIN_ROLE
from ringfence.offers import Offer, Reservation
from ringfence.states import ENDED_INTENTS, IntentState
from ringfence.store import inventory
from ringfence.store import offers as stored
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class BuyWish:
    """A wish to buy; items are offer or reservation ids."""

    items: Sequence[str]
    assistant_id: str | None = None
    role: str = MAIN_ROLE
    """What the numbers shall be for at the assistant."""
    max_total: Money | None = None
    reason: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True)
class _Item:
    """One id of a wish with what it stands for, at the price that was shown."""

    item_id: str
    offer: Offer
    reservation: Reservation | None


Check = Callable[[Transaction], None]
"""Looks, in the transaction that would write an intent down, whether it still shall be; raises where not."""


async def propose_buy(
    desk: Desk,
    principal: str,
    wish: BuyWish,
    *,
    check: Check | None = None,
    progress: Progress = untold,
) -> Intent:
    """Reserve, price, judge, hold budget, and write the intent down; the same wish returns the same intent.

    `progress` hears of each number that is reserved.

    Raises:
        whatever `check` does.
        InvalidArguments, NotFound, OfferExpired, ReservationExpired, NumberGone, PriceUnknown, PriceChanged,
        BudgetExceeded, PolicyRefused, PapersMissing, Frozen, IdempotencyConflict, Declined: see TOOLS.md.
    """
    await repeats.end_what_expired(desk)
    earlier, items = await desk.store.write(lambda tx: _recognise(tx, principal, wish))
    if earlier is not None:
        return _within(earlier, wish)
    await desk.store.read(lambda tx: _check(tx, wish, items))
    priced = await _each(items, lambda item: _fresh(desk, item))
    proposal = _proposal(desk, principal, wish, priced)
    if proposal.rejection is None and await desk.store.write(
        lambda tx: preview(tx, proposal).is_allowed
    ):
        kept = await _each(priced, lambda item: _kept(desk, principal, item), progress)
        proposal = _proposal(desk, principal, wish, kept)
    intent = await desk.store.write(lambda tx: _propose(tx, principal, wish, proposal, check))
    desk.bell.ring()
    if intent.state is IntentState.REFUSED:
        raise refused(intent)
    return _within(intent, wish)


def _within(intent: Intent, wish: BuyWish) -> Intent:
    """An intent that may have been made for another wish, which must not ask for more than this one allows.

    Raises:
        BudgetExceeded: it still waits for a person, and costs more than `max_total`, or in another currency.
    """
    limit, total_now = wish.max_total, intent.terms.total_now
    if limit is None or total_now is None or intent.state is not IntentState.AWAITING_APPROVAL:
        return intent
    if total_now.currency == limit.currency and total_now <= limit:
        return intent
    violation = Violation(rule="max_total", limit=str(limit), requested=str(total_now))
    raise BudgetExceeded(
        f"{intent.intent_id} waits for a person already and costs {total_now} now; max_total allows {limit}.",
        remedy="Withdraw it with cancel_intent and propose what may be bought, or ask the person.",
        details={"violations": [violation.model_dump()], "intent_id": intent.intent_id},
    )


async def not_in(desk: Desk, principal: str, items: Sequence[str], intent: Intent) -> list[str]:
    """The numbers of these items that an intent is not about; an earlier one may have only some of them."""
    found = await desk.store.read(lambda tx: _resolve(tx, principal, items))
    lines = {(line.terms.provider, line.terms.number) for line in intent.lines}
    stock = [(item.offer.stock.provider, item.offer.stock.number) for item in found]
    return [number for provider, number in stock if (provider, number) not in lines]


def _recognise(tx: Transaction, principal: str, wish: BuyWish) -> tuple[Intent | None, list[_Item]]:
    """The intent that this wish has led to before, else what its ids stand for.

    Raises:
        IdempotencyConflict: the key named another wish.
        NotFound: an id that is not this principal's.
    """
    known = repeats.in_the_same_words(tx, _name(principal, wish))
    if known is not None:
        return known, []
    items = _resolve(tx, principal, wish.items)
    return _earlier(tx, principal, wish, items), items


def _earlier(
    tx: Transaction, principal: str, wish: BuyWish, items: Sequence[_Item]
) -> Intent | None:
    key = stock_key_of([item.offer for item in items])
    stock = [(item.offer.stock.provider, item.offer.stock.number) for item in items]
    meaning = Meaning(Op.BUY, stock, key, _wish_key(wish, key))
    return repeats.earlier(tx, _name(principal, wish), meaning, is_done=True)


def _name(principal: str, wish: BuyWish) -> Name:
    return Name(principal, wish.idempotency_key, _items_key(wish))


def _items_key(wish: BuyWish) -> str:
    return items_hash([*wish.items, str(wish.assistant_id), str(wish.max_total)])


def _wish_key(wish: BuyWish, key: str) -> str:
    return wish_hash(key, assistant_id=wish.assistant_id, max_total=str(wish.max_total))


def _resolve(tx: Transaction, principal: str, ids: Sequence[str]) -> list[_Item]:
    offers = stored.offers_of(tx, principal, ids)
    reservations = stored.reservations_of(tx, principal, ids)
    items = []
    missing: dict[str, RingfenceError] = {}
    for item_id in ids:
        if item_id in offers:
            items.append(_Item(item_id, offers[item_id], None))
        elif item_id in reservations:
            items.append(_Item(item_id, reservations[item_id].offer, reservations[item_id]))
        else:
            missing[item_id] = NotFound(f"{item_id} is no offer or reservation of this caller.")
    _raise_worst(missing)
    numbers = [item.offer.stock.number for item in items]
    if len(set(numbers)) != len(numbers):
        raise InvalidArguments("items: the same number is named twice.")
    return items


def _check(tx: Transaction, wish: BuyWish, items: Sequence[_Item]) -> None:
    """What can be said before any carrier is asked."""
    check_registered(tx.rules, wish.assistant_id)
    totals = total([item.offer.stock.price for item in items], tx.rules, now=tx.now)
    if wish.max_total is not None and wish.max_total.currency != totals.currency:
        raise InvalidArguments(
            f"max_total: the total is in {totals.currency}, not {wish.max_total.currency}.",
            remedy=f"Give max_total in {totals.currency}.",
        )
    _raise_worst(
        {item.item_id: error for item in items if (error := _expired(tx, item)) is not None}
    )


def _expired(tx: Transaction, item: _Item) -> RingfenceError | None:
    number = item.offer.stock.number
    if item.reservation is None:
        # An offer that was reserved lives as long as its reservation.
        live = stored.live_reservation(
            tx, item.offer.principal, item.offer.stock.provider, item.offer.stock.stock_id
        )
        if live is None and tx.now >= item.offer.expires_at:
            return OfferExpired(f"The offer of {number} has expired.")
    elif item.reservation.is_cancelled or tx.now >= item.reservation.expires_at:
        return ReservationExpired(f"The reservation of {number} has lapsed or was given back.")
    return None


async def _each(
    items: Sequence[_Item],
    work: Callable[[_Item], Awaitable[_Item]],
    progress: Progress = untold,
) -> list[_Item]:
    """Do the same free work for every item side by side; one bad item refuses the whole wish."""
    done: dict[str, _Item] = {}
    errors: dict[str, RingfenceError] = {}

    async def one(item: _Item) -> None:
        try:
            done[item.item_id] = await work(item)
        except RingfenceError as error:
            errors[item.item_id] = error
        await progress(Step(len(done) + len(errors), len(items), len(errors)))

    async with create_task_group() as group:
        for item in items:
            group.start_soon(one, item)
    _raise_worst(errors)
    return [done[item.item_id] for item in items]


def _raise_worst(errors: dict[str, RingfenceError]) -> None:
    """Raise the first item's error, with every bad item in its details."""
    if not errors:
        return
    first_id = min(errors)
    first = errors[first_id]
    listed = [{"item": i, "code": e.code, "message": e.message} for i, e in sorted(errors.items())]
    raise type(first)(
        first.message, remedy=first.remedy, details={**first.details, "items": listed}
    )


async def _fresh(desk: Desk, item: _Item) -> _Item:
    """The item at its carrier's price of this moment, which must not be higher than what was shown."""
    stock = item.offer.stock
    quote = await desk.carrier(stock.provider).quote(stock.stock_id)
    if quote is None or quote.number != stock.number:
        raise await desk.store.read(lambda tx: gone(tx, stock))
    shown = stock.price
    if shown is not None and quote.price is not None and not quote.price.is_no_dearer_than(shown):
        raise PriceChanged(
            f"{stock.number} now costs {quote.price.setup} set-up and {quote.price.monthly} a month; "
            f"it was offered at {shown.setup} and {shown.monthly}."
        )
    fresh = stock.model_copy(
        update={"price": quote.price, "buyable": quote.buyable, "papers": quote.papers}
    )
    return _Item(item.item_id, item.offer.model_copy(update={"stock": fresh}), item.reservation)


async def _kept(desk: Desk, principal: str, item: _Item) -> _Item:
    """The item with a reservation, so that nobody else has it while a person decides."""
    reservation = item.reservation or await keep(desk, principal, item.offer)
    return _Item(item.item_id, item.offer, reservation)


def _proposal(desk: Desk, principal: str, wish: BuyWish, items: Sequence[_Item]) -> Proposal:
    key = stock_key_of([item.offer for item in items])
    return Proposal(
        op=Op.BUY,
        principal=principal,
        assistant_id=wish.assistant_id,
        lines=[line_terms(desk, item.offer, item.reservation) for item in items],
        stock_key=key,
        role=wish.role if wish.assistant_id else None,
        max_total=wish.max_total,
        reason=wish.reason,
        idempotency_key=wish.idempotency_key,
        items_hash=_items_key(wish),
        wish_hash=_wish_key(wish, key),
        rejection=_unsellable(items),
    )


def _unsellable(items: Sequence[_Item]) -> RingfenceError | None:
    """The refusal of numbers that cannot be sold to us as things stand, with every bad item in its details."""
    errors = {
        item.item_id: error
        for item in items
        if (error := why_unsellable(item.offer.stock)) is not None
    }
    if not errors:
        return None
    violations = [each for error in errors.values() for each in error.details["violations"]]
    try:
        _raise_worst(errors)
    except RingfenceError as worst:
        worst.details["violations"] = violations
        return worst
    return None


def _propose(
    tx: Transaction, principal: str, wish: BuyWish, proposal: Proposal, check: Check | None
) -> Intent:
    """Propose, unless another call of the same wish was quicker."""
    if check is not None:
        check(tx)
    items = _resolve(tx, principal, wish.items)
    earlier = _earlier(tx, principal, wish, items)
    return earlier if earlier is not None else propose(tx, proposal)


async def get_intent(desk: Desk, principal: str, intent_id: str) -> Intent:
    """The principal's own intent as it stands.

    Raises:
        NotFound: no such intent of this principal.
    """
    return await desk.store.read(lambda tx: approval.existing(tx, intent_id, principal=principal))


async def wait_for_intent(desk: Desk, principal: str, intent_id: str, seconds: float) -> Intent:
    """The intent once it has ended or needs attention, or as it stands after `seconds`.

    A purchase for an assistant has ended when its numbers are connected too.
    """
    with anyio.move_on_after(seconds):
        while True:
            intent, is_settled = await desk.store.read(
                lambda tx: _progress(tx, principal, intent_id)
            )
            if is_settled:
                return intent
            await desk.bell.wait()
    return await get_intent(desk, principal, intent_id)


def _progress(tx: Transaction, principal: str, intent_id: str) -> tuple[Intent, bool]:
    intent = approval.existing(tx, intent_id, principal=principal)
    return intent, has_ended(tx, intent)


def has_ended(tx: Transaction, intent: Intent) -> bool:
    """Whether nothing more will happen soon by itself."""
    if intent.state is IntentState.NEEDS_ATTENTION:
        return True
    if intent.state not in ENDED_INTENTS:
        return False
    return inventory.unsettled_of(tx, [line.line_id for line in intent.lines]) == 0


async def cancel_intent(desk: Desk, principal: str, intent_id: str) -> Intent:
    """Withdraw what has not been sent; an intent that has ended is returned as it is.

    Raises:
        NotFound: no such intent of this principal.
    """
    intent = await desk.store.write(lambda tx: approval.cancel(tx, intent_id, principal=principal))
    desk.bell.ring()
    return intent
