"""Reserving: keep offers while a person chooses, with fresh prices and a look at the limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ringfence.desk.counter import Desk
from ringfence.desk.progress import Progress, Step, untold
from ringfence.errors import (
    NotFound,
    NumberGone,
    OfferExpired,
    PolicyRefused,
    PriceUnknown,
    RingfenceError,
)
from ringfence.guard.decision import Decision, Violation, papers_missing
from ringfence.guard.digest import stock_key
from ringfence.guard.proposal import Proposal, preview, total
from ringfence.ids import Prefix
from ringfence.intents import LineTerms, Op
from ringfence.money import Money
from ringfence.offers import (
    Buyable,
    CarrierHold,
    Offer,
    Papers,
    Quote,
    Reservation,
    ReservationKind,
    Stock,
)
from ringfence.store import intents, inventory
from ringfence.store import offers as stored
from ringfence.store.transaction import Transaction

LOCAL_LIFE = timedelta(minutes=30)
"""How long we keep a number from offering it to others here, where the carrier keeps nothing."""


@dataclass(frozen=True)
class FailedItem:
    """An offer that could not be kept, and why."""

    offer_id: str
    error: RingfenceError


@dataclass(frozen=True)
class Reserved:
    """What is kept, what is not, what all of it would cost, and whether the guard would allow it now."""

    reservations: tuple[Reservation, ...]
    failed: tuple[FailedItem, ...]
    total_now: Money | None
    total_monthly: Money | None
    is_converted: bool
    decision: Decision


@dataclass(frozen=True)
class GivenBack:
    """Reservation ids by what became of them."""

    cancelled: tuple[str, ...]
    already_gone: tuple[str, ...]


async def reserve(
    desk: Desk, principal: str, offer_ids: Sequence[str], *, progress: Progress = untold
) -> Reserved:
    """Keep these offers, one after the other; those that were kept before are returned as they are.

    Raises:
        NotFound: an id that is not this principal's offer; then nothing is reserved.
    """
    offers = await desk.store.read(lambda tx: stored.offers_of(tx, principal, offer_ids))
    if missing := [offer_id for offer_id in offer_ids if offer_id not in offers]:
        raise NotFound(f"{missing[0]} is no offer of this caller.")
    kept: list[Reservation] = []
    failed: list[FailedItem] = []
    for done, offer_id in enumerate(offer_ids, start=1):
        try:
            kept.append(await keep(desk, principal, offers[offer_id]))
        except RingfenceError as error:
            failed.append(FailedItem(offer_id, error))
        await progress(Step(done, len(offer_ids), len(failed)))
    return await desk.store.write(lambda tx: _sum_up(tx, desk, principal, kept, failed))


def _sum_up(
    tx: Transaction, desk: Desk, principal: str, kept: list[Reservation], failed: list[FailedItem]
) -> Reserved:
    totals = total([r.offer.stock.price for r in kept], tx.rules, now=tx.now)
    new = [each for each in kept if not _is_asked_for(tx, principal, each)]
    lines = [line_terms(desk, reservation.offer, reservation) for reservation in new]
    judged = preview(
        tx, Proposal(op=Op.BUY, principal=principal, assistant_id=None, lines=lines, stock_key="")
    )
    decision = Decision(violations=(*_unsellable(kept), *judged.violations), level=judged.level)
    return Reserved(
        reservations=tuple(kept),
        failed=tuple(failed),
        total_now=totals.now,
        total_monthly=totals.monthly,
        is_converted=totals.is_converted,
        decision=decision,
    )


def _is_asked_for(tx: Transaction, principal: str, kept: Reservation) -> bool:
    """Whether an open intent of this principal holds budget for it already: asking again holds no more."""
    stock = kept.offer.stock
    return intents.open_intent(tx, principal, Op.BUY, [(stock.provider, stock.number)]) is not None


def _unsellable(kept: Sequence[Reservation]) -> Iterator[Violation]:
    """What buying would refuse whatever the limits say; nothing at all cannot be bought either."""
    if not kept:
        yield Violation(rule="reserved", used="0", requested="1")
    for each in kept:
        error = why_unsellable(each.offer.stock)
        for violation in error.details["violations"] if error is not None else ():
            if violation["rule"] != "price_known":  # the guard says that itself
                yield Violation(**violation)


async def keep(desk: Desk, principal: str, offer: Offer) -> Reservation:
    """Reserve one offer at its carrier where that is possible, else among ourselves; with its price of now.

    Raises:
        OfferExpired, NumberGone, ProviderUnavailable: it cannot be kept.
    """
    stock = offer.stock
    live = await desk.store.read(lambda tx: _live_or_current(tx, principal, offer))
    if live is not None:
        return live
    carrier = desk.carrier(stock.provider)
    quote = await carrier.quote(stock.stock_id)
    if quote is None or quote.number != stock.number:
        raise await desk.store.read(lambda tx: gone(tx, stock))
    hold = None
    if carrier.abilities.can_reserve and stock.reservable:
        hold = await carrier.reserve(stock.stock_id)
        if hold is None:
            raise NumberGone(f"{stock.number} is no longer for sale.")
    return await desk.store.write(lambda tx: _write_down(tx, principal, offer, quote, hold))


def gone(tx: Transaction, stock: Stock) -> NumberGone:
    """Why a number is not for sale any more: we may have bought it ourselves."""
    if inventory.by_number(tx, stock.number) is not None:
        return NumberGone(
            f"{stock.number} is ours already.",
            remedy="Do not buy another for the same purpose. Find it with list_numbers.",
        )
    return NumberGone(f"{stock.number} is no longer for sale.")


def why_unsellable(stock: Stock) -> RingfenceError | None:
    """Why a number cannot be sold to us as things stand: papers, stock or price are missing; None where it can."""
    violation = {"requested": stock.number}
    if stock.buyable is Buyable.AFTER_PAPERS:
        details = {"violations": [Violation(rule="papers_missing", **violation).model_dump()]}
        return papers_missing(stock.number, _PAPERS.get(stock.papers, "papers"), details=details)
    if stock.buyable is Buyable.BACK_ORDER:
        return PolicyRefused(
            f"{stock.number} is on back order: it would be charged before it exists.",
            remedy="Call search_numbers and choose a number whose buyable is now.",
            details={"violations": [Violation(rule="policy_refused", **violation).model_dump()]},
        )
    if stock.price is None:
        return PriceUnknown(
            f"{stock.number} has no price, and what has no price is not bought.",
            details={"violations": [Violation(rule="price_known", **violation).model_dump()]},
        )
    return None


_PAPERS = {
    Papers.BUNDLE: "a regulatory bundle",
    Papers.BUSINESS: "a registered business",
    Papers.ADDRESS: "an address",
}


def _live_or_current(tx: Transaction, principal: str, offer: Offer) -> Reservation | None:
    stock = offer.stock
    if inventory.by_number(tx, stock.number) is not None:
        raise gone(tx, stock)
    live = stored.live_reservation(tx, principal, stock.provider, stock.stock_id)
    if live is None and tx.now >= offer.expires_at:
        raise OfferExpired(f"The offer of {stock.number} has expired.")
    if live is None and stored.reserved_elsewhere(tx, principal, stock.provider, [stock.stock_id]):
        raise NumberGone(f"{stock.number} is kept for somebody else here.")
    return live


def _write_down(
    tx: Transaction, principal: str, offer: Offer, quote: Quote, hold: CarrierHold | None
) -> Reservation:
    live = stored.live_reservation(tx, principal, offer.stock.provider, offer.stock.stock_id)
    if live is not None:
        return live
    fresh = offer.stock.model_copy(
        update={"price": quote.price, "buyable": quote.buyable, "papers": quote.papers}
    )
    reservation = Reservation(
        reservation_id=tx.new_id(Prefix.RESERVATION),
        principal=principal,
        offer=offer.model_copy(update={"stock": fresh}),
        kind=ReservationKind.CARRIER if hold else ReservationKind.LOCAL,
        carrier_hold_id=hold.hold_id if hold else None,
        quoted_at=quote.quoted_at,
        expires_at=hold.expires_at if hold else tx.now + LOCAL_LIFE,
    )
    stored.add_reservation(tx, reservation)
    tx.audit(
        "number.reserved",
        actor=principal,
        subject=reservation.reservation_id,
        number=offer.stock.number,
        kind=reservation.kind.value,
    )
    return reservation


def line_terms(desk: Desk, offer: Offer, reservation: Reservation | None) -> LineTerms:
    """What buying an offer would mean, in the words that a person consents to."""
    stock = offer.stock
    return LineTerms(
        line_id="",
        provider=stock.provider,
        account=stock.account,
        host=desk.carrier(stock.provider).host,
        number=stock.number,
        stock_id=stock.stock_id,
        country=stock.country,
        type=stock.type,
        raw_type=stock.raw_type,
        capabilities=stock.capabilities,
        price=stock.price,
        min_term_months=stock.min_term_months,
        place=stock.place,
        carrier_hold_id=reservation.carrier_hold_id if reservation else None,
    )


def stock_key_of(offers: Sequence[Offer]) -> str:
    """The name of a wish for exactly these offers' stock."""
    return stock_key(Op.BUY, [(offer.stock.provider.value, offer.stock.number) for offer in offers])


