"""A throw-away sandbox installation for tests: a real store, the real carrier, one clock, and nothing that sleeps.

Time passes only by `pass_time`; the carrier's own waits move the clock as well. The runner is stepped by hand.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from ringfence.clock import ManualClock
from ringfence.desk import Desk
from ringfence.desk.buying import BuyWish, propose_buy
from ringfence.desk.consenting import approve_at_terminal, show
from ringfence.desk.releasing import ReleaseWish, propose_release
from ringfence.desk.searching import SearchWish, search
from ringfence.guard import books, policy_change
from ringfence.ids import CountingIds, IdSource
from ringfence.intents import WEAK_LEVELS, Intent
from ringfence.offers import Offer
from ringfence.policy import PolicyDocument, parse_document, read_policy, sandbox_policy
from ringfence.providers.sandbox import SandboxAdapter
from ringfence.runner import Runner
from ringfence.sandbox.carrier import Carrier
from ringfence.states import LineState
from ringfence.store import audit, balances, intents, inventory
from ringfence.store.anchor import Anchor
from ringfence.store.balances import Balance
from ringfence.store.installation import Mode, open_store, sqlite_url
from ringfence.store.transaction import Store, Transaction
from ringfence.store.watch import Bell

ME = "local:me"
SOMEBODY_ELSE = "local:somebody-else"
PERSON = "the person"
FOUNDED = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
"""An hour before tests begin, so that ids made then never meet ids made by a test."""
MANY_STEPS = 200
"""More than any story needs: a runner that still finds work then goes round in circles."""


@cache
def _founded() -> Path:
    """A folder with an installation and a carrier as they are on the first day; made once, then copied."""
    folder = Path(tempfile.mkdtemp(prefix="ringfence-house-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    clock = ManualClock(FOUNDED)
    open_store(
        sqlite_url(folder / "ringfence.db"),
        mode="sandbox",
        clock=clock,
        ids=CountingIds(),
        first_policy=sandbox_policy,
    ).close()
    carrier = Carrier(folder / "carrier.db", clock)
    carrier.holds()
    carrier.close()
    return folder


def move_in(folder: Path) -> None:
    """Put a founded installation and its carrier's file into a folder."""
    for name in ("ringfence.db", "carrier.db"):
        shutil.copy2(_founded() / name, folder / name)


