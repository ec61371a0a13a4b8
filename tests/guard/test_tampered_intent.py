"""An approved intent that somebody changes in the database: whatever they change, it is not bought, and others are.

The fields are read from the stored rows and documents, so a new column or term must find its place here.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

from guard.field import field
from guard.rehearsal import at, copy_of, database, edit, rehearse
from guard.signing import Signer, approve, enroll, hand_in, revoke, statement_for
from house import House, policy_with
from ringfence.approvers import Purpose, Signature, Statement
from ringfence.clock import ManualClock
from ringfence.errors import NotAuthorized, RingfenceError
from ringfence.guard import approval, consent
from ringfence.guard.freeze import freeze, lifting, unfreeze_signed
from ringfence.ids import RandomIds
from ringfence.intents import Intent
from ringfence.states import IntentState, LineState
from ringfence.store import attempts, policies, schema, statements

ROUNDS = 3
"""Rounds of the runner, some seconds apart: enough for everything that is due, and to try again."""


@dataclass(frozen=True)
class Scene:
    """A live installation on disk, in which three purchases were approved, and nothing was sent yet."""

    folder: Path
    aim: Intent
    """What is tampered with: two numbers for one assistant."""
    donor: Intent
    """Another purchase of two numbers, to exchange rows with."""
    bystander: Intent
    """A third one, which must be bought whatever happens to the others."""
    clock: ManualClock
    ada: Signer
    recovery: Signer


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Made once; every test works on a copy."""
    return anyio.run(_staged, tmp_path_factory.mktemp("scene"))


async def _staged(folder: Path) -> Scene:
    rehearsal = rehearse(folder / "first")
    house, ada = rehearsal.house, rehearsal.ada
    numbers, others = await house.find(2), await house.find(3, country="CA", area_code="416")
    wishes = [
        await house.propose(*numbers, assistant_id="reception", reason="The lobby."),
        await house.propose(*others[:2]),
        await house.propose(others[2]),
    ]
    aim, donor, bystander = [approve(house, each, ada) for each in wishes]
    house.close()
    return Scene(folder / "first", aim, donor, bystander, house.clock, ada, rehearsal.recovery)


@dataclass(frozen=True)
class Handed:
    """An approval that is ready to be handed in."""

    intent: Intent
    statement: Statement
    signature: Signature


@dataclass(frozen=True)
class After:
    """What came of it."""

    charged: list[str]
    house: House

    def state_of(self, intent: Intent) -> IntentState:
        found: Intent = self.house.read(lambda tx: approval.existing(tx, intent.intent_id))
        return found.state


@pytest.fixture
def worked_off(scene: Scene, tmp_path: Path) -> Iterator[Callable[..., After]]:
    """Changes a copy of the scene, and lets a new process work on it."""
    houses = []

    def work_off(
        change: Callable[[sqlite3.Connection], Any],
        first: Callable[[House], Any] = lambda _house: None,
    ) -> After:
        copy_of(scene.folder, tmp_path / "copy")
        edit(tmp_path / "copy", change)
        house = at(
            tmp_path / "copy", clock=ManualClock(scene.clock.now()), ids=RandomIds(), owner="again"
        )
        houses.append(house)
        first(house)
        anyio.run(_rounds, house)
        return After(house.charged(), house)

    yield work_off
    for house in houses:
        house.close()
        shutil.rmtree(house.folder)


async def _rounds(house: House) -> None:
    for _ in range(ROUNDS):
        await house.pass_time(seconds=5)


def numbers_of(*intents: Intent) -> list[str]:
    return [line.terms.number for intent in intents for line in intent.lines]


def is_refused(after: After, scene: Scene, why: pytest.LogCaptureFixture) -> None:
    """Nothing of the tampered purchase was charged, there is a reason, and the bystander got its number."""
    assert not set(numbers_of(scene.aim)) & set(after.charged)
    is_told_and_alone(after, scene, why)


