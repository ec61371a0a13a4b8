"""The guard's judgement, pure: what is wished, what is known, what the policy says — and nothing else.

`decide` reads no clock, no database and no network, so its tests are tables. The transaction that asked it then
enforces the same limits by conditional updates; if it lost a race there, it asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from ringfence.clock import rfc3339
from ringfence.errors import (
    BudgetExceeded,
    Declined,
    Frozen,
    PapersMissing,
    PolicyRefused,
    PriceUnknown,
    RingfenceError,
)
from ringfence.guard import budget as budgets
from ringfence.intents import Level, LineTerms, Op
from ringfence.money import Money
from ringfence.nouns import Noun
from ringfence.policy import (
    REQUIRED_KINDS,
    AttemptsBudget,
    Budget,
    PerNumberBudget,
    PolicyDocument,
)
from ringfence.store.balances import Balance
from ringfence.store.ledger import Dimensions


class Violation(Noun):
    """One rule that says no, with everything a person needs to judge it; amounts are printed."""

    rule: str
    """`budget`, or the name of another rule such as `price_known`."""
    budget: str | None = None
    scope: str | None = None
    window: str | None = None
    limit: str | None = None
    used: str | None = None
    held: str | None = None
    requested: str | None = None
    left: str | None = None


class Decision(Noun):
    """All violations, and the consent that would be needed."""

    violations: tuple[Violation, ...]
    level: Level

    @property
    def is_allowed(self) -> bool:
        return not self.violations


@dataclass(frozen=True)
class Wish:
    """What is asked for."""

    op: Op
    principal: str
    assistant_id: str | None
    lines: Sequence[LineTerms]
    max_total: Money | None = None
    total_now: Money | None = None
    first_year: Money | None = None
    """What all lines of the intent cost together in their first year; None where a price or a rate is missing."""
    is_held: bool = False
    """Whether the balances already hold these lines: at dispatch they do, at the proposal they do not."""


@dataclass(frozen=True)
class Snapshot:
    """What the store said at the moment of the decision."""

    balances: Mapping[tuple[str, str], Balance] = field(default_factory=dict)
    rolling_used: Mapping[str, int] = field(default_factory=dict)
    pending_intents: int = 0
    frozen: str | None = None
    stopped_until: datetime | None = None
    unpriced_numbers: tuple[str, ...] = ()
    """Numbers that we pay for without knowing how much."""
    strongest_consent: Level | None = Level.PAGE
    """The strongest consent that can be given in this installation; None where nobody can give any."""
    unsound_policy: str | None = None
    """Why the policy in force is nobody's; None where it is sound, and in a sandbox, where anybody may change it."""


def decide(wish: Wish, snapshot: Snapshot, rules: PolicyDocument, now: datetime) -> Decision:
    """Judge a wish by every rule, and say everything that is against it."""
    checks: Sequence[Callable[[Wish, Snapshot, PolicyDocument, datetime], Iterator[Violation]]] = (
        _check_freeze,
        _check_policy,
        _check_stop,
        _check_consent,
        _check_pending,
        _check_carriers,
        _check_countries,
        _check_prices,
        _check_owned_prices,
        _check_max_total,
        _check_per_number,
        _check_required,
        _check_balances,
    )
    found = [violation for check in checks for violation in check(wish, snapshot, rules, now)]
    return Decision(violations=tuple(found), level=_level(wish, rules, now))


Checked = Iterator[Violation]
NONE = "none"
"""The limit of a rule that allows nothing at all."""


def _check_freeze(wish: Wish, snapshot: Snapshot, rules: PolicyDocument, now: datetime) -> Checked:
    if snapshot.frozen is not None:
        yield Violation(rule="frozen", limit=snapshot.frozen)


def _check_policy(wish: Wish, snapshot: Snapshot, rules: PolicyDocument, now: datetime) -> Checked:
    if snapshot.unsound_policy is not None:
        yield Violation(rule="policy_sound", limit=snapshot.unsound_policy)


