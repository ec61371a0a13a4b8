"""A stage for tests that are plain functions: every call returns when it is answered, and nothing sleeps.

def test_my_agent_buys_once(ringfence):
    offers = ringfence.call("search_numbers", country="US", area_code="415")["offers"]
    bought = ringfence.call("buy_numbers", items=[offers[0]["offer_id"]])
    ringfence.carrier.fail_next("timeout_after_charge")
    assert ringfence.approve(bought)["state"] == "needs_attention"
    ringfence.settle()
    ringfence.assert_balanced()
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, get_args

from ringfence.intents import DeclineReason
from ringfence.sandbox.faults import Fault
from ringfence_server.testing.premises import policy_with
from ringfence_server.testing.simulated_time import SimulatedLoop
from ringfence_server.testing.stage import ERAS, Answer, Era, Forms, Setting, Stage

T = TypeVar("T")


class RingfenceRefused(Exception):
    """A tool, or a person's consent, was refused; the fields are those that an assistant sees."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(f"{error['message']} ({error['code']}) {error.get('remedy', '')}".rstrip())
        self.code: str = str(error["code"])
        self.message: str = error["message"]
        self.remedy: str = error.get("remedy", "")
        self.details: Mapping[str, Any] = error.get("details", {})


class Ringfence:
    """A throw-away sandbox installation with its server, a connected client, and a person who decides.

    Not for use inside a running event loop: it has one of its own, in which time is simulated.
    """

    def __init__(self, home: Path, setting: Setting) -> None:
        self._runner = asyncio.Runner(loop_factory=SimulatedLoop)
        self._stage = self._run(Stage.opened(home, setting))
        self.carrier = CarrierLever(self._stage)
        self.clock = ClockLever(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool over MCP; its result.

        Raises:
            RingfenceRefused: it answered with an error, or the server lists no such tool.
        """
        return _result(self.call_raw(tool, **arguments))

    def call_raw(self, tool: str, **arguments: Any) -> Answer:
        """Call a tool over MCP; the answer, refusals included, as `document` and as `text`."""
        return self._run(self._stage.call(tool, arguments))

    def approve(self, intent: str | Mapping[str, Any]) -> dict[str, Any]:
        """A person says yes at the terminal, and the server does its part; the intent afterwards.

        Raises:
            RingfenceRefused: consent that does not count, or comes too late.
        """
        return _result(self._run(self._stage.approve(_id_of(intent))))

    def decline(self, intent: str | Mapping[str, Any], reason: str | None = None) -> dict[str, Any]:
        """A person says no: `another_number`, `too_expensive`, `stop`, or for no reason; the intent afterwards.

        Raises:
            RingfenceRefused: nothing waits there any more.
        """
        why = None if reason is None else DeclineReason(reason)
        return _result(self._run(self._stage.decline(_id_of(intent), why)))

    def freeze(self, why: str = "frozen by a test") -> None:
        """A person stops all spending."""
        self._stage.freeze(why)

    def unfreeze(self) -> None:
        """A person lets spending go on."""
        self._stage.unfreeze()

    def restart(self) -> None:
        """End the server process and start another on the same installation."""
        self._run(self._stage.restart())

    def settle(self) -> int:
        """Let everything be looked up and finished that can be; how many lines only a person can settle."""
        return self._run(self._stage.settle())

    def assert_balanced(self) -> None:
        """Hold that ledger, holds, audit chain and charges agree, and that nothing was charged twice."""
        problems = self._stage.imbalances()
        if problems:
            raise AssertionError("The books do not balance:\n" + "\n".join(problems))

    def close(self) -> None:
        """End the server and let go of the files."""
        try:
            self._run(self._stage.close())
        finally:
            self._runner.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)


def setting_of(
    *, era: Era = "modern", forms: Forms = "none", policy: Mapping[str, Any] | None = None
) -> Setting:
    """The setting that the plugin's marker describes.

    Raises:
        ValueError: an era or an answer that there is none of; or that is no policy.
    """
    for name, value, known in (("era", era, ERAS), ("forms", forms, get_args(Forms))):
        if value not in known:
            raise ValueError(f"{name} is one of {', '.join(known)}, not {value!r}")
    return Setting(era=era, forms=forms, policy=policy_with(policy) if policy else None)


class CarrierLever:
    """The simulated carrier, as a test gets at it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def fail_next(self, fault: str, times: int = 1) -> None:
        """Let something go wrong the next time it can: a name that `ringfence sandbox fault` takes."""
        self._stage.fail_next(Fault(fault), times)

    @property
    def charges(self) -> list[str]:
        """The numbers that were charged for, in the order in which they were."""
        return self._stage.charges()


class ClockLever:
    """The time of server, carrier and person."""

    def __init__(self, ringfence: Ringfence) -> None:
        self._ringfence = ringfence

    def now(self) -> datetime:
        """The present moment there."""
        return self._ringfence._stage.now()

    def advance(self, **span: float) -> None:
        """Let time pass, in the keywords of `timedelta`; what becomes due meanwhile happens."""
        ringfence = self._ringfence
        ringfence._run(ringfence._stage.pass_time(timedelta(**span).total_seconds()))


def _result(answer: Answer) -> dict[str, Any]:
    refused = answer.error or answer.document.get("protocol_error")
    if refused:
        raise RingfenceRefused(refused)
    return answer.document


def _id_of(intent: str | Mapping[str, Any]) -> str:
    """The id of an intent that was given by id, as a result, or as a result that holds one."""
    if isinstance(intent, str):
        return intent
    return str((intent.get("intent") or intent)["intent_id"])
