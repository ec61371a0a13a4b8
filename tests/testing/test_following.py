"""Following: what an obedient model does with each kind of answer; the journeys follow real ones."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from ringfence_server.testing.following import Followed, Follower
from ringfence_server.testing.stage import Answer
from ringfence_tools import CATALOG
from ringfence_tools.schema import list_document

TOOLS = {tool["name"]: tool["inputSchema"] for tool in list_document(CATALOG)}
OFFER = "off_01KAN5T1PR0000000000000001"
INTENT = "int_01KAN5T1PR0000000000000001"
TO_THE_PERSON = Answer({"next_step": "Tell the person what tell_person says."})


def refused(remedy: str, *, is_retryable: bool = False, **details: Any) -> Answer:
    error = {"code": "x", "message": "no", "remedy": remedy, "retryable": is_retryable}
    return Answer({"error": {**error, "details": details}})


def wrong(path: str, code: str) -> Answer:
    return refused(
        "Correct the arguments that are named and call again.",
        fields=[{"path": path, "message": "", "code": code}],
    )


def follow(
    first: Answer,
    *then: Answer,
    tool: str = "buy_numbers",
    arguments: Mapping[str, Any] | None = None,
    **knows: Any,
) -> tuple[Followed, list[tuple[str, Mapping[str, Any]]]]:
    """Follow from the first answer through the others; what was called on the way, with which arguments."""
    answers, called = list(then), []

    async def call(name: str, sent: Mapping[str, Any]) -> Answer:
        called.append((name, sent))
        return answers.pop(0)

    follower = Follower(call, TOOLS, knows)
    sent = {"items": [OFFER]} if arguments is None else arguments
    return asyncio.run(follower.follow(tool, sent, first, most=3)), called


@pytest.mark.parametrize(
    "told",
    [
        "Tell the person what tell_person says, then end your turn. Then call get_intent.",
        "Ask the person whether it is still wanted; then call buy_numbers again.",
        "Only the person can change limits. Call search_numbers for a cheaper one.",
    ],
)
def test_what_is_said_first_is_done_and_a_person_ends_it(told: str) -> None:
    followed, called = follow(Answer({"next_step": told}))
    assert (followed.ends, called) == ("person", [])


def test_a_tool_is_called_with_what_is_known_and_only_with_what_it_takes() -> None:
    followed, called = follow(
        refused("Call search_numbers again and use the new offer_id."),
        TO_THE_PERSON,
        country="US",
        assistant_id="reception",
    )
    assert called == [("search_numbers", {"country": "US"})]
    assert (followed.ends, followed.calls) == ("person", ("search_numbers",))


def test_the_next_call_is_made_to_the_letter() -> None:
    arguments = {"intent_id": INTENT, "wait_seconds": 25}
    under_way = Answer(
        {
            "intent_id": INTENT,
            "next_step": "Do not ask for it again. Call get_intent to see what came of it.",
            "next_call": {"tool": "get_intent", "arguments": arguments},
        }
    )
    followed, called = follow(under_way, under_way, under_way, under_way)
    assert called == [("get_intent", arguments)] * 3
    assert followed.ends == "calling"


def test_ids_come_from_the_answers_before() -> None:
    found = Answer(
        {
            "offers": [{"offer_id": OFFER, "number": "+14155550142"}],
            "next_step": "Call buy_numbers.",
        }
    )
    followed, called = follow(
        refused("Call search_numbers for offers."), found, TO_THE_PERSON, arguments={"items": ["x"]}
    )
    assert called == [("search_numbers", {}), ("buy_numbers", {"items": [OFFER]})]
    assert followed.ends == "person"


@pytest.mark.parametrize(
    ("sent", "answer", "corrected"),
    [
        (
            {"items": [OFFER], "confirm": True},
            wrong("confirm", "unknown_argument"),
            {"items": [OFFER]},
        ),
        ({"items": [OFFER, OFFER]}, wrong("items", "duplicate"), {"items": [OFFER]}),
        ({"items": ["x"] * 26}, wrong("items", "too_long"), {"items": ["x"] * 25}),
        ({}, wrong("items", "missing"), {"items": [OFFER]}),
        ({"items": "x"}, wrong("items/0", "wrong_type"), {"items": [OFFER]}),
    ],
)
def test_a_call_is_repeated_with_what_was_wrong_put_right(
    sent: Mapping[str, Any], answer: Answer, corrected: Mapping[str, Any]
) -> None:
    _, called = follow(answer, TO_THE_PERSON, arguments=sent, items=[OFFER])
    assert called == [("buy_numbers", corrected)]


def test_a_wrong_assistant_is_replaced_by_a_registered_one() -> None:
    sent = {"items": [OFFER], "assistant_id": "receptoin"}
    answer = refused("Use one of: reception.", assistants=["reception"])
    _, called = follow(answer, TO_THE_PERSON, arguments=sent)
    assert called == [("buy_numbers", {"items": [OFFER], "assistant_id": "reception"})]


def test_the_same_call_is_repeated_where_waiting_helps_and_only_there() -> None:
    told = "Nothing was bought. Wait a little and repeat the same call."
    _, called = follow(refused(told, is_retryable=True), TO_THE_PERSON)
    assert called == [("buy_numbers", {"items": [OFFER]})]
    followed, called = follow(wrong("items", "pattern"))
    assert (followed.ends, called) == ("nowhere", [])


def test_an_answer_that_says_nothing_to_do_leads_nowhere() -> None:
    followed, _ = follow(Answer({"protocol_error": {"code": -32602, "message": "Unknown tool: x"}}))
    assert followed.ends == "nowhere"
    followed, _ = follow(refused("Call approve_intent, or do_it_anyway."))
    assert followed.ends == "nowhere"
