"""Keeping: finish what was begun, stop everything, go on."""

from __future__ import annotations

from typing import Annotated

import typer

from ringfence.guard import freeze
from ringfence_server.cli.at_work import WORK_SECONDS, in_premises, person, premises
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, show


def settle(*, as_json: Json = False) -> Exit:
    """Send what is approved and look up what is unknown, for up to 25 s."""
    settled = in_premises(lambda opened: opened.runner.settle(WORK_SECONDS))
    left = settled.open_lines
    document = {"rounds": settled.rounds, "open_lines": left}
    text = f"{left} still open: run it again later." if left else "Everything is settled."
    show(document, text, as_json=as_json)
    return Exit.UNKNOWN if left else Exit.DONE


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


def go_on(*, as_json: Json = False) -> Exit:
    """Lift the freeze."""
    with premises() as opened:
        opened.desk.store.write_now(lambda tx: freeze.unfreeze(tx, actor=person()))
    show({"frozen": None}, "Not frozen: budgets and consent decide again.", as_json=as_json)
    return Exit.DONE
