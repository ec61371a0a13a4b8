"""A live installation with an approver who has allowed something, for stories about its history."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from guard.signing import Signer, Somebody, approve, enroll, found
from house import House, policy_with
from ringfence.clock import ManualClock
from ringfence.guard import consent, evidence, high_water, policy_change
from ringfence.guard.freeze import lifting, unfreeze_signed
from ringfence.ids import CountingIds
from ringfence.intents import Intent
from ringfence.policy import PolicyDocument, read_policy, sandbox_policy
from ringfence.store import audit
from ringfence.store.anchor import FolderAnchor
from ringfence.store.checkpoints import Checkpoint, Checkpoints
from ringfence.store.installation import Mode
from ringfence.store.transaction import Transaction

LIVE = read_policy(files("ringfence_server").joinpath("live_policy.yaml").read_text())
ALLOWED = policy_with(levels="{buy: passphrase, release: passphrase, assign: passphrase}")
"""The sandbox's limits, with signed consent."""


@dataclass
class Living:
    """An installation, who may sign in it, and where it is remembered."""

    house: House
    ada: Signer
    recovery: Signer
    pins: Path

    @classmethod
    def founded(
        cls, folder: Path, *, checkpoints: Path | None = None, mode: Mode = "live"
    ) -> Living:
        """A new one in this folder."""
        pins = folder / "pins"
        house = House(
            folder / "home",
            clock=ManualClock(),
            ids=CountingIds(),
            mode=mode,
            first_policy=sandbox_policy if mode == "sandbox" else lambda: LIVE,
            anchor=FolderAnchor(pins, checkpoints=checkpoints),
        )
        recovery = found(house)
        ada = enroll(house, Signer("ada"), recovery)
        allow(house, ALLOWED, ada)
        return cls(house, ada, recovery, pins)

    @property
    def installation_id(self) -> str:
        found: str = self.house.read(lambda tx: tx.installation_id)
        return found

    @property
    def checkpoints(self) -> Checkpoints:
        kept = self.house.store.anchor.checkpoints
        assert kept is not None
        return kept

    @property
    def database(self) -> Path:
        return self.house.folder / "ringfence.db"

    @property
    def root(self) -> str:
        """The pinned fingerprint."""
        return (self.pins / f"{self.installation_id}.root").read_text().strip()

    def file(self) -> Path:
        """The file of its checkpoints."""
        return self.checkpoints.file(self.installation_id)

    def written(self) -> list[Checkpoint]:
        """The checkpoints in the file."""
        return [Checkpoint.model_validate_json(line) for line in self.file().read_text().split()]

    def head(self) -> tuple[int, str]:
        head: tuple[int, str] = self.house.read(audit.head)
        return head

    def note(self, count: int = 1) -> None:
        """Let something happen that matters to nobody, so many times."""
        for _ in range(count):
            self.house.write(lambda tx: tx.audit("test.noted", actor="test", subject="nothing"))

    def note_at_once(self, count: int) -> None:
        """The same in one change."""

        def write(tx: Transaction) -> None:
            for _ in range(count):
                tx.audit("test.noted", actor="test", subject="nothing")

        self.house.write(write)

    async def propose(self, **wish: Any) -> Intent:
        """Ask for the cheapest number."""
        named = {"principal": wish["principal"]} if "principal" in wish else {}
        return await self.house.propose(*await self.house.find(**named), **wish)

    async def buy(self, **wish: Any) -> Intent:
        """Ask for it, let ada sign, and let the runner work."""
        intent = approve(self.house, await self.propose(**wish), self.ada)
        await self.house.work()
        return await self.house.now(intent)

    def evidence_of(self, intent: Intent | str, *, with_texts: bool = False) -> dict[str, Any]:
        """The evidence of one purchase, as it is handed out now."""
        intent_id = intent if isinstance(intent, str) else intent.intent_id
        found: dict[str, Any] = self.house.read(
            lambda tx: evidence.of_purchase(tx, intent_id, with_texts=with_texts)
        )
        return found

    def again(self, *, owner: str = "again") -> House:
        """Another process, which has read nothing yet."""
        return House(
            self.house.folder,
            clock=self.house.clock,
            ids=self.house.ids,
            owner=owner,
            mode="live",
            anchor=FolderAnchor(self.pins),
        )

    def backup(self) -> Path:
        """A copy of the database as it is now."""
        path = self.house.folder / "backup.db"
        with closing(sqlite3.connect(self.database)) as db, closing(sqlite3.connect(path)) as copy:
            db.backup(copy)
        return path

    def restore(self, copy: Path) -> None:
        """Put a copy in the database's place; the next process notices, and freezes."""
        self.house.close()
        for beside in self.house.folder.glob("ringfence.db-*"):
            beside.unlink()
        shutil.copy2(copy, self.database)
        self.house = self.again(owner="restored")
        assert high_water.watch_over(self.house.store) is not None

    def unfreeze(self, *, by: Somebody | None = None) -> None:
        """Lift the freeze, as an approver signed."""
        who = by or self.ada
        statement = self.house.read(lambda tx: lifting(tx, nonce=consent.fresh_nonce()))
        self.house.write(lambda tx: unfreeze_signed(tx, statement, who.sign(statement)))
        self.house.clock.advance(seconds=1)  # a list of this moment may be from before it

    def close(self) -> None:
        self.house.close()


def allow(house: House, document: PolicyDocument, who: Somebody) -> None:
    """Put a policy in force, as somebody signed it."""
    statement = house.read(
        lambda tx: policy_change.proposal(tx, document, nonce=consent.fresh_nonce())
    )
    house.write(
        lambda tx: policy_change.apply_signed(
            tx, statement, who.sign(statement), applied_by=who.person
        )
    )


Change = Callable[[Living], None]
