"""What the server needs of the desk to ask about one intent; all take desk, principal and the intent's id."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ringfence.desk import Desk
from ringfence.errors import NotFound
from ringfence.ids import Prefix, pattern
from ringfence.intents import Intent
from ringfence.states import ENDED_INTENTS

if TYPE_CHECKING:  # it knows the store, which a client's first list must not wait for
    from ringfence.guard.ways import Ways

_INTENT_ID = re.compile(pattern(Prefix.INTENT))


class ApproveByClient(Protocol):
    """How the desk takes a form's answer."""

    def __call__(
        self, desk: Desk, principal: str, intent_id: str, *, last_four: str
    ) -> Awaitable[Intent]:
        """Approve at level `client`; raises `InvalidArguments` for the wrong digits."""
        ...


class WaysOf(Protocol):
    """How the desk tells how people can consent to an intent."""

    def __call__(self, desk: Desk, intent_id: str, /, *, origin: str | None) -> Awaitable[Ways]:
        """The ways at this moment; `origin` is the page's, None where there is none."""
        ...


@dataclass(frozen=True)
class Intents:
    """What the desk can do with one intent: all take desk, principal and the intent's id."""

    get: Callable[[Desk, str, str], Awaitable[Intent]]
    wait: Callable[[Desk, str, str, float], Awaitable[Intent]]
    """Returns once the intent has ended or needs attention, or when the seconds are over."""
    approve: ApproveByClient
    ways: WaysOf
    decline: Callable[[Desk, str, str], Awaitable[Intent]]
    """Notes that the client did not approve: nothing is approved, and the time left is cut."""


def intents_of_the_desk() -> Intents:
    """The stories that the real desk tells."""
    from ringfence.desk.buying import get_intent, wait_for_intent
    from ringfence.desk.consenting import approve_by_client, client_declined, ways_to_consent

    return Intents(get_intent, wait_for_intent, approve_by_client, ways_to_consent, client_declined)


async def ended_since_asked(
    intents: Intents, desk: Desk, principal: str, answers: Mapping[str, object] | None
) -> str | None:
    """The intent that these answers of a second round are about, if it has ended since the first.

    Such a call is about what became of it. Run anew it would propose the same again, right after a
    person declined it.
    """
    if answers is None or len(answers) != 1:
        return None
    [intent_id] = answers
    if _INTENT_ID.fullmatch(intent_id) is None:
        return None
    try:
        intent = await intents.get(desk, principal, intent_id)
    except NotFound:
        return None
    return intent_id if intent.state in ENDED_INTENTS else None
