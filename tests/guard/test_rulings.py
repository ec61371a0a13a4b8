"""Rulings that wait: told in words, signed by who may, written once; void when what they are about has moved on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from guard.authenticator import Passkey
from guard.rehearsal import ALLOWED, live_house, put_in_force
from guard.signing import Signer, Somebody, approve, enroll, found
from guard.unclear import NOTHING, WORDS, SomebodyIsQuicker, charged, manual
from house import PERSON, House, policy_with
from ringfence.approvers import Purpose, Signature, Statement
from ringfence.errors import (
    ConfigurationError,
    Declined,
    Expired,
    InvalidArguments,
    NotAuthorized,
    PolicyRefused,
)
from ringfence.guard import adjustment, changes, charges, ruling, rulings
from ringfence.guard.adjustment import Difference
from ringfence.guard.changes import MAX_PROPOSED, Change, ChangeState
from ringfence.guard.finding import Became, Finding
from ringfence.intents import Level, Line
from ringfence.inventory import NumberRecord
from ringfence.money import Money
from ringfence.settle import reconcile
from ringfence.states import LineState, NumberState
from ringfence.store import audit, intents, inventory, statements
from ringfence.store.audit import Words
from ringfence.store.balances import Balance

MONTH = "2026-11"
PASSKEY = policy_with(levels="{buy: passkey, release: passkey, assign: passkey}")
TWO_PEOPLE = policy_with(levels="{buy: two_people, release: passkey, assign: passkey}")
MORE = Difference(setup=Money.parse("0.19 USD"))
LESS = Difference(setup=Money.parse("0.19 USD"), is_less=True)
AS_APPROVED = charged()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A new live installation; whatever becomes of it, its books balance."""
    house = live_house(tmp_path)
    yield house
    house.books_balance()
    house.close()


@pytest.fixture
def ada(house: House) -> Passkey:
    """The only approver, with nothing but a passkey."""
    key = enroll(house, Passkey("ada"), found(house))
    put_in_force(house, PASSKEY, key)
    return key


@pytest.fixture
def bob(house: House, ada: Passkey) -> Passkey:
    """A second one; from now on two people buy, and two write into the books."""
    key = enroll(house, Passkey("bob"), ada)
    put_in_force(house, TWO_PEOPLE, ada)
    return key


async def unclear_line(house: House, *by: Somebody) -> Line:
    """A purchase of which nobody can tell what became of it."""
    intent = await house.propose(*await house.find())
    for each in by:
        approve(house, intent, each)
    return await manual(house, intent)


async def bought(house: House, *by: Somebody) -> NumberRecord:
    intent = await house.propose(*await house.find())
    for each in by:
        approve(house, intent, each)
    await house.work()
    [record] = house.read(inventory.paid_for)
    assert isinstance(record, NumberRecord)
    return record


def propose(house: House, subject: str, finding: Finding, words: str = WORDS) -> Change:
    change: Change = house.write(
        lambda tx: changes.propose_ruling(
            tx,
            Purpose.RESOLVE,
            subject,
            rulings.finding_body(tx, subject, finding),
            Words.fresh(words),
            by=PERSON,
        )
    )
    return change


def body_of(house: House, record: NumberRecord, difference: Difference) -> dict[str, Any]:
    body: dict[str, Any] = house.read(
        lambda tx: adjustment.body(
            tx,
            record.number_id,
            difference,
            charges.of_month(tx, charges.number_of(tx, record.number_id), None),
        )
    )
    return body


def propose_adjusting(house: House, record: NumberRecord, difference: Difference) -> Change:
    body = body_of(house, record, difference)
    change: Change = house.write(
        lambda tx: changes.propose_ruling(
            tx, Purpose.ADJUST, record.number_id, body, Words.fresh(WORDS), by=PERSON
        )
    )
    return change


def sign(house: House, change: Change, who: Somebody) -> Change:
    return hand_in(house, change, who.sign(change.statement))


def hand_in(house: House, change: Change, signature: Signature) -> Change:
    signed: Change = house.write(lambda tx: changes.sign(tx, change.change_id, signature))
    return signed


def decline(house: House, change: Change) -> Change:
    declined: Change = house.write(lambda tx: changes.decline(tx, change.change_id, actor=PERSON))
    return declined


