"""A process that buys one number, or gives one back, and is killed at a point of that story.

It is put together here, in the test, of parts that die on command; the product knows nothing of it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import NoReturn, TypeVar

import anyio

from house import ME, PERSON
from ringfence.clock import ManualClock
from ringfence.desk import Desk
from ringfence.desk.buying import BuyWish, propose_buy
from ringfence.desk.consenting import approve_at_terminal
from ringfence.desk.provisioning import ProvisionWish, provision
from ringfence.desk.releasing import ReleaseWish, propose_release
from ringfence.guard.dispatch import Claimed
from ringfence.ids import RandomIds
from ringfence.intents import Intent, Line
from ringfence.inventory import NumberRecord, Owned, Routing
from ringfence.outcomes import Outcome
from ringfence.providers.protocol import PaidRequest
from ringfence.providers.sandbox import SandboxAdapter
from ringfence.runner import Runner
from ringfence.sandbox.carrier import Carrier
from ringfence.sandbox.orders import Order
from ringfence.sandbox.releases import Release
from ringfence.states import IntentState
from ringfence.store.engine import open_engine
from ringfence.store.installation import sqlite_url
from ringfence.store.transaction import Store, Transaction
from ringfence.store.watch import Bell
from ringfence.ticket import Grant, Ticket

T = TypeVar("T")

POINTS = (
    "before the proposal is committed",
    "after the proposal is committed",
    "before the consent is committed",
    "after the consent is committed",
    "before the claim is committed",
    "after the claim is committed",
    "before the request leaves",
    "before the carrier charges",
    "after the carrier has charged",
    "after the answer",
    "before the outcome is committed",
    "after the outcome is committed",
    "before the grant is committed",
    "after the grant is committed",
    "after the carrier has connected",
    "before the connection is committed",
    "after the connection is committed",
)
"""In the order in which a purchase that goes well comes by."""

POINTS_OF_A_RELEASE = (
    "before the proposal is committed",
    "after the proposal is committed",
    "before the consent is committed",
    "after the consent is committed",
    "before the claim is committed",
    "after the claim is committed",
    "before the release leaves",
    "before the carrier takes it back",
    "after the carrier has taken it back",
    "after the carrier's word",
    "before the outcome is committed",
    "after the outcome is committed",
)
"""The same for a release."""


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("killed processes do not come here")


@dataclass(frozen=True)
class Deadly:
    """Knows at which point this process ends."""

    point: str

    def passes(self, point: str) -> None:
        if point == self.point:
            _die()


class DeadlyStore(Store):
    """Tells the transactions of a purchase apart by what they give."""

    deadly: Deadly

    async def write(self, body: Callable[[Transaction], T]) -> T:
        def watched(tx: Transaction) -> T:
            result = body(tx)
            self.deadly.passes(f"before the {_name(result)} is committed")
            return result

        result = await super().write(watched)
        self.deadly.passes(f"after the {_name(result)} is committed")
        return result


def _name(result: object) -> str:
    match result:
        case Claimed():
            return "claim"
        case Line():
            return "outcome"
        case Intent(state=IntentState.AWAITING_APPROVAL):
            return "proposal"
        case Intent():
            return "consent"
        case (Grant(), _):
            return "grant"
        case NumberRecord():
            return "connection"
        case _:
            return "rest"


class DeadlyCarrier(Carrier):
    deadly: Deadly

    def buy(self, stock_id: str, *, tag: str, deadline: float | None = None) -> Order:
        self.deadly.passes("before the carrier charges")
        try:
            return super().buy(stock_id, tag=tag, deadline=deadline)
        finally:
            self.deadly.passes("after the carrier has charged")

    def release(self, number_id: str, *, deadline: float | None = None) -> Release:
        self.deadly.passes("before the carrier takes it back")
        try:
            return super().release(number_id, deadline=deadline)
        finally:
            self.deadly.passes("after the carrier has taken it back")


class DeadlyAdapter(SandboxAdapter):
    deadly: Deadly

    async def buy(self, ticket: Ticket, request: PaidRequest) -> Outcome:
        self.deadly.passes("before the request leaves")
        outcome = await super().buy(ticket, request)
        self.deadly.passes("after the answer")
        return outcome

    async def release(self, ticket: Ticket, request: PaidRequest) -> Outcome:
        self.deadly.passes("before the release leaves")
        outcome = await super().release(ticket, request)
        self.deadly.passes("after the carrier's word")
        return outcome

    async def configure(self, grant: Grant, carrier_ref: str, routing: Routing) -> Owned:
        owned = await super().configure(grant, carrier_ref, routing)
        self.deadly.passes("after the carrier has connected")
        return owned


@dataclass(frozen=True)
class Errand:
    """What a process is sent to do."""

    folder: Path
    wish: BuyWish | ReleaseWish | ProvisionWish
    at: datetime
    point: str


def run(errand: Errand) -> None:
    """Propose, approve and work, unless killed before."""
    anyio.run(_run, errand)


async def _run(errand: Errand) -> None:
    deadly, clock, ids = Deadly(errand.point), ManualClock(errand.at), RandomIds()
    store = DeadlyStore(
        open_engine(sqlite_url(errand.folder / "ringfence.db")), clock=clock, ids=ids
    )
    carrier = DeadlyCarrier(errand.folder / "carrier.db", clock)
    adapter = DeadlyAdapter(carrier)
    store.deadly = carrier.deadly = adapter.deadly = deadly
    desk = Desk(store, {adapter.provider: adapter}, ids, Bell())
    intent = await _proposed(desk, errand.wish)
    await approve_at_terminal(desk, intent.intent_id, digest=intent.digest, person=PERSON)
    runner = Runner(desk, owner="the one that dies")
    while await runner.step():
        pass


async def _proposed(desk: Desk, wish: BuyWish | ReleaseWish | ProvisionWish) -> Intent:
    match wish:
        case BuyWish():
            return await propose_buy(desk, ME, wish)
        case ReleaseWish():
            return await propose_release(desk, ME, wish)
    intent = await provision(desk, ME, wish)
    assert isinstance(intent, Intent)
    return intent


PROVISION = ProvisionWish("reception", "US", area_code="415")


def wish(offer_id: str) -> BuyWish:
    """What the process asks for, and whoever comes after it asks for again."""
    return BuyWish(items=[offer_id], assistant_id="reception", idempotency_key="one")


@cache
def context() -> ForkServerContext:
    """Children of a server that has imported everything already; a child of our own start would take a second."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context
