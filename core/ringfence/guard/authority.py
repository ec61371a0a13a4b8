"""Who may sign: the chain of statements from the pinned root on, verified from stored bytes each time it counts.

Root, enrolments and revocations name one another by hash, so none can be left out, exchanged or replayed. Each was
signed by the approvers of its time, at the strongest level that the policy of its time asked for and that they could
give together, or by the recovery key that made the root.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from ringfence.approvers import (
    AUTHORITY,
    ApproverKey,
    KeyKind,
    Purpose,
    Signature,
    Statement,
    fingerprint,
)
from ringfence.errors import NotAuthorized
from ringfence.guard import signatures
from ringfence.guard.signatures import BadSignature
from ringfence.intents import Level
from ringfence.policy import PolicyDocument
from ringfence.store import statements
from ringfence.store.statements import Signed
from ringfence.store.transaction import Transaction

NOTHING_BEFORE = "0" * 64
"""What the root names as the statement before it."""


@dataclass(frozen=True)
class Authority:
    """The approvers of an installation at one point of its history."""

    keys: Mapping[str, ApproverKey] = field(default_factory=dict)
    """Keys that may sign, by their ids."""
    revoked: frozenset[str] = frozenset()
    """Ids of keys that never sign again: one that came back would bring its unsent consent along."""
    recovery: ApproverKey | None = None
    heads: tuple[str, ...] = (NOTHING_BEFORE,)
    """The hashes of the statements about who may sign, in their order."""

    @property
    def head(self) -> str:
        """The hash of the last one, which the next one names."""
        return self.heads[-1]

    @property
    def people(self) -> frozenset[str]:
        """Who holds at least one key that may sign."""
        return frozenset(key.person for key in self.keys.values())

    @property
    def strongest(self) -> Level | None:
        """The strongest consent that these people can give together; None where nobody can give any."""
        return level_of(self.keys.values())


def level_of(keys: Iterable[ApproverKey]) -> Level | None:
    """What signatures of these keys prove together; two keys of one person are one person."""
    used = list(keys)
    has_passkey = any(key.kind is KeyKind.PASSKEY for key in used)
    if has_passkey and len({key.person for key in used}) > 1:
        return Level.TWO_PEOPLE
    return max((key.kind.level for key in used), key=lambda level: level.strength, default=None)


def is_at_least(level: Level | None, needed: Level | None) -> bool:
    """Whether a level proves as much as another; nobody's consent proves nothing."""
    return level is not None and needed is not None and level.strength >= needed.strength


def strongest_of(rules: PolicyDocument) -> Level:
    """The strongest consent that a policy asks for anywhere, and at least a secret that a person knows."""
    asked = [*rules.levels.all(), Level.PASSPHRASE]
    return max(asked, key=lambda level: level.strength)


def needed_to_change(authority: Authority, rules: PolicyDocument) -> Level | None:
    """What it takes to change who may sign, or to loosen a policy; None where nobody can."""
    strongest = authority.strongest
    if strongest is None:
        return None
    return min(strongest, strongest_of(rules), key=lambda level: level.strength)


def read(tx: Transaction) -> Authority:
    """The approvers as they are now, verified from the pinned root on.

    Raises:
        NotAuthorized: the pin is missing or another's, or a statement does not hold.
    """
    authority = Authority()
    for signed in statements.of_purposes(tx, AUTHORITY):
        authority = after(tx, authority, signed)
    return authority


def after(tx: Transaction, before: Authority, signed: Signed) -> Authority:
    """The approvers after one more statement about who may sign.

    Raises:
        NotAuthorized: as `read`.
    """
    statement = parse(signed)
    if statement.installation_id != tx.installation_id:
        raise _broken(signed, "it belongs to another installation")
    if statement.body.get("before") != before.head:
        return _not_next(before, signed, statement)
    head = hashlib.sha256(signed.encoded).hexdigest()
    if statement.purpose is Purpose.ROOT:
        return replace(_root(tx, before, signed, statement), heads=(*before.heads, head))
    if not is_signed_enough(tx, before, signed, statement):
        return before  # it waits for more signatures, and changes nothing until then
    keys, revoked = dict(before.keys), before.revoked
    if statement.purpose is Purpose.ENROLL:
        key = key_in(statement)
        if key.key_id in revoked:
            raise _broken(signed, "it enrols a key that was revoked")
        keys[key.key_id] = key
    elif keys.pop(statement.subject, None) is None:
        raise _broken(signed, "it revokes a key that was not enrolled")
    else:
        revoked |= {statement.subject}
    return replace(before, keys=keys, revoked=revoked, heads=(*before.heads, head))


