"""Ways to consent: who can still say yes to something, where, and what is missing where nobody can.

Pure: whoever tells a person or a model about consent, in a result, a terminal, a plan or a check-up, says what stands
here, so that no two of them differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ringfence.approvers import ApproverKey, KeyKind, is_public
from ringfence.guard.authority import Authority, is_at_least, level_of
from ringfence.intents import WEAK_LEVELS, Level
from ringfence.policy import PolicyDocument

ENROLL = "ringfence approver enroll NAME"
"""How a person comes to sign with a passphrase."""
ENROLL_PASSKEY = f"{ENROLL} --passkey"


@dataclass(frozen=True)
class Lack:
    """Why nobody can give a consent, and what a person can do about it."""

    says: str
    remedy: str
    """A command."""


@dataclass(frozen=True)
class Ways:
    """How people can consent to one thing now."""

    level: Level
    in_terminal: tuple[str, ...] = ()
    """Whose passphrase would add to what is there; empty where the level needs no signature."""
    on_page: tuple[str, ...] = ()
    """Whose passkey would."""
    signed: tuple[str, ...] = ()
    """Who has signed, where that is not enough yet."""
    signed_with: tuple[KeyKind, ...] = ()
    """With what."""
    lack: Lack | None = None
    """Why nobody can complete it; None where somebody can."""
    is_far: bool = False
    """Whether the page is away from this machine, where a click is never enough."""

    @property
    def people(self) -> tuple[str, ...]:
        """Who can give it or take part in it, by name; nobody where it cannot be completed."""
        return () if self.lack is not None else tuple(sorted({*self.in_terminal, *self.on_page}))

    @property
    def is_weak(self) -> bool:
        """Whether a click or a typed number is enough, as in a sandbox."""
        return self.level in WEAK_LEVELS

    @property
    def serves_terminal(self) -> bool:
        """Whether a terminal is of any use."""
        return self.is_weak or bool(self.in_terminal)

    @property
    def serves_page(self) -> bool:
        """Whether the approval page is of any use."""
        return (self.is_weak and not self.is_far) or bool(self.on_page)


def ways(
    who: Authority,
    level: Level,
    there: Collection[ApproverKey] = (),
    *,
    origin: str | None = None,
) -> Ways:
    """How consent at a level can be given, or completed where these keys have signed.

    Args:
        who: who may sign.
        level: what it has to prove.
        there: the keys that have signed already.
        origin: where the page is; a passkey of another address serves nobody there. None for wherever it will be.
    """
    here = [key for key in who.keys.values() if origin is None or key.origin in {None, origin}]
    if level in WEAK_LEVELS:
        # Away from this machine no click counts, only a passkey that was made there.
        is_far = origin is not None and is_public(origin)
        return Ways(level, on_page=_names(_passkeys(here)) if is_far else (), is_far=is_far)
    adding = _adding(here, level, there)
    is_short = not is_at_least(level_of(there), level)
    return Ways(
        level=level,
        in_terminal=_names(key for key in adding if key.kind is KeyKind.PASSPHRASE),
        on_page=_names(_passkeys(adding)),
        signed=_names(there) if is_short else (),
        signed_with=tuple(sorted({key.kind for key in there})) if is_short else (),
        lack=lack(who, level),
    )


def _adding(
    keys: Sequence[ApproverKey], level: Level, there: Collection[ApproverKey]
) -> list[ApproverKey]:
    """Keys that give all that is missing at once; where none does, those that give a part of it."""
    if level is not Level.TWO_PEOPLE:
        return [key for key in keys if key.kind.level.strength >= level.strength]
    people = {key.person for key in there}
    if not people:
        return list(keys)
    missing = (len(people) < 2, not any(_passkeys(there)))
    given = [
        (key, (missing[0] and key.person not in people, missing[1] and key.kind is KeyKind.PASSKEY))
        for key in keys
    ]
    whole = [key for key, gives in given if gives == missing]
    return whole or [key for key, gives in given if any(gives)]


def _passkeys(keys: Iterable[ApproverKey]) -> list[ApproverKey]:
    return [key for key in keys if key.kind is KeyKind.PASSKEY]


def _names(keys: Iterable[ApproverKey]) -> tuple[str, ...]:
    return tuple(sorted({key.person for key in keys}))


def lack(who: Authority, level: Level) -> Lack | None:
    """Why nobody can give consent at a level; None where the people who are enrolled can."""
    if level in WEAK_LEVELS or is_at_least(who.strongest, level):
        return None
    if not who.keys:
        enroll = ENROLL if level is Level.PASSPHRASE else ENROLL_PASSKEY
        return Lack("no approver is enrolled", enroll)
    if level is Level.PASSKEY:
        return Lack("it takes a passkey, and no approver has one", ENROLL_PASSKEY)
    if len(who.people) > 1:
        return Lack(
            "it takes two people, one of them with a passkey, and no approver has one",
            ENROLL_PASSKEY,
        )
    has_passkey = who.strongest is Level.PASSKEY
    return Lack(
        "it takes two people, and there is one approver", ENROLL if has_passkey else ENROLL_PASSKEY
    )


def unreachable(who: Authority, rules: PolicyDocument) -> list[tuple[Level, Lack]]:
    """The levels that a policy asks for and nobody can give, the weakest first."""
    asked = sorted(set(rules.levels.all()), key=lambda level: level.strength)
    found = [(level, lack(who, level)) for level in asked]
    return [(level, missing) for level, missing in found if missing is not None]
