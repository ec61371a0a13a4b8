"""Approvers: who may sign, one more, one less. Passphrases and recovery keys are typed into the terminal alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ringfence.approvers import PERSON_PATTERN, ApproverKey, Signature, Statement
from ringfence.desk import inviting
from ringfence.errors import InvalidArguments, NotAuthorized
from ringfence.guard import authority, consent, enrolment
from ringfence.guard.enrolment import Change
from ringfence.intents import Level
from ringfence.store.transaction import Store
from ringfence_server.cli.at_work import premises
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.inviting import invited, public_address
from ringfence_server.cli.output import Json, show, table
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
    as_json: Json = False,
) -> Exit:
    """Make a key for a person, locked by a passphrase or as a passkey, and let it sign from now on.

    The first approver makes the root, and gets the recovery key: write it down, it is shown once. An approver who
    is there already signs for the next one.
    """
    _check_person(person)
    if invite and not passkey:
        raise InvalidArguments(
            "--invite is for passkeys: a passphrase is typed in a terminal of this machine alone.",
            remedy="Say --passkey as well.",
        )
    with Terminal() as terminal, premises() as opened:
        store = opened.desk.store
        public = public_address(opened) if invite else None
        is_first = store.read_now(authority.read).recovery is None
        signer = _root(terminal, store) if is_first else _signer(terminal, opened, key, recovery)
        if passkey:
            return _enrolled_passkey(
                terminal, opened, person, signer, public=public, as_json=as_json
            )
        made = new_key(person, new_passphrase(terminal, MIN_PASSPHRASE))
        path = key_path(opened.settings, made.key.key_id)
        write_key(path, made)
        change = _signed(
            store,
            store.read_now(
                lambda tx: enrolment.enrolment(tx, made.key, nonce=consent.fresh_nonce())
            ),
            signer,
        )
    document = {**_document(made.key), "file": str(path), **_standing(change)}
    show(
        document,
        f"The key of {person} is {made.key.key_id}, in {path}.",
        _told(change),
        as_json=as_json,
    )
    return Exit.DONE if change.is_in_force else Exit.WAITING


def _enrolled_passkey(
    terminal: Terminal,
    opened: Premises,
    person: str,
    signer: Unlocked,
    *,
    public: str | None,
    as_json: bool,
) -> Exit:
    """Have a person make a passkey on the page, and vouch for it."""
    with invited(terminal, opened, person, public=public) as (invitation, made):
        statement = opened.desk.store.read_now(
            lambda tx: enrolment.enrolment(tx, made, nonce=consent.fresh_nonce())
        )
        change = inviting.enroll(
            opened.desk, invitation.invitation_id, statement, signer.sign(statement)
        )
    document = {**_document(made), "origin": made.origin, **_standing(change)}
    text = f"The passkey of {person} is {made.key_id}; it signs at {made.origin}."
    show(document, text, _told(change), as_json=as_json)
    return Exit.DONE if change.is_in_force else Exit.WAITING


def revoke(
    who: Annotated[str, typer.Argument(help="The key's id, or the person with all keys.")],
    *,
    key: KeyOption = None,
    recovery: Recovery = False,
    as_json: Json = False,
) -> Exit:
    """Let a key sign no longer. What it signed and was not sent yet is void."""
    with Terminal() as terminal, premises() as opened:
        store = opened.desk.store
        keys = [k for k in _enrolled(store) if who in {k.key_id, k.person}]
        if not keys:
            raise InvalidArguments(
                f"Nobody called {who} may sign here.", remedy="See who may: ringfence approver list"
            )
        signer = _signer(terminal, opened, key, recovery)
        changes = [
            _signed(
                store,
                store.read_now(
                    lambda tx, k=each: enrolment.revocation(  # type: ignore[misc]  # bound at once
                        tx, k.key_id, nonce=consent.fresh_nonce()
                    )
                ),
                signer,
            )
            for each in keys
        ]
    document = {"revoked": [_document(each) for each in keys], **_standing(changes[-1])}
    show(document, _told(changes[-1]), as_json=as_json)
    return Exit.DONE if changes[-1].is_in_force else Exit.WAITING


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
    return f"Together they can give consent at level {strongest}."


def _check_person(person: str) -> None:
    import re

    if re.fullmatch(PERSON_PATTERN, person) is None:
        raise InvalidArguments(
            f"{person[:40]!r} is no short name.",
            remedy="Use up to 32 lower-case letters, digits, . _ or -, such as ada.",
        )


def _enrolled(store: Store) -> list[ApproverKey]:
    return list(store.read_now(authority.read).keys.values())


def _root(terminal: Terminal, store: Store) -> Unlocked:
    """Make the root, show its recovery key once, and have a person say that they have it."""
    words, key = new_recovery()
    terminal.say(
        "\nThis installation has no approver yet. Its root is made now. This is the recovery key;\n"
        "write it down, on paper, and keep it where nobody else is. It is never shown again:\n"
        f"\n    {words}\n"
    )
    last = words.rpartition("-")[2]
    if terminal.line("When you have it, type its last four letters: ").upper() != last:
        raise NotAuthorized("The recovery key was not written down; nothing was made.")
    statement = store.read_now(lambda tx: enrolment.root(tx, key.key, nonce=consent.fresh_nonce()))
    store.write_now(lambda tx: enrolment.found(tx, statement, key.sign(statement)))
    return key


def _signer(terminal: Terminal, opened: Premises, file: Path | None, is_recovery: bool) -> Unlocked:
    """Whoever signs the change, with their key unlocked."""
    if is_recovery:
        return recovered(terminal)
    keys = own_keys(opened.settings, _enrolled(opened.desk.store), file)
    return unlocked(terminal, keys[0])


def _signed(store: Store, statement: Statement, signer: Unlocked) -> Change:
    signature: Signature = signer.sign(statement)
    return store.write_now(lambda tx: enrolment.change(tx, statement, [signature]))


def _document(key: ApproverKey) -> dict[str, Any]:
    return {"person": key.person, "kind": key.kind.value, "key_id": key.key_id}


def _standing(change: Change) -> dict[str, Any]:
    return {"in_force": change.is_in_force, "needed": change.needed and change.needed.value}


def _told(change: Change) -> str:
    if change.is_in_force:
        return "That is in force now."
    return f"It waits for more signatures: this needs level {change.needed}."
