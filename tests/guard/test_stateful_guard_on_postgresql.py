"""The stateful test of `test_stateful_guard` with its installations on PostgreSQL; fewer steps, as each takes longer.

Clock and ids are the test's own here too, so that a run which fails is replayed exactly.
"""

from collections.abc import Iterator

import pytest

from guard.postgresql import PostgresqlDatabases
from guard.stateful import RARE_EVENTS, assert_much_has_happened, run_steps
from postgres import postgres_server

__all__ = ["postgres_server"]

STEPS = 2_000
MANY_STEPS = 20_000


@pytest.fixture(scope="session")
def databases(postgres_server: str) -> Iterator[PostgresqlDatabases]:
    databases = PostgresqlDatabases(postgres_server)
    yield databases
    databases.close()


@pytest.mark.timeout(900)
def test_no_order_of_events_breaks_the_money_core_on_postgresql(
    databases: PostgresqlDatabases, inline_threads: None
) -> None:
    assert run_steps(STEPS, first_seed=20_001, databases=databases) >= STEPS
    assert_much_has_happened(but=RARE_EVENTS)


@pytest.mark.nightly
@pytest.mark.timeout(6_000)
def test_no_order_of_many_events_breaks_the_money_core_on_postgresql(
    databases: PostgresqlDatabases, inline_threads: None
) -> None:
    assert run_steps(MANY_STEPS, first_seed=200_000, databases=databases) >= MANY_STEPS
    assert_much_has_happened()
