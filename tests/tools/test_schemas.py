"""What is published is what is checked: the schemas, their size, and the words beside them."""

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ringfence import errors
from ringfence_tools import CATALOG
from ringfence_tools.operation import AnyOperation
from ringfence_tools.parsing import parse
from ringfence_tools.refusal import error_document
from ringfence_tools.schema import full_schema, list_document, output_schema
from ringfence_tools.texts import TOOL_NAMES
from tools.generated import accepts, fitting, nearly_fitting
from tools.update_snapshots import SNAPSHOTS, snapshots

LISTED = {entry["name"]: entry for entry in list_document(CATALOG)}
NAMES = list(LISTED)
OPERATIONS = {operation.name: operation for operation in CATALOG}
RESULTS = {name: full_schema(operation.result) for name, operation in OPERATIONS.items()}
PUBLISHED = {
    (name, is_whole): output_schema(operation, has_whole_intent=is_whole)
    for name, operation in OPERATIONS.items()
    for is_whole in (True, False)
}
FITTING = {name: fitting(entry["inputSchema"]) for name, entry in LISTED.items()}
NEARLY_FITTING = {name: nearly_fitting(entry["inputSchema"]) for name, entry in LISTED.items()}
FITTING_RESULTS = {name: fitting(schema) for name, schema in RESULTS.items()}
SLOW_MACHINES_TOO = settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
FORBIDDEN_NAMES = {"confirm", "approved", "force", "override", "code", "pin", "token"}
HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")


