"""Resolving: a person says what became of a line, or of a lost number; it is posted as it is, once, by who may."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from guard import unclear
from guard.authenticator import Passkey
from guard.rehearsal import ALLOWED, live_house, put_in_force
from guard.signing import Signer, Somebody, approve, enroll, found
from guard.unclear import (
    NOTHING,
    WORDS,
    SomebodyIsQuicker,
    charged,
    manual,
    reference,
    resolve,
)
from house import House, policy_with
from ringfence.approvers import Purpose, Statement
from ringfence.errors import (
    ConfigurationError,
    InvalidArguments,
    NotAuthorized,
    NotFound,
    PolicyRefused,
)
from ringfence.guard import lost_numbers, resolution, ruling, words
from ringfence.guard.effect import effects, number_effects
from ringfence.guard.finding import Became, Finding
from ringfence.guard.freeze import unfreeze
from ringfence.intents import Line
from ringfence.inventory import NumberRecord, Origin
from ringfence.money import Money
from ringfence.settle import reconcile
from ringfence.states import HoldState, IntentState, LineState, NumberState
from ringfence.store import audit, intents, inventory, ledger
from ringfence.store.audit import Words
from ringfence.store.balances import Balance
from ringfence.store.ledger import Entry, EntryKind, Hold
from ringfence.store.transaction import Transaction
from ringfence_server.cli.auditing import prove

MONTH = "2026-11"
LONG = timedelta(seconds=6)


def kinds(house: House, line: Line) -> list[EntryKind]:
    """What the ledger says happened to a line, in order."""
    entries: list[Entry] = house.read(lambda tx: list(ledger.entries(tx)))
    return [each.kind for each in entries if each.line_id == line.line_id]


def hold_states(house: House, line: Line) -> set[HoldState]:
    held: list[Hold] = house.read(lambda tx: ledger.holds_of(tx, line.line_id))
    return {hold.state for hold in held}


def lift(tx: Transaction) -> None:
    """Lift the freeze that came when nobody could explain the line."""
    unfreeze(tx, actor="ada")


async def waits(house: House, **wish: Any) -> Line:
    """A purchase that was charged above what was approved: 1.50 USD a month, where 1.00 USD was."""
    return await manual(house, await house.approved(*await house.find(), **wish))


# What was charged.


async def test_a_charge_as_it_was_approved_is_posted_and_the_number_is_ours(house: House) -> None:
    line = await waits(house, assistant_id="front-desk")
    resolved = resolve(house, line, charged(reference=reference(house)))
    assert resolved.state is LineState.CAPTURED
    assert house.balance("cash", MONTH) == Balance(used=2_000_000)
    assert hold_states(house, line) == {HoldState.POSTED}
    assert kinds(house, line) == [EntryKind.HOLD, EntryKind.CLAIM, EntryKind.POST]
    house.write(lift)
    await house.work()
    [record] = house.read(inventory.paid_for)
    assert (record.assistant_id, record.line_id) == ("front-desk", line.line_id)
    assert record.carrier_ref == reference(house)
    intent, _ = house.read(lambda tx: intents.of_line(tx, line.line_id))
    assert intent.state is IntentState.COMPLETED


async def test_a_lower_charge_gives_the_rest_of_the_hold_back(house: House) -> None:
    line = await waits(house)
    resolve(house, line, charged("0.00 USD", "0.90 USD"))
    assert house.balance("cash", MONTH) == Balance(used=900_000)
    assert house.balance("run-rate", "all") == Balance(used=900_000)
    assert house.balance("count", "all") == Balance(used=1)


DEARER = [
    ("1.00 USD", "1.50 USD", 2_500_000),
    ("24.50 USD", "1.00 USD", 25_500_000),
    ("0.00 USD", "1.50 USD", 1_500_000),  # less altogether, but more than was approved every month
]


@pytest.mark.parametrize(("setup", "monthly", "micros"), DEARER)
async def test_a_charge_above_what_was_approved_is_posted_as_it_is_and_freezes(
    house: House, setup: str, monthly: str, micros: int
) -> None:
    line = await waits(house)
    house.write(lift)
    resolve(house, line, charged(setup, monthly))
    assert house.balance("cash", MONTH) == Balance(used=micros)
    assert hold_states(house, line) == {HoldState.VOIDED}
    assert kinds(house, line)[2:] == [EntryKind.VOID, EntryKind.LATE]
    assert "above what was approved" in str(house.frozen())
    [record] = house.read(inventory.paid_for)
    assert str(record.monthly) == monthly


async def test_a_charge_in_another_currency_counts_by_its_rate(house: House) -> None:
    line = await waits(house)
    resolve(house, line, charged("1.00 GBP", "1.00 GBP"))
    expected = house.read(lambda tx: tx.rules.convert(Money.parse("2.00 GBP"), "USD", tx.now))
    assert house.balance("cash", MONTH) == Balance(used=expected.micros)
    assert house.frozen() is not None


async def test_a_charge_in_a_currency_without_a_rate_is_not_guessed(house: House) -> None:
    line = await waits(house)
    with pytest.raises(ConfigurationError, match="ISK"):
        resolve(house, line, charged("100 ISK", "100 ISK"))
    assert house.balance("cash", MONTH) == Balance(held=2_000_000)


async def test_a_purchase_counts_in_the_window_in_which_it_was_sent(house: House) -> None:
    line = await waits(house)
    house.clock.advance(days=20)
    resolve(house, line, charged("1.00 USD", "1.50 USD"))
    assert house.balance("cash", MONTH) == Balance(used=2_500_000)
    assert house.balance("cash", "2026-12") == Balance(used=1_500_000), "its renewal"


# What was not.


async def test_what_was_not_charged_gives_its_budget_back(house: House) -> None:
    intent = await house.approved(*await house.find())
    line = await manual(house, intent, SomebodyIsQuicker)
    house.clock.advance(seconds=6)
    resolve(house, line, NOTHING)
    failed = await house.now(intent)
    assert (failed.state, failed.lines[0].state) == (IntentState.FAILED, LineState.FAILED)
    assert "a person found" in str(failed.lines[0].error)
    assert hold_states(house, line) == {HoldState.VOIDED}
    assert house.balance("cash", MONTH) == Balance()
    await reconcile(house.desk, house.adapter)  # it was somebody else's purchase


async def test_nothing_has_failed_while_it_may_still_be_carried_out(house: House) -> None:
    line = await manual(house, await house.approved(*await house.find()), SomebodyIsQuicker)
    with pytest.raises(PolicyRefused, match="may still be carried out"):
        resolve(house, line, NOTHING)
    assert hold_states(house, line) == {HoldState.PENDING}
    await reconcile(house.desk, house.adapter)


async def test_a_failure_that_turns_out_to_be_a_charge_is_a_late_success(house: House) -> None:
    """A person may be wrong; the carrier's list is right."""
    line = await waits(house)
    house.clock.advance(seconds=6)
    resolve(house, line, NOTHING)
    await reconcile(house.desk, house.adapter)
    _, after = house.read(lambda tx: intents.of_line(tx, line.line_id))
    assert after.state is LineState.CAPTURED
    assert house.balance("cash", MONTH) == Balance(used=2_500_000)


