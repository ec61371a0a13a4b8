"""release_number: a proposal, never a release; what it needs from a person is in the result."""

from typing import Any

import pytest

from ringfence.desk import buying, releasing
from ringfence.desk.releasing import ReleaseWish
from ringfence.errors import InvalidArguments, PolicyRefused
from ringfence.intents import DeclineReason, Intent, Op
from ringfence.states import IntentState, LineState
from ringfence_tools import CATALOG
from ringfence_tools.intent_result import awaiting
from ringfence_tools.parsing import parse
from ringfence_tools.release_number import OPERATION
from ringfence_tools.texts import TOOL_NAMES
from tools.examples import DOLLAR, INTENT_ID, NOON, NUMBER, call, intent, line, tell


def release(
    state: IntentState = IntentState.AWAITING_APPROVAL,
    line_state: LineState = LineState.READY,
    **about: Any,
) -> Intent:
    kept = line(line_state, price=None)
    owned = {"owned_monthly": DOLLAR, "owned_since": NOON, "current_assistant_id": "reception"}
    terms = kept.terms.model_copy(update=owned | about.pop("terms", {}))
    return intent(state, kept.model_copy(update={"terms": terms}), op=Op.RELEASE, **about)


async def propose(
    monkeypatch: pytest.MonkeyPatch, answer: Intent | Exception, **raw: Any
) -> tuple[Any, ReleaseWish]:
    story = tell(monkeypatch, releasing, "propose_release", answer)
    result = await OPERATION.run(call(), parse(OPERATION, {"number": NUMBER, **raw}))
    [(principal, wish)] = story.asked
    assert principal == "local:ada"
    return result, wish


async def test_the_arguments_become_the_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    _, wish = await propose(
        monkeypatch, release(), reason="Closed.", idempotency_key="k-1", wait_seconds=25
    )
    assert wish == ReleaseWish(NUMBER, "Closed.", "k-1")


async def test_an_empty_reason_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await propose(monkeypatch, release(), reason=""))[1].reason is None


async def test_the_intent_s_fields_stand_at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = await propose(monkeypatch, release())
    document = result.as_document()
    assert (document["intent_id"], document["op"]) == (INTENT_ID, "release")
    [shown] = document["lines"]
    assert (shown["number"], shown["setup"], shown["monthly"]) == (NUMBER, None, None)
    assert document["total_now"] == "0.00 USD"
    assert awaiting(result) is not None
    assert OPERATION.read(result).splitlines()[1] == f"Release {INTENT_ID}: awaiting approval."


async def test_the_person_is_told_what_is_lost_and_what_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result, _ = await propose(monkeypatch, release())
    assert result.tell_person == (
        f"To give back {NUMBER} for good (simulated, no real money), which serves reception now, "
        "costs 0.00 USD, ends 1.00 USD a month and usually cannot be undone, please approve it in "
        "ringfence's terminal, where the code must read NENTQA, until 2026-11-22 13:00 UTC. "
        "Never send me a passphrase."
    )


async def test_an_idle_number_of_unknown_price_is_told_without_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unknown = release(terms={"owned_monthly": None, "current_assistant_id": None})
    result, _ = await propose(monkeypatch, unknown)
    assert "for good (simulated, no real money), which costs 0.00 USD" in result.tell_person
    assert "ends its monthly charge and usually cannot be undone" in result.tell_person


@pytest.mark.parametrize(
    ("stands", "words"),
    [
        (release(IntentState.COMPLETED, LineState.CAPTURED), "was given back"),
        (release(IntentState.FAILED, LineState.FAILED), "still ours and costs as before"),
        (release(IntentState.NEEDS_ATTENTION, LineState.UNKNOWN), "may have been given back"),
        (release(IntentState.EXPIRED, LineState.VOIDED), "call release_number again"),
        (release(IntentState.CANCELLED, LineState.VOIDED), "call release_number again"),
        (
            release(IntentState.DECLINED, LineState.VOIDED, decline_reason=DeclineReason.STOP),
            "Propose nothing more",
        ),
        (
            release(
                IntentState.DECLINED,
                LineState.VOIDED,
                decline_reason=DeclineReason.ANOTHER_NUMBER,
            ),
            "do not propose the same again",
        ),
    ],
    ids=lambda value: value.state if isinstance(value, Intent) else "",
)
async def test_what_comes_next_speaks_of_a_release(
    monkeypatch: pytest.MonkeyPatch, stands: Intent, words: str
) -> None:
    result, _ = await propose(monkeypatch, stands)
    assert words in result.next_step
    assert "bought" not in result.next_step
    assert "search_numbers" not in result.next_step


async def test_a_refusal_is_raised_as_it_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PolicyRefused, match="being given back"):
        await propose(monkeypatch, PolicyRefused("It is being given back."))


async def test_following_shows_the_intent_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    done = release(IntentState.COMPLETED, LineState.CAPTURED)
    story = tell(monkeypatch, buying, "get_intent", done)
    assert OPERATION.follow is not None
    result = await OPERATION.follow(call(), parse(OPERATION, {"number": NUMBER}), INTENT_ID)
    assert story.asked == [("local:ada", INTENT_ID)]
    assert result.state is IntentState.COMPLETED


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({}, "number"),
        ({"number": "415"}, "number"),
        ({"number": None}, "number"),
        ({"number": NUMBER, "numbers": [NUMBER]}, "numbers"),
        ({"number": NUMBER, "reason": "x" * 301}, "reason"),
        ({"number": NUMBER, "idempotency_key": "a b"}, "idempotency_key"),
        ({"number": NUMBER, "wait_seconds": 26}, "wait_seconds"),
        ({"number": NUMBER, "confirm": True}, "confirm"),
    ],
)
def test_nothing_but_the_contract_is_taken(raw: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        parse(OPERATION, raw)
    assert [field["path"] for field in caught.value.details["fields"]] == [path]


def test_it_says_of_itself_what_it_is() -> None:
    assert (OPERATION.is_read_only, OPERATION.is_destructive) == (False, True)
    assert (OPERATION.is_idempotent, OPERATION.is_open_world) == (True, True)
    assert OPERATION.scopes == {"numbers:release"}
    assert len(OPERATION.description.split()) <= 60
    names = [operation.name for operation in CATALOG]
    assert names == [name for name in TOOL_NAMES if name in names]
