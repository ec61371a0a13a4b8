"""Keeping: finish what was begun, stop everything, go on."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ringfence.guard import consent, freeze
from ringfence.guard.card import quoted
from ringfence.runner import Settled
from ringfence_server.cli.approvers import KeyOption
from ringfence_server.cli.at_work import WORK_SECONDS, in_premises, person, premises
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, show
from ringfence_server.cli.signing import own_keys, unlocked
from ringfence_server.cli.terminal import Terminal
from ringfence_server.opening import Premises


def settle(*, as_json: Json = False) -> Exit:
    """Send what is approved and look up what is unknown, for up to 25 s."""
    settled = in_premises(lambda opened: opened.runner.settle(WORK_SECONDS))
    show(asdict(settled), *(_left(settled) or ["Everything is settled."]), as_json=as_json)
    if settled.open_lines:
        return Exit.UNKNOWN
    return Exit.DONE if settled.is_done else Exit.WAITING


def _left(settled: Settled) -> list[str]:
    """What is not settled, one kind a line."""
    told, left, waiting = [], settled.open_lines, settled.waiting_lines
    if waiting:
        told.append(f"{left} still open; {waiting} of them wait for a person: ringfence pending")
    elif left:
        told.append(f"{left} still open: run it again later.")
    if settled.unsent_lines:
        told.append(f"{settled.unsent_lines} approved and not sent yet: run it again later.")
    if settled.damaged:
        told.append(f"{settled.damaged} cannot be read: ringfence pending")
    return told


def stop(
    reason: Annotated[
        list[str] | None, typer.Argument(help="Why; everybody who is refused is told.")
    ] = None,
    *,
    as_json: Json = False,
) -> Exit:
    """Freeze all spending, at once and until `ringfence unfreeze`."""
    why = " ".join(reason or []).strip() or f"frozen by {person()}"
    with premises() as opened:
        opened.desk.store.write_now(lambda tx: freeze.freeze(tx, why, actor=person()))
        frozen = opened.desk.store.read_now(lambda tx: tx.frozen)
    show(
        {"frozen": frozen},
        f"Frozen: {quoted(frozen or '')}. Nothing is bought now.",
        as_json=as_json,
    )
    return Exit.DONE


def go_on(*, key: KeyOption = None, as_json: Json = False) -> Exit:
    """Lift the freeze; in a live installation an approver signs for it, in this terminal."""
    with premises() as opened:
        if opened.settings.mode == "sandbox":
            opened.desk.store.write_now(lambda tx: freeze.unfreeze(tx, actor=person()))
        else:
            _thawed(opened, key)
    show({"frozen": None}, "Not frozen: budgets and consent decide again.", as_json=as_json)
    return Exit.DONE


def _thawed(opened: Premises, file: Path | None) -> None:
    store = opened.desk.store
    statement = store.read_now(lambda tx: freeze.lifting(tx, nonce=consent.fresh_nonce()))
    with Terminal() as terminal:
        keys = own_keys(opened, file)
        terminal.say(f"\nSpending is frozen: {quoted(str(statement.body['reason']))}.\n")
        signature = unlocked(terminal, keys).sign(statement)
    store.write_now(lambda tx: freeze.unfreeze_signed(tx, statement, signature))
