"""Sending a person to the page through their client: who is asked how, and every answer, in both protocol eras."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio
import pytest
from mcp import Client, ClientSession
from mcp_types import (
    ClientCapabilities,
    ElicitationCapability,
    ElicitCompleteNotification,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    ElicitResult,
    ErrorData,
    FormElicitationCapability,
    InputRequiredResult,
    UrlElicitationCapability,
)

from ringfence.desk import Desk
from ringfence.intents import Level
from ringfence.states import IntentState
from ringfence_server import consent
from ringfence_server.installation import Opened
from server.toys import INTENT_ID, NUMBER, Book, Opener, an_intent, call, toy_server

NONE = None
BARE = ElicitationCapability()
FORM = ElicitationCapability(form=FormElicitationCapability())
URL = ElicitationCapability(url=UrlElicitationCapability())
BOTH = ElicitationCapability(form=FormElicitationCapability(), url=UrlElicitationCapability())

AWAITING, COMPLETED = IntentState.AWAITING_APPROVAL, IntentState.COMPLETED
PAGE = "http://localhost:7415"
ADDRESS = f"{PAGE}/i/{INTENT_ID}"
ACCEPT = ElicitResult(action="accept")


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> str:
    """The protocol era."""
    era: str = request.param
    return era


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Callable[[ElicitationCapability | None], None]:
    """Make the SDK's client declare another capability than it has."""

    def to_declare(elicitation: ElicitationCapability | None) -> None:
        declared = ClientCapabilities(elicitation=elicitation)
        monkeypatch.setattr(ClientSession, "_build_capabilities", lambda *_, **__: declared)

    return to_declare


class PageOpener(Opener):
    """An installation with a page, or with none that could be started."""

    page: str | None = PAGE

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Opened]:
        async with super().__call__():
            yield Opened(cast(Desk, self.book), self.run_forever, self.where)

    async def where(self) -> Sequence[str]:
        return (self.page,) if self.page is not None else ()


