"""Ways to consent: who can still say yes to something, where, and what is missing where nobody can.

Pure: whoever tells a person or a model about consent, in a result, a terminal, a plan or a check-up, says what stands
here, so that no two of them differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ringfence.approvers import ApproverKey, KeyKind
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
    lack: Lack | None = None
    """Why nobody can complete it; None where somebody can."""

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
        return self.is_weak or bool(self.on_page)


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
    if level in WEAK_LEVELS:
        return Ways(level)
    adding = [
        key
        for key in who.keys.values()
        if _adds(key, level, there) and (origin is None or key.origin in {None, origin})
    ]
    return Ways(
        level=level,
        in_terminal=_names(key for key in adding if key.kind is KeyKind.PASSPHRASE),
        on_page=_names(key for key in adding if key.kind is KeyKind.PASSKEY),
        signed=_names(there) if not is_at_least(level_of(there), level) else (),
        lack=lack(who, level),
    )


def _adds(key: ApproverKey, level: Level, there: Collection[ApproverKey]) -> bool:
    """Whether its signature would prove more than those that are there, towards this level."""
    if level is not Level.TWO_PEOPLE:
        return key.kind.level.strength >= level.strength
    has_passkey = any(each.kind is KeyKind.PASSKEY for each in there)
    people = {each.person for each in there}
    if key.person in people:
        # The other of two people may have signed before; then one passkey of either of them is what is missing.
        return key.kind is KeyKind.PASSKEY and not has_passkey and len(people) > 1
    return not people or has_passkey or key.kind is KeyKind.PASSKEY


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
    [alone] = who.people
    has_passkey = who.strongest is Level.PASSKEY
    return Lack(
        f"it takes two people, and {alone} is the only approver",
        ENROLL if has_passkey else ENROLL_PASSKEY,
    )


def unreachable(who: Authority, rules: PolicyDocument) -> list[tuple[Level, Lack]]:
    """The levels that a policy asks for and nobody can give, the weakest first."""
    asked = sorted(set(rules.levels.all()), key=lambda level: level.strength)
    found = [(level, lack(who, level)) for level in asked]
    return [(level, missing) for level, missing in found if missing is not None]
