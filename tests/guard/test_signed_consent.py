"""Signed consent: it counts for exactly what was shown, once, in time, from those who may sign; else not at all."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from datetime import timedelta
from typing import Any

import pytest

from guard.authenticator import PRESENT, Passkey
from guard.signing import (
    Signer,
    anchored,
    approve,
    enroll,
    found,
    hand_in,
    revoke,
    statement_for,
)
from house import PERSON, House, policy_with
from ringfence.approvers import Purpose, Statement
from ringfence.errors import Declined, Expired, NotAuthorized, PolicyRefused
from ringfence.guard import approval
from ringfence.guard.approval import Evidence
from ringfence.guard.freeze import freeze
from ringfence.intents import Intent, Level
from ringfence.states import IntentState, LineState

PASSPHRASE = policy_with(levels="{buy: passphrase, release: passphrase, assign: passphrase}")
PASSKEY = policy_with(levels="{buy: passkey, release: passkey, assign: passkey}")
TWO_PEOPLE = policy_with(levels="{buy: two_people, release: passkey, assign: passkey}")
BY_AMOUNT = policy_with(
    levels="{buy: passphrase, release: passphrase, assign: passphrase,"
    ' buy_above: [{first_year: "20.00 USD", level: passkey}]}'
)


@pytest.fixture
def house(house: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    return anchored(house, tmp_path_factory.mktemp("pins"))


@pytest.fixture
def recovery(house: House) -> Signer:
    return found(house)


@pytest.fixture
def ada(house: House, recovery: Signer) -> Signer:
    """An approver; the policy asks for a passphrase."""
    enrolled = enroll(house, Signer("ada"), recovery)
    house.apply(PASSPHRASE)
    return enrolled


async def waiting(house: House, **wish: Any) -> Intent:
    return await house.propose(*await house.find(**wish))


async def test_what_an_approver_signed_is_bought(house: House, ada: Signer) -> None:
    intent = approve(house, await waiting(house), ada)
    assert (intent.state, intent.decided_by) == (IntentState.APPROVED, "ada")
    assert intent.decided_level is Level.PASSPHRASE
    await house.work()
    assert (await house.now(intent)).state is IntentState.COMPLETED


async def test_nothing_is_asked_for_that_nobody_could_sign(house: House) -> None:
    house.apply(PASSPHRASE)
    with pytest.raises(PolicyRefused, match="passphrase"):
        await waiting(house)


@pytest.mark.parametrize("level", [Level.CLIENT, Level.PAGE, Level.PASSPHRASE, Level.TWO_PEOPLE])
async def test_nobody_approves_without_a_key_whatever_they_say_it_proves(
    house: House, ada: Signer, level: Level
) -> None:
    intent = await waiting(house)
    with pytest.raises(PolicyRefused):
        house.write(
            lambda tx: approval.approve(
                tx, intent.intent_id, Evidence(level, "page", PERSON), digest=intent.digest
            )
        )
    assert (await house.now(intent)).state is IntentState.AWAITING_APPROVAL


# Who signs.


async def test_a_stranger_signs_nothing(house: House, ada: Signer) -> None:
    with pytest.raises(NotAuthorized, match="may sign"):
        approve(house, await waiting(house), Signer("ada"))


async def test_the_recovery_key_approves_nothing(
    house: House, ada: Signer, recovery: Signer
) -> None:
    with pytest.raises(NotAuthorized, match="may sign"):
        approve(house, await waiting(house), recovery)


async def test_a_key_that_is_revoked_between_consent_and_dispatch_voids_it(
    house: House, ada: Signer, recovery: Signer
) -> None:
    intent = approve(house, await waiting(house), ada)
    revoke(house, ada, recovery)
    await house.work()
    now = await house.now(intent)
    assert now.lines[0].state is LineState.VOIDED
    assert house.charged() == []


async def test_a_purchase_above_the_amount_needs_more(
    house: House, ada: Signer, recovery: Signer
) -> None:
    house.apply(PASSPHRASE)
    key = enroll(house, Passkey("bob"), ada)
    house.apply(BY_AMOUNT)
    cheap = approve(house, await waiting(house), ada)
    assert cheap.state is IntentState.APPROVED
    dear = await waiting(house, country="US", area_code="822")
    assert dear.terms.level is Level.PASSKEY
    assert approve(house, dear, ada).state is IntentState.AWAITING_APPROVAL
    assert approve(house, dear, key).state is IntentState.APPROVED


async def test_two_people_are_two_people(house: House, ada: Signer, recovery: Signer) -> None:
    bob = enroll(house, Passkey("bob"), ada)
    also_bob = enroll(house, Signer("bob"), bob)
    house.apply(TWO_PEOPLE)
    intent = await waiting(house)
    assert approve(house, intent, bob).state is IntentState.AWAITING_APPROVAL
    assert approve(house, intent, also_bob).state is IntentState.AWAITING_APPROVAL
    signed = approve(house, intent, ada)
    assert (signed.state, signed.decided_by) == (IntentState.APPROVED, "bob and ada")
    assert signed.decided_level is Level.TWO_PEOPLE
    await house.work()
    assert len(house.charged()) == 1


STEPS = policy_with(
    levels="{buy: passphrase, release: passphrase, assign: passphrase, buy_above: ["
    '{first_year: "20.00 USD", level: passkey}, {first_year: "30.00 USD", level: two_people}]}'
)


@pytest.mark.parametrize(
    ("count", "level"), [(1, Level.PASSKEY), (2, Level.TWO_PEOPLE)], ids=["one", "two"]
)
async def test_the_dearer_a_purchase_the_more_people_and_the_better_their_keys(
    house: House, ada: Signer, count: int, level: Level
) -> None:
    """What all its numbers cost together in the first year decides, and each step binds to the end."""
    bob = enroll(house, Passkey("bob"), ada)
    also_bob = enroll(house, Signer("bob"), bob)
    house.apply(STEPS)
    intent = await house.propose(*await house.find(count, country="US", area_code="822"))
    assert intent.terms.level is level
    assert approve(house, intent, ada).state is IntentState.AWAITING_APPROVAL
    assert approve(house, intent, also_bob).state is IntentState.AWAITING_APPROVAL
    assert approve(house, intent, bob).state is IntentState.APPROVED
    await house.work()
    assert len(house.charged()) == count


async def test_one_persons_two_keys_do_not_reach_the_step_of_two_people(
    house: House, ada: Signer
) -> None:
    bob = enroll(house, Passkey("bob"), ada)
    also_bob = enroll(house, Signer("bob"), bob)
    house.apply(STEPS)
    intent = await house.propose(*await house.find(2, country="US", area_code="822"))
    for key in (bob, also_bob):
        assert approve(house, intent, key).state is IntentState.AWAITING_APPROVAL
    await house.wait_out(3)
    assert house.charged() == []


# What they sign.


@pytest.fixture
async def intent(house: House, ada: Signer) -> Intent:
    return await waiting(house)


BENT: dict[str, dict[str, Any]] = {
    "another digest": {"body": {"digest": "0" * 64, "card": "0" * 64}},
    "another intent": {"subject": "int_01KAN5T1PR0000000000000001"},
    "another purpose": {"purpose": Purpose.UNFREEZE},
    "another installation": {"installation_id": "ins_another"},
    "another history": {"audit_head": "f" * 64},
    "a history to come": {"audit_seq": 10_000},
}


@pytest.mark.parametrize("bend", BENT.values(), ids=BENT.keys())
async def test_a_statement_about_anything_else_approves_nothing(
    house: House, ada: Signer, intent: Intent, bend: dict[str, Any]
) -> None:
    statement = statement_for(house, intent).model_copy(update=bend)
    with pytest.raises((NotAuthorized, PolicyRefused)):
        hand_in(house, intent, statement, ada.sign(statement))
    assert (await house.now(intent)).state is IntentState.AWAITING_APPROVAL


async def test_a_signature_over_other_bytes_approves_nothing(
    house: House, ada: Signer, intent: Intent
) -> None:
    statement = statement_for(house, intent)
    other = ada.sign(statement.model_copy(update={"nonce": "x" * 43}))
    with pytest.raises(NotAuthorized):
        hand_in(house, intent, statement, other)


async def test_a_statement_that_outlives_its_intent_approves_nothing(
    house: House, ada: Signer, intent: Intent
) -> None:
    longer = statement_for(house, intent).model_copy(
        update={"expires_at": intent.expires_at + timedelta(days=1)}
    )
    with pytest.raises(PolicyRefused):
        hand_in(house, intent, longer, ada.sign(longer))


async def test_an_expired_statement_approves_nothing(
    house: House, ada: Signer, intent: Intent
) -> None:
    statement = statement_for(house, intent)
    house.clock.advance(hours=2)
    with pytest.raises((Expired, NotAuthorized)):
        hand_in(house, intent, statement, ada.sign(statement))


async def test_a_signed_statement_is_used_once(house: House, ada: Signer) -> None:
    """The same approval fifty times: once it counts, and there is one charge."""
    intent = await waiting(house)
    statement = statement_for(house, intent)
    signature = ada.sign(statement)
    for _ in range(50):
        with suppress(NotAuthorized):
            hand_in(house, intent, statement, signature)
        await house.work()
    assert len(house.charged()) == 1


async def test_a_declined_intent_is_signed_no_more(
    house: House, ada: Signer, intent: Intent
) -> None:
    statement = statement_for(house, intent)
    house.write(
        lambda tx: approval.decline(
            tx, intent.intent_id, person=PERSON, channel="terminal", reason=None
        )
    )
    with pytest.raises(Declined):
        hand_in(house, intent, statement, ada.sign(statement))


async def test_a_freeze_after_the_consent_sends_nothing(
    house: House, ada: Signer, intent: Intent
) -> None:
    approve(house, intent, ada)
    house.write(lambda tx: freeze(tx, "to be sure", actor=PERSON))
    await house.wait_out(10)
    assert house.charged() == []


# What is in the database is no authority.


def edited(house: House, *changes: str) -> None:
    """Change rows behind the triggers' back, as somebody with the file can."""
    with closing(sqlite3.connect(house.folder / "ringfence.db")) as db, db:
        for table in ("statement", "signature", "approval"):
            for verb in ("update", "delete"):
                db.execute(f"DROP TRIGGER {table}_no_{verb}")
        for change in changes:
            db.execute(change)


