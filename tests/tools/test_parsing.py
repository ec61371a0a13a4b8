"""Arguments are read strictly, and a refusal says what to correct without repeating secrets."""

import math
from typing import Any

import pytest

from ringfence.errors import InvalidArguments
from ringfence_tools import CATALOG
from ringfence_tools.parsing import MAX_PROBLEMS, parse, read_money
from tools.examples import INTENT_ID, NUMBER, OFFER_ID, OTHER_OFFER_ID, RESERVATION_ID

OPERATIONS = {operation.name: operation for operation in CATALOG}
SECRET = "correct horse battery staple"


def refused(tool: str, raw: Any) -> InvalidArguments:
    with pytest.raises(InvalidArguments) as caught:
        parse(OPERATIONS[tool], raw)
    return caught.value


WRONG = [
    ("search_numbers", {}, "country", "missing"),
    ("search_numbers", {"country": None}, "country", "null"),
    ("search_numbers", {"country": "us"}, "country", "pattern"),
    ("search_numbers", {"country": "US\n"}, "country", "pattern"),
    ("search_numbers", {"country": "US", "region": None}, "region", "null"),
    ("search_numbers", {"country": "US", "type": "other"}, "type", "not_allowed"),
    ("search_numbers", {"country": "US", "area_code": 415}, "area_code", "wrong_type"),
    ("search_numbers", {"country": "US", "area_code": "٤١٥"}, "area_code", "pattern"),
    ("search_numbers", {"country": "US", "limit": "5"}, "limit", "wrong_type"),
    ("search_numbers", {"country": "US", "limit": 5.0}, "limit", "wrong_type"),
    ("search_numbers", {"country": "US", "limit": True}, "limit", "wrong_type"),
    ("search_numbers", {"country": "US", "limit": math.nan}, "limit", "wrong_type"),
    ("search_numbers", {"country": "US", "limit": 0}, "limit", "too_small"),
    ("search_numbers", {"country": "US", "limit": 51}, "limit", "too_big"),
    ("search_numbers", {"country": "US", "capabilities": []}, "capabilities", "too_short"),
    ("search_numbers", {"country": "US", "capabilities": "sms"}, "capabilities", "wrong_type"),
    ("search_numbers", {"country": "US", "capabilities": ["fly"]}, "capabilities/0", "not_allowed"),
    ("search_numbers", {"country": "US", "providers": ["bird"] * 2}, "providers", "duplicate"),
    ("search_numbers", {"country": "US", "max_monthly": 5}, "max_monthly", "wrong_type"),
    ("search_numbers", {"country": "US", "max_monthly": "$5.00"}, "max_monthly", "pattern"),
    ("search_numbers", {"country": "US", "locality": "x" * 81}, "locality", "too_long"),
    ("reserve_numbers", {"offer_ids": OFFER_ID}, "offer_ids", "wrong_type"),
    ("reserve_numbers", {"offer_ids": [RESERVATION_ID]}, "offer_ids/0", "pattern"),
    ("reserve_numbers", {"offer_ids": [OFFER_ID, OFFER_ID]}, "offer_ids", "duplicate"),
    ("buy_numbers", {"items": []}, "items", "too_short"),
    ("buy_numbers", {"items": [OFFER_ID] * 26}, "items", "too_long"),
    ("buy_numbers", {"items": [OFFER_ID], "wait_seconds": 26}, "wait_seconds", "too_big"),
    ("buy_numbers", {"items": [OFFER_ID], "reason": "x" * 301}, "reason", "too_long"),
    ("buy_numbers", {"items": [OFFER_ID], "idempotency_key": "a b"}, "idempotency_key", "pattern"),
    ("buy_numbers", {"items": [OFFER_ID], "confirm": True}, "confirm", "unknown_argument"),
    ("get_intent", {"intent_id": INTENT_ID.lower()}, "intent_id", "pattern"),
    ("assign_number", {"number": NUMBER}, "assistant_id", "missing"),
    ("assign_number", {"number": "14155550142", "assistant_id": "a"}, "number", "pattern"),
    ("list_numbers", {"refresh": "true"}, "refresh", "wrong_type"),
    ("list_numbers", {"idle_days": -1}, "idle_days", "too_small"),
]


