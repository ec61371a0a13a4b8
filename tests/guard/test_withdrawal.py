"""Consent taken back: a line is either withdrawn and never sent, or sent and not withdrawn, whoever is quicker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from guard import running
from guard.authenticator import Passkey
from guard.killing import context
from guard.running import Shift
from guard.signing import Signer, anchored, approve, enroll, found, hand_in, statement_for
from house import ME, PERSON, House, policy_with
from ringfence.desk import Desk
from ringfence.desk.buying import BuyWish, propose_buy
from ringfence.desk.consenting import decline_at_terminal
from ringfence.errors import Declined, PolicyRefused
from ringfence.guard.freeze import freeze
from ringfence.intents import DeclineReason, Intent
from ringfence.offers import Quote
from ringfence.outcomes import NotSent, Outcome
from ringfence.providers.protocol import PaidRequest
from ringfence.providers.sandbox import SandboxAdapter
from ringfence.runner import Runner
from ringfence.sandbox.carrier import Carrier
from ringfence.states import IntentState, LineState
from ringfence.store import intents
from ringfence.store.balances import Balance
from ringfence.store.transaction import Transaction
from ringfence.ticket import Ticket

MONTH = "2026-11"
TWO_PEOPLE = policy_with(levels="{buy: two_people, release: passkey, assign: passkey}")


async def withdrawn(
    house: House, intent: Intent, reason: DeclineReason | None = None, *, person: str = "ada"
) -> Intent:
    return await decline_at_terminal(house.desk, intent.intent_id, person=person, reason=reason)


async def test_what_is_approved_and_not_sent_is_withdrawn_with_the_persons_name(
    house: House,
) -> None:
    intent = await withdrawn(house, await house.approved(*await house.find(2)))
    assert (intent.state, intent.decided_by) == (IntentState.CANCELLED, "ada")
    for line in intent.lines:
        assert line.state is LineState.VOIDED
        assert line.error is not None
        assert line.error["message"] == "It was withdrawn by ada before it was sent."
    assert intent.is_withdrawn
    await house.work()
    assert house.charged() == []
    assert house.balance("cash", MONTH) == Balance()


async def test_it_can_be_withdrawn_while_spending_is_frozen(house: House) -> None:
    intent = await house.approved(*await house.find())
    house.write(lambda tx: freeze(tx, "to be sure", actor=PERSON))
    assert (await withdrawn(house, intent)).state is IntentState.CANCELLED


async def test_a_withdrawal_that_says_stop_closes_the_scope(house: House) -> None:
    one, other = await house.find(2)
    intent = await house.approved(one)
    assert (await withdrawn(house, intent, DeclineReason.STOP)).decline_reason is DeclineReason.STOP
    with pytest.raises(Declined, match="said stop"):
        await house.propose(other)


async def test_a_withdrawn_move_leaves_the_number_where_it_is(house: House) -> None:
    await house.buy(*await house.find(), assistant_id="front-desk")
    [number] = house.charged()
    intent = await house.approve(await house.give_back(number))
    assert (await withdrawn(house, intent)).state is IntentState.CANCELLED
    await house.work()
    assert [owned.item.number for owned in house.carrier.owned()] == [number]


@pytest.mark.parametrize("again", [1, 2])
async def test_it_is_withdrawn_once(house: House, again: int) -> None:
    intent = await withdrawn(house, await house.approved(*await house.find()))
    for _ in range(again):
        with pytest.raises(PolicyRefused, match="cancelled"):
            await withdrawn(house, intent)
    assert (await house.now(intent)).decided_by == "ada"


async def test_what_was_provably_not_sent_can_still_be_withdrawn(house: House) -> None:
    """Its intent is being executed already; nothing of it was done."""
    intent = await house.approved(*await house.find())
    await step(house, RefusesToday(house.carrier))
    ready = await house.now(intent)
    assert (ready.state, ready.lines[0].state) == (IntentState.EXECUTING, LineState.READY)
    ended = await withdrawn(house, intent)
    assert (ended.state, ended.is_withdrawn) == (IntentState.FAILED, True)
    await house.wait_out(5)
    assert house.charged() == []


class RefusesToday(SandboxAdapter):
    """A carrier that was not reached."""

    async def buy(self, ticket: Ticket, request: PaidRequest) -> Outcome:
        return NotSent("no route")


# Consent of two, of which one has signed.


async def test_what_one_of_two_has_signed_is_void_once_somebody_declines(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    anchored(house, tmp_path_factory.mktemp("pins"))
    recovery = found(house)
    ada = enroll(house, Signer("ada"), recovery)
    bob = enroll(house, Passkey("bob"), ada)
    house.apply(TWO_PEOPLE)
    intent = await house.propose(*await house.find())
    assert approve(house, intent, ada).state is IntentState.AWAITING_APPROVAL
    statement = statement_for(house, intent)
    assert (await withdrawn(house, intent, person="bob")).state is IntentState.DECLINED
    with pytest.raises(Declined):
        hand_in(house, intent, statement, bob.sign(statement))
    await house.wait_out(5)
    assert house.charged() == []


# The race with the claim.


Interference = Callable[[], Awaitable[None]]


class Interrupted(SandboxAdapter):
    """Somebody acts between the last quote and the claim, or between the claim and the first byte."""

    def __init__(self, carrier: Carrier) -> None:
        super().__init__(carrier)
        self.before_claim: Interference | None = None
        self.before_send: Interference | None = None

    async def quote(self, stock_id: str) -> Quote | None:
        quote = await super().quote(stock_id)
        if self.before_claim is not None:
            await self.before_claim()
        return quote

    async def buy(self, ticket: Ticket, request: PaidRequest) -> Outcome:
        if self.before_send is not None:
            await self.before_send()
        return await super().buy(ticket, request)


async def step(house: House, adapter: SandboxAdapter) -> None:
    desk = Desk(house.store, {adapter.provider: adapter}, house.ids, house.desk.bell)
    await Runner(desk, owner="another").step()


async def test_who_withdraws_before_the_claim_has_it_never_sent(house: House) -> None:
    intent = await house.approved(*await house.find())
    adapter = Interrupted(house.carrier)

    async def interfere() -> None:
        assert (await withdrawn(house, intent)).state is IntentState.CANCELLED

    adapter.before_claim = interfere
    await step(house, adapter)
    await house.wait_out(5)
    after = await house.now(intent)
    assert (after.state, after.lines[0].attempts) == (IntentState.CANCELLED, 0)
    assert house.charged() == []


async def test_who_withdraws_after_the_claim_is_told_that_it_is_sent(house: House) -> None:
    intent = await house.approved(*await house.find())
    adapter = Interrupted(house.carrier)
    refused = []

    async def interfere() -> None:
        with pytest.raises(PolicyRefused) as told:
            await withdrawn(house, intent)
        refused.append(told.value.message)

    adapter.before_send = interfere
    await step(house, adapter)
    assert "executing" in refused[0]
    assert (await house.now(intent)).state is IntentState.COMPLETED
    assert len(house.charged()) == 1


async def test_what_was_sent_goes_on_and_the_rest_is_withdrawn(house: House) -> None:
    intent = await house.approved(*await house.find(2))
    first, second = intent.lines
    adapter = Interrupted(house.carrier)

    async def interfere() -> None:
        adapter.before_send = None
        told = await withdrawn(house, intent)
        states.extend(line.state for line in told.lines)

    states: list[LineState] = []
    adapter.before_send = interfere
    house.write(lambda tx: _later(tx, second.line_id))
    await step(house, adapter)
    assert states == [LineState.DISPATCHING, LineState.VOIDED]
    await house.work()
    after = await house.now(intent)
    assert after.state is IntentState.PARTLY_COMPLETED
    assert house.charged() == [first.terms.number]
    assert house.balance("cash", MONTH) == Balance(used=2_000_000)


def _later(tx: Transaction, line_id: str) -> None:
    intents.postpone_line(tx, line_id, tx.now + timedelta(seconds=1))


WIDE = [
    '{name: cash, kind: cash, window: month, zone: UTC, limit: "900.00 USD"}',
    '{name: run-rate, kind: run_rate, limit: "900.00 USD"}',
    "{name: count, kind: count, limit: 900}",
    "{name: purchases, kind: purchases, window: day, zone: UTC, limit: 900}",
    "{name: attempts, kind: attempts, limit: 900}",
]


async def test_processes_that_send_and_withdraw_at_once_do_one_of_the_two_to_each_line(
    house: House,
) -> None:
    """Two numbers an intent; the one who withdraws begins with those that are sent last."""
    house.apply(policy_with(budgets=WIDE, pending_per_requester="20"))
    offers = await house.find(20)
    pairs = list(zip(offers[::2], offers[1::2], strict=True))
    proposed = [
        await house.approve(
            await propose_buy(house.desk, ME, BuyWish(items=[offer.offer_id for offer in pair]))
        )
        for pair in pairs
    ]
    start = context().Barrier(2)
    ids = [intent.intent_id for intent in reversed(proposed)]
    processes = [
        context().Process(
            target=running.run, args=(Shift(house.folder, "sends", house.clock.now()), start)
        ),
        context().Process(
            target=running.withdraw,
            args=(Shift(house.folder, "withdraws", house.clock.now()), ids, start),
        ),
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    sent = set()
    for intent in [await house.now(each) for each in proposed]:
        for line in intent.lines:
            is_sent = line.state is LineState.CAPTURED
            assert is_sent or line.state is LineState.VOIDED
            assert line.attempts == int(is_sent)
            assert is_sent or "withdrawn by ada" in str(line.error)
            sent |= {line.terms.number} if is_sent else set()
    assert sent == set(house.charged())
    assert house.balance("cash", MONTH) == Balance(used=2_000_000 * len(sent))
