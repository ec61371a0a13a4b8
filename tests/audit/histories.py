"""What happens to an installation in ordinary use, while purchases wait and are sent: stories for its evidence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from audit.living import ALLOWED, Living, allow
from guard import unclear
from guard.authenticator import Passkey
from guard.signing import Signer, approve, enroll, revoke
from house import PERSON, SOMEBODY_ELSE, policy_with
from ringfence.approvers import Purpose
from ringfence.desk.assigning import AssignWish, assign
from ringfence.guard import (
    adjustment,
    approval,
    charges,
    consent,
    enrolment,
    resolution,
    ruling,
    words,
)
from ringfence.guard.adjustment import Difference
from ringfence.guard.freeze import freeze
from ringfence.intents import Intent
from ringfence.inventory import NumberRecord
from ringfence.money import Money
from ringfence.sandbox.faults import Fault
from ringfence.settle import reconcile
from ringfence.states import IntentState
from ringfence.store import inventory
from ringfence.store.audit import Words
from ringfence.store.checkpoints import EVERY

Bundle = dict[str, Any]
Story = Callable[[Living], Awaitable[list[Bundle]]]
"""Plays on in an installation; gives the evidence that somebody copied away meanwhile."""

TIGHTER = policy_with(
    levels="{buy: passphrase, release: passphrase, assign: passphrase}", pending_per_requester="4"
)
PASSKEY = policy_with(levels="{buy: passkey, release: passkey, assign: passkey}")
TWO_PEOPLE = policy_with(levels="{buy: two_people, release: passkey, assign: passkey}")


async def ask(living: Living, *counts: int, **wish: Any) -> list[Intent]:
    """Ask for as many purchases, each of so many numbers that no other has."""
    found = await living.house.find(sum(counts))
    assert len(found) == sum(counts)
    asked = []
    for count in counts:
        asked.append(await living.house.propose(*found[:count], **wish))
        found = found[count:]
    return asked


async def is_bought(living: Living, *asked: Intent) -> None:
    for each in asked:
        assert (await living.house.now(each)).state is IntentState.COMPLETED


async def approved_crosswise(living: Living) -> list[Bundle]:
    """B is approved before A, and both are sent then."""
    a, b = await ask(living, 1, 1)
    for each in (b, a):
        approve(living.house, each, living.ada)
    await living.house.work()
    await is_bought(living, a, b)
    return []


async def sent_while_another_waits(living: Living) -> list[Bundle]:
    """B is bought while A waits, and A when B is done."""
    a, b = await ask(living, 1, 1)
    copied = []
    for each in (b, a):
        approve(living.house, each, living.ada)
        await living.house.work()
        copied.append(living.evidence_of(each))
    await is_bought(living, a, b)
    return copied


async def batches_with_one_declined(living: Living) -> list[Bundle]:
    """Two batches are bought, the one between them is declined."""
    first, second, third = await ask(living, 2, 2, 2)
    approve(living.house, third, living.ada)
    living.house.write(
        lambda tx: approval.decline(
            tx, second.intent_id, person=PERSON, channel="terminal", reason=None
        )
    )
    approve(living.house, first, living.ada)
    await living.house.work()
    await is_bought(living, first, third)
    return []


async def one_withdrawn(living: Living) -> list[Bundle]:
    """Consent to B is taken back before it is sent."""
    a, b, c = await ask(living, 1, 1, 1)
    for each in (a, b, c):
        approve(living.house, each, living.ada)
    withdraw(living, b)
    await living.house.work()
    await is_bought(living, a, c)
    return []


def withdraw(living: Living, intent: Intent) -> None:
    living.house.write(
        lambda tx: approval.withdraw(
            tx, intent.intent_id, person=PERSON, channel="terminal", reason=None
        )
    )


async def other_rules_meanwhile(living: Living) -> list[Bundle]:
    """The policy becomes tighter, then another one is signed, while purchases wait."""
    a, b, c = await ask(living, 1, 1, 1)
    approve(living.house, a, living.ada)
    living.house.apply(TIGHTER)
    await living.house.work()
    approve(living.house, b, living.ada)
    allow(living.house, ALLOWED, living.ada)
    await living.house.work()
    copied = [living.evidence_of(a), living.evidence_of(b)]
    living.house.apply(TIGHTER)
    approve(living.house, c, living.ada)
    await living.house.work()
    await is_bought(living, a, b, c)
    return copied


async def others_may_sign(living: Living) -> list[Bundle]:
    """Bob signs and is revoked once it is sent; carol is enrolled while a purchase waits, and signs."""
    a, b, c = await ask(living, 1, 1, 1)
    bob = enroll(living.house, Signer("bob"), living.ada)
    approve(living.house, b, bob)
    await living.house.work()
    copied = [living.evidence_of(b)]
    revoke(living.house, bob, living.ada)
    carol = enroll(living.house, Passkey("carol"), living.ada)
    approve(living.house, a, carol)
    await living.house.work()
    approve(living.house, c, living.ada)
    await living.house.work()
    await is_bought(living, a, b, c)
    return copied


async def revoked_while_it_was_sent(living: Living) -> list[Bundle]:
    """Who revokes bob reads the statement and types; meanwhile what bob signed for is bought."""
    bob = enroll(living.house, Signer("bob"), living.ada)
    a, b = await ask(living, 1, 1)
    approve(living.house, a, bob)
    statement = living.house.read(
        lambda tx: enrolment.revocation(tx, bob.key.key_id, nonce=consent.fresh_nonce())
    )
    await living.house.work()
    signed = [living.ada.sign(statement)]
    assert living.house.write(lambda tx: enrolment.change(tx, statement, signed)).is_in_force
    approve(living.house, b, living.ada)
    await living.house.work()
    await is_bought(living, a, b)
    return []


async def two_revoke_while_it_was_sent(living: Living) -> list[Bundle]:
    """A revocation waits for its second signature; until then what bob signs for is bought."""
    bob = enroll(living.house, Passkey("bob"), living.recovery)
    carol = enroll(living.house, Passkey("carol"), living.recovery)
    allow(living.house, TWO_PEOPLE, living.ada)
    a, b, c = await ask(living, 1, 1, 1)
    approve(living.house, a, bob)
    statement = living.house.read(
        lambda tx: enrolment.revocation(tx, bob.key.key_id, nonce=consent.fresh_nonce())
    )
    signed = living.ada.sign(statement)
    assert not living.house.write(lambda tx: enrolment.change(tx, statement, [signed])).is_in_force
    approve(living.house, a, living.ada)
    await living.house.work()
    await is_bought(living, a)
    copied = [living.evidence_of(a)]
    approve(living.house, b, bob)
    other = carol.sign(statement)
    assert living.house.write(lambda tx: enrolment.change(tx, statement, [other])).is_in_force
    for who in (living.ada, carol):
        approve(living.house, b, who)
        approve(living.house, c, who)
    await living.house.work()
    await is_bought(living, b, c)
    return copied


async def open_ones_of_others(living: Living) -> list[Bundle]:
    """Somebody else's purchases were asked for before, meanwhile and after, and still wait."""
    theirs = await living.house.find(4, principal=SOMEBODY_ELSE)
    first, second, third, mine = theirs
    for each in (first, second):
        await living.house.propose(each, principal=SOMEBODY_ELSE, reason="mine come first")
    [_, offer] = await living.house.find(2)
    assert offer.stock.number == mine.stock.number
    a = await living.house.propose(offer, reason="and mine?")
    b = await living.house.propose(third, principal=SOMEBODY_ELSE)
    approve(living.house, a, living.ada)
    await living.house.work()
    await living.propose(principal=SOMEBODY_ELSE, reason="and one more")
    await is_bought(living, a)
    assert (await living.house.now(b)).state is IntentState.AWAITING_APPROVAL
    return [living.evidence_of(a, with_texts=True)]


