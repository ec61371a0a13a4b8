"""Who may sign: a chain from the pinned root, in which nothing can be left out, exchanged, replayed or forged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from guard.signing import Signer, anchored, enroll, found, revoke
from house import House
from ringfence.approvers import KeyKind, Purpose
from ringfence.errors import ConfigurationError, NotAuthorized, NotFound
from ringfence.guard import authority, consent, enrolment
from ringfence.intents import Level
from ringfence.store import statements
from ringfence.store.transaction import Transaction


@pytest.fixture
def pins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pins")


@pytest.fixture
def house(house: House, pins: Path) -> House:
    return anchored(house, pins)


def who(house: House) -> authority.Authority:
    read: authority.Authority = house.read(authority.read)
    return read


def test_without_a_root_nobody_may_sign(house: House) -> None:
    assert who(house) == authority.Authority()
    with pytest.raises(ConfigurationError, match="no root"):
        house.read(lambda tx: enrolment.enrolment(tx, Signer("ada").key, nonce="n" * 43))


def test_the_root_is_pinned_outside_and_made_once(house: House, pins: Path) -> None:
    recovery = found(house)
    [pin] = pins.glob("*.root")
    assert len(pin.read_text().strip()) == 64
    assert who(house).recovery == recovery.key
    with pytest.raises(ConfigurationError, match="never another"):
        found(house)


def test_the_recovery_key_enrols_the_first_approver_who_enrols_the_next(house: House) -> None:
    ada = enroll(house, Signer("ada"), found(house))
    assert who(house).strongest is Level.PASSPHRASE
    bob = enroll(house, Signer("bob"), ada)
    assert who(house).people == {"ada", "bob"}
    revoke(house, ada, bob)
    assert who(house).people == {"bob"}


def test_somebody_who_is_not_enrolled_enrols_nobody(house: House) -> None:
    enroll(house, Signer("ada"), found(house))
    with pytest.raises(NotAuthorized, match="may sign"):
        enroll(house, Signer("eve"), Signer("eve"))
    assert who(house).people == {"ada"}


def test_a_revoked_key_enrols_nobody(house: House) -> None:
    recovery = found(house)
    ada = enroll(house, Signer("ada"), recovery)
    revoke(house, ada, recovery)
    with pytest.raises(NotAuthorized):
        enroll(house, Signer("eve"), ada)
    with pytest.raises(NotFound):
        revoke(house, ada, recovery)


def test_a_revoked_key_never_signs_again(house: House) -> None:
    """One that came back would bring along the consent that its revocation had voided."""
    recovery = found(house)
    ada = enroll(house, Signer("ada"), recovery)
    bob = enroll(house, Signer("bob"), ada)
    before = house.read(lambda tx: enrolment.revocation(tx, ada.key.key_id, nonce="n" * 43))
    revoke(house, ada, bob)
    with pytest.raises(NotAuthorized, match="never signs again"):
        enroll(house, ada, bob)
    forged = before.model_copy(
        update={
            "purpose": Purpose.ENROLL,
            "body": {**before.body, "before": who(house).head},
            "nonce": "m" * 43,
        }
    )
    with pytest.raises(NotAuthorized, match="was revoked"):
        house.write(lambda tx: enrolment.change(tx, forged, [bob.sign(forged)]))
    assert who(house).people == {"bob"}


def test_an_approver_enrols_no_root(house: House) -> None:
    ada = enroll(house, Signer("ada"), found(house))
    with pytest.raises(NotAuthorized, match="recovery key"):
        enroll(house, Signer("ada", KeyKind.RECOVERY), ada)


def test_a_statement_is_not_used_twice(house: House) -> None:
    """An enrolment that was overtaken by a revocation does not bring the key back."""
    recovery = found(house)
    ada = Signer("ada")
    statement = house.read(lambda tx: enrolment.enrolment(tx, ada.key, nonce=consent.fresh_nonce()))
    signed = [recovery.sign(statement)]
    house.write(lambda tx: enrolment.change(tx, statement, signed))
    revoke(house, ada, recovery)
    with pytest.raises(NotAuthorized, match="has changed since"):
        house.write(lambda tx: enrolment.change(tx, statement, signed))
    assert who(house).people == frozenset()


def test_a_statement_of_another_installation_does_not_count(house: House) -> None:
    recovery = found(house)
    ada = Signer("ada")

    def write(tx: Transaction) -> None:
        made = enrolment.enrolment(tx, ada.key, nonce=consent.fresh_nonce())
        foreign = made.model_copy(update={"installation_id": "ins_another"})
        statements.sign(tx, statements.add(tx, foreign), recovery.sign(foreign))

    house.write(write)
    with pytest.raises(NotAuthorized, match="another installation"):
        who(house)


@pytest.mark.parametrize("change", ["missing", "exchanged"])
def test_without_its_pin_nobodys_signature_counts(house: House, pins: Path, change: str) -> None:
    enroll(house, Signer("ada"), found(house))
    [pin] = pins.glob("*.root")
    pin.unlink() if change == "missing" else pin.write_text("0" * 64)
    with pytest.raises(NotAuthorized, match="pin"):
        who(house)


def edited(house: House, *changes: str) -> None:
    """Change statements behind the triggers' back, as somebody with the file can."""
    with closing(sqlite3.connect(house.folder / "ringfence.db")) as db, db:
        for table in ("statement", "signature"):
            for verb in ("update", "delete"):
                db.execute(f"DROP TRIGGER {table}_no_{verb}")
        db.execute("PRAGMA foreign_keys = OFF")
        for change in changes:
            db.execute(change)


