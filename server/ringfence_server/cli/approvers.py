"""Approvers: who may sign, one more, one less. Passphrases and recovery keys are typed into the terminal alone."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ringfence.approvers import PERSON_PATTERN, ApproverKey, Purpose, Signature, Statement
from ringfence.desk import inviting
from ringfence.errors import InvalidArguments, NotAuthorized
from ringfence.guard import authority, changes, consent, enrolment
from ringfence.guard.changes import Change, ChangeState
from ringfence.intents import Level
from ringfence.store import statements
from ringfence.store.transaction import Store, Transaction
from ringfence_server.cli import changing
from ringfence_server.cli.at_work import person as whoever
from ringfence_server.cli.at_work import premises
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.inviting import invited, public_address
from ringfence_server.cli.output import Json, filled, show, table
from ringfence_server.cli.reading import CONSENT
from ringfence_server.cli.signing import key_path, new_passphrase, own_keys, recovered, unlocked
from ringfence_server.cli.terminal import Terminal
from ringfence_server.keys.locked import MIN_PASSPHRASE, Unlocked, new_key, write_key
from ringfence_server.keys.recovery import new_recovery
from ringfence_server.opening import Premises

KeyOption = Annotated[
    Path | None, typer.Option("--key", help="The file of the approver's key who signs.")
]
Recovery = Annotated[
    bool, typer.Option("--recovery", help="Sign with the recovery key, typed off its paper.")
]
Propose = Annotated[
    bool, typer.Option("--propose", help="Sign nothing: let it wait for an approver's signature.")
]


def enroll(
    person: Annotated[str, typer.Argument(help="Who: a short name, such as ada.")],
    *,
    passkey: Annotated[
        bool, typer.Option("--passkey", help="A passkey, made on the approval page in a browser.")
    ] = False,
    invite: Annotated[
        bool,
        typer.Option(
            "--invite",
            help="With --passkey: on a phone or another machine, at the policy's public address.",
        ),
    ] = False,
    key: KeyOption = None,
    recovery: Recovery = False,
    propose: Propose = False,
    as_json: Json = False,
) -> Exit:
    """Make a key for a person, locked by a passphrase or as a passkey, and let it sign from now on.

    The first approver makes the root, and gets the recovery key: write it down, it is shown once. An approver who
    is there already signs for the next one; with --propose they do so later, wherever their own key is.
    """
    _check_person(person)
    if invite and not passkey:
        raise InvalidArguments(
            "--invite is for passkeys: a passphrase is typed in a terminal of this machine alone.",
            remedy="Say --passkey as well.",
        )
    _check_how(propose, key, recovery)
    with Terminal() as terminal, premises() as opened:
        store = opened.desk.store
        public = public_address(opened) if invite else None
        if propose and not passkey:
            return _propose_key(terminal, opened, person, as_json=as_json)
        if propose:
            store.read_now(changes.check_can_wait)
            return _passkey(terminal, opened, person, None, public=public, as_json=as_json)
        is_first = store.read_now(authority.read).recovery is None
        root = new_root(terminal, store) if is_first else None
        signer = root or signer_here(terminal, opened, key, is_recovery=recovery)
        if passkey:
            return _passkey(terminal, opened, person, signer, public=public, as_json=as_json)
        made, path, change = enroll_signed(terminal, opened, person, signer)
    document = {**_document(made), "file": str(path), **_standing(change)}
    show(document, _where(made, path), _told(change), as_json=as_json)
    return _exit(change)


def enroll_signed(
    terminal: Terminal, opened: Premises, person: str, signer: Unlocked
) -> tuple[ApproverKey, Path, Change]:
    """Make a key for a person who is here, and let it sign from now on; with its file, and how that stands."""
    store = opened.desk.store
    made, path = _made(terminal, opened, person)
    enrolling = partial(enrolment.enrolment, key=made, nonce=consent.fresh_nonce())
    return made, path, _signed(store, store.read_now(enrolling), signer)


def _passkey(
    terminal: Terminal,
    opened: Premises,
    person: str,
    signer: Unlocked | None,
    *,
    public: str | None,
    as_json: bool,
) -> Exit:
    """Have a person make a passkey on the page, and vouch for it; with no signer it waits for those who do."""
    with invited(terminal, opened, person, public=public) as (invitation, made):
        sign = signer.sign if signer is not None else None
        change = inviting.enroll(
            opened.desk, invitation.invitation_id, made, sign=sign, by=whoever()
        )
    document = {**_document(made), "origin": made.origin, **_standing(change)}
    text = f"The passkey of {person} is {made.key_id}, made at {made.origin}."
    show(document, text, _told(change), as_json=as_json)
    return _exit(change)


def _made(terminal: Terminal, opened: Premises, person: str) -> tuple[ApproverKey, Path]:
    made = new_key(person, new_passphrase(terminal, MIN_PASSPHRASE))
    path = key_path(opened.settings, made.key.key_id)
    write_key(path, made)
    return made.key, path


def revoke(
    who: Annotated[str, typer.Argument(help="The key's id, or the person with all keys.")],
    *,
    key: KeyOption = None,
    recovery: Recovery = False,
    propose: Propose = False,
    as_json: Json = False,
) -> Exit:
    """Let a key sign no longer. What it signed and was not sent yet is void."""
    _check_how(propose, key, recovery)
    if propose:
        return _propose_revocation(who, as_json=as_json)
    with Terminal() as terminal, premises() as opened:
        store = opened.desk.store
        keys = _keys_of(store, who)
        signer = signer_here(terminal, opened, key, is_recovery=recovery)
        left = list(keys)
        change = _revoked(store, left.pop(0), signer)
        while left and change.state is ChangeState.IN_FORCE:
            change = _revoked(store, left.pop(0), signer)
    gone = [_document(each) for each in keys if each not in left]
    text = [_told(change)]
    if left:  # each names the approvers before it, so the next is made when this one is in force
        text.append(f"After it, revoke what else {who} has: {', '.join(k.key_id for k in left)}.")
    show({"revoked": gone, **_standing(change)}, *text, as_json=as_json)
    return _exit(change)


def _revoked(store: Store, key: ApproverKey, signer: Unlocked) -> Change:
    revoking = partial(enrolment.revocation, key_id=key.key_id, nonce=consent.fresh_nonce())
    return _signed(store, store.read_now(revoking), signer)


def _propose_key(terminal: Terminal, opened: Premises, person: str, *, as_json: bool) -> Exit:
    """Make a key that somebody else signs for, later."""
    store = opened.desk.store
    store.read_now(changes.check_can_wait)  # before a passphrase is typed for nothing
    made, path = _made(terminal, opened, person)
    change = store.write_now(
        lambda tx: changes.propose_enrolment(tx, made, nonce=consent.fresh_nonce(), by=whoever())
    )
    document = {**_document(made), "file": str(path), **_standing(change)}
    show(document, _where(made, path), _told(change), as_json=as_json)
    return Exit.WAITING


def _propose_revocation(who: str, *, as_json: bool) -> Exit:
    with premises() as opened:
        store = opened.desk.store
        keys = _keys_of(store, who)
        if len(keys) > 1:
            raise InvalidArguments(
                f"{who} has {len(keys)} keys, and one is revoked after the other.",
                remedy=f"Name one: {', '.join(each.key_id for each in keys)}.",
            )
        change = store.write_now(
            lambda tx: changes.propose_revocation(
                tx, keys[0].key_id, nonce=consent.fresh_nonce(), by=whoever()
            )
        )
    show({"revoked": [], **_standing(change)}, _told(change), as_json=as_json)
    return Exit.WAITING


def _check_how(propose: bool, key: Path | None, recovery: bool) -> None:
    if propose and (key is not None or recovery):
        raise InvalidArguments(
            "What is proposed is signed later.",
            remedy="Give --propose, or say who signs: not both.",
        )


def _keys_of(store: Store, who: str) -> list[ApproverKey]:
    keys = [each for each in _enrolled(store) if who in {each.key_id, each.person}]
    if not keys:
        raise InvalidArguments(
            f"Nobody called {who} may sign here.", remedy="See who may: ringfence approver list"
        )
    return keys


def list_approvers(*, as_json: Json = False) -> Exit:
    """List who may sign, and how strong a consent they can give together."""
    with premises() as opened:
        who = opened.desk.store.read_now(authority.read)
    rows = [(each.person, each.kind.value, each.key_id) for each in who.keys.values()]
    strongest = who.strongest
    document = {
        "approvers": [_document(each) for each in who.keys.values()],
        "strongest": strongest and strongest.value,
    }
    text: list[Any] = [table("person", "kind", "key", rows=rows)] if rows else []
    text.append(_can(strongest))
    show(document, *text, as_json=as_json)
    return Exit.DONE


def _can(strongest: Level | None) -> str:
    if strongest is None:
        return "Nobody may sign yet. The first approver: ringfence approver enroll NAME"
    return f"Together they can give consent {CONSENT[strongest]}."


def _check_person(person: str) -> None:

    if not is_name(person):
        raise InvalidArguments(
            f"{person[:40]!r} is no short name.",
            remedy="Use up to 32 lower-case letters, digits, . _ or -, such as ada.",
        )


def is_name(person: str) -> bool:
    """Whether people can be called so."""
    import re

    return re.fullmatch(PERSON_PATTERN, person) is not None


def _enrolled(store: Store) -> list[ApproverKey]:
    return list(store.read_now(authority.read).keys.values())


def new_root(terminal: Terminal, store: Store) -> Unlocked:
    """Make the root, show its recovery key once, and have a person say that they have it."""
    words, key = new_recovery()
    terminal.say(
        "\nThis installation has no approver yet. Its root is made now. This is the recovery key;\n"
        "write it down, on paper, and keep it where nobody else is. It is never shown again:\n"
        f"\n    {words}\n"
    )
    last = words.rpartition("-")[2]
    asked = "When you have it, type its last four letters: "
    if terminal.line(asked, if_left="You left: nothing was made.").upper() != last:
        raise NotAuthorized(
            "The recovery key was not written down; nothing was made.",
            remedy="Run the command again with paper at hand: it shows another recovery key.",
        )
    statement = store.read_now(lambda tx: enrolment.root(tx, key.key, nonce=consent.fresh_nonce()))
    store.write_now(lambda tx: enrolment.found(tx, statement, key.sign(statement)))
    return key


def signer_here(
    terminal: Terminal, opened: Premises, file: Path | None, *, is_recovery: bool
) -> Unlocked:
    """Whoever signs the change, with their key unlocked; where nobody may sign, the recovery key does."""
    enrolled = _enrolled(opened.desk.store)
    if not enrolled and not is_recovery:
        made = opened.desk.store.read_now(root_made)
        shown = f"; it was shown when the root was made, on {made:%Y-%m-%d}" if made else ""
        terminal.say(filled(f"Nobody may sign here, so the recovery key has to{shown}."))
    if is_recovery or not enrolled:
        return recovered(terminal)
    return unlocked(terminal, own_keys(opened, file))


def root_made(tx: Transaction) -> datetime | None:
    """When the root was made, and its recovery key shown; None where there is none."""
    made = [each.statement.made_at for each in statements.of_purposes(tx, [Purpose.ROOT])]
    return made[0] if made else None


def _signed(store: Store, statement: Statement, signer: Unlocked) -> Change:
    signature: Signature = signer.sign(statement)

    def write(tx: Transaction) -> Change:
        enrolment.change(tx, statement, [signature])
        return changes.of(tx, statement)

    return store.write_now(write)


def _where(key: ApproverKey, path: Path) -> str:
    return f"The key of {key.person} is {key.key_id}, in {path}."


def _document(key: ApproverKey) -> dict[str, Any]:
    return {"person": key.person, "kind": key.kind.value, "key_id": key.key_id}


def _standing(change: Change) -> dict[str, Any]:
    return {
        "in_force": change.state is ChangeState.IN_FORCE,
        "needed": change.needed and change.needed.value,
        "change_id": change.change_id,
    }


def _told(change: Change) -> str:
    if change.state is ChangeState.IN_FORCE:
        return "That is in force now."
    return changing.waits(change)


def _exit(change: Change) -> Exit:
    return Exit.DONE if change.state is ChangeState.IN_FORCE else Exit.WAITING
