"""Fixtures of the approval page's tests: a house with something to decide, and its page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from approvals.desk_page import DeskPage
from house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A sandbox installation; its books must balance in the end."""
    house = House.open(tmp_path)
    yield house
    house.books_balance()
    house.close()


@pytest.fixture
def page(house: House) -> DeskPage:
    """The house's page, in this process and without a network."""
    return DeskPage(house)
