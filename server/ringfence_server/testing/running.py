"""Running a script: in one era, on a stage of its own, step by step until one fails."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ringfence.errors import RingfenceError
from ringfence_server.testing import script as verbs
from ringfence_server.testing.following import Follower
from ringfence_server.testing.matching import differences
from ringfence_server.testing.premises import throw_away_home
from ringfence_server.testing.references import NoSuchValue, filled, value_at
from ringfence_server.testing.script import Placed, Script
from ringfence_server.testing.simulated_time import SimulatedLoop
from ringfence_server.testing.stage import Answer, Era, ServerStopped, Setting, Stage

MAX_ANSWER_LINES = 24
"""Of an answer that was not as expected; the differences come before it."""


class Status(StrEnum):
    """How a step, or a whole run, ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class StepReport:
    """How one step ended; `problem` says why it failed."""

    title: str
    line: int
    status: Status
    seconds: float = 0.0
    problem: str = ""


@dataclass(frozen=True)
class RunReport:
    """How one script ended in one era."""

    script: Script
    era: Era
    steps: tuple[StepReport, ...]
    why_skipped: str = ""
    home: Path | None = None
    """Where its installation was kept."""

    @property
    def status(self) -> Status:
        """Failed where a step has, skipped where none was run."""
        if self.why_skipped:
            return Status.SKIPPED
        failed = any(step.status is Status.FAILED for step in self.steps)
        return Status.FAILED if failed else Status.PASSED

    @property
    def seconds(self) -> float:
        """How long all steps took."""
        return sum(step.seconds for step in self.steps)

    @property
    def problem(self) -> str:
        """Where and why it failed, beginning with file and line; empty where it has not."""
        for number, step in enumerate(self.steps, 1):
            if step.status is Status.FAILED:
                where = f"{self.script.file}:{step.line}: step {number}, {step.title} ({self.era})"
                return f"{where}\n{step.problem}"
        return ""


def run_script(script: Script, era: Era, *, keep: bool = False) -> RunReport:
    """Run a script from its first step in a fresh installation; with `keep` that stays where the report says."""
    with _home(keep) as home, asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(_run(script, era, home, keep=keep))


@contextmanager
def _home(keep: bool) -> Iterator[Path]:
    if keep:
        yield Path(tempfile.mkdtemp(prefix="ringfence-script-"))
        return
    with throw_away_home() as home:
        yield home


async def _run(script: Script, era: Era, home: Path, *, keep: bool) -> RunReport:
    setting = Setting(
        era=era,
        forms=script.forms,
        principal=script.principal,
        start=script.start,
        policy=script.policy,
    )
    stage = await Stage.opened(home, setting)
    try:
        missing = [tool for tool in script.needs if tool not in await stage.tools()]
        if missing:
            why = f"the server does not list {', '.join(missing)}"
            skipped = (_skipped(placed) for placed in script.steps)
            return RunReport(script, era, tuple(skipped), why_skipped=why)
        reports = await _Run(stage).steps(script.steps)
    finally:
        await stage.close()
    if keep:
        stage.hand_over()
    return RunReport(script, era, tuple(reports), home=home if keep else None)


class _Failed(Exception):
    """A step was not as expected."""


