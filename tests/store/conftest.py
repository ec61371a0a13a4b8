"""The databases that the store's contract is held against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from postgres import oldest_postgres_server, oldest_postgres_url, postgres_server, postgres_url
from ringfence.clock import ManualClock
from ringfence.ids import CountingIds
from ringfence.policy import sandbox_policy
from ringfence.store.installation import open_store, sqlite_url
from ringfence.store.transaction import Store

__all__ = ["oldest_postgres_server", "oldest_postgres_url", "postgres_server", "postgres_url"]


@pytest.fixture(params=["sqlite", "postgres", "oldest_postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "ringfence.db")
    address: str = request.getfixturevalue(f"{request.param}_url")
    return address


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(url: str, clock: ManualClock) -> Iterator[Store]:
    opened = open_store(
        url, mode="sandbox", clock=clock, ids=CountingIds(), first_policy=sandbox_policy
    )
    yield opened
    opened.close()