# What a person may say.

UNFIT = [
    Finding(became=Became.CAPTURED),
    charged().model_copy(update={"reference": None}),
    charged("1.00 USD", "1.00 EUR"),
    charged().model_copy(update={"became": Became.FAILED}),
    Finding(became=Became.ACTIVE),
    Finding(became=Became.RELEASED),
]


@pytest.mark.parametrize("finding", UNFIT, ids=str)
async def test_what_does_not_fit_a_purchase_is_refused(house: House, finding: Finding) -> None:
    line = await waits(house)
    with pytest.raises(InvalidArguments):
        resolve(house, line, finding)
    assert hold_states(house, line) == {HoldState.PENDING}


async def test_only_what_waits_for_a_person_is_resolved_and_only_once(house: House) -> None:
    with pytest.raises(NotFound):
        house.read(lambda tx: resolution.manual(tx, "lin_01KAN5T1PR0000000000000001"))
    waiting = await house.approved(*await house.find())
    with pytest.raises(PolicyRefused, match="ready"):
        resolve(house, waiting.lines[0], charged())
    line = await manual(house, waiting)
    resolve(house, line, charged())
    for finding in (charged(), NOTHING):
        with pytest.raises(PolicyRefused, match="captured"):
            resolve(house, line, finding)
    assert house.balance("cash", MONTH) == Balance(used=2_000_000)


async def test_the_chain_keeps_who_said_what_and_the_hash_of_their_words(house: House) -> None:
    line = await waits(house)
    resolve(house, line, charged())
    [event] = [
        e
        for e in house.read(lambda tx: audit.about(tx, line.line_id))
        if e["type"] == "line.resolved"
    ]
    body = event["body"]
    assert (event["actor"], body["became"], body["monthly"]) == ("ada", "captured", "1.00 USD")
    assert house.read(lambda tx: audit.said(tx, body["words_hash"])) == WORDS
    assert WORDS not in str(event)


