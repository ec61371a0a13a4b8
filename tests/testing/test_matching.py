"""Matching: what is met, what is not, and how a difference reads."""

from __future__ import annotations

from typing import Any

import pytest

from ringfence_server.testing.matching import differences

CAME = {
    "state": "completed",
    "simulated": True,
    "limit": 5,
    "monthly": None,
    "lines": [
        {"number": "+14155550142", "state": "captured"},
        {"number": "+14155550104", "state": "failed"},
    ],
    "steps": [],
}


@pytest.mark.parametrize(
    "expected",
    [
        {},
        {"state": "completed"},
        {"simulated": True, "limit": 5, "monthly": None, "steps": []},
        {"lines": [{"state": "captured"}, {}]},
        {"lines": {"length": 2}},
        {"lines": {"length": {"at_least": 1}}},
        {"lines": {"each": {"number": {"matches": r"^\+1415"}}}},
        {"lines": {"contains": {"state": "failed"}}},
        {"lines": {"not": {"contains": {"state": "unknown"}}}},
        {"state": {"one_of": ["completed", "failed"]}},
        {"state": {"contains": "complete"}},
        {"state": {"is": "anything"}, "error": {"is": "absent"}, "steps": {"is": "empty"}},
        {"limit": {"at_most": 5, "at_least": 5, "not": 4}},
        {"lines": {"length": 2, "each": {"state": {"is": "anything"}}}},
        {"limit": {"one_of": [{"at_least": 9}, 5]}},
    ],
)
def test_it_is_met(expected: dict[str, Any]) -> None:
    assert differences(expected, CAME) == []


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ({"state": "failed"}, "state: expected failed, came completed"),
        ({"error": "x"}, "error: expected x, came nothing"),
        ({"simulated": 1}, "simulated: expected 1, came true"),
        ({"limit": "5"}, "limit: expected 5, came 5"),
        ({"limit": True}, "limit: expected true, came 5"),
        ({"monthly": "1.00 USD"}, "monthly: expected 1.00 USD, came null"),
        ({"monthly": {"is": "anything"}}, "monthly: expected anything, came null"),
        ({"monthly": {"is": "absent"}}, "monthly: expected absent, came null"),
        ({"state": {"is": "absent"}}, "state: expected absent, came completed"),
        ({"lines": {"is": "empty"}}, "lines: expected empty, came "),
        ({"lines": []}, "lines: expected 0 items, came 2 items: "),
        ({"lines": [{"state": "captured"}]}, "lines: expected 1 item, came 2 items: "),
        ({"lines": [{}, {"state": "captured"}]}, "lines.1.state: expected captured, came failed"),
        ({"lines": {"length": 3}}, "lines.length: expected 3, came 2"),
        ({"limit": {"length": 3}}, "limit: expected something with a length, came 5"),
        ({"lines": {"each": {"state": "captured"}}}, "lines.1.state: expected captured"),
        ({"state": {"each": "x"}}, "state: expected a list, came completed"),
        ({"lines": {"contains": {"state": "unknown"}}}, 'lines: expected to hold {"state":'),
        ({"limit": {"contains": "5"}}, "limit: expected to hold 5, came 5"),
        ({"state": {"not": "completed"}}, "state: expected anything but completed"),
        ({"state": {"matches": "^fail"}}, "state: expected text that matches ^fail"),
        ({"limit": {"matches": "5"}}, "limit: expected text that matches 5, came 5"),
        ({"state": {"one_of": ["a", "b"]}}, 'state: expected one of ["a", "b"], came completed'),
        ({"limit": {"at_least": 6}}, "limit: expected at least 6, came 5"),
        ({"limit": {"at_least": 1, "at_most": 4}}, "limit: expected at most 4, came 5"),
        ({"limit": {"at_most": 4}}, "limit: expected at most 4, came 5"),
        ({"simulated": {"at_least": 0}}, "simulated: expected at least 0, came true"),
        ({"missing": {"matches": "x"}}, "missing: expected text that matches x, came nothing"),
    ],
)
def test_it_is_not_met_and_the_place_is_named(expected: dict[str, Any], told: str) -> None:
    [difference] = differences(expected, CAME)
    assert str(difference).startswith(told)


def test_every_difference_is_told_at_once() -> None:
    found = differences({"state": "x", "limit": 4, "lines": [{}, {"number": "y"}]}, CAME)
    assert [difference.path for difference in found] == [
        ("state",),
        ("limit",),
        ("lines", 1, "number"),
    ]