def number_of(living: Living) -> NumberRecord:
    [record] = living.house.read(inventory.paid_for)
    assert isinstance(record, NumberRecord)
    return record


async def released_later(living: Living) -> list[Bundle]:
    """The number is moved to another assistant, and given back; other purchases are made meanwhile."""
    a = await living.buy(assistant_id="front-desk")
    b = await living.propose()
    number = number_of(living).number
    moved = await assign(living.house.desk, a.terms.principal, AssignWish(number, "night-desk"))
    assert moved.intent is not None
    approve(living.house, moved.intent, living.ada)
    await living.house.work()
    copied = [living.evidence_of(moved.intent)]
    released = await living.house.give_back(number)
    approve(living.house, b, living.ada)
    approve(living.house, released, living.ada)
    await living.house.work()
    await living.house.pass_time(hours=1)
    await is_bought(living, a, b, moved.intent, released)
    return copied


async def charged_otherwise(living: Living) -> list[Bundle]:
    """The month ends, and an invoice says that the purchase and its renewal cost more."""
    a, b = await ask(living, 1, 1)
    approve(living.house, a, living.ada)
    await living.house.work()
    copied = [living.evidence_of(a)]
    approve(living.house, b, living.ada)
    await living.house.pass_time(minutes=1)
    record = next(
        each for each in living.house.read(inventory.paid_for) if each.line_id == a.lines[0].line_id
    )
    adjust(living, record, "2026-11")
    await living.house.pass_time(days=10)
    await living.buy()
    adjust(living, record, "2026-12")
    await living.buy()
    await is_bought(living, a, b)
    return copied


