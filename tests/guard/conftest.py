"""A house of its own for each story of the guard, whose books must balance when it ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.processes import InlineThreads
from house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House.open(tmp_path)
    yield house
    house.books_balance()
    house.close()


@pytest.fixture
def inline_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker threads, whose order no seed decides."""
    monkeypatch.setattr("ringfence.providers.sandbox.to_thread", InlineThreads)
