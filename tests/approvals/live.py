"""A live installation to rehearse in: its carrier is the sandbox, its rules are real, and people sign."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from guard.signing import Somebody
from house import House, policy_with
from ringfence.clock import ManualClock
from ringfence.guard import consent, policy_change
from ringfence.ids import CountingIds
from ringfence.intents import Level
from ringfence.policy import PolicyDocument, read_policy
from ringfence.store.anchor import FolderAnchor


def live_house(folder: Path) -> House:
    """A new live installation; its pins are elsewhere."""
    document = read_policy(files("ringfence_server").joinpath("live_policy.yaml").read_text())
    return House(
        folder / "home",
        clock=ManualClock(),
        ids=CountingIds(),
        mode="live",
        first_policy=lambda: document,
        anchor=FolderAnchor(folder / "pins"),
    )


def rules(level: Level) -> PolicyDocument:
    """The sandbox's limits with this level of consent for a purchase."""
    other = min(level, Level.PASSKEY, key=lambda each: each.strength)
    return policy_with(levels=f"{{buy: {level}, release: {other}, assign: {other}}}")


def put(house: House, document: PolicyDocument, *by: Somebody) -> None:
    """Put a policy in force, as all of them together signed it."""
    statement = house.read(
        lambda tx: policy_change.proposal(tx, document, nonce=consent.fresh_nonce())
    )
    for each in by:
        house.write(
            lambda tx, each=each: policy_change.apply_signed(  # type: ignore[misc]  # bound at once
                tx, statement, each.sign(statement), applied_by=each.person
            )
        )
    assert house.read(lambda tx: tx.rules) == document
