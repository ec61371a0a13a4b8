"""Rows of a live installation that contradict its history: nothing is asked for, nothing is sent, and it freezes."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from guard.rehearsal import at, drop_triggers, put, rehearse
from guard.signing import approve
from house import PERSON, policy_with
from postgres import postgres_server, postgres_url
from ringfence.clock import ManualClock, SystemClock
from ringfence.errors import ConfigurationError, NotAuthorized, RingfenceError
from ringfence.guard import books, consent, policy_change, soundness, windows
from ringfence.guard.freeze import freeze, lifting, unfreeze_signed
from ringfence.ids import RandomIds
from ringfence.intents import Intent
from ringfence.policy import PolicyDocument
from ringfence.states import IntentState
from ringfence.store import audit, balances, policies
from ringfence.store.anchor import FolderAnchor
from ringfence.store.balances import ROLLING, Balance, Move
from ringfence.store.installation import open_store
from ringfence.store.transaction import Store, Transaction

__all__ = ["postgres_server", "postgres_url"]

SIGNED = "{buy: passphrase, release: passphrase, assign: passphrase}"


def limits(cash: str) -> PolicyDocument:
    return policy_with(
        levels=SIGNED,
        budgets=[
            f'{{name: cash, kind: cash, window: month, zone: UTC, limit: "{cash} USD"}}',
            "{name: attempts, kind: attempts, limit: 20}",
        ],
    )


AMPLE, TIGHT = limits("40.00"), limits("9.00")


class Scene:
    """A live installation with one number bought, and one purchase that is approved and not sent."""

    def __init__(self, folder: Path) -> None:
        rehearsal = rehearse(folder, AMPLE)
        self.folder, self.house, self.ada = folder, rehearsal.house, rehearsal.ada

    def change(self, *statements: str) -> None:
        """Write into the database, as somebody with the file can."""
        self.edit(lambda db: [db.execute(statement) for statement in statements])

    def edit(self, change: Callable[[sqlite3.Connection], Any]) -> None:
        with closing(sqlite3.connect(self.house.folder / "ringfence.db")) as db, db:
            drop_triggers(db)
            db.execute("PRAGMA ignore_check_constraints = ON")
            change(db)

    def new_process(self) -> None:
        """Another program opens the installation; what one remembers cannot help it."""
        clock = ManualClock(self.house.clock.now())
        self.house.close()
        self.house = at(self.folder, clock=clock, ids=RandomIds(), owner="again")

    def note(self) -> None:
        """Write the note outside the database too: where several hosts write, none knows of every event."""
        who, head = self.house.read(lambda tx: (tx.installation_id, audit.head(tx)))
        mark = self.folder / "pins" / f"{who}.high-water"
        mark.write_text(json.dumps([head, head]))

    async def sends_nothing(self) -> str:
        """Let time pass, in which nothing is charged; why it is frozen then."""
        before = self.house.charged()
        await self.house.wait_out(20)
        assert self.house.charged() == before
        return str(self.house.frozen())

    def unfreeze(self) -> None:
        statement = self.house.read(lambda tx: lifting(tx, nonce=consent.fresh_nonce()))
        self.house.write(lambda tx: unfreeze_signed(tx, statement, self.ada.sign(statement)))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[tuple[Scene, Intent]]:
    scene = Scene(tmp_path)
    house = scene.house
    first, second = await house.find(2)
    approve(house, await house.propose(first), scene.ada)
    await house.work()
    assert len(house.charged()) == 1
    house.write(lambda tx: policy_change.apply(tx, TIGHT, applied_by=PERSON))
    waiting = approve(house, await house.propose(second), scene.ada)
    yield scene, waiting
    scene.house.close()


def forged(db: sqlite3.Connection, type_: str, subject: str, body: dict[str, Any]) -> None:
    """Append an event as the program would have written it."""
    seq, head, at_ = db.execute("SELECT seq, hash, at FROM audit_head").fetchone()
    event = {
        "seq": seq + 1,
        "prev": head,
        "id": f"aud_forged{seq}",
        "at": at_,
        "type": type_,
        "actor": "ringfence",
        "subject": subject,
        "body": body,
    }
    encoded = rfc8785.dumps(event)
    new = hashlib.sha256(b"\x00" + bytes.fromhex(head) + encoded).hexdigest()
    db.execute(
        "INSERT INTO audit_event (seq, event_id, hash, bytes) VALUES (?, ?, ?, ?)",
        (seq + 1, event["id"], new, encoded.decode()),
    )
    db.execute("UPDATE audit_head SET seq = ?, hash = ?", (seq + 1, new))


def lift(db: sqlite3.Connection) -> None:
    """Lift the freeze as the program would, but for the signature."""
    forged(db, "guard.unfrozen", "ins_x", {"reason": "to be sure"})
    db.execute("UPDATE audit_head SET frozen = NULL")


def forged_balance(db: sqlite3.Connection) -> None:
    rows = db.execute("SELECT window, used FROM balance WHERE budget = 'cash'").fetchall()
    db.execute("UPDATE balance SET used = 0 WHERE budget = 'cash'")
    forged(db, "balances.moved", "ins_x", {"by": {"cash": {w: f"0 -{used}" for w, used in rows}}})


def undone_tightening(db: sqlite3.Connection) -> None:
    """The version in force says again what the one before it said, under the hash of that."""
    [(version,)] = db.execute("SELECT policy_version FROM audit_head").fetchall()
    db.execute(
        "UPDATE policy SET document = ?, hash = ? WHERE version = ?",
        (AMPLE.model_dump_json(), policies.document_hash(AMPLE), version),
    )


def older_version(db: sqlite3.Connection) -> None:
    db.execute("UPDATE audit_head SET policy_version = policy_version - 1")


def sql(*statements: str) -> Callable[[sqlite3.Connection], Any]:
    return lambda db: [db.execute(statement) for statement in statements]


TAMPERED: dict[str, tuple[Callable[[sqlite3.Connection], Any], str]] = {
    "what was spent is spent no longer": (
        sql("UPDATE balance SET used = 0 WHERE budget = 'cash'"),
        "balance of cash",
    ),
    "what is held is held no longer": (
        sql("UPDATE balance SET held = 0 WHERE budget = 'cash'"),
        "balance of cash",
    ),
    "there is no balance": (sql("DELETE FROM balance WHERE budget = 'cash'"), "balance of cash"),
    "nothing was tried": (
        sql("UPDATE balance SET used = 0 WHERE budget = 'attempts'"),
        "balance of attempts",
    ),
    "attempts are forgotten": (
        sql("DELETE FROM balance WHERE budget = 'attempts' AND window != 'rolling'"),
        "balance of attempts",
    ),
    "renewals were counted for years to come": (
        sql("INSERT INTO balance VALUES ('@renewals', '2031-01', 0, 0)"),
        "renewals",
    ),
    "time has passed that has not": (
        sql("UPDATE audit_head SET at = '2026-11-22T12:30:00.000000Z'"),
        "which the clock has not reached",
    ),
    "a tightening is undone": (undone_tightening, "policy"),
    "the version before is in force": (older_version, "policy"),
    "the carrier's list was read a moment ago": (
        sql("UPDATE carrier_list SET read_at = '2026-11-22T12:00:03.000000Z'"),
        "list of sandbox",
    ),
    "the last event is gone": (
        sql("DELETE FROM audit_event WHERE seq = (SELECT seq FROM audit_head)"),
        "history",
    ),
    "an event in the past says something else": (
        sql("UPDATE audit_event SET bytes = replace(bytes, 'ringfence', 'somebody') WHERE seq = 3"),
        "event 3",
    ),
    "what was spent is spent no longer, and an event says so": (forged_balance, "are not noted"),
}


@pytest.mark.parametrize(("change", "why"), TAMPERED.values(), ids=TAMPERED.keys())
async def test_rows_that_contradict_the_history_freeze_before_anything_is_sent(
    scene: tuple[Scene, Intent], change: Callable[[sqlite3.Connection], Any], why: str
) -> None:
    here, waiting = scene
    here.edit(change)
    here.new_process()
    assert why in await here.sends_nothing()
    assert (await here.house.now(waiting)).state is IntentState.APPROVED


@pytest.mark.parametrize(("change", "why"), TAMPERED.values(), ids=TAMPERED.keys())
async def test_rows_that_contradict_the_history_freeze_before_anybody_is_asked(
    scene: tuple[Scene, Intent], change: Callable[[sqlite3.Connection], Any], why: str
) -> None:
    here, _ = scene
    here.edit(change)
    here.new_process()
    [offer] = await here.house.find(country="GB")
    with pytest.raises(RingfenceError) as refused:
        await here.house.propose(offer)
    assert "frozen" in json.dumps(refused.value.as_document())
    assert why in str(here.house.frozen())


async def test_a_process_that_is_running_notices_too(scene: tuple[Scene, Intent]) -> None:
    here, _ = scene
    here.change("UPDATE balance SET used = 0 WHERE budget = 'cash'")
    assert "balance of cash" in await here.sends_nothing()


async def test_a_freeze_that_is_taken_out_of_the_database_is_there_again(
    scene: tuple[Scene, Intent],
) -> None:
    here, _ = scene
    here.house.write(lambda tx: freeze(tx, "to be sure", actor=PERSON))
    here.change("UPDATE audit_head SET frozen = NULL")
    assert "freeze" in await here.sends_nothing()


async def test_a_freeze_that_nobody_signed_for_lifting_is_there_again(
    scene: tuple[Scene, Intent],
) -> None:
    here, _ = scene
    here.house.write(lambda tx: freeze(tx, "to be sure", actor=PERSON))

    here.edit(lift)
    here.note()
    assert "no approver signed" in await here.sends_nothing()


async def test_an_old_signature_lifts_no_later_freeze(scene: tuple[Scene, Intent]) -> None:
    """The statement is genuine, and of the freeze before."""
    here, _ = scene
    here.house.write(lambda tx: freeze(tx, "to be sure", actor=PERSON))
    here.unfreeze()
    here.house.write(lambda tx: freeze(tx, "to be sure", actor=PERSON))

    here.edit(lift)
    here.note()
    await here.house.wait_out(20)
    assert "no approver signed" in str(here.house.frozen())


async def test_an_approver_who_unfreezes_brings_the_balances_back(
    scene: tuple[Scene, Intent],
) -> None:
    """What stands in the ledger is what was spent; the purchase that waited goes on within the limit."""
    here, waiting = scene
    right = here.house.read(lambda tx: soundness.present(tx))
    here.change(
        "UPDATE balance SET used = 0",
        "INSERT INTO balance VALUES ('@renewals', '2031-01', 0, 0)",
    )
    await here.house.wait_out(20)
    here.unfreeze()
    assert here.house.read(lambda tx: soundness.present(tx)) == right
    assert here.house.read(books.verify) == []
    await here.house.wait_out(20)
    assert (await here.house.now(waiting)).state is IntentState.COMPLETED
    assert here.house.frozen() is None


async def test_a_history_that_does_not_hold_cannot_be_unfrozen(
    scene: tuple[Scene, Intent],
) -> None:
    here, _ = scene
    here.change("UPDATE audit_event SET bytes = replace(bytes, 'USD', 'EUR') WHERE seq > 3")
    here.new_process()
    await here.house.wait_out(20)
    with pytest.raises(NotAuthorized, match="history does not hold"):
        here.unfreeze()


async def test_an_offset_of_the_clock_is_nothing_to_a_live_installation(
    scene: tuple[Scene, Intent],
) -> None:
    here, _ = scene
    before = here.house.read(lambda tx: tx.now)
    here.change("UPDATE installation SET clock_offset_seconds = 3000000")
    assert here.house.read(lambda tx: tx.now) == before


async def test_a_mode_that_is_flipped_stops_everything(scene: tuple[Scene, Intent]) -> None:
    here, _ = scene
    here.change("UPDATE installation SET mode = 'sandbox'")
    with pytest.raises(ConfigurationError, match="opened as a live one"):
        await here.house.find()


@pytest.mark.parametrize("is_committed", [True, False])
async def test_a_process_that_dies_between_note_and_commit_stops_nobody(
    scene: tuple[Scene, Intent], is_committed: bool
) -> None:
    """It notes where the chain ends before and after, so either is where the next one goes on."""
    here, waiting = scene
    store = here.house.store
    mark = here.folder / "pins" / f"{store.read_now(lambda tx: tx.installation_id)}.high-water"
    (_, after) = json.loads(mark.read_text())
    mark.write_text(json.dumps([[1, "00"], after] if is_committed else [after, [999, "00"]]))
    await here.house.wait_out(20)
    assert here.house.frozen() is None
    assert (await here.house.now(waiting)).state is IntentState.COMPLETED


async def test_an_event_that_nobody_noted_freezes_whatever_else_happens_first(
    scene: tuple[Scene, Intent],
) -> None:
    """Free changes go on with the chain; they do not take what somebody put into it under their note."""
    here, _ = scene
    here.edit(lambda db: forged(db, "somebody.was_here", "ins_x", {}))
    here.house.write(lambda tx: tx.audit("free.change", actor=PERSON, subject="anything"))
    assert "are not noted" in await here.sends_nothing()
    before = here.house.charged()
    here.unfreeze()
    await here.house.wait_out(20)
    assert len(here.house.charged()) == len(before) + 1


async def test_what_a_house_does_contradicts_nothing(tmp_path: Path) -> None:
    """Windows that begin, renewals, policies, attempts that age, a number given back: rows and events agree."""
    here = Scene(tmp_path)
    house = here.house
    for days in (0, 0, 3, 28, 31, 62):
        house.clock.advance(days=days)
        [offer] = await house.find()
        approve(house, await house.propose(offer), here.ada)
        await house.work()
        assert house.frozen() is None
    assert put(house, limits("60.00"), here.ada) is not None
    approve(house, await house.give_back(house.charged()[0]), here.ada)
    await house.work()
    assert house.read(soundness.fault) is None
    assert len(house.charged()) == 6
    house.close()


def test_hosts_that_write_at_once_find_no_fault_in_one_another(
    tmp_path: Path, postgres_url: str
) -> None:
    """Rows and events are read one after the other; what ends in between is looked at again, and not mistaken."""
    hosts = ["one", "two"]

    def opened(host: str) -> Store:
        return open_store(
            postgres_url,
            mode="live",
            clock=SystemClock(),
            ids=RandomIds(),
            first_policy=lambda: AMPLE,
            anchor=FolderAnchor(tmp_path / host),
        )

    def spend(store: Store) -> str | None:
        def body(tx: Transaction) -> str | None:
            why = soundness.fault(tx)
            windows.keep_up(tx)
            tx.move(Move("attempts", ROLLING, held=1))
            tx.move(Move("cash", tx.now.strftime("%Y-%m"), used=5))
            tx.audit("something.bought", actor=PERSON, subject="anything")
            return why

        why: str | None = store.write_now(body)
        return why

    first = opened(hosts[0])
    shutil.copytree(tmp_path / hosts[0], tmp_path / hosts[1])
    stores = [first, opened(hosts[1])]
    with ThreadPoolExecutor(4) as threads:
        faults = list(threads.map(spend, stores * 20))
    assert set(faults) == {None}
    assert first.read_now(lambda tx: balances.get(tx.connection, "attempts", ROLLING)) == Balance(
        40
    )
    for store in stores:
        store.close()
