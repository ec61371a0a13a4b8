"""Deciding: what waits for a person, the card, and their yes or no."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ringfence.desk import consenting, resolving
from ringfence.desk.resolving import Open
from ringfence.guard import authority
from ringfence.guard.approval import WEAK_LEVELS, needed_level
from ringfence.guard.card import Facts, card, read_facts
from ringfence.guard.windows import keep_up
from ringfence.intents import DeclineReason, Intent
from ringfence.states import IntentState
from ringfence.store.transaction import Transaction
from ringfence_server.cli import exits, reading
from ringfence_server.cli.approvers import KeyOption
from ringfence_server.cli.at_work import in_premises, person, premises, surface, work_off
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, show, table
from ringfence_server.cli.signing import own_keys, unlocked
from ringfence_server.cli.terminal import Answer, Terminal
from ringfence_server.keys.locked import KeyFile, Unlocked
from ringfence_server.opening import Premises
from ringfence_tools.intent_result import intent_result

IntentId = Annotated[str, typer.Argument(metavar="ID", help="The intent's id: int_…")]


def pending(*, as_json: Json = False) -> Exit:
    """List what waits for a person: to be decided, or to be resolved."""
    waiting, left = in_premises(_waiting)
    document = {
        "pending": [_document(intent) for intent in waiting],
        "to_resolve": reading.to_resolve(left),
    }
    rows = table(
        "intent", "what", "now", "code", "until", rows=map(reading.one_line, waiting), wraps="what"
    )
    nothing = [] if left.lines or left.lost else ["Nothing waits for a person."]
    show(
        document,
        *([rows] if waiting else nothing),
        *reading.unresolved(left),
        as_json=as_json,
    )
    return Exit.DONE


async def _waiting(opened: Premises) -> tuple[list[Intent], Open]:
    return await consenting.pending(opened.desk), await resolving.still_open(opened.desk)


def show_intent(intent_id: IntentId, *, as_json: Json = False) -> Exit:
    """Show one intent: its card, and how it stands."""
    with premises() as opened:
        facts = opened.desk.store.read_now(lambda tx: read_facts(tx, intent_id))
    text = f"{card(facts)}\n\n{reading.standing(facts.intent)}"
    show(_document(facts.intent) if as_json else {}, text, as_json=as_json)
    return Exit.DONE


def approve(intent_id: IntentId, *, key: KeyOption = None, as_json: Json = False) -> Exit:
    """Show the card in this terminal, and ask the person there.

    It asks the terminal itself, whatever stdin is; without a terminal it approves nothing. Where consent is signed,
    an approver's passphrase is typed there as well.
    """
    with Terminal() as terminal, premises() as opened:
        facts = opened.desk.store.write_now(partial(_fresh_facts, intent_id=intent_id))
        signer, answer = None, Answer.YES
        if facts.intent.state is IntentState.AWAITING_APPROVAL:
            needed = opened.desk.store.read_now(lambda tx: needed_level(tx, facts.intent))
            is_signed = needed not in WEAK_LEVELS or opened.settings.mode == "live"
            keys = _keys(opened, key) if is_signed else []
            answer = terminal.ask(card(facts), facts.intent)
            if answer is Answer.YES and keys:
                signer = unlocked(terminal, keys[0])
    intent = in_premises(partial(_decided, shown=facts, answer=answer, signer=signer))
    show(_document(intent), reading.standing(intent), as_json=as_json)
    return exits.of_state(intent.state)


def _keys(opened: Premises, file: Path | None) -> list[KeyFile]:
    enrolled = opened.desk.store.read_now(authority.read).keys.values()
    return own_keys(opened.settings, list(enrolled), file)


def decline(
    intent_id: IntentId,
    *,
    reason: Annotated[
        DeclineReason | None,
        typer.Option(help="stop also refuses such wishes of this requester for 15 minutes."),
    ] = None,
    as_json: Json = False,
) -> Exit:
    """Say no to an intent, which is final. It needs no terminal: a no does no harm.

    What is approved already is withdrawn as far as it has not been sent; what has been sent goes on.
    """
    intent = in_premises(
        lambda opened: consenting.decline_at_terminal(
            opened.desk, intent_id, person=person(), reason=reason
        )
    )
    show(_document(intent), reading.standing(intent), as_json=as_json)
    return Exit.DONE


def _fresh_facts(tx: Transaction, intent_id: str) -> Facts:
    """The facts, with every window open that has begun: the budgets are those of this moment."""
    keep_up(tx)
    return read_facts(tx, intent_id)


async def _decided(
    opened: Premises, *, shown: Facts, answer: Answer, signer: Unlocked | None
) -> Intent:
    """Do what the person said, to exactly what the card showed."""
    desk, intent_id = opened.desk, shown.intent.intent_id
    if answer is Answer.NO:
        return await consenting.decline_at_terminal(desk, intent_id, person=person(), reason=None)
    if answer is Answer.NONE:
        return await consenting.show(desk, intent_id)
    if signer is None:
        await consenting.approve_at_terminal(
            desk, intent_id, digest=shown.intent.digest, person=person()
        )
    else:
        statement = await consenting.statement_to_sign(
            desk, intent_id, card=card(shown), digest=shown.intent.digest
        )
        await consenting.approve_signed(desk, intent_id, statement, signer.sign(statement))
    return await work_off(opened, intent_id)


def _document(intent: Intent) -> dict[str, Any]:
    return intent_result(intent, surface()).as_document()
