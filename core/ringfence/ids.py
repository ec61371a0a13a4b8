"""Prefixed ULIDs: sortable by time, copyable by people, and never an authority by themselves."""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum
from typing import Protocol

ULID_PATTERN = "[0-7][0-9A-HJKMNP-TV-Z]{25}"


class Prefix(StrEnum):
    """What an id names; the prefix is part of the id."""

    OFFER = "off"
    RESERVATION = "res"
    INTENT = "int"
    LINE = "lin"
    NUMBER = "num"
    APPROVAL = "apr"
    AUDIT = "aud"
    ATTEMPT = "att"
    ENTRY = "ent"
    INSTALLATION = "ins"
    INVITATION = "inv"


class IdSource(Protocol):
    """Where new ids come from; passed in, so that a failing test can be replayed."""

    def new(self, prefix: Prefix, now: datetime) -> str:
        """A new id such as `int_01K…`, ordered by `now`."""
        ...


class RandomIds:
    """Ids from the machine's randomness."""

    def new(self, prefix: Prefix, now: datetime) -> str:
        from ulid import ULID

        milliseconds = int(now.timestamp() * 1000)
        return (
            f"{prefix}_{ULID.from_bytes(milliseconds.to_bytes(6, 'big') + secrets.token_bytes(10))}"
        )


class CountingIds:
    """Ids that count up, so that two runs of one test give the same ids."""

    def __init__(self) -> None:
        self._count = 0

    def new(self, prefix: Prefix, now: datetime) -> str:
        from ulid import ULID

        self._count += 1
        milliseconds = int(now.timestamp() * 1000)
        return f"{prefix}_{ULID.from_bytes(milliseconds.to_bytes(6, 'big') + self._count.to_bytes(10, 'big'))}"


def pattern(*prefixes: Prefix) -> str:
    """The regular expression that an id with one of these prefixes fully matches."""
    return (
        f"^({'|'.join(prefixes)})_{ULID_PATTERN}$"
        if len(prefixes) > 1
        else f"^{prefixes[0]}_{ULID_PATTERN}$"
    )
