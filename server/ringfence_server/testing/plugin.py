"""The pytest plugin: the fixture `ringfence`, a throw-away installation for each test that asks for one.

It comes with the package; a test run that does not use it loads nothing but this file. The marker
`ringfence(era=…, forms=…, policy=…)` sets the installation up otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # server, client and store are loaded by the first test that uses them
    from ringfence_server.testing.play import Ringfence

MARKER = """ringfence(era="modern", forms="none", policy=None): how the fixture `ringfence` is set up: the client's \
protocol era (modern, legacy), what its forms answer (none, accept, wrong, decline, cancel), and fields of the policy \
that differ from a new sandbox's."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture
def ringfence(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ringfence]:
    """A phone number shop with a guard, simulated: call its tools, decide for the person, move its clock."""
    from ringfence_server.testing.play import Ringfence, setting_of
    from ringfence_server.testing.premises import throw_away_home

    marker = request.node.get_closest_marker("ringfence")
    options = {} if marker is None else marker.kwargs
    with throw_away_home() as home:
        with Ringfence(home, setting_of(**options)) as opened:
            yield opened
        copytree(home, tmp_path / "ringfence")  # to look at when the test has failed
