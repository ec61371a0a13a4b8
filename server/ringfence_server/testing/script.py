"""A script: steps of tool calls with what is expected of them, written in YAML and read strictly.

    name: a purchase that a person approves
    steps:
      - call: search_numbers
        with: {country: US, area_code: "415"}
        expect: {offers: {length: 5}}
        save: {offer: offers.0.offer_id}
      - call: buy_numbers
        with: {items: ["${offer}"]}
        expect: {state: awaiting_approval}
        save: {intent: intent_id}
      - approve: ${intent}
        expect: {state: completed}
      - expect_balanced

A step is one verb with its options. An unknown key, a wrong value, or a name that nothing has saved before stops
the script from being read at all, with the line where it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from ringfence import plain_yaml
from ringfence.errors import InvalidArguments
from ringfence.intents import DeclineReason
from ringfence.policy import PolicyDocument, explain
from ringfence.sandbox.carrier import MAX_FAULTS
from ringfence.sandbox.faults import Fault
from ringfence_server.testing.matching import BadMatcher, check_expected
from ringfence_server.testing.premises import policy_with
from ringfence_server.testing.references import names_in
from ringfence_server.testing.simulated_time import START
from ringfence_server.testing.stage import ERAS, PRINCIPAL, Era, Forms

MAX_STEPS = 500
MAX_FOLLOWED = 20
"""Calls that one step may follow an answer for; four are what a good answer needs."""
MAX_CLOCK_DAYS = 3_000
_CLOCK = re.compile(r"\+([0-9]{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
ValuePath = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$")]
Tool = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
"""Any tool's name, also one that no server lists: a model guesses names too."""
Reference = Annotated[str, Field(min_length=1, max_length=100)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Step(_Part):
    """What every step may have."""

    name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """What it shows; by default its verb."""

    @property
    def title(self) -> str:
        """How reports name the step."""
        return self.name or self.says

    @property
    def says(self) -> str:
        """The verb, and what it is about."""
        return type(self).__name__.lower()


class Answered(Step):
    """A step that comes back with an answer."""

    expect: dict[str, Any] = {}
    """What the answer must hold; a refusal is expected as `error: code`, or it fails the step."""
    save: dict[Name, ValuePath] = {}
    """Names for values of the answer, for later steps as `${name}`."""


class Call(Answered):
    """Call a tool; with `follow`, do literally what the answers say then."""

    call: Tool
    arguments: dict[str, Any] = Field(default={}, alias="with")
    follow: Annotated[int, Field(ge=1, le=MAX_FOLLOWED)] | None = None
    ends: Literal["person", "nowhere", "calling"] | None = None
    """Where following must lead; to a person where nothing is said. `expect` is of the last answer."""
    knows: dict[str, Any] = {}
    """What the follower knows of the person's wish, by the names of arguments."""

    @property
    def says(self) -> str:
        return f"call {self.call}"


class Approve(Answered):
    """The test approver reads the card and says yes, at level `page`; the answer is the intent afterwards."""

    approve: Reference


class Decline(Answered):
    """The test approver says no."""

    decline: Reference
    reason: DeclineReason | None = None


class Fail(Step):
    """Let the carrier fail, the next time it can."""

    fault: Fault
    times: Annotated[int, Field(ge=1, le=MAX_FAULTS)] = 1

    @property
    def says(self) -> str:
        return f"fault {self.fault}"


class Clock(Step):
    """Let time pass at once: `+30s`, `+31m`, `+2h` or `+1d`."""

    clock: str

    @field_validator("clock")
    @classmethod
    def _is_a_span(cls, text: str) -> str:
        match = _CLOCK.fullmatch(text)
        if match is None or _span(match) > timedelta(days=MAX_CLOCK_DAYS):
            raise ValueError(f"write +30s, +31m, +2h or +1d, at most {MAX_CLOCK_DAYS} days")
        return text

    @property
    def seconds(self) -> float:
        """How much time passes."""
        match = _CLOCK.fullmatch(self.clock)
        return _span(match).total_seconds() if match else 0

    @property
    def says(self) -> str:
        return f"clock {self.clock}"


def _span(match: re.Match[str]) -> timedelta:
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        return timedelta.max


class Settle(Step):
    """Work until nothing is left that time and the carrier can settle; what is left then fails the step."""

    settle: None


class Freeze(Step):
    """A person stops all spending."""

    freeze: Annotated[str, Field(min_length=1, max_length=300)]


class Unfreeze(Step):
    """A person lets spending go on."""

    unfreeze: None


class Stop(Step):
    """The server process ends; people go on."""

    stop: None


class Restart(Step):
    """A new server process on the same installation."""

    restart: None


class Balanced(Step):
    """Ledger, holds, audit chain and charges agree, and nothing was charged twice."""

    expect_balanced: None

    @property
    def says(self) -> str:
        return "expect_balanced"


class Charges(Step):
    """How often the carrier has charged: a count, a list of numbers, or what matches either."""

    expect_charges: int | list[Any] | dict[str, Any]

    @property
    def says(self) -> str:
        return "expect_charges"


VERBS: Mapping[str, type[Step]] = {
    "call": Call,
    "approve": Approve,
    "decline": Decline,
    "fault": Fail,
    "clock": Clock,
    "settle": Settle,
    "freeze": Freeze,
    "unfreeze": Unfreeze,
    "stop": Stop,
    "restart": Restart,
    "expect_balanced": Balanced,
    "expect_charges": Charges,
}


class ClientPart(_Part):
    """What the client can show a person."""

    forms: Forms = "none"


class _Head(_Part):
    """Everything but the steps."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    about: Annotated[str, Field(max_length=2_000)] = ""
    """Why the script is there, for its readers."""
    needs: tuple[Tool, ...] = ()
    """Tools without which the script is skipped, with that reason."""
    eras: Annotated[tuple[Era, ...], Field(min_length=1)] = ERAS
    principal: Annotated[str, Field(pattern=r"^[^\s*]{1,128}$")] = PRINCIPAL
    start: AwareDatetime = START
    client: ClientPart = ClientPart()
    policy: dict[str, Any] = {}
    """Fields that differ from the policy of a new sandbox."""

    @field_validator("start")
    @classmethod
    def _is_not_before_the_founding(cls, start: Any) -> Any:
        if start < START:
            raise ValueError(f"time begins at {START:%Y-%m-%dT%H:%M:%SZ} or later")
        return start


@dataclass(frozen=True)
class Placed:
    """A step, and the line on which it begins."""

    step: Step
    line: int


@dataclass(frozen=True)
class Script:
    """A script as it was read."""

    file: str
    name: str
    needs: tuple[str, ...]
    eras: tuple[Era, ...]
    principal: str
    start: Any
    forms: Forms
    policy: PolicyDocument | None
    steps: tuple[Placed, ...]


def read_script(text: str, *, file: str) -> Script:
    """Read a script.

    Raises:
        InvalidArguments: it is none; the message begins with file and line.
    """
    return _Reader(text, file).script()


class _Reader:
    """Reads one text; every complaint names file and line."""

    def __init__(self, text: str, file: str) -> None:
        self._file = file
        try:
            self._raw = plain_yaml.read(text, has_truth=True)
            self._lines = plain_yaml.lines(text)
        except plain_yaml.BadYaml as error:
            mark = re.search(r"line (\d+)", str(error))
            raise self._bad(int(mark[1]) if mark else 1, f"no plain YAML: {error}") from error

    def script(self) -> Script:
        raw = self._raw
        if not isinstance(raw, dict):
            raise self._bad(1, "a script is a map with `name` and `steps`")
        self._check_keys((), raw, {*_Head.model_fields, "steps"})
        head = self._model(_Head, {k: v for k, v in raw.items() if k != "steps"}, ())
        steps = raw.get("steps")
        if not isinstance(steps, list) or not 1 <= len(steps) <= MAX_STEPS:
            raise self._bad(self._line(("steps",)), f"`steps` is a list of 1 to {MAX_STEPS} steps")
        placed = tuple(self._step(index, step) for index, step in enumerate(steps))
        self._check_names(placed)
        return Script(
            file=self._file,
            name=head.name,
            needs=head.needs,
            eras=head.eras,
            principal=head.principal,
            start=head.start,
            forms=head.client.forms,
            policy=self._policy(head.policy),
            steps=placed,
        )

    def _policy(self, changes: Mapping[str, Any]) -> PolicyDocument | None:
        if not changes:
            return None
        try:
            return policy_with(changes)
        except ValidationError as error:
            raise self._bad(self._line(("policy",)), f"policy: {explain(error)}") from error

    def _step(self, index: int, raw: Any) -> Placed:
        path = ("steps", index)
        if isinstance(raw, str):  # a verb that needs nothing else
            raw = {raw: None}
        if not isinstance(raw, dict):
            raise self._bad(self._line(path), "a step is a map with one verb")
        verbs = [key for key in raw if key in VERBS]
        if len(verbs) != 1:
            raise self._bad(self._line(path), _no_verb(raw, verbs))
        kind = VERBS[verbs[0]]
        known = {field.alias or name for name, field in kind.model_fields.items()}
        self._check_keys(path, raw, known)
        step = self._model(kind, raw, path)
        for name in ("expect", "expect_charges"):
            if name in raw:
                self._check_expected((*path, name), raw[name])
        return Placed(step, self._line(path))

    def _model(self, kind: Any, raw: Any, path: plain_yaml.Path) -> Any:
        try:
            return kind.model_validate_json(json.dumps(raw))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            inner = tuple(part for part in first["loc"] if part != "[key]")
            where = ".".join(map(str, inner))
            message = first["msg"].removeprefix("Value error, ")
            raise self._bad(self._line((*path, *inner)), f"{where}: {message}") from None

    def _check_keys(self, path: plain_yaml.Path, raw: Mapping[str, Any], known: set[str]) -> None:
        for key in raw:
            if key not in known:
                raise self._bad(self._line((*path, key)), _unknown(f"key `{key}`", key, known))

    def _check_expected(self, path: plain_yaml.Path, expected: Any) -> None:
        try:
            check_expected(expected)
        except BadMatcher as error:
            where = (*path, *error.path)
            raise self._bad(self._line(where), str(error)) from error

    def _check_names(self, steps: Iterable[Placed]) -> None:
        """Whatever is referred to was saved by a step before."""
        saved: set[str] = set()
        for index, placed in enumerate(steps):
            raw = self._raw["steps"][index]
            for path, name in _references(raw, ("steps", index)):
                if name not in saved:
                    wrong = _unknown(
                        f"name `${{{name}}}`: no step before has saved it", name, saved
                    )
                    raise self._bad(self._line(path), wrong)
            saved |= set(getattr(placed.step, "save", {}))

    def _line(self, path: plain_yaml.Path) -> int:
        """The line of a value, or of the nearest thing around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return 1

    def _bad(self, line: int, problem: str) -> InvalidArguments:
        return InvalidArguments(
            f"{self._file}:{line}: {problem}.", remedy="Correct the script; nothing of it was run."
        )


def _references(value: Any, path: plain_yaml.Path) -> Iterator[tuple[plain_yaml.Path, str]]:
    if isinstance(value, str):
        yield from ((path, name) for name in names_in(value))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _references(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _references(inner, (*path, index))


def _no_verb(raw: Mapping[str, Any], verbs: list[str]) -> str:
    if verbs:
        return f"a step has one verb, not {' and '.join(verbs)}"
    for key in raw:
        if get_close_matches(key, VERBS, n=1):
            return _unknown(f"verb `{key}`", key, set(VERBS))
    return f"a step has one verb: {', '.join(VERBS)}"


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1)
    listed = ", ".join(sorted(known)) or "none"
    hint = f"did you mean {near[0]}?" if near else f"there are {listed}"
    return f"unknown {what} ({hint})"


def read_script_file(path: Path) -> Script:
    """Read a script from a file.

    Raises:
        InvalidArguments: it cannot be read, or is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArguments(
            f"The script {path} cannot be read: {type(error).__name__}.",
            remedy="Name a readable file with UTF-8 text.",
        ) from error
    return read_script(text, file=str(path))
