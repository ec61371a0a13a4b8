"""Owned numbers in intents: the terms of a line about one, and what stands in the way of it."""

from __future__ import annotations

from ringfence.desk.counter import Desk
from ringfence.errors import PolicyRefused, RingfenceError
from ringfence.intents import LineTerms, Op
from ringfence.inventory import NumberRecord
from ringfence.store import intents
from ringfence.store.transaction import Transaction


def owned_terms(desk: Desk, record: NumberRecord) -> LineTerms:
    """A line about a number of ours, which costs nothing; its id is given when it is proposed."""
    return LineTerms(
        line_id="",
        provider=record.provider,
        account=record.account,
        host=desk.carrier(record.provider).host,
        number=record.number,
        stock_id=record.carrier_ref,
        country=record.country,
        type=record.type,
        raw_type=record.type.value,
        capabilities=record.capabilities,
        price=None,
        min_term_months=1,
        place=None,
        number_id=record.number_id,
        current_assistant_id=record.assistant_id,
    )


def undecided_purchase(
    tx: Transaction, principal: str, record: NumberRecord
) -> RingfenceError | None:
    """Why this principal can ask for nothing else: a purchase of theirs of this very number is not decided yet."""
    lines = intents.open_lines(tx, record.provider, record.number)
    if not any((line.principal, line.op) == (principal, Op.BUY) for line in lines):
        return None
    return PolicyRefused(
        f"A purchase of {record.number} is not decided yet.",
        remedy="Call get_intent to see what becomes of the purchase, and tell the person.",
    )