def now(house: House, change: Change) -> Change:
    found_: Change = house.read(lambda tx: changes.get(tx, change.change_id))
    return found_


def waiting(house: House) -> list[str]:
    return [each.change_id for each in house.read(changes.waiting)]


def state_of(house: House, line: Line) -> LineState:
    state: LineState = house.read(lambda tx: intents.of_line(tx, line.line_id)[1].state)
    return state


# Told.


async def test_a_proposed_finding_says_what_it_would_do_and_does_nothing(
    house: House, ada: Passkey
) -> None:
    line = await unclear_line(house, ada)
    before = house.balance("cash", MONTH)
    change = propose(house, line.line_id, charged("24.00 USD", "1.50 USD"))
    says = "\n".join(change.says)
    assert f"{line.terms.number}: the carrier did it, and charged 24.00 USD and 1.50 USD" in says
    assert f"What shows it: {WORDS}" in says
    assert f"line {line.line_id}" in says
    assert f"cash {MONTH}: used 0.00 USD, held 2.00 USD -> used 25.50 USD, held 0.00 USD" in says
    assert "OVER THE LIMIT" in says
    assert (change.state, change.needed, change.signed_by) == (
        ChangeState.WAITING,
        Level.PASSKEY,
        (),
    )
    assert change.until - change.made_at == ruling.TIME_TO_SIGN
    assert waiting(house) == [change.change_id]
    assert (state_of(house, line), house.balance("cash", MONTH)) == (LineState.MANUAL, before)


async def test_a_proposed_adjustment_says_what_it_would_do_and_does_nothing(
    house: House, ada: Passkey
) -> None:
    record = await bought(house, ada)
    change = propose_adjusting(house, record, LESS)
    says = "\n".join(change.says)
    assert f"{record.number}: 0.19 USD less, once" in says
    assert f"Why: {WORDS}" in says
    assert f"cash {MONTH}: used 2.00 USD, held 0.00 USD -> used 1.81 USD" in says
    assert house.balance("cash", MONTH) == Balance(used=2_000_000)


async def test_words_of_a_ruling_hide_nothing(house: House, ada: Passkey) -> None:
    line = await unclear_line(house, ada)
    change = propose(house, line.line_id, AS_APPROVED, "bill\u202e\nand nothing is charged")
    assert "What shows it: bill\\u{202e}\\u{a}and nothing is charged" in change.says


async def test_words_that_somebody_has_exchanged_are_not_shown_as_what_is_signed(
    house: House, ada: Passkey
) -> None:
    line = await unclear_line(house, ada)
    change = propose(house, line.line_id, AS_APPROVED)
    place = str(change.statement.body[ruling.WORDS])[:40]
    other = Words.fresh("something else")
    house.write(
        lambda tx: tx.connection.exec_driver_sql(
            "UPDATE free_text SET text = ?, salt = ? WHERE subject_id = ?",
            (other.text, other.salt, place),
        )
    )
    assert "What shows it: erased words" in now(house, change).says


async def test_erased_words_stay_erased_and_their_ruling_can_be_signed(
    house: House, ada: Passkey
) -> None:
    line = await unclear_line(house, ada)
    change = propose(house, line.line_id, AS_APPROVED)
    place = str(change.statement.body[ruling.WORDS])[:40]
    house.write(lambda tx: audit.erase_words(tx, place))
    assert "What shows it: erased words" in now(house, change).says
    assert sign(house, change, ada).state is ChangeState.IN_FORCE


# Signed.


async def test_a_passkey_alone_writes_down_what_became_of_a_line(
    house: House, ada: Passkey
) -> None:
    line = await unclear_line(house, ada)
    change = sign(house, propose(house, line.line_id, AS_APPROVED), ada)
    assert (change.state, change.signed_by) == (ChangeState.IN_FORCE, ("ada",))
    assert now(house, change).state is ChangeState.IN_FORCE
    assert (state_of(house, line), waiting(house)) == (LineState.CAPTURED, [])
    assert house.balance("cash", MONTH) == Balance(used=2_000_000)
    [event] = [
        e
        for e in house.read(lambda tx: audit.about(tx, line.line_id))
        if e["type"] == "line.resolved"
    ]
    assert (event["actor"], event["body"]["statement"]) == (
        "ada",
        change.statement.encoded.decode(),
    )
    assert house.read(lambda tx: audit.said(tx, event["body"]["words_hash"])) == WORDS


