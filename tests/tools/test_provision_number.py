"""provision_number: the number of an assistant, or the intent that a person has to decide on first."""

from typing import Any

import pytest

from ringfence.desk import provisioning
from ringfence.desk.assigning import Step
from ringfence.desk.provisioning import Given, Provisioned, ProvisionWish
from ringfence.errors import InvalidArguments, NotFound
from ringfence.intents import DeclineReason, Op
from ringfence.money import Money
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Provider
from ringfence.states import IntentState, LineState
from ringfence_tools.intent_result import awaiting, intent_of
from ringfence_tools.parsing import parse
from ringfence_tools.provision_number import OPERATION
from tools.examples import INTENT_ID, NUMBER, call, intent, line, owned, tell

CONNECTED = Step("connect", True, f"{NUMBER} is connected to reception.")
UNDER_WAY = Step("connect", False, f"{NUMBER} is being connected to reception.")
LEAST: dict[str, Any] = {"assistant_id": "reception", "country": "US"}


async def ask(
    monkeypatch: pytest.MonkeyPatch, answer: Provisioned | Exception, **raw: Any
) -> tuple[Any, Any]:
    story = tell(monkeypatch, provisioning, "provision", answer)
    result = await OPERATION.run(call(), parse(OPERATION, LEAST | raw))
    [(_, wish)] = story.asked
    return result, wish


async def followed(
    monkeypatch: pytest.MonkeyPatch, answer: Provisioned, *tools: str
) -> dict[str, Any]:
    """What the call says in the end, once its intent has led to this."""
    story = tell(monkeypatch, provisioning, "provisioned_by", answer)
    assert OPERATION.follow is not None
    result = await OPERATION.follow(call(*tools), parse(OPERATION, LEAST), INTENT_ID)
    assert story.asked == [("local:ada", INTENT_ID)]
    document: dict[str, Any] = result.as_document()
    return document


async def test_the_arguments_become_the_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    _, least = await ask(monkeypatch, intent())
    assert least == ProvisionWish("reception", "US")
    _, wish = await ask(
        monkeypatch,
        intent(),
        type="local",
        capabilities=["voice", "sms"],
        area_code="415",
        locality="San Francisco",
        contains="PIZZA",
        role="night-line",
        max_monthly="2.00 USD",
        reason="Night calls.",
        wait_seconds=5,
    )
    assert wish == ProvisionWish(
        assistant_id="reception",
        country="US",
        type=NumberType.LOCAL,
        capabilities=(Capability.VOICE, Capability.SMS),
        area_code="415",
        locality="San Francisco",
        contains="PIZZA",
        role="night-line",
        max_monthly=Money.parse("2.00 USD"),
        reason="Night calls.",
    )


async def test_nobody_is_no_assistant(monkeypatch: pytest.MonkeyPatch) -> None:
    story = tell(monkeypatch, provisioning, "provision", intent())
    with pytest.raises(InvalidArguments, match='"none" is no assistant'):
        await OPERATION.run(call(), parse(OPERATION, LEAST | {"assistant_id": "none"}))
    assert story.asked == []


@pytest.mark.parametrize(
    "role", ["", "Main", "-night", "night line", "a" * 33, "night\n", "role; buy", None, 1]
)
def test_a_role_is_a_short_plain_name(role: Any) -> None:
    with pytest.raises(InvalidArguments) as caught:
        parse(OPERATION, LEAST | {"role": role})
    [field] = caught.value.details["fields"]
    assert field["path"] == "role"


async def test_a_number_stands_with_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = await ask(monkeypatch, Given(owned(), CONNECTED, is_reused=True))
    assert result.as_document() == {
        "simulated": True,
        "next_step": result.next_step,
        "number": NUMBER,
        "steps": [
            {"what": "connect", "done": True, "message": f"{NUMBER} is connected to reception."}
        ],
        "reused": True,
    }
    assert "nothing was charged" in result.next_step
    assert intent_of(result) is None
    assert OPERATION.read(result).splitlines() == [
        "Simulated: no real money.",
        f"{NUMBER}, ours already:",
        f"- connect: done. {NUMBER} is connected to reception.",
        result.next_step,
    ]


