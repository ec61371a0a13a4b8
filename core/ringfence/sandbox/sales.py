"""A purchase at the carrier: the fault that strikes it, the reasons to say no, and the order."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from ringfence.offers import Buyable, Papers, Price
from ringfence.sandbox import faults, holds, orders, shelf
from ringfence.sandbox.faults import Fault
from ringfence.sandbox.orders import Order, OrderState
from ringfence.sandbox.stock import Item
from ringfence.sandbox.trouble import CarrierError, CarrierTimeout

Answer = Order | CarrierError | CarrierTimeout
"""What a purchase is answered with. Errors are values here: what led to them must be committed."""


def sell(db: sqlite3.Connection, stock_id: str, *, tag: str, now: datetime) -> Answer:
    """Sell one number to us, unless a fault strikes or there is a reason not to."""
    fault = faults.strike(db, faults.PURCHASE_FAULTS)
    match fault:
        case Fault.RATE_LIMITED:
            return CarrierError(429, "rate_limited")
        case Fault.SERVER_ERROR:
            return CarrierError(500, "server_error")
        case Fault.TIMEOUT_BEFORE_CHARGE:
            return CarrierTimeout()
        case Fault.GONE:
            shelf.sell_elsewhere(db, stock_id)
            holds.drop_taken(db)
    answer = _order(db, stock_id, tag=tag, now=now, wait=fault is Fault.PENDING)
    return CarrierTimeout() if fault is Fault.TIMEOUT_AFTER_CHARGE else answer


def _order(db: sqlite3.Connection, stock_id: str, *, tag: str, now: datetime, wait: bool) -> Answer:
    item = shelf.find(db, stock_id)
    if item is None:
        return _why_not_on_sale(db, stock_id)
    price = _price_or_refusal(item)
    if isinstance(price, CarrierError):
        return price
    orders.place(db, item, price, tag=tag, placed_at=now, wait=wait)
    orders.complete_due(db, now)
    holds.drop_taken(db)
    return orders.all_of(db)[-1]


def _price_or_refusal(item: Item) -> Price | CarrierError:
    if item.buyable is Buyable.BACK_ORDER:
        return CarrierError(409, "back_order")
    if item.papers not in {Papers.NONE, Papers.UNKNOWN}:
        return CarrierError(422, "papers_missing")  # none can be filed with this carrier
    return item.price or CarrierError(422, "no_price")


def _why_not_on_sale(db: sqlite3.Connection, stock_id: str) -> CarrierError:
    states = [order.state for order in orders.all_of(db) if order.stock_id == stock_id]
    if OrderState.PENDING in states:
        return CarrierError(409, "already_ordered")
    is_ours = any(number.item.stock_id == stock_id for number in orders.owned(db))
    return CarrierError(409, "already_owned") if is_ours else CarrierError(404, "number_gone")
