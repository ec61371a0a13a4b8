"""`ringfence demo`: the whole job once, told as a story, by the parts that do it in earnest.

The assistant is the official MCP client, the server a process of its own, and what a person does in
a terminal is the very command. Only the person is played. Every step is checked: a demo that shows
something else than it says ends with an error.
"""

from __future__ import annotations

import os
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import anyio
from anyio import to_thread
from mcp import Client
from mcp.client.context import ClientRequestContext
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import ElicitRequestParams, ElicitResult

from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import WIDTH, console
from ringfence_server.cli.program import run
from ringfence_server.settings import PREFIX
from ringfence_tools.refusal import read_violation

NUMBER = "+14155550142"
CALL_SECONDS = 30.0
"""For one call; the slowest, a purchase, takes half a second."""

INTRODUCTION = """\
An assistant gets a phone number, and a person keeps the money. Everything here
is simulated: no account, no key, no money, in a folder that is thrown away.
The assistant is a real MCP client, the server a real process, and every command
a real one. The person is played by this script.
"""
EPILOGUE = """
That was the whole job. README.md says how to connect your own assistant; or be
the assistant yourself:  ringfence search US --area-code 415
"""


class NotAsTold(Exception):
    """A step of the story went otherwise."""


def demo() -> int:
    """Tell the story; the exit code says whether all of it happened."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ringfence-demo-") as folder, _at_home_in(folder):
        log = Path(folder, "server.log")
        with log.open("w", encoding="utf-8") as errors:
            otherwise = anyio.run(_tell, errors)
        if otherwise is not None:
            console().print(f"\nThis went otherwise than told: {otherwise}", soft_wrap=True)
            console().print(log.read_text(encoding="utf-8"), soft_wrap=True)
            return Exit.BUG
    console().print(f"{EPILOGUE}Done in {time.monotonic() - began:.0f} s.")
    return Exit.DONE


@contextmanager
def _at_home_in(folder: str) -> Iterator[None]:
    """Let nothing of the user's own installation be seen or touched."""
    before = dict(os.environ)
    for name in before:
        if name.upper().startswith(PREFIX):
            del os.environ[name]
    os.environ[f"{PREFIX}HOME"] = folder
    os.environ[f"{PREFIX}APPROVALS_URL"] = "http://localhost:0"  # any port but the user's own
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def _tell(errors: TextIO) -> str | None:
    """Play it; what went otherwise than told, or None."""
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "ringfence_server", "serve"],
        env=dict(os.environ),
    )
    person = Person()
    console().print(INTRODUCTION, end="")
    async with Client(
        stdio_client(server, errlog=errors),
        elicitation_callback=person.asked,
        read_timeout_seconds=CALL_SECONDS,
    ) as client:
        try:
            await Story(client, person).tell()
        except NotAsTold as error:
            return str(error)
    return None


class Person:
    """Who is asked, in the client's form."""

    def __init__(self) -> None:
        self.types: str | None = None
        """What they will type; None closes the form."""

    async def asked(
        self, context: ClientRequestContext, params: ElicitRequestParams
    ) -> ElicitResult:
        """See the form and answer it."""
        _say("The client shows the person this form:")
        _quote(params.message)
        if self.types is None:
            _say("The person closes it.")
            return ElicitResult(action="cancel")
        _say(f"The person reads the price, and types: {self.types}")
        return ElicitResult(action="accept", content={"last_four": self.types})


