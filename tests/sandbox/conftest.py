"""A carrier with a file of its own, and a clock that moves when told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.clock import ManualClock
from ringfence.sandbox.carrier import Carrier


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "company" / "carrier.db"


@pytest.fixture
def carrier(path: Path, clock: ManualClock) -> Iterator[Carrier]:
    carrier = Carrier(path, clock)
    yield carrier
    carrier.close()