@pytest.mark.parametrize(("tool", "raw", "path", "code"), WRONG)
def test_a_wrong_argument_is_named_with_its_place_and_kind(
    tool: str, raw: dict[str, Any], path: str, code: str
) -> None:
    [field] = [field for field in refused(tool, raw).details["fields"] if field["path"] == path]
    assert field["code"] == code
    assert field["message"]


def test_the_message_names_tool_field_rule_and_value() -> None:
    error = refused("search_numbers", {"country": "us", "limit": 99})
    assert error.message == (
        'search_numbers: country must be two upper-case letters such as US, not "us"; '
        "limit must be at most 50, not 99."
    )


def test_an_unknown_argument_gets_a_suggestion_and_its_value_is_never_repeated() -> None:
    error = refused("search_numbers", {"country": "US", "areacode": SECRET})
    assert "did you mean area_code?" in error.message
    assert SECRET not in str(error.as_document())
    error = refused("get_intent", {"intent_id": INTENT_ID, "xyzzy": SECRET})
    assert "there are intent_id, wait_seconds" in error.message


def test_a_long_value_is_cut_and_free_text_is_measured_instead_of_repeated() -> None:
    assert "…" in refused("search_numbers", {"country": "x" * 500}).message
    assert len(refused("search_numbers", {"country": "x" * 500}).message) < 200
    error = refused("buy_numbers", {"items": [OFFER_ID], "reason": SECRET * 20})
    assert SECRET not in str(error.as_document())


def test_control_characters_in_a_value_are_shown_escaped() -> None:
    assert r"\u202e" in refused("search_numbers", {"country": "U\u202eS"}).message


def test_a_call_with_many_mistakes_names_the_first_ones() -> None:
    raw = {f"argument_{n}": 1 for n in range(40)}
    assert len(refused("list_numbers", raw).details["fields"]) == MAX_PROBLEMS


@pytest.mark.parametrize("raw", [None, 5, "{}", [], [{}]])
def test_arguments_are_an_object(raw: Any) -> None:
    [field] = refused("list_numbers", raw).details["fields"]
    assert field["code"] == "wrong_type"


@pytest.mark.parametrize(
    "value", [object(), "\ud800", 10**5000], ids=["object", "surrogate", "huge"]
)
def test_what_no_json_can_say_is_refused(value: Any) -> None:
    [field] = refused("list_numbers", {"country": value}).details["fields"]
    assert field["code"] == "not_json"


@pytest.mark.parametrize("words", ["pydantic", "Input should", "type=", "ctx", "http"])
def test_no_refusal_speaks_of_the_library_inside(words: str) -> None:
    for tool, raw, _path, _code in WRONG:
        assert words not in str(refused(tool, raw).as_document())


def test_arguments_come_as_frozen_values_with_their_defaults() -> None:
    arguments = parse(OPERATIONS["buy_numbers"], {"items": [OFFER_ID, OTHER_OFFER_ID]})
    assert arguments.items == (OFFER_ID, OTHER_OFFER_ID)
    assert (arguments.reason, arguments.wait_seconds) == (None, 0)


def test_money_in_a_currency_that_no_price_can_be_in_is_an_invalid_argument() -> None:
    assert read_money("max_total", None) is None
    assert str(read_money("max_total", "5.5 USD")) == "5.50 USD"
    with pytest.raises(InvalidArguments) as caught:
        read_money("max_total", "5.00 XAU")
    assert caught.value.details["fields"][0]["path"] == "max_total"


def test_a_list_whose_items_are_wrong_is_not_called_empty_as_well() -> None:
    wrong = refused("search_numbers", {"country": "US", "capabilities": ["fly"]})
    assert [each["code"] for each in wrong.details["fields"]] == ["not_allowed"]
    empty = refused("search_numbers", {"country": "US", "capabilities": []})
    assert [each["code"] for each in empty.details["fields"]] == ["too_short"]