FORGERIES: dict[str, tuple[str, ...]] = {
    "a statement left out": (
        "DELETE FROM signature WHERE statement_seq = 2",
        "DELETE FROM statement WHERE seq = 2",
    ),
    "its signatures taken away": ("DELETE FROM signature WHERE statement_seq = 2",),
    "another person put in": (
        "UPDATE statement SET bytes = replace(bytes, '\"ada\"', '\"eve\"') WHERE seq = 2",
    ),
    "two exchanged": (
        "UPDATE statement SET seq = 9 WHERE seq = 2",
        "UPDATE statement SET seq = 2 WHERE seq = 3",
        "UPDATE statement SET seq = 3 WHERE seq = 9",
    ),
    "filed under another purpose": ("UPDATE statement SET purpose = 'revoke' WHERE seq = 2",),
    "the root exchanged": (
        "UPDATE statement SET bytes = replace(bytes, 'root', 'toor') WHERE seq = 1",
    ),
    "not a statement": ("UPDATE statement SET bytes = '{}' WHERE seq = 2",),
}


@pytest.mark.parametrize("changes", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_changed_chain_lets_nobody_sign(house: House, changes: tuple[str, ...]) -> None:
    ada = enroll(house, Signer("ada"), found(house))
    enroll(house, Signer("bob"), ada)
    edited(house, *changes)
    with pytest.raises(NotAuthorized):
        who(house)


def test_a_forged_enrolment_adds_nobody(house: House) -> None:
    enroll(house, Signer("ada"), found(house))
    eve = Signer("eve")

    def write(tx: Transaction) -> None:
        made = enrolment.enrolment(tx, eve.key, nonce=consent.fresh_nonce())
        statements.sign(tx, statements.add(tx, made), eve.sign(made))

    house.write(write)
    assert who(house).people == {"ada"}


def pretend(kinds: list[tuple[str, KeyKind]]) -> Callable[[], Level | None]:
    """Keys as they would be if passkeys were as easily made as these; levels do not verify anything."""
    return lambda: authority.level_of([Signer(person, kind).key for person, kind in kinds])


P, K = KeyKind.PASSPHRASE, KeyKind.PASSKEY
TOGETHER: list[tuple[list[tuple[str, KeyKind]], Level | None]] = [
    ([], None),
    ([("ada", P)], Level.PASSPHRASE),
    ([("ada", K)], Level.PASSKEY),
    ([("ada", P), ("bob", P)], Level.PASSPHRASE),
    ([("ada", P), ("ada", K)], Level.PASSKEY),
    ([("ada", P), ("bob", K)], Level.TWO_PEOPLE),
    ([("ada", K), ("bob", K)], Level.TWO_PEOPLE),
]


@pytest.mark.parametrize(("keys", "level"), TOGETHER)
def test_what_keys_prove_together(keys: list[tuple[str, KeyKind]], level: Level | None) -> None:
    assert pretend(keys)() is level


def test_every_purpose_hashes_apart() -> None:
    from ringfence.approvers import challenge_of

    assert len({challenge_of(purpose, b"{}") for purpose in Purpose}) == len(Purpose)
