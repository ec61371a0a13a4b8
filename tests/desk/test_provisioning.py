"""Provisioning: one call that gives an assistant a number, and never a second one for the same role."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

import anyio
import pytest

from house import ME, PERSON, SOMEBODY_ELSE, House, policy_with
from ringfence.desk.assigning import AssignWish, assign
from ringfence.desk.buying import cancel_intent
from ringfence.desk.consenting import decline_at_terminal
from ringfence.desk.provisioning import (
    MAX_NEXT,
    Given,
    Provisioned,
    ProvisionWish,
    provision,
    provisioned_by,
)
from ringfence.desk.reserving import reserve
from ringfence.errors import (
    BudgetExceeded,
    Declined,
    Frozen,
    InvalidArguments,
    NotFound,
    NumberGone,
    PapersMissing,
    PolicyRefused,
    PriceUnknown,
    ProviderUnavailable,
    RingfenceError,
)
from ringfence.guard.card import card, read_facts
from ringfence.guard.digest import digest_of, digest_of_bytes
from ringfence.guard.freeze import freeze, unfreeze
from ringfence.intents import DeclineReason, Intent, Op
from ringfence.inventory import NumberRecord
from ringfence.money import Money
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Quote
from ringfence.sandbox.faults import Fault
from ringfence.states import IntentState, NumberState
from ringfence.store import inventory
from ringfence.store.transaction import Transaction

US_415: dict[str, Any] = {"country": "US", "area_code": "415"}


async def asked(
    house: House, assistant_id: str = "reception", *, principal: str = ME, **wish: Any
) -> Provisioned:
    """What one call answers; for San Francisco where nothing else is wished."""
    wanted = wish if "country" in wish else US_415 | wish
    return await provision(
        house.desk, principal, ProvisionWish(assistant_id=assistant_id, **wanted)
    )


async def proposed(house: House, assistant_id: str = "reception", **wish: Any) -> Intent:
    """The intent that a call leads to."""
    answer = await asked(house, assistant_id, **wish)
    assert isinstance(answer, Intent)
    return answer


async def given(house: House, assistant_id: str = "reception", **wish: Any) -> Given:
    """The number that a call leads to at once."""
    answer = await asked(house, assistant_id, **wish)
    assert isinstance(answer, Given)
    return answer


async def provisioned(house: House, assistant_id: str = "reception", **wish: Any) -> NumberRecord:
    """A number that was proposed, approved, bought and connected."""
    intent = await proposed(house, assistant_id, **wish)
    await house.approve(intent)
    await house.work()
    return record_of(house, number_in(intent))


async def declined(house: House, intent: Intent, reason: DeclineReason | None = None) -> None:
    await decline_at_terminal(house.desk, intent.intent_id, person=PERSON, reason=reason)


async def idle(house: House, **wish: Any) -> str:
    """A number of mine that serves nobody."""
    [offer] = await house.find(**wish)
    await house.buy(offer)
    return offer.stock.number


def number_in(intent: Intent) -> str:
    [line] = intent.lines
    return line.terms.number


def record_of(house: House, number: str) -> NumberRecord:
    found = house.read(lambda tx: inventory.by_number(tx, number))
    assert isinstance(found, NumberRecord)
    return found


def intents_known(house: House) -> list[IntentState]:
    """The states of all intents that there ever were."""

    def read(tx: Transaction) -> list[IntentState]:
        rows = tx.connection.exec_driver_sql("SELECT state FROM intent ORDER BY intent_id")
        return [IntentState(state) for (state,) in rows]

    states: list[IntentState] = house.read(read)
    return states


def put_in_state(house: House, number: str, state: NumberState) -> None:
    def change(tx: Transaction) -> None:
        record = inventory.by_number(tx, number)
        assert record is not None
        inventory.change(tx, record, state=state)

    house.write(change)


class Rush:
    """Just before we ask for the price of a number, something happens to it; so many times."""

    def __init__(
        self, house: House, happens: Callable[[str], Awaitable[object]], times: int
    ) -> None:
        self._happens = happens
        self._left = times
        self._adapter: Any = house.adapter
        self._quote = house.adapter.quote

    async def __call__(self, stock_id: str) -> Quote | None:
        if self._left:
            self._left -= 1
            await self._happens(stock_id)
        return await self._quote(stock_id)

    def __enter__(self) -> None:
        self._adapter.quote = self

    def __exit__(self, *_error: object) -> None:
        self._adapter.quote = self._quote


def sells_elsewhere(house: House) -> Callable[[str], Awaitable[None]]:
    async def sell(stock_id: str) -> None:
        with closing(sqlite3.connect(house.folder / "carrier.db")) as shelf:
            shelf.execute("UPDATE stock SET sold_elsewhere = 1 WHERE stock_id = ?", (stock_id,))
            shelf.commit()

    return sell


# Buying.


async def test_the_cheapest_match_is_proposed_bought_after_consent_and_connected(
    house: House,
) -> None:
    [cheapest] = await house.find()
    intent = await proposed(house, reason="The old line is gone.")
    assert intent.state is IntentState.AWAITING_APPROVAL
    assert number_in(intent) == cheapest.stock.number
    assert (intent.terms.op, intent.terms.assistant_id, intent.terms.role, intent.reason) == (
        Op.BUY,
        "reception",
        "main",
        "The old line is gone.",
    )
    assert house.charged() == []
    await house.approve(intent)
    await house.work()
    answer = await provisioned_by(house.desk, ME, intent.intent_id)
    assert isinstance(answer, Given)
    assert (answer.record.number, answer.is_reused) == (number_in(intent), False)
    assert (answer.step.what, answer.step.done) == ("connect", True)
    [listed] = house.carrier.owned()
    assert listed.voice_url == "https://example.com/assistants/reception/voice"


async def test_the_same_call_goes_on_with_what_it_began(house: House) -> None:
    intent = await proposed(house)
    again = await proposed(house, area_code="212", reason="other words")
    assert again.intent_id == intent.intent_id
    await house.approve(intent)
    assert (await proposed(house)).state is IntentState.APPROVED
    await house.work()
    answer = await given(house)
    assert (answer.record.number, answer.is_reused) == (number_in(intent), True)
    assert len(house.charged()) == 1


async def test_a_served_assistant_has_its_number_whatever_is_wished_now(house: House) -> None:
    record = await provisioned(house)
    for wish in (
        {"country": "GB", "type": NumberType.MOBILE},
        {"country": "US", "area_code": "212", "max_monthly": Money.parse("0.01 USD")},
        {"country": "US", "capabilities": (Capability.WHATSAPP,), "principal": SOMEBODY_ELSE},
    ):
        answer = await given(house, **wish)
        assert (answer.record.number, answer.is_reused) == (record.number, True)
    assert intents_known(house) == [IntentState.COMPLETED]


async def test_a_number_that_was_bought_or_assigned_by_hand_is_the_main_one(house: House) -> None:
    one, other = await house.find(2)
    await house.buy(one, assistant_id="reception")
    await house.buy(other)
    await assign(house.desk, ME, AssignWish(other.stock.number, "night-desk"))
    assert (await given(house, "reception")).record.number == one.stock.number
    assert (await given(house, "night-desk")).record.number == other.stock.number


async def test_a_purchase_by_hand_that_waits_is_gone_on_with(house: House) -> None:
    by_hand = await house.propose(*await house.find(), assistant_id="reception")
    assert (await proposed(house)).intent_id == by_hand.intent_id


async def test_each_role_has_a_number_of_its_own(house: House) -> None:
    main = await provisioned(house)
    night = await provisioned(house, role="night")
    assert main.number != night.number
    assert (main.role, night.role) == ("main", "night")
    assert (await given(house)).record.number == main.number
    assert (await given(house, role="night")).record.number == night.number


async def test_two_assistants_are_never_offered_the_same_number(house: House) -> None:
    """The cheapest match waits for a person already: its intent is the other assistant's."""
    one, other = await proposed(house, "reception"), await proposed(house, "night-desk")
    assert other.terms.assistant_id == "night-desk"
    assert number_in(one) != number_in(other)


