"""Asking a person through their client: every answer a client can give, in both protocol eras."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from mcp import Client, ClientSession
from mcp_types import (
    ClientCapabilities,
    ElicitationCapability,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    ErrorData,
    FormElicitationCapability,
    InputRequiredResult,
    UrlElicitationCapability,
)

from ringfence.intents import Level
from ringfence.states import IntentState
from ringfence_server import progress
from ringfence_server.question import message
from server.toys import INTENT_ID, Book, an_intent, call, toy_server

FORMS = ElicitationCapability(form=FormElicitationCapability())
URLS = ElicitationCapability(url=UrlElicitationCapability())
BOTH = ElicitationCapability(form=FormElicitationCapability(), url=UrlElicitationCapability())
BARE = ElicitationCapability()

AWAITING, COMPLETED = IntentState.AWAITING_APPROVAL, IntentState.COMPLETED
RIGHT = ElicitResult(action="accept", content={"last_four": "0142"})


class Person:
    """Answers forms as told, and keeps what they were shown."""

    def __init__(self, answer: ElicitResult | ErrorData) -> None:
        self.answer = answer
        self.shown: list[ElicitRequestFormParams] = []

    async def __call__(self, context: Any, params: Any) -> ElicitResult | ErrorData:
        assert isinstance(params, ElicitRequestFormParams), "only forms are asked here"
        self.shown.append(params)
        return self.answer


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Callable[[ElicitationCapability | None], None]:
    """Make the SDK's client declare another capability than it has."""

    def to_declare(elicitation: ElicitationCapability | None) -> None:
        declared = ClientCapabilities(elicitation=elicitation)
        monkeypatch.setattr(ClientSession, "_build_capabilities", lambda *_, **__: declared)

    return to_declare


async def buy(book: Book, mode: str, person: Any, **arguments: Any) -> Any:
    async with Client(toy_server(book), mode=mode, elicitation_callback=person) as client:
        return await call(client, "buy", **arguments)


async def test_the_right_last_four_digits_approve(mode: str) -> None:
    book, person = Book(), Person(RIGHT)
    result = await buy(book, mode, person)
    assert result.structured_content["state"] == COMPLETED
    assert book.said == ["approve 0142"]
    assert len(person.shown) == 1


def accept(**content: Any) -> ElicitResult:
    return ElicitResult(action="accept", content=content)


@pytest.mark.parametrize(
    "answer",
    [
        accept(),
        ElicitResult(action="accept"),
        accept(last_four=""),
        accept(last_four="014"),
        accept(last_four="0142 "),
        accept(last_four="\uff10\uff11\uff14\uff12"),  # digits, but not of the number
        accept(last_four="142"),
        accept(last_four=142),
        accept(last_four=True),
        accept(last_four=["0142"]),
        accept(approved=True, confirm="yes"),
        ElicitResult(action="decline"),
        ElicitResult(action="decline", content={"last_four": "0142"}),
        ElicitResult(action="cancel"),
        ElicitResult(action="cancel", content={"last_four": "0142"}),
    ],
    ids=repr,
)
async def test_every_other_answer_approves_nothing_and_is_not_asked_again(
    mode: str, answer: ElicitResult
) -> None:
    book, person = Book(), Person(answer)
    result = await buy(book, mode, person)
    assert not result.is_error
    assert result.structured_content["state"] == AWAITING
    assert book.said == ["decline"]
    assert len(person.shown) == 1


async def test_wrong_digits_count_like_a_decline(mode: str) -> None:
    book, person = Book(), Person(accept(last_four="9999"))
    result = await buy(book, mode, person)
    assert result.structured_content["state"] == AWAITING
    assert book.said == ["approve 9999", "decline"]
    assert len(person.shown) == 1


async def test_a_later_call_asks_again(mode: str) -> None:
    book, person = Book(), Person(ElicitResult(action="cancel"))
    await buy(book, mode, person)
    person.answer = RIGHT
    result = await buy(book, mode, person)
    assert result.structured_content["state"] == COMPLETED


