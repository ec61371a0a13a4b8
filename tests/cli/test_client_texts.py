"""Changing one entry of a settings file: nothing else in it is touched, or nothing is written."""

from __future__ import annotations

import json
import string
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence_server.clients import jsonc, toml
from ringfence_server.clients.jsonc import NotEditable

KEYS = ("servers", "ours")
ENTRY = {"command": "/bin/ours", "args": ["serve"], "env": {"A": "1"}}
PRINTED = """\
{
  "servers": {
    "ours": {
      "command": "/bin/ours",
      "args": ["serve"],
      "env": {
        "A": "1"
      }
    }
  }
}
"""

COMMENTED = """\
// what I use
{
\t"a": [1, 2,], /* keep */ "b": null,
\t"servers": {
\t\t// mine, "not": a key
\t\t"gh": {"command": "npx"} // the last one
\t},
}
"""
PLACES = {
    "nothing": "",
    "blank": " \n\n",
    "an empty object": "{}",
    "an open empty object": "{\n}\n",
    "only a comment": "{ // nothing yet\n}\n",
    "no list": '{"theme": "dark"}',
    "an empty list": '{\n    "servers": {}\n}',
    "one line": '{"servers": {"gh": {"command": "npx"}}, "z": 1}',
    "comments": COMMENTED,
    "a comma at the end": '{\n  "servers": {\n    "gh": {}, // mine\n  },\n}\n',
    "windows": '{\r\n  "servers": {\r\n    "gh": {}\r\n  }\r\n}\r\n',
    "a byte order mark": '\ufeff{"servers": {}}',
    "text that looks like JSON": '{"x": "} // { \\" /* ", "servers": {"y": "\\\\"}}',
}


@pytest.mark.parametrize("place", PLACES)
def test_an_entry_is_added_and_every_line_that_was_there_stays(place: str) -> None:
    before = PLACES[place]
    after = jsonc.put(before, KEYS, ENTRY)
    wanted = jsonc.read(before)
    wanted.setdefault("servers", {})["ours"] = ENTRY
    assert jsonc.read(after) == wanted
    left = iter(after)
    assert all(character in left for character in before.strip()), "something was taken away"
    assert before.count("//") == after.count("//")
    assert ("\r\n" in before) == ("\r\n" in after)


def test_a_new_file_is_written_as_people_write_them() -> None:
    assert jsonc.put("", KEYS, ENTRY) == PRINTED


def test_the_texts_own_indentation_and_comments_are_followed() -> None:
    after = jsonc.put(COMMENTED, KEYS, {"command": "/bin/ours", "args": ["serve"]})
    assert after == COMMENTED.replace(
        '"npx"} // the last one\n',
        '"npx"}, // the last one\n\t\t"ours": {\n\t\t\t"command": "/bin/ours",\n\t\t\t"args": ["serve"]\n\t\t}\n',
    )


def test_only_the_values_that_differ_are_changed() -> None:
    before = '{"servers": {"ours": {/* new */ "command": "old", "args": ["serve"], "on": true}}}'
    after = jsonc.put(before, KEYS, {"command": "/bin/ours", "args": ["serve"]})
    assert after == before.replace('"old"', '"/bin/ours"')


@pytest.mark.parametrize("place", [place for place, text in PLACES.items() if "gh" in text])
def test_what_was_added_can_be_taken_out_without_a_trace(place: str) -> None:
    before = PLACES[place]
    after = jsonc.take(jsonc.put(before, KEYS, ENTRY), KEYS)
    assert jsonc.read(after) == jsonc.read(before)
    if "\n" in before:
        assert after == before


def test_the_first_of_two_is_taken_out_with_its_comma() -> None:
    before = '{\n  "servers": {\n    "ours": {},\n    "gh": {}\n  }\n}\n'
    assert jsonc.take(before, KEYS) == '{\n  "servers": {\n    "gh": {}\n  }\n}\n'


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"a": 1} {"b": 2}',
        '{"a": 1 "b": 2}',
        '{"a": [1 2]}',
        '{"a": 1, "a": 2}',
        "{a: 1}",
        "{'a': 1}",
        '{"a": undefined}',
        '{"a": NaN}',
        '{"a": 01}',
        '{"a": "\n"}',
        '{"a": /* open',
        "{,}",
        '{"servers": []}',
        '{"servers": "none"}',
        "[" * 5_000,
        '{"a":' * 5_000,
    ],
)
def test_what_is_not_understood_is_not_touched(text: str) -> None:
    with pytest.raises(NotEditable):
        jsonc.put(text, KEYS, ENTRY)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
