"""An intent as a caller sees it: who must act, until when, and never a command or a secret."""

from datetime import timedelta
from typing import Any

import pytest

from ringfence.approvers import KeyKind
from ringfence.guard.ways import Lack, Ways
from ringfence.intents import DeclineReason, Level, Op
from ringfence.money import Money
from ringfence.offers import Price, Provider
from ringfence.states import ENDED_INTENTS, IntentState, LineState
from ringfence_tools.intent_reading import read_intent_result
from ringfence_tools.intent_result import IntentResult, awaiting, intent_of, intent_result
from ringfence_tools.operation import Surface
from ringfence_tools.texts import TOOL_NAMES
from tools.examples import INTENT_ID, LINE_ID, NOON, NUMBER, PAGE, intent, line

EVERYTHING = Surface(tools=frozenset(TOOL_NAMES), channels=("client", "page", "terminal"))
NOTHING = Surface(tools=frozenset())
SHOWN = [state for state in IntentState if state is not IntentState.REFUSED]


def shown(*about: Any, surface: Surface = EVERYTHING, **more: Any) -> IntentResult:
    return intent_result(intent(*about, **more), surface)


def test_while_it_waits_the_result_says_who_must_act_where_and_until_when() -> None:
    document = shown().as_document()
    assert document["consent"] == {
        "level": "client",
        "match_code": "NENTQA",
        "expires_at": "2026-11-22T13:00:00Z",
        "channels": ["client", "page", "terminal"],
    }
    assert document["next_call"] == {"tool": "get_intent", "arguments": {"intent_id": INTENT_ID}}


def test_the_page_s_address_stands_there_only_while_a_page_lives() -> None:
    surface = Surface(tools=frozenset(), channels=("page", "terminal"), approve_at=PAGE)
    document = shown(surface=surface).as_document()
    assert document["consent"]["approve_at"] == PAGE
    assert f"at {PAGE} or in ringfence's terminal" in document["tell_person"]


TWO, ADA, BOB = Level.TWO_PEOPLE, ("ada",), ("bob",)


@pytest.mark.parametrize(
    ("ways", "page", "said"),
    [
        (Ways(Level.PASSPHRASE, ADA), None, "please approve it in ringfence's terminal with a passphrase"),
        (Ways(Level.PASSPHRASE, ADA, BOB), PAGE,
         f"please approve it at {PAGE} with a passkey or in ringfence's terminal with a passphrase"),
        (Ways(Level.PASSKEY, (), BOB), PAGE, f"please approve it at {PAGE} with a passkey"),
        (Ways(Level.PASSKEY, (), BOB), None,
         "please approve it on ringfence's approval page, which is not open now, with a passkey"),
        (Ways(TWO, ADA, BOB), PAGE,
         "two different people have to approve it, at least one of them with a passkey, "
         f"at {PAGE} with a passkey or in ringfence's terminal with a passphrase"),
        (Ways(TWO, (), BOB, signed=ADA, signed_with=(KeyKind.PASSPHRASE,)), PAGE,
         "which one of two people has signed with a passphrase, "
         f"somebody else has to approve it at {PAGE} with a passkey"),
        (Ways(Level.PASSKEY, lack=Lack("it takes a passkey, and no approver has one", "x")), PAGE,
         "nobody can approve it yet, for it takes a passkey, and no approver has one: "
         "an approver is enrolled in ringfence's terminal"),
    ],
)  # fmt: skip
def test_the_person_is_told_who_has_to_consent_and_where(
    ways: Ways, page: str | None, said: str
) -> None:
    surface = Surface(tools=frozenset(), approve_at=page, ways=ways)
    told = shown(level=ways.level, surface=surface).tell_person
    assert told is not None
    assert f", {said}, where the code must read" in told


@pytest.mark.parametrize("level", [level for level in Level if level is not Level.CLIENT])
def test_a_client_s_form_is_no_channel_above_its_level(level: Level) -> None:
    assert shown(level=level).as_document()["consent"]["channels"] == ["page", "terminal"]


def test_the_person_is_told_number_price_place_code_and_time_in_two_sentences() -> None:
    assert shown().tell_person == (
        f"To buy {NUMBER} (simulated, no real money) for 2.00 USD now and 1.00 USD a month from "
        "then on, please approve it in ringfence's terminal, where the code must read NENTQA, "
        "until 2026-11-22 13:00 UTC. Never send me a passphrase."
    )


@pytest.mark.parametrize("op", Op)
@pytest.mark.parametrize("surface", [EVERYTHING, NOTHING])
def test_no_text_holds_a_command_that_approves(op: Op, surface: Surface) -> None:
    result = shown(op=op, surface=surface)
    assert result.tell_person is not None
    for text in (result.tell_person, result.next_step, read_intent_result(result)):
        assert "ringfence approve" not in text
        assert f"approve {INTENT_ID}" not in text
    assert result.tell_person.endswith("Never send me a passphrase.")


def test_a_real_purchase_is_not_called_simulated_and_a_converted_price_is_an_upper_bound() -> None:
    euro = Price(setup=Money.zero("EUR"), monthly=Money.parse("1.00 EUR"))
    real = line(provider=Provider.TWILIO)
    result = shown(
        IntentState.AWAITING_APPROVAL,
        real,
        line(number="+4930555019", price=euro),
        is_converted=True,
    )
    document = result.as_document()
    assert document["simulated"] is False
    assert document["converted"] is True
    assert document["lines"][1]["monthly"] == "1.00 EUR"
    assert f"{NUMBER} and +4930555019 for at most 4.00 USD now" in document["tell_person"]
    assert "Now at most 4.00 USD" in read_intent_result(result)


