"""Several processes at the edge of each kind of budget: never over it, and no capacity lost (INV-BUDGET)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guard.field import Field, field
from guard.racing import Ran, Turn, race, store_at
from house import policy_with
from postgres import postgres_server, postgres_url
from ringfence.guard import approval, books, policy_change
from ringfence.store import audit, balances
from ringfence.store.installation import sqlite_url
from ringfence.store.transaction import Store

__all__ = ["postgres_server", "postgres_url"]

ROOM = 7
"""How many of the field the tight budget has room for."""
TIGHT = {
    "cash": '{name: cash, kind: cash, window: month, limit: "15.00 USD"}',  # 7 × 2.00 and some change
    "run-rate": '{name: run-rate, kind: run_rate, limit: "7.50 USD"}',
    "count": "{name: count, kind: count, limit: 7}",
    "purchases": "{name: purchases, kind: purchases, window: day, limit: 7}",
    "attempts": "{name: attempts, kind: attempts, limit: 7}",
}
ROOMY = [
    '{name: cash, kind: cash, window: month, limit: "9999.00 USD"}',
    '{name: run-rate, kind: run_rate, limit: "9999.00 USD"}',
    "{name: count, kind: count, limit: 9999}",
    "{name: purchases, kind: purchases, window: day, limit: 9999}",
    "{name: attempts, kind: attempts, limit: 9999}",
]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "ringfence.db")
    address: str = request.getfixturevalue("postgres_url")
    return address


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = store_at(url)
    yield opened
    opened.close()


def tighten(store: Store, name: str) -> None:
    """Leave room for `ROOM` in one budget and more than enough in the others."""
    roomy = [each for each in ROOMY if f"name: {name}," not in each]
    policy = policy_with(budgets=[*roomy, TIGHT[name]])
    store.write_now(lambda tx: policy_change.apply(tx, policy, applied_by="the person"))


def start(store: Store, racers: Field[Turn, Ran], name: str, turn: int) -> None:
    """One turn at the edge of one budget; everybody who got in gives it back afterwards."""
    tighten(store, name)
    ran = racers.run(Turn(turn))
    held = [each.intent_id for each in ran if each.intent_id is not None]
    assert len(held) == ROOM, f"{name}: {len(held)} of {ROOM} got in"
    for each in ran:
        if each.refusal is not None:
            assert {v["budget"] for v in each.refusal["details"]["violations"]} == {name}
    assert store.read_now(books.verify) == []
    for racer, each in enumerate(ran):
        if each.intent_id is not None:
            withdraw(store, each.intent_id, f"racer:{racer}")
    assert all(row.held == 0 for row in store.read_now(_rows).values())


def _rows(tx: Any) -> dict[tuple[str, str], balances.Balance]:
    return balances.all_rows(tx.connection)


def withdraw(store: Store, intent_id: str, principal: str) -> None:
    store.write_now(lambda tx: approval.cancel(tx, intent_id, principal=principal))


@pytest.mark.timeout(300)
def test_eight_processes_race_for_the_edge_of_every_budget(store: Store, url: str) -> None:
    with field(race, (url,), 8) as racers:
        for turn in range(2):
            for index, name in enumerate(TIGHT):
                start(store, racers, name, turn * len(TIGHT) + index)
    count, broken = store.read_now(audit.verify)
    assert broken is None
    assert count > 2 * len(TIGHT) * 8


@pytest.mark.timeout(300)
def test_processes_of_one_requester_never_pass_the_cap_of_what_waits(
    store: Store, url: str
) -> None:
    cap = store.read_now(lambda tx: tx.rules.pending_per_requester)
    with field(race, (url,), 8) as racers:
        for number in range(6):
            ran = racers.run(Turn(number, principal="local:busy"))
            held = [each.intent_id for each in ran if each.intent_id is not None]
            assert len(held) == cap
            for each in ran:
                if each.refusal is not None:
                    [violation] = each.refusal["details"]["violations"]
                    assert violation["rule"] == "pending_per_requester"
            for intent_id in held:
                withdraw(store, intent_id, "local:busy")


@pytest.mark.nightly
@pytest.mark.timeout(3_000)
def test_twenty_four_processes_race_twenty_rounds(store: Store, url: str) -> None:
    with field(race, (url,), 24) as racers:
        for turn in range(20):
            for index, name in enumerate(TIGHT):
                start(store, racers, name, turn * len(TIGHT) + index)
    assert store.read_now(audit.verify)[1] is None
