"""What a purchase would meet is what it meets, under any policy; and to say so changes nothing at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from guard.authenticator import Passkey
from guard.signing import Signer, anchored, enroll, found
from house import ME, SOMEBODY_ELSE, House, policy_with
from ringfence.desk.foreseeing import Foreseen, Imagined, foresee
from ringfence.errors import InvalidArguments, NotFound, RingfenceError
from ringfence.guard import policy_change
from ringfence.intents import Level
from ringfence.money import Money
from ringfence.numbers import NumberType
from ringfence.offers import Price, Provider
from ringfence.policy import PolicyDocument
from ringfence.store.transaction import Transaction

POOR = policy_with(
    budgets=['{name: cash, kind: cash, window: month, zone: UTC, limit: "1.50 USD"}']
)


def imagined(monthly: str | None = "1.15 USD", *, country: str = "US", count: int = 1) -> Imagined:
    price = None
    if monthly is not None:
        each = Money.parse(monthly)
        price = Price(setup=Money.zero(each.currency), monthly=each)
    return Imagined(Provider.SANDBOX, country, NumberType.LOCAL, price, count)


def seen(house: House, what: Imagined | str, rules: PolicyDocument | None = None) -> Foreseen:
    return foresee(house.desk, what, principal=ME, rules=rules)


def rules_against(foreseen: Foreseen) -> set[str]:
    return {each.budget or each.rule for each in foreseen.decision.violations}


def everything(house: House) -> Sequence[str]:
    with closing(sqlite3.connect(house.folder / "ringfence.db")) as db:
        return list(db.iterdump())


@pytest.mark.parametrize(
    ("what", "against"),
    [
        (imagined(), set()),
        (imagined("4.90 USD", count=5), {"run-rate"}),
        (imagined("5.01 USD"), {"per-number"}),
        (imagined("1.00 EUR"), set()),
        (imagined("1.00 SEK"), {"rate_known"}),
        (imagined(None), {"price_known"}),
        (imagined("0.10 USD", count=11), {"count", "purchases"}),
        (Imagined(Provider.BIRD, "US", NumberType.LOCAL, imagined().price), {"carrier_allowed"}),
    ],
)
def test_every_rule_against_it_is_named(house: House, what: Imagined, against: set[str]) -> None:
    foreseen = seen(house, what)
    assert rules_against(foreseen) == against
    assert foreseen.is_allowed == (not against)
    assert foreseen.policy_version == 1


async def test_what_is_foreseen_of_an_offer_is_what_it_meets(house: House) -> None:
    first, second = await house.find(2)
    assert seen(house, first.offer_id).is_allowed
    await house.buy(first)
    house.apply(POOR)
    foreseen = seen(house, second.offer_id)
    with pytest.raises(RingfenceError) as refused:
        await house.propose(second)
    told = [each.model_dump() for each in foreseen.decision.violations]
    assert told == refused.value.details["violations"]


async def test_another_policy_is_judged_with_what_is_used_already(house: House) -> None:
    """Its budgets are counted from the ledger, as they would be when it is put in force."""
    offer, other = await house.find(2)
    await house.buy(offer)
    assert seen(house, other.offer_id).is_allowed
    foreseen = seen(house, other.offer_id, POOR)
    [violation] = foreseen.decision.violations
    assert (violation.budget, violation.limit, violation.used) == ("cash", "1.50 USD", "2.00 USD")
    assert foreseen.policy_version is None
    house.books_balance()


async def test_nothing_is_written_however_much_would_have_been(house: House) -> None:
    [offer] = await house.find()
    await house.buy(offer)
    await house.pass_time(days=40)
    before = everything(house)
    seen(house, imagined(), POOR)
    seen(house, imagined())
    assert everything(house) == before


def test_a_policy_that_was_only_tried_is_never_taken_for_one_in_force(house: House) -> None:
    """A process keeps the policies that it has read, by their version; a rehearsed one had that version too."""
    seen(house, imagined(), POOR)
    house.apply(policy_with(approval_minutes="30"))
    assert house.read(lambda tx: tx.rules.approval_minutes) == 30


def test_a_policy_whose_transaction_failed_is_never_taken_for_one_in_force(house: House) -> None:
    def fail(tx: Transaction) -> None:
        policy_change.apply(tx, POOR, applied_by="me")
        assert tx.rules == POOR
        raise RingfenceError("too late")

    with pytest.raises(RingfenceError):
        house.write(fail)
    house.apply(policy_with(approval_minutes="30"))
    assert house.read(lambda tx: tx.rules.approval_minutes) == 30


async def test_somebody_elses_offer_is_not_looked_at(house: House) -> None:
    [offer] = await house.find(principal=SOMEBODY_ELSE)
    with pytest.raises(NotFound):
        seen(house, offer.offer_id)


@pytest.mark.parametrize("count", [0, 26])
def test_no_purchase_holds_so_many(house: House, count: int) -> None:
    with pytest.raises(InvalidArguments, match="1 to 25"):
        seen(house, imagined(count=count))


async def test_papers_and_an_unknown_assistant_stand_against_it(house: House) -> None:
    [offer] = await house.find(country="DE")
    foreseen = foresee(
        house.desk,
        offer.offer_id,
        principal=ME,
        assistant_id="desk",
        rules=policy_with(assistants="[]"),
    )
    codes = [error.code for error in foreseen.obstacles]
    assert codes == ["invalid_arguments", "papers_missing"]
    assert not foreseen.is_allowed


STEPS = policy_with(
    levels="{buy: passphrase, release: passphrase, assign: passphrase, buy_above: ["
    '{first_year: "20.00 USD", level: passkey}, {first_year: "40.00 USD", level: two_people}]}'
)


@pytest.mark.parametrize(
    ("monthly", "level", "people"),
    [
        ("1.00 USD", Level.PASSPHRASE, ("ada", "bob")),
        ("2.00 USD", Level.PASSKEY, ("bob",)),
        ("4.00 USD", Level.TWO_PEOPLE, ("ada", "bob")),
    ],
)
def test_the_consent_it_would_need_and_who_could_give_it(
    house: House, tmp_path: Path, monthly: str, level: Level, people: tuple[str, ...]
) -> None:
    anchored(house, tmp_path / "pins")
    ada = enroll(house, Signer("ada"), found(house))
    enroll(house, Passkey("bob"), ada)
    foreseen = seen(house, imagined(monthly), STEPS)
    assert (foreseen.level, tuple(foreseen.ways.people)) == (level, people)
    assert foreseen.is_allowed


def test_what_nobody_could_consent_to_names_nobody(house: House, tmp_path: Path) -> None:
    anchored(house, tmp_path / "pins")
    enroll(house, Signer("ada"), found(house))
    foreseen = seen(house, imagined("2.00 USD"), STEPS)
    assert (rules_against(foreseen), foreseen.ways.people) == ({"consent_possible"}, ())
