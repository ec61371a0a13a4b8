"""Signing in a terminal: with a key that the person unlocks there, or with the recovery key off their paper."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from ringfence.approvers import KeyKind
from ringfence.errors import ConfigurationError
from ringfence.guard import authority
from ringfence_server.cli.output import filled
from ringfence_server.cli.terminal import Terminal
from ringfence_server.keys.locked import KeyFile, Unlocked, WrongPassphrase, read_key
from ringfence_server.keys.recovery import read_recovery
from ringfence_server.opening import Premises
from ringfence_server.settings import Settings

MAX_TRIES = 3
DELAY_SECONDS = 2.0
"""After a wrong passphrase, doubled each time: whoever guesses here waits; whoever has the file guesses elsewhere."""

_WHOSE = "Whose key signs, by name or by number (--key FILE says it beforehand): "
_NOT_SIGNED = "You left: nothing was signed, and nothing is changed."
_NO_KEY = "You left: no key was made."
_GOOD = "Four words that belong to nobody's song are good, and easily typed."
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


def unlocked(terminal: Terminal, keys: Sequence[KeyFile]) -> Unlocked:
    """The key of whoever signs, once its person has typed the passphrase; they say whose it is where several could.

    Raises:
        ConfigurationError: nobody said whose key it is.
        WrongPassphrase: they typed another one.
    """
    key = keys[0] if len(keys) == 1 else _chosen(terminal, keys)
    prompt = f"Passphrase of {key.person} (key {key.key.key_id}): "
    for tried in range(MAX_TRIES):
        try:
            return key.unlock(terminal.secret(prompt, if_left=_NOT_SIGNED))
        except WrongPassphrase:
            if tried + 1 < MAX_TRIES:
                time.sleep(DELAY_SECONDS * 2**tried)
                terminal.say("That is not it.")
    raise WrongPassphrase(
        f"That was {MAX_TRIES} times not the passphrase of {key.person}'s key; nothing was signed."
    )


def _chosen(terminal: Terminal, keys: Sequence[KeyFile]) -> KeyFile:
    """The one of several keys that the person names; what they type is never shown again, as it may be a secret."""
    rows = [f"  {at}  {key.person}  key {key.key.key_id}" for at, key in enumerate(keys, 1)]
    terminal.say("\n".join(["Several keys are at hand here:", *rows]))
    for _ in range(MAX_TRIES):
        said = terminal.line(_WHOSE, if_left=_NOT_SIGNED)
        named = [key for key in keys if key.person == said]
        if len(named) == 1:
            return named[0]
        if not named and said in (numbers := [str(at) for at, _ in enumerate(keys, 1)]):
            return keys[numbers.index(said)]
        terminal.say(
            f"{said} has several keys: say which by its number." if named else "No such key."
        )
    raise ConfigurationError(
        "Nobody said whose key signs; nothing was signed.",
        remedy="Type one of the names or numbers that are shown, or name the key's file with --key FILE.",
    )


def recovered(terminal: Terminal) -> Unlocked:
    """The recovery key, typed off its paper.

    Raises:
        NotAuthorized: it is none.
    """
    prompt = "Recovery key, as it is on the paper: "
    return read_recovery(terminal.secret(prompt, if_left=_NOT_SIGNED))


def new_passphrase(terminal: Terminal, least: int) -> str:
    """A passphrase, typed twice; one that is too short, or is not the same twice, is asked for again.

    Raises:
        ConfigurationError: it never was.
    """
    for _ in range(MAX_TRIES):
        first = terminal.secret(
            f"A passphrase for it, {least} characters or more: ", if_left=_NO_KEY
        )
        if len(first) < least:
            terminal.say(filled(f"That has less than {least} characters. {_GOOD}"))
        elif terminal.secret("The same again: ", if_left=_NO_KEY) != first:
            terminal.say("These were two different ones.")
        else:
            return first
    raise ConfigurationError(
        f"There is no passphrase of {least} characters or more, typed the same twice; no key was made.",
        remedy=f"Run the command again. {_GOOD}",
    )
