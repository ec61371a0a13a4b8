"""`resolve`: a person says what became of a line or of a lost number, once they have read all that is known of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ringfence.desk import resolving
from ringfence.desk.resolving import Case
from ringfence.errors import ConfigurationError, InvalidArguments
from ringfence.guard import changes, ruling, telling
from ringfence.guard.card import quoted
from ringfence.guard.changes import Change
from ringfence.guard.effect import Effect
from ringfence.guard.finding import Became, Finding, finding_in
from ringfence.ids import Prefix
from ringfence.money import BadMoney, Money
from ringfence.store.audit import Words
from ringfence_server.cli.approvers import KeyOption
from ringfence_server.cli.at_work import in_premises, person
from ringfence_server.cli.changing import show_proposed
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, filled, show
from ringfence_server.cli.signing import own_keys, unlocked
from ringfence_server.cli.terminal import Terminal
from ringfence_server.opening import Premises

MAX_WORDS = 2_000
"""Characters of evidence in words; what is longer is a file, of which the hash is kept."""
MAX_EVIDENCE_BYTES = 50_000_000

ProposeRuling = Annotated[
    bool, typer.Option("--propose", help="Write nothing yet: let it wait for the approvers.")
]
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
    propose: ProposeRuling = False,
    key: KeyOption = None,
    as_json: Json = False,
) -> Exit:
    """Say what became of a line that nobody could look up, or of a number that its carrier lists no longer.

    It shows what is known and what will happen to the budgets, and asks in this terminal. In a live
    installation an approver signs; with --propose they do so later, with `ringfence approve change-…` or with a
    passkey on the approval page. Without any outcome it shows what somebody has proposed or signed already, for
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
    wish = _Wish(subject, chosen[0] if chosen else None, amounts, reference, words)
    if propose:
        return show_proposed(in_premises(partial(_proposed, wish=wish)), as_json=as_json)
    with Terminal() as terminal:
        done, finding = in_premises(partial(_resolved, terminal=terminal, wish=wish, key=key))
    if isinstance(done, Change):
        return show_proposed(done, as_json=as_json)
    return _told(subject, finding, is_done=done, as_json=as_json)


@dataclass(frozen=True)
class _Wish:
    """What somebody has said on the command line."""

    subject: str
    became: Became | None
    amounts: Mapping[str, Money | None]
    reference: str | None
    words: Words | None

    def finding(self, case: Case) -> Finding | None:
        """What they found; None where they did not say."""
        if self.became is None:
            return None
        return _finding(case, self.became, self.amounts, self.reference)


async def _proposed(opened: Premises, *, wish: _Wish) -> Change:
    """Let it wait for the approvers."""
    desk = opened.desk
    finding = wish.finding(await resolving.case(desk, wish.subject))
    if finding is None or wish.words is None:
        raise InvalidArguments(
            "There is nothing to propose yet.",
            remedy="Say what became of it: see ringfence resolve --help",
        )
    return await resolving.propose(desk, wish.subject, finding, wish.words, by=person())


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
    opened: Premises, *, terminal: Terminal, wish: _Wish, key: Path | None
) -> tuple[bool | Change, Finding]:
    """Show it, ask, and write it down; False where the person did not agree, a change while more have to sign."""
    desk, subject, words = opened.desk, wish.subject, wish.words
    case = await resolving.case(desk, subject)
    finding = wish.finding(case) or _waiting(case)
    said = words.text if words is not None else None
    for statement, theirs in case.waiting:
        if finding_in(statement) == finding:
            words, said = None, theirs  # whoever said it first: their words are what is signed
            break
    lines = [*known(case), "", *_says(finding, said)]
    lines += effect_lines(await resolving.effects(desk, subject, finding))
    text = "\n".join(lines)
    if not ruling_is_signed(opened):
        if words is None or not terminal.agrees(text, case.number):
            return False, finding
        await resolving.resolve_at_terminal(desk, subject, finding, words, person=person())
        return True, finding
    keys = own_keys(opened, key)
    terminal.say(f"\n{text}\n")
    signer = unlocked(terminal, keys)
    statement = await resolving.statement(desk, subject, finding, words or Words.fresh(""))
    if await resolving.resolve_signed(desk, statement, signer.sign(statement), words):
        return True, finding
    return await desk.store.read(lambda tx: changes.of(tx, statement)), finding


def ruling_is_signed(opened: Premises) -> bool:
    """Whether approvers sign for what is written into the books here."""
    return opened.desk.store.read_now(ruling.needs_signing)


def _waiting(case: Case) -> Finding:
    """The latest that waits for signatures."""
    if not case.waiting:
        raise InvalidArguments(
            "Nobody has proposed or signed anything about it yet.",
            remedy="Say what became of it: see ringfence resolve --help",
        )
    return finding_in(case.waiting[-1][0])


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
        yield from facts(telling.of_line(case.intent, case.line))
    if case.record is not None:
        yield from facts(telling.of_lost(case.record))
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


def facts(told: Iterator[str]) -> Iterator[str]:
    """A headline, and what belongs to it."""
    yield next(told)
    yield from (f"  {each}" for each in told)


def _says(finding: Finding, said: str | None) -> Iterator[str]:
    yield filled(f"You say: {telling.found(finding)}.", indent=4)
    yield filled(telling.shown_by(said), indent=4)


def effect_lines(effects: Sequence[Effect]) -> Iterator[str]:
    """What will happen to the budgets, one a line."""
    for effect in effects:
        yield filled(f"  {telling.does(effect)}", indent=4)


def _told(subject: str, finding: Finding, *, is_done: bool, as_json: bool) -> Exit:
    document: dict[str, Any] = {
        "id": subject,
        **finding.model_dump(mode="json", exclude_none=True),
        "written": is_done,
    }
    text = {
        True: "That is in the books now. If spending is frozen: ringfence unfreeze",
        False: "Nothing is decided; it still waits.",
    }[is_done]
    show(document, text, as_json=as_json)
    return Exit.DONE if is_done else Exit.WAITING
