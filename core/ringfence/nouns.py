"""What all nouns share: frozen, closed, strictly typed documents."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """A fact that is read once, at the edge, and trusted from then on: no unknown field, no coercion, no change."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