def _root(tx: Transaction, before: Authority, signed: Signed, statement: Statement) -> Authority:
    key = key_in(statement)
    if before.recovery is not None or key.kind is not KeyKind.RECOVERY:
        raise _broken(signed, "there is one root, made by a recovery key")
    pinned = tx.anchor.root(tx.installation_id)
    if pinned is None:
        raise NotAuthorized(
            "The pin of this installation's root is missing, so nobody's signature counts.",
            remedy="Restore the pin file from a backup, or found a new installation.",
        )
    if pinned != fingerprint(bytes.fromhex(key.public_key)):
        raise _broken(signed, "another root is pinned for this installation")
    if statement.body.get("mode") != tx.mode:
        raise _broken(signed, "it was made for an installation of the other mode")
    [signature] = signed.signatures or [None]
    if signature is None:
        raise _broken(signed, "it is not signed")
    signatures.verify(key, signed.purpose, signed.encoded, signature)
    return replace(before, recovery=key)


def _not_next(before: Authority, signed: Signed, statement: Statement) -> Authority:
    """A statement that another one overtook, before it was signed enough, changes nothing any more.

    One that was in force names the head of its time; that head would be missing here.
    """
    if statement.body.get("before") not in before.heads:
        raise _broken(signed, "it does not follow the one before it")
    return before


def is_signed_enough(
    tx: Transaction, before: Authority, signed: Signed, statement: Statement
) -> bool:
    """Signed by the recovery key, or by the approvers of that time at the level of that time.

    Raises:
        NotAuthorized: there is no root before it, or it names no policy.
    """
    if before.recovery is None:
        raise _broken(signed, "there is no root before it")
    signers = valid_signers(before, signed, is_recovery_enough=True)
    if before.recovery in signers:
        return True
    version = statement.body.get("policy_version")
    if type(version) is not int or not 1 <= version <= tx.policy_version:
        raise _broken(signed, "it names no policy")
    needed = needed_to_change(before, tx.policy_of(version).document)
    return is_at_least(level_of(signers), needed)


def valid_signers(
    authority: Authority, signed: Signed, *, is_recovery_enough: bool = False
) -> list[ApproverKey]:
    """The keys that may sign and have signed these bytes; other signatures say nothing."""
    found = []
    for signature in signed.signatures:
        key = _key_of(authority, signature, is_recovery_enough=is_recovery_enough)
        if key is None:
            continue
        try:
            signatures.verify(key, signed.purpose, signed.encoded, signature)
        except BadSignature:
            continue
        found.append(key)
    return found


def _key_of(
    authority: Authority, signature: Signature, *, is_recovery_enough: bool
) -> ApproverKey | None:
    recovery = authority.recovery
    if is_recovery_enough and recovery is not None and recovery.key_id == signature.key_id:
        return recovery
    return authority.keys.get(signature.key_id)


def parse(signed: Signed) -> Statement:
    """The statement that was stored, which must say the purpose under which it was.

    Raises:
        NotAuthorized: it is none.
    """
    try:
        statement = signed.statement
    except ValidationError as error:
        raise _broken(signed, "it cannot be read") from error
    if statement.purpose is not signed.purpose or statement.encoded != signed.encoded:
        raise _broken(signed, "it is not what was signed")
    return statement


def key_in(statement: Statement) -> ApproverKey:
    """The key that a root or enrolment is about.

    Raises:
        NotAuthorized: there is none in it, or another than its subject.
    """
    try:
        key = ApproverKey.model_validate_json(_json(statement.body.get("key")))
    except ValidationError as error:
        raise NotAuthorized("A statement about who may sign names no key.") from error
    if key.key_id != statement.subject:
        raise NotAuthorized("A statement about who may sign names another key than its subject.")
    return key


def _json(value: object) -> bytes:
    import rfc8785

    return rfc8785.dumps(value)  # type: ignore[arg-type]  # came from JSON


def _broken(signed: Signed, why: str) -> NotAuthorized:
    return NotAuthorized(
        f"Statement {signed.seq} ({signed.purpose}) does not hold: {why}. Nobody's signature counts.",
        remedy="Tell the person: the database has been changed. Compare it with a copy that you trust.",
    )
