"""What every database must do for us: whole transactions, append-only history, an audit chain, exact limits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, Engine, delete, insert, text, update
from sqlalchemy.exc import DBAPIError

from ringfence.clock import ManualClock
from ringfence.errors import ConfigurationError, RingfenceError
from ringfence.ids import CountingIds, RandomIds
from ringfence.policy import sandbox_policy
from ringfence.store import audit, balances, lease, schema
from ringfence.store.balances import ROLLING, Balance, Move
from ringfence.store.installation import move_clock, open_store
from ringfence.store.transaction import Conflict, Store, Transaction
from ringfence.store.watch import mark


def note(tx: Transaction, subject: str) -> None:
    tx.audit("test.noted", actor="test", subject=subject)


def events(store: Store) -> int:
    count, broken = store.read_now(audit.verify)
    assert broken is None
    return count


def test_the_migrations_make_exactly_the_tables_that_the_code_knows(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_a_new_installation_has_the_first_policy_and_says_so(store: Store) -> None:
    assert store.read_now(lambda tx: (tx.mode, tx.policy_version, tx.frozen)) == (
        "sandbox",
        1,
        None,
    )
    assert store.read_now(lambda tx: tx.rules) == sandbox_policy()
    assert events(store) == 2


def test_opening_again_finds_the_same_installation(
    store: Store, url: str, clock: ManualClock
) -> None:
    again = open_store(
        url, mode="sandbox", clock=clock, ids=CountingIds(), first_policy=sandbox_policy
    )
    same = again.read_now(lambda tx: tx.installation_id)
    again.close()
    assert same == store.read_now(lambda tx: tx.installation_id)


def test_an_installation_is_never_opened_in_the_other_mode(
    store: Store, url: str, clock: ManualClock
) -> None:
    with pytest.raises(ConfigurationError, match="sandbox installation"):
        open_store(url, mode="live", clock=clock, ids=CountingIds(), first_policy=sandbox_policy)


def test_a_mark_moves_with_what_is_written_and_with_nothing_else(store: Store) -> None:
    marks = [store.read_now(mark)]
    assert store.read_now(mark) == marks[0]
    for change in (
        lambda tx: note(tx, "anything"),
        lambda tx: tx.balances.open("cash", "2026-11"),
        add_number,
    ):
        store.write_now(change)
        marks.append(store.read_now(mark))
    assert len(set(marks)) == len(marks)


def add_number(tx: Transaction) -> None:
    tx.connection.execute(
        insert(schema.number).values(
            number_id="num_1",
            provider="sandbox",
            number="+14155550100",
            state="active",
            is_settled=True,
            is_priced=True,
            version=1,
            document="{}",
        )
    )


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    def fail(tx: Transaction) -> None:
        tx.balances.open("cash", "2026-11")
        note(tx, "never")
        raise KeyError

    with pytest.raises(KeyError):
        store.write_now(fail)
    assert events(store) == 2
    assert store.read_now(lambda tx: balances.all_rows(tx.connection)) == {}


def test_a_transaction_that_lost_a_race_is_run_again_whole(store: Store) -> None:
    tries: list[int] = []

    def lose_twice(tx: Transaction) -> int:
        tries.append(1)
        note(tx, f"try {len(tries)}")
        if len(tries) < 3:
            raise Conflict("lost")
        return len(tries)

    assert store.write_now(lose_twice) == 3
    assert events(store) == 3


@pytest.mark.parametrize("table", schema.APPEND_ONLY)
@pytest.mark.parametrize("change", [update, delete])
def test_history_is_only_ever_added_to(
    store: Store, table: str, change: Callable[[Any], Any]
) -> None:
    with store.engine.begin() as connection:
        write_a_row_of_each(connection)
    target = schema.metadata.tables[table]
    statement = change(target)
    if change is update:
        column = next(c for c in target.columns if not c.primary_key)
        statement = statement.values({column.name: column})
    with pytest.raises(DBAPIError, match="append-only"), store.engine.begin() as connection:
        connection.execute(statement)


def write_a_row_of_each(connection: Connection) -> None:
    """History to protect: SQLite's triggers fire for rows, and a new installation has no purchase."""
    at = ManualClock().now()
    for table in (
        schema.intent,
        schema.approval,
        schema.ledger_entry,
        schema.statement,
        schema.signature,
    ):
        values = {
            column.name: at if isinstance(column.type, schema.Moment) else _some(column)
            for column in table.columns
            if not column.nullable
        }
        connection.execute(insert(table).values(values))


