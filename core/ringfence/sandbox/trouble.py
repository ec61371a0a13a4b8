"""What the carrier answers instead of what was asked: its own errors, in its own shape.

CarrierTrouble
├── CarrierError      an answer with an HTTP status and a code of the carrier's
└── CarrierTimeout    no answer: nobody can tell whether the request was carried out
"""

from __future__ import annotations


class CarrierTrouble(Exception):
    """The carrier did not do what was asked, or did not say that it had."""


class CarrierError(CarrierTrouble):
    """An answer that says no: `status` as in HTTP, `code` in the carrier's own words."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"HTTP {status} {code}")
        self.status = status
        self.code = code


class CarrierTimeout(CarrierTrouble):
    """The answer did not come in time."""

    def __init__(self) -> None:
        super().__init__("no answer in time")
