"""A live installation: nothing is bought, loosened or thawed without a signature that verifies today."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from guard.authenticator import Passkey
from guard.rehearsal import ALLOWED, live_house, put, put_in_force, rules
from guard.signing import Signer, approve, enroll, found, revoke
from house import ME, PERSON, House, policy_with
from ringfence.desk.consenting import approve_at_terminal, approve_by_client, ways_to_consent
from ringfence.errors import ConfigurationError, NotAuthorized, PolicyRefused, RingfenceError
from ringfence.guard import consent, high_water, policy_chain, policy_change
from ringfence.guard.freeze import freeze, lifting, unfreeze, unfreeze_signed
from ringfence.intents import Intent, Level
from ringfence.states import IntentState
from ringfence.store.transaction import Transaction

LOOSER = policy_with(
    levels="{buy: passphrase, release: passphrase, assign: passphrase}",
    budgets=['{name: cash, kind: cash, window: month, zone: UTC, limit: "900.00 USD"}'],
)
TIGHTER = policy_with(
    levels="{buy: passphrase, release: passphrase, assign: passphrase}",
    budgets=['{name: cash, kind: cash, window: month, zone: UTC, limit: "9.00 USD"}'],
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A new live installation; its pins are elsewhere."""
    house = live_house(tmp_path)
    yield house
    house.close()


@pytest.fixture
def ada(house: House) -> Signer:
    """The first approver, who has allowed something."""
    enrolled = enroll(house, Signer("ada"), found(house))
    assert put(house, ALLOWED, enrolled) is not None
    return enrolled


async def wanted(house: House) -> Intent:
    return await house.propose(*await house.find())


async def test_a_new_live_installation_buys_nothing(house: House) -> None:
    [offer] = await house.find()
    with pytest.raises(RingfenceError) as refused:
        await house.propose(offer)
    rules = {each["rule"] for each in refused.value.details["violations"]}
    assert {"policy_sound", "consent_possible", "budget"} <= rules


async def test_what_an_approver_allowed_and_signed_is_bought(house: House, ada: Signer) -> None:
    intent = approve(house, await wanted(house), ada)
    await house.work()
    assert (await house.now(intent)).state is IntentState.COMPLETED
    house.books_balance()


async def test_neither_client_nor_page_nor_terminal_approves(house: House, ada: Signer) -> None:
    intent = await wanted(house)
    digits = intent.lines[0].terms.number[-4:]
    with pytest.raises(PolicyRefused, match="proves no person"):
        await approve_by_client(house.desk, ME, intent.intent_id, last_four=digits)
    with pytest.raises(PolicyRefused, match="proves no person"):
        await approve_at_terminal(house.desk, intent.intent_id, digest=intent.digest, person=PERSON)
    assert (await house.now(intent)).state is IntentState.AWAITING_APPROVAL


# The policy.


def test_what_loosens_is_signed_and_what_tightens_is_not(house: House, ada: Signer) -> None:
    with pytest.raises(NotAuthorized, match="approvers sign"):
        house.apply(LOOSER)
    house.apply(TIGHTER)
    assert house.read(lambda tx: tx.rules) == TIGHTER
    with pytest.raises(NotAuthorized):
        house.apply(ALLOWED)
    assert put(house, LOOSER, ada) is not None
    house.read(policy_chain.check)


def test_a_stranger_puts_no_policy_in_force(house: House, ada: Signer) -> None:
    with pytest.raises(NotAuthorized):
        put(house, LOOSER, Signer("ada"))
    assert house.read(lambda tx: tx.rules) == ALLOWED


def test_an_old_policy_cannot_be_put_back_by_its_old_signature(house: House, ada: Signer) -> None:
    old = house.read(lambda tx: policy_change.proposal(tx, LOOSER, nonce=consent.fresh_nonce()))
    signed = ada.sign(old)
    house.apply(TIGHTER)
    with pytest.raises(NotAuthorized, match="in force by now"):
        house.write(lambda tx: policy_change.apply_signed(tx, old, signed, applied_by="ada"))


def test_a_policy_is_signed_at_the_strongest_level_in_force(house: House, ada: Signer) -> None:
    bob = enroll(house, Passkey("bob"), ada)
    strict = policy_with(levels="{buy: two_people, release: passphrase, assign: passphrase}")
    assert put(house, strict, ada) is not None
    assert put(house, LOOSER, ada) is None
    assert house.read(lambda tx: tx.rules) == strict
    assert put(house, LOOSER, ada, bob) is not None


def edited(house: House, *changes: str) -> None:
    """Change rows behind the triggers' back, as somebody with the file can."""
    with closing(sqlite3.connect(house.folder / "ringfence.db")) as db, db:
        for verb in ("update", "delete"):
            db.execute(f"DROP TRIGGER policy_no_{verb}")
        db.execute("DROP TRIGGER policy_no_replace")
        for change in changes:
            db.execute(change)


EDITS = {
    "a limit": "UPDATE policy SET document = replace(document, '25.00 USD', '99.00 USD')",
    "a level": "UPDATE policy SET document = replace(document, 'passphrase', 'page')",
    "a newer one": "INSERT INTO policy SELECT version + 1, replace(document, '25.00 USD', '99.00 USD'),"
    " hash, applied_at, applied_by FROM policy ORDER BY version DESC LIMIT 1",
}


@pytest.mark.parametrize("change", EDITS.values(), ids=EDITS.keys())
async def test_a_policy_that_was_changed_in_the_database_buys_nothing(
    house: House, ada: Signer, change: str
) -> None:
    intent = approve(house, await wanted(house), ada)
    edited(house, change)
    if "INSERT" in change:
        with closing(sqlite3.connect(house.folder / "ringfence.db")) as db, db:
            db.execute("UPDATE audit_head SET policy_version = policy_version + 1")
    anew = house_again(house)
    await anew.wait_out(10)
    assert anew.charged() == []
    assert (await anew.now(intent)).state is not IntentState.COMPLETED
    anew.close()


