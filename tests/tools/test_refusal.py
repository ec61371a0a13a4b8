"""Refusals name the rule, the limit, the amount and the way out, in JSON and in words."""

from ringfence.errors import BudgetExceeded, NotFound, OutcomeUnknown
from ringfence.money import Money
from ringfence_tools.refusal import error_document, read_error
from tools.examples import OFFER_ID, over_budget


def test_a_refusal_is_one_object_under_error() -> None:
    document = error_document(NotFound("No offer.", details={"id": OFFER_ID}), {"list_numbers"})
    assert set(document) == {"error"}
    assert set(document["error"]) == {"code", "message", "remedy", "retryable", "details"}
    assert document["error"]["details"] == {"id": OFFER_ID}


def test_its_remedies_name_listed_tools_only_inside_the_details_too() -> None:
    items = [{"item": OFFER_ID, "remedy": "Call search_numbers again. Ask the person."}]
    error = OutcomeUnknown("It may have been bought.", details={"items": items})
    document = error_document(error, frozenset())["error"]
    assert document["remedy"] == "Do not buy another. Tell the person and end your turn."
    assert document["details"]["items"][0]["remedy"] == "Ask the person."


def test_values_that_json_has_not_are_shown_as_text() -> None:
    details = {
        "left": Money.parse("1.00 USD"),
        "tries": 3,
        "open": True,
        "none": None,
        "of": ("a",),
    }
    document = error_document(NotFound("No.", details=details), frozenset())["error"]
    assert document["details"] == {
        "left": "1.00 USD",
        "tries": 3,
        "open": True,
        "none": None,
        "of": ["a"],
    }


def test_a_person_reads_what_happened_which_limit_and_the_way_out() -> None:
    violations = [violation.model_dump() for violation in over_budget().violations]
    error = BudgetExceeded("2.00 USD is too much.", details={"violations": violations})
    assert read_error(error_document(error, {"search_numbers"})).splitlines() == [
        "2.00 USD is too much. (budget_exceeded)",
        "- cash (all, month): limit 25.00 USD, used 24.00 USD, held 0.00 USD, "
        "asked for 2.00 USD, left 1.00 USD",
        error.remedy,
    ]
