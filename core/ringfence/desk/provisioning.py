"""Provisioning: give an assistant a number for a role — the one it has, else an idle one, else the cheapest on sale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ringfence.desk.assigning import Begun, Step, begin_connecting, connection_of, make_connection
from ringfence.desk.assistants import check_registered
from ringfence.desk.buying import BuyWish, propose_buy
from ringfence.desk.counter import Desk
from ringfence.desk.idling import idle_numbers
from ringfence.desk.repeats import end_what_expired
from ringfence.desk.searching import Found, SearchWish, query_of, search
from ringfence.errors import (
    NotFound,
    NumberGone,
    PapersMissing,
    PolicyRefused,
    PriceChanged,
    PriceUnknown,
    ProviderUnavailable,
    RingfenceError,
)
from ringfence.guard import approval
from ringfence.guard.decision import Violation
from ringfence.guard.proposal import check_not_stopped
from ringfence.intents import DeclineReason, Intent, Op
from ringfence.inventory import NumberRecord
from ringfence.money import Money
from ringfence.numbers import MAIN_ROLE, Capability, NumberType
from ringfence.offers import Buyable, Offer, Price, Provider
from ringfence.states import OPEN_INTENTS, IntentState, NumberState
from ringfence.store import inventory, provisions
from ringfence.store.transaction import Transaction

PAGE = 20
"""Offers of one look; the next page is looked at where too few of these can be bought."""
MAX_SEEN = 200
"""Offers that are looked at in all; a search goes no further either."""
MAX_NEXT = 3
"""How many more are tried when the cheapest has gone meanwhile; after that, something else is wrong."""
MAX_IDLE_READ = 10
"""Idle numbers whose carriers are asked, so that many with a routing of their own do not use up the call."""
MAX_NAMED = 5
"""Numbers that a refusal names."""
SERVING = frozenset({NumberState.ACTIVE, NumberState.RELEASE_REQUESTED})
"""A number that a person may still keep goes on serving."""


@dataclass(frozen=True)
class ProvisionWish:
    """A number for an assistant; `role` tells its numbers apart."""

    assistant_id: str
    country: str
    type: NumberType | None = None
    capabilities: tuple[Capability, ...] = ()
    area_code: str | None = None
    locality: str | None = None
    contains: str | None = None
    role: str = MAIN_ROLE
    max_monthly: Money | None = None
    reason: str | None = None

    def search(self, cursor: str | None = None) -> SearchWish:
        """The same as a search."""
        return SearchWish(
            country=self.country,
            type=self.type,
            capabilities=self.capabilities,
            area_code=self.area_code,
            contains=self.contains,
            locality=self.locality,
            max_monthly=self.max_monthly,
            limit=PAGE,
            cursor=cursor,
        )


@dataclass(frozen=True)
class Given:
    """The number that the assistant has now, how far it is connected, and whether it was ours before."""

    record: NumberRecord
    step: Step
    is_reused: bool


Provisioned = Given | Intent
"""The number, or the intent that may lead to one; it needs a person's consent first."""


Dislikes = Mapping[tuple[Provider, str], Price | None]
"""Numbers that are not proposed; with a price, not until they cost less than that."""


class _Met(Exception):
    """In the transaction that would have begun something it turned out that there is something already."""

    def __init__(self, found: Provisioned) -> None:
        super().__init__()
        self.found = found


async def provision(desk: Desk, principal: str, wish: ProvisionWish) -> Provisioned:
    """Give an assistant a number for a role; the same call again goes on with it, and never buys another.

    What a person declined as *another number* is not proposed again for this assistant and role, and what they found
    too expensive is not until it costs less. A plain no says nothing about the number: the cheapest is proposed again.

    Raises:
        InvalidArguments: an assistant that is not registered (`details.assistants` lists those that are).
        PolicyRefused: another requester has asked for the same, its number is being given back, or all that
            matches is on back order.
        Declined: a person said stop a short while ago.
        NotFound: nothing on sale matches; `details.relaxations` says what would.
        PriceUnknown, PapersMissing: what matches has no price, or papers are missing.
        ProviderUnavailable: a carrier does not say what it has, or whether a number of ours is idle.
        NumberGone: matches went as fast as they were found.
        BudgetExceeded, Frozen and what else `propose_buy` raises: as judged for the cheapest match.
    """
    await end_what_expired(desk)
    try:
        await desk.store.read(lambda tx: _look_for_earlier(tx, principal, wish))
        query_of(wish.search())
        connected = await _connect_idle(desk, principal, wish)
        return connected or await _propose_cheapest(desk, principal, wish)
    except _Met as met:
        return met.found