async def test_a_passkey_alone_writes_down_what_became_of_a_lost_number(
    house: House, ada: Passkey
) -> None:
    record = await bought(house, ada)
    house.carrier.release(record.carrier_ref)
    house.clock.advance(minutes=1)
    await reconcile(house.desk, house.adapter)
    change = propose(house, record.number_id, Finding(became=Became.RELEASED))
    assert any("it is ours no longer" in each for each in change.says)
    assert any(each.startswith("count all: used 1") for each in change.says)
    assert sign(house, change, ada).state is ChangeState.IN_FORCE
    assert now(house, change).state is ChangeState.IN_FORCE
    gone = house.read(lambda tx: inventory.get(tx, record.number_id))
    assert gone.state is NumberState.RELEASED
    assert house.balance("count", "all") == Balance()


async def test_a_passkey_alone_adjusts_the_books(house: House, ada: Passkey) -> None:
    record = await bought(house, ada)
    change = propose_adjusting(house, record, MORE)
    assert sign(house, change, ada).state is ChangeState.IN_FORCE
    assert now(house, change).state is ChangeState.IN_FORCE
    assert house.balance("cash", MONTH) == Balance(used=2_190_000)


async def test_two_people_sign_a_ruling_one_after_the_other(
    house: House, ada: Passkey, bob: Passkey
) -> None:
    line = await unclear_line(house, ada, bob)
    change = sign(house, propose(house, line.line_id, AS_APPROVED), ada)
    assert (change.state, change.signed_by, change.needed) == (
        ChangeState.WAITING,
        ("ada",),
        Level.TWO_PEOPLE,
    )
    assert state_of(house, line) is LineState.MANUAL
    with pytest.raises(NotAuthorized, match="already"):
        sign(house, change, ada)
    assert sign(house, change, bob).state is ChangeState.IN_FORCE
    assert state_of(house, line) is LineState.CAPTURED


async def test_what_was_half_signed_in_a_terminal_waits_here_too(
    house: House, ada: Passkey, bob: Passkey
) -> None:
    record = await bought(house, ada, bob)
    body, words = body_of(house, record, MORE), Words.fresh(WORDS)
    made: Statement = house.read(
        lambda tx: ruling.make(tx, Purpose.ADJUST, record.number_id, body, words)
    )
    signature = ada.sign(made)
    assert house.write(lambda tx: adjustment.adjust_signed(tx, made, signature, words)) is None
    [change] = house.read(changes.waiting)
    assert (change.statement, change.signed_by) == (made, ("ada",))
    assert propose_adjusting(house, record, MORE).change_id == change.change_id
    assert sign(house, change, bob).state is ChangeState.IN_FORCE
    assert house.balance("cash", MONTH) == Balance(used=2_190_000)


async def test_what_gives_budget_back_needs_what_a_looser_policy_needs(house: House) -> None:
    ada = enroll(house, Signer("ada"), found(house))
    bob = enroll(house, Passkey("bob"), ada)
    strict = policy_with(levels="{buy: passphrase, release: two_people, assign: passphrase}")
    put_in_force(house, strict, ada)
    record = await bought(house, ada)
    more, less = (propose_adjusting(house, record, each) for each in (MORE, LESS))
    assert (more.needed, less.needed) == (Level.PASSPHRASE, Level.TWO_PEOPLE)
    assert sign(house, less, ada).state is ChangeState.WAITING
    assert house.balance("cash", MONTH) == Balance(used=2_000_000)
    assert sign(house, less, bob).state is ChangeState.IN_FORCE
    assert house.balance("cash", MONTH) == Balance(used=1_810_000)


async def test_a_strangers_key_writes_nothing(house: House, ada: Passkey) -> None:
    line = await unclear_line(house, ada)
    change = propose(house, line.line_id, AS_APPROVED)
    for stranger in (Passkey("ada"), Signer("ada")):
        with pytest.raises(NotAuthorized):
            sign(house, change, stranger)
    other = change.statement.model_copy(update={"purpose": Purpose.APPROVE})
    with pytest.raises(NotAuthorized):
        hand_in(house, change, ada.sign(other))
    assert (state_of(house, line), now(house, change).signed_by) == (LineState.MANUAL, ())