def _some(column: Column[Any]) -> Any:
    return "x" if column.type.python_type is str else 1


def tampered(engine: Engine, *statements: str) -> None:
    """Change history behind the triggers' back, as somebody with the whole disk can."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            for verb in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER audit_event_no_{verb}"))
        else:
            connection.execute(text("DROP TRIGGER audit_event_append_only ON audit_event"))
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.parametrize(
    "statements",
    [
        ["UPDATE audit_event SET bytes = replace(bytes, 'second', 'sekond') WHERE seq = 4"],
        ["DELETE FROM audit_event WHERE seq = 4"],
        [
            "UPDATE audit_event SET seq = 100 WHERE seq = 3",
            "UPDATE audit_event SET seq = 3 WHERE seq = 4",
            "UPDATE audit_event SET seq = 4 WHERE seq = 100",
        ],
        ["UPDATE audit_event SET seq = 6 WHERE seq = 5"],
        ["DELETE FROM audit_event WHERE seq = 5"],
        ["UPDATE audit_head SET hash = 'aa'"],
    ],
    ids=["flipped", "deleted", "swapped", "moved", "cut off", "another head"],
)
def test_a_changed_history_is_noticed(store: Store, statements: list[str]) -> None:
    for subject in ("first", "second", "third"):
        store.write_now(lambda tx, subject=subject: note(tx, subject))  # type: ignore[misc]  # bound at once
    assert events(store) == 5
    tampered(store.engine, *statements)
    _count, broken = store.read_now(audit.verify)
    assert broken is not None


def test_a_freeze_meanwhile_makes_a_running_decision_start_anew(store: Store) -> None:
    seen: list[str | None] = []

    def judge(tx: Transaction) -> None:
        seen.append(tx.frozen)
        note(tx, "judged")
        if len(seen) == 1:
            tx.frozen = "as if this were what it had read at its start"

    store.write_now(judge)
    assert seen == [None, None]
    assert events(store) == 3


def opened(tx: Transaction, budget: str, window: str, row: Balance) -> None:
    tx.balances.open(budget, window)
    assert tx.balances.move(Move(budget, window, held=row.held, used=row.used))


def test_a_balance_moves_only_within_its_limit(store: Store) -> None:
    store.write_now(lambda tx: opened(tx, "cash", "w", Balance(held=3, used=4)))

    def move(held: int, limit: int) -> bool:
        return store.write_now(
            lambda tx: tx.balances.move(Move("cash", "w", held=held, limit=limit))
        )

    assert move(3, limit=10)
    assert not move(1, limit=10)
    assert not store.write_now(lambda tx: tx.balances.move(Move("cash", "unopened", held=1)))
    assert store.read_now(lambda tx: balances.get(tx.connection, "cash", "w")) == Balance(6, 4)


def test_a_rolling_balance_counts_its_buckets_that_are_young_enough(store: Store) -> None:
    def open_rows(tx: Transaction) -> None:
        for window, row in (
            (ROLLING, Balance()),
            ("2026-11-22T10:00", Balance(used=5)),
            ("2026-11-22T11:30", Balance(used=2)),
        ):
            opened(tx, "attempts", window, row)

    store.write_now(open_rows)
    move = Move("attempts", ROLLING, held=1, limit=3, oldest_bucket="2026-11-22T11:00")
    assert store.write_now(lambda tx: tx.balances.move(move))
    with pytest.raises(LookupError):
        store.write_now(lambda tx: _must(tx.balances.move(move)))
    assert store.read_now(lambda tx: balances.get(tx.connection, "attempts", ROLLING)) == Balance(
        1, 0
    )


def _must(done: bool) -> None:
    if not done:
        raise LookupError


def test_a_lease_has_one_owner_and_a_fence_that_grows(store: Store) -> None:
    def acquire(owner: str) -> int | None:
        return store.write_now(lambda tx: lease.acquire(tx, "line:1", owner=owner, seconds=5))

    first = acquire("a")
    assert first is not None
    assert acquire("b") is None
    again = acquire("a")
    assert again is not None
    assert again > first
    assert not store.read_now(lambda tx: lease.holds(tx, "line:1", owner="a", fence=first))
    store.write_now(lambda tx: lease.release(tx, "line:1", owner="a", fence=again))
    assert acquire("b") is not None


def test_time_never_runs_backward_in_the_records(store: Store, clock: ManualClock) -> None:
    store.write_now(lambda tx: note(tx, "now"))
    before = store.read_now(lambda tx: tx.now)
    clock.at -= timedelta(days=40)
    assert store.read_now(lambda tx: tx.now) >= before


def test_a_sandbox_clock_can_be_moved_forward_only(store: Store) -> None:
    before = store.read_now(lambda tx: tx.now)
    store.write_now(lambda tx: move_clock(tx, timedelta(minutes=31)))
    assert store.read_now(lambda tx: tx.now) - before >= timedelta(minutes=31)
    with pytest.raises(ConfigurationError):
        store.write_now(lambda tx: move_clock(tx, timedelta(minutes=-1)))


def test_a_look_sees_one_moment_whatever_is_committed_meanwhile(store: Store) -> None:
    def look(tx: Transaction) -> tuple[int, int]:
        before = len(balances.all_rows(tx.connection))
        store.write_now(lambda other: other.balances.open("a", "b"))
        return before, len(balances.all_rows(tx.connection))

    assert store.read_now(look) == (0, 0)
    assert store.read_now(lambda tx: len(balances.all_rows(tx.connection))) == 1


def test_a_look_changes_nothing(store: Store) -> None:
    with pytest.raises((RingfenceError, DBAPIError)):
        store.read_now(lambda tx: tx.balances.open("a", "b"))
    assert store.read_now(lambda tx: balances.all_rows(tx.connection)) == {}


def test_many_threads_never_pass_a_limit_and_lose_nothing(store: Store) -> None:
    """Eight writers take one each from a budget of twenty, as fast as they can."""
    store.write_now(lambda tx: tx.balances.open("count", "all"))
    granted = threading.Semaphore(0)
    count = [0] * 8

    def take(tx: Transaction) -> bool:
        note(tx, "wanted")
        return tx.balances.move(Move("count", "all", held=1, limit=20))

    def worker(index: int) -> None:
        for _ in range(5):
            if store.write_now(take):
                count[index] += 1
                granted.release()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(worker, range(8)))
    assert sum(count) == 20
    assert store.read_now(lambda tx: balances.get(tx.connection, "count", "all")) == Balance(
        held=20
    )
    assert events(store) == 2 + 1 + 40 + 20, "each attempt, and each balance as it became"


def test_several_processes_found_one_installation_together(url: str) -> None:
    """Eight openings of an empty database at once: one installation, one first policy."""

    def open_and_look(_index: int) -> str:
        opened = open_store(
            url, mode="sandbox", clock=ManualClock(), ids=RandomIds(), first_policy=sandbox_policy
        )
        try:
            return opened.read_now(lambda tx: f"{tx.installation_id} {tx.policy_version}")
        finally:
            opened.close()

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(open_and_look, range(8)))
    assert len(found) == 1
    assert found.pop().endswith(" 1")
