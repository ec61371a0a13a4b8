"""What the stories stand on: the store, the carriers, time, ids, and the bell that wakes whoever waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ringfence.errors import NotFound
from ringfence.ids import IdSource
from ringfence.offers import Provider
from ringfence.outcomes import Times
from ringfence.providers.protocol import CarrierAdapter
from ringfence.store.transaction import Store
from ringfence.store.watch import Bell


@dataclass(frozen=True)
class Desk:
    """One installation, open for business."""

    store: Store
    carriers: Mapping[Provider, CarrierAdapter]
    ids: IdSource
    bell: Bell

    @property
    def is_simulated(self) -> bool:
        """Whether everything here is the sandbox carrier's."""
        return set(self.carriers) <= {Provider.SANDBOX}

    def carrier(self, provider: Provider) -> CarrierAdapter:
        """The adapter of a carrier.

        Raises:
            NotFound: this process is not connected to it.
        """
        if provider not in self.carriers:
            raise NotFound(f"{provider} is not connected here.")
        return self.carriers[provider]


def times_of(carrier: CarrierAdapter) -> Times:
    """How a carrier's requests and looks are timed."""
    abilities = carrier.abilities
    return Times(
        ticket_life=abilities.ticket_life_seconds,
        read_timeout=abilities.read_timeout_seconds,
        quarantine=abilities.quarantine_seconds,
        look_interval=abilities.look_interval_seconds,
    )
