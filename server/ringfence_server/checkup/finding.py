"""What a check says: how it is, in one sentence, and the one command that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How it is."""

    OK = "ok"
    WARN = "warn"
    """It works, and a person should know."""
    FAIL = "fail"
    """It does not work, or what is there cannot be trusted."""
    UNKNOWN = "unknown"
    """It cannot be seen from here, and nothing is assumed."""


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    check: str
    grade: Grade
    says: str
    mend: str | None = None
    """What to run, or to do, about it; None where nothing needs to be done."""

    def as_document(self) -> dict[str, str | None]:
        """The finding as `--json` prints it."""
        return {
            "check": self.check,
            "grade": self.grade.value,
            "says": self.says,
            "mend": self.mend,
        }


def ok(check: str, says: str) -> Finding:
    """All is well."""
    return Finding(check, Grade.OK, says)


def warn(check: str, says: str, mend: str) -> Finding:
    """It works, and a person should know."""
    return Finding(check, Grade.WARN, says, mend)


def fail(check: str, says: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(check, Grade.FAIL, says, mend)


def unknown(check: str, says: str) -> Finding:
    """It cannot be seen from here."""
    return Finding(check, Grade.UNKNOWN, says)
