"""The card: everything that a person must see stands on it, and nothing on it can be forged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from house import PERSON, House
from ringfence.guard.card import (
    FENCE,
    MAX_QUOTED,
    WIDTH,
    Facts,
    card,
    checked_grouping,
    marks,
    quoted,
    read_facts,
)
from ringfence.guard.freeze import unfreeze
from ringfence.guard.standing import BudgetRow, Standing, standings
from ringfence.guard.words import UNVERIFIED
from ringfence.intents import Intent, Level, Line, LineTerms, Op, Terms
from ringfence.inventory import NumberRecord, Origin, Readiness, Ready
from ringfence.money import Money
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Price, Provider
from ringfence.policy import Budget, BudgetKind, sandbox_policy
from ringfence.settle import reconcile
from ringfence.states import IntentState, LineState, NumberState

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
USD = Money.of("1.00", "USD")
POLICY = {budget.name: budget for budget in sandbox_policy().budgets}


def a_line(number: str = "+14155550142", **changes: Any) -> LineTerms:
    line = LineTerms(
        line_id="lin_01KAN5T1PR0000000000000002",
        provider=Provider.SANDBOX,
        account="sandbox-f851ae73",
        host="sandbox.invalid",
        number=number,
        stock_id=f"S-{number[1:]}",
        country="US",
        type=NumberType.LOCAL,
        raw_type="long-code",
        capabilities=(Capability.VOICE, Capability.SMS),
        price=Price(setup=USD, monthly=USD),
        min_term_months=1,
        place="San Francisco, CA",
    )
    return line.model_copy(update=changes)


def an_intent(*lines: LineTerms, reason: str | None = None, **changes: Any) -> Intent:
    terms = Terms(
        intent_id="int_01KAN5T1PR0000000000000001",
        installation_id="ins_01KAN5T1PR0000000000000003",
        op=Op.BUY,
        principal="local:ada",
        assistant_id="reception",
        lines=lines or (a_line(),),
        currency="USD",
        total_now=USD * 2,
        total_monthly=USD,
        first_year=USD * 13,
        is_converted=False,
        max_total=None,
        policy_version=1,
        level=Level.CLIENT,
        created_at=NOON,
        expires_at=NOON + timedelta(hours=1),
    ).model_copy(update=changes)
    return Intent(
        terms=terms,
        digest="5f" * 32,
        state=IntentState.AWAITING_APPROVAL,
        lines=tuple(
            Line(intent_id=terms.intent_id, terms=line, state=LineState.READY, version=1)
            for line in terms.lines
        ),
        expires_at=terms.expires_at,
        reason=reason,
    )


def a_number(number: str = "+14155550100", **changes: Any) -> NumberRecord:
    record = NumberRecord(
        number_id="num_01KAN5T1PR0000000000000004",
        provider=Provider.SANDBOX,
        account="sandbox-f851ae73",
        carrier_ref="N-000001",
        number=number,
        country="US",
        type=NumberType.LOCAL,
        capabilities=(Capability.VOICE,),
        readiness=Readiness(voice=Ready.READY, sms=Ready.NO, whatsapp=Ready.NO),
        state=NumberState.ACTIVE,
        label=None,
        metadata={},
        assistant_id=None,
        wanted_assistant_id=None,
        unassigned_since=NOON,
        requester="local:ada",
        line_id=None,
        monthly=USD,
        origin=Origin.RINGFENCE,
        bought_at=NOON,
        renews_at=None,
        version=1,
    )
    return record.model_copy(update=changes)


def standing(name: str, used: int, held: int, window: str = "2026-11") -> Standing:
    """A budget of which everything that is held belongs to the intent on the card."""
    budget: Budget = POLICY[name]
    return Standing(budget, window, used, held, change=held)


def test_a_purchase_reads_in_a_fixed_order_and_ends_with_what_the_assistant_says() -> None:
    facts = Facts(
        an_intent(reason="Calls to the front desk."),
        [standing("cash", 0, 2_000_000), standing("count", 3, 1, "all")],
        ["NEW country: no number in US so far."],
    )
    assert card(facts) == (
        "BUY +1 415-555-0142                                     SIMULATED: no real money\n"
        "  +14155550142 = +1 415-555-0142 · San Francisco, CA, US\n"
        "  local · voice, SMS\n"
        "  at sandbox, account sandbox-f851ae73\n"
        "  set-up 1.00 USD, then 1.00 USD a month until released\n"
        "  at least 1 month; tax as the carrier bills it\n"
        "today 2.00 USD · then 1.00 USD a month · first year 13.00 USD\n"
        "\n"
        "For assistant  reception\n"
        "After this     cash 2026-11: 2.00 of 25.00 USD (0.00 before)\n"
        "               count: 4 of 10 (3 before)\n"
        "Look twice     NEW country: no number in US so far.\n"
        "Asked by       local:ada\n"
        "Needs          a yes in the assistant's client, on the page or in a terminal\n"
        "Open until     2026-11-22 13:00 UTC\n"
        "Match code     BXFNYQ\n"
        "\n"
        "The assistant says (unverified):\n"
        "| Calls to the front desk."
    )


def test_several_numbers_stand_on_one_card_each_with_its_own_price() -> None:
    dear = Price(setup=USD * 2, monthly=USD * 3)
    shown = card(Facts(an_intent(a_line(), a_line("+12125550123", price=dear))))
    assert shown.startswith("BUY 2 NUMBERS ")
    assert "+14155550142 = +1 415-555-0142" in shown
    assert "+12125550123 = +1 212-555-0123" in shown
    assert "set-up 2.00 USD, then 3.00 USD a month" in shown


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"is_converted": True}, "today at most 2.00 USD · then at most 1.00 USD a month"),
        ({"total_now": None}, "today UNKNOWN"),
        ({"assistant_id": None}, "For assistant  nobody yet"),
        ({"level": Level.TWO_PEOPLE}, "Needs          two people, one of them with a passkey"),
        ({"level": Level.PASSPHRASE}, "Needs          a person, with a passphrase"),
    ],
)
def test_what_is_unusual_is_said(changes: dict[str, Any], expected: str) -> None:
    assert expected in card(Facts(an_intent(**changes)))


@pytest.mark.parametrize(
    ("op", "heading", "cost"),
    [
        (Op.RELEASE, "GIVE BACK FOR GOOD +1 415-555-0142 ", "ends the monthly charge"),
        (Op.ASSIGN, "MOVE CALLS AND TEXTS OF +1 415-555-0142 ", "moves live calls and texts"),
    ],
)
def test_what_costs_nothing_says_what_it_does_instead(op: Op, heading: str, cost: str) -> None:
    line = a_line(price=None, number_id="num_1", current_assistant_id="night-desk")
    shown = card(Facts(an_intent(line, op=op)))
    assert shown.startswith(heading)
    assert cost in shown
    assert "serves night-desk now" in shown


async def test_the_card_of_a_release_says_what_is_lost_what_ends_and_what_is_left(
    house: House,
) -> None:
    numbers = await house.find(2)
    for offer in numbers:
        await house.buy(offer, assistant_id="reception")
    house.clock.advance(days=3)
    intent = await house.give_back(numbers[0].stock.number)
    shown = card(house.read(lambda tx: read_facts(tx, intent.intent_id)))
    assert shown.startswith(f"GIVE BACK FOR GOOD {checked_grouping(numbers[0].stock.number)} ")
    assert "  serves reception now\n  ours since 2026-11-22, 1.00 USD a month\n" in shown
    assert "ends 1.00 USD a month, for good: usually it cannot be got back" in shown
    assert "Taken from     reception\n" in shown
    assert (
        "After this     run-rate: 1.00 of 15.00 USD (2.00 before)\n"
        "               count: 1 of 10 (2 before)\n"
    ) in shown
    assert "Look twice     IN USE: calls and texts reach reception no longer.\n" in shown
    assert f"Match code     {intent.match_code}" in shown
    await house.approve(intent)
    await house.work()
    assert "After this" not in card(house.read(lambda tx: read_facts(tx, intent.intent_id)))


async def test_the_card_of_an_idle_number_of_unknown_price_says_both(house: House) -> None:
    [odd] = [o for o in await house.find(50, country="IS") if o.stock.number.endswith("2001944")]
    house.carrier.buy(odd.stock.stock_id, tag="by hand")
    await reconcile(house.desk, house.adapter)
    house.write(lambda tx: unfreeze(tx, actor=PERSON))
    intent = await house.give_back(odd.stock.number)
    shown = card(house.read(lambda tx: read_facts(tx, intent.intent_id)))
    assert "serves nobody now" in shown
    assert "ours since 2026-11-22, at an unknown price" in shown
    assert "ends the monthly charge, for good" in shown
    assert "Taken from     nobody" in shown
    assert "count: 0 of 10" in shown
    assert "Look twice" not in shown


def test_real_money_is_called_that() -> None:
    assert "SIMULATED" not in card(Facts(an_intent(a_line(provider=Provider.TWILIO))))
    assert "REAL MONEY" in card(Facts(an_intent(a_line(provider=Provider.TWILIO))))


def test_no_line_is_wider_than_a_terminal() -> None:
    intent = an_intent(
        a_line(place="Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch, Ynys Môn"),
        a_line("+12125550123", provider=Provider.MESSAGEMEDIA, account="a" * 60),
        reason="x" * 300,
        principal="https://idp.example.com/" + "u" * 90,
    )
    shown = card(Facts(intent, marks=["HIGHEST price so far: " + "9" * 70]))
    assert [line for line in shown.splitlines() if len(line) > WIDTH] == []


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain words", "plain words"),
        ("two\nlines\r\n", "two\\u{a}lines\\u{d}\\u{a}"),
        ("\x1b[2J\x07", "\\u{1b}[2J\\u{7}"),
        ("\u202egnihton", "\\u{202e}gnihton"),
        ("zero\u200bwidth", "zero\\u{200b}width"),
        ("line\u2028separator", "line\\u{2028}separator"),
        ("\ue000\U000e0041\ud800", "\\u{e000}\\u{e0041}\\u{d800}"),
        ("\ufb01ne \uff11\uff12", "fine 12"),
        ("p\u0430ypal", "p\u0430ypal [mixed alphabets]"),  # the second letter is Cyrillic
        ("Köln Москва 東京", "Köln Москва 東京"),
        ("  many   spaces\u00a0here ", "many spaces here"),
    ],
)
def test_text_from_outside_is_folded_and_what_cannot_be_seen_is_spelt_out(
    said: str, shown: str
) -> None:
    assert quoted(said) == shown


def test_text_from_outside_is_cut() -> None:
    assert len(quoted("x" * 1_000)) == MAX_QUOTED
    assert quoted("x" * 1_000).endswith("…")
    assert len(quoted("\u202e" * 100)) == MAX_QUOTED


def test_an_assistant_cannot_write_a_line_that_looks_like_the_cards_own() -> None:
    forged = "fine\nMatch code     AAAAAA\ntoday 0.00 USD " + "and so on " * 30
    shown = card(Facts(an_intent(reason=forged)))
    _ours, _, theirs = shown.partition(f"{UNVERIFIED}\n")
    assert len(theirs.splitlines()) > 1
    assert all(line.startswith(FENCE) for line in theirs.splitlines())


def test_what_comes_from_a_carrier_or_a_token_is_spelt_out_too() -> None:
    line = a_line(place="San\nFrancisco", account="a\x1bb")
    shown = card(Facts(an_intent(line, principal="ada\u202e")))
    assert "San\\u{a}Francisco" in shown
    assert "account a\\u{1b}b" in shown
    assert "ada\\u{202e}" in shown


@pytest.mark.parametrize("number", ["+14155550142", "+442079460123", "+61491570156", "+3544200194"])
def test_a_grouped_number_reads_back_as_itself(number: str) -> None:
    assert checked_grouping(number).replace(" ", "").replace("-", "") == number


def test_a_card_that_would_show_another_number_is_never_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ringfence.guard.card.grouped", lambda _: "+1 415-555-0143")
    with pytest.raises(RuntimeError, match="would be shown as"):
        card(Facts(an_intent()))


NEW = "NEW country: no number in US so far."
NEW_CARRIER = "NEW carrier: no number at sandbox so far."
HIGHEST = "HIGHEST price so far: +14155550142, 1.00 USD a month."
DUPLICATE = "DUPLICATE? reception already has +14155550100."
CENT = Money.of("0.01", "USD")


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([], [NEW, NEW_CARRIER]),
        ([a_number(provider=Provider.TELNYX)], [NEW_CARRIER]),
        ([a_number()], []),
        ([a_number(country="GB")], [NEW]),
        ([a_number(monthly=CENT)], [HIGHEST]),
        ([a_number(monthly=CENT), a_number(monthly=USD)], []),
        ([a_number(monthly=Money.of("0.01", "EUR"))], []),
        ([a_number(monthly=None)], []),
        ([a_number(wanted_assistant_id="reception")], [DUPLICATE]),
        ([a_number(wanted_assistant_id="reception", state=NumberState.RELEASED)], []),
        ([a_number(wanted_assistant_id="night-desk")], []),
    ],
)
def test_what_to_look_at_twice(numbers: list[NumberRecord], expected: list[str]) -> None:
    assert list(marks(an_intent(), numbers)) == expected


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House.open(tmp_path)
    yield house
    house.close()


@pytest.mark.anyio
async def test_the_budgets_on_the_card_hold_this_purchase_and_what_was_bought_before(
    house: House,
) -> None:
    first, second = await house.find(2)
    await house.buy(first)
    intent = await house.propose(second)
    facts = house.read(lambda tx: read_facts(tx, intent.intent_id))
    shown = card(facts)
    assert "After this     cash 2026-11: 4.00 of 25.00 USD (2.00 before)" in shown
    assert "run-rate: 2.00 of 15.00 USD (1.00 before)" in shown
    assert "count: 2 of 10 (1 before)" in shown
    assert "purchases 2026-11-22: 2 of 10 (1 before)" in shown
    assert "attempts this hour: 2 of 20 (1 before)" in shown
    assert "NEW country" not in shown


@pytest.mark.anyio
async def test_a_card_of_what_has_ended_speaks_of_no_budget(house: House) -> None:
    [offer] = await house.find()
    bought = await house.buy(offer)
    assert "After this" not in card(house.read(lambda tx: read_facts(tx, bought.intent_id)))


@pytest.mark.anyio
async def test_every_budget_says_where_it_stands_money_first(house: House) -> None:
    [offer] = await house.find()
    await house.propose(offer)
    stand = [each.row for each in house.read(standings)]
    assert [each.name for each in stand] == [
        "cash",
        "run-rate",
        "count",
        "purchases",
        "attempts",
    ]
    assert stand[0] == BudgetRow(
        name="cash",
        scope="all",
        kind=BudgetKind.CASH,
        window="2026-11",
        limit="25.00 USD",
        used="0.00 USD",
        held="2.00 USD",
        left="23.00 USD",
    )
