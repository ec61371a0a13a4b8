"""Listing: the numbers we pay for, and the assistants they may serve."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from ringfence.desk.assistants import registered
from ringfence.desk.counter import Desk
from ringfence.desk.progress import Progress, Step, untold
from ringfence.errors import InvalidArguments
from ringfence.inventory import NumberRecord
from ringfence.money import Money
from ringfence.nouns import Noun
from ringfence.offers import Provider
from ringfence.settle import reconcile
from ringfence.states import NumberState
from ringfence.store import inventory
from ringfence.store.transaction import Transaction


class ListWish(Noun):
    """Which numbers; `idle_days` means unassigned for at least so many days."""

    country: str | None = None
    provider: Provider | None = None
    assistant_id: str | None = None
    state: NumberState | None = None
    idle_days: int | None = None
    number: str | None = None
    refresh: bool = False
    limit: int = 20
    cursor: str | None = None


@dataclass(frozen=True)
class NumberPage:
    """Numbers in the order they were bought; the total covers every match, not this page alone."""

    numbers: tuple[NumberRecord, ...]
    assistants: tuple[str, ...]
    total_monthly: Money | None
    is_converted: bool
    next_cursor: str | None


MONTHS = 12


@dataclass(frozen=True)
class Idle:
    """Numbers that serve nobody, and what a year of them costs; None where a price or a rate is missing."""

    count: int
    yearly: Money | None
    is_converted: bool


async def list_numbers(
    desk: Desk, principal: str, wish: ListWish, *, progress: Progress = untold
) -> NumberPage:
    """List; with `refresh` the carriers are asked first, one after the other.

    Numbers are the installation's: every principal sees them.

    Raises:
        InvalidArguments: a foreign cursor.
        ProviderUnavailable: `refresh` was asked for and a carrier did not answer.
    """
    after = _read_cursor(wish.cursor)
    if wish.refresh:
        asked = [c for name, c in desk.carriers.items() if wish.provider in {None, name}]
        for done, carrier in enumerate(asked, start=1):
            await reconcile(desk, carrier)
            await progress(Step(done, len(asked)))
    return await desk.store.read(lambda tx: _page(tx, wish, after))


async def idle(desk: Desk, principal: str, wish: ListWish) -> Idle:
    """What the numbers of a wish that are unassigned, for at least its `idle_days`, cost a year."""
    unassigned = wish.model_copy(update={"idle_days": wish.idle_days or 0})

    def look(tx: Transaction) -> Idle:
        found = [record for record in inventory.everything(tx) if _matches(tx, record, unassigned)]
        return Idle(len(found), *total_of(tx, found, months=MONTHS))

    return await desk.store.read(look)


def _page(tx: Transaction, wish: ListWish, after: str) -> NumberPage:
    matching = [record for record in inventory.everything(tx) if _matches(tx, record, wish)]
    total, is_converted = total_of(tx, matching)
    rest = [record for record in matching if record.number_id > after]
    shown = rest[: wish.limit]
    return NumberPage(
        numbers=tuple(shown),
        assistants=tuple(registered(tx.rules)),
        total_monthly=total,
        is_converted=is_converted,
        next_cursor=_write_cursor(shown[-1].number_id) if len(rest) > wish.limit else None,
    )


def _matches(tx: Transaction, record: NumberRecord, wish: ListWish) -> bool:
    """Whether a number is asked for; released ones only when their state is."""
    wanted = {
        "country": wish.country,
        "provider": wish.provider,
        "assistant_id": wish.assistant_id,
        "number": wish.number,
        "state": wish.state,
    }
    if any(value is not None and getattr(record, name) != value for name, value in wanted.items()):
        return False
    if wish.state is None and record.state is NumberState.RELEASED:
        return False
    return wish.idle_days is None or _is_idle_for(tx, record, wish.idle_days)


def _is_idle_for(tx: Transaction, record: NumberRecord, days: int) -> bool:
    since = record.unassigned_since or record.bought_at
    return record.assistant_id is None and tx.now - since >= timedelta(days=days)


def total_of(
    tx: Transaction,
    records: Sequence[NumberRecord],
    *,
    months: int = 1,
    currency: str | None = None,
) -> tuple[Money | None, bool]:
    """What these numbers cost in so many months, and whether it was converted.

    In `currency`; else exact in their own where they share one, and otherwise in the policy's. Converted upward; None
    where a price or a fresh rate is missing.
    """
    paid = [record.monthly for record in records if record.state is not NumberState.RELEASED]
    currencies = {amount.currency for amount in paid if amount is not None}
    target = currency or (currencies.pop() if len(currencies) == 1 else tx.rules.currency)
    total = Money.zero(target)
    for amount in paid:
        converted = amount and tx.rules.convert(amount * months, target, tx.now)
        if not converted:
            return None, False
        total += converted
    return total, any(amount is not None and amount.currency != target for amount in paid)


def _write_cursor(number_id: str) -> str:
    return (
        base64.urlsafe_b64encode(json.dumps(["numbers", number_id]).encode()).decode().rstrip("=")
    )


def _read_cursor(cursor: str | None) -> str:
    if cursor is None:
        return ""
    try:
        kind, number_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        kind, number_id = None, None
    if kind != "numbers" or not isinstance(number_id, str):
        raise InvalidArguments(
            "cursor: it does not belong to this list.", remedy="Call again without cursor."
        )
    return number_id
