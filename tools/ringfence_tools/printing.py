"""How values are written in results and sentences: money, times, places, text from outside."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime

from ringfence.clock import rfc3339
from ringfence.money import Money
from ringfence_tools.operation import Result

MAX_UNTRUSTED = 200
"""Characters of text from outside that one field passes on."""
MAX_SENTENCE = 1_000
"""Characters of a message; ours are shorter."""
MAX_PLACE = 80
MAX_NAMED = 3
"""Things that a sentence names before it counts the rest."""
_IN_PLACE_NAMES = " ,.'’()/&-"


def printed(amount: Money | None) -> str | None:
    """Money as results show it; None where there is no price or no rate."""
    return None if amount is None else str(amount)


def moment(at: datetime | None) -> str | None:
    """A time as results show it."""
    return None if at is None else rfc3339(at)


def clock_time(at: datetime) -> str:
    """A time as a sentence shows it: `2026-11-22 13:00 UTC`."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def cleaned(text: str | None, limit: int = MAX_UNTRUSTED) -> str | None:
    """Text from outside, fit to be shown: printable, one line, cut; None if nothing is left."""
    shown = "".join(c if c.isprintable() else " " for c in text or "")
    return " ".join(shown.split())[:limit].rstrip() or None


def sentence(text: str) -> str:
    """A sentence of ours in which a name from outside may stand, fit to be shown."""
    return cleaned(text, MAX_SENTENCE) or ""


def on_its_lines(text: str) -> str:
    """A text of ours that keeps its lines, with nothing in it that a terminal or a reader could take for more."""
    return "\n".join(
        "".join(c if c.isprintable() else " " for c in line) for line in text.split("\n")
    )


def place_name(text: str | None) -> str | None:
    """A place as a carrier names it: letters, digits and what else stands in names of places."""
    kept = (
        c if unicodedata.category(c)[0] in "LMN" or c in _IN_PLACE_NAMES else " "
        for c in text or ""
    )
    return cleaned("".join(kept), MAX_PLACE)


def reading(result: Result, *lines: str | None) -> str:
    """A result as a person reads it: whether it is real, the facts in order, what comes next."""
    note = "Simulated: no real money." if result.simulated else None
    return "\n".join(line for line in (note, *lines, result.next_step) if line)


def words(name: str) -> str:
    """A name of ours as words: `awaiting_approval` is `awaiting approval`."""
    return name.replace("_", " ")


def named(things: Sequence[str]) -> str:
    """A few things by name and the rest by count: `a, b, c and 2 more`."""
    if len(things) > MAX_NAMED:
        return f"{', '.join(things[:MAX_NAMED])} and {len(things) - MAX_NAMED} more"
    return " and ".join(filter(None, [", ".join(things[:-1]), *things[-1:]]))
