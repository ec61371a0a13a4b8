"""What the chain tells of how things stand: freeze, policy, time and balances, followed event by event.

The rows that say the same are quick to read and quick to change; the chain is what they are measured by. A process
follows it once from its first event on, then only what is new.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ringfence.store import audit
from ringfence.store.balances import Balance, Key, Rows

if TYPE_CHECKING:
    from ringfence.store.transaction import Transaction

LISTED = "carrier.listed"
"""The event with which the chain knows of a carrier's list that was compared."""
MOVED = "balances.moved"
"""The event with which the chain says by how much balances were moved, or that all were replaced.

It tells differences, so that a row which somebody changed is not told as it became.
"""


class Contradiction(Exception):
    """The stored chain does not hold, or is not the one that was followed so far."""


@dataclass(frozen=True)
class Told:
    """What the events say up to one of them."""

    seq: int = 0
    hash: str = audit.GENESIS
    mode: str = ""
    frozen: str | None = None
    frozen_at: int = 0
    """Where the latest freeze is; zero where there was none."""
    lifted_at: int = 0
    """Where it was lifted; zero while it was not."""
    policies: Mapping[int, str] = field(default_factory=dict)
    """The hash of every version that was put in force."""
    balances: Mapping[Key, Balance] = field(default_factory=dict)
    lists: Mapping[str, str] = field(default_factory=dict)
    """When the latest list of every carrier account was read, by what the chain calls the account."""

    @property
    def policy_version(self) -> int:
        """The version in force; zero before the first."""
        return max(self.policies, default=0)


def follow(tx: Transaction, known: Told) -> Told:
    """Go on from what is known to the head of the chain as this transaction sees it.

    Raises:
        Contradiction: an event is missing or altered, or what is known is no part of this chain.
    """
    told, balances = known, dict(known.balances)
    for event in audit.stored(tx, since=known.seq + 1):
        if event.seq != told.seq + 1:
            raise Contradiction(f"event {told.seq + 1} is missing")
        if audit.chain_hash(told.hash, event.text.encode()) != event.hash:
            raise Contradiction(f"event {event.seq} is not what was written")
        told = replace(told, seq=event.seq, hash=event.hash)
        if any(sign in event.text for sign in _SIGNS):
            told = _taken(told, json.loads(event.text), balances)
    if (told.seq, told.hash) != audit.head(tx):
        raise Contradiction("the head names an event that is not the last")
    return replace(told, balances=balances)


def _taken(told: Told, event: dict[str, Any], balances: dict[Key, Balance]) -> Told:
    if event["type"] == MOVED:
        _move(balances, event["body"])
        return told
    take = _STEPS.get(event["type"])
    return take(told, event) if take is not None else told


def _move(balances: dict[Key, Balance], body: Mapping[str, Any]) -> None:
    if "all" in body:
        balances.clear()
        balances.update(_read(body["all"]))
    for key, by in _read(body["by"]).items():
        before = balances.get(key, Balance())
        balances[key] = Balance(before.held + by.held, before.used + by.used)


def body_of(rows: Rows) -> dict[str, Any]:
    """An event's body that tells how a transaction moved balances; empty where it moved none."""
    if rows.replaced is not None:
        return {"all": _written(rows.replaced), "by": _written(rows.moved)}
    return {"by": _written(rows.moved)} if rows.moved else {}


def _written(balances: Mapping[Key, Balance]) -> dict[str, dict[str, str]]:
    """Budget, window, and `held used` as text, since JSON's numbers are not exact that far."""
    written: dict[str, dict[str, str]] = {}
    for (budget, window), balance in sorted(balances.items()):
        written.setdefault(budget, {})[window] = f"{balance.held} {balance.used}"
    return written


def _read(written: Mapping[str, Mapping[str, str]]) -> dict[Key, Balance]:
    return {
        (budget, window): Balance(*map(int, amounts.split()))
        for budget, windows in written.items()
        for window, amounts in windows.items()
    }


def _founded(told: Told, event: dict[str, Any]) -> Told:
    return replace(told, mode=event["body"]["mode"])


def _frozen(told: Told, event: dict[str, Any]) -> Told:
    return replace(told, frozen=event["body"]["reason"], frozen_at=event["seq"], lifted_at=0)


def _lifted(told: Told, event: dict[str, Any]) -> Told:
    return replace(told, frozen=None, lifted_at=event["seq"])


def _policy(told: Told, event: dict[str, Any]) -> Told:
    version = int(event["subject"].rpartition(" ")[2])
    return replace(told, policies={**told.policies, version: event["body"]["hash"]})


def _listed(told: Told, event: dict[str, Any]) -> Told:
    """The latest one counts, in whatever order they were compared; moments sort as their text does."""
    account, read_at = event["subject"], event["body"]["read_at"]
    latest = max(read_at, told.lists.get(account, ""))
    return replace(told, lists={**told.lists, account: latest})


_STEPS: Mapping[str, Callable[[Told, dict[str, Any]], Told]] = {
    "installation.founded": _founded,
    "guard.frozen": _frozen,
    "guard.unfrozen": _lifted,
    "policy.applied": _policy,
    LISTED: _listed,
}
_SIGNS = tuple(f'"type":"{type_}"' for type_ in (MOVED, *_STEPS))
"""Text that such an event holds; others may hold it too, and are then read in full for nothing."""
