"""Words for a model name only tools that it can call."""

import itertools
import re

import pytest

import ringfence_prompts
from ringfence import errors
from ringfence_tools import CATALOG
from ringfence_tools.schema import list_document
from ringfence_tools.texts import ASK_THE_PERSON, TOOL_NAMES, only_listed


def tools_in(text: str) -> set[str]:
    return {name for name in TOOL_NAMES if re.search(rf"\b{name}\b", text)}


def test_a_sentence_that_names_a_tool_which_is_not_listed_is_dropped() -> None:
    text = "It costs 5.00 USD. Call get_intent again. To undo it,\ncall cancel_intent."
    assert only_listed(text, {"get_intent"}) == "It costs 5.00 USD. Call get_intent again."
    assert only_listed(text, set()) == "It costs 5.00 USD."
    assert only_listed(text, set(TOOL_NAMES)) == " ".join(text.split())


def test_a_text_of_which_nothing_is_left_becomes_the_fallback() -> None:
    assert only_listed("Call buy_numbers again.", {"get_intent"}) == ASK_THE_PERSON
    assert only_listed("Call buy_numbers again.", set(), fallback="Wait.") == "Wait."


def test_a_longer_word_is_no_tool() -> None:
    assert only_listed("my_buy_numbers is mine.", set()) == "my_buy_numbers is mine."


@pytest.mark.parametrize("kind", errors.all_errors())
def test_every_remedy_leaves_a_way_out_on_a_server_that_lists_nothing_else(
    kind: type[errors.RingfenceError],
) -> None:
    remedy = only_listed(kind("No.").remedy, frozenset())
    assert remedy
    assert not tools_in(remedy)


@pytest.mark.parametrize("pair", list(itertools.combinations(CATALOG, 2)))
def test_descriptions_name_listed_tools_and_always_the_costs(pair: tuple[object, ...]) -> None:
    operations = [operation for operation in CATALOG if operation in pair]
    names = {operation.name for operation in operations}
    for entry in list_document(operations):
        assert tools_in(entry["description"]) <= names
        assert re.search(r"Costs nothing|Charges", entry["description"])


def test_the_instructions_say_what_matters_in_at_most_120_words() -> None:
    text = ringfence_prompts.load("instructions")
    assert len(text.split()) <= 120
    for words in ("real money", "provision_number", "outside", "passphrase", "never buy another"):
        assert words in " ".join(text.split())


def test_the_instructions_hold_on_a_server_that_lists_no_tool_they_name() -> None:
    text = only_listed(ringfence_prompts.load("instructions"), frozenset())
    assert not tools_in(text)
    for words in ("real money", "no tool and no argument", "tell_person", "never buy another"):
        assert words in text


def test_a_text_that_does_not_exist_is_not_found() -> None:
    for name in ("nothing", "../instructions", ""):
        with pytest.raises(FileNotFoundError):
            ringfence_prompts.load(name)