def _check_stop(wish: Wish, snapshot: Snapshot, rules: PolicyDocument, now: datetime) -> Checked:
    until = snapshot.stopped_until
    if until is not None and now < until and not wish.is_held:
        yield stopped(wish.principal, until)


def stopped(principal: str, until: datetime) -> Violation:
    """A person's *stop*, while it holds."""
    return Violation(rule="stopped", scope=f"requester:{principal}", limit=rfc3339(until))


def _check_consent(wish: Wish, snapshot: Snapshot, rules: PolicyDocument, now: datetime) -> Checked:
    """Nothing is asked for that nobody could consent to."""
    needed, strongest = _level(wish, rules, now), snapshot.strongest_consent
    if strongest is None or needed.strength > strongest.strength:
        yield Violation(
            rule="consent_possible",
            requested=needed.value,
            limit=strongest.value if strongest else NONE,
        )


def _level(wish: Wish, rules: PolicyDocument, now: datetime) -> Level:
    return rules.level_for(wish.op, wish.first_year, now)


def _check_pending(wish: Wish, snapshot: Snapshot, rules: PolicyDocument, now: datetime) -> Checked:
    if not wish.is_held and snapshot.pending_intents >= rules.pending_per_requester:
        yield Violation(
            rule="pending_per_requester",
            scope=f"requester:{wish.principal}",
            limit=str(rules.pending_per_requester),
            used=str(snapshot.pending_intents),
            requested="1",
            left="0",
        )


def _check_carriers(
    wish: Wish, snapshot: Snapshot, rules: PolicyDocument, now: datetime
) -> Checked:
    for line in wish.lines:
        allowed = rules.carrier(line.provider)
        if allowed is None or allowed.host != line.host:
            yield Violation(
                rule="carrier_allowed",
                scope=f"provider:{line.provider.value}",
                limit=allowed.host if allowed else NONE,
                requested=line.host,
            )
        elif allowed.accounts != "any" and line.account not in allowed.accounts:
            yield Violation(
                rule="account_allowed",
                scope=f"provider:{line.provider.value}",
                limit=" ".join(allowed.accounts) or NONE,
                requested=line.account,
            )


def _check_countries(
    wish: Wish, snapshot: Snapshot, rules: PolicyDocument, now: datetime
) -> Checked:
    """Where numbers may be bought; what is owned elsewhere may still be moved and given back."""
    if rules.countries == "any" or wish.op is not Op.BUY:
        return
    for country in sorted({line.country for line in wish.lines} - set(rules.countries)):
        yield Violation(
            rule="country_allowed",
            scope=f"country:{country}",
            limit=" ".join(rules.countries) or NONE,
        )


def _check_prices(wish: Wish, snapshot: Snapshot, rules: PolicyDocument, now: datetime) -> Checked:
    """Absent is refuse: no price, or no fresh rate into a currency that it counts in."""
    if wish.op is not Op.BUY:
        return
    # What differs is added up in the policy's own currency, and the person sees the total.
    is_mixed = len({line.price.currency for line in wish.lines if line.price is not None}) > 1
    for line in wish.lines:
        if line.price is None:
            yield Violation(rule="price_known", requested=line.number)
            continue
        dimensions = _dimensions(line, wish)
        counting = [b for b in rules.budgets if budgets.matches(b, dimensions)]
        needed = {currency for b in counting for currency in budgets.currencies(b)}
        if is_mixed:
            needed.add(rules.currency)
        for currency in sorted(needed):
            if rules.convert(line.price.now, currency, now) is None:
                yield Violation(
                    rule="rate_known",
                    limit=currency,
                    requested=f"{line.price.currency} for {line.number}",
                )


def _check_owned_prices(
    wish: Wish, snapshot: Snapshot, rules: PolicyDocument, now: datetime
) -> Checked:
    """While it is unknown what we pay already, nobody can say what is left."""
    if wish.op is Op.BUY and snapshot.unpriced_numbers:
        yield Violation(rule="owned_prices_known", used=" ".join(snapshot.unpriced_numbers))


