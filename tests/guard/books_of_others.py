"""What a person reads off a carrier's console or invoice, for the stateful test."""

from __future__ import annotations

from guard.world import World
from ringfence.guard.adjustment import Difference
from ringfence.guard.finding import Became, Finding
from ringfence.intents import Op
from ringfence.money import Money
from ringfence.sandbox.orders import OrderState
from ringfence.store import intents, inventory
from ringfence.tags import purchase_tag


def found_out(world: World, subject: str) -> Finding | None:
    """What became of a line or a lost number; None while the carrier itself does not know."""
    if subject.startswith("num_"):
        record = world.store.read_now(lambda tx: inventory.get(tx, subject))
        assert record is not None
        return Finding(became=Became.ACTIVE if _lists(world, record.number) else Became.RELEASED)
    intent, line = world.store.read_now(lambda tx: intents.of_line(tx, subject))
    if intent.terms.op is Op.RELEASE:
        is_there = _lists(world, line.terms.number)
        return Finding(became=Became.FAILED if is_there else Became.CAPTURED)
    return _bought(world, purchase_tag(intent.terms.installation_id, subject))


def _bought(world: World, tag: str) -> Finding | None:
    """What the carrier's orders say of a purchase under a tag."""
    mine = [order for order in world.carrier.orders() if order.tag == tag]
    if any(order.state is OrderState.PENDING for order in mine):
        return None
    for charge in world.carrier.charges():
        if charge.tag == tag:
            return Finding(
                became=Became.CAPTURED,
                setup=charge.price.setup,
                monthly=charge.price.monthly,
                reference=_reference(world, charge.number) or mine[0].order_id,
            )
    return Finding(became=Became.FAILED)


def _reference(world: World, number: str) -> str | None:
    owned = world.carrier.owned()
    return next((each.number_id for each in owned if each.item.number == number), None)


def _lists(world: World, number: str) -> bool:
    return _reference(world, number) is not None


def invoiced(
    world: World, number: str, *, micros: int, is_setup: bool, is_less: bool
) -> Difference | None:
    """An invoice for a number of ours; None for one whose price nobody knows."""
    record = world.store.read_now(lambda tx: inventory.by_number(tx, number))
    if record is None or record.monthly is None:
        return None
    amount = Money(micros, record.monthly.currency)
    if is_setup:
        return Difference(setup=amount, is_less=is_less)
    return Difference(monthly=amount, is_less=is_less)
