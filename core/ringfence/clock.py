"""Time, passed in: nothing in the core asks the machine what time it is except through this."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Two clocks: the calendar's, which may jump, and one that only runs forward."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        ...

    def boottime(self) -> float:
        """Seconds since some fixed moment; never goes back, and goes on while the machine sleeps."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def boottime(self) -> float:
        # CLOCK_BOOTTIME counts sleep, so that a ticket cannot outlive a closed lid; macOS lacks the name,
        # and its monotonic clock already counts sleep.
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass
class ManualClock:
    """A clock that moves only when told to; for tests and for scripted runs."""

    at: datetime = field(default_factory=lambda: datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
    ticks: float = 0.0

    def now(self) -> datetime:
        return self.at

    def boottime(self) -> float:
        return self.ticks

    def advance(self, **span: float) -> None:
        """Move both clocks forward; takes the keywords of `timedelta`."""
        step = timedelta(**span)
        self.at += step
        self.ticks += step.total_seconds()


def rfc3339(moment: datetime) -> str:
    """A UTC moment as the tools print it, to the second: `2026-11-22T12:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