def is_told_and_alone(after: After, scene: Scene, why: pytest.LogCaptureFixture) -> None:
    """There is a reason, and what was not tampered with was bought."""
    assert numbers_of(scene.bystander)[0] in after.charged, "one damaged row stopped the others"
    assert len(after.charged) == len(set(after.charged))
    assert _reasons(after, scene) or why.records, "refused, and nobody learns why"


def _reasons(after: After, scene: Scene) -> list[Any]:
    """What the voided lines say, where the intent can be read."""
    try:
        found: Intent = after.house.read(lambda tx: approval.existing(tx, scene.aim.intent_id))
    except (RingfenceError, ValueError) as unreadable:
        return [unreadable]
    return [line.error for line in found.lines if line.error]


def is_as_approved(after: After, scene: Scene) -> None:
    """Exactly what was approved was bought, once."""
    assert sorted(after.charged) == sorted(numbers_of(scene.aim, scene.donor, scene.bystander))


# Columns.

OF_THE_AIM = {
    "intent": "intent_id = :intent",
    "line": "line_id = :line",
    "approval": "intent_id = :intent",
    "statement": "subject = :intent",
    "signature": "statement_seq = (SELECT seq FROM statement WHERE subject = :intent)",
    "hold": "line_id = :line AND budget = 'cash'",
}
"""The tables that hold an approved purchase, and one row of it."""
SAYS_NOTHING = {
    "intent.stock_key": "finds repeats; the numbers are in the terms",
    "intent.quoted_at": "the age of a price, which is asked for again before it is sent",
    "intent.decided_by": "who decided is read from the signatures",
    "line.version": "counts changes",
    "line.attempts": "counts what was sent",
    "line.attempt_id": "is made anew with each attempt",
    "line.request_hash": "is made anew with each attempt",
    "line.negative_looks": "counts for what was sent alone",
    "line.carrier_ref": "is the carrier's answer",
    "approval.approval_id": "a name",
    "approval.level": "what consent proves is read from the signatures",
    "approval.channel": "a note for people",
    "approval.person": "who consented is read from the signatures",
    "approval.at": "a note for people",
    "statement.nonce": "the nonce that counts is in the signed bytes",
    "statement.at": "the time that counts is in the signed bytes",
    "signature.key_id": "the key that counts is in the signature's bytes",
    "signature.at": "a note for people",
    "hold.posted": "is written when it is posted",
}
"""Columns that neither say what is bought nor who said so; changed, exactly what was approved is bought."""
STOPS_THE_LINE = ("hold.line_id", "hold.budget", "hold.amount", "hold.state")
"""What a line set aside; the other line of the purchase has its own."""
STOPS_ALL = {"hold.window": "no balance has such a window: the books contradict themselves"}
LATER = {"line.due_at": "when the runner looks: later is later, and nothing else"}
ELSEWHERE = {*SAYS_NOTHING, *STOPS_THE_LINE, *STOPS_ALL, *LATER}


def columns() -> list[str]:
    return [
        f"{table}.{column.name}"
        for table in OF_THE_AIM
        for column in schema.metadata.tables[table].c
    ]


def another(value: Any) -> Any:
    """The same kind of value, and not the same."""
    match value:
        case None:
            return "x"
        case bool():
            return not value
        case int():
            return value + 1_000
        case str() if value[:2] == "20" and value.endswith("Z"):
            return f"2{int(value[1:4]) + 1:03d}{value[4:]}"  # a year later
        case str():
            return value[:-1] + ("b" if value.endswith("a") else "a")
        case list():
            return [*value, *value] or ["x"]
        case dict():
            return {**value, "more": "x"}
    raise TypeError(f"{value!r} is no stored value")


def key_of(scene: Scene) -> dict[str, str]:
    return {"intent": scene.aim.intent_id, "line": scene.aim.lines[0].line_id}