def schemas_in(node: Any) -> Any:
    """Every object of a schema, itself first."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from schemas_in(value)
    if isinstance(node, list):
        for value in node:
            yield from schemas_in(value)


def is_accepted(operation: AnyOperation, raw: Any) -> bool:
    try:
        parse(operation, raw)
    except errors.InvalidArguments:
        return False
    return True


def test_the_catalogue_lists_the_tools_in_the_order_of_the_contract() -> None:
    assert [name for name in TOOL_NAMES if name in OPERATIONS] == NAMES
    assert len(CATALOG) == len(OPERATIONS)


@pytest.mark.parametrize("name", NAMES)
def test_each_schema_is_the_one_on_file(name: str) -> None:
    on_file = (SNAPSHOTS / f"{name}.json").read_text(encoding="utf-8")
    assert snapshots()[f"{name}.json"] == on_file, "run python tests/tools/update_snapshots.py"


def test_no_file_stands_for_a_tool_that_is_gone() -> None:
    assert {file.name for file in SNAPSHOTS.glob("*.json")} == set(snapshots())


def test_the_whole_list_fits_into_26_kilobytes() -> None:
    document = json.dumps({"tools": list(LISTED.values())}, separators=(",", ":"))
    assert len(document.encode()) <= 26_000


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_closed_plain_and_free_of_references(name: str) -> None:
    schema = LISTED[name]["inputSchema"]
    Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    assert not {"oneOf", "anyOf", "allOf", "not"} & set(schema)
    for part in schemas_in(schema):
        assert not {"$ref", "$defs", "title", "anyOf", "oneOf", "allOf", "prefixItems"} & set(part)
        if part.get("type") == "object":
            assert part["additionalProperties"] is False


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_has_an_enum_a_pattern_or_a_bound(name: str) -> None:
    for argument in LISTED[name]["inputSchema"]["properties"].values():
        limits = {"enum", "pattern", "maxLength", "maximum", "maxItems", "maxProperties"}
        assert isinstance(argument["type"], str)  # a list would be null's arm
        assert argument["type"] == "boolean" or limits & set(argument)
        assert argument.get("default", "absent") not in (None, [])
        if argument["type"] == "array":
            assert argument["minItems"] == 1
            assert argument["uniqueItems"] is True
            assert {"enum", "pattern"} & set(argument["items"])


@pytest.mark.parametrize("name", NAMES)
def test_no_argument_looks_as_if_it_could_give_consent(name: str) -> None:
    for part in schemas_in(LISTED[name]["inputSchema"]):
        assert not FORBIDDEN_NAMES & set(part.get("properties", {}))


@pytest.mark.parametrize("name", NAMES)
def test_results_have_an_object_at_the_root_without_composition(name: str) -> None:
    schema = LISTED[name]["outputSchema"]
    Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    assert {"simulated", "next_step", "error"} <= set(schema["properties"])
    for part in schemas_in(schema):
        assert not {"$ref", "$defs", "anyOf", "oneOf", "allOf", "required"} & set(part)


def test_an_intent_is_described_in_full_once_in_the_first_tool_that_returns_one() -> None:
    lines = {name: LISTED[name]["outputSchema"]["properties"].get("lines") for name in NAMES}
    assert "remedy" in json.dumps(lines["buy_numbers"])
    assert (
        lines["get_intent"]
        == lines["cancel_intent"]
        == {
            "type": "array",
            "items": {"type": "object"},
        }
    )
    [first] = list_document([OPERATIONS["get_intent"]])
    assert first["outputSchema"] == LISTED["buy_numbers"]["outputSchema"]


@pytest.mark.parametrize(
    ("names", "hints"),
    [
        (["search_numbers", "check_requirements", "list_numbers"], (True, False, True, True)),
        (["get_intent", "show_spending"], (True, False, True, False)),
        (["reserve_numbers", "cancel_reservation", "cancel_intent"], (False, False, True, True)),
        (["assign_number", "buy_numbers", "provision_number"], (False, True, True, True)),
    ],
)
def test_annotations_say_what_the_tool_does(names: list[str], hints: tuple[bool, ...]) -> None:
    for name in names:
        assert tuple(LISTED[name]["annotations"][hint] for hint in HINTS) == hints


@pytest.mark.parametrize("name", NAMES)
def test_a_description_has_at_most_sixty_words_and_says_what_it_costs(name: str) -> None:
    assert len(OPERATIONS[name].description.split()) <= 60
    assert re.search(r"Costs nothing|Charges", LISTED[name]["description"])


@given(data=st.data())
@settings(SLOW_MACHINES_TOO, max_examples=200)
@pytest.mark.parametrize("name", NAMES)
def test_what_the_schema_accepts_is_what_the_tool_accepts(name: str, data: st.DataObject) -> None:
    raw = data.draw(NEARLY_FITTING[name])
    assert is_accepted(OPERATIONS[name], raw) == accepts(LISTED[name]["inputSchema"], raw)


@given(data=st.data())
@SLOW_MACHINES_TOO
@pytest.mark.parametrize("name", NAMES)
def test_what_fits_the_schema_is_accepted(name: str, data: st.DataObject) -> None:
    raw = data.draw(FITTING[name])
    assert is_accepted(OPERATIONS[name], raw)


@given(data=st.data())
@SLOW_MACHINES_TOO
@pytest.mark.parametrize("has_whole_intent", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_every_result_fits_what_is_published_of_it(
    name: str, has_whole_intent: bool, data: st.DataObject
) -> None:
    operation = OPERATIONS[name]
    drawn = data.draw(FITTING_RESULTS[name])
    document = operation.result.model_validate_json(json.dumps(drawn)).as_document()
    Draft202012Validator(PUBLISHED[name, has_whole_intent]).validate(document)
    assert operation.result.model_validate_json(json.dumps(document)).as_document() == document


@pytest.mark.parametrize("kind", errors.all_errors())
@pytest.mark.parametrize("name", NAMES)
def test_every_refusal_fits_too_since_some_clients_check_it(
    name: str, kind: type[errors.RingfenceError]
) -> None:
    document = error_document(kind("No.", details={"n": 1}), frozenset(NAMES))
    assert set(document) == {"error"}
    Draft202012Validator(LISTED[name]["outputSchema"]).validate(document)


@pytest.mark.parametrize("name", NAMES)
def test_an_optional_result_field_is_left_out_and_has_no_other_default(name: str) -> None:
    for part in schemas_in(RESULTS[name]):
        for field in part.get("properties", {}).values():
            assert field.get("default") is None
