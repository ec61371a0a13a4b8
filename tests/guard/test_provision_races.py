"""Several processes ask for a number for one assistant and role: there is one intent, or one number, and no second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.field import field
from guard.provision_racing import AREA_CODES, Asked, desk_at, race
from postgres import postgres_server, postgres_url
from ringfence.desk import Desk
from ringfence.desk.buying import BuyWish, propose_buy
from ringfence.desk.consenting import approve_at_terminal
from ringfence.desk.searching import SearchWish, search
from ringfence.guard import approval, books
from ringfence.runner import Runner
from ringfence.store import audit, inventory, provisions
from ringfence.store.installation import sqlite_url

__all__ = ["postgres_server", "postgres_url"]

ME = "local:me"
FIELD = 4


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "ringfence.db")
    address: str = request.getfixturevalue("postgres_url")
    return address


@pytest.fixture
def desk(url: str, tmp_path: Path) -> Iterator[Desk]:
    opened = desk_at(url, tmp_path)
    yield opened
    assert opened.store.read_now(books.verify) == []
    assert opened.store.read_now(audit.verify)[1] is None
    opened.store.close()


def open_for(desk: Desk, assistant_id: str) -> list[str]:
    intents = desk.store.read_now(lambda tx: provisions.open_intents(tx, assistant_id, "main"))
    return [intent.intent_id for intent in intents]


def withdraw(desk: Desk, intent_id: str) -> None:
    desk.store.write_now(lambda tx: approval.cancel(tx, intent_id, principal=ME))


async def buy(desk: Desk, area_code: str) -> str:
    """A number of mine that serves nobody."""
    wish = SearchWish(country="US", area_code=area_code, limit=1)
    [offer] = (await search(desk, ME, wish)).offers
    intent = await propose_buy(desk, ME, BuyWish(items=[offer.offer_id]))
    await approve_at_terminal(desk, intent.intent_id, digest=intent.digest, person="the person")
    await Runner(desk, owner="test").work_until_ended(intent.intent_id, 20)
    return offer.stock.number


@pytest.mark.timeout(300)
async def test_processes_of_one_requester_are_led_to_one_intent(
    desk: Desk, url: str, tmp_path: Path
) -> None:
    with field(race, (url, tmp_path), FIELD) as racers:
        for turn in range(6):
            got = racers.run(Asked(f"assistant-{turn}", principal=ME))
            [intent_id] = open_for(desk, f"assistant-{turn}")
            assert [each.intent_id for each in got] == [intent_id] * FIELD
            withdraw(desk, intent_id)


@pytest.mark.timeout(300)
async def test_of_several_requesters_one_asks_and_the_others_are_told(
    desk: Desk, url: str, tmp_path: Path
) -> None:
    with field(race, (url, tmp_path), FIELD) as racers:
        for turn in range(4):
            got = racers.run(Asked(f"assistant-{turn}"))
            [intent_id] = open_for(desk, f"assistant-{turn}")
            assert sorted(str(each.code or each.intent_id) for each in got) == [
                intent_id,
                *["policy_refused"] * (FIELD - 1),
            ]
            assert [each.intent_id for each in got].count(intent_id) == 1


@pytest.mark.timeout(300)
async def test_processes_take_one_idle_number_among_several(
    desk: Desk, url: str, tmp_path: Path
) -> None:
    owned = [await buy(desk, area_code) for area_code in AREA_CODES]
    with field(race, (url, tmp_path), FIELD) as racers:
        got = racers.run(Asked("reception", principal=ME))
    [record] = desk.store.read_now(lambda tx: inventory.of_assistant(tx, "reception"))
    assert [each.number for each in got] == [record.number] * FIELD
    assert record.number in owned
    assert open_for(desk, "reception") == []