def adjust(living: Living, record: NumberRecord, month: str) -> None:
    """Write down that a month cost nineteen cents more, as ada signed."""
    more, why = Difference(setup=Money.parse("0.19 USD")), Words.fresh("VAT on invoice 4711")

    def make(tx: Any) -> Any:
        known = charges.number_of(tx, record.number_id)
        body = adjustment.body(tx, known.number_id, more, charges.of_month(tx, known, month))
        return ruling.make(tx, Purpose.ADJUST, known.number_id, body, why)

    statement = living.house.read(make)
    signature = living.ada.sign(statement)
    assert living.house.write(lambda tx: adjustment.adjust_signed(tx, statement, signature, why))


async def answers_that_fail(living: Living) -> list[Bundle]:
    """One is refused, one is sent twice since the first was not, one is charged without an answer."""
    asked = await ask(living, 1, 1, 1)
    for each, fault in zip(
        asked, (Fault.GONE, Fault.RATE_LIMITED, Fault.TIMEOUT_AFTER_CHARGE), strict=True
    ):
        living.house.carrier.add_fault(fault)
        approve(living.house, each, living.ada)
        await living.house.work()
    await living.house.wait_out()
    await is_bought(living, *asked[1:])
    return []


async def a_person_decides(living: Living) -> list[Bundle]:
    """One was charged above what was approved, and an approver says what became of it; then another is bought."""
    [a] = await ask(living, 1)
    approve(living.house, a, living.ada)
    line = await unclear.manual(living.house, a)
    copied = [living.evidence_of(a)]
    finding, why = unclear.charged("1.00 USD", "1.50 USD"), Words.fresh("invoice 4711")
    statement = living.house.read(
        lambda tx: ruling.make(
            tx,
            Purpose.RESOLVE,
            line.line_id,
            resolution.line_body(tx, line.line_id, finding),
            why,
        )
    )
    signature, patience = living.ada.sign(statement), timedelta(seconds=6)
    assert living.house.write(
        lambda tx: resolution.resolve_signed(tx, statement, signature, why, quarantine=patience)
    )
    living.unfreeze()
    b = await living.buy()
    await is_bought(living, a, b)
    return copied


async def erased_words(living: Living) -> list[Bundle]:
    """What was said is erased: before it is approved, while another waits, and after all."""
    a, b = await ask(living, 1, 1, reason="a canary in Lisbon")
    copied = [living.evidence_of(a, with_texts=True)]
    erase(living, b)
    approve(living.house, b, living.ada)
    approve(living.house, await living.house.now(a), living.ada)
    await living.house.work()
    await is_bought(living, a, b)
    copied = [living.evidence_of(a, with_texts=True)]
    erase(living, a)
    return copied


def erase(living: Living, intent: Intent) -> None:
    living.house.write(lambda tx: words.erase(tx, intent.intent_id, actor="ada"))


async def two_people(living: Living) -> list[Bundle]:
    """Two people sign for each, crosswise."""
    bob = enroll(living.house, Passkey("bob"), living.ada)
    allow(living.house, TWO_PEOPLE, living.ada)
    a, b = await ask(living, 1, 1)
    for intent, who in ((a, living.ada), (b, bob), (b, living.ada), (a, bob)):
        approve(living.house, intent, who)
    await living.house.work()
    await is_bought(living, a, b)
    return []