def house_again(house: House) -> House:
    """Another process, which has read nothing yet."""
    return House(
        house.folder,
        clock=house.clock,
        ids=house.ids,
        owner="again",
        mode="live",
        anchor=house.store.anchor,
    )


async def test_an_installation_whose_mode_was_flipped_takes_no_consent(
    house: House, ada: Signer
) -> None:
    intent = await wanted(house)
    with closing(sqlite3.connect(house.folder / "ringfence.db")) as db, db:
        db.execute("UPDATE installation SET mode = 'sandbox'")
    with pytest.raises(ConfigurationError, match="opened as a live one"):
        await approve_at_terminal(house.desk, intent.intent_id, digest=intent.digest, person=PERSON)
    with pytest.raises(ConfigurationError, match="opened as a live one"):
        await house.wait_out(5)
    assert house.charged() == []


# The freeze.


def test_only_an_approver_lifts_a_freeze(house: House, ada: Signer) -> None:
    house.write(lambda tx: freeze(tx, "to be sure", actor=PERSON))
    with pytest.raises(NotAuthorized):
        house.write(lambda tx: unfreeze(tx, actor=PERSON))
    statement = house.read(lambda tx: lifting(tx, nonce=consent.fresh_nonce()))
    with pytest.raises(NotAuthorized):
        house.write(lambda tx: unfreeze_signed(tx, statement, Signer("ada").sign(statement)))
    assert house.frozen() == "to be sure"
    house.write(lambda tx: unfreeze_signed(tx, statement, ada.sign(statement)))
    assert house.frozen() is None


def test_a_signature_lifts_one_freeze(house: House, ada: Signer) -> None:
    def lift(tx: Transaction) -> None:
        unfreeze_signed(tx, statement, signed)

    house.write(lambda tx: freeze(tx, "first", actor=PERSON))
    statement = house.read(lambda tx: lifting(tx, nonce=consent.fresh_nonce()))
    signed = ada.sign(statement)
    house.write(lift)
    house.write(lambda tx: freeze(tx, "first", actor=PERSON))
    with pytest.raises(NotAuthorized, match="used before"):
        house.write(lift)


async def test_when_every_approver_is_revoked_nothing_is_asked_for(house: House) -> None:
    recovery = found(house)
    ada = enroll(house, Signer("ada"), recovery)
    put(house, ALLOWED, ada)
    revoke(house, ada, recovery)
    [offer] = await house.find()
    with pytest.raises(PolicyRefused):
        await house.propose(offer)


# An older copy.


def older_copy(house: House, change: Callable[[], object]) -> None:
    """Put the database back as it was before a change."""
    database = house.folder / "ringfence.db"
    house.store.close()
    with closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = database.with_name("copy")
    shutil.copy2(database, copy)
    change()
    house.store.close()
    for beside in house.folder.glob("ringfence.db-*"):
        beside.unlink()
    shutil.copy2(copy, database)


async def test_a_restored_copy_freezes_until_an_approver_has_looked(
    house: House, ada: Signer
) -> None:
    """Else its budgets would begin anew: it knows nothing of what was bought since."""
    intent = approve(house, await wanted(house), ada)
    await house.work()
    assert (await house.now(intent)).state is IntentState.COMPLETED
    assert high_water.watch_over(house.store) is None
    older_copy(house, lambda: house.write(lambda tx: freeze(tx, "later", actor=PERSON)))
    assert house.frozen() is None
    assert "older copy" in str(high_water.watch_over(house.store))
    assert "older copy" in str(house.frozen())
    statement = house.read(lambda tx: lifting(tx, nonce=consent.fresh_nonce()))
    house.write(lambda tx: unfreeze_signed(tx, statement, ada.sign(statement)))
    assert high_water.watch_over(house.store) is None
    assert house.frozen() is None


def test_a_missing_mark_freezes(house: House, ada: Signer, tmp_path: Path) -> None:
    [mark] = (tmp_path / "pins").glob("*.high-water")
    mark.unlink()
    assert "missing" in str(high_water.watch_over(house.store))


def test_another_history_freezes(house: House, ada: Signer, tmp_path: Path) -> None:
    [mark] = (tmp_path / "pins").glob("*.high-water")
    mark.write_text(f'[[3, "{"0" * 64}"], [4, "{"0" * 64}"]]')
    assert "another history" in str(high_water.watch_over(house.store))


# Ways to consent, as stored.


async def test_what_is_left_to_sign_is_told_from_what_is_stored(house: House, ada: Signer) -> None:
    bob = enroll(house, Passkey("bob"), ada)
    put_in_force(house, rules(Level.TWO_PEOPLE), ada)
    intent = await wanted(house)
    before = await ways_to_consent(house.desk, intent.intent_id, origin=None)
    assert (before.level, before.people, before.signed) == (Level.TWO_PEOPLE, ("ada", "bob"), ())
    approve(house, intent, ada)
    after = await ways_to_consent(house.desk, intent.intent_id, origin=bob.key.origin)
    assert (after.in_terminal, after.on_page, after.signed) == ((), ("bob",), ("ada",))


async def test_without_its_pin_nobody_can_consent_and_that_is_told(
    house: House, ada: Signer, tmp_path: Path
) -> None:
    intent = await wanted(house)
    [pin] = (tmp_path / "pins").glob("*.root")
    pin.unlink()
    found = await ways_to_consent(house.desk, intent.intent_id, origin=None)
    assert found.lack is not None
    assert found.people == ()
