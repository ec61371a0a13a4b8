"""Words for a model, and the rule that they name only tools which it can call."""

from __future__ import annotations

import re
from collections.abc import Set

TOOL_NAMES = (
    "search_numbers",
    "check_requirements",
    "reserve_numbers",
    "cancel_reservation",
    "buy_numbers",
    "get_intent",
    "cancel_intent",
    "assign_number",
    "list_numbers",
    "release_number",
    "show_spending",
    "provision_number",
)
"""Every tool there is, in the order of the contract; a server may list fewer."""

ASK_THE_PERSON = "Tell the person what happened and ask what they want."
"""The way out that needs no tool."""

_TOOL = re.compile(rf"\b(?:{'|'.join(TOOL_NAMES)})\b")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def only_listed(text: str, listed: Set[str], fallback: str = ASK_THE_PERSON) -> str:
    """The sentences of a text that name no tool but listed ones; the fallback where none is left.

    A sentence ends with a full stop, an exclamation or a question mark before white space, so a
    text that shall keep its first half says it in a sentence of its own.
    """
    sentences = _SENTENCE_END.split(" ".join(text.split()))
    kept = [s for s in sentences if set(_TOOL.findall(s)) <= listed]
    return " ".join(kept) or fallback