def changed(
    scene: Scene, table: str, column: str, make: Callable[[Any], Any]
) -> Callable[..., Any]:
    """An edit of one column of the aim's row."""

    def change(db: sqlite3.Connection) -> None:
        where = OF_THE_AIM[table]
        [(rowid, value)] = db.execute(
            f'SELECT rowid, "{column}" FROM {table} WHERE {where}',  # noqa: S608  # our own names
            key_of(scene),
        ).fetchall()
        db.execute(
            f'UPDATE {table} SET "{column}" = ? WHERE rowid = ?',  # noqa: S608  # our own names
            (make(value), rowid),
        )

    return change


def test_without_a_change_everything_is_bought(
    worked_off: Callable[..., After], scene: Scene
) -> None:
    is_as_approved(worked_off(lambda _db: None), scene)


@pytest.mark.parametrize("place", [each for each in columns() if each not in ELSEWHERE])
def test_a_purchase_with_one_column_changed_is_refused(
    worked_off: Callable[..., After], scene: Scene, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    table, column = place.split(".")
    after = worked_off(changed(scene, table, column, another))
    is_refused(after, scene, caplog)


@pytest.mark.parametrize("place", SAYS_NOTHING)
def test_what_says_nothing_of_the_purchase_changes_nothing_of_it(
    worked_off: Callable[..., After], scene: Scene, place: str
) -> None:
    table, column = place.split(".")
    is_as_approved(worked_off(changed(scene, table, column, another)), scene)


@pytest.mark.parametrize("place", STOPS_THE_LINE)
def test_a_line_whose_cost_is_not_set_aside_is_refused(
    worked_off: Callable[..., After], scene: Scene, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    table, column = place.split(".")
    after = worked_off(changed(scene, table, column, another))
    assert scene.aim.lines[0].terms.number not in after.charged
    is_told_and_alone(after, scene, caplog)


@pytest.mark.parametrize("place", STOPS_ALL)
def test_while_the_books_contradict_themselves_nothing_is_bought(
    worked_off: Callable[..., After], scene: Scene, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    table, column = place.split(".")
    after = worked_off(changed(scene, table, column, another))
    assert after.charged == []
    assert caplog.records


@pytest.mark.parametrize("place", LATER)
def test_what_is_due_later_is_bought_later_as_it_was_approved(
    worked_off: Callable[..., After], scene: Scene, place: str
) -> None:
    table, column = place.split(".")
    after = worked_off(changed(scene, table, column, another))
    assert set(after.charged) < set(numbers_of(scene.aim, scene.donor, scene.bystander))
    after.house.clock.advance(days=400)
    anyio.run(_rounds, after.house)
    assert set(after.charged) == set(after.house.charged()), "by then the consent has ended"


def test_every_decision_above_is_about_a_column_that_there_is() -> None:
    assert set(columns()) >= ELSEWHERE


# Documents: every key at every depth, as it is stored.

DOCUMENTS = {"intent": "terms", "statement": "bytes", "signature": "bytes"}
Path_ = tuple[str | int, ...]


def stored_document(scene: Scene, table: str) -> Any:
    with closing(sqlite3.connect(database(scene.folder))) as db:
        [(text,)] = db.execute(
            f"SELECT {DOCUMENTS[table]} FROM {table} WHERE {OF_THE_AIM[table]}",  # noqa: S608  # our own names
            key_of(scene),
        ).fetchall()
    return json.loads(text)


def key_paths(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Every place in a document, objects and lists themselves included."""
    if path:
        yield path
    if isinstance(value, Mapping):
        for key in value:
            yield from key_paths(value[key], (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from key_paths(each, (*path, index))


def put_at(document: Any, path: Path_, make: Callable[[Any], Any]) -> Any:
    *before, last = path
    place = document
    for key in before:
        place = place[key]
    place[last] = make(place[last])
    return document


def taken_out(document: Any, path: Path_) -> Any:
    *before, last = path
    place = document
    for key in before:
        place = place[key]
    del place[last]
    return document


BENT: Mapping[str, Callable[[Any, Path_], Any]] = {
    "another value": lambda document, path: put_at(document, path, another),
    "null": lambda document, path: put_at(document, path, lambda _value: None),
    "left out": taken_out,
}


def is_bent(scene: Scene, table: str, how: str, path: Path_) -> bool:
    """Whether the document says something else afterwards."""
    if table == "signature" and path[0] in {"assertion", "sign_count"}:
        return False  # a passkey's; what stands there of another key is not read
    before = json.dumps(stored_document(scene, table))
    return how == "left out" or json.dumps(BENT[how](json.loads(before), path)) != before


@pytest.mark.parametrize("how", BENT)
@pytest.mark.parametrize("table", DOCUMENTS)
def test_a_purchase_with_any_key_of_a_stored_document_changed_is_refused(
    scene: Scene, tmp_path: Path, table: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    paths = [
        path
        for path in key_paths(stored_document(scene, table))
        if is_bent(scene, table, how, path)
    ]
    assert len(paths) >= (2 if table == "signature" else 12)
    bought = [path for path in paths if _is_bought(scene, tmp_path, table, BENT[how], path)]
    assert bought == []


def _is_bought(
    scene: Scene,
    folder: Path,
    table: str,
    bend: Callable[[Any, Path_], Any],
    path: Path_,
) -> bool:
    """Whether anything of the aim is bought with this one key changed; the bystander always must be."""

    def bent(text: str) -> str:
        return json.dumps(bend(json.loads(text), path), separators=(",", ":"), ensure_ascii=False)

    copy_of(scene.folder, folder / "copy")
    edit(folder / "copy", changed(scene, table, DOCUMENTS[table], bent))
    clock = ManualClock(scene.clock.now())
    house = at(folder / "copy", clock=clock, ids=RandomIds(), owner="again")
    anyio.run(_rounds, house)
    charged = house.charged()
    house.close()
    shutil.rmtree(folder / "copy")
    assert numbers_of(scene.bystander)[0] in charged, f"{path} stopped the others"
    return bool(set(numbers_of(scene.aim)) & set(charged))


# Rows that change places.


def swapped(scene: Scene, table: str, column: str) -> Callable[[sqlite3.Connection], None]:
    """An edit that exchanges one column between the aim's row and the donor's."""
    keys = [
        {"intent": each.intent_id, "line": each.lines[0].line_id}
        for each in (scene.aim, scene.donor)
    ]

    def change(db: sqlite3.Connection) -> None:
        select = f'SELECT rowid, "{column}" FROM {table} WHERE {OF_THE_AIM[table]}'  # noqa: S608
        [(one, its)], [(other, others)] = [db.execute(select, key).fetchall() for key in keys]
        place = f'UPDATE {table} SET "{column}" = ? WHERE rowid = ?'  # noqa: S608
        for rowid, value in ((one, f"{its}-"), (other, its), (one, others)):
            db.execute(place, (value, rowid))

    return change


SWAPS = {
    "the ids of two intents": ("intent", "intent_id"),
    "the terms of two intents": ("intent", "terms"),
    "the digests of two intents": ("intent", "digest"),
    "a line of each": ("line", "intent_id"),
    "the ids of two lines": ("line", "line_id"),
    "their approvals": ("approval", "intent_id"),
    "what was approved": ("approval", "digest"),
    "what was signed": ("statement", "bytes"),
    "whom it is about": ("statement", "subject"),
    "their signatures": ("signature", "bytes"),
}


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS.keys())
def test_what_changes_places_is_refused(
    worked_off: Callable[..., After],
    scene: Scene,
    swap: tuple[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    after = worked_off(swapped(scene, *swap))
    is_refused(after, scene, caplog)
    assert not {scene.donor.lines[0].terms.number} & set(after.charged)


def test_two_lines_that_change_documents_are_refused(
    worked_off: Callable[..., After], scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """Each keeps its id, and with it its state, but would buy what the other says."""

    def exchange(text: str) -> str:
        terms = json.loads(text)
        one, other = terms["lines"]
        one["line_id"], other["line_id"] = other["line_id"], one["line_id"]
        terms["lines"] = [other, one]
        return json.dumps(terms, separators=(",", ":"), ensure_ascii=False)

    is_refused(worked_off(changed(scene, "intent", "terms", exchange)), scene, caplog)


# Consent that is forged.


def redo(db: sqlite3.Connection, scene: Scene, *changes: str) -> None:
    for change in changes:
        db.execute(change, key_of(scene))


UNSIGNED = "DELETE FROM signature WHERE statement_seq = (SELECT seq FROM statement WHERE subject = :intent)"
NO_STATEMENT = "DELETE FROM statement WHERE subject = :intent"
FORGED = {
    "no signature": (UNSIGNED,),
    "no statement": (UNSIGNED, NO_STATEMENT),
    "no statement, and a stronger level": (
        UNSIGNED,
        NO_STATEMENT,
        "UPDATE approval SET level = 'two_people', person = 'ada and bob' WHERE intent_id = :intent",
    ),
    "consent for the sandbox": (
        UNSIGNED,
        NO_STATEMENT,
        "UPDATE approval SET level = 'page', channel = 'page' WHERE intent_id = :intent",
    ),
}


@pytest.mark.parametrize("changes", FORGED.values(), ids=FORGED.keys())
def test_a_forged_approval_is_refused(
    worked_off: Callable[..., After], scene: Scene, changes: tuple[str, ...]
) -> None:
    after = worked_off(lambda db: redo(db, scene, *changes))
    assert not set(numbers_of(scene.aim)) & set(after.charged)


def signed_by(scene: Scene, who: Signer) -> Callable[[sqlite3.Connection], None]:
    """An edit that puts somebody else's signature over the very same statement."""
    where = OF_THE_AIM["statement"]

    def change(db: sqlite3.Connection) -> None:
        [(seq, text)] = db.execute(
            f"SELECT seq, bytes FROM statement WHERE {where}",  # noqa: S608  # our own names
            key_of(scene),
        ).fetchall()
        signature = who.sign(Statement.model_validate_json(text))
        db.execute(
            "UPDATE signature SET key_id = ?, bytes = ? WHERE statement_seq = ?",
            (signature.key_id, signature.model_dump_json(), seq),
        )

    return change


def test_the_signature_of_a_key_that_nobody_enrolled_counts_for_nothing(
    worked_off: Callable[..., After], scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    is_refused(worked_off(signed_by(scene, Signer("ada"))), scene, caplog)


def test_the_recovery_keys_signature_counts_for_nothing(
    worked_off: Callable[..., After], scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    is_refused(worked_off(signed_by(scene, scene.recovery)), scene, caplog)


def test_the_signature_of_a_revoked_key_counts_for_nothing(
    worked_off: Callable[..., After], scene: Scene
) -> None:
    after = worked_off(lambda _db: None, lambda house: revoke(house, scene.ada, scene.recovery))
    assert after.charged == []
    assert after.state_of(scene.aim) is IntentState.FAILED


def test_a_key_that_was_written_into_the_database_enrols_nobody(
    worked_off: Callable[..., After], scene: Scene
) -> None:
    """The statement that enrolled ada names another key, and the approval is signed with that one."""
    eve = Signer("ada")

    def change(db: sqlite3.Connection) -> None:
        db.execute(
            "UPDATE statement SET bytes = replace(replace(bytes, ?, ?), ?, ?) WHERE purpose = 'enroll'",
            (scene.ada.key.public_key, eve.key.public_key, scene.ada.key.key_id, eve.key.key_id),
        )
        signed_by(scene, eve)(db)

    assert worked_off(change).charged == []


# Replays.


def test_a_statement_of_another_installation_approves_nothing(
    scene: Scene, tmp_path: Path, worked_off: Callable[..., After]
) -> None:
    """The same purchase there, and the same approver: her signature is for there."""
    there = rehearse(tmp_path / "there")
    enroll(there.house, Signer("bob", private=scene.ada.private), there.ada)

    async def wanted(house: House) -> Intent:
        return await house.propose(*await house.find(country="GB"))

    foreign = statement_for(there.house, anyio.run(wanted, there.house))
    there.house.close()

    def replay(house: House) -> None:
        intent = anyio.run(wanted, house)
        bent = foreign.model_copy(
            update={"subject": intent.intent_id, "body": {**foreign.body, "digest": intent.digest}}
        )
        with pytest.raises(RingfenceError):
            hand_in(house, intent, bent, scene.ada.sign(bent))
        assert house.read(lambda tx: approval.existing(tx, intent.intent_id)).state is (
            IntentState.AWAITING_APPROVAL
        )

    is_as_approved(worked_off(lambda _db: None, replay), scene)


def test_a_nonce_is_used_once_whatever_it_is_used_for(
    scene: Scene, worked_off: Callable[..., After]
) -> None:
    with closing(sqlite3.connect(database(scene.folder))) as db:
        nonces = [nonce for (nonce,) in db.execute("SELECT nonce FROM statement")]

    def replay(house: House) -> None:
        async def wanted() -> Intent:
            return await house.propose(*await house.find(country="GB"))

        intent = anyio.run(wanted)
        for nonce in nonces:
            statement = statement_for(house, intent).model_copy(update={"nonce": nonce})
            with pytest.raises(NotAuthorized, match="used before"):
                hand_in(house, intent, statement, scene.ada.sign(statement))

    worked_off(lambda _db: None, replay)


# Authority that is written into the database.

LOOSE = policy_with(
    levels="{buy: passphrase, release: passphrase, assign: passphrase}",
    budgets=['{name: cash, kind: cash, window: month, zone: UTC, limit: "900.00 USD"}'],
)


def test_a_weak_approval_that_is_written_into_a_live_database_is_refused(tmp_path: Path) -> None:
    rehearsal = rehearse(tmp_path)
    house = rehearsal.house

    async def wanted() -> Intent:
        return await house.propose(*await house.find())

    intent = anyio.run(wanted)
    edit(
        tmp_path,
        lambda db: [
            db.execute(
                "INSERT INTO approval SELECT 'apr_x', intent_id, digest, 'page', 'page', 'ada', created_at"
                " FROM intent"
            ),
            db.execute("UPDATE intent SET state = 'approved', decided_level = 'page'"),
            db.execute("UPDATE line SET due_at = '2026-01-01T00:00:00.000000Z'"),
        ],
    )
    anyio.run(_rounds, house)
    assert house.charged() == []
    found: Intent = house.read(lambda tx: approval.existing(tx, intent.intent_id))
    assert found.lines[0].state is LineState.VOIDED
    house.close()


def test_a_looser_policy_that_is_written_into_a_live_database_buys_nothing(
    worked_off: Callable[..., After],
) -> None:
    """With its own right hash, and as the version that is in force."""

    def change(db: sqlite3.Connection) -> None:
        db.execute(
            "INSERT INTO policy SELECT max(version) + 1, ?, ?, max(applied_at), 'ada' FROM policy",
            (LOOSE.model_dump_json(), policies.document_hash(LOOSE)),
        )
        db.execute("UPDATE audit_head SET policy_version = policy_version + 1")

    assert worked_off(change).charged == []


def test_a_stored_policy_that_is_not_what_was_signed_buys_nothing(
    worked_off: Callable[..., After],
) -> None:
    """The version that was signed, under the hash that was signed, and with another document."""

    def change(db: sqlite3.Connection) -> None:
        db.execute(
            "UPDATE policy SET document = ? WHERE version = (SELECT max(version) FROM policy)",
            (LOOSE.model_dump_json(),),
        )

    assert worked_off(change).charged == []


def frozen(house: House) -> Statement:
    """A frozen house, and the statement that would lift the freeze."""
    house.write(lambda tx: freeze(tx, "to be sure", actor="ada"))
    statement: Statement = house.read(lambda tx: lifting(tx, nonce=consent.fresh_nonce()))
    return statement


def test_a_statement_that_waited_too_long_lifts_no_freeze(tmp_path: Path) -> None:
    rehearsal = rehearse(tmp_path)
    statement = frozen(rehearsal.house)
    rehearsal.house.clock.advance(minutes=15)
    with pytest.raises(NotAuthorized, match="too long ago"):
        rehearsal.house.write(
            lambda tx: unfreeze_signed(tx, statement, rehearsal.ada.sign(statement))
        )
    assert rehearsal.house.frozen() == "to be sure"
    rehearsal.house.close()


@pytest.mark.parametrize("purpose", [Purpose.APPROVE, Purpose.POLICY, Purpose.VIEW])
def test_a_statement_of_another_purpose_lifts_no_freeze(tmp_path: Path, purpose: Purpose) -> None:
    rehearsal = rehearse(tmp_path)
    other = frozen(rehearsal.house).model_copy(update={"purpose": purpose})
    with pytest.raises(NotAuthorized, match="not about this freeze"):
        rehearsal.house.write(lambda tx: unfreeze_signed(tx, other, rehearsal.ada.sign(other)))
    assert rehearsal.house.frozen() == "to be sure"
    rehearsal.house.close()


# The same approval many times at once.

AT_ONCE = 50
PROCESSES = 5


@contextmanager
def handing_in(folder: Path, now: datetime, racer: int) -> Iterator[Callable[[Handed], int]]:
    """One process of the field: hands an approval in from ten threads, then works off what is due."""
    house = at(folder, clock=ManualClock(now), ids=RandomIds(), owner=f"racer {racer}")

    def answer(handed: Handed) -> int:
        came_through = in_threads(house, handed, AT_ONCE // PROCESSES)
        anyio.run(_rounds, house)
        return came_through

    yield answer
    house.close()


def in_threads(house: House, handed: Handed, count: int) -> int:
    """Hand the same approval in from so many threads; how many were told that it counts."""

    def once(_turn: int) -> bool:
        with suppress(NotAuthorized):
            hand_in(house, handed.intent, handed.statement, handed.signature)
            return True
        return False

    with ThreadPoolExecutor(count) as threads:
        return sum(threads.map(once, range(count)))


def waiting_purchase(house: House, who: Signer) -> Handed:
    async def wanted() -> Intent:
        return await house.propose(*await house.find(country="GB"))

    intent = anyio.run(wanted)
    statement = statement_for(house, intent)
    return Handed(intent, statement, who.sign(statement))


def test_one_approval_from_fifty_threads_and_processes_buys_once(
    scene: Scene, tmp_path: Path
) -> None:
    """Every one may be told that it is approved, for it is; there is one approval, one attempt and one charge."""
    copy_of(scene.folder, tmp_path / "copy")
    house = at(tmp_path / "copy", clock=ManualClock(scene.clock.now()), ids=RandomIds())
    handed = waiting_purchase(house, scene.ada)
    arguments = (tmp_path / "copy", scene.clock.now())
    with field(handing_in, arguments, PROCESSES) as racers:
        came_through = racers.run(handed)
    assert sum(came_through) >= 1
    [line] = handed.intent.lines
    assert house.charged().count(line.terms.number) == 1
    assert len(house.read(lambda tx: attempts.of_line(tx, line.line_id))) == 1
    about = house.read(lambda tx: statements.about(tx, Purpose.APPROVE, handed.intent.intent_id))
    assert len(about) == 1
    house.books_balance()
    house.close()
