"""buy_numbers: a proposal, never a purchase; what it needs from a person is in the result."""

from typing import Any

import pytest

from ringfence.desk import buying
from ringfence.errors import BudgetExceeded, InvalidArguments
from ringfence.intents import Intent
from ringfence.money import Money
from ringfence.states import IntentState
from ringfence_tools.buy_numbers import OPERATION
from ringfence_tools.intent_result import awaiting
from ringfence_tools.parsing import parse
from tools.examples import INTENT_ID, LINE_ID, NUMBER, OFFER_ID, call, intent, tell


async def propose(
    monkeypatch: pytest.MonkeyPatch, answer: Intent | Exception, **raw: Any
) -> tuple[Any, Any]:
    story = tell(monkeypatch, buying, "propose_buy", answer)
    tell(monkeypatch, buying, "not_in", [])
    result = await OPERATION.run(call(), parse(OPERATION, {"items": [OFFER_ID], **raw}))
    [(principal, wish)] = story.asked
    assert principal == "local:ada"
    return result, wish


async def test_the_arguments_become_the_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    _, wish = await propose(
        monkeypatch,
        intent(),
        assistant_id="reception",
        max_total="2.00 USD",
        reason="A line for the shop.",
        idempotency_key="k-1",
        wait_seconds=25,
    )
    assert wish.items == (OFFER_ID,)
    assert (wish.assistant_id, wish.reason) == ("reception", "A line for the shop.")
    assert wish.max_total == Money.parse("2.00 USD")
    assert wish.idempotency_key == "k-1"


async def test_none_is_nobody_and_an_empty_reason_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    _, wish = await propose(monkeypatch, intent(), assistant_id="none", reason="")
    assert (wish.assistant_id, wish.reason) == (None, None)


async def test_the_intent_s_fields_stand_at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = await propose(monkeypatch, intent())
    document = result.as_document()
    assert document["intent_id"] == INTENT_ID
    assert (document["op"], document["state"]) == ("buy", "awaiting_approval")
    assert document["lines"] == [
        {
            "line_id": LINE_ID,
            "number": NUMBER,
            "provider": "sandbox",
            "state": "ready",
            "setup": "1.00 USD",
            "monthly": "1.00 USD",
        }
    ]
    assert document["total_now"] == "2.00 USD"
    assert document["total_monthly"] == "1.00 USD"
    assert document["first_year"] == "13.00 USD"
    assert document["requested_by"] == "local:ada"
    assert document["simulated"] is True


async def test_the_server_sees_that_a_person_is_to_be_asked_and_how_long_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result, _ = await propose(monkeypatch, intent())
    asked = awaiting(result)
    assert asked is not None
    assert (asked.intent_id, asked.lines[0].number) == (INTENT_ID, NUMBER)
    arguments = parse(OPERATION, {"items": [OFFER_ID], "wait_seconds": 25})
    assert OPERATION.wait_seconds(arguments) == 25


async def test_following_shows_the_intent_as_it_stands_and_proposes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proposals = tell(monkeypatch, buying, "propose_buy", intent())
    tell(monkeypatch, buying, "get_intent", intent(IntentState.EXECUTING))
    tell(monkeypatch, buying, "not_in", [])
    assert OPERATION.follow is not None
    arguments = parse(OPERATION, {"items": [OFFER_ID]})
    result = await OPERATION.follow(call(), arguments, INTENT_ID)
    assert result.state is IntentState.EXECUTING
    assert awaiting(result) is None
    assert proposals.asked == []


async def test_an_earlier_intent_says_for_whom_it_is_and_what_of_the_wish_is_not_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tell(monkeypatch, buying, "propose_buy", intent())
    tell(monkeypatch, buying, "not_in", ["+14155550199"])
    arguments = parse(OPERATION, {"items": [OFFER_ID], "assistant_id": "zeta"})
    told = (await OPERATION.run(call(), arguments)).next_step
    assert "earlier request" in told
    assert f": {NUMBER}." in told
    assert "+14155550199 is not in it" in told


async def test_a_refusal_goes_through_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BudgetExceeded):
        await propose(monkeypatch, BudgetExceeded("Too much."))


async def test_a_limit_in_no_currency_is_an_invalid_argument(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(InvalidArguments, match="max_total"):
        await propose(monkeypatch, intent(), max_total="2.00 XTS")
