"""Buying: propose exactly these numbers, ask a person, send once, and say what came of it."""

from datetime import timedelta

import pytest

from house import ME, PERSON, SOMEBODY_ELSE, House, policy_with
from ringfence.desk.assigning import AssignWish, assign
from ringfence.desk.buying import BuyWish, cancel_intent, get_intent, propose_buy, wait_for_intent
from ringfence.desk.consenting import approve_at_terminal, approve_by_client
from ringfence.desk.listing import ListWish, list_numbers
from ringfence.errors import (
    BudgetExceeded,
    Expired,
    Frozen,
    InvalidArguments,
    NotFound,
    NumberGone,
    PapersMissing,
    PolicyRefused,
    PriceChanged,
    PriceUnknown,
    RingfenceError,
)
from ringfence.guard.freeze import freeze, unfreeze
from ringfence.intents import Level
from ringfence.inventory import Origin
from ringfence.money import Money
from ringfence.offers import Provider
from ringfence.sandbox.faults import Fault
from ringfence.states import IntentState, LineState
from ringfence.store import attempts, inventory
from ringfence.store.balances import Balance

DAY = "2026-11-22"
MONTH = "2026-11"


# As it should go.


async def test_a_purchase_waits_for_a_person_with_its_budget_held(house: House) -> None:
    [offer] = await house.find()
    intent = await house.propose(offer)
    assert intent.state is IntentState.AWAITING_APPROVAL
    assert [line.state for line in intent.lines] == [LineState.READY]
    assert str(intent.terms.total_now) == "2.00 USD"
    assert house.balance("cash", MONTH) == Balance(held=2_000_000)
    assert house.balance("run-rate", "all") == Balance(held=1_000_000)
    assert house.balance("count", "all") == house.balance("purchases", DAY) == Balance(held=1)
    await house.work()
    assert house.charged() == []


async def test_an_approved_purchase_is_sent_once_and_what_it_cost_is_posted(house: House) -> None:
    [offer] = await house.find()
    intent = await house.buy(offer)
    assert intent.state is IntentState.COMPLETED
    assert (intent.decided_by, intent.decided_level) == (PERSON, Level.PAGE)
    assert house.charged() == [offer.stock.number]
    assert house.balance("cash", MONTH) == Balance(used=2_000_000)
    assert house.balance("run-rate", "all") == Balance(used=1_000_000)
    assert house.balance("attempts", "2026-11-22T12:00") == Balance(used=1)


async def test_a_bought_number_is_on_the_list_with_what_it_costs(house: House) -> None:
    [offer] = await house.find()
    await house.buy(offer, assistant_id="reception")
    [record] = (await list_numbers(house.desk, ME, ListWish())).numbers
    assert record.number == offer.stock.number
    assert record.assistant_id == record.wanted_assistant_id == "reception"
    assert (str(record.monthly), record.requester, record.origin) == (
        "1.00 USD",
        ME,
        Origin.RINGFENCE,
    )


async def test_the_carrier_knows_a_purchase_by_our_tag(house: House) -> None:
    [offer] = await house.find()
    intent = await house.buy(offer)
    [number] = house.carrier.owned()
    ulid = intent.lines[0].line_id.removeprefix("lin_")
    installation = intent.terms.installation_id[-8:]
    assert number.tag == f"rf1/{installation}/{ulid}"


async def test_offers_are_reserved_on_the_way(house: House) -> None:
    [offer] = await house.find()
    await house.propose(offer)
    assert [hold.number for hold in house.carrier.holds()] == [offer.stock.number]


async def test_two_numbers_make_one_intent_and_two_purchases(house: House) -> None:
    first, second = await house.find(2)
    intent = await house.buy(first, second)
    assert intent.state is IntentState.COMPLETED
    assert str(intent.terms.total_now) == "4.00 USD"
    assert sorted(house.charged()) == sorted([first.stock.number, second.stock.number])


