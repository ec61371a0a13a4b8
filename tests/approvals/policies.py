"""Policies that ask for more than a click."""

from __future__ import annotations

from house import policy_with
from ringfence.intents import Level
from ringfence.policy import PolicyDocument


def levels(level: Level) -> PolicyDocument:
    """The sandbox's policy with this level of consent for everything."""
    return policy_with(levels=f"{{buy: {level}, release: {level}, assign: {level}}}")
