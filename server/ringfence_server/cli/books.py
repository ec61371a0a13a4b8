"""The books: what is spent and left, the ledger as a file, and the proof that every balance follows from it."""

from __future__ import annotations

import io
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, TextIO, cast

import typer
from rich.table import Table

from ringfence.guard import books
from ringfence.guard.card import quoted
from ringfence_server.cli import export
from ringfence_server.cli.at_work import premises
from ringfence_server.cli.calling import marked, run_tool
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.export import Format
from ringfence_server.cli.output import Json, nobody_reads, show, table
from ringfence_tools.printing import words
from ringfence_tools.show_spending import BudgetDocument, FactDocument, SpendingResult

NOT_KNOWN = "not known, since a price or a rate is missing"


def spending(
    *,
    period: Annotated[
        Literal["month", "day"], typer.Option(help="What forecast and latest facts are about.")
    ] = "month",
    as_json: Json = False,
) -> Exit:
    """Show what is used, held and left of every limit, and what the period will have cost."""
    result = cast("SpendingResult", run_tool("show_spending", {"period": period}))
    show(result.as_document(), *_told(result, period), as_json=as_json)
    return Exit.DONE


def _told(result: SpendingResult, period: str) -> list[str | Table]:
    at_most = "at most " if result.converted else ""
    rate = f"{at_most}{result.run_rate} a month" if result.run_rate else NOT_KNOWN
    end = f"{at_most}{result.forecast}" if result.forecast else NOT_KNOWN
    columns = ("budget", "window", "limit", "used", "held", "left")
    told: list[str | Table] = [
        table(*columns, rows=map(_budget, result.budgets), wraps="budget"),
        f"\nAll our numbers cost {rate}.\nThis {period} will have cost {end}.",
    ]
    if result.recent:
        lately = ("when", "what", "number", "amount", "serves")
        told += ["\nLately:", table(*lately, rows=map(_fact, result.recent), wraps="serves")]
    if result.frozen is not None:
        told.append(f"FROZEN: {quoted(result.frozen)}. To lift it: ringfence unfreeze")
    return [*told, *marked(result)]


def _budget(budget: BudgetDocument) -> tuple[str, ...]:
    scope = "" if budget.scope == "all" else f" ({budget.scope})"
    amounts = (budget.used or "", budget.held or "", budget.left or "")
    return f"{budget.name}{scope}", budget.window, budget.limit, *amounts


def _fact(fact: FactDocument) -> tuple[str, ...]:
    when = fact.at.replace("T", " ")[: len("2026-11-22 12:00")]
    return when, words(fact.what), fact.number, fact.amount or "unknown", fact.assistant_id or ""


def export_ledger(
    *,
    form: Annotated[
        Format, typer.Option("--format", help="csv for spreadsheets, or json.")
    ] = Format.CSV,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; without it, standard output.")
    ] = None,
    as_json: Json = False,
) -> Exit:
    """Write every entry of the ledger, in the order in which they count.

    In CSV a cell that a spreadsheet would take for a formula, such as +14155550142, begins with
    an apostrophe. JSON has the values as they are.
    """
    if output is None:
        try:
            _write(sys.stdout, Format.JSON if as_json else form)
            sys.stdout.flush()
        except BrokenPipeError:
            nobody_reads()
        return Exit.DONE
    with export.whole_file(output) as out:
        count = _write(out, form)
    document = {"file": str(output.absolute()), "format": form.value, "entries": count}
    show(document, f"{count} entries are in {output.absolute()}.", as_json=as_json)
    return Exit.DONE


def _write(out: TextIO, form: Format) -> int:
    if isinstance(out, io.TextIOWrapper) and out is sys.stdout:
        out.reconfigure(newline="")  # line ends are the format's own
    with premises() as opened:
        return opened.desk.store.read_now(partial(export.write, out=out, form=form))


def verify_ledger(*, as_json: Json = False) -> Exit:
    """Fold the ledger from its first entry, and compare every balance and hold with it."""
    with premises() as opened:
        differences = opened.desk.store.read_now(books.verify)
    text = "\n".join(differences) or "The ledger and every balance agree."
    document = {"agrees": not differences, "differences": differences}
    show(document, text, as_json=as_json)
    return Exit.BUG if differences else Exit.DONE
