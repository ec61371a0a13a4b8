"""Processes that race each other to propose: each waits for the same word, and then asks for one number."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
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


def _race(url: str, racer: int, words: Connection) -> None:
    store = store_at(url)
    words.send("ready")
    while (turn := words.recv()) is not None:
        intent = store.write_now(lambda tx, turn=turn: propose(tx, wish(racer, turn)))  # type: ignore[misc]  # bound at once
        is_held = intent.state is IntentState.AWAITING_APPROVAL
        words.send(Ran(intent.intent_id if is_held else None, intent.refusal))
    store.close()


class Racers:
    """A field of processes that stay alive between turns."""

    def __init__(self, lines: list[Connection]) -> None:
        self._lines = lines

    def run(self, turn: Turn) -> list[Ran]:
        """Give the word, and wait for everybody."""
        for line in self._lines:
            line.send(turn)
        return [line.recv() for line in self._lines]


@contextmanager
def racers(url: str, count: int) -> Iterator[Racers]:
    """Start the field and send it home."""
    context = multiprocessing.get_context("spawn")
    pairs = [context.Pipe() for _ in range(count)]
    processes = [
        context.Process(target=_race, args=(url, racer, theirs), daemon=True)
        for racer, (_ours, theirs) in enumerate(pairs)
    ]
    for process in processes:
        process.start()
    lines = [ours for ours, _theirs in pairs]
    try:
        for line in lines:
            assert line.poll(60), "a racer did not start"
            line.recv()
        yield Racers(lines)
        for line in lines:
            line.send(None)
    finally:
        for process in processes:
            process.join(10)
            process.kill()
