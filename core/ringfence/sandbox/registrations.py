"""Registrations: what the carrier wants done before a number can send SMS, by country and type.

Which kinds need one: AWS End User Messaging SMS, phone number registrations (read 2026-11). The days and fees are
this carrier's own, after what others publish:

- 10DLC: vetting takes one to seven business days (Telnyx, 10DLC quickstart); a brand costs 4.00 USD once and a
  campaign 10.00 USD a month (Telnyx, 10DLC concepts; both read 2026-11).
- Toll-free verification: up to 15 business days (AWS, toll-free number registration process, read 2026-11).

What none of them publishes is not said here either: a fee of verification, days and fees of sender registration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ringfence.numbers import NumberType


@dataclass(frozen=True, slots=True)
class SmsRegistration:
    """What has to be done, what is said of a number while it is not, and what it takes as far as that is known."""

    what: str
    blocker: str
    days: int | None
    """Business days at most; None is not known."""
    fees: tuple[tuple[str, bool], ...] | None
    """Amounts, and whether they are due every month; None is not known."""


_10DLC = SmsRegistration(
    what="10DLC registration of the sender and its campaign",
    blocker="10DLC registration is needed before this number can send SMS to US numbers.",
    days=7,
    fees=(("4.00 USD", False), ("10.00 USD", True)),
)
_VERIFICATION = SmsRegistration(
    what="toll-free verification of the number",
    blocker="Toll-free verification is needed before this number can send SMS.",
    days=15,
    fees=None,
)
_SENDER = SmsRegistration(
    what="registration of the sender",
    blocker="The sender must be registered before this number can send SMS.",
    days=None,
    fees=None,
)

SMS_REGISTRATIONS: Mapping[tuple[str, NumberType], SmsRegistration] = {
    ("US", NumberType.LOCAL): _10DLC,
    ("US", NumberType.TOLL_FREE): _VERIFICATION,
    ("CA", NumberType.TOLL_FREE): _VERIFICATION,
    ("AU", NumberType.MOBILE): _SENDER,
    ("GB", NumberType.MOBILE): _SENDER,
}
"""Other kinds that carry SMS can send at once."""