class Story:
    """The steps, in their order; each uses what the ones before have found."""

    def __init__(self, client: Client, person: Person) -> None:
        self._client = client
        self._person = person

    async def tell(self) -> None:
        """All of it."""
        await self._search()
        await self._meet_a_limit()
        offer_id = await self._reserve()
        await self._buy(offer_id)
        await self._assign()
        await self._decline()
        await self._look_at_the_books()

    async def _search(self) -> None:
        _head(1, "The assistant looks for numbers in area code 415. That costs nothing.")
        offers = await self._offers(area_code="415", limit=3)
        _check(len(offers) == 3, "three numbers are on sale")

    async def _meet_a_limit(self) -> None:
        _head(2, "It reaches for a number that costs more than the policy allows.")
        [dear] = await self._offers(area_code="800")
        refused = await self._call(
            "buy_numbers", dear["number"], {"items": [dear["offer_id"]]}, is_refused=True
        )
        error = refused["error"]
        _check(error["code"] == "budget_exceeded", "a budget refuses it")
        _quote(f"refused: {error['message']}")
        for violation in error["details"]["violations"]:
            _quote(read_violation(violation))
        _say(
            "Nobody was asked and nothing was sent. The assistant cannot change the limit; "
            "the person can: ringfence policy apply FILE"
        )

    async def _reserve(self) -> str:
        _head(3, f"It reserves {NUMBER}, and sees what that would cost.")
        [offer] = await self._offers(area_code="415", contains=NUMBER[-7:])
        offer_id: str = offer["offer_id"]
        reserved = await self._call("reserve_numbers", NUMBER, {"offer_ids": [offer_id]})
        [kept] = reserved["reservations"]
        _quote(f"the {kept['kind']} keeps it until {kept['expires_at']}")
        _quote(f"{reserved['total_now']} now, then {reserved['total_monthly']} a month")
        _check(reserved["guard"]["allowed"], "the limits allow it")
        return offer_id

    async def _buy(self, offer_id: str) -> None:
        _head(4, "It proposes to buy the number. A person has to say yes.")
        self._person.types = NUMBER[-4:]
        bought = await self._call("buy_numbers", NUMBER, {"items": [offer_id]})
        _quote(f"{bought['intent_id']}: {bought['state']}, for {bought['total_now']}")
        _check(bought["state"] == "completed", "the number is bought")

    async def _assign(self) -> None:
        _head(5, "The number is ours and serves nobody, so connecting it needs no consent.")
        assigned = await self._call(
            "assign_number",
            f"{NUMBER} to reception",
            {"number": NUMBER, "assistant_id": "reception"},
        )
        for step in assigned["steps"]:
            _quote(step["message"])
            _check(step["done"], "it is connected")

    async def _decline(self) -> None:
        _head(6, "It wants a second number. The person does not.")
        offer = (await self._offers(area_code="212", limit=1))[0]
        self._person.types = None
        asked = await self._call("buy_numbers", offer["number"], {"items": [offer["offer_id"]]})
        _quote(f"{asked['intent_id']}: {asked['state']}")
        _check(asked["state"] == "awaiting_approval", "a closed form decides nothing")
        _say(
            "A closed form decides nothing, for programs close forms that no person has seen. "
            "The person says no in a terminal, and that is final:"
        )
        await _run("decline", asked["intent_id"], "--reason", "too_expensive")
        declined = await self._call(
            "get_intent", asked["intent_id"], {"intent_id": asked["intent_id"]}
        )
        _quote(f"{declined['state']}. {declined['next_step']}")
        _check(declined["state"] == "declined", "the purchase is declined")

    async def _look_at_the_books(self) -> None:
        _head(7, "What is ours, what it costs, and what is left of the budgets.")
        listed = await self._call("list_numbers", "", {})
        for number in listed["numbers"]:
            _quote(
                f"{number['number']} serves {number['assistant_id']}, {number['monthly']} a month"
            )
            _quote("; ".join(number["blockers"]))
        served = {number["number"]: number["assistant_id"] for number in listed["numbers"]}
        _check(served == {NUMBER: "reception"}, "one number is ours, and serves reception")
        await _run("spending")
        _head(8, "The records agree with each other.")
        await _run("ledger", "verify")
        await _run("audit", "verify")

    async def _offers(self, **wish: object) -> Sequence[Mapping[str, Any]]:
        shown = ", ".join(["US", *(f"{name} {value}" for name, value in wish.items())])
        found = await self._call("search_numbers", shown, {"country": "US", **wish})
        offers: Sequence[Mapping[str, Any]] = found["offers"]
        _check(bool(offers), "something is on sale")
        for offer in offers:
            where = offer["place"] or offer["type"].replace("_", "-")
            _quote(f"{offer['number']}  {where}  {offer['setup']} + {offer['monthly']} a month")
        return offers

    async def _call(
        self, tool: str, shown: str, arguments: dict[str, Any], *, is_refused: bool = False
    ) -> Mapping[str, Any]:
        """Call a tool as the assistant does."""
        _say(f"assistant> {tool} {shown}".rstrip())
        result = await self._client.call_tool(tool, arguments)
        document = result.structured_content or {}
        said = document.get("error", {}).get("message", "it is allowed")
        _check(bool(result.is_error) == is_refused, f"{tool}: {said}")
        return document


async def _run(*command: str) -> None:
    """Run a command as the person would, in this process and beside the server's."""
    _say(f"$ ringfence {' '.join(command)}")
    code = await to_thread.run_sync(run, command)
    _check(code == Exit.DONE, f"ringfence {command[0]} ends with 0, not {code}")


def _check(is_so: bool, what: str) -> None:
    if not is_so:
        raise NotAsTold(what)


def _head(step: int, text: str) -> None:
    console().print(f"\n{step}. {text}", style="bold")


def _say(text: str) -> None:
    console().print(textwrap.fill(text, WIDTH - 3, initial_indent="   ", subsequent_indent="   "))


def _quote(text: str) -> None:
    for line in text.splitlines():
        for part in textwrap.wrap(line, WIDTH - 5, break_long_words=False) or [""]:
            console().print(f"   | {part}", style="dim", soft_wrap=True)