def _check_max_total(
    wish: Wish, snapshot: Snapshot, rules: PolicyDocument, now: datetime
) -> Checked:
    """A total that is unknown, or in another currency, is not below anybody's limit."""
    total, limit = wish.total_now, wish.max_total
    if limit is None:
        return
    if total is None or total.currency != limit.currency or total > limit:
        requested = str(total) if total is not None else "an unknown amount"
        yield Violation(rule="max_total", limit=str(limit), requested=requested)


def _check_per_number(
    wish: Wish, snapshot: Snapshot, rules: PolicyDocument, now: datetime
) -> Checked:
    for budget in rules.budgets:
        if not isinstance(budget, PerNumberBudget):
            continue
        for line in _charged(wish, budget):
            if line.price is None:
                continue
            for name, limit, amount in budgets.plain(
                budget, line.price, partial(rules.convert, now=now)
            ):
                if amount is not None and amount > limit:
                    yield Violation(
                        rule="budget",
                        budget=budget.name,
                        scope=budget.scope,
                        window=name,
                        limit=str(limit),
                        requested=str(amount),
                    )


def _check_required(
    wish: Wish, snapshot: Snapshot, rules: PolicyDocument, now: datetime
) -> Checked:
    """A policy that forgets a kind of budget does not allow it without limit."""
    if wish.op is not Op.BUY:
        return
    present = {b.kind for b in rules.budgets if b.scope == "all"}
    for kind in REQUIRED_KINDS:
        if kind not in present:
            yield Violation(rule="budget_present", budget=kind.value, scope="all")


def _check_balances(
    wish: Wish, snapshot: Snapshot, rules: PolicyDocument, now: datetime
) -> Checked:
    if wish.op is not Op.BUY:
        return
    for budget in budgets.balanced(rules):
        requested = _requested(wish, budget, rules, now)
        if requested is None:
            continue
        balance = snapshot.balances.get((budget.name, budgets.window_at(budget, now)), Balance())
        used = balance.used
        if isinstance(budget, AttemptsBudget):
            used = snapshot.rolling_used.get(budget.name, 0)
        limit = budgets.limit_of(budget)
        on_top = 0 if wish.is_held else requested
        if balance.held + used + on_top > limit:
            yield Violation(
                rule="budget",
                budget=budget.name,
                scope=budget.scope,
                window=budgets.window_at(budget, now),
                limit=budgets.printed(budget, limit),
                used=budgets.printed(budget, used),
                held=budgets.printed(budget, balance.held),
                requested=budgets.printed(budget, requested),
                left=budgets.printed(budget, limit - used - balance.held),
            )


def _requested(wish: Wish, budget: Budget, rules: PolicyDocument, now: datetime) -> int | None:
    """What the lines take from a budget together; None where nothing of them counts for it."""
    amounts = [
        amount
        for line in _charged(wish, budget)
        if line.price is not None
        and (amount := budgets.amount_of(budget, line.price, partial(rules.convert, now=now)))
        is not None
    ]
    return sum(amounts) if amounts else None


def _charged(wish: Wish, budget: Budget) -> list[LineTerms]:
    """The lines that count for a budget."""
    if wish.op is not Op.BUY:
        return []
    return [line for line in wish.lines if budgets.matches(budget, _dimensions(line, wish))]


def _dimensions(line: LineTerms, wish: Wish) -> Dimensions:
    return budgets.dimensions_of(line, requester=wish.principal, assistant_id=wish.assistant_id)


