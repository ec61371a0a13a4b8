"""Remedies as a person reads them: ours are written for an assistant that talks to one."""

from __future__ import annotations

import re

_TO_AN_ASSISTANT = re.compile(r"^Tell the person(?: to|:) (.)")


def for_person(remedy: str) -> str:
    """The same advice, said to the person: *Tell the person to add it* becomes *Add it*."""
    return _TO_AN_ASSISTANT.sub(lambda match: match[1].upper(), remedy)
