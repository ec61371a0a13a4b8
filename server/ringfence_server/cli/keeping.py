"""Keeping: finish what was begun, prove the books, stop everything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ringfence.guard import authority, books, consent, freeze
from ringfence.guard.card import quoted
from ringfence.guard.standing import Standing, standings
from ringfence.guard.windows import keep_up
from ringfence.store import audit
from ringfence.store.transaction import Transaction
from ringfence_server.cli.approvers import KeyOption
from ringfence_server.cli.at_work import WORK_SECONDS, in_premises, person, premises
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, show, table
from ringfence_server.cli.signing import own_keys, unlocked
from ringfence_server.cli.terminal import Terminal
from ringfence_server.opening import Premises


def settle(*, as_json: Json = False) -> Exit:
    """Send what is approved and look up what is unknown, for up to 25 s."""
    settled = in_premises(lambda opened: opened.runner.settle(WORK_SECONDS))
    left = settled.open_lines
    document = {"rounds": settled.rounds, "open_lines": left}
    text = f"{left} still open: run it again later." if left else "Everything is settled."
    show(document, text, as_json=as_json)
    return Exit.UNKNOWN if left else Exit.DONE


def spending(*, as_json: Json = False) -> Exit:
    """Show what is used, held and left of every budget."""
    with premises() as opened:
        found, frozen = opened.desk.store.write_now(_budgets)
    rows = [standing.as_document() for standing in found]
    columns = ("name", "window", "limit", "used", "held", "left")
    found_table = table(
        *columns, rows=[[row[name] for name in columns] for row in rows], wraps="name"
    )
    note = [f"FROZEN: {frozen}. To lift it: ringfence unfreeze"] if frozen is not None else []
    show({"budgets": rows, "frozen": frozen}, found_table, *note, as_json=as_json)
    return Exit.DONE


def _budgets(tx: Transaction) -> tuple[list[Standing], str | None]:
    keep_up(tx)  # a month that has begun brings its renewals
    return standings(tx), tx.frozen


def verify_ledger(*, as_json: Json = False) -> Exit:
    """Fold the ledger from its first entry, and compare every balance and hold with it."""
    with premises() as opened:
        differences = opened.desk.store.read_now(books.verify)
    text = "\n".join(differences) or "The ledger and every balance agree."
    document = {"agrees": not differences, "differences": differences}
    show(document, text, as_json=as_json)
    return Exit.BUG if differences else Exit.DONE


def verify_audit(*, as_json: Json = False) -> Exit:
    """Read the audit chain from its first event; an edited or missing event breaks it."""
    with premises() as opened:
        events, broken = opened.desk.store.read_now(audit.verify)
    where = {"seq": broken.seq, "why": broken.why} if broken else None
    text = f"Event {broken.seq}: {broken.why}." if broken else f"All {events} events hold."
    show({"holds": broken is None, "events": events, "break": where}, text, as_json=as_json)
    return Exit.BUG if broken else Exit.DONE


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
    show({"frozen": frozen}, f"Frozen: {frozen}. Nothing is bought now.", as_json=as_json)
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
    enrolled = list(store.read_now(authority.read).keys.values())
    with Terminal() as terminal:
        keys = own_keys(opened.settings, enrolled, file)
        terminal.say(f"\nSpending is frozen: {quoted(str(statement.body['reason']))}.\n")
        signature = unlocked(terminal, keys[0]).sign(statement)
    store.write_now(lambda tx: freeze.unfreeze_signed(tx, statement, signature))
