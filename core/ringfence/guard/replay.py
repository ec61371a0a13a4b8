"""The states, told anew by the events alone: what the tables say must be what happened."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ringfence.guard.digest import digest_of_bytes
from ringfence.states import ENDED_LINES, UNSETTLED_LINES, IntentState, LineState, intent_state
from ringfence.store import audit, carrier_lists, intents, inventory, ledger
from ringfence.store.schema import moment_text
from ringfence.store.told import LISTED
from ringfence.store.transaction import Transaction

_FOLLOWING = frozenset(
    {
        IntentState.APPROVED,
        IntentState.EXECUTING,
        IntentState.NEEDS_ATTENTION,
        IntentState.FAILED,
        IntentState.PARTLY_COMPLETED,
        IntentState.COMPLETED,
    }
)
"""States that an intent's lines can change."""
_WITHDRAWABLE = frozenset({IntentState.AWAITING_APPROVAL, IntentState.APPROVED})

Event = Mapping[str, Any]


@dataclass
class Replay:
    """What the events say, so far."""

    intents: dict[str, IntentState] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    lines: dict[str, LineState] = field(default_factory=dict)
    of_line: dict[str, str] = field(default_factory=dict)
    lines_of: dict[str, list[str]] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    frozen: str | None = None
    policy: tuple[int, str] = (0, "")
    lists: dict[str, str] = field(default_factory=dict)
    """By carrier account: when its last list was begun."""
    entries: dict[str, str] = field(default_factory=dict)
    commits_from: str | None = None
    """Since when the chain commits to the ledger; None while it does not."""

    def take(self, event: Event) -> None:
        """Follow one event."""
        kind, _, what = event["type"].partition(".")
        handler = _HANDLERS.get(event["type"]) or _KINDS.get(kind)
        if handler is not None:
            handler(self, event, what)

    def _founded(self, event: Event, _what: str) -> None:
        if "ledger" in event["body"].get("commits", []):
            self.commits_from = event["at"]

    def _asked(self, event: Event, what: str) -> None:
        intent_id, is_refused = event["subject"], what == "refused"
        terms = json.loads(event["body"]["terms"])
        self.digests[intent_id] = event["body"]["digest"]
        self.intents[intent_id] = (
            IntentState.REFUSED if is_refused else IntentState.AWAITING_APPROVAL
        )
        self.lines_of[intent_id] = [line["line_id"] for line in terms["lines"]]
        for line_id in self.lines_of[intent_id]:
            self.of_line[line_id] = intent_id
            self.lines[line_id] = LineState.VOIDED if is_refused else LineState.READY

    def _approved(self, event: Event, _what: str) -> None:
        self.intents[event["subject"]] = IntentState.APPROVED

    def _over(self, event: Event, what: str) -> None:
        """It ended, with all of its lines that were not sent; one that was sent in part goes on without them."""
        intent_id = event["subject"]
        if self.intents.get(intent_id) in _WITHDRAWABLE:
            self.intents[intent_id] = _ENDS[what]
        for line_id in self.lines_of.get(intent_id, []):
            if self.lines[line_id] is LineState.READY:
                self.lines[line_id] = LineState.VOIDED
        self._follow(intent_id)

    def _line(self, event: Event, what: str) -> None:
        said = {"dispatching": "dispatching", "voided": "voided"}.get(what)
        state = said or event["body"].get("state" if what != "resolved" else "became")
        if state is not None:
            self.lines[event["subject"]] = LineState(state)
            self._follow(self.of_line.get(event["subject"], ""))

    def _follow(self, intent_id: str) -> None:
        before = self.intents.get(intent_id)
        if before not in _FOLLOWING:
            return
        states = [self.lines[line_id] for line_id in self.lines_of[intent_id]]
        is_unsent = not set(states) & (UNSETTLED_LINES | ENDED_LINES)
        if before is not IntentState.APPROVED or not is_unsent:
            self.intents[intent_id] = intent_state(states)

    def _number(self, event: Event, what: str) -> None:
        if what == "resolved":
            self.numbers[event["subject"]] = event["body"]["became"]
        elif what in _NUMBERS:
            self.numbers[event["subject"]] = _NUMBERS[what]

    def _freeze(self, event: Event, what: str) -> None:
        self.frozen = event["body"]["reason"] if what == "frozen" else None

    def _policy(self, event: Event, _what: str) -> None:
        self.policy = (int(event["subject"].rpartition(" ")[2]), event["body"]["hash"])

    def _listed(self, event: Event, _what: str) -> None:
        account, read_at = event["subject"], event["body"]["read_at"]
        self.lists[account] = max(self.lists.get(account, ""), read_at)

    def _ledger(self, event: Event, _what: str) -> None:
        self.commits_from = self.commits_from or event["at"]
        self.entries.update(event["body"]["entries"])


