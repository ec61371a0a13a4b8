"""The badge in a page's corner: whether real money is at stake in what it shows, and never more than is known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Badge:
    """What stands in the corner."""

    said: str
    is_alarming: bool


_SANDBOX = Badge("Sandbox: no real money", is_alarming=False)
_REHEARSAL = Badge("Live rules, simulated carrier: no real money", is_alarming=False)
_REAL = Badge("Live: real money", is_alarming=True)
_LIVE = Badge("Live", is_alarming=True)


def badge_of(mode: str, *, is_simulated: bool | None) -> Badge:
    """The badge of a page in an installation of this mode.

    Args:
        mode: of the installation.
        is_simulated: whether no real carrier is in what the page shows; None where it shows nothing that costs.
    """
    if mode == "sandbox":
        return _SANDBOX
    if is_simulated is None:
        return _LIVE
    return _REHEARSAL if is_simulated else _REAL
