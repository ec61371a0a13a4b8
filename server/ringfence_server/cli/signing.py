"""Signing in a terminal: with a key that the person unlocks there, or with the recovery key off their paper."""

from __future__ import annotations

import time
from pathlib import Path

from ringfence.approvers import KeyKind
from ringfence.errors import ConfigurationError
from ringfence.guard import authority
from ringfence_server.cli.terminal import Terminal
from ringfence_server.keys.locked import KeyFile, Unlocked, WrongPassphrase, read_key
from ringfence_server.keys.recovery import read_recovery
from ringfence_server.opening import Premises
from ringfence_server.settings import Settings

MAX_TRIES = 3
DELAY_SECONDS = 2.0
"""After a wrong passphrase, doubled each time: whoever guesses here waits; whoever has the file guesses elsewhere."""


_ON_THE_PAGE = (
    "Whoever has a passkey signs on the approval page (ringfence approvals open); there a change waits once it is "
    "proposed with --propose."
)


def key_path(settings: Settings, key_id: str) -> Path:
    """Where a key of this machine's user is kept."""
    return settings.keys / f"{key_id}.key"


def own_keys(opened: Premises, file: Path | None) -> list[KeyFile]:
    """The locked keys at hand that may sign; with `file` that one.

    Raises:
        ConfigurationError: there is none.
        NotAuthorized: the chain of who may sign does not hold.
    """
    enrolled = opened.desk.store.read_now(authority.read).keys.values()
    paths = [file] if file else sorted(opened.settings.keys.glob("*.key"))
    found = [key for path in paths if (key := read_key(path)).key in enrolled]
    if not found:
        people = sorted({key.person for key in enrolled if key.kind is KeyKind.PASSPHRASE})
        has_passkeys = any(key.kind is KeyKind.PASSKEY for key in enrolled)
        remedy = f"Name its file with --key. Who has one: {', '.join(people) or 'nobody yet'}."
        raise ConfigurationError(
            "No key of an approver is at hand here.",
            remedy=f"{remedy} {_ON_THE_PAGE}" if has_passkeys else remedy,
        )
    return found


def unlocked(terminal: Terminal, key: KeyFile) -> Unlocked:
    """The key, once its person has typed the passphrase.

    Raises:
        WrongPassphrase: they did not.
    """
    prompt = f"Passphrase of {key.person} (key {key.key.key_id}): "
    for tried in range(MAX_TRIES):
        try:
            return key.unlock(terminal.secret(prompt))
        except WrongPassphrase:
            if tried + 1 == MAX_TRIES:
                raise
            time.sleep(DELAY_SECONDS * 2**tried)
            terminal.say("That is not it.")
    raise WrongPassphrase("Nobody typed the passphrase.")


def recovered(terminal: Terminal) -> Unlocked:
    """The recovery key, typed off its paper.

    Raises:
        NotAuthorized: it is none.
    """
    return read_recovery(terminal.secret("Recovery key, as it is on the paper: "))


def new_passphrase(terminal: Terminal, least: int) -> str:
    """A passphrase, typed twice.

    Raises:
        ConfigurationError: too short, or not the same twice.
    """
    first = terminal.secret(f"A passphrase for it, {least} characters or more: ")
    if len(first) < least:
        raise ConfigurationError(
            f"A passphrase has {least} characters or more; no key was made.",
            remedy="Four words that belong to nobody's song are good, and easily typed.",
        )
    if terminal.secret("The same again: ") != first:
        raise ConfigurationError("These were two different ones; no key was made.")
    return first
