"""Two who read the same and then write: one of them does, and the other is told to read anew."""

from __future__ import annotations

from datetime import timedelta

import pytest

from house import House
from ringfence.desk.counter import times_of
from ringfence.guard import settlement
from ringfence.guard.dispatch import claim_purchase
from ringfence.intents import Intent
from ringfence.outcomes import Refused
from ringfence.states import IntentState, LineState
from ringfence.store import intents
from ringfence.store.transaction import Conflict
from ringfence.tags import purchase_tag


async def waiting(house: House) -> Intent:
    return await house.propose(*await house.find())


async def test_a_line_is_changed_once_by_those_who_read_it_alike(house: House) -> None:
    intent = await waiting(house)
    [line] = intent.lines
    house.write(lambda tx: intents.change_line(tx, line, due_at=tx.now + timedelta(hours=1)))
    with pytest.raises(Conflict):
        house.store._write_once(lambda tx: intents.change_line(tx, line, due_at=tx.now))


async def test_an_intent_is_moved_once_by_those_who_read_it_alike(house: House) -> None:
    intent = await waiting(house)
    house.write(lambda tx: intents.move(tx, intent, IntentState.DECLINED))
    with pytest.raises(Conflict):
        house.store._write_once(lambda tx: intents.move(tx, intent, IntentState.APPROVED))
    assert (await house.now(intent)).state is IntentState.DECLINED
    [line] = intent.lines
    house.write(lambda tx: intents.change_line(tx, line, due_at=None))


async def test_a_line_is_not_claimed_after_its_consent_has_ended(house: House) -> None:
    """Nobody has come by yet to end it: the claim itself looks at the time."""
    intent = await house.approved(*await house.find())
    [line] = intent.lines
    request = house.adapter.prepare(
        line.terms, tag=purchase_tag(intent.terms.installation_id, line.line_id)
    )
    quote = await house.adapter.quote(line.terms.stock_id)
    house.clock.advance(hours=1)
    claim = await claim_purchase(
        house.store,
        line.line_id,
        quote=quote,
        request_hash=request.hash,
        times=times_of(house.adapter),
    )
    assert claim is None
    assert (await house.now(intent)).lines[0].state is LineState.VOIDED


async def test_an_answer_to_another_attempt_decides_nothing(house: House) -> None:
    intent = await house.approved(*await house.find())
    [line] = intent.lines
    request = house.adapter.prepare(
        line.terms, tag=purchase_tag(intent.terms.installation_id, line.line_id)
    )
    times = times_of(house.adapter)
    claim = await claim_purchase(
        house.store,
        line.line_id,
        quote=await house.adapter.quote(line.terms.stock_id),
        request_hash=request.hash,
        times=times,
    )
    assert claim is not None
    refused = Refused("number_gone", "an answer of long ago")
    house.write(lambda tx: settlement.settle(tx, line.line_id, "att_another", refused, times))
    assert (await house.now(intent)).lines[0].state is LineState.DISPATCHING
    outcome = await house.adapter.buy(claim[1], request)
    house.write(lambda tx: settlement.settle(tx, line.line_id, claim[0].attempt_id, outcome, times))
    assert (await house.now(intent)).state is IntentState.COMPLETED
