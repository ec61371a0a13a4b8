"""Time is passed in, in UTC, with a second clock that only runs forward."""

import ast
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from architecture.source import places
from ringfence.clock import ManualClock, SystemClock, rfc3339

PRINTED = [
    (datetime(2026, 11, 22, 12, 0, tzinfo=UTC), "2026-11-22T12:00:00Z"),
    (datetime(2026, 11, 22, 12, 0, 0, 999_999, tzinfo=UTC), "2026-11-22T12:00:00Z"),
    (datetime(2026, 11, 22, 12, 0, tzinfo=ZoneInfo("Europe/Berlin")), "2026-11-22T11:00:00Z"),
    (datetime(2026, 12, 31, 23, 0, tzinfo=ZoneInfo("America/New_York")), "2027-01-01T04:00:00Z"),
    (datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC), "2028-02-29T23:59:59Z"),
]


@pytest.mark.parametrize(("moment", "text"), PRINTED)
def test_a_moment_is_printed_in_utc_to_the_second(moment: datetime, text: str) -> None:
    assert rfc3339(moment) == text


def test_a_manual_clock_moves_only_when_told_and_then_both_hands() -> None:
    clock = ManualClock()
    start = clock.now()
    assert (clock.now(), clock.boottime()) == (start, 0)
    clock.advance(minutes=31, seconds=2)
    assert clock.now() - start == timedelta(minutes=31, seconds=2)
    assert clock.boottime() == 31 * 60 + 2


def test_the_calendar_of_a_manual_clock_may_jump_without_the_other_clock() -> None:
    clock = ManualClock()
    clock.at -= timedelta(days=40)
    assert clock.boottime() == 0


def test_the_machine_s_clock_is_in_utc_and_its_boot_time_never_goes_back() -> None:
    clock = SystemClock()
    assert clock.now().utcoffset() == timedelta(0)
    readings = [clock.boottime() for _ in range(1_000)]
    assert readings == sorted(readings)


ASKS_THE_MACHINE = {"now", "utcnow", "today", "time", "monotonic", "perf_counter", "clock_gettime"}


def test_nothing_else_in_the_core_asks_the_machine_what_time_it_is() -> None:
    asked = [
        f"{path}:{node.lineno}"
        for path, _, node in places("core/")
        if path != "core/ringfence/clock.py"
        if isinstance(node, ast.Attribute)
        and node.attr in ASKS_THE_MACHINE
        and isinstance(node.value, ast.Name)
        and node.value.id in {"datetime", "date", "time"}
    ]
    assert asked == []
