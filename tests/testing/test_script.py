"""Reading a script: strict, before anything is run, and every complaint has its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringfence.errors import InvalidArguments
from ringfence_server.testing.matching import MATCHERS
from ringfence_server.testing.script import VERBS, Call, Step, read_script, read_script_file
from ringfence_tools import CATALOG

HEAD = "name: mine\nsteps:\n"


def complaint(text: str) -> str:
    """What is said of a text that is no script."""
    with pytest.raises(InvalidArguments) as refused:
        read_script(text, file="mine.yaml")
    return refused.value.message


def test_a_script_is_read_with_the_line_of_every_step() -> None:
    script = read_script(
        """\
name: mine
steps:
  - call: search_numbers
    with: {country: US, area_code: "415"}
    expect: {simulated: true}
    save: {offer: offers.0.offer_id}

  - expect_balanced
  - clock: +31m
""",
        file="mine.yaml",
    )
    assert [(placed.line, placed.step.title) for placed in script.steps] == [
        (3, "call search_numbers"),
        (8, "expect_balanced"),
        (9, "clock +31m"),
    ]
    call = script.steps[0].step
    assert isinstance(call, Call)
    assert call.arguments == {"country": "US", "area_code": "415"}
    assert call.expect == {"simulated": True}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_read(verb: str) -> None:
    takes = {
        "call": "search_numbers",
        "approve": "int_1",
        "decline": "int_1",
        "fault": "gone",
        "clock": "+1d",
        "freeze": "why",
        "expect_charges": "0",
    }
    value = takes.get(verb, "null")
    [placed] = read_script(f"{HEAD}  - {verb}: {value}\n", file="mine.yaml").steps
    assert type(placed.step) is VERBS[verb]
    assert issubclass(VERBS[verb], Step)


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("- call: search_numbers", 1, "a map with `name` and `steps`"),
        ("name: mine\n", 1, "`steps` is a list"),
        ("name: mine\nsteps: []\n", 2, "`steps` is a list"),
        ("steps:\n  - settle\n", 1, "name: Field required"),
        ("nam: mine\nsteps: [settle]\n", 1, "unknown key `nam` (did you mean name?)"),
        (f"{HEAD}  - cal: search_numbers", 3, "unknown verb `cal` (did you mean call?)"),
        (f"{HEAD}  - {{with: {{}}}}", 3, "a step has one verb: call, approve"),
        (f"{HEAD}  - {{settle: null, clock: +1m}}", 3, "one verb, not settle and clock"),
        (f"{HEAD}  - 7", 3, "a step is a map with one verb"),
        (f"{HEAD}  - setle", 3, "unknown verb `setle` (did you mean settle?)"),
        (f"{HEAD}  - settle: 3", 3, "settle: "),
        (f"{HEAD}  - call: search_numbers\n    wiht: {{}}", 4, "`wiht` (did you mean with?)"),
        (f"{HEAD}  - call: search_numbers\n    follow: 0", 4, "follow: "),
        (f"{HEAD}  - call: search_numbers\n    ends: happily", 4, "ends: "),
        (f"{HEAD}  - fault: explosion", 3, "fault: "),
        (f"{HEAD}  - fault: gone\n    times: 1000", 4, "times: "),
        (f"{HEAD}  - clock: 31m", 3, "write +30s, +31m, +2h or +1d"),
        (f"{HEAD}  - clock: +999999999d", 3, "at most 3000 days"),
        (f"{HEAD}  - approve: int_1\n    reason: stop", 4, "unknown key `reason`"),
        (f"{HEAD}  - decline: int_1\n    reason: whim", 4, "reason: "),
        (f"{HEAD}  - call: x\n    with: {{a: 1.5}}", 4, "write it in quotes"),
        (f"{HEAD}  - call: x\n    with: {{country: NO}}", 4, "write it in quotes"),
        (f"{HEAD}  - call: x\n    call: y", 3, "a key stands twice"),
        (f"{HEAD}  - call: x\n    with: {{a: &a 1, b: *a}}", 4, "an alias is not followed"),
        ("name: [", 1, "no plain YAML"),
        (f"{HEAD}  - approve: ${{intent}}", 3, "no step before has saved it"),
        (
            f"{HEAD}  - call: x\n    save: {{offer: id}}\n  - call: y\n    with: {{a: ['${{ofer}}']}}",
            6,
            "(did you mean offer?)",
        ),
        (f"{HEAD}  - call: x\n    save: {{a: b}}\n    expect: {{c: '${{a}}'}}", 5, "${a}"),
        (f"{HEAD}  - call: x\n    expect:\n      a: {{is: there}}", 5, "takes anything, absent"),
        (f"{HEAD}  - call: x\n    expect:\n      a: {{matches: '('}}", 5, "takes a pattern"),
        (f"{HEAD}  - call: x\n    expect: {{a: {{at_least: many}}}}", 4, "a whole number"),
        (f"{HEAD}  - call: x\n    expect: {{a: {{one_of: b}}}}", 4, "takes a list"),
        (f"{HEAD}  - call: x\n    expect: {{a: {{length: 1, b: 2}}}}", 4, "stands among fields"),
        (f"{HEAD}  - expect_charges: {{at_least: x}}", 3, "a whole number"),
        ("name: mine\neras: [old]\nsteps: [settle]", 2, "eras.0: "),
        ("name: mine\nclient: {forms: maybe}\nsteps: [settle]", 2, "client.forms: "),
        ("name: mine\nclient: {from: none}\nsteps: [settle]", 2, "client.from: "),
        ("name: mine\nstart: 2026-01-01T00:00:00Z\nsteps: [settle]", 2, "time begins at"),
        ("name: mine\npolicy: {limit: 3}\nsteps: [settle]", 2, "policy: limit: "),
        ("name: mine\npolicy: {levels: {buy: wink}}\nsteps: [settle]", 2, "policy: levels.buy: "),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_the_nearest_right_thing(
    text: str, line: int, told: str
) -> None:
    said = complaint(text)
    assert said.startswith(f"mine.yaml:{line}: "), said
    assert told in said


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArguments, match="FileNotFoundError"):
        read_script_file(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidArguments, match="UnicodeDecodeError"):
        read_script_file(tmp_path / "bytes.yaml")


def test_no_field_of_a_result_is_called_like_a_matcher() -> None:
    """Else a map that expects just this field would be taken for the matcher."""

    def names(schema: object) -> set[str]:
        if isinstance(schema, dict):
            inner = set().union(*map(names, schema.values()))
            return inner | set(schema.get("properties", {}))
        return set().union(*map(names, schema)) if isinstance(schema, list) else set()

    for operation in CATALOG:
        assert names(operation.result.model_json_schema()).isdisjoint(MATCHERS), operation.name