async def test_the_question_is_facts_and_no_word_of_the_assistant(mode: str) -> None:
    person = Person(RIGHT)
    await buy(Book(), mode, person)
    [shown] = person.shown
    for fact in (
        "+14155550142 at sandbox",
        "set-up 1.00 USD, then 1.00 USD a month",
        "2.00 USD now",
        "13.00 USD in the first year",
        "for assistant front-desk",
        an_intent().match_code,
        "2026-11-22 13:00 UTC",
        "simulated",
    ):
        assert fact in shown.message
    assert "IGNORE" not in shown.message
    assert list(shown.requested_schema["properties"]) == ["last_four"]
    assert shown.requested_schema["required"] == ["last_four"]
    assert "default" not in shown.requested_schema["properties"]["last_four"]


def test_the_question_of_one_intent_is_always_the_same() -> None:
    assert message(an_intent()) == message(an_intent())


@pytest.mark.parametrize("declared", [FORMS, BOTH, BARE], ids=["form", "both", "bare"])
async def test_a_client_that_has_forms_is_asked(
    mode: str, declared: ElicitationCapability, declare: Any
) -> None:
    declare(declared)
    book, person = Book(), Person(RIGHT)
    assert (await buy(book, mode, person)).structured_content["state"] == COMPLETED


@pytest.mark.parametrize("declared", [None, URLS], ids=["none", "url only"])
async def test_a_client_without_forms_gets_the_waiting_result_and_no_question(
    mode: str, declared: ElicitationCapability | None, declare: Any
) -> None:
    declare(declared)
    book, person = Book(), Person(RIGHT)
    result = await buy(book, mode, person)
    assert result.structured_content["state"] == AWAITING
    assert (book.said, person.shown) == ([], [])


@pytest.mark.parametrize("level", [level for level in Level if level is not Level.CLIENT])
async def test_no_client_is_asked_where_its_answer_is_not_enough(mode: str, level: Level) -> None:
    book, person = Book(an_intent(level)), Person(RIGHT)
    result = await buy(book, mode, person)
    assert result.structured_content["state"] == AWAITING
    assert (book.said, person.shown) == ([], [])


async def test_a_tool_that_only_reads_never_asks(mode: str) -> None:
    book, person = Book(), Person(RIGHT)
    async with Client(toy_server(book), mode=mode, elicitation_callback=person) as client:
        result = await call(client, "peek")
    assert result.structured_content["state"] == AWAITING
    assert (book.said, person.shown) == ([], [])


async def test_a_decided_intent_is_not_asked_about(mode: str) -> None:
    book, person = Book(an_intent().model_copy(update={"state": COMPLETED})), Person(RIGHT)
    result = await buy(book, mode, person)
    assert result.structured_content["state"] == COMPLETED
    assert person.shown == []


async def test_waiting_ends_when_a_person_decides_elsewhere(mode: str) -> None:
    book = Book()
    async with (
        Client(toy_server(book), mode=mode) as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(decide_when_watched, book, IntentState.DECLINED)
        result = await call(client, "buy", wait_seconds=25)
    assert result.structured_content["state"] == IntentState.DECLINED


async def decide_when_watched(book: Book, state: IntentState) -> None:
    with anyio.fail_after(5):
        await book.waiting.wait()
    book.decide(state)


async def test_cancelling_a_waiting_call_leaves_the_intent_as_it_is(mode: str) -> None:
    book = Book()
    async with Client(toy_server(book), mode=mode) as client:
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: call(client, "buy", wait_seconds=25))
                await book.waiting.wait()
                tasks.cancel_scope.cancel()
        assert (book.state, book.said) == (AWAITING, [])
        assert not (await call(client, "look", country="US")).is_error, "the connection lives on"


