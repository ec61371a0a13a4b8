"""Fixtures for every test."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Sequence

import pytest
from hypothesis import settings

# Each installation of a test has its approval page on any port that is free: tests run side by side, and
# the usual port may be that of a ringfence on this machine.
os.environ["RINGFENCE_APPROVALS_URL"] = "http://localhost:0"

# Roots are pinned, and keys are kept, with a user's settings: here with those of nobody.
os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp(prefix="ringfence-settings-")
atexit.register(shutil.rmtree, os.environ["XDG_CONFIG_HOME"], ignore_errors=True)

# A busy machine is slow, not wrong; what a test may take at most, pytest-timeout says.
settings.register_profile("ringfence", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("ringfence")


LONGEST = (
    "guard/test_stateful_guard.py",
    "guard/test_stateful_guard_on_postgresql.py",
    "guard/test_kill.py",
    "approvals/test_browser.py",
)
"""Files that take longest, longest first: one that began last would leave the other processes without work."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; the others stay in the order of their names."""
    items.sort(key=lambda item: _place(item.nodeid.partition("::")[0], LONGEST))


def _place(path: str, longest: Sequence[str]) -> int:
    places = [place for place, name in enumerate(longest) if path.endswith(name)]
    return places[0] if places else len(longest)


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio alone, as the server does."""
    return "asyncio"
