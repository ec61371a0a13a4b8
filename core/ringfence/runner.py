"""The runner: does what was approved, and finishes what a dead process began.

Every process of an installation runs one. Who does what is decided in the store: a line is claimed by
compare-and-set, and a look at a carrier is worth something only if the line has not changed meanwhile. So any number
of runners may meet on one line, and none of them need be alive for long.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import anyio
import anyio.lowlevel
from anyio import CancelScope

from ringfence.desk.assistants import routing_for
from ringfence.desk.buying import has_ended
from ringfence.desk.counter import Desk, times_of
from ringfence.errors import NotFound, ProviderUnavailable, RingfenceError
from ringfence.guard import approval, connection, dispatch, listing, settlement
from ringfence.guard.dispatch import Claimed
from ringfence.intents import Intent, Line, Op
from ringfence.inventory import NumberRecord, Owned, Routing
from ringfence.outcomes import (
    Absent,
    Captured,
    Look,
    Outcome,
    Refused,
    Times,
    Unclear,
    Unknown,
)
from ringfence.providers.protocol import CarrierAdapter, PaidRequest
from ringfence.settle import Lister
from ringfence.states import LineState
from ringfence.store import intents, inventory, lease
from ringfence.store import offers as stored
from ringfence.store.transaction import Transaction
from ringfence.tags import purchase_tag
from ringfence.ticket import Grant, Ticket

log = logging.getLogger(__name__)

BATCH = 20
"""How much is taken up in one round; the rest is taken up in the next."""
IDLE_SECONDS = 1.0
"""How often an idle runner looks whether another process left it something."""
LEASE_MARGIN_SECONDS = 1.0
"""A piece of work keeps other runners away a little longer than a sender can be alive with its ticket."""
REQUOTE_EVERY = timedelta(minutes=5)
"""How old the price on a waiting card may grow."""
EXTEND_BEFORE = timedelta(minutes=10)
"""A carrier's hold that ends this soon is extended while a person decides."""


@dataclass(frozen=True)
class _Work:
    """What is due now, by kind; ids alone, since whoever does it reads it anew."""

    overdue: list[str]
    lines: list[str]
    numbers: list[str]
    stale: list[str]

    def __bool__(self) -> bool:
        return bool(self.overdue or self.lines or self.numbers or self.stale)


_Claim = tuple[Claimed, Ticket, PaidRequest]
"""A line that nobody else may send, the permission to, and what is sent."""


@dataclass(frozen=True)
class Settled:
    """What a settling run did, and what it had to leave."""

    rounds: int
    open_lines: int
    waiting_lines: int
    """How many of them only a person can settle."""
    unsent_lines: int = 0
    """How many more are approved, and were not sent."""
    damaged: int = 0
    """How many intents cannot be read."""

    @property
    def is_done(self) -> bool:
        """Whether nothing is left at all."""
        return not (self.open_lines or self.unsent_lines or self.damaged)


