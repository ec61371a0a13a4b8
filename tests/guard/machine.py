"""The stateful test of the money core: callers, people, carriers, clocks and crashes in every order.

What may be done is a rule; what must hold afterwards stands in `watch` and `reckoning`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Set
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from guard.books_of_others import found_out, invoiced
from guard.databases import Databases
from guard.processes import Process
from guard.reckoning import Reckoning
from guard.rulebook import rulebook
from guard.stocked import REQUESTERS, SHELVED
from guard.watch import Watch
from guard.world import ASSISTANTS, World
from ringfence.desk import adjusting, consenting, resolving
from ringfence.desk.assigning import AssignWish, assign
from ringfence.desk.buying import BuyWish, cancel_intent, propose_buy
from ringfence.desk.releasing import ReleaseWish, propose_release
from ringfence.errors import ProviderUnavailable, RingfenceError
from ringfence.guard import policy_change
from ringfence.guard.approval import existing
from ringfence.guard.freeze import freeze, unfreeze
from ringfence.intents import DeclineReason, Intent, reasons_to_decline
from ringfence.money import Money
from ringfence.offers import Offer
from ringfence.sandbox.faults import Fault
from ringfence.sandbox.trouble import CarrierTrouble
from ringfence.settle import reconcile
from ringfence.states import OPEN_INTENTS, IntentState
from ringfence.store.audit import Words
from ringfence.store.transaction import Transaction

PERSON = "the person"
FOLD_EVERY = 20
"""After how many steps the whole ledger is folded anew; a run ends with a fold anyway."""

REFUSALS = frozenset({
    "budget_exceeded", "declined", "frozen", "invalid_arguments", "number_gone", "papers_missing",
    "policy_refused", "price_changed", "price_unknown",
})  # fmt: skip

WAITS = st.sampled_from([0.4, 1, 1, 2, 3, 6, 7, 11, 31, 301, 961, 1861, 3601])
JUMPS = st.sampled_from([-172_800, -3_600, -5, 5, 3_600, 172_800])
PLACE = st.integers(0, SHELVED - 1)
PLACES = st.lists(PLACE, min_size=1, max_size=3, unique=True)
POLICIES = st.sampled_from([0, 0, 2, 2, 1, 3, 4, 5, 6, 7])
"""Places in the rulebook."""
NUMBERED = st.integers(0, 30)
RARELY = st.integers(0, 5)
"""What happens at 0 only."""

T = TypeVar("T")


class GuardMachine(RuleBasedStateMachine):
    """One run: an installation from its first purchase until everything has ended."""

    databases: ClassVar[Databases]
    steps: ClassVar[int] = 0
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.databases)
        self.clock = self.world.clock
        self.watch = Watch(
            ours=self.world.reader(), carrier=self.world.carrier_reader(), seen=self.seen
        )
        self.reckoning = Reckoning(self.world, self.watch)
        self.asked: list[tuple[str, BuyWish, str]] = []
        self._since_fold = 0
        GuardMachine.steps -= 1  # what holds is looked at once before the first step

    # Callers.

    @rule(who=st.sampled_from(REQUESTERS), places=PLACES, assistant=st.sampled_from(ASSISTANTS),
          most=st.sampled_from([None, None, None, None, "2.00 USD", "5.00 USD", "9.00 EUR"]))  # fmt: skip
    def propose(self, who: str, places: list[int], assistant: str | None, most: str | None) -> None:
        max_total = Money.parse(most) if most else None
        self._propose(who, self._wish(who, places, assistant_id=assistant, max_total=max_total))

    @rule(who=st.sampled_from(REQUESTERS), places=PLACES, assistant=st.sampled_from(ASSISTANTS))
    def buy(self, who: str, places: list[int], assistant: str | None) -> None:
        """Propose, approve and work, as it mostly goes."""
        self._approved(who, places, assistant)
        self._work(rounds=3)

    @precondition(lambda self: self.asked)
    @rule(number=NUMBERED)
    def ask_the_same_again(self, number: int) -> None:
        who, wish, intent_id = self._asked(number)
        was_open = self.world.store.read_now(lambda tx: _is_open(tx, intent_id))
        again = self._propose(who, wish)
        assert not was_open or (again is not None and again.state in OPEN_INTENTS)

    @precondition(lambda self: self.asked)
    @rule(number=NUMBERED, by_the_client=st.booleans())
    def withdraw(self, number: int, by_the_client: bool) -> None:
        who, _, intent_id = self._asked(number)
        withdraw = consenting.client_declined if by_the_client else cancel_intent
        self._do(withdraw(self._process.desk, who, intent_id))

    @precondition(lambda self: self.watch.owned())
    @rule(number=NUMBERED, who=st.sampled_from(REQUESTERS), assistant=st.sampled_from(ASSISTANTS))
    def assign(self, number: int, who: str, assistant: str | None) -> None:
        owned = self.watch.owned()
        wish = AssignWish(owned[number % len(owned)], assistant)
        try:
            self._do(assign(self._process.desk, who, wish))
        except RingfenceError as error:
            self._expected(error, {"declined", "frozen", "policy_refused", "provider_unavailable"})

    @precondition(lambda self: self.watch.owned())
    @rule(
        number=NUMBERED,
        who=st.sampled_from(REQUESTERS),
        is_approved=st.booleans(),
        rounds=st.integers(0, 2),
    )
    def give_back(self, number: int, who: str, is_approved: bool, rounds: int) -> None:
        """Propose a release; half of the time it is approved, and a runner may get to it at once."""
        owned = self.watch.owned()
        wish = ReleaseWish(owned[number % len(owned)])
        try:
            intent = self._do(propose_release(self._process.desk, who, wish))
        except RingfenceError as error:
            self._expected(error, {"declined", "frozen", "policy_refused"})
            return
        if is_approved and intent.intent_id in self.watch.waiting():
            self._approve(intent.intent_id)
            self._work(rounds)

    # A person.

    @precondition(lambda self: self.watch.waiting())
    @rule(number=NUMBERED)
    def approve(self, number: int) -> None:
        waiting = self.watch.waiting()
        self._approve(waiting[number % len(waiting)])

    @precondition(lambda self: self.watch.waiting())
    @rule(number=NUMBERED, reason=st.sampled_from([None, *DeclineReason]))
    def decline(self, number: int, reason: DeclineReason | None) -> None:
        waiting = self.watch.waiting()
        intent_id = waiting[number % len(waiting)]
        desk, reason = self._process.desk, self._fitting(intent_id, reason)
        self._do(consenting.decline_at_terminal(desk, intent_id, person=PERSON, reason=reason))

    @precondition(lambda self: self.watch.approved())
    @rule(number=NUMBERED, reason=st.sampled_from([None, *DeclineReason]))
    def take_back(self, number: int, reason: DeclineReason | None) -> None:
        """Withdraw what was approved, as far as it was not sent."""
        approved = self.watch.approved()
        intent_id = approved[number % len(approved)]
        desk, reason = self._process.desk, self._fitting(intent_id, reason)
        try:
            self._do(consenting.decline_at_terminal(desk, intent_id, person=PERSON, reason=reason))
            self.seen["taken back"] += 1
        except RingfenceError as error:
            self._expected(error, {"policy_refused"})

    @precondition(lambda self: self.watch.unresolved())
    @rule(number=NUMBERED)
    def resolve(self, number: int) -> None:
        """Say of a line or a lost number what the carrier's own books say."""
        left = self.watch.unresolved()
        subject = left[number % len(left)]
        finding = found_out(self.world, subject)
        if finding is None:
            return
        desk, words = self._process.desk, Words.fresh("as the carrier's books say")
        try:
            self._do(resolving.resolve_at_terminal(desk, subject, finding, words, person=PERSON))
            self.seen[f"resolved {finding.became}"] += 1
            self.reckoning.books_balance()
        except RingfenceError as error:
            self._expected(error, {"policy_refused"})

    @precondition(lambda self: self.watch.owned())
    @rule(
        number=NUMBERED,
        micros=st.integers(1, 1_500_000),
        is_setup=st.booleans(),
        is_less=st.booleans(),
    )
    def adjust(self, number: int, micros: int, is_setup: bool, is_less: bool) -> None:
        """An invoice is not what the books say."""
        owned = self.watch.owned()
        subject = owned[number % len(owned)]
        difference = invoiced(
            self.world, subject, micros=micros, is_setup=is_setup, is_less=is_less
        )
        if difference is None:
            return
        desk, words = self._process.desk, Words.fresh("as the invoice says")
        try:
            planned = self._do(adjusting.plan(desk, subject, difference, month=None))
            self._do(adjusting.adjust_at_terminal(desk, planned, words, person=PERSON))
            self.seen["adjusted"] += 1
            self.reckoning.books_balance()
        except RingfenceError as error:
            self._expected(error, {"invalid_arguments"})

    @rule(place=POLICIES)
    def apply_policy(self, place: int) -> None:
        document = rulebook()[place]
        self._write(lambda tx: policy_change.apply(tx, document, applied_by=PERSON))

    @rule(dice=RARELY)
    def freeze(self, dice: int) -> None:
        """Rarely, or when something is about to be sent."""
        if dice == 0 or self.watch.has_work():
            self._write(lambda tx: freeze(tx, "to be sure", actor=PERSON))

    @precondition(lambda self: self.watch.is_frozen())
    @rule()
    def unfreeze(self) -> None:
        self._unfreeze()

    # The carrier, and numbers bought behind our back.

    @rule(fault=st.sampled_from(list(Fault)))
    def fault(self, fault: Fault) -> None:
        self.world.carrier.add_fault(fault)

    @rule(dice=RARELY, place=PLACE)
    def buy_in_the_console(self, dice: int, place: int) -> None:
        """Each of these freezes spending once it is noticed."""
        if dice == 0:
            stock = self._offers(REQUESTERS[0], [place])[0].stock
            with suppress(CarrierTrouble):  # gone, or a fault that was meant for us
                self.world.carrier.buy(stock.stock_id, tag="by hand")

    @rule(who=st.sampled_from(REQUESTERS), places=PLACES, rounds=st.integers(1, 3))
    def buy_and_pay_more(self, who: str, places: list[int], rounds: int) -> None:
        """The carrier charges more than it had quoted, so that only a person can settle it."""
        self._approved(who, places, None)
        self._process.adapter.pay_more()
        self._work(rounds, pause=1)

    @precondition(lambda self: self.watch.owned())
    @rule(dice=RARELY, number=NUMBERED)
    def give_back_in_the_console(self, dice: int, number: int) -> None:
        """Somebody releases a number behind our back, of those that we know to be ours."""
        ours = self.watch.owned()
        owned = [each for each in self.world.carrier.owned() if each.item.number in ours]
        if dice == 0 and owned:
            with suppress(CarrierTrouble):
                self.world.carrier.release(owned[number % len(owned)].number_id)

    @rule()
    def reconcile(self) -> None:
        with suppress(ProviderUnavailable):
            self._do(reconcile(self._process.desk, self._process.adapter))

    # Time.

    @rule(seconds=WAITS)
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)

    @rule(to=st.sampled_from(["day", "day", "day", "month", "month", "year"]), early=st.booleans())
    def time_passes_to_the_end_of_the(self, to: str, early: bool) -> None:
        """To the last second of it, or to the first of the next."""
        now = self.clock.now()
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        end = {
            "day": day + timedelta(days=1),
            "month": (day.replace(day=1) + timedelta(days=32)).replace(day=1),
            "year": day.replace(year=day.year + 1, month=1, day=1),
        }[to]
        self.clock.advance(seconds=(end - now).total_seconds() - (1 if early else 0))

    @rule(seconds=JUMPS)
    def the_clock_jumps(self, seconds: int) -> None:
        """The calendar's clock alone: somebody set it."""
        self.clock.at += timedelta(seconds=seconds)
        if self._is_stalled():
            self.watch.late_is_allowed = True

    # Runners, and how they end.

    @precondition(lambda self: self.watch.has_work())
    @rule(rounds=st.integers(1, 4), pause=st.sampled_from([0, 1, 3]))
    def work(self, rounds: int, pause: float) -> None:
        self._work(rounds, pause)

    @rule(who=st.sampled_from(REQUESTERS), places=PLACES, assistant=st.sampled_from(ASSISTANTS),
          write=st.integers(1, 9), after_commit=st.booleans())  # fmt: skip
    def buy_and_be_killed(
        self, who: str, places: list[int], assistant: str | None, write: int, after_commit: bool
    ) -> None:
        """The process that sends dies at one of its transactions; another takes its place."""
        self._approved(who, places, assistant)
        process = self._process
        process.store.die_at(write, after_commit=after_commit)
        for _ in range(3):
            self._do(process.step())
        process.store.spare()
        self.seen["killed"] += process.store.is_dead
        self.world.bury_the_dead()

    @precondition(lambda self: not self._is_stalled())
    @rule(who=st.sampled_from(REQUESTERS), places=PLACES, on_the_wire=st.booleans())
    def buy_and_stall(self, who: str, places: list[int], on_the_wire: bool) -> None:
        """The process that sends is suspended; it may wake up when everybody has forgotten it."""
        self._approved(who, places, None)
        process = self._process
        process.adapter.stall(on_the_wire=on_the_wire)
        self._do(process.step())
        where = "on the wire" if on_the_wire else "before sending"
        self.seen[f"stalled {where}"] += process.is_stalled
        if not process.is_stalled:
            process.adapter.wake()

    @precondition(lambda self: self._is_stalled())
    @rule()
    def the_stalled_process_goes_on(self) -> None:
        for process in self.world.processes:
            self._do(process.wake())

    # After every step.

    @invariant()
    def everything_holds(self) -> None:
        GuardMachine.steps += 1
        self.watch.look()
        self._since_fold += 1
        if self._since_fold >= FOLD_EVERY:
            self._since_fold = 0
            self.reckoning.books_balance()

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.reckoning.everything_ends()
        finally:
            self.watch.close()
            self.world.close()

    # Details.

    @property
    def _process(self) -> Process:
        """A process that is not stalled; one of the two never is."""
        return next(each for each in self.world.processes if not each.is_stalled)

    def _is_stalled(self) -> bool:
        return any(process.is_stalled for process in self.world.processes)

    def _do(self, story: Coroutine[Any, Any, T]) -> T:
        return self.world.run(story)

    def _write(self, change: Callable[[Transaction], object]) -> None:
        self._process.store.write_now(change)

    def _offers(self, who: str, places: list[int]) -> list[Offer]:
        offers = self.world.offers[who]
        return [offers[place] for place in places]

    def _wish(self, who: str, places: list[int], **wish: Any) -> BuyWish:
        return BuyWish(items=[offer.offer_id for offer in self._offers(who, places)], **wish)

    def _propose(self, who: str, wish: BuyWish) -> Intent | None:
        known = {intent_id for _, _, intent_id in self.asked}
        try:
            intent = self._do(propose_buy(self._process.desk, who, wish))
        except RingfenceError as error:
            self._expected(error, REFUSALS)
            return None
        if intent.intent_id not in known:
            self.asked.append((who, wish, intent.intent_id))
            self.reckoning.nothing_is_held_beyond_its_limit(intent)
        return intent

    def _approved(self, who: str, places: list[int], assistant: str | None) -> None:
        """Somebody who wants something has it proposed, and everything that waits approved."""
        self._unfreeze()
        self._propose(who, self._wish(who, places, assistant_id=assistant))
        self._approve_everything()

    def _approve_everything(self) -> None:
        for intent_id in self.watch.waiting():
            self._approve(intent_id)

    def _approve(self, intent_id: str) -> None:
        self.watch.consented.add(intent_id)
        try:
            self._do(
                consenting.approve_at_terminal(
                    self._process.desk,
                    intent_id,
                    digest=self._intent(intent_id).digest,
                    person=PERSON,
                )
            )
        except RingfenceError as error:
            self._expected(error, {"expired", "frozen", "policy_refused"})
            self.watch.consented.discard(intent_id)

    def _fitting(self, intent_id: str, reason: DeclineReason | None) -> DeclineReason | None:
        """The reason, where it is one against that."""
        return reason if reason in reasons_to_decline(self._intent(intent_id).terms.op) else None

    def _expected(self, error: RingfenceError, codes: Set[str]) -> None:
        assert error.code in codes, error
        self.seen[f"refused {error.code}"] += 1

    def _unfreeze(self) -> None:
        self._write(lambda tx: unfreeze(tx, actor=PERSON))

    def _work(self, rounds: int, pause: float = 0) -> None:
        for _ in range(rounds):
            self._do(self._process.step())
            self.clock.advance(seconds=pause)

    def _intent(self, intent_id: str) -> Intent:
        return self.world.store.read_now(lambda tx: existing(tx, intent_id))

    def _asked(self, number: int) -> tuple[str, BuyWish, str]:
        """One of the wishes so far, the latest first."""
        return self.asked[-1 - number % len(self.asked)]


def _is_open(tx: Transaction, intent_id: str) -> bool:
    """Whether an intent can still lead to something: one that nobody decided or sent in time cannot."""
    intent = existing(tx, intent_id)
    waits = intent.state in {IntentState.AWAITING_APPROVAL, IntentState.APPROVED}
    return intent.state in OPEN_INTENTS and not (waits and tx.now >= intent.expires_at)