class _Run:
    """One script on one stage: what was saved so far, and what each verb does."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._saved: dict[str, Any] = {}

    async def steps(self, script: tuple[Placed, ...]) -> list[StepReport]:
        """Play them all; after one that fails the others are skipped."""
        reports: list[StepReport] = []
        for index, placed in enumerate(script):
            began = time.perf_counter()
            problem = await self._problem(placed.step)
            status = Status.FAILED if problem else Status.PASSED
            took = time.perf_counter() - began
            reports.append(StepReport(placed.step.title, placed.line, status, took, problem))
            if problem:
                return [*reports, *(_skipped(rest) for rest in script[index + 1 :])]
        return reports

    async def _problem(self, step: verbs.Step) -> str:
        try:
            await self._play(step)
        except _Failed as failed:
            return str(failed)
        except ServerStopped:
            return "the server is stopped; `restart` comes before another call"
        except RingfenceError as error:
            return f"{error.message} ({error.code})\n{error.remedy}"
        return ""

    async def _play(self, step: verbs.Step) -> None:
        stage = self._stage
        match step:
            case verbs.Call():
                await self._call(step)
            case verbs.Approve():
                self._check(step, await stage.approve(self._text(step.approve)))
            case verbs.Decline():
                self._check(step, await stage.decline(self._text(step.decline), step.reason))
            case verbs.Clock():
                await stage.pass_time(step.seconds)
            case verbs.Settle():
                _none_of(_still_open(await stage.settle()))
            case verbs.Stop():
                await stage.stop()
            case verbs.Restart():
                await stage.restart()
            case _:
                self._play_at_once(step)

    def _play_at_once(self, step: verbs.Step) -> None:
        stage = self._stage
        match step:
            case verbs.Fail():
                stage.fail_next(step.fault, step.times)
            case verbs.Freeze():
                stage.freeze(step.freeze)
            case verbs.Unfreeze():
                stage.unfreeze()
            case verbs.Balanced():
                _none_of(stage.imbalances())
            case verbs.Charges():
                self._check_charges(step, stage.charges())
            case _:
                raise NotImplementedError(step)

    async def _call(self, step: verbs.Call) -> None:
        arguments = filled(step.arguments, self._saved)
        answer = await self._stage.call(step.call, arguments)
        if step.follow is None:
            self._check(step, answer)
            return
        follower = Follower(
            self._stage.call, await self._stage.tools(), filled(step.knows, self._saved)
        )
        followed = await follower.follow(step.call, arguments, answer, most=step.follow)
        way = " → ".join([step.call, *followed.calls])
        ends = step.ends or "person"
        if followed.ends != ends:
            raise _Failed(
                f"following led by {way} to {followed.ends}, not to {ends}\n"
                f"{_printed(followed.answer.document)}"
            )
        self._check(step, followed.answer, f"by {way}")

    def _check(self, step: verbs.Answered, answer: Answer, way: str = "") -> None:
        """Hold an answer against what the step expects, and save what later steps need of it."""
        expected = filled(step.expect, self._saved)
        document = answer.document
        if isinstance(expected.get("error"), str):
            expected = {**expected, "error": {"code": expected["error"]}}
        found = differences(expected, document)
        told = [*_unexpected(expected, document), *map(str, found)]
        if told:
            shown = _around(document, found[0].path if found else ())
            raise _Failed("\n".join([*filter(None, [way]), *told, shown]))
        for name, path in step.save.items():
            try:
                self._saved[name] = value_at(document, path)
            except NoSuchValue as error:
                raise _Failed(f"cannot save {name}: {error}\n{_printed(document)}") from error

    def _check_charges(self, step: verbs.Charges, numbers: list[str]) -> None:
        expected = filled(step.expect_charges, self._saved)
        if isinstance(expected, list):
            found = differences(sorted(expected, key=str), sorted(numbers), ("charges",))
        else:
            found = differences(expected, len(numbers), ("charges",))
        _none_of([str(each) for each in found])

    def _text(self, reference: str) -> str:
        return str(filled(reference, self._saved))


def _unexpected(expected: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    """A refusal that nobody expects fails a step, whatever else it expects."""
    if "error" in document and "error" not in expected:
        error = document["error"]
        yield f"refused: {error['message']} ({error['code']})"
        yield f"remedy: {error['remedy']}"
    if "protocol_error" in document and "protocol_error" not in expected:
        yield f"protocol error: {document['protocol_error']['message']}"


def _still_open(lines: int) -> list[str]:
    return [f"open still: {lines} of the lines, which only a person can settle"] if lines else []


def _none_of(problems: list[str]) -> None:
    if problems:
        raise _Failed("\n".join(problems))


def _around(document: Mapping[str, Any], path: tuple[str | int, ...]) -> str:
    """The part of an answer that a difference is in."""
    part: Any = document
    for name in path[:-1]:
        inner = part.get(name) if isinstance(part, Mapping) else part[int(name)]
        if not isinstance(inner, Mapping | list):
            break
        part = inner
    return _printed(part)


def _printed(document: Any) -> str:
    """The answer, as far as it helps."""
    lines = json.dumps(document, indent=2, ensure_ascii=False).splitlines()
    cut = [*lines[:MAX_ANSWER_LINES], "  …"] if len(lines) > MAX_ANSWER_LINES else lines
    return "\n".join(["it came back with:", *(f"  {line}" for line in cut)])


def _skipped(placed: Placed) -> StepReport:
    return StepReport(placed.step.title, placed.line, Status.SKIPPED)


def run_all(
    scripts: list[Script],
    eras: tuple[Era, ...],
    *,
    keep: bool,
    ended: Callable[[RunReport], None],
) -> list[RunReport]:
    """Run every script in each of these eras that it is meant for; `ended` hears of each run when it has ended."""
    reports = []
    for script in scripts:
        for era in (era for era in eras if era in script.eras):
            report = run_script(script, era, keep=keep)
            reports.append(report)
            ended(report)
    return reports
