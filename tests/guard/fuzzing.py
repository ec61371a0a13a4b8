"""An assistant that tries everything: random programs of tool calls against a live installation, over real MCP.

Its client says yes to every question, and fills every form in as a person would. What it finds out it uses again:
ids of its own and of others, digits of numbers, answers to questions that were never asked.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import strategies as st
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, ElicitRequestFormParams, ElicitResult
from sqlalchemy import func, select

from guard.authenticator import Passkey
from guard.rehearsal import at, copy_of, put, rehearse
from guard.signing import approve, enroll
from house import ME, SOMEBODY_ELSE, House, policy_with
from ringfence.clock import ManualClock
from ringfence.guard import authority
from ringfence.ids import RandomIds
from ringfence.intents import Level
from ringfence.policy import PolicyDocument
from ringfence.states import IntentState, NumberState
from ringfence.store import inventory, schema
from ringfence.store.transaction import Transaction
from ringfence_server.app import build_server
from ringfence_server.installation import Opened
from ringfence_server.listing import Listing
from tools.generated import ANYTHING, fitting, nearly_fitting

SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    tool["name"]: tool["inputSchema"] for tool in Listing.stored().tools
}
CALL_SECONDS = 30
"""For one call on a busy machine; none of them waits for time to pass."""
PAGE = "http://localhost:7415"
PROGRAMS_EACH = 40
"""Programs that one installation meets before another is put in its place: its store grows."""

# What is drawn.

KINDS = ("off", "res", "int", "num", "lin", "number")


@dataclass(frozen=True)
class Known:
    """Something that an earlier result said: the how-manieth of its kind, from the end."""

    kind: str
    place: int


@dataclass(frozen=True)
class Step:
    """One call."""

    call: tuple[str, dict[str, Any]]
    """The tool and its arguments."""
    by: int
    """Which of the clients calls."""
    meta: Any
    answers: Mapping[Known, str] | None
    """Answers to questions that may never have been asked."""
    times: int
    """At once."""


_KNOWN = st.builds(Known, st.sampled_from(KINDS), st.integers(0, 5))
_META = st.dictionaries(
    st.sampled_from(
        ["approved", "confirm", "ringfence/level", "ringfence/approve", "principal", "requestState"]
    ),
    ANYTHING | st.sampled_from(["two_people", "operator", True]),
    max_size=2,
)
_ANSWERS = st.dictionaries(
    st.builds(Known, st.just("int"), st.integers(0, 3)),
    st.sampled_from(["0142", "accept", "nothing"]),
    min_size=1,
    max_size=1,
)


def _useful() -> st.SearchStrategy[tuple[str, Any]]:
    """Calls as a model makes them that wants a number, and wants it now."""
    off, res, num = (
        st.builds(Known, st.just(kind), st.integers(0, 4)) for kind in ("off", "res", "number")
    )
    intent = st.builds(Known, st.just("int"), st.integers(0, 4))
    assistant = st.sampled_from(["reception", "night-desk", "eve"])
    searching = st.fixed_dictionaries(
        {"country": st.sampled_from(["US", "CA", "GB", "IS"])},
        optional={"limit": st.integers(1, 5)},
    )
    buying = st.fixed_dictionaries(
        {"items": st.lists(off | res, min_size=1, max_size=3)},
        optional={"assistant_id": assistant, "idempotency_key": st.sampled_from(["k1", "k2"])},
    )
    reserving = st.fixed_dictionaries({"offer_ids": st.lists(off, min_size=1, max_size=2)})
    return st.one_of(
        st.tuples(st.just("search_numbers"), searching),
        st.tuples(st.just("search_numbers"), searching),
        st.tuples(st.just("buy_numbers"), buying),
        st.tuples(st.just("buy_numbers"), buying),
        st.tuples(st.just("reserve_numbers"), reserving),
        st.tuples(st.just("get_intent"), st.fixed_dictionaries({"intent_id": intent})),
        st.tuples(st.just("cancel_intent"), st.fixed_dictionaries({"intent_id": intent})),
        st.tuples(st.just("release_number"), st.fixed_dictionaries({"number": num})),
        st.tuples(st.just("assign_number"), st.fixed_dictionaries({"number": num, "assistant_id": assistant})),
        st.tuples(
            st.just("provision_number"),
            st.fixed_dictionaries({"assistant_id": assistant, "country": st.sampled_from(["US", "CA"])}),
        ),
        st.tuples(st.just("list_numbers"), st.just({})),
        st.tuples(st.just("show_spending"), st.just({})),
    )  # fmt: skip


USEFUL = _useful()
FITTING = {tool: fitting(schema_of) for tool, schema_of in SCHEMAS.items()}
NEARLY = {tool: nearly_fitting(schema_of) for tool, schema_of in SCHEMAS.items()}
TOOL = st.sampled_from(sorted(SCHEMAS))
"""Built once, since that takes longer than drawing."""


@st.composite
def _wild(draw: st.DrawFn) -> tuple[str, Any]:
    """Any tool, with arguments that fit its schema, or nearly do; some of them known ids."""
    tool = draw(TOOL)
    arguments = dict(draw(FITTING[tool] if draw(st.booleans()) else NEARLY[tool]))
    for name in arguments:
        if draw(st.booleans()):
            known = draw(_KNOWN)
            arguments[name] = [known] if isinstance(arguments[name], list) else known
    return tool, arguments


_STEPS = st.builds(
    Step,
    call=st.one_of(USEFUL, USEFUL, _wild()),
    by=st.sampled_from([0, 0, 0, 1]),
    meta=st.none() | st.none() | _META,
    answers=st.none() | st.none() | _ANSWERS,
    times=st.sampled_from([1, 1, 1, 1, 3]),
)
PROGRAMS = st.lists(_STEPS, min_size=2, max_size=6)
"""A few calls, by two callers, some of them thrice at once, some with answers that nobody asked for."""


# Where it is tried.


def policy_at(level: Level) -> PolicyDocument:
    """Real limits, with consent at this level."""
    return policy_with(levels=f"{{buy: {level}, release: {level}, assign: {level}}}")


@dataclass(frozen=True)
class Authority:
    """Everything that no assistant may change, or only make stricter."""

    approvals: int
    statements: int
    signatures: int
    policy_version: int
    frozen: str | None
    keys: frozenset[str]
    charged: tuple[str, ...]
    states: frozenset[str]
    """States of intents in which somebody has consented."""
    owned: frozenset[str]
    """Numbers that are ours, and that nothing was sent about; to ask for a release changes nothing."""


OURS = {NumberState.ACTIVE, NumberState.RELEASE_REQUESTED}
CONSENTED = {
    state.value
    for state in IntentState
    if state
    not in {
        IntentState.AWAITING_APPROVAL,
        IntentState.REFUSED,
        IntentState.DECLINED,
        IntentState.EXPIRED,
        IntentState.CANCELLED,
    }
}


def authority_of(house: House) -> Authority:
    def look(tx: Transaction) -> Authority:
        def count(table: Any) -> int:
            return int(tx.connection.execute(select(func.count()).select_from(table)).scalar_one())

        consented = tx.connection.execute(
            select(schema.intent.c.intent_id).where(schema.intent.c.state.in_(CONSENTED))
        )
        return Authority(
            approvals=count(schema.approval),
            statements=count(schema.statement),
            signatures=count(schema.signature),
            policy_version=tx.policy_version,
            frozen=tx.frozen,
            keys=frozenset(authority.read(tx).keys),
            charged=tuple(house.charged()),
            states=frozenset(consented.scalars()),
            owned=frozenset(n.number for n in inventory.everything(tx) if n.state in OURS),
        )

    seen: Authority = house.read(look)
    return seen


def staged(folder: Path, level: Level) -> None:
    """A live installation that owns two numbers, one of them in use, and asks two people for this level."""
    rehearsal = rehearse(folder)
    house = rehearsal.house
    enroll(house, Passkey("bob"), rehearsal.ada)

    async def own() -> None:
        for offer, assistant in zip(await house.find(2), ("reception", None), strict=True):
            approve(house, await house.propose(offer, assistant_id=assistant), rehearsal.ada)
            await house.work()

    anyio.run(own)
    assert put(house, policy_at(level), rehearsal.ada) is not None
    house.close()


@dataclass
class Host:
    """What runs the assistant: it accepts whatever it is asked, knowing the right digits."""

    asked: int = 0

    async def __call__(self, context: Any, params: Any) -> ElicitResult:
        self.asked += 1
        if not isinstance(params, ElicitRequestFormParams):
            return ElicitResult(action="accept")
        found = re.search(r"last four digits of (\+[0-9]+)", params.message)
        assert found is not None, params.message
        return ElicitResult(action="accept", content={"last_four": found.group(1)[-4:]})


@dataclass
class Pool:
    """What results have said so far."""

    said: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def learn(self, text: str) -> None:
        for kind, value in re.findall(r"\b((off|res|int|num|lin)_[0-9A-Z]{26})\b", text):
            self.said[value].append(kind)
        self.said["number"] += re.findall(r"\+[1-9][0-9]{7,14}", text)

    def filled(self, value: Any) -> Any:
        """The value with what it refers to put in."""
        match value:
            case Known():
                known = self.said[value.kind]
                return known[-1 - value.place % len(known)] if known else f"{value.kind}_{'0' * 26}"
            case dict():
                return {key: self.filled(each) for key, each in value.items()}
            case list():
                return [self.filled(each) for each in value]
        return value


class Attack:
    """One installation, and two assistants at work on it."""

    def __init__(self, folder: Path, clients: Sequence[Client], house: House, host: Host) -> None:
        self.folder, self.clients, self.house, self.host = folder, clients, house, host
        self.pool = Pool()
        self.calls = self.answered = 0

    async def run(self, program: list[Step]) -> None:
        for step in program:
            async with anyio.create_task_group() as together:
                for _ in range(step.times):
                    together.start_soon(self._call, step)
        await self.house.work()

    async def _call(self, step: Step) -> None:
        self.calls += 1
        tool, given = step.call
        arguments = self.pool.filled(given)
        if type(arguments.get("wait_seconds")) is int and arguments["wait_seconds"] >= 0:
            arguments["wait_seconds"] = 0  # no test waits for time to pass
        answers: Any = step.answers and {
            self.pool.filled(known): _answer(how) for known, how in step.answers.items()
        }
        with anyio.fail_after(CALL_SECONDS):
            try:
                result = await self.clients[step.by].call_tool(
                    tool, arguments, meta=step.meta, input_responses=answers
                )
            except MCPError:
                return
        self._read(result)

    def _read(self, result: CallToolResult) -> None:
        self.answered += not result.is_error
        self.pool.learn(str(result.structured_content))


def _answer(how: str) -> ElicitResult:
    if how == "0142":
        return ElicitResult(action="accept", content={"last_four": "0142"})
    return ElicitResult(action="accept", content={} if how == "nothing" else {"approved": "yes"})


@asynccontextmanager
async def attacked(folder: Path, mode: str) -> AsyncIterator[Attack]:
    """The installation in this folder, served to two callers."""
    house = at(folder, clock=ManualClock(), ids=RandomIds())

    @asynccontextmanager
    async def opened() -> AsyncIterator[Opened]:
        async def where() -> tuple[str]:
            return (PAGE,)

        yield Opened(house.desk, house.runner.run, where)

    host = Host()
    servers = [
        build_server(opened, lambda who=who: who)  # type: ignore[misc]  # bound at once
        for who in (ME, SOMEBODY_ELSE)
    ]
    async with (
        Client(servers[0], mode=mode, elicitation_callback=host) as first,
        Client(servers[1], mode=mode, elicitation_callback=host) as second,
    ):
        yield Attack(folder, [first, second], house, host)
    house.close()


class Range:
    """Where programs are tried one after the other; every so many on a fresh installation."""

    def __init__(self, folder: Path, mode: str, level: Level) -> None:
        self._folder, self._mode = folder, mode
        staged(folder / "staged", level)
        self._portal: BlockingPortal
        self._before: Authority
        self._attack: Attack | None = None
        self._open: Any = None
        self.tried = self.calls = self.answered = self.asked = 0

    @contextmanager
    def ready(self) -> Iterator[Range]:
        with start_blocking_portal() as self._portal:
            try:
                yield self
            finally:
                self._leave()

    def attempt(self, program: list[Step]) -> tuple[Authority, Authority]:
        """Run a program; what was authority before it, and after it."""
        if self._attack is None or self.tried % PROGRAMS_EACH == 0:
            self._renew()
        assert self._attack is not None
        self.tried += 1
        before = self._before
        self._portal.call(self._attack.run, program)
        self._before = after = authority_of(self._attack.house)
        self._attack.house.clock.advance(hours=2)  # what waits has expired when the next begins
        return before, after

    def _renew(self) -> None:
        self._leave()
        copy_of(self._folder / "staged", self._folder / "now")
        self._open = self._portal.wrap_async_context_manager(
            attacked(self._folder / "now", self._mode)
        )
        self._attack = attack = self._open.__enter__()
        self._before = authority_of(attack.house)

    def _leave(self) -> None:
        if self._attack is not None:
            self.calls += self._attack.calls
            self.answered += self._attack.answered
            self.asked += self._attack.host.asked
            self._open.__exit__(None, None, None)
            self._attack = None
            shutil.rmtree(self._folder / "now")
