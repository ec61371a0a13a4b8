"""get_intent: how it stands; a refused intent is a refusal, not an intent."""

import pytest

from ringfence.desk import buying
from ringfence.errors import BudgetExceeded
from ringfence.states import IntentState
from ringfence_tools.get_intent import OPERATION
from ringfence_tools.parsing import parse
from tools.examples import INTENT_ID, call, intent, tell

ARGUMENTS = parse(OPERATION, {"intent_id": INTENT_ID, "wait_seconds": 3})


async def test_it_shows_the_intent_and_never_waits_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story = tell(monkeypatch, buying, "get_intent", intent(IntentState.COMPLETED))
    result = await OPERATION.run(call(), ARGUMENTS)
    assert story.asked == [("local:ada", INTENT_ID)]
    assert result.state is IntentState.COMPLETED
    assert OPERATION.wait_seconds(ARGUMENTS) == 3


async def test_it_can_be_followed_like_the_tool_that_proposed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tell(monkeypatch, buying, "get_intent", intent(IntentState.DECLINED))
    assert OPERATION.follow is not None
    result = await OPERATION.follow(call(), ARGUMENTS, INTENT_ID)
    assert result.state is IntentState.DECLINED


async def test_a_refused_intent_answers_with_its_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = {"code": "budget_exceeded", "message": "Too much.", "details": {"n": 1}}
    tell(monkeypatch, buying, "get_intent", intent(IntentState.REFUSED, refusal=refusal))
    with pytest.raises(BudgetExceeded, match=r"Too much\.") as caught:
        await OPERATION.run(call(), ARGUMENTS)
    assert caught.value.details == {"n": 1, "intent_id": INTENT_ID}
    assert caught.value.remedy == BudgetExceeded.default_remedy
