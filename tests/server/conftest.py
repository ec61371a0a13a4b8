"""What the tests of the server share: both protocol eras."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> str:
    """The protocol era: our own server always lands on the modern one under `auto`."""
    era: str = request.param
    return era