async def a_passkey_where_it_is_needed(living: Living) -> list[Bundle]:
    """Ada's passphrase is not enough, so that bob signs too."""
    bob = enroll(living.house, Passkey("bob"), living.ada)
    allow(living.house, PASSKEY, living.ada)
    a, b = await ask(living, 1, 1)
    approve(living.house, a, living.ada)
    approve(living.house, b, bob)
    approve(living.house, a, bob)
    await living.house.work()
    await is_bought(living, a, b)
    return []


async def frozen_meanwhile(living: Living) -> list[Bundle]:
    """All spending is frozen while approved purchases wait, and goes on."""
    a, b = await ask(living, 1, 1)
    for each in (b, a):
        approve(living.house, each, living.ada)
    living.house.write(lambda tx: freeze(tx, "somebody has to look", actor=PERSON))
    await living.house.work()
    living.unfreeze()
    await living.house.pass_time(seconds=10)
    await is_bought(living, a, b)
    return []


async def a_long_wait(living: Living) -> list[Bundle]:
    """Many things happen while it waits, so that checkpoints lie in between."""
    a, b = await ask(living, 1, 1)
    living.note_at_once(2 * EVERY)
    approve(living.house, b, living.ada)
    living.note_at_once(EVERY)
    await living.house.work()
    living.note_at_once(EVERY)
    approve(living.house, a, living.ada)
    await living.house.work()
    living.note_at_once(2 * EVERY)
    await is_bought(living, a, b)
    return []


async def stand_for_it(living: Living) -> None:
    """An approver unfreezes a database that was put back, and again when the carrier's list shows what it forgot."""
    living.unfreeze()
    await reconcile(living.house.desk, living.house.adapter)
    if living.house.frozen() is not None:
        living.unfreeze()


async def restored(living: Living) -> list[Bundle]:
    """An older database is put back after purchases; an approver stands for it, and other purchases follow."""
    waits = await living.propose()
    before = await living.buy()
    backup = living.backup()
    a, b = await ask(living, 1, 1)
    for each in (b, a):
        approve(living.house, each, living.ada)
    await living.house.work()
    copied = [living.evidence_of(each) for each in (before, a, b)]
    living.restore(backup)
    await stand_for_it(living)
    [aside] = living.file().parent.glob("*.until-*")
    assert aside.read_text().count("\n") > 1
    c, d = await ask(living, 1, 1)
    for each in (d, waits, c):
        approve(living.house, each, living.ada)
    await living.house.work()
    await is_bought(living, before, waits, c, d)
    return copied


async def restored_and_grown(living: Living) -> list[Bundle]:
    """Before anybody stands for the older database, more happens in it than had happened in the other."""
    before = await living.buy()
    waits = approve(living.house, await living.propose(), living.ada)
    backup = living.backup()
    a = await living.buy()
    copied = [living.evidence_of(each) for each in (before, waits, a)]
    living.restore(backup)
    withdraw(living, waits)
    living.note_at_once(2 * EVERY)
    copied += [living.evidence_of(each) for each in (before, waits)]
    await stand_for_it(living)
    assert len(living.written()) == 1, "those of both histories are put aside together"
    b, c = await ask(living, 1, 1)
    for each in (c, b):
        approve(living.house, each, living.ada)
    await living.house.work()
    await is_bought(living, before, b, c)
    return copied


async def restored_twice(living: Living) -> list[Bundle]:
    """The same copy is put back again."""
    await living.buy()
    backup = living.backup()
    copied = []
    for _ in range(2):
        copied.append(living.evidence_of(await living.buy()))
        living.restore(backup)
        await stand_for_it(living)
    copied.append(living.evidence_of(await living.buy()))
    assert len(list(living.file().parent.glob("*.until-*"))) == 2
    return copied


STORIES: Mapping[str, Story] = {
    story.__name__.replace("_", " "): story
    for story in (
        approved_crosswise,
        sent_while_another_waits,
        batches_with_one_declined,
        one_withdrawn,
        other_rules_meanwhile,
        others_may_sign,
        revoked_while_it_was_sent,
        two_revoke_while_it_was_sent,
        open_ones_of_others,
        released_later,
        charged_otherwise,
        answers_that_fail,
        a_person_decides,
        erased_words,
        two_people,
        a_passkey_where_it_is_needed,
        frozen_meanwhile,
        a_long_wait,
        restored,
        restored_and_grown,
        restored_twice,
    )
}
