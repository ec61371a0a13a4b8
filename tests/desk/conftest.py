"""Every story at the desk is told in a house of its own, whose books must balance when it ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House.open(tmp_path)
    yield house
    house.close()


@pytest.fixture(autouse=True)
def _books_balance(house: House) -> Iterator[None]:
    yield
    house.books_balance()
