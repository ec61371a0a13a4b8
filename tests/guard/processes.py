"""Processes that can be killed, stalled and taken over, all in one thread and one event loop.

Nothing here runs in a worker thread, so that a failing run is replayed exactly. A process dies at a transaction of its
own; what it had not committed is rolled back, its leases stay, and whatever it does next raises `Killed`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from ringfence.clock import ManualClock
from ringfence.desk import Desk
from ringfence.ids import IdSource
from ringfence.outcomes import Outcome
from ringfence.providers.protocol import PaidRequest
from ringfence.providers.sandbox import SandboxAdapter
from ringfence.runner import Runner
from ringfence.sandbox.carrier import Carrier
from ringfence.sandbox.faults import Fault
from ringfence.store.transaction import Store, Transaction
from ringfence.store.watch import Bell
from ringfence.ticket import Ticket

T = TypeVar("T")


class Killed(BaseException):
    """This process is dead; no handler of its own sees that."""


class MortalStore(Store):
    """The store as one process sees it, without threads; the process can be made to die in it."""

    def __init__(self, engine: Engine, *, clock: ManualClock, ids: IdSource) -> None:
        super().__init__(engine, clock=clock, ids=ids)
        self.is_dead = False
        self._writes_left: int | None = None
        self._dies_after_commit = False

    def die_at(self, write: int, *, after_commit: bool) -> None:
        """Die at this process's next write but `write - 1`, just before or just after it is committed."""
        self._writes_left, self._dies_after_commit = write, after_commit

    def spare(self) -> None:
        """Do not die after all."""
        self._writes_left = None

    async def write(self, body: Callable[[Transaction], T]) -> T:
        self.check_alive()
        if self._writes_left is not None:
            self._writes_left -= 1
        if self._writes_left != 0:
            return self.write_now(body)
        self.is_dead = True
        if self._dies_after_commit:
            self.write_now(body)
        else:
            self.write_now(lambda tx: _die(body(tx)))
        raise Killed

    async def read(self, body: Callable[[Transaction], T]) -> T:
        self.check_alive()
        return self.read_now(body)

    def _moment(self, connection: Connection) -> datetime:
        """By our clock on every database: a server's own never tells the same time twice."""
        return self.clock.now()

    def check_alive(self) -> None:
        """Raise `Killed` in a process that is dead."""
        if self.is_dead:
            raise Killed


def _die(_result: object) -> None:
    raise Killed


class InlineThreads:
    """Stands in for `anyio.to_thread`: runs the call at once, here."""

    @staticmethod
    async def run_sync(call: Callable[[], T], *, abandon_on_cancel: bool = False) -> T:
        return call()


class StallingAdapter(SandboxAdapter):
    """An adapter whose process can be suspended with a paid request in its hands, before it sends or while it does."""

    def __init__(self, carrier: Carrier, store: MortalStore, *, clock: ManualClock) -> None:
        super().__init__(carrier, sleep=self._slow)
        self._store = store
        self._clock = clock
        self._stalls_before_send = False
        self._stalls_on_the_wire = False
        self._pays_more = False
        self.stalled = asyncio.Event()
        self._woken = asyncio.Event()

    def stall(self, *, on_the_wire: bool) -> None:
        """Be suspended at the next paid request: with it in hand, or (then the carrier is slow) while it travels."""
        if on_the_wire:
            self._carrier.add_fault(Fault.SLOW)
        self._stalls_on_the_wire, self._stalls_before_send = on_the_wire, not on_the_wire

    def pay_more(self) -> None:
        """Let the price of the next purchase rise after its last quote."""
        self._pays_more = True

    def wake(self) -> None:
        """Go on."""
        self._stalls_before_send = self._stalls_on_the_wire = False
        self.stalled.clear()
        self._woken.set()

    async def buy(self, ticket: Ticket, request: PaidRequest) -> Outcome:
        if self._pays_more:
            self._pays_more = False
            self._carrier.add_fault(Fault.PRICE_MOVED)
            self._carrier.quote(json.loads(request.body)["stock_id"])
        if self._stalls_before_send:
            await self._stall()
        self._store.check_alive()
        return await super().buy(ticket, request)

    async def release(self, ticket: Ticket, request: PaidRequest) -> Outcome:
        if self._stalls_before_send:
            await self._stall()
        self._store.check_alive()
        return await super().release(ticket, request)

    async def _slow(self, seconds: float) -> None:
        if self._stalls_on_the_wire:
            await self._stall()
        else:
            self._clock.advance(seconds=seconds)

    async def _stall(self) -> None:
        self._woken.clear()
        self.stalled.set()
        await self._woken.wait()
        self._store.check_alive()


class Process:
    """One process of an installation: its store, its carrier connection, its runner, and the step that it is at."""

    def __init__(
        self, engine: Engine, carrier: Carrier, *, clock: ManualClock, ids: IdSource, owner: str
    ) -> None:
        self.store = MortalStore(engine, clock=clock, ids=ids)
        self.adapter = StallingAdapter(carrier, self.store, clock=clock)
        self.desk = Desk(self.store, {self.adapter.provider: self.adapter}, ids, Bell())
        self.runner = Runner(self.desk, owner=owner)
        self._step: asyncio.Task[bool] | None = None

    @property
    def is_stalled(self) -> bool:
        return self._step is not None

    async def step(self) -> bool:
        """One step of the runner; a process that stalls in it is left there. False when nothing was due."""
        return await self._go_on(asyncio.create_task(self.runner.step()))

    async def wake(self) -> None:
        """Let a stalled step go on to its end."""
        step, self._step = self._step, None
        self.adapter.wake()
        if step is not None:
            await self._go_on(step)

    async def _go_on(self, step: asyncio.Task[bool]) -> bool:
        stalled = asyncio.create_task(self.adapter.stalled.wait())
        await asyncio.wait([step, stalled], return_when=asyncio.FIRST_COMPLETED)
        stalled.cancel()
        if not step.done():
            await _let_others_finish()
        if not step.done():
            self._step = step
            return True
        return await _unless_killed(step)


async def _let_others_finish() -> None:
    """Enough turns of the loop for whatever is not stalled: nothing else here ever waits."""
    for _ in range(200):
        await asyncio.sleep(0)


async def _unless_killed(work: Awaitable[bool]) -> bool:
    """What the work gives; True for a process that was killed at it."""
    try:
        return await work
    except BaseException as error:
        if _is_only(error, Killed):
            return True
        raise


def _is_only(error: BaseException, kind: type[BaseException]) -> bool:
    if isinstance(error, BaseExceptionGroup):
        inner: tuple[Any, ...] = error.exceptions
        return all(_is_only(each, kind) for each in inner)
    return isinstance(error, kind)