async def test_a_persons_words_are_erased_like_an_assistants(house: House) -> None:
    line = await waits(house)
    resolve(house, line, charged())
    assert house.write(lambda tx: words.erase(tx, line.line_id, actor="bob"))
    [event] = [
        e
        for e in house.read(lambda tx: audit.about(tx, line.line_id))
        if e["type"] == "line.resolved"
    ]
    assert house.read(lambda tx: audit.said(tx, event["body"]["words_hash"])) is None
    assert not house.write(lambda tx: words.erase(tx, line.line_id, actor="bob"))
    assert house.read(lambda tx: prove(tx)["failures"]) == []
    with pytest.raises(NotFound, match="no words about"):
        house.write(lambda tx: words.erase(tx, "lin_of_nobody", actor="bob"))


async def test_a_person_is_told_what_it_will_do_to_the_budgets(house: House) -> None:
    line = await waits(house)
    found = house.read(lambda tx: list(effects(tx, line.line_id, charged("24.00 USD", "1.50 USD"))))
    by_name = {each.before.budget.name: each for each in found}
    cash = by_name["cash"]
    assert (cash.before.used, cash.before.held) == (0, 2_000_000)
    assert (cash.after.used, cash.after.held, cash.is_over) == (25_500_000, 0, True)
    assert not by_name["run-rate"].is_over
    resolve(house, line, charged("24.00 USD", "1.50 USD"))
    for effect in found:
        after = house.balance(effect.after.budget.name, effect.after.window)
        assert after == Balance(effect.after.held, effect.after.used)


# What was found at the carrier before it was explained.


async def test_a_number_that_was_found_before_it_was_explained_counts_once(house: House) -> None:
    intent = await house.approved(*await house.find(), assistant_id="front-desk")
    line = await manual(house, intent, SomebodyIsQuicker)
    await reconcile(house.desk, house.adapter)
    [stranger] = house.read(inventory.paid_for)
    assert stranger.origin is Origin.EXTERNAL
    house.write(lift)
    house.clock.advance(seconds=1)
    resolve(house, line, charged(reference=stranger.carrier_ref))
    await house.work()
    [ours] = house.read(inventory.paid_for)
    assert (ours.number_id, ours.line_id) == (stranger.number_id, line.line_id)
    assert (ours.origin, ours.assistant_id) == (Origin.RINGFENCE, "front-desk")
    assert house.balance("count", "all") == Balance(used=1)
    assert house.balance("run-rate", "all") == Balance(used=1_000_000)
    house.clock.advance(minutes=1)
    await house.released(ours.number)
    assert house.balance("run-rate", "all") == house.balance("count", "all") == Balance()


async def test_a_number_that_another_line_bought_is_not_bought_twice(house: House) -> None:
    line = await waits(house)
    resolve(house, line, charged(reference=reference(house)))
    [record] = house.read(inventory.paid_for)
    [offer] = await house.find(1, country="CA", area_code="416")
    house.write(lift)
    other = await manual(house, await house.approved(offer))
    house.write(lambda tx: inventory.change(tx, record, number=other.terms.number))
    with pytest.raises(PolicyRefused, match="in the books already"):
        resolve(house, other, charged())
    house.write(
        lambda tx: inventory.change(
            tx, record.model_copy(update={"version": record.version + 1}), number=record.number
        )
    )


# A release.


async def release_that_waits(house: House) -> Line:
    """The carrier lists the number under another id, so that nobody can tell what was given back."""
    await house.buy(*await house.find(), assistant_id="front-desk")
    [record] = house.read(inventory.paid_for)
    house.write(lambda tx: inventory.change(tx, record, carrier_ref="N-of-old"))
    intent = await house.approve(await house.give_back(record.number))
    await house.work()
    await house.wait_out(4)
    [line] = (await house.now(intent)).lines
    assert line.state is LineState.MANUAL
    return line


@pytest.mark.parametrize(
    ("became", "state"),
    [(Became.CAPTURED, NumberState.RELEASED), (Became.FAILED, NumberState.ACTIVE)],
)
async def test_a_release_that_waits_is_settled_by_a_person_too(
    house: House, became: Became, state: NumberState
) -> None:
    line = await release_that_waits(house)
    house.clock.advance(seconds=10)
    with pytest.raises(InvalidArguments):
        resolve(house, line, charged())
    resolve(house, line, Finding(became=became))
    record = house.read(lambda tx: inventory.get(tx, line.terms.number_id or ""))
    assert record.state is state


# A lost number.


