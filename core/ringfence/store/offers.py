"""Stored offers and reservations; looked up by id and principal together, never by id alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from ringfence.offers import Offer, Provider, Reservation
from ringfence.store import schema
from ringfence.store.transaction import Transaction

KEEP_OFFERS = timedelta(days=2)
"""A repeated purchase without a key is recognised for a day; its offers must still be there."""


def add_offers(tx: Transaction, offers: Sequence[Offer]) -> None:
    """Store new offers, and drop those that nothing can refer to any more."""
    tx.connection.execute(
        delete(schema.offer).where(schema.offer.c.expires_at < tx.now - KEEP_OFFERS)
    )
    if offers:
        tx.connection.execute(
            insert(schema.offer),
            [
                {
                    "offer_id": offer.offer_id,
                    "principal": offer.principal,
                    "document": offer.model_dump_json(),
                    "expires_at": offer.expires_at,
                }
                for offer in offers
            ],
        )


def offers_of(tx: Transaction, principal: str, offer_ids: Sequence[str]) -> dict[str, Offer]:
    """This principal's offers among these ids."""
    rows = tx.connection.execute(
        select(schema.offer.c.document).where(
            schema.offer.c.principal == principal, schema.offer.c.offer_id.in_(offer_ids)
        )
    )
    offers = (Offer.model_validate_json(document) for document in rows.scalars())
    return {offer.offer_id: offer for offer in offers}


def add_reservation(tx: Transaction, reservation: Reservation) -> None:
    """Store a new reservation."""
    tx.connection.execute(
        insert(schema.reservation).values(
            reservation_id=reservation.reservation_id,
            principal=reservation.principal,
            provider=reservation.offer.stock.provider.value,
            stock_id=reservation.offer.stock.stock_id,
            **_changing(reservation),
        )
    )


def update_reservation(tx: Transaction, reservation: Reservation) -> None:
    """Store what changed: the price, the time, or that it was given back."""
    tx.connection.execute(
        update(schema.reservation)
        .where(schema.reservation.c.reservation_id == reservation.reservation_id)
        .values(**_changing(reservation))
    )


def _changing(reservation: Reservation) -> dict[str, object]:
    return {
        "document": reservation.model_dump_json(),
        "expires_at": reservation.expires_at,
        "is_cancelled": reservation.is_cancelled,
    }


def reservations_of(
    tx: Transaction, principal: str, reservation_ids: Sequence[str]
) -> dict[str, Reservation]:
    """This principal's reservations among these ids, live or not."""
    rows = tx.connection.execute(
        select(schema.reservation.c.document).where(
            schema.reservation.c.principal == principal,
            schema.reservation.c.reservation_id.in_(reservation_ids),
        )
    )
    found = (Reservation.model_validate_json(document) for document in rows.scalars())
    return {reservation.reservation_id: reservation for reservation in found}


def live_reservation(
    tx: Transaction, principal: str, provider: Provider, stock_id: str
) -> Reservation | None:
    """The reservation that keeps this stock for this principal now."""
    table = schema.reservation.c
    document = tx.connection.execute(
        select(table.document)
        .where(
            table.principal == principal,
            table.provider == provider.value,
            table.stock_id == stock_id,
            table.is_cancelled.is_(False),
            table.expires_at > tx.now,
        )
        .order_by(table.expires_at.desc())
        .limit(1)
    ).scalar_one_or_none()
    return Reservation.model_validate_json(document) if document else None


def reserved_elsewhere(
    tx: Transaction, principal: str, provider: Provider, stock_ids: Sequence[str]
) -> set[str]:
    """Stock among these that is kept for another principal of this installation."""
    table = schema.reservation.c
    rows = tx.connection.execute(
        select(table.stock_id).where(
            table.principal != principal,
            table.provider == provider.value,
            table.stock_id.in_(stock_ids),
            table.is_cancelled.is_(False),
            table.expires_at > tx.now,
        )
    )
    return set(rows.scalars())


def extend(
    tx: Transaction, principal: str, provider: Provider, stock_id: str, expires_at: datetime
) -> None:
    """Write down that the carrier keeps a number for longer."""
    live = live_reservation(tx, principal, provider, stock_id)
    if live is not None:
        update_reservation(tx, live.model_copy(update={"expires_at": expires_at}))
