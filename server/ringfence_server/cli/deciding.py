"""Deciding: what waits for a person, the card, and their yes or no."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer
from rich.table import Table

from ringfence.desk import consenting, resolving
from ringfence.desk.resolving import Open
from ringfence.errors import InvalidArguments
from ringfence.guard import approval
from ringfence.guard.card import Facts, card, read_facts
from ringfence.guard.changes import Change, is_change
from ringfence.guard.windows import keep_up
from ringfence.intents import WEAK_LEVELS, DeclineReason, Intent, Line, Op
from ringfence.states import IntentState
from ringfence.store import intents
from ringfence.store.transaction import Transaction
from ringfence_server.cli import changing, collecting, exits, reading
from ringfence_server.cli.approvers import KeyOption
from ringfence_server.cli.at_work import in_premises, person, premises, surface, work_off
from ringfence_server.cli.collecting import Collected
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, filled, show, table
from ringfence_server.cli.signing import unlocked
from ringfence_server.cli.terminal import Answer, Terminal
from ringfence_server.keys.locked import KeyFile, Unlocked
from ringfence_server.opening import Premises
from ringfence_tools.intent_result import intent_result

DecisionId = Annotated[
    str, typer.Argument(metavar="ID", help="The intent's id (int_…), or a change's (change-7).")
]


def pending(*, as_json: Json = False) -> Exit:
    """List what waits: to be decided, to be signed, to be sent although approved, and what is to be resolved."""
    with premises() as opened:
        waiting, delayed, left = anyio.run(_still_open, opened)
        damaged = anyio.run(consenting.damaged, opened.desk)
        changed, problem = changing.waiting(opened.desk.store)
    document = {
        "pending": [_document(intent) for intent in waiting],
        "changes": [changing.as_document(change) for change in changed],
        "problem": problem,
        "delayed": reading.delayed(delayed),
        "to_resolve": reading.to_resolve(left),
        "damaged": [asdict(each) for each in damaged],
    }
    rest = [
        *_waiting(waiting, changed, problem),
        *reading.not_sent_yet(delayed),
        *reading.unresolved(left),
        *reading.unreadable(damaged),
    ]
    show(document, *(rest or ["Nothing waits for a person."]), as_json=as_json)
    return Exit.DONE


async def _still_open(opened: Premises) -> tuple[list[Intent], list[tuple[Intent, Line]], Open]:
    desk = opened.desk
    return (
        await consenting.pending(desk),
        await consenting.delayed(desk),
        await resolving.still_open(desk),
    )


def _waiting(
    waiting: Sequence[Intent], changed: Sequence[Change], problem: str | None
) -> Iterator[str | Table]:
    if waiting:
        yield table(
            "intent", "what", "now", "code", "until",
            rows=map(reading.one_line, waiting), wraps="what",
        )  # fmt: skip
    if changed:
        yield table(
            "change", "what", "signed by", "until",
            rows=map(changing.one_line, changed), wraps="what",
        )  # fmt: skip
    if problem:
        yield filled(problem)


def show_one(decision_id: DecisionId, *, as_json: Json = False) -> Exit:
    """Show one intent or change: its card, or what it does in words, and how it stands."""
    if is_change(decision_id):
        return changing.show_change(decision_id, as_json=as_json)
    intent_id = decision_id
    with premises() as opened:
        facts = opened.desk.store.read_now(lambda tx: read_facts(tx, intent_id))
        half = collecting.half_signed(opened, facts.intent)
    text = f"{card(facts)}\n\n{reading.standing(facts.intent, half)}"
    show(_document(facts.intent) if as_json else {}, text, as_json=as_json)
    return Exit.DONE


def approve(decision_id: DecisionId, *, key: KeyOption = None, as_json: Json = False) -> Exit:
    """Show the card, or a change in words, in this terminal, and ask the person there.

    It asks the terminal itself, whatever stdin is; without a terminal it approves nothing. Where consent is signed,
    as every change is, an approver's passphrase is typed there as well.
    """
    if is_change(decision_id):
        return changing.approve_change(decision_id, file=key, as_json=as_json)
    intent_id = decision_id
    with Terminal() as terminal, premises() as opened:
        store = opened.desk.store
        facts = store.write_now(partial(_fresh_facts, intent_id=intent_id))
        signer, answer = None, Answer.YES
        if facts.intent.state is IntentState.AWAITING_APPROVAL:
            keys = _keys(opened, facts.intent, key)
            note = store.read_now(partial(_price_age, facts=facts))
            answer = terminal.ask(card(facts), facts.intent, note=note)
            if answer is Answer.YES and keys:
                signer = unlocked(terminal, keys)
    intent, half = in_premises(partial(_decided, shown=facts, answer=answer, signer=signer))
    show(_document(intent), reading.standing(intent, half), as_json=as_json)
    return exits.of_state(intent.state)


def _keys(opened: Premises, intent: Intent, file: Path | None) -> list[KeyFile]:
    """The keys at hand that can sign for it; none where a person's word is enough.

    Whatever would make the answer worth nothing is said here, before anybody is asked anything.

    Raises:
        Declined, Expired, Frozen: it cannot be approved now.
        PolicyRefused, NotAuthorized, ConfigurationError: nobody here can approve it with a passphrase.
    """

    def read(tx: Transaction) -> Collected | None:
        is_signed = tx.mode == "live" or approval.needed_level(tx, intent) not in WEAK_LEVELS
        there = collecting.of_intent(tx, intent) if is_signed else None
        approval.check_open(tx, intent)
        return there

    there = opened.desk.store.read_now(read)
    return collecting.keys_that_add(opened, there, file) if there is not None else []


def decline(
    decision_id: DecisionId,
    *,
    reason: Annotated[
        DeclineReason | None,
        typer.Option(help="stop also refuses such wishes of this requester for 15 minutes."),
    ] = None,
    as_json: Json = False,
) -> Exit:
    """Say no to an intent or a change, which is final. It needs no terminal: a no does no harm.

    What is approved already is withdrawn as far as it has not been sent; what has been sent goes on.
    """
    if is_change(decision_id):
        if reason is not None:
            raise InvalidArguments(
                "A reason is for what an assistant asked; a change is declined without one.",
                remedy=f"ringfence decline {decision_id}",
            )
        return changing.decline_change(decision_id, as_json=as_json)
    intent = in_premises(
        lambda opened: consenting.decline_at_terminal(
            opened.desk, decision_id, person=person(), reason=reason
        )
    )
    show(_document(intent), reading.standing(intent), as_json=as_json)
    return Exit.DONE


def _price_age(tx: Transaction, facts: Facts) -> str:
    """How long ago the carrier said these prices; they are asked for again before anything is sent."""
    if facts.intent.terms.op is not Op.BUY:
        return ""
    age = tx.now - intents.quoted_at(tx, facts.intent.intent_id)
    return f"Price confirmed {int(age.total_seconds()) // 60} minutes ago; a higher one voids this."


def _fresh_facts(tx: Transaction, intent_id: str) -> Facts:
    """The facts, with every window open that has begun: the budgets are those of this moment."""
    keep_up(tx)
    return read_facts(tx, intent_id)


async def _decided(
    opened: Premises, *, shown: Facts, answer: Answer, signer: Unlocked | None
) -> tuple[Intent, Sequence[str]]:
    """How it stands after what the person said, and what it still takes where others have to sign as well."""
    intent = await _carried_out(opened, shown=shown, answer=answer, signer=signer)
    return intent, collecting.half_signed(opened, intent)


async def _carried_out(
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
