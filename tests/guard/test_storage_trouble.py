"""A disk that is full in the middle of a purchase: before the request nothing leaves, after it nothing is forgotten."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from house import House
from ringfence.errors import StorageUnavailable
from ringfence.states import IntentState, LineState
from ringfence.store import inventory
from ringfence.store.balances import Balance

CLAIMING = "INSERT INTO attempt"
SETTLING = "INSERT INTO number"


@contextmanager
def full_disk(house: House, first_words: str = "") -> Iterator[None]:
    """While open, statements that begin like this find no room; all that write do where nothing is said."""

    def refuse(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        writes = statement.startswith(("INSERT", "UPDATE", "DELETE"))
        if writes and statement.startswith(first_words):
            raise sqlite3.OperationalError("database or disk is full")

    event.listen(house.store.engine, "before_cursor_execute", refuse)
    yield
    event.remove(house.store.engine, "before_cursor_execute", refuse)


async def test_on_a_full_disk_nothing_can_be_proposed(house: House) -> None:
    [offer] = await house.find()
    with full_disk(house), pytest.raises(StorageUnavailable, match="full"):
        await house.propose(offer)
    assert house.balance("cash", "2026-11") == Balance()


async def test_what_cannot_be_claimed_is_not_sent(house: House) -> None:
    intent = await house.approved(*await house.find())
    with full_disk(house, CLAIMING):
        await house.work()
    assert house.charged() == []
    assert (await house.now(intent)).lines[0].state is LineState.READY
    await house.pass_time(seconds=5)
    assert (await house.now(intent)).state is IntentState.COMPLETED


async def test_what_was_sent_and_could_not_be_written_down_is_found_later(house: House) -> None:
    intent = await house.approved(*await house.find())
    with full_disk(house, SETTLING):
        await house.work()
    assert len(house.charged()) == 1
    assert (await house.now(intent)).lines[0].state is LineState.DISPATCHING
    assert house.balance("cash", "2026-11") == Balance(held=2_000_000)
    await house.wait_out(12)
    assert (await house.now(intent)).state is IntentState.COMPLETED
    assert len(house.charged()) == len(house.read(inventory.paid_for)) == 1


async def test_one_piece_of_work_that_finds_no_room_leaves_the_others_alone(house: House) -> None:
    """It broke off everything that was done beside it, and was logged as a bug."""
    first, second = await house.find(2)
    late = await house.propose(first)
    house.clock.advance(minutes=59)
    intent = await house.approved(*await house.find(1, country="GB", area_code="161"))
    house.clock.advance(minutes=2)
    with full_disk(house, "UPDATE intent SET state"):
        await house.runner.step()
    assert (await house.now(late)).state is IntentState.AWAITING_APPROVAL
    assert len(house.charged()) <= 1
    await house.wait_out(12)
    assert (await house.now(late)).state is IntentState.EXPIRED
    assert (await house.now(intent)).state is IntentState.COMPLETED
    assert second.stock.number not in house.charged()
