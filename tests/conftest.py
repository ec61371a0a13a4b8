"""Fixtures for every test."""

import os

import pytest
from hypothesis import settings

# Each installation of a test has its approval page on any port that is free: tests run side by side, and
# the usual port may be that of a ringfence on this machine.
os.environ["RINGFENCE_APPROVALS_URL"] = "http://localhost:0"

# A busy machine is slow, not wrong; what a test may take at most, pytest-timeout says.
settings.register_profile("ringfence", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("ringfence")


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio alone, as the server does."""
    return "asyncio"