async def test_two_currencies_are_added_up_in_the_budgets_own(house: House) -> None:
    [british] = await house.find(country="GB", area_code="161")
    [american] = await house.find()
    intent = await house.buy(british, american)
    assert intent.terms.is_converted
    assert str(intent.terms.total_now) == "4.4948 USD"
    assert house.balance("cash", MONTH) == Balance(used=4_494_800)


async def test_a_client_may_consent_with_the_last_four_digits_in_the_sandbox(house: House) -> None:
    [offer] = await house.find()
    intent = await house.propose(offer)
    with pytest.raises(InvalidArguments):
        await approve_by_client(house.desk, ME, intent.intent_id, last_four="0000")
    last_four = offer.stock.number[-4:]
    approved = await approve_by_client(house.desk, ME, intent.intent_id, last_four=last_four)
    assert (approved.state, approved.decided_level) == (IntentState.APPROVED, Level.CLIENT)


async def test_consent_that_is_too_weak_approves_nothing(house: House) -> None:
    house.apply(policy_with(levels="{buy: page, release: page, assign: page}"))
    [offer] = await house.find()
    intent = await house.propose(offer)
    with pytest.raises(PolicyRefused, match="level page"):
        await approve_by_client(house.desk, ME, intent.intent_id, last_four=offer.stock.number[-4:])
    assert (await house.now(intent)).state is IntentState.AWAITING_APPROVAL


async def test_consent_to_another_digest_approves_nothing(house: House) -> None:
    one, other = await house.find(2)
    intent, another = await house.propose(one), await house.propose(other)
    with pytest.raises(PolicyRefused):
        await approve_at_terminal(
            house.desk, intent.intent_id, digest=another.digest, person=PERSON
        )
    await house.work()
    assert house.charged() == []


async def test_consent_that_nobody_can_give_is_refused_before_anybody_is_asked(
    house: House,
) -> None:
    house.apply(policy_with(levels="{buy: passkey, release: page, assign: page}"))
    [offer] = await house.find()
    with pytest.raises(PolicyRefused, match="passkey"):
        await house.propose(offer)


async def test_approving_twice_buys_once(house: House) -> None:
    [offer] = await house.find()
    intent = await house.approved(offer)
    await house.approve(intent)
    await house.work()
    again = await house.approve(intent)
    await house.work()
    assert again.state is IntentState.COMPLETED
    assert len(house.charged()) == 1


async def test_waiting_for_a_purchase_ends_when_its_number_is_connected(house: House) -> None:
    [offer] = await house.find()
    intent = await house.buy(offer, assistant_id="reception")
    done = await wait_for_intent(house.desk, ME, intent.intent_id, 5)
    assert done.state is IntentState.COMPLETED
    [record] = house.read(inventory.paid_for)
    assert record.assistant_id == "reception"


async def test_an_intent_is_shown_to_its_requester_alone(house: House) -> None:
    [offer] = await house.find()
    intent = await house.propose(offer)
    assert (await get_intent(house.desk, ME, intent.intent_id)) == intent
    for ask in (get_intent, cancel_intent):
        with pytest.raises(NotFound):
            await ask(house.desk, SOMEBODY_ELSE, intent.intent_id)
    assert (await house.now(intent)).state is IntentState.AWAITING_APPROVAL


# The no.


async def refused(house: House, *items: str, **wish: object) -> RingfenceError:
    """The error that this wish meets."""
    with pytest.raises(RingfenceError) as caught:
        await propose_buy(house.desk, ME, BuyWish(items=items, **wish))  # type: ignore[arg-type]  # passed on
    return caught.value


