"""Adjusting: an invoice that is not what the books say. The ledger keeps both, and budgets count the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard import unclear
from guard.authenticator import Passkey
from guard.rehearsal import ALLOWED, live_house, put_in_force
from guard.signing import Signer, Somebody, approve, enroll, found
from house import House, policy_with
from ringfence.approvers import Purpose, Statement
from ringfence.errors import InvalidArguments, NotAuthorized, NotFound
from ringfence.guard import adjustment, books, charges, ruling
from ringfence.guard.adjustment import Difference
from ringfence.guard.budget import against_us
from ringfence.intents import Intent
from ringfence.inventory import NumberRecord
from ringfence.money import Money
from ringfence.settle import reconcile
from ringfence.store import audit, inventory, ledger
from ringfence.store.audit import Words
from ringfence.store.balances import Balance
from ringfence.store.ledger import EntryKind

MONTH = "2026-11"
WHY = "VAT on invoice 4711."


def more(
    setup: str | None = None, monthly: str | None = None, *, is_less: bool = False
) -> Difference:
    """What an invoice says above the books."""
    amounts = {
        name: Money.parse(text)
        for name, text in (("setup", setup), ("monthly", monthly))
        if text is not None
    }
    return Difference(**amounts, is_less=is_less)


def less(setup: str | None = None, monthly: str | None = None) -> Difference:
    """What an invoice says below the books."""
    return more(setup, monthly, is_less=True)


def shown(
    house: House, number_id: str, difference: Difference, month: str | None = None
) -> Mapping[str, Any]:
    """What a person has before them."""

    def look(tx: Any) -> Mapping[str, Any]:
        record = charges.number_of(tx, number_id)
        charge = charges.of_month(tx, record, month)
        return adjustment.body(tx, number_id, difference, charge)

    found_: Mapping[str, Any] = house.read(look)
    return found_


def adjust(house: House, number_id: str, difference: Difference, month: str | None = None) -> None:
    """Write it down as a person at the terminal of a sandbox."""
    body = shown(house, number_id, difference, month)
    house.write(lambda tx: adjustment.adjust(tx, number_id, body, Words.fresh(WHY), person="ada"))


def owned(house: House) -> NumberRecord:
    [record] = house.read(inventory.paid_for)
    assert isinstance(record, NumberRecord)
    return record


@pytest.fixture
async def record(house: House) -> NumberRecord:
    """A number that cost 1.00 USD at once and costs 1.00 USD a month."""
    await house.buy(*await house.find(), assistant_id="front-desk")
    return owned(house)


# More and less.


async def test_what_was_charged_once_more_counts_as_cash(
    house: House, record: NumberRecord
) -> None:
    adjust(house, record.number_id, more("0.19 USD"))
    assert house.balance("cash", MONTH) == Balance(used=2_190_000)
    assert house.balance("run-rate", "all") == Balance(used=1_000_000)
    [entry] = [
        e for e in house.read(lambda tx: list(ledger.entries(tx))) if e.kind is EntryKind.ADJUST
    ]
    assert (entry.setup_micros, entry.monthly_micros, entry.currency) == (190_000, 0, "USD")
    assert entry.number_id == record.number_id
    assert entry.dimensions.assistant_id == "front-desk"
    assert house.frozen() is None


async def test_what_it_costs_a_month_more_counts_now_and_from_now_on(
    house: House, record: NumberRecord
) -> None:
    adjust(house, record.number_id, more(monthly="0.25 USD"))
    assert house.balance("cash", MONTH) == Balance(used=2_250_000)
    assert house.balance("run-rate", "all") == Balance(used=1_250_000)
    assert house.balance("count", "all") == Balance(used=1)
    assert str(owned(house).monthly) == "1.25 USD"
    house.clock.advance(days=20)
    [offer] = await house.find()
    await house.propose(offer)  # sees that December has begun
    assert house.balance("cash", "2026-12").used == 1_250_000


async def test_what_was_less_gives_budget_back(house: House, record: NumberRecord) -> None:
    adjust(house, record.number_id, less("1.00 USD", "0.40 USD"))
    assert house.balance("cash", MONTH) == Balance(used=600_000)
    assert house.balance("run-rate", "all") == Balance(used=600_000)
    assert str(owned(house).monthly) == "0.60 USD"


async def test_an_adjusted_number_that_is_given_back_leaves_nothing_behind(
    house: House, record: NumberRecord
) -> None:
    adjust(house, record.number_id, more(monthly="0.25 USD"))
    house.clock.advance(minutes=1)
    adjust(house, record.number_id, less(monthly="0.75 USD"))
    house.clock.advance(minutes=1)
    await house.released(record.number)
    assert house.balance("run-rate", "all") == house.balance("count", "all") == Balance()
    adjust(house, record.number_id, more("0.10 USD"))
    assert house.balance("cash", MONTH) == Balance(used=1_600_000)
    with pytest.raises(InvalidArguments, match="given back"):
        adjust(house, record.number_id, more(monthly="0.10 USD"))


async def test_the_line_that_bought_it_stands_for_the_number(
    house: House, record: NumberRecord
) -> None:
    for name in (record.line_id, record.number):
        found_ = house.read(lambda tx, name=name: charges.number_of(tx, name or ""))  # type: ignore[misc]  # bound at once
        assert found_.number_id == record.number_id
    waiting = await house.propose(*await house.find())
    for stranger in (waiting.lines[0].line_id, "num_01KAN5T1PR0000000000000001", "+14155550199"):
        with pytest.raises(NotFound):
            shown(house, stranger, more("1.00 USD"))


# Where it counts.


async def test_it_counts_where_the_charge_counted_that_it_corrects(
    house: House, record: NumberRecord
) -> None:
    house.clock.advance(days=40)
    await house.propose(*await house.find())
    adjust(house, record.number_id, more("0.50 USD"))
    adjust(house, record.number_id, more("0.07 USD"), month=MONTH)
    assert house.balance("cash", MONTH) == Balance(used=2_070_000)
    assert house.balance("cash", "2027-01").used == 1_500_000
    with pytest.raises(NotFound, match="2026-10"):
        adjust(house, record.number_id, more("0.50 USD"), month="2026-10")


async def test_it_counts_in_the_budgets_of_whom_the_number_was_bought_for(
    house: House, record: NumberRecord
) -> None:
    scoped = [
        '{name: front, kind: cash, scope: "assistant:front-desk", window: day, zone: UTC, limit: "9.00 USD"}',
        '{name: night, kind: cash, scope: "assistant:night-desk", window: day, zone: UTC, limit: "9.00 USD"}',
        '{name: rate, kind: run_rate, scope: "assistant:front-desk", limit: "9.00 USD"}',
    ]
    house.apply(policy_with(budgets=scoped))
    adjust(house, record.number_id, more("0.50 USD", "0.25 USD"))
    assert house.balance("front", "2026-11-22") == Balance(used=2_750_000)
    assert house.balance("night", "2026-11-22") == Balance()
    assert house.balance("rate", "all") == Balance(used=1_250_000)


async def test_another_policy_counts_adjustments_too(house: House, record: NumberRecord) -> None:
    adjust(house, record.number_id, more("0.50 USD"))
    house.clock.advance(minutes=1)
    adjust(house, record.number_id, less(monthly="0.25 USD"))
    yearly = '{name: yearly, kind: cash, window: year, zone: Asia/Tokyo, limit: "90.00 USD"}'
    house.apply(policy_with(budgets=[yearly]))
    assert house.balance("yearly", "2026") == Balance(used=2_250_000)
    assert house.read(books.verify) == []


async def test_in_another_currency_more_and_less_are_rounded_against_us(house: House) -> None:
    await house.buy(*await house.find(country="GB", area_code="161"))
    number = owned(house)
    before = house.balance("cash", MONTH).used
    adjust(house, number.number_id, more("0.000001 GBP"))
    house.clock.advance(minutes=1)
    adjust(house, number.number_id, less("0.000001 GBP"))
    assert house.balance("cash", MONTH).used > before


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**7), st.integers(1, 10**4))
def test_a_difference_never_counts_for_less_than_it_is(micros: int, rate: int, per: int) -> None:
    def convert(amount: Money, target: str) -> Money:
        return Money(-(-amount.micros * rate // per), target)

    counted = against_us(micros, "EUR", "USD", convert)
    assert counted is not None
    assert counted * per >= micros * rate
    assert against_us(micros, "EUR", "EUR", lambda amount, _: amount) == micros


# Over a limit.


@pytest.mark.parametrize(
    "difference", [more("23.01 USD"), more(monthly="14.01 USD")], ids=["cash", "run-rate"]
)
async def test_a_charge_over_a_limit_is_written_down_and_freezes(
    house: House, record: NumberRecord, difference: Difference
) -> None:
    adjust(house, record.number_id, difference)
    assert record.number in str(house.frozen())
    assert "over its limit" in str(house.frozen())


async def test_a_charge_up_to_the_limit_freezes_nothing(house: House, record: NumberRecord) -> None:
    adjust(house, record.number_id, more("23.00 USD"))
    assert house.frozen() is None
    assert house.balance("cash", MONTH) == Balance(used=25_000_000)


# What cannot be.

UNFIT = {
    "nothing": Difference(),
    "nothing at all": more("0.00 USD"),
    "more off than the set-up": less("1.01 USD"),
    "more off than the month": less(monthly="1.01 USD"),
    "another currency": more("1.00 EUR"),
    "two currencies": more("1.00 USD", "1.00 EUR"),
    "millions": more("999999999999.00 USD"),
}


@pytest.mark.parametrize("difference", UNFIT.values(), ids=UNFIT.keys())
async def test_what_the_books_cannot_bear_is_refused(
    house: House, record: NumberRecord, difference: Difference
) -> None:
    with pytest.raises(InvalidArguments):
        adjust(house, record.number_id, difference)
    assert house.balance("cash", MONTH) == Balance(used=2_000_000)


async def test_no_more_is_taken_off_altogether_than_was_charged(
    house: House, record: NumberRecord
) -> None:
    adjust(house, record.number_id, less("0.60 USD"))
    with pytest.raises(InvalidArguments, match=r"set-up 0\.40 USD"):
        adjust(house, record.number_id, less("0.41 USD"))
    adjust(house, record.number_id, less("0.40 USD"))
    assert house.balance("cash", MONTH) == Balance(used=1_000_000)


async def test_what_was_shown_is_written_once(house: House, record: NumberRecord) -> None:
    body = shown(house, record.number_id, more("0.50 USD"))
    words = Words.fresh(WHY)
    house.write(lambda tx: adjustment.adjust(tx, record.number_id, body, words, person="ada"))
    with pytest.raises(NotAuthorized):
        house.write(
            lambda tx: adjustment.adjust(tx, record.number_id, body, Words.fresh(WHY), person="ada")
        )
    assert house.balance("cash", MONTH) == Balance(used=2_500_000)


# A number that was found at the carrier.


async def test_a_stranger_without_a_price_gets_one(house: House) -> None:
    """Until then nothing can be bought, for nobody can say what is left."""
    [offer] = await house.find(country="IS", contains="2001944")  # in a currency without a rate
    house.carrier.buy(offer.stock.stock_id, tag=unclear.CONSOLE)
    await reconcile(house.desk, house.adapter)
    stranger = owned(house)
    assert stranger.monthly is None
    with pytest.raises(InvalidArguments, match="more off"):
        adjust(house, stranger.number_id, less(monthly="1.00 USD"))
    house.clock.advance(minutes=1)
    adjust(house, stranger.number_id, more(monthly="2.00 USD"))
    assert house.balance("run-rate", "all") == Balance(used=2_000_000)
    assert house.balance("cash", MONTH) == Balance(used=2_000_000)
    assert house.read(inventory.unpriced) == []
    house.clock.advance(minutes=1)
    adjust(house, stranger.number_id, less(monthly="0.50 USD"))
    assert house.balance("cash", MONTH) == Balance(used=1_500_000)


async def test_the_chain_keeps_who_adjusted_what_and_the_hash_of_why(
    house: House, record: NumberRecord
) -> None:
    adjust(house, record.number_id, more("0.19 USD"))
    [event] = [
        e
        for e in house.read(lambda tx: audit.about(tx, record.number_id))
        if e["type"] == "ledger.adjusted"
    ]
    assert (event["actor"], event["body"]["setup"]) == ("ada", "0.19 USD")
    assert house.read(lambda tx: audit.said(tx, event["body"]["words_hash"])) == WHY
    assert WHY not in str(event)


# A live installation.


@pytest.fixture
def live(tmp_path: Path) -> Iterator[House]:
    house = live_house(tmp_path)
    yield house
    house.books_balance()
    house.close()


@pytest.fixture
def ada(live: House) -> Signer:
    enrolled = enroll(live, Signer("ada"), found(live))
    put_in_force(live, ALLOWED, enrolled)
    return enrolled


async def bought(live: House, *by: Somebody) -> NumberRecord:
    intent: Intent = await live.propose(*await live.find())
    for each in by:
        approve(live, intent, each)
    await live.work()
    return owned(live)


def made(live: House, record: NumberRecord, difference: Difference) -> tuple[Statement, Words]:
    words, body = Words.fresh(WHY), shown(live, record.number_id, difference)
    statement: Statement = live.read(
        lambda tx: ruling.make(tx, Purpose.ADJUST, record.number_id, body, words)
    )
    return statement, words


def hand_in(live: House, statement: Statement, words: Words | None, who: Somebody) -> bool:
    entry = live.write(
        lambda tx: adjustment.adjust_signed(tx, statement, who.sign(statement), words)
    )
    return entry is not None


async def test_live_an_approver_signs_for_more(live: House, ada: Signer) -> None:
    record = await bought(live, ada)
    with pytest.raises(NotAuthorized):
        adjust(live, record.number_id, more("0.19 USD"))
    statement, words = made(live, record, more("0.19 USD"))
    with pytest.raises(NotAuthorized):
        hand_in(live, statement, words, Signer("ada"))
    assert hand_in(live, statement, words, ada)
    assert live.balance("cash", MONTH) == Balance(used=2_190_000)
    with pytest.raises(NotAuthorized):
        hand_in(live, statement, words, ada)
    assert live.balance("cash", MONTH) == Balance(used=2_190_000)


async def test_what_gives_budget_back_is_signed_at_the_strongest_level_in_force(
    live: House, ada: Signer
) -> None:
    """A small purchase takes one passphrase here, a dear one two people; so does less."""
    bob = enroll(live, Passkey("bob"), ada)
    strict = policy_with(
        levels="{buy: passphrase, release: passphrase, assign: passphrase,"
        ' buy_above: [{first_year: "60.00 USD", level: two_people}]}'
    )
    put_in_force(live, strict, ada)
    record = await bought(live, ada)
    statement, words = made(live, record, more("0.19 USD"))
    assert hand_in(live, statement, words, ada), "more takes what the smallest purchase takes"
    live.clock.advance(minutes=1)
    statement, words = made(live, record, less("0.19 USD"))
    assert not hand_in(live, statement, words, ada)
    assert live.balance("cash", MONTH) == Balance(used=2_190_000)
    assert made(live, record, less("0.19 USD"))[0] == statement
    assert hand_in(live, statement, None, bob)
    assert live.balance("cash", MONTH) == Balance(used=2_000_000)


BENT: dict[str, dict[str, Any]] = {
    "more": {"setup": "9.00 USD"},
    "less": {"is_less": True},
    "another charge": {"charge": "2026-01-01T00:00:00.000000Z"},
    "no charge": {"charge": "none"},
    "another version": {"version": 99},
    "other words": {"words": "0" * 64},
    "something more": {"unheard": "of"},
}


@pytest.mark.parametrize("bend", BENT.values(), ids=BENT.keys())
async def test_what_was_signed_is_what_is_written(
    live: House, ada: Signer, bend: dict[str, Any]
) -> None:
    record = await bought(live, ada)
    statement, words = made(live, record, more("0.19 USD"))
    bent = statement.model_copy(update={"body": {**statement.body, **bend}})
    signature = ada.sign(statement)
    with pytest.raises(NotAuthorized):
        live.write(lambda tx: adjustment.adjust_signed(tx, bent, signature, words))
    assert live.balance("cash", MONTH) == Balance(used=2_000_000)


async def test_two_adjustments_that_were_signed_at_once_are_not_both_written(
    live: House, ada: Signer
) -> None:
    """The second was signed over books that the first has changed."""
    record = await bought(live, ada)
    first, second = made(live, record, more("0.19 USD")), made(live, record, more("0.19 USD"))
    assert hand_in(live, *first, ada)
    with pytest.raises(NotAuthorized, match="any more"):
        hand_in(live, *second, ada)
    assert live.balance("cash", MONTH) == Balance(used=2_190_000)