async def test_a_signature_is_used_once_and_for_that_ruling_alone(
    house: House, ada: Passkey
) -> None:
    record = await bought(house, ada)
    change, other = (propose_adjusting(house, record, each) for each in (MORE, LESS))
    signature = ada.sign(change.statement)
    with pytest.raises(NotAuthorized):
        hand_in(house, other, signature)
    assert hand_in(house, change, signature).state is ChangeState.IN_FORCE
    with pytest.raises(NotAuthorized, match="in force already"):
        hand_in(house, change, signature)
    with pytest.raises(NotAuthorized):
        house.write(lambda tx: adjustment.adjust_signed(tx, change.statement, signature, None))
    assert house.balance("cash", MONTH) == Balance(used=2_190_000)


async def test_nothing_has_failed_by_signature_while_it_may_still_be_carried_out(
    house: House, ada: Passkey
) -> None:
    intent = await house.propose(*await house.find())
    approve(house, intent, ada)
    line = await manual(house, intent, SomebodyIsQuicker)
    change = propose(house, line.line_id, NOTHING)
    signature = ada.sign(change.statement)
    with pytest.raises(PolicyRefused, match="may still be carried out"):
        hand_in(house, change, signature)
    assert (now(house, change).state, now(house, change).signed_by) == (ChangeState.WAITING, ())
    house.clock.advance(seconds=rulings.LONGEST_QUARANTINE.total_seconds())
    assert hand_in(house, change, signature).state is ChangeState.IN_FORCE
    assert house.balance("cash", MONTH) == Balance()
    await reconcile(house.desk, house.adapter)


# Overtaken, too late, declined.


async def test_a_ruling_that_another_one_came_before_is_void(house: House, ada: Passkey) -> None:
    line = await unclear_line(house, ada)
    first, second = (
        propose(house, line.line_id, each) for each in (AS_APPROVED, charged("9.00 USD"))
    )
    sign(house, first, ada)
    assert now(house, second).state is ChangeState.OVERTAKEN
    with pytest.raises(NotAuthorized, match="has changed since"):
        sign(house, second, ada)
    with pytest.raises(NotAuthorized, match="has changed since"):
        decline(house, second)
    assert house.balance("cash", MONTH) == Balance(used=2_000_000)


async def test_two_adjustments_that_waited_together_are_not_both_written(
    house: House, ada: Passkey
) -> None:
    record = await bought(house, ada)
    first, second = (propose_adjusting(house, record, each) for each in (MORE, LESS))
    sign(house, first, ada)
    assert (now(house, second).state, waiting(house)) == (ChangeState.OVERTAKEN, [])
    with pytest.raises(NotAuthorized, match="has changed since"):
        sign(house, second, ada)
    assert house.balance("cash", MONTH) == Balance(used=2_190_000)


async def test_a_ruling_about_a_line_that_was_explained_meanwhile_is_void(
    house: House, ada: Passkey
) -> None:
    """A lost number that its carrier lists again needs nobody's word."""
    record = await bought(house, ada)
    house.write(lambda tx: inventory.change(tx, record, state=NumberState.LOST))
    change = propose(house, record.number_id, Finding(became=Became.RELEASED))
    house.clock.advance(minutes=1)
    await reconcile(house.desk, house.adapter)
    assert now(house, change).state is ChangeState.OVERTAKEN
    with pytest.raises(NotAuthorized, match="has changed since"):
        sign(house, change, ada)
    assert house.balance("count", "all") == Balance(used=1)


async def test_a_ruling_that_waited_too_long_is_void(house: House, ada: Passkey) -> None:
    line = await unclear_line(house, ada)
    change = propose(house, line.line_id, AS_APPROVED)
    house.clock.advance(seconds=ruling.TIME_TO_SIGN.total_seconds())
    assert (waiting(house), now(house, change).state) == ([], ChangeState.EXPIRED)
    with pytest.raises(Expired):
        sign(house, change, ada)
    assert propose(house, line.line_id, AS_APPROVED).change_id != change.change_id


