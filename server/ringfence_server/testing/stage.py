"""The stage: a throw-away installation with a server, the official client of one era, and a person.

Whatever is done here is done as in earnest: calls go over MCP, consent is given by the story that the
terminal tells, and the runner works beside the server. The person is another process, as at a terminal.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitRequestFormParams, ElicitResult, TextContent

from ringfence.desk import consenting
from ringfence.errors import RingfenceError
from ringfence.guard import books, freeze, policy_change
from ringfence.guard.card import read_facts
from ringfence.guard.windows import keep_up
from ringfence.intents import DeclineReason, Intent
from ringfence.policy import PolicyDocument
from ringfence.sandbox.faults import Fault
from ringfence.states import LineState
from ringfence.store import audit, intents, inventory
from ringfence.store.transaction import Transaction
from ringfence_server.app import build_server
from ringfence_server.installation import Opened
from ringfence_server.testing.premises import Premises
from ringfence_server.testing.simulated_time import START, come_to_rest
from ringfence_tools import CATALOG
from ringfence_tools.intent_result import intent_result
from ringfence_tools.operation import Surface
from ringfence_tools.refusal import error_document

T = TypeVar("T")

Era = Literal["modern", "legacy"]
ERAS: tuple[Era, ...] = ("modern", "legacy")
Forms = Literal["none", "accept", "wrong", "decline", "cancel"]
"""What the client's form does: there is none, or it answers with the right digits, with others, or with no."""

PRINCIPAL = "local:script"
APPROVER = "test approver"
CALL_SECONDS = 120.0
"""For one call, in simulated time: twice what many clients grant."""
WORK_SECONDS = 25.0
"""For what follows a consent; as long as `ringfence approve` waits."""
SETTLE_SECONDS = 120.0
"""For everything that looks at the carrier can settle."""

_MODE = {"modern": "auto", "legacy": "legacy"}
_ASKED_FOR = re.compile(r"last four digits of (\+[0-9]+)")
_SURFACE = Surface(frozenset(operation.name for operation in CATALOG))


class ServerStopped(RuntimeError):
    """There is no server that could be called."""


@dataclass(frozen=True)
class Answer:
    """What a call came back with: a result, a refusal under `error`, or a `protocol_error`."""

    document: dict[str, Any]
    text: str = ""

    @property
    def error(self) -> dict[str, Any] | None:
        """The refusal; None where it is a result."""
        found: dict[str, Any] | None = self.document.get("error")
        return found


@dataclass(frozen=True)
class Setting:
    """What a stage is set up with."""

    era: Era = "modern"
    forms: Forms = "none"
    principal: str = PRINCIPAL
    start: datetime = START
    policy: PolicyDocument | None = None


