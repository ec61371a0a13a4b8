"""The two things without which nothing is sent that costs or changes: a ticket and a grant.

A `Ticket` lets one paid request out, once. A `Grant` lets one number's routing be changed. Both name what
they are for, both die soon, and only the guard mints them, after the attempt has been committed (a test reads
the syntax tree for that; Python itself cannot forbid it).
"""

from __future__ import annotations

from typing import final

from ringfence.clock import Clock
from ringfence.numbers import E164


class TicketRefused(RuntimeError):
    """The ticket does not cover this request: a bug or a stall; nothing was sent."""


_SEAL = object()


@final
class Ticket:
    """Permission to send one paid request; redeemed by the sender before the first byte."""

    __slots__ = ("_clock", "_dies_at", "_redeemed", "attempt_id", "host", "request_hash")

    def __init__(
        self,
        seal: object,
        *,
        attempt_id: str,
        host: str,
        request_hash: str,
        clock: Clock,
        dies_at: float,
    ) -> None:
        if seal is not _SEAL:
            raise TicketRefused("Only the guard mints tickets.")
        self.attempt_id = attempt_id
        self.host = host
        self.request_hash = request_hash
        self._clock = clock
        self._dies_at = dies_at
        self._redeemed = False

    def redeem(self, *, host: str, request_hash: str) -> None:
        """Use the ticket up for this request.

        Raises:
            TicketRefused: used before, too old, or minted for another host or request.
        """
        if self._redeemed:
            raise TicketRefused("This ticket has been used: a paid request is sent once.")
        self._redeemed = True
        if self._clock.boottime() >= self._dies_at:
            raise TicketRefused("This ticket is too old: the attempt must be looked up, not sent.")
        if (host, request_hash) != (self.host, self.request_hash):
            raise TicketRefused("This ticket was minted for another request.")

    def __repr__(self) -> str:
        return f"Ticket({self.attempt_id})"

    def __reduce__(self) -> str:
        raise TypeError("A ticket is not copied or stored.")


@final
class Grant:
    """Permission to set one owned number's routing to one assistant's registered addresses."""

    __slots__ = ("assistant_id", "number", "number_id")

    def __init__(
        self, seal: object, *, number_id: str, number: E164, assistant_id: str | None
    ) -> None:
        if seal is not _SEAL:
            raise TicketRefused("Only the guard mints grants.")
        self.number_id = number_id
        self.number = number
        self.assistant_id = assistant_id

    def __repr__(self) -> str:
        return f"Grant({self.number_id} -> {self.assistant_id})"

    def __reduce__(self) -> str:
        raise TypeError("A grant is not copied or stored.")


def mint_ticket(
    *, attempt_id: str, host: str, request_hash: str, clock: Clock, dies_at: float
) -> Ticket:
    """Make a ticket that lives until the clock's `boottime` is `dies_at`; called by `ringfence.guard` alone."""
    return Ticket(
        _SEAL,
        attempt_id=attempt_id,
        host=host,
        request_hash=request_hash,
        clock=clock,
        dies_at=dies_at,
    )


def mint_grant(*, number_id: str, number: E164, assistant_id: str | None) -> Grant:
    """Make a grant; called by `ringfence.guard` alone."""
    return Grant(_SEAL, number_id=number_id, number=number, assistant_id=assistant_id)