_OBJECTS = st.dictionaries(st.text(), _JSON, max_size=4)


@given(_OBJECTS, _OBJECTS, st.sampled_from([None, 1, 2, 4, "\t"]), st.booleans())
def test_any_json_keeps_everything_that_is_not_ours(
    rest: dict[str, Any], servers: dict[str, Any], indent: int | str | None, ascii_only: bool
) -> None:
    plain = rest | {"servers": {key: value for key, value in servers.items() if key != "ours"}}
    text = json.dumps(plain, indent=indent, ensure_ascii=ascii_only)
    after = jsonc.put(text, KEYS, ENTRY)
    found = json.loads(after)  # no comments came in
    assert found["servers"].pop("ours") == ENTRY
    assert found == plain
    assert json.loads(jsonc.take(after, KEYS)) == plain


# TOML, of Codex

TABLE = ("mcp_servers", "ours")
CODEX = """\
# mine
model = "o" # good

[mcp_servers.gh]
command = "npx"

[mcp_servers.gh.env]
KEY = "x"

# the terminal
[tui]
theme = "dark"
"""


@pytest.mark.parametrize(
    "before",
    ["", CODEX, CODEX.rstrip("\n"), CODEX.replace("\n", "\r\n"), 'mcp_servers.gh.command = "a"\n'],
)
def test_a_table_is_added_below_everything_else(before: str) -> None:
    after = toml.put(before, TABLE, ENTRY)
    assert after.startswith(before)
    assert tomllib.loads(after)["mcp_servers"]["ours"] == ENTRY
    assert toml.take(after, TABLE).rstrip("\r\n") == before.rstrip("\r\n")


def test_a_table_is_changed_where_it_stands_and_its_other_keys_stay() -> None:
    before = CODEX.replace("[mcp_servers.gh", "[ mcp_servers . 'ours'").replace(
        'command = "npx"', 'command = "npx"\nstartup_timeout_sec = 20 # slow'
    )
    after = toml.put(before, TABLE, ENTRY)
    assert after == before.replace(
        'command = "npx"', 'args = ["serve"]\ncommand = "/bin/ours"'
    ).replace('KEY = "x"', 'A = "1"')
    assert toml.take(after, TABLE) == CODEX[: CODEX.index("[mcp")] + CODEX[CODEX.index("# the") :]


def test_an_environment_in_one_line_stays_in_one_line() -> None:
    before = '[mcp_servers.ours]\ncommand = "/bin/ours"\nargs = ["serve"]\nenv = { B = "2" }\n'
    assert toml.put(before, TABLE, ENTRY) == before.replace('B = "2"', 'A = "1"')


@pytest.mark.parametrize(
    "text",
    [
        "model = ",
        'mcp_servers = "none"\n',
        '[mcp_servers]\nours = { command = "a" }\n',
        'mcp_servers.ours.command = "a"\n',
        '[mcp_servers.ours]\ncommand = """\na"""\n',
        '[mcp_servers.ours]\nargs = [\n  "a",\n]\n',
        'x = """\n[mcp_servers.ours]\n"""\n',
        "[[mcp_servers.ours]]\n",
    ],
)
def test_what_cannot_be_changed_line_by_line_is_not_touched(text: str) -> None:
    with pytest.raises(NotEditable):
        toml.put(text, TABLE, ENTRY)


@given(
    st.dictionaries(st.text(string.ascii_letters, min_size=1), st.text(), max_size=3),
    st.text(),
)
def test_any_text_is_written_so_that_it_reads_the_same(env: dict[str, str], path: str) -> None:
    entry = {"command": path, "args": ["serve"], **({"env": env} if env else {})}
    try:
        after = toml.put(CODEX, TABLE, entry)
    except NotEditable:
        assert "\x7f" in json.dumps(entry, ensure_ascii=False)
        return
    assert tomllib.loads(after)["mcp_servers"]["ours"] == entry