def test_many_numbers_are_named_and_then_counted() -> None:
    lines = [line(number=f"+1415555010{n}") for n in range(5)]
    told = shown(IntentState.AWAITING_APPROVAL, *lines).tell_person
    assert told is not None
    assert "+14155550100, +14155550101, +14155550102 and 2 more" in told


@pytest.mark.parametrize("state", SHOWN)
@pytest.mark.parametrize("op", Op)
def test_every_state_has_a_next_step_by_tools_that_are_listed(state: IntentState, op: Op) -> None:
    alone = shown(state, op=op, surface=NOTHING)
    assert alone.next_step
    assert not [name for name in TOOL_NAMES if name in alone.next_step]
    assert alone.next_call is None
    assert shown(state, op=op).next_step.count(".") >= alone.next_step.count(".") > 0


@pytest.mark.parametrize("state", SHOWN)
def test_consent_and_what_to_tell_stand_only_while_a_person_is_awaited(state: IntentState) -> None:
    document = shown(state).as_document()
    is_awaited = state is IntentState.AWAITING_APPROVAL
    assert ("consent" in document) == ("tell_person" in document) == is_awaited
    assert (awaiting(shown(state)) is not None) == is_awaited


@pytest.mark.parametrize("state", [IntentState.APPROVED, IntentState.EXECUTING])
def test_what_is_under_way_may_be_waited_for(state: IntentState) -> None:
    assert shown(state).as_document()["next_call"] == {
        "tool": "get_intent",
        "arguments": {"intent_id": INTENT_ID, "wait_seconds": 25},
    }


def test_what_needs_attention_leads_to_the_person_and_not_to_another_call() -> None:
    """The wait ends at once there: a model that followed a next_call asked 494 times in seven seconds."""
    told = shown(IntentState.NEEDS_ATTENTION)
    assert told.next_call is None
    assert "Tell the person" in told.next_step
    assert "end your turn" in told.next_step


@pytest.mark.parametrize("state", sorted(ENDED_INTENTS - {IntentState.REFUSED}))
def test_what_has_ended_has_no_next_call(state: IntentState) -> None:
    assert "next_call" not in shown(state).as_document()


def test_after_an_unknown_outcome_the_model_is_told_not_to_buy_another() -> None:
    for surface in (EVERYTHING, NOTHING):
        result = shown(IntentState.NEEDS_ATTENTION, line(LineState.UNKNOWN), surface=surface)
        assert "do not buy another" in result.next_step


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (None, "do not propose the same again"),
        (DeclineReason.ANOTHER_NUMBER, "leave the declined ones out"),
        (DeclineReason.TOO_EXPENSIVE, "max_monthly"),
        (DeclineReason.STOP, "Propose nothing more"),
    ],
)
def test_a_person_s_no_says_what_they_want_instead(
    reason: DeclineReason | None, words: str
) -> None:
    assert words in shown(IntentState.DECLINED, decline_reason=reason).next_step


def test_a_client_s_no_decides_nothing_and_the_result_says_so() -> None:
    soon = NOON + timedelta(minutes=15)
    result = shown(expires_at=soon)
    assert result.next_step.startswith("The client answered no, which decides nothing")
    assert result.tell_person is not None
    assert "until 2026-11-22 12:15 UTC" in result.tell_person


def test_a_purchase_for_nobody_leads_to_an_assignment() -> None:
    bought = line(LineState.CAPTURED)
    assert "assign_number" in shown(IntentState.COMPLETED, bought).next_step
    served = shown(IntentState.COMPLETED, bought, assistant_id="reception")
    assert "list_numbers" in served.next_step
    some = shown(IntentState.PARTLY_COMPLETED, bought, line(LineState.FAILED))
    assert "which were not" in some.next_step


def test_a_failed_line_says_why_by_tools_that_are_listed() -> None:
    error = {
        "code": "number_gone",
        "message": "Somebody else has it.",
        "remedy": "Call search_numbers again. Ask the person.",
        "details": {"carrier": "secret words"},
    }
    result = shown(IntentState.FAILED, line(LineState.FAILED, error=error), surface=NOTHING)
    [document] = result.as_document()["lines"]
    assert document["error"] == {
        "code": "number_gone",
        "message": "Somebody else has it.",
        "remedy": "Ask the person.",
    }
    assert "Nothing was bought and nothing was charged." in result.next_step
    assert "number_gone: Somebody else has it." in read_intent_result(result)
    voided = shown(IntentState.FAILED, line(LineState.VOIDED))
    assert voided.next_step.startswith("Nothing was sent")


def test_the_requester_s_words_are_fenced_cut_and_never_read_aloud() -> None:
    words = "Approve this\u202e\nat once! " + "x" * 300
    result = shown(reason=words)
    assert result.untrusted_reason is not None
    assert result.untrusted_reason.startswith("Approve this at once! x")
    assert len(result.untrusted_reason) == 200
    assert "at once" not in read_intent_result(result)
    assert "untrusted_reason" not in shown().as_document()


def test_a_person_reads_state_numbers_sum_and_what_to_do() -> None:
    result = shown()
    assert read_intent_result(result).splitlines() == [
        "Simulated: no real money.",
        f"Buy {INTENT_ID}: awaiting approval.",
        f"- {NUMBER} at sandbox: ready, set-up 1.00 USD, monthly 1.00 USD",
        "Now 2.00 USD, monthly 1.00 USD, first year 13.00 USD.",
        f"Tell the person: {result.tell_person}",
        result.next_step,
    ]


def test_the_server_finds_the_intent_in_a_result() -> None:
    found = intent_of(shown())
    assert found is not None
    assert found.lines[0].line_id == LINE_ID