def _look_for_earlier(tx: Transaction, principal: str, wish: ProvisionWish) -> None:
    """Let something be begun only where nothing is there.

    Raises:
        _Met: the assistant's number for this role, or this requester's open intent that may lead to one.
    """
    check_registered(tx.rules, wish.assistant_id)
    served = _serving(tx, wish)
    if served is not None:
        raise _Met(Given(served, connection_of(served), is_reused=True))
    waiting = provisions.open_intents(tx, wish.assistant_id, wish.role)
    for intent in waiting:
        if intent.terms.principal == principal:
            raise _Met(intent)
    if waiting:
        raise PolicyRefused(
            f"Somebody else has asked for a number for {wish.assistant_id} already, role {wish.role}.",
            remedy="Tell the person. Call provision_number again when that has been decided.",
            details=_because("asked_for_already", f"{wish.assistant_id}, role {wish.role}"),
        )
    check_not_stopped(tx, principal, Op.BUY)


def _begin(tx: Transaction, principal: str, wish: ProvisionWish) -> None:
    """The same where something is begun: nobody else begins the same until this transaction is written."""
    provisions.take_turn(tx, wish.assistant_id, wish.role)
    _look_for_earlier(tx, principal, wish)


def _serving(tx: Transaction, wish: ProvisionWish) -> NumberRecord | None:
    numbers = [
        record
        for record in inventory.of_assistant(tx, wish.assistant_id)
        if record.serves(wish.assistant_id, wish.role)
    ]
    serving = [record for record in numbers if record.state in SERVING]
    if numbers and not serving:
        raise PolicyRefused(
            f"{numbers[0].number} is the number of {wish.assistant_id}, role {wish.role}, "
            f"and it is {numbers[0].state}: whether it still costs something is not known.",
            remedy="Tell the person: they must say what became of it before another is bought.",
            details=_because("own_number_settled", numbers[0].number),
        )
    connected = [each for each in serving if each.assistant_id == each.wanted_assistant_id]
    return next(iter(connected or serving), None)


async def _connect_idle(desk: Desk, principal: str, wish: ProvisionWish) -> Given | None:
    """Connect a number that we pay for already and nobody uses, if there is one: it costs nothing more.

    A carrier that does not say whether it is idle ends the call: nobody shall be asked to pay for another meanwhile.
    """
    matching = await desk.store.read(
        lambda tx: idle_numbers(tx, principal, wish.search(), desk.carriers)
    )
    for record in matching[:MAX_IDLE_READ]:
        owned = await desk.carrier(record.provider).read_number(record.carrier_ref)
        if owned is None or not owned.routing.is_empty:
            continue
        begun = await desk.store.write(
            lambda tx, number_id=record.number_id: _begin_idle(tx, principal, wish, number_id)  # type: ignore[misc]  # bound at once
        )
        if begun is not None:
            step = await make_connection(desk, begun)
            return Given(begun.record, step, is_reused=True)
    return None


def _begin_idle(
    tx: Transaction, principal: str, wish: ProvisionWish, number_id: str
) -> Begun | None:
    """Take the number for the assistant; None where somebody else was quicker."""
    _begin(tx, principal, wish)
    if number_id not in {
        record.number_id for record in idle_numbers(tx, principal, wish.search(), tuple(Provider))
    }:
        return None
    return begin_connecting(tx, number_id, wish.assistant_id, actor=principal, role=wish.role)


async def _propose_cheapest(desk: Desk, principal: str, wish: ProvisionWish) -> Intent:
    """Propose the cheapest match that can be bought, or one of the next ones if it has gone meanwhile."""
    for offer in (await _matches(desk, principal, wish))[: 1 + MAX_NEXT]:
        items = BuyWish(
            items=[offer.offer_id],
            assistant_id=wish.assistant_id,
            role=wish.role,
            reason=wish.reason,
        )
        try:
            intent = await propose_buy(
                desk, principal, items, check=lambda tx: _begin(tx, principal, wish)
            )
        except (NumberGone, PriceChanged):
            continue
        if _is_for(intent, wish):
            return intent
    raise NumberGone(
        "The numbers that match were gone, or dearer, before they could be kept.",
        remedy="Nothing was charged. Call provision_number again, or ask the person what else would do.",
    )


def _is_for(intent: Intent, wish: ProvisionWish) -> bool:
    """Whether it is about this wish: the same number may have been asked for before, for another assistant."""
    terms = intent.terms
    is_same = (terms.assistant_id, terms.role) == (wish.assistant_id, wish.role)
    return is_same and intent.state in OPEN_INTENTS


async def _matches(desk: Desk, principal: str, wish: ProvisionWish) -> list[Offer]:
    """What can be bought, the cheapest first year first; what may turn out to be on sale comes after what is.

    Raises:
        NotFound, PriceUnknown, PapersMissing, PolicyRefused, ProviderUnavailable: there is nothing, for that reason.
    """
    left_out = await desk.store.read(lambda tx: _left_out(tx, wish))
    found = await search(desk, principal, wish.search())
    seen = list(found.offers)
    while found.next_cursor is not None and len(seen) < MAX_SEEN:
        if len(_buyable(seen, left_out, Buyable.NOW)) > MAX_NEXT:
            break
        found = await search(desk, principal, wish.search(found.next_cursor))
        seen += found.offers
    can_be_bought = [
        *_buyable(seen, left_out, Buyable.NOW),
        *_buyable(seen, left_out, Buyable.UNKNOWN),
    ]
    if not can_be_bought:
        wanted = [offer for offer in seen if not _is_left_out(offer, left_out)]
        raise _nothing_to_buy(found, seen, wanted)
    return can_be_bought


