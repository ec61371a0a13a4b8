"""Carriers: whom this installation could buy from, told without asking any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ringfence.desk.counter import Desk
from ringfence.offers import Provider, ReservationKind
from ringfence.policy import PolicyDocument
from ringfence.providers.protocol import CarrierAbilities
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class CarrierFacts:
    """One carrier that is connected, or that the policy names."""

    provider: Provider
    is_connected: bool
    is_allowed: bool
    """Whether the policy lets us buy there."""
    reserves: ReservationKind | None
    """Who keeps a number while a person chooses; None where it is not connected."""
    countries: tuple[str, ...]
    """Where it sells and the policy lets us buy; empty where that is not known beforehand."""


async def carriers(desk: Desk) -> Sequence[CarrierFacts]:
    """Every carrier that is connected or named in the policy, by name."""

    def read(tx: Transaction) -> list[CarrierFacts]:
        named = {carrier.provider for carrier in tx.rules.carriers}
        return [_facts(desk, tx.rules, name) for name in sorted(named | set(desk.carriers))]

    return await desk.store.read(read)


def countries_on_sale(desk: Desk, rules: PolicyDocument) -> list[str]:
    """Where numbers can be bought; what the policy says where no carrier knows."""
    sold = {c for name in desk.carriers for c in _facts(desk, rules, name).countries}
    return sorted(sold or (() if rules.countries == "any" else rules.countries))


def _facts(desk: Desk, rules: PolicyDocument, provider: Provider) -> CarrierFacts:
    adapter = desk.carriers.get(provider)
    abilities = None if adapter is None else adapter.abilities
    return CarrierFacts(
        provider=provider,
        is_connected=adapter is not None,
        is_allowed=rules.carrier(provider) is not None,
        reserves=None if abilities is None else _keeper(abilities),
        countries=() if abilities is None else _within(rules, abilities.countries),
    )


def _keeper(abilities: CarrierAbilities) -> ReservationKind:
    return ReservationKind.CARRIER if abilities.can_reserve else ReservationKind.LOCAL


def _within(rules: PolicyDocument, countries: Sequence[str]) -> tuple[str, ...]:
    return tuple(c for c in countries if rules.countries == "any" or c in rules.countries)
