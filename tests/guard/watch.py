"""What must hold after every step, read from the files by means of its own.

Triggers write down every change of state, so that none is missed between two looks. The audit chain is verified by a
second implementation, event by event. Charges are read from the carrier's file, which our code cannot change.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from ringfence.providers.protocol import purchase_tag
from ringfence.states import (
    UNSETTLED_LINES,
    HoldState,
    IntentState,
    LineState,
    NumberState,
    check_transition,
)

_STATES: Mapping[str, type[StrEnum]] = {
    "intent": IntentState,
    "line": LineState,
    "hold": HoldState,
    "number": NumberState,
}
_NAMES = {"intent": "intent_id", "line": "line_id", "hold": "line_id", "number": "number_id"}


def plant(path: Path) -> None:
    """Put the triggers into an installation's file."""
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TABLE change_of_state (kind TEXT, id TEXT, before TEXT, after TEXT, frozen TEXT)"
        )
        for kind, name in _NAMES.items():
            change = f"'{kind}', new.{name}, old.state, new.state"
            db.execute(
                f"CREATE TRIGGER watch_{kind} AFTER UPDATE OF state ON {kind}"  # noqa: S608  # our own names
                f" WHEN old.state <> new.state BEGIN INSERT INTO change_of_state"
                f" SELECT {change}, frozen FROM audit_head; END"
            )
    db.close()


class Watch:
    """Looks at one installation and its carrier, and remembers how far it has looked."""

    def __init__(self, folder: Path, seen: Counter[str]) -> None:
        self.seen = seen
        self.consented: set[str] = set()
        """Intents that a person said yes to."""
        self.late_is_allowed = False
        """Whether the clock jumped while a request was on its way: only then may a failure turn out to be a success."""
        self._ours = sqlite3.connect(folder / "ringfence.db", isolation_level=None)
        self._carrier = sqlite3.connect(folder / "carrier.db", isolation_level=None)
        self._ours.row_factory = self._carrier.row_factory = sqlite3.Row
        row = self._ours.execute("SELECT installation_id FROM installation").fetchone()
        self._installation_id: str = row[0]
        self._changes_read = 0
        self._chain = ("0" * 64, 0)
        self._charges_read = 0
        self._charged_tags: set[str] = set()
        self._tags: dict[str, str] = {}

    def close(self) -> None:
        self._ours.close()
        self._carrier.close()

    def waiting(self) -> list[str]:
        """Intents that wait for a person."""
        rows = self._ours.execute(
            "SELECT intent_id FROM intent WHERE state = 'awaiting_approval' ORDER BY intent_id"
        )
        return [intent_id for (intent_id,) in rows]

    def owned(self) -> list[str]:
        """Numbers that we pay for."""
        rows = self._ours.execute(
            "SELECT number FROM number WHERE state <> 'released' ORDER BY number"
        )
        return [number for (number,) in rows]

    def has_work(self) -> bool:
        """Whether a runner has something to do, now or later."""
        row = self._ours.execute("SELECT max(due_at) FROM line").fetchone()
        return row[0] is not None

    def is_frozen(self) -> bool:
        row = self._ours.execute("SELECT frozen FROM audit_head").fetchone()
        return row[0] is not None

    def look(self) -> None:
        """Everything that is quickly read."""
        self._states_moved_along_their_tables()
        self._the_audit_chain_holds()
        self._every_charge_is_covered()

    def _states_moved_along_their_tables(self) -> None:
        rows = self._ours.execute(
            "SELECT rowid AS place, * FROM change_of_state WHERE rowid > ?", (self._changes_read,)
        ).fetchall()
        for row in rows:
            self._changes_read = row["place"]
            kind = _STATES[row["kind"]]
            before, after = kind(row["before"]), kind(row["after"])
            check_transition(before, after)
            self.seen[f"{row['kind']} {after}"] += 1
            if after is LineState.DISPATCHING:
                assert row["frozen"] is None, f"{row['id']} was sent although spending was frozen"
                self._consent_was_good(row["id"])
            if (before, after) == (LineState.FAILED, LineState.CAPTURED):
                assert self.late_is_allowed, f"{row['id']} had failed and was charged after all"
                self.seen["late success"] += 1

    def _consent_was_good(self, line_id: str) -> None:
        """What is sent was consented to, in these very terms, and in time."""
        row = self._ours.execute(
            "SELECT intent.intent_id, intent.digest, approval.digest AS approved, dispatched_at, expires_at"
            " FROM line JOIN intent USING (intent_id) JOIN approval USING (intent_id)"
            " WHERE line_id = ?",
            (line_id,),
        ).fetchone()
        assert row is not None, f"{line_id} was sent without consent"
        assert row["intent_id"] in self.consented
        assert row["approved"] == row["digest"]
        assert row["dispatched_at"] < row["expires_at"], f"{line_id} was sent too late"

    def _the_audit_chain_holds(self) -> None:
        previous, seq = self._chain
        rows = self._ours.execute(
            "SELECT * FROM audit_event WHERE seq > ? ORDER BY seq", (seq,)
        ).fetchall()
        for row in rows:
            body = json.loads(row["bytes"])
            assert (row["seq"], body["seq"], body["prev"]) == (seq + 1, seq + 1, previous)
            encoded = row["bytes"].encode()
            expected = hashlib.sha256(b"\x00" + bytes.fromhex(previous) + encoded).hexdigest()
            assert row["hash"] == expected, f"event {row['seq']} does not follow"
            previous, seq = expected, seq + 1
        head = self._ours.execute("SELECT seq, hash FROM audit_head").fetchone()
        assert tuple(head) == (seq, previous)
        self._chain = (previous, seq)

    def _every_charge_is_covered(self) -> None:
        """One charge a line, none without consent, and each is spent or held."""
        for row in self._carrier.execute(
            "SELECT charge_id, tag FROM charges WHERE charge_id > ?", (self._charges_read,)
        ).fetchall():
            self._charges_read = row["charge_id"]
            if not row["tag"].startswith("rf1/"):
                continue  # bought in the carrier's console
            assert row["tag"] not in self._charged_tags, f"{row['tag']} was charged twice"
            self._charged_tags.add(row["tag"])
            self.seen["charges"] += 1
        lines = self._lines_by_tag()
        for tag in self._charged_tags:
            line = lines[tag]
            assert line["intent_id"] in self.consented, "charged without consent"
            if line["state"] != LineState.CAPTURED:
                assert line["state"] in UNSETTLED_LINES, f"charged, but the line is {line['state']}"
                assert self._hold_states(line["line_id"]) == {HoldState.PENDING}

    def _lines_by_tag(self) -> dict[str, sqlite3.Row]:
        rows = self._ours.execute("SELECT line_id, intent_id, state FROM line").fetchall()
        return {purchase_tag(self._installation_id, row["line_id"]): row for row in rows}

    def _hold_states(self, line_id: str) -> set[str]:
        rows = self._ours.execute("SELECT state FROM hold WHERE line_id = ?", (line_id,))
        return {state for (state,) in rows}
