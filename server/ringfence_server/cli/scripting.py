"""`ringfence script`: scripted tool calls with expectations, each in a throw-away sandbox of its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringfence.errors import ConfigurationError
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, console, print_document

if TYPE_CHECKING:  # it loads the server and a client, which no other command needs
    from ringfence_server.testing.running import RunReport, StepReport
    from ringfence_server.testing.stage import Era


class Eras(StrEnum):
    """Which protocol eras the client speaks, one after the other."""

    MODERN = "modern"
    LEGACY = "legacy"
    BOTH = "both"

    def chosen(self) -> tuple[Era, ...]:
        """The eras that this means."""
        from ringfence_server.testing.stage import ERAS

        return ERAS if self is Eras.BOTH else (self.value,)  # type: ignore[return-value]  # a value of Era


def script(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Scripts in YAML.")],
    *,
    era: Annotated[Eras, typer.Option(help="The client's protocol.")] = Eras.BOTH,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a report in JUnit's XML.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep each run's installation, and say where.")
    ] = False,
    as_json: Json = False,
) -> Exit:
    """Run scripted tool calls against the real server, simulated, and hold the answers against the script.

    Ends with 1 if a step is not as expected, and with 2 if a file is no script.
    """
    from ringfence_server.testing.running import Status, run_all
    from ringfence_server.testing.script import read_script_file

    logging.getLogger("ringfence").setLevel(logging.ERROR)  # faults are played on purpose
    scripts = [read_script_file(file) for file in files]
    reports = run_all(scripts, era.chosen(), keep=keep, ended=_nothing if as_json else _show)
    if junit is not None:
        _write_junit(junit, reports)
    if as_json:
        print_document({"runs": [_document(report) for report in reports]})
    else:
        console().print(_sum(reports))
    failed = any(report.status is Status.FAILED for report in reports)
    return Exit.BUG if failed else Exit.DONE


def _nothing(_report: RunReport) -> None:
    """The document at the end says it all."""


def _show(report: RunReport) -> None:
    """A line for a run that went well, and everything that helps for one that did not."""
    skipped = f": {report.why_skipped}" if report.why_skipped else ""
    line = f"{report.status:<7} {report.script.name} ({report.era}){skipped}"
    console().print(line, soft_wrap=True)
    if report.problem:
        console().print(_indented(report.problem), soft_wrap=True)
    if report.home:
        console().print(f"        kept: RINGFENCE_HOME={report.home}", soft_wrap=True)


def _indented(text: str) -> str:
    return "\n".join(f"        {line}" for line in text.splitlines())


def _sum(reports: Sequence[RunReport]) -> str:
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for report in reports:
        counts[report.status] += 1
    told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    took = sum(report.seconds for report in reports)
    return f"{told or 'nothing to run'} in {took:.1f} s"


def _document(report: RunReport) -> dict[str, Any]:
    document: dict[str, Any] = {
        "file": report.script.file,
        "name": report.script.name,
        "era": report.era,
        "status": report.status.value,
        "steps": [_step(step) for step in report.steps],
    }
    if report.why_skipped:
        document["why_skipped"] = report.why_skipped
    if report.home:
        document["home"] = str(report.home)
    return document


def _step(step: StepReport) -> dict[str, Any]:
    document: dict[str, Any] = {
        "title": step.title,
        "line": step.line,
        "status": step.status.value,
        "milliseconds": round(step.seconds * 1000),
    }
    return {**document, "problem": step.problem} if step.problem else document


def _write_junit(path: Path, reports: Sequence[RunReport]) -> None:
    from ringfence_server.testing.junit import junit

    try:
        path.write_text(junit(reports), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"The report {path} cannot be written: {error.strerror}.",
            remedy="Name a file in a folder where you may write.",
        ) from error