async def cancel_reservations(
    desk: Desk, principal: str, reservation_ids: Sequence[str]
) -> GivenBack:
    """Give reservations back.

    Raises:
        NotFound: an id that is not this principal's; then nothing is given back.
    """
    found = await desk.store.read(
        lambda tx: (stored.reservations_of(tx, principal, reservation_ids), tx.now)
    )
    reservations, now = found
    if missing := [i for i in reservation_ids if i not in reservations]:
        raise NotFound(f"{missing[0]} is no reservation of this caller.")
    cancelled: list[str] = []
    gone: list[str] = []
    for reservation in (reservations[i] for i in reservation_ids):
        if reservation.is_cancelled or reservation.expires_at <= now:
            gone.append(reservation.reservation_id)
        else:
            await _give_back(desk, reservation)
            cancelled.append(reservation.reservation_id)
    return GivenBack(tuple(cancelled), tuple(gone))


async def _give_back(desk: Desk, reservation: Reservation) -> None:
    """Tell the carrier where it listens; where it does not, we extend the hold no more and it lapses."""
    carrier = desk.carrier(reservation.offer.stock.provider)
    if reservation.carrier_hold_id is not None and carrier.abilities.can_cancel_reservation:
        await carrier.cancel_reservation(reservation.carrier_hold_id)

    def write(tx: Transaction) -> None:
        stored.update_reservation(tx, reservation.model_copy(update={"is_cancelled": True}))
        tx.audit(
            "reservation.cancelled", actor=reservation.principal, subject=reservation.reservation_id
        )

    await desk.store.write(write)
