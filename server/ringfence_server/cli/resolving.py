"""`resolve`: a person says what became of a line or of a lost number, once they have read all that is known of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ringfence.approvers import Statement
from ringfence.desk import resolving
from ringfence.desk.resolving import Case
from ringfence.errors import ConfigurationError, InvalidArguments
from ringfence.guard import authority, ruling
from ringfence.guard.card import quoted
from ringfence.guard.effect import Effect
from ringfence.guard.finding import Became, Finding, finding_in
from ringfence.ids import Prefix
from ringfence.money import BadMoney, Money
from ringfence.store.audit import Words
from ringfence_server.cli.approvers import KeyOption
from ringfence_server.cli.at_work import in_premises, person
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, filled, show
from ringfence_server.cli.signing import own_keys, unlocked
from ringfence_server.cli.terminal import Terminal
from ringfence_server.opening import Premises

MAX_WORDS = 2_000
"""Characters of evidence in words; what is longer is a file, of which the hash is kept."""
MAX_EVIDENCE_BYTES = 50_000_000

Evidence = Annotated[
    str | None, typer.Option("--evidence", help="What shows it, in words that can be erased later.")
]
EvidenceFile = Annotated[
    Path | None,
    typer.Option(
        "--evidence-file", help="A file that shows it; its SHA-256 is kept, not the file."
    ),
]


def resolve(
    subject: Annotated[
        str, typer.Argument(metavar="ID", help="A line (lin_…), or a lost number (num_…).")
    ],
    *,
    captured: Annotated[
        bool, typer.Option("--captured", help="The carrier did it: of a purchase, it charged.")
    ] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="The carrier never did it; nothing was charged.")
    ] = False,
    active: Annotated[
        bool, typer.Option("--active", help="The lost number is ours after all.")
    ] = False,
    released: Annotated[
        bool, typer.Option("--released", help="The lost number is ours no longer.")
    ] = False,
    setup: Annotated[
        str | None, typer.Option(help='The set-up that was charged, such as "1.00 USD".')
    ] = None,
    monthly: Annotated[str | None, typer.Option(help="What it costs a month.")] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            help="The carrier's id of the number; what it lists now where nothing is said."
        ),
    ] = None,
    evidence: Evidence = None,
    evidence_file: EvidenceFile = None,
    key: KeyOption = None,
    as_json: Json = False,
) -> Exit:
    """Say what became of a line that nobody could look up, or of a number that its carrier lists no longer.

    It shows what is known and what will happen to the budgets, and asks in this terminal. In a live
    installation an approver signs. Without any outcome it shows what another approver has signed already, for
    your signature.
    """
    said = {
        Became.CAPTURED: captured,
        Became.FAILED: failed,
        Became.ACTIVE: active,
        Became.RELEASED: released,
    }
    chosen = [became for became, is_said in said.items() if is_said]
    if len(chosen) > 1:
        raise InvalidArguments(
            "Only one thing can have become of it.",
            remedy="Give one of --captured, --failed, --active and --released.",
        )
    check_subject(subject)
    amounts = {"setup": money(setup), "monthly": money(monthly)}
    words = words_of(evidence, evidence_file)
    if chosen and words is None:
        raise InvalidArguments(
            "Nothing shows that.",
            remedy="Say what does: --evidence WORDS, or --evidence-file FILE.",
        )
    with Terminal() as terminal:
        work = partial(
            _resolved,
            terminal=terminal,
            subject=subject,
            became=chosen[0] if chosen else None,
            amounts=amounts,
            reference=reference,
            words=words,
            key=key,
        )
        is_done, finding = in_premises(work)
    return _told(subject, finding, is_done=is_done, as_json=as_json)


def check_subject(subject: str) -> None:
    """Refuse what is no id of a line or a number.

    Raises:
        InvalidArguments: it is none.
    """
    if not subject.startswith((f"{Prefix.LINE}_", f"{Prefix.NUMBER}_")):
        raise InvalidArguments(
            f"{subject[:40]!r} is no id of a line or a number.",
            remedy="See what waits, with its ids: ringfence pending",
        )


def money(text: str | None) -> Money | None:
    """An amount as it is typed.

    Raises:
        InvalidArguments: it is none.
    """
    try:
        return None if text is None else Money.parse(text)
    except BadMoney as error:
        raise InvalidArguments(str(error), remedy='Write money as "1.00 USD".') from error


def words_of(text: str | None, file: Path | None) -> Words | None:
    """What a person said, or which file shows it; None where they gave neither.

    Raises:
        InvalidArguments: both, or too many words.
        ConfigurationError: the file cannot be read.
    """
    if text is not None and file is not None:
        raise InvalidArguments("Give words or a file, not both.")
    if file is not None:
        return Words.fresh(f"file {file.name}, SHA-256 {_hash_of(file)}")
    if text is None or not text.strip():
        return None
    if len(text) > MAX_WORDS:
        raise InvalidArguments(
            f"That is more than {MAX_WORDS} characters.",
            remedy="Put it into a file: --evidence-file",
        )
    return Words.fresh(text.strip())


def _hash_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_EVIDENCE_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(
            f"The file {file} cannot be read: {error.strerror}.", remedy="Name a readable file."
        ) from error
    if len(content) > MAX_EVIDENCE_BYTES:
        raise InvalidArguments(
            "That file is larger than 50 MB.", remedy="Name the one page that counts."
        )
    return hashlib.sha256(content).hexdigest()


async def _resolved(
    opened: Premises,
    *,
    terminal: Terminal,
    subject: str,
    became: Became | None,
    amounts: Mapping[str, Money | None],
    reference: str | None,
    words: Words | None,
    key: Path | None,
) -> tuple[bool | None, Finding]:
    """Show it, ask, and write it down; None where the person did not agree, False while more have to sign."""
    desk = opened.desk
    case = await resolving.case(desk, subject)
    if became is None:
        finding, said = _half_signed(case), case.said
    else:
        finding = _finding(case, became, amounts, reference)
        said = words.text if words is not None else None
        if case.waiting is not None and finding_in(case.waiting) == finding:
            words, said = None, case.said  # the first approver's words are what is signed
    lines = [*known(case), "", *_says(finding, said)]
    lines += effect_lines(await resolving.effects(desk, subject, finding))
    text = "\n".join(lines)
    if not ruling_is_signed(opened):
        if words is None or not terminal.agrees(text, case.number):
            return None, finding
        await resolving.resolve_at_terminal(desk, subject, finding, words, person=person())
        return True, finding
    enrolled = await desk.store.read(authority.read)
    keys = own_keys(opened.settings, list(enrolled.keys.values()), key)
    terminal.say(f"\n{text}\n")
    signer = unlocked(terminal, keys[0])
    statement = await resolving.statement(desk, subject, finding, words or Words.fresh(""))
    is_done = await resolving.resolve_signed(desk, statement, signer.sign(statement), words)
    return is_done, finding


def ruling_is_signed(opened: Premises) -> bool:
    """Whether approvers sign for what is written into the books here."""
    return opened.desk.store.read_now(ruling.needs_signing)


def _half_signed(case: Case) -> Finding:
    waiting: Statement | None = case.waiting
    if waiting is None:
        raise InvalidArguments(
            "Nobody has signed anything about it yet.",
            remedy="Say what became of it: see ringfence resolve --help",
        )
    return finding_in(waiting)


def _finding(
    case: Case, became: Became, amounts: Mapping[str, Money | None], reference: str | None
) -> Finding:
    is_priced = case.line is not None and case.line.terms.price is not None
    if reference is None and became is Became.CAPTURED and is_priced and case.listed.owned:
        reference = case.listed.owned.carrier_ref
    try:
        return Finding(became=became, reference=reference, **amounts)
    except ValueError as error:
        raise InvalidArguments(
            f"{(reference or '')[:40]!r} is no carrier's id.",
            remedy="Give it as the carrier shows it: up to 200 letters, digits and signs, without spaces.",
        ) from error


# What the person reads.


def known(case: Case) -> Iterator[str]:
    """All that is known of a line or a lost number."""
    if case.intent is not None and case.line is not None:
        terms = case.line.terms
        assistant = quoted(case.intent.terms.recipient or "nobody yet")
        yield f"{case.intent.terms.op.upper()} {terms.number} at {terms.provider}, for {assistant}"
        yield f"  line {case.line.line_id} of {case.intent.intent_id}"
        if terms.price is not None:
            by = quoted(case.intent.decided_by or "nobody")
            price = f"set-up {terms.price.setup}, then {terms.price.monthly} a month"
            yield f"  approved by {by}: {price}"
    if case.record is not None:
        record = case.record
        serves = quoted(record.assistant_id or "nobody")
        yield f"LOST {record.number} at {record.provider}, which served {serves}"
        yield f"  number {record.number_id}, known there as {quoted(record.carrier_ref)}"
        yield f"  {record.monthly or 'an unknown price'} a month, ours since {record.bought_at:%Y-%m-%d}"
    for answer in case.answers:
        evidence = f" ({quoted(answer.evidence)})" if answer.evidence else ""
        yield filled(f"  {answer.at[:19].replace('T', ' ')} {answer.what}{evidence}", indent=4)
    yield _listing(case)


def _listing(case: Case) -> str:
    if not case.listed.was_asked:
        return "  The carrier could not be asked what it lists now."
    owned = case.listed.owned
    if owned is None:
        return f"  The carrier does not list {case.number} now."
    monthly = f"{owned.monthly} a month" if owned.monthly else "without a price"
    tag = f", tag {quoted(owned.tag)}" if owned.tag else ""
    return filled(
        f"  The carrier lists it now as {quoted(owned.carrier_ref)}, {monthly}{tag}.", indent=4
    )


_SAYS = {
    Became.CAPTURED: "the carrier did it",
    Became.FAILED: "the carrier never did it; nothing was charged",
    Became.ACTIVE: "it is ours after all, and costs as before",
    Became.RELEASED: "it is ours no longer, and costs nothing more",
}


def _says(finding: Finding, said: str | None) -> Iterator[str]:
    price = finding.price
    charged = ""
    if price is not None:
        charged = f", and charged {price.setup} and {price.monthly} a month, as {finding.reference}"
    yield filled(f"You say: {_SAYS[finding.became]}{charged}.", indent=4)
    yield filled(f"What shows it: {quoted(said or 'erased words')}", indent=4)


def effect_lines(effects: Sequence[Effect]) -> Iterator[str]:
    """What will happen to the budgets, one a line."""
    for effect in effects:
        before, after = effect.before.row, effect.after.row
        yield filled(
            f"  {after.name} {after.window}: used {before.used}, held {before.held} -> "
            f"used {after.used}, held {after.held}, of {after.limit}"
            + (" OVER THE LIMIT" if effect.is_over else ""),
            indent=4,
        )


def _told(subject: str, finding: Finding, *, is_done: bool | None, as_json: bool) -> Exit:
    document: dict[str, Any] = {
        "id": subject,
        **finding.model_dump(mode="json", exclude_none=True),
        "written": bool(is_done),
    }
    text = {
        True: "That is in the books now. If spending is frozen: ringfence unfreeze",
        False: "It waits for another approver's signature.",
        None: "Nothing is decided; it still waits.",
    }[is_done]
    show(document, text, as_json=as_json)
    return Exit.DONE if is_done else Exit.WAITING
