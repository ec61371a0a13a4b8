"""Whether the policy in force is the approvers': every version since the root either tightened, or was signed.

Verified from stored bytes each time it counts, as who may sign is. A policy row that somebody wrote into the database
is worth nothing, nor is an old one that is put back.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ringfence.approvers import AUTHORITY, Purpose, Statement
from ringfence.errors import NotAuthorized
from ringfence.guard import authority
from ringfence.guard.authority import Authority
from ringfence.guard.policy_diff import Basis, differences
from ringfence.policy import Policy, PolicyDocument
from ringfence.store import policies, statements
from ringfence.store.statements import Signed
from ringfence.store.transaction import Transaction


@dataclass
class _Walk:
    """What has been verified so far."""

    who: Authority = field(default_factory=Authority)
    founding: tuple[int, str] | None = None
    """The version and hash that the root found in force."""
    signed: dict[int, str] = field(default_factory=dict)
    """Hashes of the versions that were signed, by version."""


def check(tx: Transaction) -> None:
    """Raise unless the policy in force is the approvers'.

    Raises:
        NotAuthorized: a version loosened without their signatures, or is not what it was.
    """
    walked = _walk(tx)
    if walked.founding is None:
        raise NotAuthorized(
            "This installation has no root, so nobody stands for its policy.",
            remedy="Enrol the first approver: ringfence approver enroll NAME",
        )
    first, founded_hash = walked.founding
    before = signed = _sound(tx, first)
    if before.hash != founded_hash:
        raise _broken(first, "it is not the one that the root found")
    for version in range(first + 1, tx.policy_version + 1):
        policy = _sound(tx, version)
        if walked.signed.get(version) == policy.hash:
            signed = policy
        else:
            basis = Basis(signed.document, policy.applied_at)
            if is_loosening(before.document, policy.document, basis):
                raise _broken(version, "it loosens, and nobody signed it")
        before = policy


def is_loosening(old: PolicyDocument, new: PolicyDocument, basis: Basis | None = None) -> bool:
    """Whether a policy allows anything that the one before did not, and that approvers have to sign."""
    return any(not each.is_free for each in differences(old, new, basis))


def basis_now(tx: Transaction) -> Basis | None:
    """What a policy would be judged by that is put in force now; None where nobody has signed one that counts."""
    try:
        walked = _walk(tx)
        if walked.founding is None:
            return None
        last, _ = walked.founding
        for version, signed_hash in walked.signed.items():
            if last < version <= tx.policy_version and _sound(tx, version).hash == signed_hash:
                last = version
        return Basis(_sound(tx, last).document, tx.now)
    except NotAuthorized:
        return None


def _walk(tx: Transaction) -> _Walk:
    """Go through the statements in their order, so that each is judged by the approvers of its time."""
    walked = _Walk()
    purposes = [*AUTHORITY, Purpose.POLICY]
    for signed in statements.of_purposes(tx, purposes):
        if signed.purpose is Purpose.POLICY:
            _take_policy(tx, walked, signed)
            continue
        walked.who = authority.after(tx, walked.who, signed)
        if signed.purpose is Purpose.ROOT:
            body = authority.parse(signed).body
            walked.founding = (int(body["policy_version"]), str(body["policy_hash"]))
    return walked


def _take_policy(tx: Transaction, walked: _Walk, signed: Signed) -> None:
    statement = authority.parse(signed)
    if statement.installation_id != tx.installation_id:
        raise NotAuthorized("A policy was signed for another installation.")
    version, before = place(statement)
    if not 1 <= before <= tx.policy_version or version != before + 1:
        return  # it waits, or came too late
    if _sound(tx, before).hash != statement.body.get("before_hash"):
        return
    needed = authority.needed_to_change(walked.who, tx.policy_of(before).document)
    signers = authority.valid_signers(walked.who, signed)
    if authority.is_at_least(authority.level_of(signers), needed):
        walked.signed[version] = str(statement.body.get("hash"))


def place(statement: Statement) -> tuple[int, int]:
    """The version that a policy would have, and the one that it follows; zeros where it names none."""
    version, before = statement.body.get("version"), statement.body.get("before_version")
    if type(version) is not int or type(before) is not int:
        return 0, 0
    return version, before


def _sound(tx: Transaction, version: int) -> Policy:
    """A version whose stored hash is that of its document."""
    policy = tx.policy_of(version)
    if policies.document_hash(policy.document) != policy.hash:
        raise _broken(version, "its hash is not that of what it says")
    return policy


def _broken(version: int, why: str) -> NotAuthorized:
    return NotAuthorized(
        f"Version {version} of the policy does not hold: {why}. Nothing is bought under it.",
        remedy="Tell the person: the policy was changed behind the approvers' back. Compare it with a copy.",
    )
