"""Names of places, compared as people write them."""

from __future__ import annotations

import unicodedata


def is_same_place(one: str, other: str) -> bool:
    """Whether two names differ in case and accents at most, so that `sao paulo` is São Paulo."""
    return _plain(one) == _plain(other)


def _plain(place: str) -> str:
    letters = unicodedata.normalize("NFKD", place.strip())
    return "".join(each for each in letters if not unicodedata.combining(each)).casefold()
