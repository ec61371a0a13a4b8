"""Fixtures for every test."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio alone, as the server does."""
    return "asyncio"
