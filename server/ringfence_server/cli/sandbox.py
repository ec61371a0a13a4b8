"""Levers of the sandbox: let things go wrong, let time pass, start anew. Sandboxes only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated

import typer

from ringfence.clock import rfc3339
from ringfence.errors import ConfigurationError, InvalidArguments
from ringfence.sandbox.carrier import MAX_OFFSET
from ringfence.sandbox.faults import Fault
from ringfence.store import reset
from ringfence.store.installation import move_clock
from ringfence.store.transaction import Transaction
from ringfence_server.cli.at_work import premises
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, show
from ringfence_server.opening import Premises, open_installation

_STEP = re.compile(r"\+([0-9]{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def fault(
    kind: Annotated[Fault, typer.Argument(help="What goes wrong next.")],
    *,
    times: Annotated[int, typer.Option(help="How often, 1 to 100.")] = 1,
    as_json: Json = False,
) -> Exit:
    """Let something go wrong at the carrier, the next time it can."""
    with _sandbox() as opened:
        opened.sandbox_carrier.add_fault(kind, times)
        waiting = opened.sandbox_carrier.faults()
    text = f"Waiting to strike: {', '.join(waiting)}."
    show({"faults": list(waiting)}, text, as_json=as_json)
    return Exit.DONE


def clock(
    step: Annotated[str, typer.Argument(help="How far: +30s, +31m, +2h or +1d.")],
    *,
    as_json: Json = False,
) -> Exit:
    """Move the clock of the installation and of its carrier forward."""
    span = _span(step)
    with _sandbox() as opened:
        offset = opened.desk.store.write_now(lambda tx: _move(tx, span))
        opened.sandbox_carrier.set_offset(offset)
        now = opened.desk.store.read_now(lambda tx: tx.now)
    document = {"now": rfc3339(now), "offset_seconds": int(offset.total_seconds())}
    show(document, f"It is {now:%Y-%m-%d %H:%M:%S} UTC here now.", as_json=as_json)
    return Exit.DONE


def start_anew(*, as_json: Json = False) -> Exit:
    """Throw everything away at once: purchases, policy and records."""
    with _sandbox() as opened:
        reset.empty(opened.desk.store)
        opened.sandbox_carrier.reset()
    open_installation(opened.settings).close()
    show({"reset": True}, "The sandbox is as new.", as_json=as_json)
    return Exit.DONE


@contextmanager
def _sandbox() -> Iterator[Premises]:
    with premises() as opened:
        if opened.settings.mode != "sandbox":
            raise ConfigurationError(
                "This is a live installation; the levers are for sandboxes.",
                remedy="Use them in another RINGFENCE_HOME, with RINGFENCE_MODE=sandbox.",
            )
        yield opened


def _span(step: str) -> timedelta:
    match = _STEP.fullmatch(step)
    if match is None:
        raise InvalidArguments(
            f"{step[:20]!r} is no step of the clock.", remedy="Write +30s, +31m, +2h or +1d."
        )
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        return timedelta.max


def _move(tx: Transaction, span: timedelta) -> timedelta:
    """The offset from now on, which the carrier can follow."""
    if span > MAX_OFFSET - tx.clock_offset:
        raise InvalidArguments(
            f"The sandbox clock moves by {MAX_OFFSET.days} days at most.",
            remedy="Take a smaller step, or start anew: ringfence sandbox reset",
        )
    return move_clock(tx, span)
