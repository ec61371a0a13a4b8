"""A live installation to rehearse in, whose policy the approvers have signed."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from guard.signing import Somebody
from house import House, policy_with
from ringfence.clock import ManualClock
from ringfence.guard import consent, policy_change
from ringfence.ids import CountingIds
from ringfence.policy import PolicyDocument, read_policy
from ringfence.store.anchor import FolderAnchor

PASSPHRASE = policy_with(levels="{buy: passphrase, release: passphrase, assign: passphrase}")
"""The sandbox's limits, with signed consent."""


def live_house(folder: Path) -> House:
    """A new live installation; its pins are elsewhere."""
    first = files("ringfence_server").joinpath("live_policy.yaml").read_text()
    return House(
        folder / "home",
        clock=ManualClock(),
        ids=CountingIds(),
        mode="live",
        first_policy=lambda: read_policy(first),
        anchor=FolderAnchor(folder / "pins"),
    )


def put(house: House, document: PolicyDocument, *by: Somebody) -> None:
    """Put a policy in force, as they signed it."""
    statement = house.read(
        lambda tx: policy_change.proposal(tx, document, nonce=consent.fresh_nonce())
    )
    for each in by:
        signature = each.sign(statement)
        house.write(
            lambda tx, signature=signature, each=each: policy_change.apply_signed(  # type: ignore[misc]  # bound at once
                tx, statement, signature, applied_by=each.person
            )
        )
    assert house.read(lambda tx: tx.rules) == document
