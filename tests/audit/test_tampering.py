"""Eight ways to change a history, and more to change what hangs on it: each is found, by two programs."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from audit.attacks import ATTACKS, Crime
from audit.living import Living
from ringfence.guard import evidence

TRIALS = 3
NIGHTLY_TRIALS = 60


@dataclass(frozen=True)
class Scene:
    """An installation with a past, closed, to be copied; and what somebody kept of it elsewhere."""

    folder: Path
    backup: Path
    witnesses: dict[str, dict[str, Any]]

    def crime(self, folder: Path, seed: int) -> Crime:
        """A copy for one attack."""
        shutil.copytree(self.folder / "home", folder / "home")
        shutil.copytree(self.folder / "pins", folder / "pins")
        return Crime(folder / "home", folder / "pins", self.backup, random.Random(seed))  # noqa: S311  # dice of a test


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("scene")
    living = Living.founded(folder)
    anyio.run(partial(living.buy, reason="the first"))
    backup = folder / "backup.db"
    with closing(sqlite3.connect(living.database)) as db, closing(sqlite3.connect(backup)) as copy:
        db.backup(copy)
    intent = anyio.run(partial(living.buy, reason="the second"))
    kept = living.house.read(
        lambda tx: evidence.of_purchase(tx, intent.intent_id, with_texts=False)
    )
    checkpoint = json.loads(living.file().read_text().splitlines()[-1])
    signed = next(each for each in kept["statements"] if each["purpose"] == "approve")
    living.close()
    return Scene(folder, backup, {"a checkpoint": checkpoint, "a signed head": signed})


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    return (tmp_path / str(number) for number in range(10_000))


def check(scene: Scene, folders: Iterator[Path], attack: str, witness: str, trials: int) -> None:
    for seed in range(trials):
        crime = scene.crime(next(folders), seed)
        ATTACKS[attack](crime)
        kept = [scene.witnesses[witness]]
        assert crime.found_by_verify(kept), f"verify found nothing, seed {seed}"
        assert crime.found_by_export(kept), f"the verifier found nothing, seed {seed}"
        shutil.rmtree(crime.home)


@pytest.mark.parametrize("witness", ["a checkpoint", "a signed head"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_changed_history_is_found(
    scene: Scene, folders: Iterator[Path], attack: str, witness: str
) -> None:
    check(scene, folders, attack, witness, TRIALS)


@pytest.mark.nightly
@pytest.mark.parametrize("witness", ["a checkpoint", "a signed head"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_changed_history_is_always_found(
    scene: Scene, folders: Iterator[Path], attack: str, witness: str
) -> None:
    check(scene, folders, attack, witness, NIGHTLY_TRIALS)


@pytest.mark.parametrize("witness", ["a checkpoint", "a signed head"])
def test_an_unchanged_history_holds(scene: Scene, folders: Iterator[Path], witness: str) -> None:
    crime = scene.crime(next(folders), 0)
    kept = [scene.witnesses[witness]]
    assert crime.found_by_verify(kept) == crime.found_by_export(kept) == []


def test_without_a_witness_a_history_that_was_rolled_back_looks_sound(
    scene: Scene, folders: Iterator[Path]
) -> None:
    """That is why checkpoints are copied elsewhere: nothing on the machine can say."""
    crime = scene.crime(next(folders), 0)
    ATTACKS["roll back"](crime)
    assert crime.found_by_verify([]) == crime.found_by_export([]) == []


# What hangs on the chain.

CHANGES = {
    "a ledger entry": (
        "UPDATE ledger_entry SET monthly_micros = monthly_micros - 1 WHERE kind = 'post'",
        "states",
    ),
    "a ledger entry less": ("DELETE FROM ledger_entry WHERE kind = 'claim'", "states"),
    "a balance": ("UPDATE balance SET used = used - 1 WHERE budget = 'cash'", "books"),
    "the state of an intent": ("UPDATE intent SET state = 'declined'", "states"),
    "the state of a line": ("UPDATE line SET state = 'failed'", "states"),
    "the state of a number": ("UPDATE number SET document = replace(document, 'active', 'released')", "states"),
    "the terms of an intent": ("UPDATE intent SET terms = replace(terms, '\"US\"', '\"GB\"')", "states"),
    "a policy": ("UPDATE policy SET document = replace(document, '25.00', '99.00')", "policy 2"),
    "a signature": ("UPDATE signature SET bytes = replace(bytes, '\"ed25519\":\"', '\"ed25519\":\"0')", "statement 1"),
    "a signature less": ("DELETE FROM signature WHERE statement_seq = 4", "statement 4"),
    "a statement": ("UPDATE statement SET bytes = replace(bytes, 'ada', 'eve')", "statement 2"),
    "a statement less": ("DELETE FROM statement WHERE seq = 4", "statements"),
    "the head": ("UPDATE audit_head SET seq = seq - 1", "event"),
    "the freeze": ("UPDATE audit_head SET frozen = 'no'", "states"),
    "words": ("UPDATE free_text SET text = 'other words'", "words of int"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_beside_the_chain_is_found_and_named(
    scene: Scene, folders: Iterator[Path], change: str
) -> None:
    crime = scene.crime(next(folders), 0)
    sql, place = CHANGES[change]
    rows = crime.rows()
    crime.write(rows)  # drops the triggers
    with closing(sqlite3.connect(crime.database)) as db, db:
        assert db.execute(sql).rowcount
    found = crime.found_by_verify([])
    assert any(each["place"].startswith(place) for each in found), found


def test_checkpoints_that_were_taken_away_are_missed(scene: Scene, folders: Iterator[Path]) -> None:
    crime = scene.crime(next(folders), 0)
    [file] = crime.pins.glob("*.checkpoints")
    file.unlink()
    assert {"place": "checkpoints", "why": "there is none"} in crime.found_by_verify([])


def test_a_checkpoint_by_another_key_is_found(scene: Scene, folders: Iterator[Path]) -> None:
    crime = scene.crime(next(folders), 0)
    [key] = crime.pins.glob("*.checkpoint-key")
    key.unlink()
    crime.cover_up()
    assert "does not name" in str(crime.found_by_verify([]))


def test_an_export_that_was_cut_off_is_found(scene: Scene, folders: Iterator[Path]) -> None:
    crime = scene.crime(next(folders), 0)
    assert crime.found_by_export([]) == []
    path = crime.home / "export.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    from ringfence_server.verifier import standalone

    for kept in (lines[:-1], lines[:-2], [*lines[:-2], lines[-1]]):
        path.write_text("".join(kept))
        seen = standalone.Verification()
        standalone.check_file(str(path), seen)
        assert seen.failures