def settle(house: House, record: NumberRecord, became: Became) -> NumberRecord:
    settled: NumberRecord = house.write(
        lambda tx: lost_numbers.resolve_number(
            tx, record.number_id, Finding(became=became), Words.fresh(WORDS), person="ada"
        )
    )
    return settled


async def test_a_lost_number_that_is_gone_stops_counting(house: House) -> None:
    record = await unclear.lost(house)
    assert house.balance("count", "all") == Balance(used=1)
    gone = Finding(became=Became.RELEASED)
    told = house.read(lambda tx: list(number_effects(tx, record.number_id, gone)))
    assert {each.after.budget.name: each.after.used for each in told} == {"run-rate": 0, "count": 0}
    assert settle(house, record, Became.RELEASED).state is NumberState.RELEASED
    assert house.balance("count", "all") == house.balance("run-rate", "all") == Balance()
    assert house.balance("cash", MONTH) == Balance(used=2_000_000), "what was paid stays paid"


async def test_a_lost_number_that_is_ours_after_all_counts_on(house: House) -> None:
    record = await unclear.lost(house)
    assert settle(house, record, Became.ACTIVE).state is NumberState.ACTIVE
    assert house.balance("count", "all") == Balance(used=1)


async def test_only_a_lost_number_is_settled(house: House) -> None:
    record = await unclear.lost(house)
    for became in (Became.CAPTURED, Became.FAILED):
        with pytest.raises(InvalidArguments):
            settle(house, record, became)
    settle(house, record, Became.RELEASED)
    with pytest.raises(PolicyRefused, match="released"):
        settle(house, record, Became.ACTIVE)
    with pytest.raises(NotFound):
        house.read(lambda tx: lost_numbers.lost(tx, "num_01KAN5T1PR0000000000000001"))


# A live installation.


@pytest.fixture
def live(tmp_path: Path) -> Iterator[House]:
    house = live_house(tmp_path)
    yield house
    house.books_balance()
    house.close()


@pytest.fixture
def ada(live: House) -> Signer:
    """The first approver, who has allowed something."""
    enrolled = enroll(live, Signer("ada"), found(live))
    put_in_force(live, ALLOWED, enrolled)
    return enrolled


async def live_line(live: House, *by: Somebody) -> Line:
    intent = await live.propose(*await live.find())
    for each in by:
        approve(live, intent, each)
    return await manual(live, intent)


def made(live: House, line: Line, finding: Finding) -> tuple[Statement, Words]:
    words = Words.fresh(WORDS)
    statement: Statement = live.read(
        lambda tx: ruling.make(
            tx,
            Purpose.RESOLVE,
            line.line_id,
            resolution.line_body(tx, line.line_id, finding),
            words,
        )
    )
    return statement, words


def hand_in(live: House, statement: Statement, words: Words | None, who: Somebody) -> Line | None:
    settled: Line | None = live.write(
        lambda tx: resolution.resolve_signed(
            tx, statement, who.sign(statement), words, quarantine=LONG
        )
    )
    return settled


def state_of(live: House, line: Line) -> LineState:
    state: LineState = live.read(lambda tx: intents.of_line(tx, line.line_id)[1].state)
    return state


async def test_in_a_live_installation_an_approver_signs_for_it(live: House, ada: Signer) -> None:
    line = await live_line(live, ada)
    with pytest.raises(NotAuthorized):
        resolve(live, line, charged())
    statement, words = made(live, line, charged())
    with pytest.raises(NotAuthorized):
        hand_in(live, statement, words, Signer("ada"))
    assert state_of(live, line) is LineState.MANUAL
    settled = hand_in(live, statement, words, ada)
    assert settled is not None
    assert settled.state is LineState.CAPTURED
    assert live.balance("cash", MONTH) == Balance(used=2_000_000)


async def test_what_was_signed_about_a_line_is_used_once_and_for_that_line(
    live: House, ada: Signer
) -> None:
    line = await live_line(live, ada)
    statement, words = made(live, line, charged())
    hand_in(live, statement, words, ada)
    with pytest.raises(PolicyRefused, match="captured"):
        hand_in(live, statement, words, ada)
    assert live.balance("cash", MONTH) == Balance(used=2_000_000)


BENT: dict[str, dict[str, Any]] = {
    "cheaper": {"monthly": "0.10 USD"},
    "failed": {"became": "failed"},
    "another version": {"version": 1},
    "another digest": {"digest": "0" * 64},
    "other words": {"words": "0" * 64},
    "something more": {"unheard": "of"},
    "nothing": {"became": "nothing"},
}


