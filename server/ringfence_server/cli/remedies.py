"""Remedies as a person reads them: ours are written for an assistant that talks to one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ringfence import errors

_TO_AN_ASSISTANT = re.compile(r"^Tell the person(?: to run:|(?: to|:)) (.)")

_AT_THE_TERMINAL: Mapping[str, str] = {
    errors.Frozen.default_remedy: "To lift it: ringfence unfreeze",
    errors.BudgetExceeded.default_remedy: (
        "Choose a cheaper number, or change the limit: ringfence policy show > policy.yaml, edit it, "
        "then ringfence policy apply policy.yaml"
    ),
    errors.Refused.default_remedy: "To change the rule: ringfence policy show, then policy apply.",
    errors.NotFound.default_remedy: (
        "Use an id exactly as it was printed: ringfence pending, ringfence numbers and "
        "ringfence search print them."
    ),
    errors.ConfigurationError.default_remedy: "To see what is wrong with it: ringfence doctor",
    errors.OutcomeUnknown.default_remedy: "Do not buy another. To look it up: ringfence settle",
    errors.Expired.default_remedy: "If it is still wanted, it has to be proposed again.",
    errors.PapersMissing.default_remedy: "Choose a number that needs no papers.",
}
"""What a person does where an assistant could only tell them."""


def for_person(remedy: str) -> str:
    """The same advice, said to the person: *Tell the person to add it* becomes *Add it*."""
    if remedy in _AT_THE_TERMINAL:
        return _AT_THE_TERMINAL[remedy]
    said = _TO_AN_ASSISTANT.sub(lambda match: match[1].upper(), remedy)
    return said if said == remedy or not said.startswith("Ringfence ") else f"r{said[1:]}"