async def test_the_role_is_part_of_what_a_person_consents_to(house: House) -> None:
    intent = await proposed(house, role="night")
    shown = house.read(lambda tx: card(read_facts(tx, intent.intent_id)))
    assert "reception, role night" in shown
    forged = intent.terms.model_copy(update={"role": "main"})
    assert digest_of(forged) != intent.digest == digest_of(intent.terms)
    plain = await proposed(house, "night-desk")
    assert "role" not in house.read(lambda tx: card(read_facts(tx, plain.intent_id)))


async def test_the_price_bounds_the_match(house: House) -> None:
    wish = {"country": "US", "type": NumberType.TOLL_FREE}
    with pytest.raises(NotFound, match=r"higher max_monthly: the cheapest match costs 2\.00 USD"):
        await asked(house, **wish, max_monthly=Money.parse("1.99 USD"))
    intent = await proposed(house, **wish, max_monthly=Money.parse("2.00 USD"))
    [line] = intent.lines
    assert line.terms.price is not None
    assert str(line.terms.price.monthly) == "2.00 USD"


async def test_what_can_be_bought_now_comes_before_what_may_be(house: House) -> None:
    """Kenya's numbers may turn out to be on sale; with one that is, the cheaper doubt waits."""
    unsure = await proposed(house, country="KE")
    assert number_in(unsure).startswith("+254")
    [offer] = await house.find(country="KE", principal=SOMEBODY_ELSE)
    stock_id = offer.stock.stock_id
    with closing(sqlite3.connect(house.folder / "carrier.db")) as shelf:
        shelf.execute(
            "UPDATE stock SET buyable = 'now', monthly_micros = 4000000 WHERE stock_id = ?",
            (stock_id,),
        )
        shelf.commit()
    assert number_in(await proposed(house, "night-desk", country="KE")) == offer.stock.number


