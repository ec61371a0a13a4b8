"""Plain YAML: truth values where they are wanted, and the line of everything."""

from __future__ import annotations

import pytest

from ringfence import plain_yaml


def test_truth_values_are_read_where_they_are_wanted_and_written_just_so() -> None:
    assert plain_yaml.read("[true, false]", has_truth=True) == [True, False]
    for text in ("[yes]", "[NO]", "[True]", "[on]", "[FALSE]"):
        with pytest.raises(plain_yaml.BadYaml, match="write it in quotes"):
            plain_yaml.read(text, has_truth=True)
    with pytest.raises(plain_yaml.BadYaml, match="truth value"):
        plain_yaml.read("[true]")


def test_every_key_and_item_has_its_line() -> None:
    text = "name: mine\nsteps:\n  - call: x\n    with:\n      {a: 1,\n       b: [2,\n       3]}\n  - settle\n"
    assert plain_yaml.lines(text) == {
        ("name",): 1,
        ("steps",): 2,
        ("steps", 0): 3,
        ("steps", 0, "call"): 3,
        ("steps", 0, "with"): 4,
        ("steps", 0, "with", "a"): 5,
        ("steps", 0, "with", "b"): 6,
        ("steps", 0, "with", "b", 0): 6,
        ("steps", 0, "with", "b", 1): 7,
        ("steps", 1): 8,
    }


def test_what_is_no_yaml_has_no_lines() -> None:
    with pytest.raises(plain_yaml.BadYaml):
        plain_yaml.lines("a: [")
    assert plain_yaml.lines("text") == {}
    assert plain_yaml.lines("") == {}