class Runner:
    """Works off what is due, in this process."""

    def __init__(self, desk: Desk, *, owner: str) -> None:
        self._desk = desk
        self._owner = owner
        self._lister = Lister(desk, owner=owner)
        times = [times_of(carrier) for carrier in desk.carriers.values()]
        longest = max((t.ticket_life + t.read_timeout for t in times), default=0)
        self._lease_seconds = longest + LEASE_MARGIN_SECONDS

    async def run(self) -> None:
        """Work until cancelled; a round that fails is logged, and tried again."""
        while True:
            try:
                if await self.step():
                    continue
            except RingfenceError as error:
                log.warning("The runner pauses: %s", error.message)
            except Exception:
                log.exception("The runner met a bug")
            await self._desk.bell.wait(IDLE_SECONDS)

    async def work_until_ended(self, intent_id: str, seconds: float) -> Intent:
        """Work until this intent has ended, or needs attention, or the time is over; the intent as it stands then.

        Raises:
            NotFound: no such intent.
        """
        with anyio.move_on_after(seconds):
            while not await self._desk.store.read(
                lambda tx: has_ended(tx, approval.existing(tx, intent_id))
            ):
                if not await self.step():
                    await self._desk.bell.wait()
        return await self._desk.store.read(lambda tx: approval.existing(tx, intent_id))

    async def settle(self, seconds: float) -> Settled:
        """Work until nothing is left that time and carriers can settle, or the time is over."""
        rounds = 0
        with anyio.move_on_after(seconds):
            while await self._desk.store.read(_is_unsettled):
                if await self.step():
                    rounds += 1
                else:
                    await self._desk.bell.wait()
        return await self._desk.store.read(partial(_settled, rounds=rounds))

    async def step(self) -> bool:
        """Do everything that is due now, side by side; False when there was nothing for this runner."""
        work = await self._desk.store.read(_due)
        if not work:
            return False
        done: list[str] = []
        async with anyio.create_task_group() as group:
            for intent_id in work.overdue:
                group.start_soon(self._alone, f"intent:{intent_id}", self._expire, intent_id, done)
            for kind, due, do in (
                ("line", work.lines, self._line),
                ("number", work.numbers, self._connect),
                ("quote", work.stale, self._requote),
            ):
                leased = partial(self._leased, kind, do)
                for subject in due:
                    group.start_soon(self._alone, f"{kind}:{subject}", leased, subject, done)
        if done:
            self._desk.bell.ring()
        return bool(done)

    async def _alone(
        self,
        name: str,
        work: Callable[[str, list[str]], Awaitable[None]],
        subject: str,
        done: list[str],
    ) -> None:
        """Do one piece of work; its failure leaves the others alone."""
        try:
            await work(subject, done)
        except RingfenceError as error:
            log.warning("%s waits: %s", name, error.message)
        except Exception:
            log.exception("%s waits: a bug, or a row that was damaged", name)

    async def _leased(
        self, kind: str, work: Callable[[str], Awaitable[None]], subject: str, done: list[str]
    ) -> None:
        """Do one piece of work unless another runner is at it; what fails is tried again a little later."""
        name, owner = f"{kind}:{subject}", self._owner
        fence = await self._desk.store.write(
            lambda tx: lease.acquire(tx, name, owner=owner, seconds=self._lease_seconds)
        )
        if fence is None:
            return
        done.append(subject)
        try:
            await work(subject)
        except Exception:
            await self._desk.store.write(lambda tx: _later(tx, kind, subject))
            raise
        finally:
            with CancelScope(shield=True):
                await self._desk.store.write(
                    lambda tx: lease.release(tx, name, owner=owner, fence=fence)
                )

    async def _expire(self, intent_id: str, done: list[str]) -> None:
        await self._desk.store.write(lambda tx: approval.expire(tx, intent_id))
        done.append(intent_id)

    async def _line(self, line_id: str) -> None:
        intent, line = await self._desk.store.read(lambda tx: intents.of_line(tx, line_id))
        carrier = self._desk.carrier(line.terms.provider)
        times = times_of(carrier)
        match line.state:
            case LineState.READY if intent.terms.op is Op.ASSIGN:
                await self._move(intent, line, carrier, times)
            case LineState.READY:
                await self.dispatch(intent, line, carrier, times)
            case LineState.DISPATCHING:
                await self._desk.store.write(
                    lambda tx: settlement.give_up_on_sender(tx, line_id, times)
                )
            case LineState.UNKNOWN | LineState.PROVIDER_PENDING:
                await self._look(intent, line, carrier, times)
            case _:
                pass

    async def dispatch(
        self, intent: Intent, line: Line, carrier: CarrierAdapter, times: Times
    ) -> None:
        """Send one approved purchase or release to its carrier, once, and record what is known of the outcome."""
        claiming = self._claim_release if intent.terms.op is Op.RELEASE else self._claim_purchase
        claim = await claiming(line, carrier, times)
        if claim is None:
            return
        claimed, ticket, request = claim
        with CancelScope(shield=True):
            send = carrier.release if claimed.intent.terms.op is Op.RELEASE else carrier.buy
            outcome = await send(ticket, request)  # never raises: a doubt is an outcome
            await self._settle(claimed, outcome, times)

    async def _claim_purchase(
        self, line: Line, carrier: CarrierAdapter, times: Times
    ) -> _Claim | None:
        unlisted = await self._lister.keep_up(carrier)  # free; what nobody can explain freezes
        if unlisted is not None and await self._desk.store.write(
            lambda tx: listing.could_not_be_read(tx, line.line_id, unlisted)
        ):
            return None
        quote = await carrier.quote(line.terms.stock_id)  # free; a dearer quote voids the line
        request = carrier.prepare(line.terms, tag=await self._tag(line))
        claim = await dispatch.claim_purchase(
            self._desk.store, line.line_id, quote=quote, request_hash=request.hash, times=times
        )
        return claim and (*claim, request)

    async def _claim_release(
        self, line: Line, carrier: CarrierAdapter, times: Times
    ) -> _Claim | None:
        request = carrier.prepare_release(line.terms)
        claim = await dispatch.claim_release(
            self._desk.store, line.line_id, request_hash=request.hash, times=times
        )
        return claim and (*claim, request)

    async def _settle(self, claimed: Claimed, outcome: Outcome, times: Times) -> None:
        await self._desk.store.write(
            lambda tx: settlement.settle(
                tx, claimed.line.line_id, claimed.attempt_id, outcome, times
            )
        )

    async def _move(
        self, intent: Intent, line: Line, carrier: CarrierAdapter, times: Times
    ) -> None:
        """Connect a number that was in use to another assistant, as a person consented."""
        routing = await self._routing(intent.terms.assistant_id)
        claim = await dispatch.claim_move(self._desk.store, line.line_id, times=times)
        if claim is None:
            return
        claimed, grant = claim
        with CancelScope(shield=True):
            outcome = await _configured(carrier, grant, line.terms.stock_id, routing)
            await self._settle(claimed, outcome, times)

    async def _look(
        self, intent: Intent, line: Line, carrier: CarrierAdapter, times: Times
    ) -> None:
        """Look at the carrier what became of a line; dated by the question, not by the answer."""
        asked_at = await self._desk.store.read(lambda tx: tx.now)
        match intent.terms.op:
            case Op.BUY:
                seen = await carrier.find_purchase(line, tag=await self._tag(line))
            case Op.RELEASE:
                seen = await carrier.find_release(line)
            case Op.ASSIGN:
                seen = await _look_at_routing(
                    carrier, line, await self._routing(intent.terms.assistant_id)
                )
        await self._desk.store.write(
            lambda tx: settlement.look(tx, line, seen, times, asked_at=asked_at)
        )

    async def _connect(self, number_id: str) -> None:
        """Connect a bought number to its assistant; tried until the carrier confirms it."""
        record = await self._desk.store.read(lambda tx: _existing(tx, number_id))
        wanted = record.wanted_assistant_id
        routing = await self._routing(wanted)
        grant, record = await self._desk.store.write(
            lambda tx: connection.begin(tx, number_id, wanted, actor="ringfence")
        )
        owned = await self._desk.carrier(record.provider).configure(
            grant, record.carrier_ref, routing
        )
        await self._desk.store.write(lambda tx: connection.finish(tx, number_id, wanted, owned))

    async def _requote(self, intent_id: str) -> None:
        """Confirm the prices on a waiting card, and keep the carriers' holds alive."""
        intent = await self._desk.store.read(lambda tx: approval.existing(tx, intent_id))
        await self._desk.store.write(lambda tx: intents.set_quoted(tx, intent_id))
        for line in intent.lines:
            carrier = self._desk.carrier(line.terms.provider)
            quote = await carrier.quote(line.terms.stock_id)
            await self._desk.store.write(
                lambda tx, line=line, quote=quote: dispatch.recheck(tx, line.line_id, quote=quote)  # type: ignore[misc]  # bound at once
            )
            if quote is not None and line.terms.carrier_hold_id is not None:
                await self._extend(intent, line, carrier)

    async def _extend(self, intent: Intent, line: Line, carrier: CarrierAdapter) -> None:
        def soon_over(tx: Transaction) -> bool:
            live = stored.live_reservation(
                tx, intent.terms.principal, line.terms.provider, line.terms.stock_id
            )
            return live is None or live.expires_at - tx.now < EXTEND_BEFORE

        if not await self._desk.store.read(soon_over):
            return
        hold = await carrier.reserve(line.terms.stock_id)
        if hold is not None:
            await self._desk.store.write(
                lambda tx: stored.extend(
                    tx,
                    intent.terms.principal,
                    line.terms.provider,
                    line.terms.stock_id,
                    hold.expires_at,
                )
            )

    async def _tag(self, line: Line) -> str:
        return await self._desk.store.read(
            lambda tx: purchase_tag(tx.installation_id, line.line_id)
        )

    async def _routing(self, assistant_id: str | None) -> Routing:
        return await self._desk.store.read(lambda tx: routing_for(tx.rules, assistant_id))


