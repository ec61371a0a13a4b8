"""Following: do literally what the answers say, as the most obedient model would, and nothing cleverer.

Of an answer it reads `error.remedy`, else `next_step`, and there the first thing that is said: to call a tool, to
call again, or to turn to the person. Arguments come from `next_call`, from what was called before, from ids that
answers held, and from what it knows of the person's wish.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ringfence_server.testing.stage import Answer

Ending = Literal["person", "nowhere", "calling"]
"""It turned to the person; it was told nothing that it could do; or it would go on calling."""

_TOLD = re.compile(
    r"(?P<person>\b(?:the person|tell them|ask them|end your turn)\b)"
    r"|(?P<again>\b(?:call again|repeat the same call|use one of)\b)"
    r"|(?P<tool>\b[a-z]+(?:_[a-z]+)+\b)",
    re.IGNORECASE,
)
CallTool = Callable[[str, Mapping[str, Any]], Awaitable[Answer]]


@dataclass(frozen=True)
class Followed:
    """Where following led."""

    answer: Answer
    ends: Ending
    calls: tuple[str, ...]
    """The tools that were called on the way."""


@dataclass
class Follower:
    """One obedient model in one conversation."""

    call: CallTool
    tools: Mapping[str, Mapping[str, Any]]
    """The input schemas of the tools that are listed."""
    knows: Mapping[str, Any]
    _seen: dict[str, Any] = field(default_factory=dict)
    """Values for arguments, from the answers so far."""
    _called: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def follow(
        self, tool: str, arguments: Mapping[str, Any], answer: Answer, *, most: int
    ) -> Followed:
        """Go on from an answer, by at most so many calls."""
        calls: list[str] = []
        arguments = dict(arguments)
        while True:
            self._remember(tool, arguments, answer)
            told = self._told(answer)
            if told in ("person", None):
                return Followed(answer, "person" if told else "nowhere", tuple(calls))
            if len(calls) == most:
                return Followed(answer, "calling", tuple(calls))
            if told == "again":
                corrected = self._corrected(tool, arguments, answer)
                if corrected is None:
                    return Followed(answer, "nowhere", tuple(calls))
                arguments = corrected
            else:
                tool, arguments = str(told), self._arguments(str(told), answer)
            answer = await self.call(tool, arguments)
            calls.append(tool)

    def _remember(self, tool: str, arguments: dict[str, Any], answer: Answer) -> None:
        if not answer.error:
            self._called[tool] = arguments
        document = answer.document.get("intent") or answer.document
        for name, value in _values(document):
            self._seen[name] = value

    def _told(self, answer: Answer) -> str | None:
        """What the answer says first: a tool's name, `again`, `person`, or nothing."""
        error = answer.error
        text = error["remedy"] if error else str(answer.document.get("next_step", ""))
        for match in _TOLD.finditer(text):
            kind = match.lastgroup
            if kind != "tool":
                return kind
            if match[0] in self.tools:
                return match[0]
        return None

    def _arguments(self, tool: str, answer: Answer) -> dict[str, Any]:
        next_call = answer.document.get("next_call") or {}
        if next_call.get("tool") == tool:
            return dict(next_call["arguments"])
        schema = self.tools[tool]
        known = {**self._called.get(tool, {}), **_only(self.knows, schema["properties"])}
        for name in schema.get("required", ()):
            if name not in self.knows and name in self._seen:
                known[name] = self._seen[name]
        return known

    def _corrected(
        self, tool: str, arguments: Mapping[str, Any], answer: Answer
    ) -> dict[str, Any] | None:
        """The same call with what the refusal names put right; None where nothing is known that is better."""
        details = (answer.error or {}).get("details", {})
        corrected = dict(arguments)
        for problem in details.get("fields", ()):
            self._correct(corrected, tool, problem)
        if (names := details.get("assistants")) is not None:
            corrected["assistant_id"] = self.knows.get("assistant_id", next(iter(names), None))
        is_retry = bool((answer.error or {}).get("retryable"))
        return corrected if is_retry or corrected != arguments else None

    def _correct(self, arguments: dict[str, Any], tool: str, problem: Mapping[str, Any]) -> None:
        name = str(problem["path"]).partition("/")[0]
        sent = arguments.get(name)
        schema = self.tools[tool]["properties"].get(name, {})
        if problem["code"] == "unknown_argument":
            arguments.pop(name, None)
        elif problem["code"] == "duplicate" and isinstance(sent, list):
            arguments[name] = list(dict.fromkeys(sent))
        elif problem["code"] == "too_long" and isinstance(sent, list):
            arguments[name] = sent[: schema.get("maxItems", 1)]
        elif name in self.knows or name in self._seen:
            arguments[name] = self.knows.get(name, self._seen.get(name))


def _values(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Values of an answer that other tools take as arguments, by the names that they have there."""
    details = document.get("error", {}).get("details", {})
    if intent_id := document.get("intent_id") or details.get("intent_id"):
        yield "intent_id", intent_id
    if offers := document.get("offers"):
        yield "offer_ids", [offers[0]["offer_id"]]
        yield "items", [offers[0]["offer_id"]]
    if reservations := document.get("reservations"):
        ids = [reservation["reservation_id"] for reservation in reservations]
        yield "items", ids
        yield "reservation_ids", ids
    owned = document.get("lines") or document.get("numbers")
    if owned:
        yield "number", owned[0]["number"]


def _only(values: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in names}
