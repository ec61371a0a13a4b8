"""Freezing from the page: whoever sees it may, and is told who lifts it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ringfence.desk.viewing import Handed
from ringfence.guard.card import quoted
from ringfence_server.approvals.seal import Seal

FORM_LIFE = timedelta(minutes=20)
"""How long a sealed form can be sent after it was drawn, as a decision's can."""
FREEZE = "freeze"
_LIFTED = {
    "sandbox": "Whoever is at this installation’s terminal lifts it:",
    "live": "Only an approver lifts it, who signs for it, on this installation’s machine: on the page, or"
    " in a terminal:",
}
_COMMAND = "ringfence unfreeze"


@dataclass(frozen=True)
class FreezeView:
    """What a page says of the freeze, and the form for it."""

    reason: str | None
    """Why all spending is frozen, as a sentence; None while it is not."""
    lifted: str
    """Who lifts it."""
    command: str
    """And how."""
    nonce: str
    by: str
    """The key of whoever has opened the page away from this machine; empty on this machine."""


def freeze_view(
    seal: Seal, *, mode: str, reason: str | None, now: datetime, by: str = ""
) -> FreezeView:
    """The freeze as a page shows it now."""
    said = None if reason is None else _sentence(quoted(reason))
    return FreezeView(said, _LIFTED[mode], _COMMAND, seal.nonce(now, FREEZE, by), by)


def handed(seal: Seal, nonce: str, now: datetime, *about: str) -> Handed | None:
    """What a sealed form brought back; None where it was never drawn for this, or too long ago."""
    made_at = seal.made_at(nonce, *about)
    if made_at is None or now >= made_at + FORM_LIFE:
        return None
    return Handed(nonce, made_at + FORM_LIFE)


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}."