async def test_the_client_sees_signs_of_life_while_it_waits(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PROGRESS_SECONDS", 0.001)
    book = Book()

    async def seen(progress: float, total: float | None, message: str | None) -> None:
        assert (message or "").startswith("Still waiting, ")
        if book.waiting.is_set():
            book.decide(IntentState.EXPIRED)

    async with Client(toy_server(book), mode=mode) as client:
        with anyio.fail_after(5):
            result = await client.call_tool("buy", {"wait_seconds": 25}, progress_callback=seen)
    assert result.structured_content is not None
    assert result.structured_content["state"] == IntentState.EXPIRED


# The old era: one request stays open while the client shows its dialog.


class OpenDialog:
    """A dialog that nobody answers, until the client is told to close it."""

    def __init__(self, when_open: Callable[[], Awaitable[None]]) -> None:
        self.when_open = when_open
        self.closed = anyio.Event()

    async def __call__(self, context: Any, params: Any) -> ElicitResult:
        try:
            await self.when_open()
            await anyio.sleep_forever()
            raise AssertionError
        finally:
            self.closed.set()


@pytest.mark.parametrize("state", [COMPLETED, IntentState.DECLINED, IntentState.EXPIRED])
async def test_a_dialog_left_open_is_closed_once_the_intent_is_decided_elsewhere(
    state: IntentState,
) -> None:
    book = Book()
    dialog = OpenDialog(lambda: decide_when_watched(book, state))
    result = await buy(book, "legacy", dialog)
    assert result.structured_content["state"] == state
    assert dialog.closed.is_set()
    assert book.said == []


async def test_cancelling_a_call_with_an_open_dialog_leaves_the_intent_as_it_is() -> None:
    book, is_open = Book(), anyio.Event()

    async def opened() -> None:
        is_open.set()

    async with Client(
        toy_server(book), mode="legacy", elicitation_callback=OpenDialog(opened)
    ) as client:
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: call(client, "buy"))
                await is_open.wait()
                tasks.cancel_scope.cancel()
        assert (book.state, book.said) == (AWAITING, [])


async def test_a_client_that_cannot_ask_after_all_gets_the_waiting_result() -> None:
    book, person = Book(), Person(ErrorData(code=-32601, message="no forms here"))
    result = await buy(book, "legacy", person)
    assert result.structured_content["state"] == AWAITING
    assert book.said == []


# The new era: the question is the answer to the first round, and nothing is kept for the second.


async def first_round(book: Book) -> InputRequiredResult:
    async with Client(toy_server(book), mode="auto", elicitation_callback=Person(RIGHT)) as client:
        asked = await client.session.call_tool("buy", {}, allow_input_required=True)
    assert isinstance(asked, InputRequiredResult)
    return asked


async def second_round(book: Book, **answers: ElicitResult) -> Any:
    """Answer at another server over the same book, as after a restart."""
    async with Client(toy_server(book), mode="auto", elicitation_callback=Person(RIGHT)) as client:
        with anyio.fail_after(5):
            return await client.session.call_tool(
                "buy", {}, allow_input_required=True, input_responses=dict(answers)
            )


async def test_the_first_round_asks_once_and_keeps_no_state() -> None:
    asked = await first_round(Book())
    assert asked.request_state is None
    assert asked.input_requests is not None
    [(key, request)] = asked.input_requests.items()
    assert key == INTENT_ID
    assert isinstance(request, ElicitRequest)


async def test_the_second_round_may_reach_another_process() -> None:
    book = Book()
    await first_round(book)
    result = await second_round(book, **{INTENT_ID: RIGHT})
    assert result.structured_content["state"] == COMPLETED


async def test_an_answer_to_another_intent_approves_nothing() -> None:
    book = Book()
    await first_round(book)
    result = await second_round(book, int_01KAN5T1PR0000000000000009=RIGHT)
    assert result.structured_content["state"] == AWAITING
    assert book.said == []


async def test_a_second_round_without_an_answer_is_not_asked_again() -> None:
    book = Book()
    await first_round(book)
    result = await second_round(book)
    assert result.structured_content["state"] == AWAITING
    assert book.said == []


async def test_an_intent_that_was_decided_between_the_rounds_is_told_as_it_is() -> None:
    book = Book()
    await first_round(book)
    book.decide(IntentState.DECLINED)
    result = await second_round(book, **{INTENT_ID: RIGHT})
    assert result.structured_content["state"] == IntentState.DECLINED
    assert book.said == []
