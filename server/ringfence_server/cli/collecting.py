"""Collecting signatures in a terminal: who has signed something, what it still takes, and who is asked for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ringfence.approvers import KeyKind
from ringfence.errors import NotAuthorized, PolicyRefused
from ringfence.guard import approval, authority, consent
from ringfence.guard.authority import Authority, is_at_least, level_of
from ringfence.guard.changes import Change
from ringfence.intents import Intent, Level
from ringfence.states import IntentState
from ringfence.store.transaction import Transaction
from ringfence_server.cli.reading import CONSENT
from ringfence_server.cli.signing import own_keys
from ringfence_server.keys.locked import KeyFile
from ringfence_server.opening import Premises


@dataclass(frozen=True)
class Collected:
    """The signatures under one intent or change, as they count now."""

    subject: str
    """Its id."""
    needed: Level
    given: Level | None
    """What they prove together; None where nobody has signed."""
    people: tuple[str, ...]
    """Who has signed."""
    who: Authority

    @property
    def others_with_passkey(self) -> tuple[str, ...]:
        """Whose passkey would be that of one more person."""
        keys = self.who.keys.values()
        found = {key.person for key in keys if key.kind is KeyKind.PASSKEY}
        return tuple(sorted(found.difference(self.people)))


def of_intent(tx: Transaction, intent: Intent) -> Collected:
    """What has been signed for an intent.

    Raises:
        NotAuthorized: the chain of who may sign does not hold.
    """
    return Collected(
        intent.intent_id,
        approval.needed_level(tx, intent),
        consent.given(tx, intent),
        tuple(consent.people(tx, intent)),
        authority.read(tx),
    )


def of_change(tx: Transaction, change: Change) -> Collected | None:
    """What has been signed for a change; None where nobody can sign it.

    Raises:
        NotAuthorized: as `of_intent`.
    """
    if change.needed is None:
        return None
    given = level_of(change.signers)
    return Collected(change.change_id, change.needed, given, change.signed_by, authority.read(tx))


def keys_that_add(opened: Premises, there: Collected, file: Path | None) -> list[KeyFile]:
    """The keys at hand whose signature would add anything; with `file` that one.

    Raises:
        PolicyRefused: no passphrase adds anything, whoever has it.
        NotAuthorized: those whose keys they are have signed already.
        ConfigurationError: there is none.
    """
    if there.who.keys and not is_at_least(there.who.strongest, there.needed):
        raise PolicyRefused(
            f"{there.subject} needs consent {CONSENT[there.needed]}; those who may sign here cannot give that.",
            remedy="Let somebody sign who can: ringfence approver enroll NAME --passkey. Who may sign now: "
            "ringfence approver list",
        )
    if there.needed is Level.PASSKEY:
        raise PolicyRefused(
            f"{there.subject} needs an approver's passkey, which signs on the page; a passphrase is not enough.",
            remedy=f"Sign it there: {page_of(opened, there.subject)}",
        )
    at_hand = own_keys(opened, file)
    found = [each for each in at_hand if each.person not in there.people]
    if not found:
        raise NotAuthorized(
            f"{at_hand[0].person} has signed {there.subject} already; two keys of one person are one person.",
            remedy=" ".join(still_needed(opened, there)),
        )
    if there.given is Level.PASSPHRASE and there.others_with_passkey:
        raise PolicyRefused(
            f"{' and '.join(there.people)} has signed {there.subject} with a passphrase; another one adds nothing.",
            remedy=" ".join(still_needed(opened, there)),
        )
    return found


def half_signed(opened: Premises, intent: Intent) -> list[str]:
    """What an intent that some have signed still takes; empty where nobody has, or where it waits no longer."""
    if intent.state is not IntentState.AWAITING_APPROVAL:
        return []
    try:
        there = opened.desk.store.read_now(lambda tx: of_intent(tx, intent))
    except NotAuthorized:  # then nobody's signature counts
        return []
    if not there.people or is_at_least(there.given, there.needed):
        return []
    return [*still_needed(opened, there), f"To refuse it: ringfence decline {intent.intent_id}"]


def still_needed(opened: Premises, there: Collected) -> list[str]:
    """Who has signed and who has to, with where; one sentence a line."""
    page = page_of(opened, there.subject)
    names = ", ".join(there.people)
    if there.needed is not Level.TWO_PEOPLE:
        return [f"Signed by {names}; it needs a passkey, which signs on the page:", page]
    if there.given is Level.PASSKEY:
        return [
            f"1 of 2 people have signed: {names}. Somebody else has to sign, with a passphrase: "
            f"ringfence approve {there.subject}",
            f"or with a passkey on the page: {page}",
        ]
    if others := there.others_with_passkey:
        count = (
            "1 of 2 people have" if len(there.people) == 1 else f"{len(there.people)} people have"
        )
        return [
            f"{count} signed: {names}, without a passkey. Somebody else, with a passkey, has to sign on the page "
            f"({' or '.join(others)}):",
            page,
        ]
    return [
        f"Signed by {names}, without a passkey. Two people have to sign, and one of them with a passkey, on the "
        "page:",
        page,
    ]


def page_of(opened: Premises, subject: str) -> str:
    """Where something is on the approval page of this machine, and how to have one where none is served."""
    living = opened.page_keeper().living()
    kind = "i" if subject.startswith("int_") else "c"
    address = f"{living or opened.settings.approvals_url}/{kind}/{subject}"
    return address if living else f"{address} (no page is served now: ringfence approvals serve)"