@pytest.mark.parametrize("bend", BENT.values(), ids=BENT.keys())
async def test_what_was_signed_is_what_is_done(
    live: House, ada: Signer, bend: dict[str, Any]
) -> None:
    line = await live_line(live, ada)
    statement, words = made(live, line, charged())
    bent = statement.model_copy(update={"body": {**statement.body, **bend}})
    signature = ada.sign(statement)
    with pytest.raises((NotAuthorized, InvalidArguments)):
        live.write(
            lambda tx: resolution.resolve_signed(tx, bent, signature, words, quarantine=LONG)
        )
    assert state_of(live, line) is LineState.MANUAL


@pytest.mark.parametrize(
    "bend",
    [{"version": 1}, {"digest": "0" * 64}, {"words": "0" * 64}, {"unheard": "of"}],
    ids=str,
)
async def test_even_signed_it_must_be_about_the_line_as_it_is(
    live: House, ada: Signer, bend: dict[str, Any]
) -> None:
    line = await live_line(live, ada)
    statement, words = made(live, line, charged())
    bent = statement.model_copy(update={"body": {**statement.body, **bend}})
    with pytest.raises(NotAuthorized):
        hand_in(live, bent, words, ada)
    assert state_of(live, line) is LineState.MANUAL


async def test_a_signature_for_another_purpose_settles_nothing(live: House, ada: Signer) -> None:
    line = await live_line(live, ada)
    statement, words = made(live, line, charged())
    other = statement.model_copy(update={"purpose": Purpose.APPROVE})
    with pytest.raises(NotAuthorized):
        hand_in(live, other, words, ada)


async def test_it_takes_what_the_smallest_purchase_takes(live: House, ada: Signer) -> None:
    bob = enroll(live, Passkey("bob"), ada)
    put_in_force(
        live, policy_with(levels="{buy: two_people, release: passphrase, assign: passphrase}"), ada
    )
    line = await live_line(live, ada, bob)
    statement, words = made(live, line, charged())
    assert hand_in(live, statement, words, ada) is None
    assert state_of(live, line) is LineState.MANUAL
    with pytest.raises(NotAuthorized, match="signed it already"):
        hand_in(live, statement, None, ada)
    again, _ = made(live, line, charged())
    assert again == statement, "the second signs what the first has signed"
    other, _ = made(live, line, charged("9.00 USD"))
    assert other != statement
    live.clock.advance(minutes=1)
    settled = hand_in(live, again, None, bob)
    assert settled is not None
    assert settled.state is LineState.CAPTURED
    [event] = [
        e
        for e in live.read(lambda tx: audit.about(tx, line.line_id))
        if e["type"] == "line.resolved"
    ]
    assert event["actor"] == "ada and bob"


async def test_half_signed_words_wait_for_a_day_and_no_longer(live: House, ada: Signer) -> None:
    bob = enroll(live, Passkey("bob"), ada)
    put_in_force(
        live, policy_with(levels="{buy: two_people, release: passphrase, assign: passphrase}"), ada
    )
    line = await live_line(live, ada, bob)
    statement, words = made(live, line, charged())
    hand_in(live, statement, words, ada)
    live.clock.advance(days=1)
    with pytest.raises(NotAuthorized, match="too long"):
        hand_in(live, statement, None, bob)
    assert made(live, line, charged())[0] != statement


async def test_a_lost_number_is_settled_by_a_signature_too(live: House, ada: Signer) -> None:
    intent = approve(live, await live.propose(*await live.find()), ada)
    await live.work()
    [record] = live.read(inventory.paid_for)
    live.carrier.release(record.carrier_ref)
    live.clock.advance(minutes=1)
    await reconcile(live.desk, live.adapter)
    [record] = live.read(inventory.paid_for)
    with pytest.raises(NotAuthorized):
        settle(live, record, Became.RELEASED)
    finding, words = Finding(became=Became.RELEASED), Words.fresh(WORDS)
    statement = live.read(
        lambda tx: ruling.make(
            tx,
            Purpose.RESOLVE,
            record.number_id,
            lost_numbers.number_body(tx, record.number_id, finding),
            words,
        )
    )
    signature = ada.sign(statement)
    settled = live.write(
        lambda tx: lost_numbers.resolve_number_signed(tx, statement, signature, words)
    )
    assert settled.state is NumberState.RELEASED
    assert (await live.now(intent)).state is IntentState.COMPLETED
    with pytest.raises(PolicyRefused):
        live.write(lambda tx: lost_numbers.resolve_number_signed(tx, statement, signature, words))
