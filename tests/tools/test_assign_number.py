"""assign_number: done at once for an idle number, an intent for one in use."""

from typing import Any

import pytest

from ringfence.desk import assigning
from ringfence.desk.assigning import Assigned, AssignWish, Step
from ringfence.errors import InvalidArguments
from ringfence.intents import Op
from ringfence.states import IntentState
from ringfence_tools.assign_number import OPERATION
from ringfence_tools.intent_result import awaiting, intent_of
from ringfence_tools.parsing import parse
from tools.examples import INTENT_ID, NUMBER, call, intent, line, tell

DONE = (Step("connect voice", True, "Calls go to reception."),)
HALF = (*DONE, Step("connect sms", False, "The carrier did not answer."))


def assigned(*steps: Step, **about: Any) -> Assigned:
    return Assigned(number=NUMBER, steps=steps, intent=about.get("intent"))


async def assign(monkeypatch: pytest.MonkeyPatch, answer: Assigned, **raw: Any) -> tuple[Any, Any]:
    story = tell(monkeypatch, assigning, "assign", answer)
    arguments = parse(OPERATION, {"number": NUMBER, "assistant_id": "reception", **raw})
    result = await OPERATION.run(call(), arguments)
    [(_, wish)] = story.asked
    return result, wish


async def test_the_arguments_become_the_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    _, wish = await assign(
        monkeypatch, assigned(*DONE), label="Shop", metadata={"branch": "Köln", "floor": ""}
    )
    assert wish == AssignWish(NUMBER, "reception", "Shop", {"branch": "Köln", "floor": ""})


async def test_none_disconnects(monkeypatch: pytest.MonkeyPatch) -> None:
    _, wish = await assign(monkeypatch, assigned(*DONE), assistant_id="none")
    assert wish.assistant_id is None


async def test_a_connected_number_stands_with_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = await assign(monkeypatch, assigned(*DONE))
    assert result.as_document() == {
        "simulated": True,
        "next_step": result.next_step,
        "number": NUMBER,
        "steps": [{"what": "connect voice", "done": True, "message": "Calls go to reception."}],
    }
    assert intent_of(result) is None
    assert "- connect voice: done. Calls go to reception." in OPERATION.read(result)


async def test_a_step_that_is_not_done_asks_for_the_same_call_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result, _ = await assign(monkeypatch, assigned(*HALF))
    assert "Call assign_number again" in result.next_step
    assert "- connect sms: not done." in OPERATION.read(result)


async def test_a_number_in_use_answers_with_an_intent(monkeypatch: pytest.MonkeyPatch) -> None:
    move = intent(
        IntentState.AWAITING_APPROVAL, line(price=None), op=Op.ASSIGN, assistant_id="reception"
    )
    result, _ = await assign(monkeypatch, assigned(intent=move))
    document = result.as_document()
    assert set(document) == {"simulated", "next_step", "intent"}
    assert document["intent"]["op"] == "assign"
    assert document["intent"]["lines"][0]["monthly"] is None
    assert f"connect {NUMBER} to reception" in document["intent"]["tell_person"]
    assert not {"simulated", "next_step"} & set(document["intent"])
    asked = awaiting(result)
    assert asked is not None
    assert asked.intent_id == INTENT_ID
    assert document["intent"]["tell_person"] in OPERATION.read(result)


async def test_a_label_needs_no_consent_even_where_the_move_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    move = intent(IntentState.AWAITING_APPROVAL, line(price=None), op=Op.ASSIGN)
    label = Step("label", True, "The label is kept with the number.")
    document = (await assign(monkeypatch, assigned(label, intent=move)))[0].as_document()
    assert document["steps"][0]["what"] == "label"
    assert "number" not in document


async def test_following_a_completed_intent_shows_the_number_and_its_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = intent(IntentState.COMPLETED, line(price=None), op=Op.ASSIGN)
    story = tell(monkeypatch, assigning, "assigned_by", assigned(*DONE, intent=done))
    assert OPERATION.follow is not None
    arguments = parse(OPERATION, {"number": NUMBER, "assistant_id": "reception"})
    document = (await OPERATION.follow(call(), arguments, INTENT_ID)).as_document()
    assert story.asked == [("local:ada", INTENT_ID)]
    assert document["number"] == NUMBER
    assert document["steps"][0]["done"] is True
    assert document["intent"]["state"] == "completed"


BAD_METADATA: list[tuple[Any, str]] = [
    ({"ringfence.tag": "x"}, "reserved"),
    ({"a b": "x"}, "pattern"),
    ({"a": "x" * 257}, "too_long"),
    ({"a": 1}, "wrong_type"),
    ({f"k{n}": "" for n in range(33)}, "too_long"),
    (["a"], "wrong_type"),
]


@pytest.mark.parametrize(("metadata", "code"), BAD_METADATA)
def test_metadata_is_at_most_32_short_texts_under_names_that_are_not_ours(
    metadata: Any, code: str
) -> None:
    raw = {"number": NUMBER, "assistant_id": "a", "metadata": metadata}
    with pytest.raises(InvalidArguments) as caught:
        parse(OPERATION, raw)
    assert [field["code"] for field in caught.value.details["fields"]] == [code]