async def test_a_refusal_names_budget_limit_and_amount_and_is_kept(house: House) -> None:
    house.apply(policy_with(budgets=["{name: count, kind: count, limit: 1}"]))
    await house.buy(*await house.find())
    offers = await house.find(2)
    error = await refused(house, *[offer.offer_id for offer in offers])
    assert isinstance(error, BudgetExceeded)
    [violation] = error.details["violations"]
    assert violation == {
        "rule": "budget", "budget": "count", "scope": "all", "window": "all",
        "limit": "1", "used": "1", "held": "0", "requested": "2", "left": "0",
    }  # fmt: skip
    intent = await get_intent(house.desk, ME, error.details["intent_id"])
    assert intent.state is IntentState.REFUSED
    assert intent.refusal is not None
    assert intent.refusal["code"] == "budget_exceeded"


async def test_a_refusal_costs_no_call_that_could_be_charged_and_reserves_nothing(
    house: House,
) -> None:
    house.apply(policy_with(budgets=["{name: count, kind: count, limit: 0}"]))
    [offer] = await house.find()
    assert isinstance(await refused(house, offer.offer_id), BudgetExceeded)
    assert house.carrier.holds() == []
    assert house.charged() == []


async def test_a_number_without_a_price_cannot_be_bought(house: House) -> None:
    offers = await house.find(50, country="GB", area_code="306")
    [unpriced] = [offer for offer in offers if offer.stock.price is None]
    assert isinstance(await refused(house, unpriced.offer_id), PriceUnknown)


async def test_a_currency_without_a_rate_cannot_be_bought(house: House) -> None:
    offers = await house.find(50, country="IS", area_code=None)
    [odd] = [o for o in offers if o.stock.price and o.stock.price.currency == "ISK"]
    error = await refused(house, odd.offer_id)
    assert isinstance(error, PriceUnknown)
    assert error.details["violations"][0]["rule"] == "rate_known"


async def test_papers_that_are_missing_are_named(house: House) -> None:
    [offer] = await house.find(country="FR", area_code="1")
    error = await refused(house, offer.offer_id)
    assert isinstance(error, PapersMissing)
    assert "an address" in error.message
    assert error.details["items"][0]["item"] == offer.offer_id


async def test_a_number_on_back_order_is_not_bought(house: House) -> None:
    [offer] = await house.find(country="US", area_code="882")
    error = await refused(house, offer.offer_id)
    assert isinstance(error, PolicyRefused)
    assert "back order" in error.message


async def test_one_bad_item_refuses_them_all_and_every_bad_one_is_listed(house: House) -> None:
    good, bad, worse = await house.find(3)
    await house.buy(bad)
    await house.buy(worse)
    error = await refused(house, good.offer_id, bad.offer_id, worse.offer_id)
    assert isinstance(error, NumberGone)
    assert [each["item"] for each in error.details["items"]] == [bad.offer_id, worse.offer_id]
    assert house.balance("cash", MONTH).held == 0


async def test_a_price_that_has_risen_since_the_offer_is_refused_with_both_prices(
    house: House,
) -> None:
    [offer] = await house.find()
    house.carrier.add_fault(Fault.PRICE_MOVED)
    error = await refused(house, offer.offer_id)
    assert isinstance(error, PriceChanged)
    assert "1.50 USD" in error.message
    assert "1.00 USD" in error.message


async def test_the_callers_own_limit_is_kept(house: House) -> None:
    [offer] = await house.find()
    error = await refused(house, offer.offer_id, max_total=Money.parse("1.99 USD"))
    assert isinstance(error, BudgetExceeded)
    assert error.details["violations"][0]["rule"] == "max_total"
    await house.propose(offer, max_total=Money.parse("2.00 USD"))


async def test_the_callers_limit_in_another_currency_is_refused(house: House) -> None:
    [offer] = await house.find()
    error = await refused(house, offer.offer_id, max_total=Money.parse("100.00 EUR"))
    assert isinstance(error, InvalidArguments)


