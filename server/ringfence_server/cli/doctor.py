"""`ringfence doctor`: how the installation is, worst things named with the command that mends them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ringfence.errors import ConfigurationError, RingfenceError
from ringfence_server.checkup import (
    approvers,
    clients,
    database,
    lists,
    machine,
    page,
    public_page,
    secrets,
)
from ringfence_server.checkup.finding import Finding, Grade, fail
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, coloured, filled, show
from ringfence_server.cli.remedies import for_person
from ringfence_server.clients.catalogue import Surroundings
from ringfence_server.opening import open_installation
from ringfence_server.settings import Settings, folder_in_environment, read_settings

COLOURS = {Grade.WARN.value: "yellow", Grade.FAIL.value: "bold red"}

_MARKS = {Grade.UNKNOWN: "?"}


def doctor(*, as_json: Json = False) -> Exit:
    """Examine the installation, and say what mends it.

    It changes nothing, and says what it sees: what cannot be seen from here is unknown. The exit code is 2 when
    something failed; warnings are for a person to judge.
    """
    try:
        settings = read_settings()
        found = list(_findings(settings))
        separation = machine.separation(settings.folder).value
    except ConfigurationError as error:  # of the settings; the checks keep their own
        found = [*machine.versions(), fail("settings", error.message, for_person(error.remedy))]
        separation = None
        folder = folder_in_environment()
        if machine.separation(folder) is machine.Separation.OTHER_USER:
            separation = machine.Separation.OTHER_USER.value
            found.append(machine.shell(folder, is_live=True))
    has_failed = any(finding.grade is Grade.FAIL for finding in found)
    document = {
        "healthy": not has_failed,
        "separation": separation,
        "findings": [finding.as_document() for finding in found],
    }
    show(document, coloured(_told(found), COLOURS), as_json=as_json)
    return Exit.USAGE if has_failed else Exit.DONE


def _findings(settings: Settings) -> Iterator[Finding]:
    yield from machine.versions()
    yield from machine.home(settings)
    yield from _installation(settings)
    yield from secrets.keys(settings)
    if settings.mode == "live":
        yield secrets.carriers()
    yield from clients.told(Surroundings())
    yield machine.shell(settings.folder, is_live=settings.mode == "live")


def _installation(settings: Settings) -> Iterator[Finding]:
    """Everything about the database; what stands on it is looked at only where it stands."""
    file = database.file_of(settings)
    yield from machine.readers(settings, file)
    yield from machine.filesystem(file)
    reached = database.reached(settings)
    yield reached
    if reached.grade is not Grade.OK:
        return
    yield from database.lock(settings)
    try:
        opened = open_installation(settings)
    except RingfenceError as error:
        yield fail("installation", error.message, for_person(error.remedy))
        return
    try:
        yield from database.contents(opened.desk.store, settings)
        yield from approvers.people(opened.desk.store)
        if settings.mode == "live":
            yield from approvers.standing(opened.desk.store, settings)
            yield from lists.read(opened.desk)
        yield page.reached(opened)
        yield from public_page.reached(opened)
    except RingfenceError as error:
        yield fail("contents", error.message, for_person(error.remedy))
    finally:
        opened.close()


def _told(found: Sequence[Finding]) -> str:
    lines = []
    for finding in found:
        grade = _MARKS.get(finding.grade, finding.grade.value)
        lines.append(filled(f"{grade:<4}  {finding.check:<10}  {finding.says}", indent=18))
        if finding.mend is not None:
            mend = f"{'':16}> {finding.mend}"
            lines.append(filled(mend, indent=18) if mend.endswith(".") else mend)
    counts = {grade: sum(f.grade is grade for f in found) for grade in Grade}
    unseen = f" Unknown: {counts[Grade.UNKNOWN]}." if counts[Grade.UNKNOWN] else ""
    lines.append(
        f"\nFailed: {counts[Grade.FAIL]}. Warnings: {counts[Grade.WARN]}. Well: {counts[Grade.OK]}.{unseen}"
    )
    return "\n".join(lines)