# Nothing to propose.


async def test_a_wrong_assistant_costs_nothing_and_is_answered_with_the_registered_ones(
    house: House,
) -> None:
    house.apply(policy_with(assistants="[{name: reception}, {name: night-desk}]"))
    with pytest.raises(InvalidArguments, match="Did you mean reception") as caught:
        await asked(house, "recepcion", contains="%%")
    assert caught.value.details["assistants"] == ["night-desk", "reception"]
    assert intents_known(house) == []
    assert house.carrier.holds() == []
    assert house.read(lambda tx: tx.connection.exec_driver_sql("SELECT * FROM offer").all()) == []


async def test_where_nothing_matches_it_says_what_would_and_to_ask_first(house: House) -> None:
    with pytest.raises(NotFound) as caught:
        await asked(house, contains="7777777")
    error = caught.value
    assert error.details["relaxations"] == ["Search without contains: 20 found."]
    assert error.details["relaxations"][0] in error.message
    assert "ask" in error.remedy
    assert "provision_number" in error.remedy
    assert intents_known(house) == []


async def test_a_mobile_in_melbourne_is_answered_with_the_search_that_works(house: House) -> None:
    with pytest.raises(NotFound, match="Search without locality: 14 found"):
        await asked(house, country="AU", type=NumberType.MOBILE, locality="Melbourne")