def _due(tx: Transaction) -> _Work:
    return _Work(
        overdue=intents.overdue(tx, BATCH),
        lines=intents.due_lines(tx, BATCH),
        numbers=inventory.due(tx, BATCH),
        stale=intents.stale_quotes(tx, REQUOTE_EVERY, BATCH),
    )


def _is_unsettled(tx: Transaction) -> bool:
    return intents.next_due(tx) is not None or inventory.next_due(tx) is not None or bool(_due(tx))


def _settled(tx: Transaction, *, rounds: int) -> Settled:
    return Settled(
        rounds=rounds,
        open_lines=intents.unsettled_count(tx),
        waiting_lines=len(intents.manual_lines(tx)),
        unsent_lines=intents.unsent_count(tx),
        damaged=len(intents.damaged(tx)),
    )


def _later(tx: Transaction, kind: str, subject: str) -> None:
    """Take a piece of work up again a little later, instead of at once and for ever."""
    due_at: datetime = tx.now + connection.TRY_AGAIN
    if kind == "line":
        intents.postpone_line(tx, subject, due_at)
    elif kind == "number":
        inventory.postpone(tx, subject, due_at)


def _existing(tx: Transaction, number_id: str) -> NumberRecord:
    record = inventory.get(tx, number_id)
    if record is None:
        raise NotFound(f"There is no number {number_id}.")
    return record


async def _configured(
    carrier: CarrierAdapter, grant: Grant, reference: str, routing: Routing
) -> Outcome:
    """Set a number's routing; it may be said twice, so a doubt is looked up like a purchase's."""
    try:
        owned = await carrier.configure(grant, reference, routing)
    except ProviderUnavailable as error:
        return Unknown(error.code)
    except RingfenceError as error:
        return Refused(error.code, error.code)
    return _seen(owned, routing) or Unknown("the carrier confirmed other addresses")


async def _look_at_routing(carrier: CarrierAdapter, line: Line, routing: Routing) -> Look:
    try:
        owned = await carrier.read_number(line.terms.stock_id)
    except RingfenceError as error:
        return Unclear(error.code)
    return (owned and _seen(owned, routing)) or Absent("other addresses are set")


def _seen(owned: Owned, routing: Routing) -> Captured | None:
    return Captured(owned, "routing as wished") if owned.routing == routing else None