async def test_an_assistant_that_is_not_registered_is_found_before_anything_is_held(
    house: House,
) -> None:
    house.apply(policy_with(assistants="[{name: reception}, {name: night-desk}]"))
    [offer] = await house.find()
    error = await refused(house, offer.offer_id, assistant_id="receptoin")
    assert isinstance(error, InvalidArguments)
    assert "reception?" in error.message
    assert error.details["assistants"] == ["night-desk", "reception"]


async def test_the_same_number_twice_is_no_wish(house: House) -> None:
    [offer] = await house.find()
    [again] = await house.find()
    assert isinstance(await refused(house, offer.offer_id, again.offer_id), InvalidArguments)


async def test_while_spending_is_frozen_nothing_is_asked_for_or_approved(house: House) -> None:
    waiting, other = await house.find(2)
    intent = await house.propose(waiting)
    house.write(lambda tx: freeze(tx, "to be sure", actor=PERSON))
    assert isinstance(await refused(house, other.offer_id), Frozen)
    with pytest.raises(Frozen, match="to be sure"):
        await house.approve(intent)
    assert (await house.now(intent)).state is IntentState.AWAITING_APPROVAL


async def test_what_was_approved_before_a_freeze_waits_for_the_thaw(house: House) -> None:
    intent = await house.approved(*await house.find())
    house.write(lambda tx: freeze(tx, "to be sure", actor=PERSON))
    await house.wait_out(20)
    assert house.charged() == []
    house.write(lambda tx: unfreeze(tx, actor=PERSON))
    await house.wait_out(6)
    assert (await house.now(intent)).state is IntentState.COMPLETED


async def test_a_carrier_that_the_policy_does_not_name_is_not_paid(house: House) -> None:
    [offer] = await house.find()
    intent = await house.approved(offer)
    house.apply(
        policy_with(carriers=f"[{{provider: {Provider.TWILIO.value}, host: api.twilio.com}}]")
    )
    await house.work()
    assert (await house.now(intent)).lines[0].state is LineState.VOIDED
    assert house.charged() == []


# Between the consent and the sending.


async def test_a_number_that_grew_dearer_after_consent_is_not_bought(house: House) -> None:
    intent = await house.approved(*await house.find())
    house.carrier.add_fault(Fault.PRICE_MOVED)
    await house.work()
    after = await house.now(intent)
    assert (after.state, after.lines[0].state) == (IntentState.FAILED, LineState.VOIDED)
    assert after.lines[0].error is not None
    assert after.lines[0].error["code"] == "price_changed"
    assert house.charged() == []
    assert house.balance("cash", MONTH) == Balance()


async def test_a_card_that_is_no_longer_true_is_withdrawn_while_it_waits(house: House) -> None:
    intent = await house.propose(*await house.find())
    house.carrier.add_fault(Fault.PRICE_MOVED)
    await house.pass_time(minutes=5)
    after = await house.now(intent)
    assert (after.state, after.lines[0].state) == (IntentState.CANCELLED, LineState.VOIDED)
    with pytest.raises(Expired):
        await house.approve(intent)


async def test_a_carriers_hold_is_kept_alive_while_a_person_decides(house: House) -> None:
    [offer] = await house.find()
    await house.propose(offer)
    for _ in range(11):
        await house.pass_time(minutes=5)
    assert [hold.number for hold in house.carrier.holds()] == [offer.stock.number]


async def test_a_number_that_somebody_else_bought_in_the_meantime_is_not_replaced(
    house: House,
) -> None:
    intent = await house.approved(*await house.find())
    house.carrier.add_fault(Fault.GONE)
    await house.work()
    after = await house.now(intent)
    assert (after.state, after.lines[0].state) == (IntentState.FAILED, LineState.FAILED)
    assert after.lines[0].error is not None
    assert after.lines[0].error["code"] == "number_gone"
    assert house.charged() == []
    assert house.balance("cash", MONTH) == Balance()