class Host:
    """A client's host: shows what it is asked to, and answers as told."""

    def __init__(
        self,
        answer: ElicitResult | ErrorData = ACCEPT,
        meanwhile: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.answer = answer
        self.meanwhile = meanwhile
        self.shown: list[ElicitRequestURLParams | ElicitRequestFormParams] = []
        self.told: list[str] = []
        """The ids of dialogs that are over, in the old era."""

    async def __call__(self, context: Any, params: Any) -> ElicitResult | ErrorData:
        self.shown.append(params)
        if self.meanwhile is not None:
            await self.meanwhile()
        return self.answer

    async def hear(self, message: Any) -> None:
        if isinstance(message, ElicitCompleteNotification):
            self.told.append(message.params.elicitation_id)


def page_client(book: Book, mode: str, host: Host, page: str | None = PAGE) -> Client:
    opener = PageOpener(book)
    opener.page = page
    return Client(
        toy_server(book, opener=opener),
        mode=mode,
        elicitation_callback=host,
        message_handler=host.hear,
    )


async def buy(book: Book, mode: str, host: Host, page: str | None = PAGE, **arguments: Any) -> Any:
    async with page_client(book, mode, host, page) as client:
        return await call(client, "buy", **arguments)


FORM_FIRST, URL_NEXT, NOBODY = "form", "url", "nobody"
WHO_IS_ASKED = [
    # declares, level, is there a page: asked how
    (NONE, Level.CLIENT, True, NOBODY),
    (BARE, Level.CLIENT, True, FORM_FIRST),
    (FORM, Level.CLIENT, True, FORM_FIRST),
    (BOTH, Level.CLIENT, True, FORM_FIRST),
    (URL, Level.CLIENT, True, URL_NEXT),
    (URL, Level.CLIENT, False, NOBODY),
    (NONE, Level.PAGE, True, NOBODY),
    (BARE, Level.PAGE, True, NOBODY),
    (FORM, Level.PAGE, True, NOBODY),
    (BOTH, Level.PAGE, True, URL_NEXT),
    (BOTH, Level.PAGE, False, NOBODY),
    (URL, Level.PAGE, True, URL_NEXT),
    (URL, Level.PAGE, False, NOBODY),
    (FORM, Level.PASSPHRASE, True, NOBODY),
    (BOTH, Level.PASSPHRASE, True, URL_NEXT),
    (BOTH, Level.PASSPHRASE, False, NOBODY),
    (URL, Level.PASSKEY, True, URL_NEXT),
    (URL, Level.TWO_PEOPLE, True, URL_NEXT),
    (FORM, Level.PASSKEY, True, NOBODY),
    (URL, Level.PASSKEY, False, NOBODY),
]


@pytest.mark.parametrize(("declares", "level", "has_page", "asked"), WHO_IS_ASKED, ids=str)
async def test_a_form_where_it_is_enough_else_the_page_else_nobody(
    mode: str,
    declare: Any,
    declares: ElicitationCapability | None,
    level: Level,
    has_page: bool,
    asked: str,
) -> None:
    declare(declares)
    book, host = Book(an_intent(level)), Host(ElicitResult(action="cancel"))
    result = await buy(book, mode, host, PAGE if has_page else None)
    assert result.structured_content["state"] == AWAITING
    how = [
        URL_NEXT if isinstance(each, ElicitRequestURLParams) else FORM_FIRST for each in host.shown
    ]
    assert how == ([] if asked == NOBODY else [asked])
    assert book.said == ([] if asked == NOBODY else ["decline"])


async def test_the_question_is_the_facts_and_the_page_of_this_intent(
    mode: str, declare: Any
) -> None:
    declare(URL)
    host = Host(ElicitResult(action="decline"))
    await buy(Book(), mode, host)
    [shown] = host.shown
    assert isinstance(shown, ElicitRequestURLParams)
    assert shown.url == ADDRESS
    for fact in (NUMBER, "2.00 USD now", an_intent().match_code, "Approve or decline it there"):
        assert fact in shown.message
    assert "IGNORE" not in shown.message
    assert "last four" not in shown.message


@pytest.mark.parametrize("state", [COMPLETED, IntentState.DECLINED])
async def test_accepting_waits_for_what_the_person_does_on_the_page(
    mode: str, declare: Any, state: IntentState
) -> None:
    declare(URL)
    book, host = Book(), Host()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(decide_when_watched, book, state, host)
        result = await buy(book, mode, host)
    assert result.structured_content["state"] == state
    assert book.said == []
    assert len(host.shown) == 1


async def decide_when_watched(book: Book, state: IntentState, host: Host) -> None:
    with anyio.fail_after(5):
        while not host.shown:  # the old era watches while its dialog is open, too
            await anyio.lowlevel.checkpoint()
        await book.waiting.wait()
    book.decide(state)


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_clients_no_approves_nothing_and_locks_nothing(
    mode: str, declare: Any, action: Any
) -> None:
    declare(URL)
    book, host = Book(), Host(ElicitResult(action=action))
    result = await buy(book, mode, host)
    assert result.structured_content["state"] == AWAITING
    assert book.said == ["decline"], "noted, which only shortens the time"
    assert len(host.shown) == 1


@pytest.mark.parametrize(
    "content", [{"last_four": "0142"}, {"approved": True}, {"url": "http://evil.example"}]
)
async def test_nothing_that_an_accepting_client_says_approves(
    mode: str, declare: Any, content: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(URL)
    monkeypatch.setattr(consent, "WAIT_AFTER_ASKING_SECONDS", 0.01)
    book, host = Book(), Host(ElicitResult(action="accept", content=content))
    result = await buy(book, mode, host)
    assert result.structured_content["state"] == AWAITING
    assert book.said == []


async def test_a_person_who_takes_longer_is_not_asked_again_in_this_call(
    mode: str, declare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(URL)
    monkeypatch.setattr(consent, "WAIT_AFTER_ASKING_SECONDS", 0.01)
    book, host = Book(), Host()
    result = await buy(book, mode, host)
    assert result.structured_content["state"] == AWAITING
    assert len(host.shown) == 1
    book.decide(COMPLETED)
    assert (await buy(book, mode, host)).structured_content["state"] == COMPLETED
    assert len(host.shown) == 1


async def test_a_tool_that_only_reads_sends_nobody(mode: str, declare: Any) -> None:
    declare(URL)
    book, host = Book(), Host()
    async with page_client(book, mode, host) as client:
        assert (await call(client, "peek")).structured_content["state"] == AWAITING
    assert host.shown == []


# The old era: a dialog that is open races the stored row.


@pytest.mark.parametrize("state", [COMPLETED, IntentState.DECLINED, IntentState.EXPIRED])
async def test_a_dialog_left_open_is_closed_once_the_person_has_decided(
    declare: Any, state: IntentState
) -> None:
    declare(URL)
    book, closed = Book(), anyio.Event()

    async def stay_open() -> None:
        try:
            await book.waiting.wait()
            book.decide(state)
            await anyio.sleep_forever()
        finally:
            closed.set()

    host = Host(meanwhile=stay_open)
    result = await buy(book, "legacy", host)
    assert result.structured_content["state"] == state
    assert closed.is_set()


async def test_the_client_is_told_that_the_page_is_done_with(declare: Any) -> None:
    declare(URL)
    book, host = Book(), Host()
    async with page_client(book, "legacy", host) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(decide_when_watched, book, COMPLETED, host)
        await call(client, "buy")
        with anyio.fail_after(5):
            while not host.told:
                await anyio.lowlevel.checkpoint()
    [shown] = host.shown
    assert isinstance(shown, ElicitRequestURLParams)
    assert host.told == [shown.elicitation_id]
    assert shown.elicitation_id != INTENT_ID, "one intent may be asked about twice"


async def test_a_client_that_cannot_show_it_after_all_gets_the_waiting_result(declare: Any) -> None:
    declare(URL)
    book, host = Book(), Host(ErrorData(code=-32601, message="no pages here"))
    result = await buy(book, "legacy", host)
    assert result.structured_content["state"] == AWAITING
    assert book.said == []


# The new era: the first round asks, and the second waits, wherever it arrives.


async def rounds(book: Book, *answers: Any) -> list[Any]:
    """Each round at a server of its own, as after a restart."""
    results = []
    for answer in answers:
        async with page_client(book, "auto", Host()) as client:
            with anyio.fail_after(5):
                results.append(
                    await client.session.call_tool(
                        "buy", {}, allow_input_required=True, input_responses=answer
                    )
                )
    return results


async def test_the_first_round_asks_at_once_and_keeps_no_state(declare: Any) -> None:
    declare(URL)
    [asked] = await rounds(Book(), None)
    assert isinstance(asked, InputRequiredResult)
    assert asked.request_state is None
    assert asked.input_requests is not None
    assert list(asked.input_requests) == [INTENT_ID]


async def test_the_second_round_may_reach_another_process_after_the_decision(declare: Any) -> None:
    declare(URL)
    book = Book()
    await rounds(book, None)
    book.decide(COMPLETED)
    [result] = await rounds(book, {INTENT_ID: ACCEPT})
    assert result.structured_content["state"] == COMPLETED


async def test_the_second_round_never_asks_again(
    declare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(URL)
    monkeypatch.setattr(consent, "WAIT_AFTER_ASKING_SECONDS", 0.01)
    book = Book()
    for answer in (ACCEPT, ElicitResult(action="decline"), ElicitResult(action="cancel")):
        _, result = await rounds(book, None, {INTENT_ID: answer})
        assert result.structured_content["state"] == AWAITING
    [other] = await rounds(book, {"int_01KAN5T1PR0000000000000009": ACCEPT})
    assert other.structured_content["state"] == AWAITING
