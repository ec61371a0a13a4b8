"""What must hold after every step, read from the databases by means of its own.

Triggers write down every change of state, so that none is missed between two looks. The audit chain is verified by a
second implementation, event by event. Charges are read from the carrier's file, which our code cannot change.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from guard.reader import Reader, Row
from ringfence.intents import Op
from ringfence.states import (
    UNSETTLED_LINES,
    HoldState,
    IntentState,
    LineState,
    NumberState,
    check_transition,
)
from ringfence.tags import purchase_tag

_STATES: Mapping[str, type[StrEnum]] = {
    "intent": IntentState,
    "line": LineState,
    "hold": HoldState,
    "number": NumberState,
}


class Watch:
    """Looks at one installation and its carrier, and remembers how far it has looked."""

    def __init__(self, *, ours: Reader, carrier: Reader, seen: Counter[str]) -> None:
        self.seen = seen
        self.consented: set[str] = set()
        """Intents that a person said yes to."""
        self.late_is_allowed = False
        """Whether the clock jumped while a request was on its way: only then may a failure turn out to be a charge."""
        self._ours = ours
        self._carrier = carrier
        [row] = ours.rows("SELECT installation_id FROM installation")
        self._installation_id: str = row["installation_id"]
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
        rows = self._ours.rows(
            "SELECT intent_id FROM intent WHERE state = 'awaiting_approval' ORDER BY intent_id"
        )
        return [row["intent_id"] for row in rows]

    def approved(self) -> list[str]:
        """Intents that a person said yes to and that have not ended."""
        rows = self._ours.rows(
            "SELECT intent_id FROM intent WHERE state IN ('approved', 'executing', 'needs_attention')"
            " ORDER BY intent_id"
        )
        return [row["intent_id"] for row in rows]

    def unresolved(self) -> list[str]:
        """Lines and numbers that wait for a person to say what became of them."""
        rows = self._ours.rows(
            "SELECT line_id AS id FROM line WHERE state = 'manual'"
            " UNION ALL SELECT number_id FROM number WHERE state = 'lost' ORDER BY id"
        )
        return [row["id"] for row in rows]

    def owned(self) -> list[str]:
        """Numbers that we pay for."""
        rows = self._ours.rows(
            "SELECT number FROM number WHERE state <> 'released' ORDER BY number"
        )
        return [row["number"] for row in rows]

    def has_work(self) -> bool:
        """Whether a runner has something to do, now or later."""
        return bool(self._ours.rows("SELECT line_id FROM line WHERE due_at IS NOT NULL LIMIT 1"))

    def is_frozen(self) -> bool:
        [row] = self._ours.rows("SELECT frozen FROM audit_head")
        return row["frozen"] is not None

    def look(self) -> None:
        """Everything that is quickly read."""
        self._states_moved_along_their_tables()
        self._the_audit_chain_holds()
        self._every_charge_is_covered()

    def _states_moved_along_their_tables(self) -> None:
        rows = self._ours.rows(
            "SELECT * FROM change_of_state WHERE place > ? ORDER BY place", self._changes_read
        )
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
                self._late_success_was_allowed(row["id"])
                self.seen["late success"] += 1

    def _consent_was_good(self, line_id: str) -> None:
        """What is sent was consented to, in these very terms, and in time."""
        rows = self._ours.rows(
            "SELECT intent.intent_id, intent.digest, approval.digest AS approved, dispatched_at, expires_at"
            " FROM line JOIN intent USING (intent_id) JOIN approval USING (intent_id)"
            " WHERE line_id = ?",
            line_id,
        )
        assert rows, f"{line_id} was sent without consent"
        [row] = rows
        assert row["intent_id"] in self.consented
        assert row["approved"] == row["digest"]
        assert row["dispatched_at"] < row["expires_at"], f"{line_id} was sent too late"

    def _late_success_was_allowed(self, line_id: str) -> None:
        """A purchase's ticket dies with its time; what moves a number costs nothing and may be said at any time."""
        [row] = self._ours.rows(
            "SELECT op FROM line JOIN intent USING (intent_id) WHERE line_id = ?", line_id
        )
        is_free = row["op"] != Op.BUY
        assert self.late_is_allowed or is_free, f"{line_id} had failed and was charged after all"

    def _the_audit_chain_holds(self) -> None:
        previous, seq = self._chain
        rows = self._ours.rows("SELECT * FROM audit_event WHERE seq > ? ORDER BY seq", seq)
        for row in rows:
            body = json.loads(row["bytes"])
            assert (row["seq"], body["seq"], body["prev"]) == (seq + 1, seq + 1, previous)
            encoded = row["bytes"].encode()
            expected = hashlib.sha256(b"\x00" + bytes.fromhex(previous) + encoded).hexdigest()
            assert row["hash"] == expected, f"event {row['seq']} does not follow"
            previous, seq = expected, seq + 1
        [head] = self._ours.rows("SELECT seq, hash FROM audit_head")
        assert (head["seq"], head["hash"]) == (seq, previous)
        self._chain = (previous, seq)

    def _every_charge_is_covered(self) -> None:
        """One charge a line, none without consent, and each is spent or held."""
        for row in self._carrier.rows(
            "SELECT charge_id, tag FROM charges WHERE charge_id > ?", self._charges_read
        ):
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

    def _lines_by_tag(self) -> dict[str, Row]:
        rows = self._ours.rows("SELECT line_id, intent_id, state FROM line")
        return {purchase_tag(self._installation_id, row["line_id"]): row for row in rows}

    def _hold_states(self, line_id: str) -> set[str]:
        rows = self._ours.rows("SELECT state FROM hold WHERE line_id = ?", line_id)
        return {row["state"] for row in rows}
