"""Processes that race each other to propose: each waits for the same word, and then asks for one number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ringfence.clock import SystemClock
from ringfence.guard.digest import stock_key
from ringfence.guard.proposal import Proposal, propose
from ringfence.ids import RandomIds
from ringfence.intents import LineTerms, Op
from ringfence.money import Money
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Price, Provider
from ringfence.policy import sandbox_policy
from ringfence.states import IntentState
from ringfence.store.installation import open_store
from ringfence.store.transaction import Store

UNIT = Price(setup=Money(1_000_000, "USD"), monthly=Money(1_000_000, "USD"))
"""What everybody wants costs 2.00 USD at once and 1.00 USD a month."""


def store_at(url: str) -> Store:
    return open_store(
        url, mode="sandbox", clock=SystemClock(), ids=RandomIds(), first_policy=sandbox_policy
    )


@dataclass(frozen=True)
class Turn:
    """One start of the field; `principal` is whom all ask for, or None where each asks for itself."""

    number: int
    principal: str | None = None


def wish(racer: int, turn: Turn) -> Proposal:
    """A number of its own for every racer and turn, so that nothing but a limit can stand in the way."""
    number = f"+1415{turn.number:03d}{racer:04d}"
    line = LineTerms(
        line_id="",
        provider=Provider.SANDBOX,
        account="race",
        host="sandbox.invalid",
        number=number,
        stock_id=number,
        country="US",
        type=NumberType.LOCAL,
        raw_type="local",
        capabilities=(Capability.VOICE,),
        price=UNIT,
        min_term_months=1,
        place=None,
    )
    return Proposal(
        op=Op.BUY,
        principal=turn.principal or f"racer:{racer}",
        assistant_id="reception",
        lines=[line],
        stock_key=stock_key(Op.BUY, [("sandbox", number)]),
    )


@dataclass(frozen=True)
class Ran:
    """What one racer got in one turn: the intent that was held, or why it was refused."""

    intent_id: str | None
    refusal: dict[str, Any] | None


@contextmanager
def race(url: str, racer: int) -> Iterator[Callable[[Turn], Ran]]:
    """One process of the field; `field(race, (url,), count)` starts it."""
    store = store_at(url)

    def ask(turn: Turn) -> Ran:
        intent = store.write_now(lambda tx: propose(tx, wish(racer, turn)))
        is_held = intent.state is IntentState.AWAITING_APPROVAL
        return Ran(intent.intent_id if is_held else None, intent.refusal)

    yield ask
    store.close()
