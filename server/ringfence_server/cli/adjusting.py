"""`ledger adjust`: an invoice is not what the books say, and a person writes the difference down."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ringfence.desk import adjusting
from ringfence.desk.adjusting import Plan
from ringfence.errors import InvalidArguments
from ringfence.guard import changes, telling
from ringfence.guard.adjustment import Difference
from ringfence.guard.changes import Change
from ringfence.store.audit import Words
from ringfence_server.cli.approvers import KeyOption
from ringfence_server.cli.at_work import in_premises, person
from ringfence_server.cli.changing import show_proposed
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, filled, show
from ringfence_server.cli.resolving import (
    ProposeRuling,
    check_subject,
    effect_lines,
    facts,
    money,
    ruling_is_signed,
    words_of,
)
from ringfence_server.cli.signing import own_keys, unlocked
from ringfence_server.cli.terminal import Terminal
from ringfence_server.opening import Premises

_WHY = "Why, in words that can be erased later: "


def adjust(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="NUMBER", help="A number (+1…, num_…), or the line that bought it (lin_…)."
        ),
    ],
    *,
    setup: Annotated[
        str | None, typer.Option(help='What was charged once more than the books have: "0.19 USD".')
    ] = None,
    monthly: Annotated[
        str | None, typer.Option(help="What it costs a month more, this time and from now on.")
    ] = None,
    less: Annotated[bool, typer.Option("--less", help="The invoice is lower, not higher.")] = False,
    month: Annotated[
        str | None,
        typer.Option(help="The month of the charge, such as 2026-12; without it, the latest."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="Why, in words that can be erased later.")
    ] = None,
    propose: ProposeRuling = False,
    key: KeyOption = None,
    as_json: Json = False,
) -> Exit:
    """Write down that an invoice differs from the books: an entry of its own, which budgets count.

    It shows what the books have and what will happen to the budgets, and asks in this terminal. In a live
    installation an approver signs; what is lower gives budget back, so it is signed like a looser policy. With
    --propose they sign later, with `ringfence approve change-…` or with a passkey on the approval page. Without
    an amount it shows what somebody has proposed or signed already, for your signature.
    """
    if not subject.startswith("+"):
        check_subject(subject)
    amounts = {"setup": money(setup), "monthly": money(monthly)}
    words = words_of(reason, None)
    is_new = any(amount is not None for amount in amounts.values())
    difference = Difference(**amounts, is_less=less) if is_new else None
    if propose:
        work = partial(_proposed, subject=subject, difference=difference, month=month, words=words)
        return show_proposed(in_premises(work), as_json=as_json)
    with Terminal() as terminal:
        if is_new and words is None:
            words = words_of(terminal.line(_WHY, if_left="You left: nothing was written."), None)
        if is_new and words is None:
            raise _without_reason()
        done, planned = in_premises(
            partial(
                _adjusted,
                terminal=terminal,
                subject=subject,
                difference=difference,
                month=month,
                words=words,
                key=key,
            )
        )
    if isinstance(done, Change):
        return show_proposed(done, as_json=as_json)
    return _told(planned, is_done=done, as_json=as_json)


async def _proposed(
    opened: Premises,
    *,
    subject: str,
    difference: Difference | None,
    month: str | None,
    words: Words | None,
) -> Change:
    """Let it wait for the approvers."""
    if difference is None:
        raise InvalidArguments(
            "There is nothing to propose yet.",
            remedy="Say how the invoice differs: --setup or --monthly.",
        )
    if words is None:
        raise _without_reason()
    planned = await adjusting.plan(opened.desk, subject, difference, month=month)
    return await adjusting.propose(opened.desk, planned, words, by=person())


def _without_reason() -> InvalidArguments:
    return InvalidArguments(
        "An adjustment has a reason; nothing was written.", remedy="Say why: --reason WORDS"
    )


async def _adjusted(
    opened: Premises,
    *,
    terminal: Terminal,
    subject: str,
    difference: Difference | None,
    month: str | None,
    words: Words | None,
    key: Path | None,
) -> tuple[bool | Change, Plan]:
    """Show it, ask, and write it down; False where the person did not agree, a change while more have to sign."""
    desk = opened.desk
    if difference is None:
        planned = await _waiting(opened, subject)
    else:
        planned = await adjusting.plan(desk, subject, difference, month=month)
    if planned.waiting is not None:
        words = None  # whoever said it first: their words are what is signed
    said = planned.said if words is None else words.text
    text = "\n".join(_reads(planned, said))
    if not ruling_is_signed(opened):
        if words is None or not terminal.agrees(text, planned.record.number):
            return False, planned
        await adjusting.adjust_at_terminal(desk, planned, words, person=person())
        return True, planned
    keys = own_keys(opened, key)
    terminal.say(f"\n{text}\n")
    signer = unlocked(terminal, keys)
    statement = await adjusting.statement(desk, planned, words or Words.fresh(""))
    if await adjusting.adjust_signed(desk, statement, signer.sign(statement), words):
        return True, planned
    return await desk.store.read(lambda tx: changes.of(tx, statement)), planned


async def _waiting(opened: Premises, subject: str) -> Plan:
    planned = await adjusting.half_signed(opened.desk, subject)
    if planned is None:
        raise InvalidArguments(
            "Nobody has proposed or signed an adjustment of it that waits.",
            remedy="Say how the invoice differs: --setup or --monthly.",
        )
    return planned


def _reads(planned: Plan, said: str | None) -> Iterator[str]:
    yield from facts(telling.of_charge(planned.record, planned.charge))
    for each in telling.differs(planned.difference):
        yield f"You say: {each}."
    yield filled(telling.because(said), indent=4)
    yield from effect_lines(planned.effects)


def _told(planned: Plan, *, is_done: bool, as_json: bool) -> Exit:
    document: dict[str, Any] = {
        "number_id": planned.record.number_id,
        "number": planned.record.number,
        **planned.difference.model_dump(mode="json", exclude_none=True),
        "written": is_done,
    }
    text = "That is in the books now." if is_done else "Nothing is decided."
    show(document, text, as_json=as_json)
    return Exit.DONE if is_done else Exit.WAITING