LAST = "WHERE statement_seq = (SELECT max(seq) FROM statement)"
TAMPERED = {
    "the price": "UPDATE intent SET terms = replace(terms, '1.00 USD', '0.50 USD')",
    "the number": "UPDATE intent SET terms = replace(terms, '+1415555', '+1415556')",
    "the assistant": "UPDATE intent SET assistant_id = 'eve', role = 'main',"
    ' terms = replace(terms, \'"assistant_id":null\', \'"assistant_id":"eve"\')',
    "the account": "UPDATE intent SET terms = replace(terms, 'sandbox-', 'sandbax-')",
    "the digest": "UPDATE intent SET digest = replace(digest, 'a', 'b')",
    "the statement": "UPDATE statement SET bytes = replace(bytes, 'approve', 'approbe') WHERE purpose = 'approve'",
    "the signature": f"UPDATE signature SET bytes = replace(bytes, '7', '8') {LAST}",  # noqa: S608  # our own words
    "no signature any more": f"DELETE FROM signature {LAST}",  # noqa: S608  # as above
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED.keys())
async def test_whatever_is_changed_after_the_consent_nothing_is_sent(
    house: House, ada: Signer, intent: Intent, change: str
) -> None:
    approve(house, intent, ada)
    edited(house, change)
    await house.wait_out(10)
    assert house.charged() == []


