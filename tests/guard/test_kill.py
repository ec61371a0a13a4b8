"""`kill -9` at any point of a purchase or release: another process finishes it, and there is one truth about it."""

import pytest

from guard import killing
from guard.killing import POINTS, POINTS_OF_A_RELEASE, Errand
from house import ME, House
from ringfence.desk.buying import BuyWish, propose_buy
from ringfence.desk.provisioning import Given, ProvisionWish, provision
from ringfence.desk.releasing import ReleaseWish, propose_release
from ringfence.intents import Intent
from ringfence.offers import Offer
from ringfence.sandbox.faults import Fault
from ringfence.states import IntentState, NumberState
from ringfence.store import inventory
from ringfence.store.balances import Balance

SENDING = POINTS[
    POINTS.index("before the claim is committed") : POINTS.index("before the grant is committed")
]
"""Where it matters how the carrier answers."""


def killed(house: House, wish: BuyWish | ReleaseWish | ProvisionWish, point: str) -> bool:
    """Send a process to do what is wished; False where it never came by the point."""
    errand = Errand(house.folder, wish, house.clock.now(), point)
    process = killing.context().Process(target=killing.run, args=(errand,))
    process.start()
    process.join(60)
    assert process.exitcode in {0, -9}
    return process.exitcode == -9


async def finished(house: House, offer: Offer) -> Intent:
    """The caller asks again, a person consents if that is still to be done, and time passes."""
    intent = await propose_buy(house.desk, ME, killing.wish(offer.offer_id))
    if intent.state is IntentState.AWAITING_APPROVAL:
        await house.approve(intent)
    await house.wait_out(20)
    return await house.now(intent)


async def kill_and_finish(house: House, point: str, fault: Fault | None) -> None:
    [offer] = await house.find()
    if fault is not None:
        house.carrier.add_fault(fault)
    died = killed(house, killing.wish(offer.offer_id), point)
    assert died or fault is not None, "the point was never reached"
    intent = await finished(house, offer)
    recorded = [record.number for record in house.read(inventory.paid_for)]
    assert recorded == house.charged()
    if house.charged():
        assert intent.state is IntentState.COMPLETED
        [record] = house.read(inventory.paid_for)
        assert record.assistant_id == "reception"
        assert house.balance("cash", "2026-11") == Balance(used=2_000_000)
    else:
        assert intent.state is IntentState.FAILED
        assert house.balance("cash", "2026-11") == Balance()


@pytest.mark.parametrize("point", POINTS)
async def test_a_process_killed_at_any_point_leaves_one_charge_and_one_record(
    house: House, point: str
) -> None:
    await kill_and_finish(house, point, None)


@pytest.mark.parametrize("fault", [Fault.TIMEOUT_AFTER_CHARGE, Fault.PENDING])
@pytest.mark.parametrize("point", SENDING)
async def test_a_process_killed_while_the_carrier_is_silent_or_slow_leaves_one_charge_and_one_record(
    house: House, point: str, fault: Fault
) -> None:
    await kill_and_finish(house, point, fault)


@pytest.mark.nightly
@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("point", POINTS)
async def test_a_process_killed_under_any_fault_leaves_one_charge_and_one_record(
    house: House, point: str, fault: Fault
) -> None:
    await kill_and_finish(house, point, fault)


async def provisioned(house: House) -> Given:
    """What the caller has after asking again and again, with a person who consents to what is new."""
    for _ in range(3):
        answer = await provision(house.desk, ME, killing.PROVISION)
        if isinstance(answer, Given):
            return answer
        if answer.state is IntentState.AWAITING_APPROVAL:
            await house.approve(answer)
        await house.wait_out(20)
    raise AssertionError("asking again did not lead to a number")


@pytest.mark.parametrize("point", POINTS)
async def test_a_process_killed_while_it_provisions_leaves_one_number_for_the_role(
    house: House, point: str
) -> None:
    """Whoever asks again goes on with what the dead one began; what provably failed is begun anew."""
    assert killed(house, killing.PROVISION, point), "the point was never reached"
    given = await provisioned(house)
    await house.wait_out(20)
    assert house.charged() == [given.record.number]
    [record] = house.read(inventory.paid_for)
    assert (record.assistant_id, record.role) == ("reception", "main")


async def test_a_request_that_had_not_left_when_its_process_was_killed_fails_and_is_not_sent(
    house: House,
) -> None:
    [offer] = await house.find()
    assert killed(house, killing.wish(offer.offer_id), "before the request leaves")
    intent = await finished(house, offer)
    assert (intent.state, intent.lines[0].attempts) == (IntentState.FAILED, 1)
    assert house.charged() == []


async def test_what_was_charged_before_a_process_was_killed_is_found_within_its_quarantine(
    house: House,
) -> None:
    """A dead sender's lease must not keep the others from looking: a person waits for the answer."""
    [offer] = await house.find()
    assert killed(house, killing.wish(offer.offer_id), "after the carrier has charged")
    intent = await propose_buy(house.desk, ME, killing.wish(offer.offer_id))
    for _second in range(8):
        await house.pass_time(seconds=1)
    assert (await house.now(intent)).state is IntentState.COMPLETED


# Releases.


async def kill_and_give_back(house: House, point: str, fault: Fault | None) -> None:
    [offer] = await house.find()
    await house.buy(offer, assistant_id="reception")
    number = offer.stock.number
    wish = ReleaseWish(number, idempotency_key="one")
    if fault is not None:
        house.carrier.add_fault(fault)
    died = killed(house, wish, point)
    assert died or fault is not None, "the point was never reached"
    intent = await propose_release(house.desk, ME, wish)
    if intent.state is IntentState.AWAITING_APPROVAL:
        await house.approve(intent)
    await house.wait_out(20)
    intent = await house.now(intent)
    [record] = house.read(inventory.everything)
    if house.carrier.releases():
        assert (intent.state, record.state) == (IntentState.COMPLETED, NumberState.RELEASED)
        assert house.balance("count", "all") == Balance()
    else:
        assert (intent.state, record.state) == (IntentState.FAILED, NumberState.ACTIVE)
        assert record.assistant_id == "reception"
        assert house.balance("count", "all") == Balance(used=1)
    assert len(house.charged()) == 1
    house.books_balance()


@pytest.mark.parametrize("point", POINTS_OF_A_RELEASE)
async def test_a_process_killed_at_any_point_of_a_release_leaves_the_number_gone_or_active(
    house: House, point: str
) -> None:
    await kill_and_give_back(house, point, None)


@pytest.mark.parametrize("point", POINTS_OF_A_RELEASE[4:])
async def test_a_process_killed_while_the_carrier_is_silent_about_a_release_leaves_one_truth(
    house: House, point: str
) -> None:
    await kill_and_give_back(house, point, Fault.TIMEOUT_AFTER_CHARGE)


@pytest.mark.nightly
@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("point", POINTS_OF_A_RELEASE)
async def test_a_process_killed_under_any_fault_leaves_the_number_gone_or_active(
    house: House, point: str, fault: Fault
) -> None:
    await kill_and_give_back(house, point, fault)


async def test_a_release_that_had_not_left_when_its_process_was_killed_is_not_sent(
    house: House,
) -> None:
    [offer] = await house.find()
    await house.buy(offer)
    wish = ReleaseWish(offer.stock.number)
    assert killed(house, wish, "before the release leaves")
    intent = await propose_release(house.desk, ME, wish)
    await house.wait_out(20)
    intent = await house.now(intent)
    assert (intent.state, intent.lines[0].attempts) == (IntentState.FAILED, 1)
    assert house.carrier.releases() == []