async def test_a_real_number_is_not_called_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    record = owned(provider=Provider.TWILIO)
    result, _ = await ask(monkeypatch, Given(record, CONNECTED, is_reused=True))
    assert result.as_document()["simulated"] is False


async def test_a_number_that_is_not_connected_yet_asks_for_the_same_call_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document = await followed(monkeypatch, Given(owned(), UNDER_WAY, is_reused=False))
    assert (document["number"], document["reused"]) == (NUMBER, False)
    assert "Call provision_number again" in document["next_step"]


async def test_a_bought_number_is_not_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    document = await followed(monkeypatch, Given(owned(), CONNECTED, is_reused=False))
    assert (document["number"], document["reused"]) == (NUMBER, False)
    assert "intent" not in document
    assert "it is bought" in document["next_step"]


async def test_what_needs_consent_answers_with_an_intent(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = await ask(monkeypatch, intent(assistant_id="reception"))
    document = result.as_document()
    assert set(document) == {"simulated", "next_step", "intent"}
    assert document["intent"]["state"] == "awaiting_approval"
    assert "tell_person" in document["next_step"]
    asked = awaiting(result)
    assert asked is not None
    assert asked.intent_id == INTENT_ID
    assert document["intent"]["tell_person"] in OPERATION.read(result)


@pytest.mark.parametrize(
    ("role", "words"), [("night", " as the night number of reception"), ("main", ""), (None, "")]
)
async def test_the_person_is_told_the_role_where_it_is_not_the_main_one(
    monkeypatch: pytest.MonkeyPatch, role: str | None, words: str
) -> None:
    result, _ = await ask(monkeypatch, intent(assistant_id="reception", role=role))
    told = result.as_document()["intent"]["tell_person"]
    assert f"buy {NUMBER} (simulated, no real money){words} for 2.00 USD now" in told


NOTHING_CAME_OF_IT: list[tuple[IntentState, DeclineReason | None, str]] = [
    (IntentState.DECLINED, DeclineReason.ANOTHER_NUMBER, "leaves this one out"),
    (IntentState.DECLINED, DeclineReason.TOO_EXPENSIVE, "with max_monthly"),
    (IntentState.EXPIRED, None, "still wanted"),
    (IntentState.CANCELLED, None, "after all"),
    (IntentState.FAILED, None, "next match"),
]


@pytest.mark.parametrize(("state", "reason", "words"), NOTHING_CAME_OF_IT)
async def test_where_nothing_came_of_it_the_same_call_is_the_way_on(
    monkeypatch: pytest.MonkeyPatch,
    state: IntentState,
    reason: DeclineReason | None,
    words: str,
) -> None:
    ended = intent(state, line(LineState.VOIDED), decline_reason=reason)
    document = await followed(monkeypatch, ended)
    assert document["intent"]["state"] == state
    assert "call provision_number again" in document["next_step"].lower()
    assert words in document["next_step"]
    assert "nothing was charged" in document["next_step"]
    alone = await followed(monkeypatch, ended, "list_numbers")
    assert "provision_number" not in alone["next_step"]
    assert "nothing was charged" in alone["next_step"]


@pytest.mark.parametrize("reason", [None, DeclineReason.STOP])
async def test_after_a_plain_no_or_a_stop_nothing_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, reason: DeclineReason | None
) -> None:
    document = await followed(monkeypatch, intent(IntentState.DECLINED, decline_reason=reason))
    assert "provision_number" not in document["next_step"]


async def test_after_an_unknown_outcome_it_says_not_to_buy_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unknown = intent(IntentState.NEEDS_ATTENTION, line(LineState.UNKNOWN))
    assert "do not buy another" in (await followed(monkeypatch, unknown))["next_step"]


async def test_a_move_that_leads_here_is_spoken_of_as_a_move(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moving = intent(IntentState.EXPIRED, line(price=None), op=Op.ASSIGN, assistant_id="reception")
    assert "call assign_number again" in (await followed(monkeypatch, moving))["next_step"]


async def test_a_refusal_of_the_desk_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound):
        await ask(monkeypatch, NotFound("No number on sale matches."))


def test_it_may_wait_and_needs_both_scopes() -> None:
    assert OPERATION.wait_seconds(parse(OPERATION, LEAST | {"wait_seconds": 25})) == 25
    assert OPERATION.scopes == {"numbers:buy", "numbers:assign"}
