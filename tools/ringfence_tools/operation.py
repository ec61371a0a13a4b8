"""What a tool is: a name, words for a model, strict arguments and result, and a story to run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from ringfence.desk import Desk
from ringfence.desk.progress import Progress, Step
from ringfence.offers import Provider

if TYPE_CHECKING:  # it knows the store, which a client's first list must not wait for
    from ringfence.guard.ways import Ways


class Arguments(BaseModel):
    """Arguments of a tool: closed, strict, frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Part(BaseModel):
    """An object inside a result: closed, strict, frozen.

    A field without a default always stands in the document, as null where it is None. A field with
    the default None is left out while it is None. No result has another default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def as_document(self) -> dict[str, Any]:
        """The plain JSON object that callers see."""
        return self.model_dump(mode="json", exclude_defaults=True)


class Result(Part):
    """What a tool returns; `simulated` and `next_step` come with every one."""

    simulated: bool
    next_step: str


Channel = Literal["client", "page", "terminal"]
"""A form in the client, the approval page, the terminal of the installation."""


@dataclass(frozen=True)
class Surface:
    """What this server shows its caller: which tools it lists, and where a person can consent."""

    tools: frozenset[str]
    channels: Sequence[Channel] = ("terminal",)
    """Where a person can say yes; `client` where the client has shown that it draws forms."""
    approve_at: str | None = None
    """The approval page's address while one lives that serves for it."""
    ways: Ways | None = None
    """How people can consent to the one intent that is looked at; None where nobody has looked."""


Report = Callable[[int, int, str], Awaitable[None]]
"""Takes how many are done, of how many, and that in words."""


async def unheard(_done: int, _total: int, _words: str) -> None:
    """Nobody asked how far it is."""


@dataclass(frozen=True)
class Call:
    """One call: who asks, of which desk, what they can see, and how they hear of progress."""

    desk: Desk
    principal: str
    surface: Surface
    report: Report = unheard

    def counting(self, verb: str, things: str = "") -> Progress:
        """Progress of a story in words: `Reserved 3 of 25.`, `Reserved 2 of 25, 1 failed.`."""

        async def tell(step: Step) -> None:
            done = f"{verb} {step.done - step.failed} of {step.total} {things}".rstrip()
            failed = f", {step.failed} failed" if step.failed else ""
            await self.report(step.done, step.total, f"{done}{failed}.")

        return tell

    def is_simulated(self, providers: Iterable[Provider]) -> bool:
        """Whether nothing in a result is real; the desk decides where it names no provider."""
        named = set(providers)
        return named == {Provider.SANDBOX} if named else self.desk.is_simulated


A = TypeVar("A", bound=Arguments)
R = TypeVar("R", bound=Result)


@dataclass(frozen=True)
class Operation(Generic[A, R]):
    """One tool. `run` tells the story; `read` writes the same facts for a person, in their order.

    Nothing here waits for a person: the caller runs, asks or waits where it can, and then follows.
    """

    name: str
    title: str
    description: str
    arguments: type[A]
    result: type[R]
    run: Callable[[Call, A], Awaitable[R]]
    read: Callable[[R], str]
    scopes: frozenset[str]
    is_read_only: bool
    is_idempotent: bool = True
    is_destructive: bool = False
    is_open_world: bool = True
    follow: Callable[[Call, A, str], Awaitable[R]] | None = None
    """For tools that may return an intent: the result as it stands for that intent's id now."""
    wait_seconds: Callable[[A], int] = field(default=lambda _arguments: 0)
    """How long the caller asked to wait for an intent to end."""


AnyOperation = Operation[Any, Any]
