"""The audit chain: proved, handed out, and rid of words that somebody wants gone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from ringfence.errors import ConfigurationError, RingfenceError
from ringfence.guard import books, evidence, high_water, policy_chain, replay, words
from ringfence.store import audit
from ringfence.store.transaction import Transaction
from ringfence_server.cli import export
from ringfence_server.cli.at_work import person, premises
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, nobody_reads, show
from ringfence_server.verifier import standalone

CheckpointFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--checkpoints",
        help="Checkpoints, or evidence of a purchase, that were copied away; may be repeated.",
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="A file; without it, standard output.")
]


def verify_audit(
    *,
    checkpoints: CheckpointFiles = None,
    offline: Annotated[
        Path | None, typer.Option(help="Verify this export instead of the installation.")
    ] = None,
    as_json: Json = False,
) -> Exit:
    """Prove the history: every event, signature, checkpoint and policy, and all that follows from them.

    A chain that was cut off, made anew or rolled back still holds in itself. What gives it away is a checkpoint
    that was copied elsewhere, or a statement that an approver signed.
    """
    given = [each for path in checkpoints or [] for each in _read_witnesses(path)]
    if offline is not None:
        report = _offline(offline, given)
    else:
        with premises() as opened:
            report = opened.desk.store.read_now(lambda tx: prove(tx, given))
    show(report, *standalone.told(report), as_json=as_json)
    return Exit.DONE if report["holds"] else Exit.BUG


def prove(tx: Transaction, given: Iterable[dict[str, Any]] = ()) -> dict[str, Any]:
    """Everything that can be said about the history of an installation, as one report.

    The stand-alone verifier reads what an export would hold; what only the database can tell comes on top.
    """
    seen = standalone.Verification(given, tx.anchor.root(tx.installation_id))
    for document in evidence.history(tx, with_texts=True):
        seen.take(document)
    seen.close()
    _, broken = audit.verify(tx)
    if broken is not None:
        seen.fail(f"event {broken.seq}", broken.why)
    for place, failures in _beside_the_chain(tx):
        for why in failures:
            seen.fail(place, why)
    report = seen.report()
    report["break"] = {"seq": broken.seq, "why": broken.why} if broken else None
    report["failures"] = [
        each for at, each in enumerate(report["failures"]) if each not in report["failures"][:at]
    ]
    return report


def _beside_the_chain(tx: Transaction) -> Iterator[tuple[str, list[str]]]:
    why = high_water.difference(tx)
    yield "high water", [why] if why else []
    yield "states", _found(lambda: replay.differences(tx))
    yield "books", _found(lambda: books.verify(tx))
    if tx.mode == "live":
        yield "checkpoints", [] if any(evidence.checkpoints(tx)) else ["there is none"]
        yield "policy", _found(lambda: _policy_faults(tx))


def _policy_faults(tx: Transaction) -> list[str]:
    policy_chain.check(tx)
    return []


def _found(look: Any) -> list[str]:
    """What a look finds; one that cannot be made has found that."""
    try:
        found: list[str] = look()
    except RingfenceError as error:
        return [error.message]
    except (ValueError, KeyError, LookupError) as error:  # a row that was made unreadable
        return [f"what is stored cannot be read ({type(error).__name__})"]
    return found


def _read_witnesses(path: Path) -> list[dict[str, Any]]:
    try:
        return list(standalone.read_witnesses(str(path)))
    except (OSError, UnicodeDecodeError, standalone.Unreadable) as error:
        raise ConfigurationError(
            f"{path} holds no checkpoints: {error}",
            remedy="Name a file of checkpoints, or the evidence of a purchase, as it was copied.",
        ) from error


def _offline(path: Path, given: list[dict[str, Any]]) -> dict[str, Any]:
    seen = standalone.Verification(given)
    try:
        standalone.check_file(str(path), seen)
    except (OSError, UnicodeDecodeError, standalone.Unreadable) as error:
        raise ConfigurationError(
            f"{path} cannot be verified: {error}",
            remedy="Name what `ringfence audit export` wrote.",
        ) from error
    return seen.report()


def export_audit(
    *,
    output: Output = None,
    intent: Annotated[
        str | None, typer.Option(help="Only the evidence of this purchase, as one document.")
    ] = None,
    with_texts: Annotated[
        bool,
        typer.Option("--with-texts", help="With the words of assistants that were not erased."),
    ] = False,
    as_json: Json = False,
) -> Exit:
    """Write the history for somebody who need not trust us: public keys, statements, checkpoints and every event.

    One JSON document a line; of one purchase, a single document. `ringfence audit verifier` prints the program
    that verifies either.
    """

    def write(tx: Transaction, out: TextIO) -> int:
        if intent is not None:
            found = evidence.of_purchase(tx, intent, with_texts=with_texts)
            out.write(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
            return 1
        count = 0
        for document in evidence.history(tx, with_texts=with_texts):
            out.write(json.dumps(document, ensure_ascii=False) + "\n")
            count += 1
        return count

    with premises() as opened:
        _witness(opened.desk.store)
        with _out(output) as out:
            count = opened.desk.store.read_now(lambda tx: write(tx, out))
    if output is not None:
        document = {"file": str(output.absolute()), "documents": count}
        what = "The evidence is" if intent is not None else f"{count} documents are"
        show(document, f"{what} in {output.absolute()}.", as_json=as_json)
    return Exit.DONE


def _witness(store: Any) -> None:
    """Make a checkpoint of what is handed out, where checkpoints are kept."""

    def make(tx: Transaction) -> None:
        seq, head = audit.head(tx)
        if tx.checkpoints is not None and seq:
            tx.checkpoints.make(tx.installation_id, seq, head, tx.now)

    store.read_now(make)


@contextmanager
def _out(output: Path | None) -> Iterator[TextIO]:
    if output is not None:
        with export.whole_file(output) as out:
            yield out
        return
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        nobody_reads()


def print_verifier() -> Exit:
    """Print the program that verifies an export: one file that needs Python and nothing else.

    Read it before you trust it, or write your own; the formats are in it.
    """
    text = files("ringfence_server.verifier").joinpath("standalone.py").read_text(encoding="utf-8")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        nobody_reads()
    return Exit.DONE


def erase_words(
    subject: Annotated[
        str, typer.Argument(metavar="ID", help="An intent; or a line or number that was resolved.")
    ],
    *,
    as_json: Json = False,
) -> Exit:
    """Erase what was said about an intent, a line or a number, for good.

    Their salted hash stays, so the history still holds, and says who had them erased. Backups that were made
    before keep the words.
    """
    with premises() as opened:
        store = opened.desk.store
        is_new = store.write_now(lambda tx: words.erase(tx, subject, actor=person()))
        store.forget_log()
    text = "They are erased." if is_new else "They were erased before."
    show({"subject": subject, "erased": True, "new": is_new}, text, as_json=as_json)
    return Exit.DONE
