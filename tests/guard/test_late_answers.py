"""Late answers: what a sender hears after others have given it up, and why it cannot do harm."""

from datetime import timedelta

import pytest

from house import ME, House
from ringfence.desk.assigning import AssignWish, assign
from ringfence.desk.counter import times_of
from ringfence.guard import settlement
from ringfence.guard.dispatch import Claimed, claim_move, claim_purchase
from ringfence.inventory import Owned
from ringfence.money import Money
from ringfence.outcomes import Captured, NotSent, Outcome, Pending, Refused, Unknown
from ringfence.providers.protocol import PaidRequest
from ringfence.states import LineState
from ringfence.store import intents, inventory
from ringfence.store.balances import Balance
from ringfence.tags import purchase_tag
from ringfence.ticket import Ticket

SPENT = Balance(used=2_000_000)
HELD = Balance(held=2_000_000)


async def claimed(house: House) -> tuple[Claimed, Ticket, PaidRequest]:
    """An approved line that a sender has just claimed and not sent yet."""
    intent = await house.approved(*await house.find())
    [line] = intent.lines
    tag = purchase_tag(intent.terms.installation_id, line.line_id)
    request = house.adapter.prepare(line.terms, tag=tag)
    claim = await claim_purchase(
        house.store,
        line.line_id,
        quote=await house.adapter.quote(line.terms.stock_id),
        request_hash=request.hash,
        times=times_of(house.adapter),
    )
    assert claim is not None
    return *claim, request


async def given_up(house: House) -> tuple[Claimed, Ticket, PaidRequest]:
    """A claimed line whose sender was silent for so long that others took it for dead."""
    claim = await claimed(house)
    house.clock.advance(seconds=5)
    await house.work()
    assert state_of(house, claim[0]) is LineState.UNKNOWN
    return claim


async def written_off(house: House) -> tuple[Claimed, Ticket, PaidRequest]:
    """A line that counts as failed, after quarantine and two looks."""
    claim = await given_up(house)
    await house.wait_out(5)
    assert state_of(house, claim[0]) is LineState.FAILED
    return claim


def state_of(house: House, claim: Claimed) -> LineState:
    _, line = house.read(lambda tx: intents.of_line(tx, claim.line.line_id))
    state: LineState = line.state
    return state


def answered(house: House, claim: Claimed, outcome: Outcome) -> LineState:
    """The sender writes down what it heard."""
    times = times_of(house.adapter)
    line_id = claim.line.line_id
    house.write(lambda tx: settlement.settle(tx, line_id, claim.attempt_id, outcome, times))
    return state_of(house, claim)


async def charged(house: House, claim: Claimed) -> Owned:
    """The carrier carries the purchase out."""
    tag = purchase_tag(claim.intent.terms.installation_id, claim.line.line_id)
    house.carrier.buy(claim.line.terms.stock_id, tag=tag)
    [owned] = await house.adapter.owned()
    return owned


async def test_a_yes_that_comes_late_is_taken(house: House) -> None:
    claim, _, _ = await given_up(house)
    owned = await charged(house, claim)
    assert answered(house, claim, Captured(owned, "late")) is LineState.CAPTURED
    assert house.balance("cash", "2026-11") == SPENT


async def test_a_dearer_yes_that_comes_late_is_left_to_a_person(house: House) -> None:
    """It once broke the runner: an unknown line cannot become unknown again."""
    claim, _, _ = await given_up(house)
    owned = (await charged(house, claim)).model_copy(update={"monthly": Money.parse("9.00 USD")})
    assert answered(house, claim, Captured(owned, "late")) is LineState.UNKNOWN
    assert house.balance("cash", "2026-11") == HELD


@pytest.mark.parametrize(
    "outcome",
    [Refused("number_gone", "404"), NotSent("429"), Unknown("500"), Pending("O-1", "202")],
    ids=lambda outcome: type(outcome).__name__,
)
async def test_any_other_answer_that_comes_late_decides_nothing(
    house: House, outcome: Outcome
) -> None:
    claim, _, _ = await given_up(house)
    assert answered(house, claim, outcome) is LineState.UNKNOWN
    assert house.balance("cash", "2026-11") == HELD


async def test_a_yes_after_a_line_was_written_off_is_recorded_and_freezes(house: House) -> None:
    """It was once dropped: the number was ours, and no record, no ledger entry and no freeze said so."""
    claim, _, _ = await written_off(house)
    owned = await charged(house, claim)
    assert answered(house, claim, Captured(owned, "late")) is LineState.CAPTURED
    assert house.balance("cash", "2026-11") == SPENT
    assert [record.number for record in house.read(inventory.paid_for)] == [owned.number]
    assert house.frozen() is not None


async def test_a_move_that_was_made_after_it_was_written_off_is_recorded(house: House) -> None:
    """A move has no price, so that it could not be posted: the runner broke on its late yes."""
    await house.buy(*await house.find(), assistant_id="reception")
    [record] = house.read(inventory.paid_for)
    answer = await assign(house.desk, ME, AssignWish(record.number, "night-desk"))
    assert answer.intent is not None
    intent = await house.approve(answer.intent)
    [line] = intent.lines
    claim = await claim_move(house.store, line.line_id, times=times_of(house.adapter))
    assert claim is not None
    house.clock.advance(seconds=5)
    await house.wait_out(8)
    assert state_of(house, claim[0]) is LineState.FAILED
    [owned] = await house.adapter.owned()
    assert answered(house, claim[0], Captured(owned, "late")) is LineState.CAPTURED
    [record] = house.read(inventory.paid_for)
    assert record.assistant_id == record.wanted_assistant_id == "night-desk"


async def test_no_answer_to_an_earlier_attempt_touches_a_later_one(house: House) -> None:
    claim, _, _ = await claimed(house)
    assert answered(house, claim, NotSent("429")) is LineState.READY
    house.clock.advance(seconds=1)
    await house.work()
    assert state_of(house, claim) is LineState.CAPTURED
    assert answered(house, claim, Refused("number_gone", "404")) is LineState.CAPTURED


async def test_a_sender_that_slept_finds_its_ticket_dead(house: House) -> None:
    claim, ticket, request = await given_up(house)
    outcome = await house.adapter.buy(ticket, request)
    assert isinstance(outcome, NotSent)
    assert house.charged() == []
    assert answered(house, claim, outcome) is LineState.UNKNOWN


async def test_a_sender_that_is_suspended_between_commit_and_ticket_finds_it_dead_as_well(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ticket's life once began when it was minted: whoever slept before that woke up with a fresh one.

    By then the line could have been looked up twice, and have counted as failed.
    """
    write = house.store.write

    async def suspended(body: object) -> object:
        result: object = await write(body)  # type: ignore[arg-type]  # passed on as it came
        if isinstance(result, Claimed):
            house.clock.advance(minutes=1)
        return result

    monkeypatch.setattr(house.store, "write", suspended)
    claim, ticket, request = await claimed(house)
    monkeypatch.undo()
    assert isinstance(await house.adapter.buy(ticket, request), NotSent)
    assert house.charged() == []
    await house.wait_out(10)
    assert state_of(house, claim) is LineState.FAILED


async def test_nobody_gives_up_a_sender_whose_ticket_may_be_alive(house: House) -> None:
    claim, _, _ = await claimed(house)
    for _ in range(49):
        house.clock.advance(seconds=timedelta(milliseconds=100).total_seconds())
        await house.work()
    assert state_of(house, claim) is LineState.DISPATCHING