_PERSON = "only a person can change the policy"
_ERRORS: Mapping[str, tuple[type[RingfenceError], str, str | None]] = {
    "frozen": (Frozen, "All spending is frozen: {limit}.", None),
    "policy_sound": (
        PolicyRefused,
        "{limit}",
        "Tell the person: nothing is bought until the policy is one that the approvers stand for.",
    ),
    "stopped": (
        Declined,
        "A person said stop: nothing of this kind may be asked for until {limit}.",
        "Do not ask again before that time; ask the person what they want instead.",
    ),
    "pending_per_requester": (
        PolicyRefused,
        "{used} purchases already wait for a person; {limit} may wait at once, so {requested} more is too many.",
        "Ask the person to decide on those that wait, or withdraw one with cancel_intent.",
    ),
    "consent_possible": (
        PolicyRefused,
        "This needs consent at level {requested}; the strongest that anybody can give here is {limit}.",
        "Tell the person: no approver is enrolled in this installation, so nothing can be bought.",
    ),
    "carrier_allowed": (PolicyRefused, "The policy does not allow {scope} at {requested}; it allows {limit}.", None),
    "account_allowed": (
        PolicyRefused,
        "The policy does not allow account {requested} of {scope}; it allows {limit}.",
        None,
    ),
    "country_allowed": (
        PolicyRefused,
        "The policy does not allow {scope}; it allows {limit}.",
        f"Choose a country that is allowed, or tell the person: {_PERSON}.",
    ),
    "price_known": (PriceUnknown, "{requested} has no price, and what has no price is not bought.", None),
    "rate_known": (
        PriceUnknown,
        "There is no fresh exchange rate to {limit} for {requested}.",
        f"Choose a number in another currency, or ask the person to add the rate: {_PERSON}.",
    ),
    "owned_prices_known": (
        PriceUnknown,
        "What {used} costs a month is unknown, so nobody can say what the budgets have left.",
        "Tell the person that these numbers need a price before anything is bought.",
    ),
    "max_total": (
        BudgetExceeded,
        "It costs {requested} now; max_total allows {limit}.",
        "Choose a cheaper number with search_numbers, or ask the person whether max_total may be higher.",
    ),
    "budget_present": (PolicyRefused, "The policy sets no {budget} budget, so nothing is bought.", None),
}  # fmt: skip


# Approvers are there, and the consent that is needed is of another kind.
_WHO_IS_MISSING: Mapping[tuple[str, str | None, str | None], str] = {
    ("consent_possible", "passkey", "passphrase"): (
        "Tell the person: it takes a passkey, and no approver has one. In a terminal: "
        "ringfence approver enroll NAME --passkey"
    ),
    ("consent_possible", "two_people", "passphrase"): (
        "Tell the person: it takes two people, one of them with a passkey, and no approver has one. In a terminal: "
        "ringfence approver enroll NAME --passkey"
    ),
    ("consent_possible", "two_people", "passkey"): (
        "Tell the person: it takes two people, and there is one approver. In a terminal: "
        "ringfence approver enroll NAME"
    ),
}


def refusal(decision: Decision, *, details: Mapping[str, object] | None = None) -> RingfenceError:
    """The error that says why: its class follows the gravest violation, its details hold all of them."""
    first = decision.violations[0]
    body = dict(details or {}) | {"violations": [v.model_dump() for v in decision.violations]}
    if first.rule != "budget":
        kind, message, remedy = _ERRORS[first.rule]
        remedy = _WHO_IS_MISSING.get((first.rule, first.requested, first.limit), remedy)
        return kind(message.format(**first.model_dump()), remedy=remedy, details=body)
    if first.used is None:
        message = f"The {first.window} price is {first.requested}; budget {first.budget} allows {first.limit} a number."
    else:
        message = (
            f"{first.requested} is asked for; budget {first.budget} ({first.scope}, {first.window}) has "
            f"{first.left} left of {first.limit}."
        )
    return BudgetExceeded(message, details=body)


def papers_missing(
    number: str, papers: str, *, details: Mapping[str, object] | None = None
) -> PapersMissing:
    """The refusal of a number whose papers are not on file."""
    return PapersMissing(
        f"{number} is sold only to holders of papers ({papers}) that are not on file.",
        details=details,
    )