async def test_consent_ends_with_its_time(house: House) -> None:
    intent = await house.propose(*await house.find())
    assert intent.expires_at == house.clock.now() + timedelta(hours=1)
    house.clock.advance(hours=1)
    with pytest.raises(Expired):
        await house.approve(intent)
    await house.work()
    assert (await house.now(intent)).state is IntentState.EXPIRED
    assert house.balance("cash", MONTH) == Balance()


async def test_consent_that_was_given_but_not_used_in_time_is_worth_nothing(house: House) -> None:
    intent = await house.approved(*await house.find())
    await house.pass_time(hours=1)
    assert (await house.now(intent)).state is IntentState.EXPIRED
    assert house.charged() == []


async def test_an_installations_clock_set_ahead_ends_what_waits(house: House) -> None:
    """As `ringfence sandbox clock +2h` does, to the store and to the carrier."""
    from ringfence.store.installation import move_clock

    intent = await house.propose(*await house.find())
    house.write(lambda tx: move_clock(tx, timedelta(hours=2)))
    house.carrier.advance(timedelta(hours=2))
    await house.work()
    assert (await house.now(intent)).state is IntentState.EXPIRED


async def test_a_tightened_policy_stops_what_was_approved_under_the_old_one(house: House) -> None:
    one, other = await house.find(2)
    intent = await house.approved(one, other)
    house.apply(policy_with(budgets=["{name: count, kind: count, limit: 1}"]))
    await house.work()
    after = await house.now(intent)
    assert after.state is IntentState.PARTLY_COMPLETED
    assert sorted(line.state for line in after.lines) == [LineState.CAPTURED, LineState.VOIDED]
    assert len(house.charged()) == 1


async def test_a_policy_that_asks_for_stronger_consent_voids_the_weaker(house: House) -> None:
    [offer] = await house.find()
    intent = await house.propose(offer)
    last_four = offer.stock.number[-4:]
    await approve_by_client(house.desk, ME, intent.intent_id, last_four=last_four)
    house.apply(policy_with(levels="{buy: page, release: page, assign: page}"))
    await house.work()
    assert (await house.now(intent)).lines[0].state is LineState.VOIDED
    assert house.charged() == []


# Withdrawing.


async def test_a_withdrawn_purchase_gives_its_budget_back(house: House) -> None:
    intent = await house.approved(*await house.find())
    cancelled = await cancel_intent(house.desk, ME, intent.intent_id)
    assert cancelled.state is IntentState.CANCELLED
    await house.work()
    assert house.charged() == []
    assert house.balance("cash", MONTH) == Balance()


async def test_withdrawing_in_the_middle_stops_what_was_not_sent_and_keeps_what_was(
    house: House,
) -> None:
    one, other = await house.find(2)
    house.carrier.add_fault(Fault.RATE_LIMITED)
    intent = await house.approved(one, other)
    await house.runner.step()
    assert len(house.charged()) == 1
    after = await cancel_intent(house.desk, ME, intent.intent_id)
    assert after.state is IntentState.PARTLY_COMPLETED
    await house.wait_out(5)
    assert len(house.charged()) == 1
    assert house.balance("cash", MONTH) == Balance(used=2_000_000)


async def test_withdrawing_what_has_ended_changes_nothing(house: House) -> None:
    intent = await house.buy(*await house.find())
    assert await cancel_intent(house.desk, ME, intent.intent_id) == intent


async def test_moving_the_number_of_a_purchase_needs_the_purchase_first(house: House) -> None:
    [offer] = await house.find()
    await house.propose(offer)
    with pytest.raises(NotFound):
        await assign(house.desk, ME, AssignWish(offer.stock.number, "reception"))


async def test_every_attempt_is_written_down(house: House) -> None:
    intent = await house.buy(*await house.find())
    [attempt] = house.read(lambda tx: attempts.of_line(tx, intent.lines[0].line_id))
    assert attempt.outcome == "captured"
    assert attempt.request_hash == intent.lines[0].request_hash
