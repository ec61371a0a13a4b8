"""Asking a person through their client, where that is enough; and waiting for what follows.

A tool returns an intent; the asking is the server's. In this order: a form, where level `client`
is enough and the client has forms; the approval page, where the client can take a person there;
else the plain waiting result, which tells the person where to go.

Nothing is remembered between the rounds of one call: the tool finds the same intent again by what
was wished, and the answer is filed under the intent's id, so that it can never approve another.
Waiting only watches the stored row, which is why a cancelled call changes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

import anyio
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from ringfence.errors import InvalidArguments, RingfenceError, StorageUnavailable
from ringfence.intents import Intent, Level
from ringfence.states import IntentState
from ringfence_server.dialog import Dialog, FormDialog, PageDialog, has_forms, has_urls
from ringfence_server.intent_stories import Intents
from ringfence_server.question import last_four
from ringfence_tools.operation import AnyOperation, Call, Channel, Result, Surface

WAIT_AFTER_ASKING_SECONDS = 25.0
"""For the purchase to be made, once a person was asked; many clients give a call up after 60."""
LOOK_SECONDS = 1.0
"""How long a form may stay open at most after the intent was decided elsewhere."""


class Asked(Enum):
    """What came of asking in the client."""

    NOBODY = auto()
    """No dialog, not enough, or no answer that counts: as if the client could ask nobody."""
    DECIDED = auto()
    """Approved by the answer, or decided elsewhere while the dialog was open."""
    SENT = auto()
    """The person goes to the page; what they do there is seen in the store."""
    NOT_APPROVED = auto()
    """Declined, cancelled, or filled in wrongly."""


@dataclass(frozen=True)
class Matter:
    """One call that led to an intent, and the client it came from."""

    operation: AnyOperation
    arguments: Any
    call: Call
    context: Context[Any, Any]
    intents: Intents
    approve_at: Callable[[], Awaitable[Sequence[str]]]
    """Where the approval page is, started if it must be, the address for people first; none where there is none."""
    intent_id: str

    async def see_through(self, result: Result) -> Result | InputRequiredResult:
        """Take the intent as far as this call can, and tell how it stands then.

        An `InputRequiredResult` is the question: the client repeats the call with the answer.
        """
        surface = await self._surface(result)
        page = surface.approve_at
        dialog = await self._dialog(page)
        asked = await self._ask(dialog)
        if isinstance(asked, InputRequiredResult):
            return asked
        seconds = float(self.operation.wait_seconds(self.arguments))
        if asked in _ENDING:
            seconds = WAIT_AFTER_ASKING_SECONDS
        if seconds:
            intent = await self._wait(seconds)
            if dialog is not None and self._is_legacy and _is_decided(intent):
                await dialog.close(self.context.session, self.context.request_id)
            surface = await surface_for(intent, self.call, self.intents, self.approve_at)
        elif asked is Asked.NOBODY and surface.ways is None:
            return result
        return await self._follow(surface)

    async def _surface(self, result: Result) -> Surface:
        if getattr(intent_in(result), "state", None) is not IntentState.AWAITING_APPROVAL:
            return self.call.surface
        return await surface_for(await self._intent(), self.call, self.intents, self.approve_at)

    async def _dialog(self, page: str | None) -> Dialog | None:
        """How to ask in the client; None where it cannot, or there is nothing to ask."""
        can_show, can_send = has_forms(self.context), page and has_urls(self.context)
        if self.operation.is_read_only or not (can_show or can_send):
            return None
        intent = await self._intent()
        if _is_decided(intent):
            return None
        if can_show and intent.terms.level is Level.CLIENT:
            return FormDialog(intent)
        return PageDialog(intent, page) if page and can_send else None

    async def _ask(self, dialog: Dialog | None) -> Asked | InputRequiredResult:
        answers = self.context.input_responses
        if dialog is None:  # the second round may find that somebody has decided
            is_second = answers is not None and not self.operation.is_read_only
            return Asked.DECIDED if is_second and await self._is_decided() else Asked.NOBODY
        if self._is_legacy:
            return await self._take(dialog, await self._answer_to(dialog))
        if answers is None:
            return InputRequiredResult(input_requests={self.intent_id: dialog.request()})
        return await self._take(dialog, answers.get(self.intent_id))

    @property
    def _is_legacy(self) -> bool:
        return self.context.protocol_version not in MODERN_PROTOCOL_VERSIONS

    async def _answer_to(self, dialog: Dialog) -> ElicitResult | None:
        """What a client of the old era answers; None as soon as the intent is decided elsewhere."""
        answer: ElicitResult | None = None
        async with anyio.create_task_group() as race:

            async def close_when_decided() -> None:
                with suppress(StorageUnavailable):  # then the dialog stays open, and counts
                    while not _is_decided(await self._wait(LOOK_SECONDS)):
                        pass
                    race.cancel_scope.cancel()

            race.start_soon(close_when_decided)
            # It cannot ask after all, or answers nonsense: as if there were no dialog.
            with suppress(MCPError, ValidationError):
                answer = await dialog.open(self.context.session, self.context.request_id)
            race.cancel_scope.cancel()
        return answer

    async def _take(self, dialog: Dialog, answer: object) -> Asked:
        """Approve if a form's answer says so; every answer that is no yes counts like a decline."""
        if not isinstance(answer, ElicitResult):
            return Asked.DECIDED if await self._is_decided() else Asked.NOBODY
        if isinstance(dialog, PageDialog):
            if answer.action == "accept":
                return Asked.SENT
        elif (digits := last_four(answer)) and await self._approve(digits):
            return Asked.DECIDED
        await self.intents.decline(self.call.desk, self.call.principal, self.intent_id)
        return Asked.NOT_APPROVED

    async def _approve(self, digits: str) -> bool:
        """Approve by a form; False for the wrong digits."""
        call = self.call
        try:
            await self.intents.approve(call.desk, call.principal, self.intent_id, last_four=digits)
        except InvalidArguments:
            return False
        except RingfenceError:
            if not await self._is_decided():
                raise
        return True  # now, or elsewhere a moment ago

    async def _follow(self, surface: Surface) -> Result:
        if self.operation.follow is None:
            raise RuntimeError(f"{self.operation.name} leads to an intent that it cannot follow.")
        call = replace(self.call, surface=surface)
        result: Result = await self.operation.follow(call, self.arguments, self.intent_id)
        return result

    async def _is_decided(self) -> bool:
        return _is_decided(await self._intent())

    async def _intent(self) -> Intent:
        return await self.intents.get(self.call.desk, self.call.principal, self.intent_id)

    async def _wait(self, seconds: float) -> Intent:
        """The intent once it is over, or as it stands when the seconds are."""
        call = self.call
        return await self.intents.wait(call.desk, call.principal, self.intent_id, seconds)


