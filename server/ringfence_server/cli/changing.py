"""Changes at the terminal: what waits for signatures, in words, and one more signature or a no."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ringfence.desk import authorizing
from ringfence.errors import NotAuthorized
from ringfence.guard import changes
from ringfence.guard.changes import Change, ChangeState
from ringfence.store.transaction import Store
from ringfence_server.cli import collecting
from ringfence_server.cli.at_work import person, premises
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import filled, show
from ringfence_server.cli.reading import CONSENT
from ringfence_server.cli.signing import own_keys, unlocked
from ringfence_server.cli.terminal import Terminal

_STANDS = {
    ChangeState.WAITING: "It changes nothing until it is signed.",
    ChangeState.IN_FORCE: "It is in force.",
    ChangeState.DECLINED: "It was declined, which is final.",
    ChangeState.EXPIRED: "It has waited too long.",
    ChangeState.OVERTAKEN: "Another change came first; this one is void.",
}
_STANDS_OF_RULINGS = _STANDS | {
    ChangeState.WAITING: "Nothing is written until it is signed.",
    ChangeState.IN_FORCE: "It is in the books. If spending is frozen: ringfence unfreeze",
    ChangeState.OVERTAKEN: "What it is about has changed since; this one is void.",
}
_EXITS = {ChangeState.WAITING: Exit.WAITING, ChangeState.IN_FORCE: Exit.DONE}


def show_change(change_id: str, *, as_json: bool) -> Exit:
    """Show what a change does, who has signed it, and how it stands."""
    with premises() as opened:
        change = opened.desk.store.read_now(lambda tx: changes.get(tx, change_id))
    show(as_document(change), told(change), as_json=as_json)
    return Exit.DONE


def approve_change(change_id: str, *, file: Path | None, as_json: bool) -> Exit:
    """Have an approver read what a change does, and sign exactly that."""
    with Terminal() as terminal, premises() as opened:
        store = opened.desk.store
        change = store.read_now(lambda tx: changes.get(tx, change_id))
        if change.state is ChangeState.WAITING:
            there = store.read_now(lambda tx: collecting.of_change(tx, change))
            keys = (
                collecting.keys_that_add(opened, there, file) if there else own_keys(opened, file)
            )
            terminal.say(
                f"\n{told(change)}\n\nTo sign it, type the passphrase; to leave, Ctrl-C.\n"
            )
            signature = unlocked(terminal, keys).sign(change.statement)
            change = authorizing.hand_in(opened.desk, change_id, signature)
    show(as_document(change), told(change), as_json=as_json)
    return _EXITS.get(change.state, Exit.REFUSED)


def decline_change(change_id: str, *, as_json: bool) -> Exit:
    """Say no to a change, which is final. It needs no terminal: a no does no harm."""
    with premises() as opened:
        change = opened.desk.store.write_now(
            lambda tx: changes.decline(tx, change_id, actor=person())
        )
    show(as_document(change), told(change), as_json=as_json)
    return Exit.DONE


def waiting(store: Store) -> tuple[Sequence[Change], str | None]:
    """What waits for signatures; none while nobody's signature counts, and why that is."""
    try:
        return store.read_now(changes.waiting), None
    except NotAuthorized as error:
        return [], error.message


def show_proposed(change: Change, *, as_json: bool) -> Exit:
    """Show what waits for signatures from now on."""
    signed = f"Signed by {', '.join(change.signed_by)}." if change.signed_by else ""
    text = "\n".join(filter(None, [*_says(change), signed]))
    show(as_document(change), text, waits(change), as_json=as_json)
    return Exit.WAITING


def one_line(change: Change) -> tuple[str, str, str, str]:
    """A row of the list of what waits."""
    first, more = change.says[0] if change.says else "nothing", len(change.says) - 1
    what = first + (f"; and {more} more" if more > 0 else "")
    signed = ", ".join(change.signed_by) or "nobody"
    return change.change_id, what, signed, f"{change.until:%d %b %H:%M} UTC"


def waits(change: Change) -> str:
    """What has to happen before it is in force."""
    return "\n".join(
        [
            f"It waits for signatures, as {change.change_id}: it needs consent {_needed(change)}.",
            f"Whoever signs it: {changes.signing_command(change)}",
            "With a passkey, on the approval page: ringfence approvals open",
        ]
    )


def _needed(change: Change) -> str:
    return CONSENT[change.needed] if change.needed else "that nobody can give"


def told(change: Change) -> str:
    """A change as a person reads it."""
    head = f"{change.change_id}: {change.name}"
    signed = f"Signed by {', '.join(change.signed_by) or 'nobody'}"
    stands = (_STANDS if change.number is None else _STANDS_OF_RULINGS)[change.state]
    text = [head, "", *_says(change), ""]
    if change.state is ChangeState.WAITING:
        text += [
            f"{signed}; it needs consent {_needed(change)}, until {change.until:%Y-%m-%d %H:%M} UTC.",
            stands,
            f"To sign it:    {changes.signing_command(change)}",
            f"To refuse it:  ringfence decline {change.change_id}",
        ]
    else:
        text += [f"{signed}.", stands]
    return "\n".join(text)


def _says(change: Change) -> list[str]:
    return [filled(f"  {line}", indent=4) for line in change.says]


def as_document(change: Change) -> dict[str, Any]:
    """A change as `--json` prints it."""
    return {
        "change_id": change.change_id,
        "purpose": change.purpose.value,
        "subject": change.subject,
        "state": change.state.value,
        "says": list(change.says),
        "differences": [each.as_document() for each in change.differences],
        "signed_by": list(change.signed_by),
        "needed": change.needed and change.needed.value,
        "until": change.until.isoformat(),
    }