@pytest.mark.parametrize(
    ("wish", "error", "words", "rule"),
    [
        ({"country": "GB", "contains": "3069990990"}, PriceUnknown, "no price", "price_known"),
        ({"country": "GB", "type": NumberType.MOBILE}, PapersMissing, "papers", "papers_missing"),
        ({"country": "DE"}, PapersMissing, "papers", "papers_missing"),
        (
            {"country": "SE", "type": NumberType.MOBILE},
            PolicyRefused,
            "back order",
            "policy_refused",
        ),
        ({"country": "IS", "contains": "2001944"}, PriceUnknown, "exchange rate", "rate_known"),
    ],
)
async def test_what_cannot_be_bought_is_refused_for_its_own_reason(
    house: House, wish: dict[str, Any], error: type[RingfenceError], words: str, rule: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        await asked(house, **wish)
    assert {violation["rule"] for violation in caught.value.details["violations"]} == {rule}
    assert house.carrier.holds() == []


async def test_what_can_be_bought_is_found_behind_what_is_cheaper_and_cannot(house: House) -> None:
    """France's cheapest numbers are sold only to holders of papers, or not yet: the next page has others."""
    with closing(sqlite3.connect(house.folder / "carrier.db")) as shelf:
        shelf.execute(
            "UPDATE stock SET monthly_micros = 2900000 WHERE country = 'FR' AND area_code = '9'"
        )
        shelf.commit()
    assert len(await house.find(50, country="FR", max_monthly=Money.parse("2.90 EUR"))) > 20
    assert number_in(await proposed(house, country="FR")).startswith("+339")


async def test_a_budget_refuses_as_it_does_for_any_purchase(house: House) -> None:
    house.apply(policy_with(budgets=["{name: count, kind: count, limit: 0}"]))
    with pytest.raises(BudgetExceeded) as caught:
        await asked(house)
    [violation] = caught.value.details["violations"]
    assert (violation["rule"], violation["budget"], violation["left"]) == ("budget", "count", "0")
    assert caught.value.details["intent_id"].startswith("int_")
    house.apply(policy_with())
    assert (await proposed(house)).state is IntentState.AWAITING_APPROVAL


async def test_a_carrier_that_is_down_is_not_taken_for_one_that_has_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def mute(*_: object, **__: object) -> None:
        raise ProviderUnavailable("No answer.")

    monkeypatch.setattr(house.adapter, "search", mute)
    with pytest.raises(ProviderUnavailable) as caught:
        await asked(house)
    assert caught.value.retryable


# A number that goes.


async def test_a_number_that_goes_meanwhile_makes_room_for_the_next(house: House) -> None:
    found = await house.find(5)
    with Rush(house, sells_elsewhere(house), MAX_NEXT):
        assert number_in(await proposed(house)) == found[MAX_NEXT].stock.number


async def test_after_so_many_that_went_it_gives_up(house: House) -> None:
    with Rush(house, sells_elsewhere(house), 1 + MAX_NEXT), pytest.raises(NumberGone) as caught:
        await asked(house)
    assert "provision_number" in caught.value.remedy
    assert intents_known(house) == []
    assert (await proposed(house)).state is IntentState.AWAITING_APPROVAL


async def test_a_number_that_somebody_keeps_meanwhile_makes_room_for_the_next(
    house: House,
) -> None:
    one, other = await house.find(2)
    [theirs] = await house.find(principal=SOMEBODY_ELSE)
    assert theirs.stock.number == one.stock.number

    async def keep_it(_stock_id: str) -> None:
        await reserve(house.desk, SOMEBODY_ELSE, [theirs.offer_id])

    with Rush(house, keep_it, 1):
        assert number_in(await proposed(house)) == other.stock.number


async def test_a_price_that_moves_meanwhile_makes_room_for_the_next(house: House) -> None:
    _one, other = await house.find(2)
    house.carrier.add_fault(Fault.PRICE_MOVED)
    assert number_in(await proposed(house)) == other.stock.number


async def test_after_a_purchase_that_failed_the_next_match_is_proposed(house: House) -> None:
    one, other = await house.find(2)
    house.carrier.add_fault(Fault.GONE)
    failed = await proposed(house)
    assert number_in(failed) == one.stock.number
    await house.approve(failed)
    await house.work()
    assert await provisioned_by(house.desk, ME, failed.intent_id) == await house.now(failed)
    assert number_in(await proposed(house)) == other.stock.number


async def test_an_outcome_that_nobody_knows_is_gone_on_with_and_not_bought_again(
    house: House,
) -> None:
    intent = await proposed(house)
    house.carrier.add_fault(Fault.TIMEOUT_AFTER_CHARGE)
    await house.approve(intent)
    await house.work()
    again = await proposed(house)
    assert (again.intent_id, again.state) == (intent.intent_id, IntentState.NEEDS_ATTENTION)
    await house.wait_out(20)
    assert (await given(house)).record.number == number_in(intent)
    assert len(house.charged()) == 1


async def test_a_number_that_is_bought_and_not_connected_yet_is_the_assistants(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = await proposed(house)
    await house.approve(intent)

    async def mute(*_: object, **__: object) -> None:
        raise ProviderUnavailable("No answer.")

    with monkeypatch.context() as silence:
        silence.setattr(house.adapter, "configure", mute)
        await house.work()
        answer = await given(house)
    assert (answer.record.number, answer.is_reused) == (number_in(intent), True)
    assert not answer.step.done
    await house.pass_time(seconds=5)
    assert (await given(house)).step.done


# A person's no.


async def test_after_another_number_the_declined_ones_are_left_out(house: House) -> None:
    found = [offer.stock.number for offer in await house.find(4)]
    for number in found[:3]:
        intent = await proposed(house)
        assert number_in(intent) == number
        await declined(house, intent, DeclineReason.ANOTHER_NUMBER)
    assert number_in(await proposed(house)) == found[3]
    # For another role, and another assistant, nobody has declined them.
    assert number_in(await proposed(house, role="night")) == found[0]


async def test_whoever_asked_a_declined_number_stays_declined_for_the_assistant(
    house: House,
) -> None:
    one, other = await house.find(2)
    await declined(
        house, await proposed(house, principal=SOMEBODY_ELSE), DeclineReason.ANOTHER_NUMBER
    )
    house.clock.advance(minutes=31)  # what the other reserved has lapsed
    intent = await proposed(house)
    assert one.stock.number != number_in(intent) == other.stock.number


async def test_a_declined_number_that_is_ours_and_idle_is_used_all_the_same(house: House) -> None:
    intent = await proposed(house)
    await declined(house, intent, DeclineReason.ANOTHER_NUMBER)
    number = await idle(house, country="US", contains=number_in(intent)[2:])
    assert number == number_in(intent)
    assert (await given(house)).record.number == number


async def test_when_all_were_declined_it_says_so(house: House) -> None:
    wish = {"country": "US", "contains": "4155550142"}
    await declined(house, await proposed(house, **wish), DeclineReason.ANOTHER_NUMBER)
    with pytest.raises(NotFound, match="declined"):
        await asked(house, **wish)


async def test_a_plain_no_says_nothing_about_the_number(house: House) -> None:
    intent = await proposed(house)
    await declined(house, intent)
    again = await proposed(house)
    assert number_in(again) == number_in(intent)
    assert again.intent_id != intent.intent_id


async def test_what_was_too_expensive_is_left_out_until_it_costs_less(house: House) -> None:
    one, other = await house.find(2)
    await declined(house, await proposed(house), DeclineReason.TOO_EXPENSIVE)
    second = await proposed(house)
    assert number_in(second) == other.stock.number
    await cancel_intent(house.desk, ME, second.intent_id)
    with closing(sqlite3.connect(house.folder / "carrier.db")) as shelf:
        shelf.execute(
            "UPDATE stock SET monthly_micros = 900000 WHERE stock_id = ?", (one.stock.stock_id,)
        )
        shelf.commit()
    assert number_in(await proposed(house)) == one.stock.number


async def test_after_stop_nothing_is_begun_for_a_quarter_of_an_hour(house: House) -> None:
    number = await idle(house, country="GB", area_code="20")
    await declined(house, await proposed(house), DeclineReason.STOP)
    for wish in ({}, {"role": "night"}, {"country": "GB"}):
        with pytest.raises(Declined, match="stop"):
            await asked(house, **wish)
    house.clock.advance(minutes=14, seconds=59)
    with pytest.raises(Declined):
        await asked(house)
    assert intents_known(house) == [IntentState.COMPLETED, IntentState.DECLINED]
    assert record_of(house, number).assistant_id is None
    house.clock.advance(seconds=1)
    assert (await proposed(house)).state is IntentState.AWAITING_APPROVAL


async def test_after_stop_a_served_assistant_still_has_its_number(house: House) -> None:
    record = await provisioned(house)
    await declined(house, await proposed(house, "night-desk"), DeclineReason.STOP)
    assert (await given(house)).record.number == record.number


# Others.


async def test_what_somebody_else_has_asked_for_is_refused_without_their_ids(house: House) -> None:
    theirs = await proposed(house, principal=SOMEBODY_ELSE)
    with pytest.raises(PolicyRefused, match="Somebody else has asked") as caught:
        await asked(house)
    told = json.dumps(caught.value.as_document())
    for secret in (theirs.intent_id, number_in(theirs), SOMEBODY_ELSE, theirs.lines[0].line_id):
        assert secret not in told
    await cancel_intent(house.desk, SOMEBODY_ELSE, theirs.intent_id)
    assert (await proposed(house)).state is IntentState.AWAITING_APPROVAL


async def test_ones_own_open_purchase_is_gone_on_with_though_somebody_else_has_one_too(
    house: House,
) -> None:
    [offer] = await house.find(principal=SOMEBODY_ELSE)
    await house.propose(offer, principal=SOMEBODY_ELSE, assistant_id="reception")
    mine = await house.propose(*await house.find(), assistant_id="reception")
    assert (await proposed(house)).intent_id == mine.intent_id


async def test_nobody_follows_somebody_elses_intent(house: House) -> None:
    intent = await proposed(house)
    with pytest.raises(NotFound):
        await provisioned_by(house.desk, SOMEBODY_ELSE, intent.intent_id)


# Idle numbers.


async def test_an_idle_number_is_used_before_any_is_bought(house: House) -> None:
    number = await idle(house, **US_415)
    answer = await given(house)
    assert (answer.record.number, answer.is_reused, answer.step.done) == (number, True, True)
    assert house.charged() == [number]
    record = record_of(house, number)
    assert (record.assistant_id, record.role) == ("reception", "main")
    [listed] = house.carrier.owned()
    assert listed.voice_url == "https://example.com/assistants/reception/voice"
    assert (await given(house)).record.number == number


async def test_an_idle_number_takes_the_role_that_was_asked_for(house: House) -> None:
    number = await idle(house, **US_415)
    assert (await given(house, role="night")).record.number == number
    assert record_of(house, number).role == "night"
    assert number_in(await proposed(house)) != number


async def test_a_number_whose_calls_go_somewhere_is_not_idle(house: House) -> None:
    """Unassigned here, but somebody has connected it in the carrier's console."""
    number = await idle(house, **US_415)
    [listed] = house.carrier.owned()
    house.carrier.configure(listed.number_id, voice_url="https://example.com/fax", sms_url=None)
    assert number_in(await proposed(house)) != number
    assert record_of(house, number).assistant_id is None


async def test_somebody_elses_idle_number_is_theirs(house: House) -> None:
    [offer] = await house.find(principal=SOMEBODY_ELSE)
    await house.buy(offer, principal=SOMEBODY_ELSE)
    assert number_in(await proposed(house)) != offer.stock.number


async def test_an_idle_number_that_a_person_is_asked_to_move_is_left_alone(house: House) -> None:
    number = await idle(house, **US_415)
    [listed] = house.carrier.owned()
    house.carrier.configure(listed.number_id, voice_url="https://example.com/fax", sms_url=None)
    moving = await assign(house.desk, ME, AssignWish(number, "night-desk"))
    house.carrier.configure(listed.number_id, voice_url=None, sms_url=None)
    assert moving.intent is not None
    assert number_in(await proposed(house)) != number


async def test_a_carrier_that_does_not_say_whether_a_number_is_idle_keeps_us_from_buying_another(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await idle(house, **US_415)

    async def mute(_reference: str) -> None:
        raise ProviderUnavailable("No answer.")

    with monkeypatch.context() as silence:
        silence.setattr(house.adapter, "read_number", mute)
        with pytest.raises(ProviderUnavailable):
            await asked(house)
    assert intents_known(house) == [IntentState.COMPLETED]
    assert (await given(house)).record.number == number


async def test_while_all_is_frozen_no_idle_number_is_connected(house: House) -> None:
    await idle(house, **US_415)
    house.write(lambda tx: freeze(tx, "somebody said so", actor=PERSON))
    with pytest.raises(Frozen):
        await asked(house)
    house.write(lambda tx: unfreeze(tx, actor=PERSON))
    await given(house)


FITS: list[dict[str, Any]] = [
    {"country": "US"},
    {"country": "US", "type": NumberType.LOCAL, "area_code": "415", "contains": "41-5555"},
    {"country": "US", "locality": "san francisco"},
    {"country": "US", "capabilities": (Capability.SMS, Capability.MMS)},
    {"country": "US", "max_monthly": Money.parse("1.00 USD")},
]
DOES_NOT_FIT: list[dict[str, Any]] = [
    {"country": "CA"},
    {"country": "US", "type": NumberType.TOLL_FREE},
    {"country": "US", "area_code": "628"},
    {"country": "US", "locality": "Oakland"},
    {"country": "US", "contains": "212"},
    {"country": "US", "max_monthly": Money.parse("0.90 EUR")},
]


@pytest.mark.parametrize("wish", FITS, ids=str)
async def test_an_idle_number_is_used_where_it_is_what_was_wished(
    house: House, wish: dict[str, Any]
) -> None:
    number = await idle(house, **US_415)
    assert (await given(house, **wish)).record.number == number


@pytest.mark.parametrize("wish", DOES_NOT_FIT, ids=str)
async def test_an_idle_number_is_left_where_it_is_not(house: House, wish: dict[str, Any]) -> None:
    number = await idle(house, **US_415)
    try:
        answer = await asked(house, **wish)
    except NotFound:
        return  # nothing on sale is as cheap either
    assert isinstance(answer, Intent)
    assert number_in(answer) != number


async def test_an_area_code_may_be_written_with_its_trunk_zero(house: House) -> None:
    number = await idle(house, country="GB", area_code="20")
    assert (await given(house, country="GB", area_code="020")).record.number == number


# Numbers that come and go.


async def test_a_number_that_is_moved_away_frees_the_role(house: House) -> None:
    record = await provisioned(house, role="night")
    moving = await assign(house.desk, ME, AssignWish(record.number, "night-desk"))
    assert moving.intent is not None
    assert (await given(house, role="night")).record.number == record.number, "not moved yet"
    await house.approve(moving.intent)
    await house.work()
    assert record_of(house, record.number).role == "main"
    assert (await given(house, "night-desk")).record.number == record.number
    assert number_in(await proposed(house, role="night")) != record.number


async def test_a_number_that_is_being_moved_here_is_waited_for(house: House) -> None:
    record = await provisioned(house, "night-desk")
    moving = await assign(house.desk, ME, AssignWish(record.number, "reception"))
    intent = await proposed(house)
    assert moving.intent is not None
    assert intent.intent_id == moving.intent.intent_id
    await house.approve(intent)
    await house.work()
    answer = await provisioned_by(house.desk, ME, intent.intent_id)
    assert isinstance(answer, Given)
    assert (answer.record.number, answer.is_reused) == (record.number, True)


async def test_a_disconnected_number_is_idle_and_used_again(house: House) -> None:
    record = await provisioned(house)
    moving = await assign(house.desk, ME, AssignWish(record.number, None))
    assert moving.intent is not None
    await house.approve(moving.intent)
    await house.work()
    assert record_of(house, record.number).role is None
    answer = await given(house, "night-desk", role="fax")
    assert (answer.record.number, answer.is_reused) == (record.number, True)


async def test_a_number_that_may_still_be_given_back_serves_on(house: House) -> None:
    record = await provisioned(house)
    put_in_state(house, record.number, NumberState.RELEASE_REQUESTED)
    assert (await given(house)).record.number == record.number


@pytest.mark.parametrize(
    "state", [NumberState.RELEASING, NumberState.RELEASE_UNKNOWN, NumberState.LOST]
)
async def test_while_nobody_knows_what_became_of_its_number_none_is_bought(
    house: House, state: NumberState
) -> None:
    record = await provisioned(house)
    put_in_state(house, record.number, state)
    with pytest.raises(PolicyRefused, match=f"it is {state}"):
        await asked(house)
    assert intents_known(house) == [IntentState.COMPLETED]
    put_in_state(house, record.number, NumberState.ACTIVE)
    assert (await given(house)).record.number == record.number


# Several callers.


async def test_calls_side_by_side_lead_to_one_intent(house: House) -> None:
    answers: list[Provisioned] = []

    async def ask(wish: dict[str, Any]) -> None:
        answers.append(await asked(house, **wish))

    async with anyio.create_task_group() as group:
        for area_code in ("415", "212", "415", "312", "206", "415"):
            group.start_soon(ask, {"country": "US", "area_code": area_code})
    assert len({answer.intent_id for answer in answers if isinstance(answer, Intent)}) == 1
    assert len(answers) == 6
    assert intents_known(house) == [IntentState.AWAITING_APPROVAL]


async def test_calls_side_by_side_take_one_idle_number(house: House) -> None:
    one, other = await house.find(2)
    await house.buy(one)
    await house.buy(other)
    answers: list[Provisioned] = []

    async def ask() -> None:
        answers.append(await asked(house))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)
    assert len({answer.record.number for answer in answers if isinstance(answer, Given)}) == 1
    assert len(answers) == 5
    connected = [r for r in house.read(inventory.everything) if r.wanted_assistant_id]
    assert len(connected) == 1


async def test_two_assistants_side_by_side_do_not_take_one_idle_number(house: House) -> None:
    number = await idle(house, **US_415)
    answers: dict[str, Provisioned] = {}

    async def ask(assistant_id: str) -> None:
        answers[assistant_id] = await asked(house, assistant_id)

    async with anyio.create_task_group() as group:
        for assistant_id in ("reception", "night-desk"):
            group.start_soon(ask, assistant_id)
    [given_one] = [answer for answer in answers.values() if isinstance(answer, Given)]
    [intent] = [answer for answer in answers.values() if isinstance(answer, Intent)]
    assert given_one.record.number == number
    assert number_in(intent) != number


async def test_another_process_after_a_restart_goes_on_with_it(house: House) -> None:
    intent = await proposed(house)
    other = house.beside("another")
    assert (await proposed(other)).intent_id == intent.intent_id
    await other.approve(intent)
    await other.work()
    answer = await given(house)
    assert (answer.record.number, answer.is_reused) == (number_in(intent), True)
    other.close()


# Before there were roles.


async def test_what_waited_before_there_were_roles_is_known_and_may_be_approved(
    house: House,
) -> None:
    """The upgrade copies out of the terms for whom an intent is, and its digest is still that of its terms."""
    intent = await proposed(house)
    house.close()
    make_old(house, intent)
    upgraded = House(house.folder, clock=house.clock, ids=house.ids)
    again = await proposed(upgraded)
    assert (again.intent_id, again.terms.role) == (intent.intent_id, None)
    await upgraded.approve(again)
    await upgraded.work()
    record = record_of(upgraded, number_in(again))
    assert record.assistant_id == "reception"
    assert (await given(upgraded)).record.number == record.number
    upgraded.close()


def make_old(house: House, intent: Intent) -> None:
    """Put the file back to the schema before there were roles."""
    terms = json.loads(intent.terms.model_dump_json())
    del terms["role"]
    encoded = json.dumps(terms, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    with closing(sqlite3.connect(house.folder / "ringfence.db")) as database:
        database.execute(
            "UPDATE intent SET terms = ?, digest = ?",
            (encoded, digest_of_bytes(encoded.encode())),
        )
        database.execute("DROP INDEX ix_intent_assistant_id_role")
        for column in ("assistant_id", "role"):
            database.execute(f"ALTER TABLE intent DROP COLUMN {column}")
        database.execute("ALTER TABLE page_nonce DROP COLUMN statement")
        for table in (
            "provision",
            "signature",
            "statement",
            "invitation",
            "used_nonce",
            "carrier_list",
        ):
            database.execute(f"DROP TABLE {table}")
        database.execute("UPDATE alembic_version SET version_num = '0003'")
        database.commit()
