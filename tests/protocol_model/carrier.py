"""The other side of the protocol: what time, the network and the carrier may do to us."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from protocol_model.book import Turn
from protocol_model.world import (
    Attempt,
    Bound,
    Carrier,
    Looks,
    Message,
    Outcome,
    Rule,
    State,
    Step,
    World,
)


def time_steps(state: State, world: World) -> Iterator[Step]:
    """Time passes: a lease, a ticket, the quarantine, the gap between two looks.

    The quarantine counts from the commit of the attempt, so it holds the life of the ticket and
    then the longest time that a request sent at its last moment may need.
    """
    if state.is_lease_live and world.keeps(Rule.CLAIM_IS_A_LEASE):
        yield Step("the sender's lease ends", replace(state, is_lease_live=False))
    if state.attempt is Attempt.TICKET_ALIVE:
        yield Step("the ticket dies", with_dead_tickets(state))
    if state.attempt is Attempt.TICKET_DEAD and not is_landing_due(state, world):
        yield Step("the quarantine ends", replace(state, attempt=Attempt.QUARANTINE_OVER))
    if state.looks is Looks.ONE:
        may_lag_on = not world.trusts(Bound.LISTS_LAG_LESS_THAN_THE_GAP)
        is_list_behind = state.is_list_behind and may_lag_on
        after = replace(state, looks=Looks.ONE_AND_GAP, is_list_behind=is_list_behind)
        yield Step("the gap between two looks passes", after)


def with_dead_tickets(state: State) -> State:
    """The attempt outgrew its ticket, in whoever's hands that is."""
    processes = tuple(replace(process, is_ticket_alive=False) for process in state.processes)
    return replace(state, attempt=Attempt.TICKET_DEAD, processes=processes)


def is_landing_due(state: State, world: World) -> bool:
    """Whether a request sent in time is still on the wire: then the quarantine cannot be over."""
    is_due = any(message.is_bounded for message in state.wire)
    return is_due and world.trusts(Bound.REQUESTS_LAND_WITHIN_QUARANTINE)


def carrier_steps(state: State, world: World) -> Iterator[Step]:
    """A request is lost or lands; an accepted order ends one way or the other."""
    for place, message in enumerate(state.wire):
        delivered = replace(state, wire=state.wire[:place] + state.wire[place + 1 :])
        yield Step("a request is lost", delivered)
        for deed in deeds(delivered, world, message):
            yield from answer_steps(deed, world, message)
    if state.orders:
        ended = replace(state, orders=state.orders - 1)
        yield Step("the order succeeds: charged", replace(ended, charges=state.charges + 1))
        yield Step("the order fails", ended)


@dataclass(frozen=True, slots=True)
class Deed:
    """What the carrier did with a request, and what it answers."""

    label: str
    answer: Outcome
    after: State


def deeds(state: State, world: World, message: Message) -> Iterator[Deed]:
    """What the carrier may do with a request: refuse it, or sell, unless it knows it already."""
    sale = Outcome.ACCEPTED if world.is_asynchronous else Outcome.BOUGHT
    if world.carrier is Carrier.IDEMPOTENCY_KEY and message.key in state.accepted_keys:
        yield Deed("replays its first answer", sale, state)
        return
    yield Deed("refuses", Outcome.REFUSED, state)
    if world.carrier is Carrier.NATURAL_KEY and state.accepted_keys:
        return
    keys = state.accepted_keys | {message.key}
    sold = replace(state, accepted_keys=keys, is_list_behind=True)
    if world.is_asynchronous:
        yield Deed("accepts an order", sale, replace(sold, orders=state.orders + 1))
    else:
        yield Deed("charges", sale, replace(sold, charges=state.charges + 1))


def answer_steps(deed: Deed, world: World, message: Message) -> Iterator[Step]:
    """The reply is lost, or says what was done, or is an error that says nothing."""
    yield Step(f"the carrier {deed.label}, its reply is lost", deed.after)
    if message.listener is None:
        return
    listener = Turn(deed.after, world, message.listener)
    for outcome in (deed.answer, Outcome.AMBIGUOUS):
        yield listener.learns(outcome, f"hears: {outcome}; the carrier {deed.label}")
