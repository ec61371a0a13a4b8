"""A live installation as people rehearse it: the sandbox carrier, live rules, and a policy that an approver signed."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from guard.signing import Signer, Somebody, enroll, found
from house import House, policy_with
from ringfence.clock import ManualClock
from ringfence.guard import consent, policy_change
from ringfence.ids import CountingIds, IdSource
from ringfence.intents import Level
from ringfence.policy import Policy, PolicyDocument, read_policy
from ringfence.store.anchor import FolderAnchor
from ringfence.store.schema import APPEND_ONLY

LIVE = read_policy(files("ringfence_server").joinpath("live_policy.yaml").read_text())
SIGNED = "{buy: passphrase, release: passphrase, assign: passphrase}"
ALLOWED = policy_with(levels=SIGNED)
"""The sandbox's limits, with signed consent."""


@dataclass(frozen=True)
class Rehearsal:
    """An open installation and who may sign in it."""

    house: House
    recovery: Signer
    ada: Signer


def rehearse(folder: Path, document: PolicyDocument = ALLOWED) -> Rehearsal:
    """Found a live installation in which ada may sign, and has allowed this."""
    house = live_house(folder)
    recovery = found(house)
    ada = enroll(house, Signer("ada"), recovery)
    assert put(house, document, ada) is not None
    return Rehearsal(house, recovery, ada)


def at(folder: Path, *, clock: ManualClock, ids: IdSource, owner: str = "house") -> House:
    """A process of the installation in this folder; its pins are beside the home, not in it."""
    return House(
        folder / "home",
        clock=clock,
        ids=ids,
        owner=owner,
        mode="live",
        first_policy=lambda: LIVE,
        anchor=FolderAnchor(folder / "pins"),
    )


def live_house(folder: Path) -> House:
    """A new live installation in this folder."""
    return at(folder, clock=ManualClock(), ids=CountingIds())


def rules(level: Level) -> PolicyDocument:
    """The sandbox's limits with this level of consent for a purchase."""
    other = min(level, Level.PASSKEY, key=lambda each: each.strength)
    return policy_with(levels=f"{{buy: {level}, release: {other}, assign: {other}}}")


def put_in_force(house: House, document: PolicyDocument, *by: Somebody) -> None:
    """Put a policy in force, as all of them together signed it."""
    put(house, document, *by)
    assert house.read(lambda tx: tx.rules) == document


def put(house: House, document: PolicyDocument, *by: Somebody) -> Policy | None:
    """Put a policy in force as they signed it; None while more have to sign."""
    statement = house.read(
        lambda tx: policy_change.proposal(tx, document, nonce=consent.fresh_nonce())
    )
    applied: Policy | None = None
    for each in by:
        applied = house.write(
            lambda tx, each=each: policy_change.apply_signed(  # type: ignore[misc]  # bound at once
                tx, statement, each.sign(statement), applied_by=each.person
            )
        )
    return applied


def copy_of(folder: Path, to: Path) -> None:
    """The same installation again, as its files are; nobody has them open."""
    shutil.copytree(folder, to)


def database(folder: Path) -> Path:
    return folder / "home" / "ringfence.db"


def edit(folder: Path, change: Callable[[sqlite3.Connection], Any]) -> None:
    """Change the database behind everybody's back, as somebody with the file can: no trigger, no constraint."""
    with closing(sqlite3.connect(database(folder))) as db, db:
        drop_triggers(db)
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("PRAGMA ignore_check_constraints = ON")
        change(db)


def drop_triggers(db: sqlite3.Connection) -> None:
    """Take away what makes history append-only."""
    names: Sequence[tuple[str]] = db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    ).fetchall()
    assert len(names) == 3 * len(APPEND_ONLY)
    for (name,) in names:
        db.execute(f"DROP TRIGGER {name}")