async def test_an_approval_row_without_a_signature_sends_nothing(
    house: House, ada: Signer, intent: Intent
) -> None:
    edited(
        house,
        "INSERT INTO approval SELECT 'apr_x', intent_id, digest, 'two_people', 'page', 'ada', created_at FROM intent",
        "UPDATE intent SET state = 'approved', decided_by = 'ada', decided_level = 'two_people'",
        "UPDATE line SET due_at = '2026-01-01T00:00:00.000000Z'",
    )
    await house.wait_out(10)
    assert house.charged() == []


async def test_consent_to_one_intent_is_none_to_another(
    house: House, ada: Signer, intent: Intent
) -> None:
    await waiting(house, country="CA", area_code="416")
    approve(house, intent, ada)
    other = "(SELECT max(intent_id) FROM intent)"
    edited(
        house,
        f"UPDATE statement SET subject = {other} WHERE purpose = 'approve'",  # noqa: S608  # our own words
        f"UPDATE approval SET intent_id = {other}",  # noqa: S608  # as above
        f"UPDATE intent SET state = 'approved' WHERE intent_id = {other}",  # noqa: S608  # as above
        "UPDATE line SET due_at = '2026-01-01T00:00:00.000000Z'",
    )
    await house.wait_out(10)
    assert house.charged() == []


# Passkeys.


@pytest.fixture
async def wanted(house: House, recovery: Signer) -> tuple[Intent, Passkey]:
    """An intent that needs a passkey, and one."""
    key = enroll(house, Passkey("ada"), recovery)
    house.apply(PASSKEY)
    return await waiting(house), key


async def test_a_passkey_approves(house: House, wanted: tuple[Intent, Passkey]) -> None:
    intent, key = wanted
    assert approve(house, intent, key).decided_level is Level.PASSKEY
    await house.work()
    assert len(house.charged()) == 1


@pytest.mark.parametrize(
    "bend",
    [
        {"flags": PRESENT},
        {"flags": 0},
        {"origin": "http://localhost:7416"},
        {"origin": "http://127.0.0.1:7415"},
        {"origin": "https://evil.example"},
        {"rp_id": "evil.example"},
    ],
    ids=[
        "not verified",
        "nobody there",
        "another port",
        "an address",
        "another site",
        "another party",
    ],
)
async def test_a_passkeys_answer_that_is_not_for_us_counts_for_nothing(
    house: House, wanted: tuple[Intent, Passkey], bend: dict[str, Any]
) -> None:
    intent, key = wanted
    for name, value in bend.items():
        setattr(key, name, value)
    with pytest.raises(NotAuthorized):
        approve(house, intent, key)


async def test_a_copied_authenticator_is_noticed_by_its_counter(
    house: House, wanted: tuple[Intent, Passkey]
) -> None:
    intent, key = wanted
    copy = Passkey("ada", private=key.private)
    approve(house, intent, key)
    other = await waiting(house, country="CA", area_code="416")
    with pytest.raises(NotAuthorized):
        approve(house, other, copy)


async def test_an_assertion_for_another_purpose_counts_for_nothing(
    house: House, wanted: tuple[Intent, Passkey]
) -> None:
    intent, key = wanted
    statement = statement_for(house, intent)
    viewing: Statement = statement.model_copy(update={"purpose": Purpose.VIEW})
    with pytest.raises(NotAuthorized):
        hand_in(house, intent, statement, key.sign(viewing))