class Stage:
    """One installation, for the length of one run; opened and closed inside a simulated loop."""

    def __init__(self, home: Path, setting: Setting) -> None:
        self.setting = setting
        self._premises = Premises(home, start=setting.start)
        self._person = self._premises.open("person")
        self._connection: _Connection | None = None
        if (policy := setting.policy) is not None:
            self._write(lambda tx: policy_change.apply(tx, policy, applied_by=APPROVER))

    @classmethod
    async def opened(cls, home: Path, setting: Setting) -> Stage:
        """A stage in `home`, with a server that is running."""
        stage = cls(home, setting)
        await stage._premises.loop.get_ready()
        await stage.start()
        return stage

    async def close(self) -> None:
        """End the server, and let go of the files."""
        await self.stop()
        self._person.close()

    # The server and its client.

    async def start(self) -> None:
        """Start a server process on the installation, and connect a client to it; once is enough."""
        if self._connection is None:
            self._connection = await _Connection.opened(self._client())

    async def stop(self) -> None:
        """End the server process and its client; what it has not done yet waits."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def restart(self) -> None:
        """Another server process on the same installation."""
        await self.stop()
        await self.start()

    def _client(self) -> Client:
        server = build_server(self._open_desk, lambda: self.setting.principal)
        forms = self.setting.forms
        return Client(
            server,
            mode=_MODE[self.setting.era],
            elicitation_callback=None if forms == "none" else partial(_answer_form, forms),
            read_timeout_seconds=CALL_SECONDS,
        )

    @asynccontextmanager
    async def _open_desk(self) -> AsyncIterator[Opened]:
        process = self._premises.open("server")
        try:
            yield Opened(process.desk, run_forever=process.runner.run)
        finally:
            process.close()

    @property
    def _connected(self) -> Client:
        if self._connection is None:
            raise ServerStopped("The server is stopped; restart it before another call.")
        return self._connection.client

    async def tools(self) -> Mapping[str, dict[str, Any]]:
        """The input schemas of the listed tools, by name."""
        listed = (await self._connected.list_tools()).tools
        return {tool.name: tool.input_schema for tool in listed}

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Answer:
        """Call a tool over MCP, as an assistant's host does."""
        try:
            result = await self._connected.call_tool(tool, dict(arguments))
        except MCPError as error:
            told = {"code": error.error.code, "message": error.error.message}
            return Answer({"protocol_error": told}, error.error.message)
        texts = [part.text for part in result.content if isinstance(part, TextContent)]
        return Answer(result.structured_content or {}, "\n".join(texts))

    # The person.

    async def approve(self, intent_id: str) -> Answer:
        """A person reads the card and says yes, as `ringfence approve` has it; then it is worked off.

        While the server is stopped nobody works it off, as if that terminal too were closed at once.
        """
        return await _told(self._consent(intent_id))

    async def _consent(self, intent_id: str) -> Intent:
        def fresh(tx: Transaction) -> Intent:
            keep_up(tx)
            return read_facts(tx, intent_id).intent

        person = self._person
        shown = await person.desk.store.write(fresh)
        approved = await consenting.approve_at_terminal(
            person.desk, intent_id, digest=shown.digest, person=APPROVER
        )
        if self._connection is None:
            return approved
        return await person.runner.work_until_ended(intent_id, WORK_SECONDS)

    async def decline(self, intent_id: str, reason: DeclineReason | None = None) -> Answer:
        """A person says no, which is final."""
        return await _told(
            consenting.decline_at_terminal(
                self._person.desk, intent_id, person=APPROVER, reason=reason
            )
        )

    def freeze(self, why: str) -> None:
        """A person stops all spending."""
        self._write(lambda tx: freeze.freeze(tx, why, actor=APPROVER))

    def unfreeze(self) -> None:
        """A person lets spending go on."""
        self._write(lambda tx: freeze.unfreeze(tx, actor=APPROVER))

    async def settle(self) -> int:
        """Work until nothing is left that time and the carrier can settle; how many lines are open still."""
        return (await self._person.runner.settle(SETTLE_SECONDS)).open_lines

    # Time, the carrier, and the books.

    def now(self) -> datetime:
        """The time on stage."""
        return self._premises.clock.now()

    async def pass_time(self, seconds: float) -> None:
        """Let time pass at once, and then everything happen that has become due."""
        self._premises.loop.advance(seconds)
        await come_to_rest()

    def fail_next(self, fault: Fault, times: int = 1) -> None:
        """Let something go wrong at the carrier, the next time it can."""
        self._person.carrier.add_fault(fault, times)

    def charges(self) -> list[str]:
        """The numbers that the carrier has charged for, in the order in which it did."""
        return [charge.number for charge in self._person.carrier.charges()]

    def imbalances(self) -> list[str]:
        """Where the books are wrong, in words: ledger, holds, audit chain, or charges; empty is good."""
        _count, broken = self._read(audit.verify)
        torn = [f"audit event {broken.seq}: {broken.why}"] if broken else []
        return [*self._read(books.verify), *torn, *self._read(self._unaccounted)]

    def hand_over(self) -> None:
        """Leave the closed installation to the programs of every day."""
        self._premises.hand_over()

    def _unaccounted(self, tx: Transaction) -> list[str]:
        """Charges that belong to no line, or to one that was charged before."""
        charges = self._person.carrier.charges()
        twice = [tag for tag, times in Counter(c.tag for c in charges).items() if times > 1]
        expected = Counter(record.number for record in inventory.everything(tx))
        expected.update(
            line.terms.number
            for intent in intents.open_intents(tx)
            for line in intent.lines
            if line.state in _MAY_BE_CHARGED
        )
        charged = Counter(charge.number for charge in charges)
        return [
            *(f"the carrier charged twice for {tag}" for tag in twice),
            *(
                f"{number} was charged {times} times, which {expected[number]} lines account for"
                for number, times in charged.items()
                if times > expected[number]
            ),
        ]

    def _read(self, look: Callable[[Transaction], T]) -> T:
        return self._person.desk.store.read_now(look)

    def _write(self, change: Callable[[Transaction], T]) -> T:
        return self._person.desk.store.write_now(change)


_MAY_BE_CHARGED = {
    LineState.DISPATCHING,
    LineState.PROVIDER_PENDING,
    LineState.UNKNOWN,
    LineState.MANUAL,
}


@dataclass
class _Connection:
    """A client that is connected, in a task of its own, so that any other task may end it."""

    client: Client
    _task: asyncio.Task[None] | None = None
    _leave: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    async def opened(cls, client: Client) -> _Connection:
        connection = cls(client)
        is_open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        connection._task = asyncio.create_task(connection._hold(is_open))
        await is_open
        return connection

    async def close(self) -> None:
        self._leave.set()
        if self._task is not None:
            await self._task

    async def _hold(self, is_open: asyncio.Future[None]) -> None:
        try:
            async with self.client:
                is_open.set_result(None)
                await self._leave.wait()
        except Exception as error:
            if is_open.done():
                raise
            is_open.set_exception(error)


async def _answer_form(forms: Forms, _context: Any, params: Any) -> ElicitResult:
    """What the client answers to a question: the digits that it asks for, other digits, or no."""
    if forms == "decline" or not isinstance(params, ElicitRequestFormParams):
        return ElicitResult(action="decline")
    asked = _ASKED_FOR.search(params.message)
    if forms == "cancel" or asked is None:
        return ElicitResult(action="cancel")
    digits = asked[1][-4:]
    if forms == "wrong":
        digits = "".join(str(9 - int(digit)) for digit in digits)
    return ElicitResult(action="accept", content={"last_four": digits})


async def _told(story: Awaitable[Intent]) -> Answer:
    """How the intent stands after a person's story, or the refusal."""
    try:
        return Answer(intent_result(await story, _SURFACE).as_document())
    except RingfenceError as error:
        return Answer(error_document(error, _SURFACE.tools))