def intent_in(result: Result) -> object:
    """What holds the intent's fields in a result: the result itself, or its field `intent`."""
    return getattr(result, "intent", None) or result


_ENDING = frozenset({Asked.DECIDED, Asked.SENT})
"""The purchase may be made any moment, so the call waits for it."""


async def surface_for(
    intent: Intent,
    call: Call,
    intents: Intents,
    approve_at: Callable[[], Awaitable[Sequence[str]]],
) -> Surface:
    """What the caller sees of an intent: how people can consent to it now, and where."""
    surface = call.surface
    if _is_decided(intent):
        return surface
    addresses: Sequence[str | None] = await approve_at() or (None,)
    seen = [
        (address, await intents.ways(call.desk, intent.intent_id, origin=address))
        for address in addresses
    ]
    address, found = next((each for each in seen if each[1].serves_page), seen[0])
    page = f"{address}/i/{intent.intent_id}" if address and found.serves_page else None
    others = [channel for channel in surface.channels if channel not in {"page", "terminal"}]
    here: list[Channel] = ["page"] if page else []
    if found.serves_terminal:
        here.append("terminal")
    return replace(surface, channels=[*others, *here], approve_at=page, ways=found)


def _is_decided(intent: Intent) -> bool:
    return intent.state is not IntentState.AWAITING_APPROVAL
