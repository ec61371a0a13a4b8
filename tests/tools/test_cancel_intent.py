"""cancel_intent: withdraws, and shows the intent as it is then."""

import pytest

from ringfence.desk import buying
from ringfence.states import IntentState
from ringfence_tools.cancel_intent import OPERATION
from ringfence_tools.parsing import parse
from tools.examples import INTENT_ID, call, intent, tell


async def test_a_withdrawn_intent_holds_no_consent_and_no_next_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story = tell(monkeypatch, buying, "cancel_intent", intent(IntentState.CANCELLED))
    result = await OPERATION.run(call(), parse(OPERATION, {"intent_id": INTENT_ID}))
    assert story.asked == [("local:ada", INTENT_ID)]
    document = result.as_document()
    assert document["state"] == "cancelled"
    assert not {"consent", "tell_person", "next_call"} & set(document)
    assert "withdrawn" in document["next_step"]


async def test_there_is_nothing_to_wait_for() -> None:
    assert OPERATION.follow is None
    assert OPERATION.wait_seconds(parse(OPERATION, {"intent_id": INTENT_ID})) == 0