class House:
    """One process of an installation; `beside` opens another on the same files."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: ManualClock,
        ids: IdSource,
        owner: str = "house",
        mode: Mode = "sandbox",
        first_policy: Callable[[], PolicyDocument] = sandbox_policy,
        anchor: Anchor | None = None,
    ) -> None:
        self.folder = folder
        self.clock = clock
        self.ids = ids
        self.carrier = Carrier(folder / "carrier.db", clock)
        self.adapter = SandboxAdapter(self.carrier, sleep=self._sleep)
        self.store: Store = open_store(
            sqlite_url(folder / "ringfence.db"),
            mode=mode,
            clock=clock,
            ids=ids,
            first_policy=first_policy,
            anchor=anchor,
        )
        self.desk = Desk(self.store, {self.adapter.provider: self.adapter}, ids, Bell())
        self.runner = Runner(self.desk, owner=owner)

    @classmethod
    def open(cls, folder: Path) -> House:
        """A new installation in this folder."""
        move_in(folder)
        return cls(folder, clock=ManualClock(), ids=CountingIds())

    def beside(self, owner: str) -> House:
        """Another process of the same installation, by the same clock."""
        return House(self.folder, clock=self.clock, ids=self.ids, owner=owner)

    def close(self) -> None:
        self.store.close()
        self.carrier.close()

    async def _sleep(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)

    # What a caller and a person do.

    async def find(self, count: int = 1, *, principal: str = ME, **wish: Any) -> list[Offer]:
        """Offers, the cheapest first; of San Francisco where nothing else is wished."""
        asked = SearchWish(limit=count, **(wish or {"country": "US", "area_code": "415"}))
        return list((await search(self.desk, principal, asked)).offers)

    async def propose(self, *offers: Offer, principal: str = ME, **wish: Any) -> Intent:
        """Ask for exactly these offers."""
        items = [offer.offer_id for offer in offers]
        return await propose_buy(self.desk, principal, BuyWish(items=items, **wish))

    async def approve(self, intent: Intent) -> Intent:
        """A person says yes at the terminal to what the card showed."""
        return await approve_at_terminal(
            self.desk, intent.intent_id, digest=intent.digest, person=PERSON
        )

    async def approved(self, *offers: Offer, **wish: Any) -> Intent:
        """Propose and approve; nothing is sent yet."""
        return await self.approve(await self.propose(*offers, **wish))

    async def buy(self, *offers: Offer, **wish: Any) -> Intent:
        """Propose, approve, and let the runner work: the intent as it stands then."""
        intent = await self.approved(*offers, **wish)
        await self.work()
        return await self.now(intent)

    async def give_back(self, number: str, *, principal: str = ME, **wish: Any) -> Intent:
        """Ask to give a number back."""
        return await propose_release(self.desk, principal, ReleaseWish(number, **wish))

    async def released(self, number: str, **wish: Any) -> Intent:
        """Ask, approve, and let the runner work: the intent as it stands then."""
        intent = await self.approve(await self.give_back(number, **wish))
        await self.work()
        return await self.now(intent)

    async def now(self, intent: Intent) -> Intent:
        """The intent as it stands now."""
        return await show(self.desk, intent.intent_id)

    async def work(self) -> None:
        """Let the runner do everything that is due at this moment."""
        for _ in range(MANY_STEPS):
            if not await self.runner.step():
                return
        raise AssertionError("The runner finds work for ever.")

    async def pass_time(self, **span: float) -> None:
        """Let time pass at once, then let the runner do what has become due."""
        self.clock.advance(**span)
        await self.work()

    async def wait_out(self, seconds: int = 30) -> None:
        """Let the runner work while seconds pass one by one."""
        for _ in range(seconds):
            await self.pass_time(seconds=1)

    # What a test looks at.

    def read(self, look: Callable[[Transaction], Any]) -> Any:
        return self.store.read_now(look)

    def write(self, change: Callable[[Transaction], Any]) -> Any:
        return self.store.write_now(change)

    def apply(self, policy: PolicyDocument) -> None:
        """Put another policy in force."""
        self.write(lambda tx: policy_change.apply(tx, policy, applied_by=PERSON))

    def balance(self, budget: str, window: str) -> Balance:
        """What is held and used, in the budget's own unit."""
        found = self.read(lambda tx: balances.get(tx.connection, budget, window))
        return found if isinstance(found, Balance) else Balance()

    def charged(self) -> list[str]:
        """The numbers that the carrier has charged us for, in the order in which it did."""
        return [charge.number for charge in self.carrier.charges()]

    def frozen(self) -> str | None:
        reason: str | None = self.read(lambda tx: tx.frozen)
        return reason

    def books_balance(self) -> None:
        """The ledger gives the balances, the audit chain holds, and nothing that was charged is unaccounted for."""
        assert self.read(books.verify) == []
        _count, broken = self.read(audit.verify)
        assert broken is None
        self._charges_are_accounted_for()

    def _charges_are_accounted_for(self) -> None:
        """One charge a number, and each belongs to a line that is captured, or may still be."""
        charged = self.charged()
        assert len(charged) == len(set(charged)), "a number was charged twice"
        may_be_charged = {
            line.terms.number
            for intent in self.read(intents.open_intents)
            for line in intent.lines
            if line.state not in {LineState.READY, LineState.VOIDED, LineState.FAILED}
        }
        recorded = {record.number for record in self.read(inventory.everything)}
        assert set(charged) <= recorded | may_be_charged, "a charge is nowhere recorded"


LIVE_TERMS: Mapping[str, Any] = {
    "carriers": [
        {"provider": "sandbox", "host": "sandbox.invalid", "accounts": ["sandbox-f851ae73"]}
    ],
    "countries": ["AU", "CA", "DE", "FR", "GB", "JP", "US"],
    "assistants": [
        {"name": name, "voice_url": f"https://example.com/{name.rstrip('*')}/{{assistant_id}}"}
        for name in ("desk", "front-desk", "night-desk", "reception", "support-*")
    ],
}
"""What a live policy has to name, since *any* is for sandboxes."""


def policy_with(**changes: str | list[str]) -> PolicyDocument:
    """The sandbox's policy with other fields; `budgets` replaces budgets of the same name and adds others.

    Values are YAML, as an operator writes it. With signed levels alone it is one that a live installation may have.
    """
    import yaml

    document = yaml.safe_load(sandbox_policy().model_dump_json())
    for name, value in changes.items():
        if name == "budgets":
            written = [yaml.safe_load(each) for each in value]
            names = {budget["name"] for budget in written}
            document["budgets"] = [b for b in document["budgets"] if b["name"] not in names]
            document["budgets"] += written
        else:
            document[name] = yaml.safe_load(value) if isinstance(value, str) else value
    if not WEAK_LEVELS & set(parse_document(document).levels.all()):
        _make_live(document, changes)
    return read_policy(yaml.safe_dump(document))


def _make_live(document: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Name what may be any in a sandbox, and let rates grow stale, where a test says nothing else."""
    document.update({name: each for name, each in LIVE_TERMS.items() if name not in changes})
    if "rates" not in changes:
        today = ManualClock().now().strftime("%Y-%m-%dT00:00:00Z")
        document["rates"] = [
            each | {"as_of": today, "max_age_days": 366} for each in document["rates"]
        ]