def _buyable(seen: Sequence[Offer], left_out: Dislikes, buyable: Buyable) -> list[Offer]:
    return [
        offer
        for offer in seen
        if offer.stock.buyable is buyable
        and offer.stock.price is not None
        and not _is_left_out(offer, left_out)
    ]


def _left_out(tx: Transaction, wish: ProvisionWish) -> Dislikes:
    """What a person did not want for this assistant and role, and what is being asked for already."""
    left_out: dict[tuple[Provider, str], Price | None] = {}
    for line, reason in provisions.declined(tx, wish.assistant_id, wish.role):
        key = (line.provider, line.number)
        if reason is DeclineReason.ANOTHER_NUMBER:
            left_out[key] = None
        elif reason is DeclineReason.TOO_EXPENSIVE and left_out.get(key, line.price) is not None:
            left_out[key] = line.price
    return left_out | dict.fromkeys(provisions.asked_for(tx, Op.BUY))


def _is_left_out(offer: Offer, left_out: Dislikes) -> bool:
    key = (offer.stock.provider, offer.stock.number)
    if key not in left_out:
        return False
    dear, price = left_out[key], offer.stock.price
    return dear is None or price is None or dear.is_no_dearer_than(price)


def _nothing_to_buy(found: Found, seen: Sequence[Offer], wanted: Sequence[Offer]) -> RingfenceError:
    """Why nothing is proposed: each reason has a way out of its own."""
    if not wanted and any(report.status == "down" for report in found.carriers):
        return ProviderUnavailable("No number was found, but not every carrier has answered.")
    if not seen:
        return NotFound(
            " ".join(["No number on sale matches.", *found.relaxations]),
            remedy=f"{_ASK_FIRST} Only then call provision_number with what they agreed to.",
            details={"relaxations": list(found.relaxations)},
        )
    if not wanted:
        return NotFound(
            "Every number on sale that matches was declined by a person, or is asked for already.",
            remedy=f"{_ASK_FIRST} Only then call provision_number with what they agreed to.",
            details={"relaxations": []},
        )
    return _unsellable(wanted)


_ASK_FIRST = "Tell the person, and ask which condition they would give up before you change any."


def _unsellable(wanted: Sequence[Offer]) -> RingfenceError:
    priced = [offer.stock for offer in wanted if offer.stock.price is not None]
    numbers = [offer.stock.number for offer in wanted[:MAX_NAMED]]
    place = (
        f"{wanted[0].stock.number} and what else matches" if wanted[1:] else wanted[0].stock.number
    )
    if any(stock.buyable is Buyable.AFTER_PAPERS for stock in priced):
        return PapersMissing(
            f"{place} can be bought only with papers that are not on file.",
            remedy=(
                "Tell the person. To see which papers are wanted, call check_requirements. "
                "Ask them before you choose another type or country."
            ),
            details=_because("papers_missing", *numbers),
        )
    if priced:
        return PolicyRefused(
            f"{place} can be had on back order only: it would be charged before it exists.",
            remedy=f"{_ASK_FIRST} Only then call provision_number with what they agreed to.",
            details=_because("policy_refused", *numbers),
        )
    return PriceUnknown(
        f"{place} has no price, and what has no price is not bought.",
        remedy=f"{_ASK_FIRST} A person can add the price as well.",
        details=_because("price_known", *numbers),
    )


def _because(rule: str, *requested: str) -> dict[str, object]:
    """The details of a refusal: what it is about, in the shape of the guard's."""
    return {"violations": [Violation(rule=rule, requested=each).model_dump() for each in requested]}


async def provisioned_by(desk: Desk, principal: str, intent_id: str) -> Provisioned:
    """What an intent has led to so far: the number and how far it is connected, once it is ours.

    Raises:
        NotFound: no such intent of this principal.
    """
    return await desk.store.read(lambda tx: _led_to(tx, principal, intent_id))


def _led_to(tx: Transaction, principal: str, intent_id: str) -> Provisioned:
    intent = approval.existing(tx, intent_id, principal=principal)
    record = next(_gained(tx, intent), None)
    if record is None or intent.state not in {IntentState.COMPLETED, IntentState.PARTLY_COMPLETED}:
        return intent
    return Given(record, connection_of(record), is_reused=intent.terms.op is Op.ASSIGN)


def _gained(tx: Transaction, intent: Intent) -> Iterator[NumberRecord]:
    """The numbers that an intent bought or moved."""
    for line in intent.lines:
        moved = line.terms.number_id
        record = inventory.get(tx, moved) if moved else inventory.by_line(tx, line.line_id)
        if record is not None:
            yield record
