"""Asking a person through their client, where that is enough; and waiting for what follows.

A tool returns an intent; the asking is the server's. In this order: a form, where level `client`
is enough and the client has forms; else the plain waiting result, which tells the person where
to go.

Nothing is remembered between the rounds of one call: the tool finds the same intent again by what
was wished, and the answer is filed under the intent's id, so that it can never approve another.
Waiting only watches the stored row, which is why a cancelled call changes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

import anyio
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from ringfence.desk import Desk
from ringfence.errors import InvalidArguments, RingfenceError, StorageUnavailable
from ringfence.intents import Intent, Level
from ringfence.states import IntentState
from ringfence_server.question import SCHEMA, last_four, message, question
from ringfence_tools.operation import AnyOperation, Call, Result

WAIT_AFTER_ASKING_SECONDS = 25.0
"""For the purchase to be made, once a person was asked; many clients give a call up after 60."""
LOOK_SECONDS = 1.0
"""How long a form may stay open at most after the intent was decided elsewhere."""


class ApproveByClient(Protocol):
    """How the desk takes a form's answer."""

    def __call__(
        self, desk: Desk, principal: str, intent_id: str, *, last_four: str
    ) -> Awaitable[Intent]:
        """Approve at level `client`; raises `InvalidArguments` for the wrong digits."""
        ...


@dataclass(frozen=True)
class Intents:
    """What the desk can do with one intent: all take desk, principal and the intent's id."""

    get: Callable[[Desk, str, str], Awaitable[Intent]]
    wait: Callable[[Desk, str, str, float], Awaitable[Intent]]
    """Returns once the intent has ended or needs attention, or when the seconds are over."""
    approve: ApproveByClient
    decline: Callable[[Desk, str, str], Awaitable[Intent]]
    """Notes that the client did not approve: nothing is approved, and the time left is cut."""


def intents_of_the_desk() -> Intents:
    """The stories that the real desk tells."""
    from ringfence.desk.buying import get_intent, wait_for_intent
    from ringfence.desk.consenting import approve_by_client, client_declined

    return Intents(get_intent, wait_for_intent, approve_by_client, client_declined)


class Asked(Enum):
    """What came of asking in the client."""

    NOBODY = auto()
    """No form, not enough, or no answer that counts: as if there were no forms."""
    DECIDED = auto()
    """Approved by the answer, or decided elsewhere while the form was open."""
    NOT_APPROVED = auto()
    """Declined, cancelled, or filled in wrongly."""


def has_forms(context: Context[Any, Any]) -> bool:
    """Whether the client says that it can show a form; an empty declaration means just that."""
    capabilities = context.client_capabilities
    declared = capabilities.elicitation if capabilities else None
    return declared is not None and (declared.form is not None or declared.url is None)


@dataclass(frozen=True)
class Matter:
    """One call that led to an intent, and the client it came from."""

    operation: AnyOperation
    arguments: Any
    call: Call
    context: Context[Any, Any]
    intents: Intents
    intent_id: str

    async def see_through(self, result: Result) -> Result | InputRequiredResult:
        """Take the intent as far as this call can, and tell how it stands then.

        An `InputRequiredResult` is the question: the client repeats the call with the answer.
        """
        asked = await self._ask()
        if isinstance(asked, InputRequiredResult):
            return asked
        seconds = float(self.operation.wait_seconds(self.arguments))
        if asked is Asked.DECIDED:
            seconds = WAIT_AFTER_ASKING_SECONDS
        if seconds:
            await self._wait(seconds)
        elif asked is Asked.NOBODY:
            return result
        return await self._follow()

    async def _ask(self) -> Asked | InputRequiredResult:
        answers = self.context.input_responses
        if self.operation.is_read_only or not has_forms(self.context):
            return Asked.NOBODY
        intent = await self._intent()
        if intent.terms.level is not Level.CLIENT:
            return Asked.NOBODY
        if intent.state is not IntentState.AWAITING_APPROVAL:  # between two rounds, maybe
            return Asked.NOBODY if answers is None else Asked.DECIDED
        if self.context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            return await self._take(await self._answer_to_open_form(intent))
        if answers is None:
            return InputRequiredResult(input_requests={self.intent_id: question(intent)})
        return await self._take(answers.get(self.intent_id))

    async def _answer_to_open_form(self, intent: Intent) -> ElicitResult | None:
        """What the client answers; None as soon as the intent is decided elsewhere."""
        answer: ElicitResult | None = None
        async with anyio.create_task_group() as race:

            async def close_when_decided() -> None:
                with suppress(StorageUnavailable):  # then the form stays open, and counts
                    while not _is_decided(await self._wait(LOOK_SECONDS)):
                        pass
                    race.cancel_scope.cancel()

            race.start_soon(close_when_decided)
            answer = await self._fill_in(intent)
            race.cancel_scope.cancel()
        return answer

    async def _fill_in(self, intent: Intent) -> ElicitResult | None:
        session = self.context.session
        try:
            answer: ElicitResult = await session.elicit_form(
                message(intent), SCHEMA, self.context.request_id
            )
        except (MCPError, ValidationError):  # it cannot ask after all, or answers nonsense
            return None
        return answer

    async def _take(self, answer: object) -> Asked:
        """Approve if the answer says so; every other answer counts like a decline."""
        if not isinstance(answer, ElicitResult):
            return Asked.DECIDED if _is_decided(await self._intent()) else Asked.NOBODY
        desk, principal = self.call.desk, self.call.principal
        if digits := last_four(answer):
            try:
                await self.intents.approve(desk, principal, self.intent_id, last_four=digits)
            except InvalidArguments:
                pass
            except RingfenceError:
                if not _is_decided(await self._intent()):
                    raise
                return Asked.DECIDED  # elsewhere, a moment ago
            else:
                return Asked.DECIDED
        await self.intents.decline(desk, principal, self.intent_id)
        return Asked.NOT_APPROVED

    async def _follow(self) -> Result:
        if self.operation.follow is None:
            raise RuntimeError(f"{self.operation.name} leads to an intent that it cannot follow.")
        result: Result = await self.operation.follow(self.call, self.arguments, self.intent_id)
        return result

    async def _intent(self) -> Intent:
        return await self.intents.get(self.call.desk, self.call.principal, self.intent_id)

    async def _wait(self, seconds: float) -> Intent:
        """The intent once it is over, or as it stands when the seconds are."""
        call = self.call
        return await self.intents.wait(call.desk, call.principal, self.intent_id, seconds)


def _is_decided(intent: Intent) -> bool:
    return intent.state is not IntentState.AWAITING_APPROVAL
