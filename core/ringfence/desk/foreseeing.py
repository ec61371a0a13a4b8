"""Foreseeing: what a purchase would meet, before anybody asks for it; nothing is held, written down or sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ringfence.desk.assistants import check_registered
from ringfence.desk.counter import Desk
from ringfence.desk.reserving import line_terms, why_unsellable
from ringfence.errors import InvalidArguments, NotFound, RingfenceError
from ringfence.guard import approval, authority, policy_chain, policy_change, proposal, windows
from ringfence.guard.authority import Authority
from ringfence.guard.decision import Decision, Snapshot
from ringfence.guard.proposal import Proposal, Totals
from ringfence.guard.ways import Ways, ways
from ringfence.intents import WEAK_LEVELS, Level, LineTerms, Op
from ringfence.numbers import NumberType
from ringfence.offers import Price, Provider
from ringfence.policy import PolicyDocument
from ringfence.store import offers as stored
from ringfence.store.transaction import Transaction

MAX_LINES = 25
"""What one purchase may hold."""


@dataclass(frozen=True)
class Imagined:
    """Numbers of one kind that nobody has looked for yet."""

    provider: Provider
    country: str
    type: NumberType
    price: Price | None
    count: int = 1


@dataclass(frozen=True)
class Foreseen:
    """What the guard would say at this moment."""

    policy_version: int | None
    """The policy in force; None for one that is not."""
    decision: Decision
    obstacles: Sequence[RingfenceError]
    """What stands against it beside the guard's rules: an assistant that is not registered, papers."""
    totals: Totals
    level: Level
    """The consent that it would need here."""
    ways: Ways
    """How that could be given now."""

    @property
    def is_allowed(self) -> bool:
        """Whether it would wait for a person, and not be refused."""
        return self.decision.is_allowed and not self.obstacles


def foresee(
    desk: Desk,
    what: Imagined | str,
    *,
    principal: str,
    assistant_id: str | None = None,
    rules: PolicyDocument | None = None,
) -> Foreseen:
    """Judge a purchase of imagined numbers, or of an offer by its id, as `propose` would; `rules` as if in force.

    Raises:
        InvalidArguments: more numbers than one purchase may hold.
        NotFound: the offer is not this principal's.
        ConfigurationError: the policy could not be put in force.
    """
    return desk.store.rehearse_now(
        lambda tx: _foreseen(tx, desk, what, principal, assistant_id, rules)
    )


def _foreseen(  # what a wish is made of
    tx: Transaction,
    desk: Desk,
    what: Imagined | str,
    principal: str,
    assistant_id: str | None,
    rules: PolicyDocument | None,
) -> Foreseen:
    broken = policy_chain.why_broken(tx) if tx.mode == "live" else None
    version = tx.policy_version
    if rules is not None:
        policy_change.rehearse(tx, rules)
    lines, obstacles = _lines(tx, desk, what, principal)
    wish = Proposal(Op.BUY, principal, assistant_id, lines, stock_key="")
    decision = proposal.judge(tx, wish, _seen(tx, principal, broken))
    try:
        check_registered(tx.rules, assistant_id)
    except InvalidArguments as error:
        obstacles = [error, *obstacles]
    level = approval.level_here(tx, decision.level)
    return Foreseen(
        policy_version=version if rules is None else None,
        decision=decision,
        obstacles=obstacles,
        totals=proposal.total([line.price for line in lines], tx.rules, now=tx.now),
        level=level,
        ways=ways(Authority() if level in WEAK_LEVELS else authority.read(tx), level),
    )


def _seen(tx: Transaction, principal: str, broken: str | None) -> Snapshot:
    """What is there under the policy that is rehearsed; nobody has signed that, which is no fault of it yet."""
    seen = windows.snapshot(tx, principal=principal, op=Op.BUY)
    return replace(seen, unsound_policy=broken or windows.why_unfit(tx))


def _lines(
    tx: Transaction, desk: Desk, what: Imagined | str, principal: str
) -> tuple[list[LineTerms], list[RingfenceError]]:
    if isinstance(what, Imagined):
        return _imagined(tx.rules, desk, what), []
    offer = stored.offers_of(tx, principal, [what]).get(what)
    if offer is None:
        raise NotFound(f"{what} is no offer of {principal}.")
    obstacle = why_unsellable(offer.stock)
    return [line_terms(desk, offer, None)], [obstacle] if obstacle else []


def _imagined(rules: PolicyDocument, desk: Desk, what: Imagined) -> list[LineTerms]:
    """Numbers that cannot exist, where the policy, or the carrier that is connected, would have us pay."""
    if not 1 <= what.count <= MAX_LINES:
        raise InvalidArguments(
            f"One purchase holds 1 to {MAX_LINES} numbers, and not {what.count}.",
            remedy=f"Give a count of at most {MAX_LINES}.",
        )
    allowed, adapter = rules.carrier(what.provider), desk.carriers.get(what.provider)
    known = allowed.accounts if allowed and allowed.accounts != "any" else ()
    account = adapter.account if adapter else next(iter(known), "unknown")
    host = adapter.host if adapter else (allowed.host if allowed else "unknown")
    return [
        LineTerms(
            line_id="",
            provider=what.provider,
            account=account,
            host=host,
            number=f"+999{place:09d}",  # a country code that nobody has
            stock_id="",
            country=what.country,
            type=what.type,
            raw_type=what.type.value,
            capabilities=(),
            price=what.price,
            min_term_months=0,
            place=None,
        )
        for place in range(1, what.count + 1)
    ]
