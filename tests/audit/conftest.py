"""A live installation of its own for each story of its history."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.living import Living


@pytest.fixture
def living(tmp_path: Path) -> Iterator[Living]:
    living = Living.founded(tmp_path)
    yield living
    living.close()
