"""What a command prints: one JSON document, or the same for a person, in at most 80 columns.

Results go to stdout. Refusals go to stderr as the message and the way out, or, where JSON was asked
for, to stdout as the one document.
"""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ringfence.errors import RingfenceError
from ringfence_server.cli.remedies import for_person
from ringfence_tools.printing import on_its_lines
from ringfence_tools.refusal import error_document, read_violation
from ringfence_tools.texts import TOOL_NAMES

WIDTH = 80
SIMULATED = "Simulated: no real money."

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def print_document(document: Mapping[str, Any]) -> None:
    """Print the one document; ASCII, so that no terminal and no locale can spoil it."""
    console().print(json.dumps(document, indent=2), soft_wrap=True)


def show(document: Mapping[str, Any], *text: str | Text | Table, as_json: bool) -> None:
    """Print a result in the form that was asked for; text keeps the lines that it has."""
    if as_json:
        print_document(document)
        return
    for part in text:
        console().print(part, soft_wrap=not isinstance(part, Table))


def fail(error: RingfenceError, *, as_json: bool) -> None:
    """Print a refusal in the form that was asked for."""
    document = error_document(error, frozenset(TOOL_NAMES))
    if as_json:
        print_document(document)
        return
    violations = [
        read_violation(each)
        for each in document["error"]["details"].get("violations", [])
        if isinstance(each, dict)
    ]
    told = [
        f"{on_its_lines(error.message)} ({error.code})",
        *violations,
        for_person(document["error"]["remedy"]),
    ]
    if "lines" in error.details:  # to be copied, so as they are
        told.append(str(error.details["lines"]))
    print("\n".join(told), file=sys.stderr)


def coloured(text: str, styles: Mapping[str, str]) -> Text:
    """Text whose lines are coloured by what they begin with; no line is told by its colour alone."""
    lines = [
        Text(line, next((style for start, style in styles.items() if line.startswith(start)), ""))
        for line in text.splitlines()
    ]
    return Text("\n").join(lines)


def filled(text: str, *, indent: int = 0) -> str:
    """Prose in at most 80 columns, its further lines indented; no word and no address is broken."""
    return textwrap.fill(
        text,
        WIDTH,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def table(*columns: str, rows: Iterable[Iterable[str]], wraps: str = "") -> Table:
    """A plain table without lines; only the column `wraps` is broken where the width ends."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column != wraps)
    for row in rows:
        made.add_row(*row)
    return made


def console() -> Console:
    """Standard output; colours on a terminal only, and none where NO_COLOR is set."""
    made = _PatientConsole(highlight=False, markup=False, emoji=False)
    made.width = min(made.width, WIDTH) if made.is_terminal else WIDTH
    return made


def nobody_reads() -> None:
    """Whoever reads has seen enough (`| head`): finish in silence what was begun."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _PatientConsole(Console):
    def on_broken_pipe(self) -> None:
        nobody_reads()