_ENDS = {
    "declined": IntentState.DECLINED,
    "expired": IntentState.EXPIRED,
    "cancelled": IntentState.CANCELLED,
    "withdrawn": IntentState.CANCELLED,
    "superseded": IntentState.CANCELLED,
}
_NUMBERS = {
    "active": "active",
    "external": "active",
    "found": "active",
    "lost": "lost",
    "release_requested": "release_requested",
    "releasing": "releasing",
    "release_unknown": "release_unknown",
    "released": "released",
}
_Handler = Callable[[Replay, Event, str], None]
_HANDLERS: Mapping[str, _Handler] = {
    "installation.founded": Replay._founded,
    "intent.proposed": Replay._asked,
    "intent.refused": Replay._asked,
    "intent.approved": Replay._approved,
    **{f"intent.{what}": Replay._over for what in _ENDS},
    "guard.frozen": Replay._freeze,
    "guard.unfrozen": Replay._freeze,
    "policy.applied": Replay._policy,
    LISTED: Replay._listed,
    ledger.WRITTEN: Replay._ledger,
}
_KINDS: Mapping[str, _Handler] = {"line": Replay._line, "number": Replay._number}


def replay(tx: Transaction) -> Replay:
    """What all events say together."""
    told = Replay()
    for event in audit.stored(tx):
        told.take(json.loads(event.text))
    return told


def differences(tx: Transaction) -> list[str]:
    """Where the tables say something else than the events, in words; empty is good."""
    told = replay(tx)
    return [
        *_in_intents(tx, told),
        *_in_states("line", told.lines, intents.line_states(tx)),
        *_in_states(
            "number", told.numbers, {r.number_id: r.state.value for r in inventory.everything(tx)}
        ),
        *_in_ledger(tx, told),
        *_in_authority(tx, told),
        *_in_lists(tx, told),
    ]


def _in_intents(tx: Transaction, told: Replay) -> list[str]:
    found, states = [], {}
    for row in intents.standings(tx):
        states[row.intent_id] = row.state
        if not row.digest == told.digests.get(row.intent_id) == digest_of_bytes(row.terms.encode()):
            found.append(f"the terms of intent {row.intent_id} are not those that were proposed")
    return [*found, *_in_states("intent", told.intents, states)]


def _in_states(what: str, told: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    return [
        f"{what} {name} is {found.get(name, 'missing')}, and was {told.get(name, 'never there')}"
        for name in sorted({*told, *found})
        if told.get(name) != found.get(name)
    ]


def _in_ledger(tx: Transaction, told: Replay) -> list[str]:
    since = told.commits_from
    found, expected = [], dict(told.entries)
    for entry, recorded_at in ledger.in_order(tx):
        if since is None or moment_text(recorded_at) < since:
            continue  # from before the chain committed to entries
        if expected.pop(entry.entry_id, None) != ledger.entry_hash(entry):
            found.append(f"ledger entry {entry.entry_id} is not what was written")
    return [*found, *(f"ledger entry {name} is missing" for name in sorted(expected))]


def _in_authority(tx: Transaction, told: Replay) -> list[str]:
    found = []
    if (tx.policy_version, tx.policy.hash) != told.policy:
        found.append(
            f"policy {tx.policy_version} is in force, and policy {told.policy[0]} was put in force"
        )
    if tx.frozen != told.frozen:
        found.append("the freeze is not what was last said of it")
    return found


def _in_lists(tx: Transaction, told: Replay) -> list[str]:
    lists = carrier_lists.everything(tx)
    read = {each.subject: moment_text(each.read_at) for each in lists}
    return [
        f"the list of {account} is of {read.get(account, 'never')}, and was of {told.lists.get(account, 'never')}"
        for account in sorted({*read, *told.lists})
        if read.get(account) != told.lists.get(account)
    ]
