"""Idle numbers: ours, serving nobody, and just what somebody is looking for."""

from __future__ import annotations

from collections.abc import Container

from ringfence.desk.searching import SearchWish, query_of
from ringfence.intents import Op
from ringfence.inventory import NumberRecord
from ringfence.numbers import national_digits
from ringfence.offers import Provider
from ringfence.places import is_same_place
from ringfence.providers.protocol import SearchQuery
from ringfence.states import NumberState
from ringfence.store import intents, inventory, provisions
from ringfence.store.transaction import Transaction


def idle_numbers(
    tx: Transaction, principal: str, wish: SearchWish, providers: Container[Provider]
) -> list[NumberRecord]:
    """This principal's numbers that serve nobody and match, the oldest first.

    What their carriers do with their calls is still to be read: only a number with empty routing is idle. Left out is
    what somebody has asked to move or to give back: a person may be looking at that card.
    """
    spoken_for = provisions.asked_for(tx, Op.ASSIGN, Op.RELEASE)
    query = query_of(wish)
    return [
        record
        for record in inventory.paid_for(tx)
        if record.requester == principal
        and record.state is NumberState.ACTIVE
        and record.assistant_id is None
        and record.wanted_assistant_id is None
        and record.provider in providers
        and (record.provider, record.number) not in spoken_for
        and _is_as_wished(tx, record, query)
        and _is_within(tx, record, wish)
    ]


def _is_as_wished(tx: Transaction, record: NumberRecord, query: SearchQuery) -> bool:
    """Whether a carrier would have found it by these words."""
    digits = national_digits(record.number)
    area_code = (query.area_code or "").lstrip("0")
    return (
        record.country == query.country
        and query.type in {None, record.type}
        and set(record.capabilities).issuperset(query.capabilities)
        # No area code is the beginning of another of its country: nobody could dial either.
        and digits.lstrip("0").startswith(area_code)
        and (query.contains or "") in digits
        and (query.locality is None or _is_in(tx, record, query.locality))
    )


def _is_in(tx: Transaction, record: NumberRecord, locality: str) -> bool:
    """Whether the carrier sold it as a number of this place; where nobody knows, it is none."""
    if record.line_id is None:
        return False
    _, line = intents.of_line(tx, record.line_id)
    return is_same_place((line.terms.place or "").partition(", ")[0], locality)


def _is_within(tx: Transaction, record: NumberRecord, wish: SearchWish) -> bool:
    """Whether it is known to cost no more a month than was wished."""
    most = wish.max_monthly
    if most is None:
        return True
    monthly = record.monthly and tx.rules.convert(record.monthly, most.currency, tx.now)
    return bool(monthly) and monthly <= most  # type: ignore[operator]  # bool() has ruled None out
