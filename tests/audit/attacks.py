"""What somebody does to a history who has the database, every key of the server, and all the time they want."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rfc8785

from ringfence.clock import ManualClock
from ringfence.guard import evidence
from ringfence.ids import CountingIds
from ringfence.store.anchor import FolderAnchor, HighWater, Noted
from ringfence.store.audit import GENESIS, chain_hash
from ringfence.store.installation import open_store, sqlite_url
from ringfence.store.transaction import Store
from ringfence_server.cli.auditing import prove
from ringfence_server.verifier import standalone

Row = tuple[int, str, str, str]
"""Place, id, hash and bytes of an event."""


@dataclass(frozen=True)
class Crime:
    """A copy of an installation, in the hands of an attacker."""

    home: Path
    pins: Path
    backup: Path
    """A copy of the database from before the last purchase."""
    dice: random.Random

    @property
    def database(self) -> Path:
        return self.home / "ringfence.db"

    def rows(self) -> list[Row]:
        with closing(sqlite3.connect(self.database)) as db:
            found = db.execute("SELECT seq, event_id, hash, bytes FROM audit_event ORDER BY seq")
            return list(found.fetchall())

    def write(self, rows: list[Row]) -> None:
        """Put other events in the place of all, past the triggers."""
        with closing(sqlite3.connect(self.database)) as db, db:
            triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for (name,) in db.execute(triggers).fetchall():
                db.execute(f'DROP TRIGGER "{name}"')
            db.execute("DELETE FROM audit_event")
            db.executemany("INSERT INTO audit_event VALUES (?, ?, ?, ?)", rows)
            db.execute("UPDATE audit_head SET seq = ?, hash = ?", (rows[-1][0], rows[-1][2]))

    @contextmanager
    def opened(self) -> Iterator[Store]:
        store = open_store(
            sqlite_url(self.database),
            mode="live",
            clock=ManualClock(),
            ids=CountingIds(),
            first_policy=lambda: None,  # type: ignore[arg-type,return-value]  # it is founded
            anchor=FolderAnchor(self.pins),
        )
        yield store
        store.close()

    def cover_up(self) -> None:
        """Make everything else on this machine agree: high water, and checkpoints by the key that signs them."""
        [noted] = self.pins.glob("*.high-water")
        [file] = self.pins.glob("*.checkpoints")
        noted.unlink()
        file.unlink()
        with self.opened() as store:
            who, seq, head, now = store.read_now(
                lambda tx: (tx.installation_id, *_head(tx), tx.now)
            )
            mark = HighWater(seq, head)
            store.anchor.note(who, Noted(mark, mark))
            kept = store.anchor.checkpoints
            assert kept is not None
            kept.make(who, seq, head, now)

    def found_by_verify(self, witnesses: list[dict[str, Any]]) -> list[dict[str, str]]:
        """What `audit verify` says."""
        with self.opened() as store:
            failures: list[dict[str, str]] = store.read_now(lambda tx: prove(tx, witnesses))[
                "failures"
            ]
        return failures

    def found_by_export(self, witnesses: list[dict[str, Any]]) -> list[dict[str, str]]:
        """What the stand-alone verifier says of an export."""
        path = self.home / "export.jsonl"
        with self.opened() as store, path.open("w") as out:
            for document in store.read_now(lambda tx: list(evidence.history(tx, with_texts=True))):
                out.write(json.dumps(document) + "\n")
        seen = standalone.Verification(witnesses)
        standalone.check_file(str(path), seen)
        failures: list[dict[str, str]] = seen.report()["failures"]
        return failures


def _head(tx: Any) -> tuple[int, str]:
    from ringfence.store import audit

    return audit.head(tx)


def rehashed(rows: list[Row]) -> list[Row]:
    """The same events as one sound chain."""
    made, previous = [], GENESIS
    for seq, (_, event_id, _, text) in enumerate(rows, start=1):
        encoded = rfc8785.dumps(json.loads(text) | {"seq": seq, "prev": previous})
        previous = chain_hash(previous, encoded)
        made.append((seq, event_id, previous, encoded.decode()))
    return made


def with_another_actor(row: Row) -> Row:
    event = json.loads(row[3])
    return (*row[:3], rfc8785.dumps(event | {"actor": "nobody"}).decode())


def flip(crime: Crime) -> None:
    """Another letter or digit in one event."""
    rows = crime.rows()
    at = crime.dice.randrange(len(rows))
    seq, event_id, digest, text = rows[at]
    place = crime.dice.choice([i for i, c in enumerate(text) if c.isalnum()])
    other = crime.dice.choice([c for c in "0123456789abcxyz" if c != text[place]])
    rows[at] = (seq, event_id, digest, text[:place] + other + text[place + 1 :])
    crime.write(rows)


def delete(crime: Crime) -> None:
    """One event less."""
    rows = crime.rows()
    del rows[crime.dice.randrange(len(rows) - 1)]
    crime.write(rows)


def swap(crime: Crime) -> None:
    """Two events in each other's place."""
    rows = crime.rows()
    one, other = crime.dice.sample(range(len(rows)), 2)
    first, second = rows[one], rows[other]
    rows[one], rows[other] = (first[0], *second[1:]), (second[0], *first[1:])
    crime.write(rows)


def insert(crime: Crime) -> None:
    """One event more, with everything behind it moved up."""
    rows = crime.rows()
    at = crime.dice.randrange(len(rows))
    seq, event_id, digest, text = with_another_actor(rows[at])
    behind = [(row[0] + 1, *row[1:]) for row in rows[at:]]
    crime.write([*rows[:at], (seq, f"{event_id}x", digest, text), *behind])


def truncate(crime: Crime) -> None:
    """The end cut off, below what was witnessed."""
    rows = crime.rows()
    crime.write(rows[: crime.dice.randrange(1, last_approval(rows))])
    crime.cover_up()


def rebuild(crime: Crime) -> None:
    """One event changed, and the whole chain made anew with every key that the server has."""
    rows = crime.rows()
    at = crime.dice.randrange(last_approval(rows))
    rows[at] = with_another_actor(rows[at])
    crime.write(rehashed(rows))
    crime.cover_up()


def fork(crime: Crime) -> None:
    """Another, longer end on the same beginning."""
    rows = crime.rows()
    begin = crime.dice.randrange(1, last_approval(rows))
    end = [with_another_actor(row) for row in rows[begin:]]
    more = [(0, f"aud_{number}", "", end[-1][3]) for number in range(crime.dice.randrange(1, 5))]
    crime.write(rehashed([*rows[:begin], *end, *more]))
    crime.cover_up()


def roll_back(crime: Crime) -> None:
    """The database of yesterday."""
    shutil.copy2(crime.backup, crime.database)
    for log in crime.home.glob("ringfence.db-*"):
        log.unlink()
    crime.cover_up()


def last_approval(rows: list[Row]) -> int:
    """How far the chain had come when an approver last signed."""
    for row in reversed(rows):
        event = json.loads(row[3])
        if event["type"] == "intent.signed":
            return int(json.loads(event["body"]["statement"])["audit_seq"])
    raise AssertionError("Nobody signed.")


ATTACKS: Mapping[str, Callable[[Crime], None]] = {
    "flip": flip,
    "delete": delete,
    "swap": swap,
    "insert": insert,
    "truncate": truncate,
    "rebuild": rebuild,
    "fork": fork,
    "roll back": roll_back,
}