async def test_a_declined_ruling_is_signed_through_no_door(house: House, ada: Passkey) -> None:
    record = await bought(house, ada)
    change = propose_adjusting(house, record, MORE)
    assert decline(house, change).state is ChangeState.DECLINED
    with pytest.raises(Declined):
        sign(house, change, ada)
    signature = ada.sign(change.statement)
    with pytest.raises(Declined):
        house.write(lambda tx: adjustment.adjust_signed(tx, change.statement, signature, None))
    anew = propose_adjusting(house, record, MORE)
    assert anew.change_id != change.change_id
    assert house.balance("cash", MONTH) == Balance(used=2_000_000)
    assert sign(house, anew, ada).state is ChangeState.IN_FORCE


# Proposed.


async def test_the_same_ruling_proposed_again_is_the_one_that_waits(
    house: House, ada: Passkey
) -> None:
    line = await unclear_line(house, ada)
    first = propose(house, line.line_id, AS_APPROVED)
    again = propose(house, line.line_id, AS_APPROVED, "other words")
    assert (again.change_id, again.says) == (first.change_id, first.says)
    assert propose(house, line.line_id, NOTHING).change_id != first.change_id


async def test_what_does_not_fit_is_not_proposed(house: House, ada: Passkey) -> None:
    line = await unclear_line(house, ada)
    with pytest.raises(InvalidArguments):
        propose(house, line.line_id, Finding(became=Became.CAPTURED))
    assert waiting(house) == []


async def test_rulings_are_capped_together_with_other_changes(house: House, ada: Passkey) -> None:
    line = await unclear_line(house, ada)
    for _ in range(MAX_PROPOSED):
        decline(house, propose(house, line.line_id, AS_APPROVED))
    with pytest.raises(ConfigurationError, match=f"{MAX_PROPOSED} may be in a day"):
        propose(house, line.line_id, AS_APPROVED)
    with pytest.raises(ConfigurationError, match=f"{MAX_PROPOSED} may be in a day"):
        house.write(lambda tx: changes.propose_policy(tx, ALLOWED, nonce="n" * 43, by=PERSON))
    assert len(house.read(lambda tx: statements.of_purposes(tx, [Purpose.RESOLVE]))) == MAX_PROPOSED


# Written into the database by somebody else.


def _later(made: Statement) -> Statement:
    return made.model_copy(update={"expires_at": made.expires_at + timedelta(days=900)})


def _other_history(made: Statement) -> Statement:
    return made.model_copy(update={"audit_head": "0" * 64})


def _other_installation(made: Statement) -> Statement:
    return made.model_copy(update={"installation_id": "ins_another"})


def _other_version(made: Statement) -> Statement:
    return made.model_copy(update={"body": {**made.body, "version": 900}})


def _no_finding(made: Statement) -> Statement:
    return made.model_copy(update={"body": {**made.body, "became": "nothing"}})


def _no_line(made: Statement) -> Statement:
    return made.model_copy(update={"subject": "lin_01KAN5T1PR0000000000000001"})


FORGERIES = [_later, _other_history, _other_installation, _other_version, _no_finding, _no_line]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda each: each.__name__.strip("_"))
async def test_a_ruling_that_was_not_proposed_here_is_signed_by_nobody(
    house: House, ada: Passkey, forge: Callable[[Statement], Statement]
) -> None:
    line = await unclear_line(house, ada)
    made: Statement = house.read(
        lambda tx: ruling.make(
            tx,
            Purpose.RESOLVE,
            line.line_id,
            rulings.finding_body(tx, line.line_id, AS_APPROVED),
            Words.fresh(WORDS),
        )
    )
    statement = forge(made)
    place = house.write(lambda tx: statements.add(tx, statement))
    signature = ada.sign(statement)
    with pytest.raises(NotAuthorized):
        house.write(lambda tx: changes.sign(tx, f"change-{place}", signature))
    assert state_of(house, line) is LineState.MANUAL
    mine = propose(house, line.line_id, charged("0.50 USD"))
    assert mine.change_id in waiting(house)  # what is right beside it can still be read and signed
    assert sign(house, mine, ada).state is ChangeState.IN_FORCE
