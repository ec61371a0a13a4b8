"""Opening an installation: from settings to a desk with its carriers, and the runner beside it.

The one place that knows how the parts fit together. Importing it loads the store and the carriers,
so nobody does before the first call needs them.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from importlib.resources import files

from ringfence.clock import SystemClock
from ringfence.desk import Desk
from ringfence.guard import high_water
from ringfence.ids import RandomIds
from ringfence.offers import Provider
from ringfence.policy import PolicyDocument, read_policy, sandbox_policy
from ringfence.providers.sandbox import SandboxAdapter
from ringfence.runner import Runner
from ringfence.sandbox.carrier import Carrier
from ringfence.store.anchor import FolderAnchor
from ringfence.store.installation import open_store
from ringfence.store.watch import Bell
from ringfence_server.approvals.keeping import Keeper
from ringfence_server.serve import local_principal
from ringfence_server.settings import Settings


@dataclass(frozen=True)
class Premises:
    """One installation, open in this process."""

    settings: Settings
    desk: Desk
    runner: Runner
    sandbox_carrier: Carrier
    is_new: bool
    """Whether opening founded it."""

    def page_keeper(self) -> Keeper:
        """This process's part in keeping the approval page; closed before the premises are."""
        settings = self.settings
        return Keeper(
            self.desk,
            port=settings.approvals_port,
            person=local_principal(),
            mode=settings.mode,
        )

    def close(self) -> None:
        """Let go of every file."""
        self.desk.store.close()
        self.sandbox_carrier.close()


def open_installation(settings: Settings) -> Premises:
    """Open an installation; a new one is founded, with the policy of its mode.

    A live one is connected to the sandbox carrier too, so that people can rehearse under live
    rules.

    Raises:
        ConfigurationError: a damaged or foreign database, or one of the other mode.
        StorageUnavailable: locked, full or unreachable.
    """
    clock, ids = SystemClock(), RandomIds()
    founded_with: list[PolicyDocument] = []

    def first_policy() -> PolicyDocument:
        founded_with.append(sandbox_policy() if settings.mode == "sandbox" else _live_policy())
        return founded_with[0]

    store = open_store(
        settings.database,
        mode=settings.mode,
        clock=clock,
        ids=ids,
        first_policy=first_policy,
        anchor=FolderAnchor(settings.anchors, checkpoints=settings.checkpoints),
    )
    high_water.watch_over(store)
    carrier = Carrier(settings.sandbox_carrier, clock)
    carriers = {Provider.SANDBOX: SandboxAdapter(carrier)}
    desk = Desk(store=store, carriers=carriers, ids=ids, bell=Bell())
    runner = Runner(desk, owner=_owner())
    return Premises(settings, desk, runner, carrier, is_new=bool(founded_with))


def _owner() -> str:
    """A name for this process that no other has, not even one with its number after a restart."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def _live_policy() -> PolicyDocument:
    text = files("ringfence_server").joinpath("live_policy.yaml").read_text(encoding="utf-8")
    return read_policy(text)
