"""JUnit's XML, as continuous integration reads it: a suite for each run, a case for each step."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from ringfence_server.testing.running import RunReport, Status, StepReport

_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(reports: Sequence[RunReport]) -> str:
    """The document for these runs."""
    root = Xml.Element("testsuites", {"name": "ringfence script", **_counts(reports)})
    for report in reports:
        named = f"{_clean(report.script.name)} ({report.era})"
        suite = Xml.SubElement(root, "testsuite", {"name": named, **_counts([report])})
        for number, step in enumerate(report.steps, 1):
            _add_case(suite, report, number, step)
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_case(suite: Xml.Element, report: RunReport, number: int, step: StepReport) -> None:
    case = Xml.SubElement(
        suite,
        "testcase",
        classname=f"{_clean(report.script.file)}.{report.era}",
        name=f"{number} {_clean(step.title)}",
        file=_clean(report.script.file),
        line=str(step.line),
        time=f"{step.seconds:.3f}",
    )
    if step.status is Status.FAILED:
        first = step.problem.splitlines()[0]
        Xml.SubElement(case, "failure", message=_clean(first)).text = _clean(report.problem)
    elif step.status is Status.SKIPPED:
        why = report.why_skipped or "a step before it failed"
        Xml.SubElement(case, "skipped", message=_clean(why))


def _counts(reports: Sequence[RunReport]) -> dict[str, str]:
    steps = [step for report in reports for step in report.steps]
    failed = sum(step.status is Status.FAILED for step in steps)
    skipped = sum(step.status is Status.SKIPPED for step in steps)
    took = sum(step.seconds for step in steps)
    return {
        "tests": str(len(steps)),
        "failures": str(failed),
        "errors": "0",
        "skipped": str(skipped),
        "time": f"{took:.3f}",
    }


def _clean(text: str) -> str:
    """The text without what XML cannot hold."""
    return _NOT_IN_XML.sub("\ufffd", text)
