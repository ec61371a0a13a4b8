"""How two policies differ, in words, and whether each difference makes the guard stricter.

`TIGHTENING` is the whole table of what does: everything else loosens, also what nobody has thought of. So a change
that is neither (another zone, another address) counts as loosening, and a forgotten case errs on that side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from ringfence.intents import Op
from ringfence.money import Money, micros_of
from ringfence.policy import (
    REQUIRED_KINDS,
    Budget,
    CarrierPolicy,
    ExchangeRate,
    PolicyDocument,
    RegisteredAssistant,
)


class Change(StrEnum):
    """What kind of difference it is."""

    LEVEL_RAISED = "level_raised"
    LEVEL_LOWERED = "level_lowered"
    BUDGET_ADDED = "budget_added"
    BUDGET_COMPLETED = "budget_completed"
    """The first budget of a kind without which nothing is bought: adding it allows purchases."""
    BUDGET_REMOVED = "budget_removed"
    BUDGET_REDEFINED = "budget_redefined"
    """It counts something else: another kind, scope, window, zone or currency."""
    LIMIT_RAISED = "limit_raised"
    LIMIT_LOWERED = "limit_lowered"
    APPROVAL_TIME_LENGTHENED = "approval_time_lengthened"
    APPROVAL_TIME_SHORTENED = "approval_time_shortened"
    PENDING_RAISED = "pending_raised"
    PENDING_LOWERED = "pending_lowered"
    CURRENCY_CHANGED = "currency_changed"
    RATE_ADDED = "rate_added"
    RATE_REMOVED = "rate_removed"
    RATE_DEARER = "rate_dearer"
    """Foreign prices weigh more against the budgets, or the rate grows stale sooner."""
    RATE_CHEAPER = "rate_cheaper"
    RATE_RENEWED = "rate_renewed"
    """A newer rate that is close to the last one that approvers signed."""
    CARRIER_ADDED = "carrier_added"
    CARRIER_REMOVED = "carrier_removed"
    CARRIER_HOST_CHANGED = "carrier_host_changed"
    ACCOUNTS_FEWER = "accounts_fewer"
    ACCOUNTS_OTHER = "accounts_other"
    COUNTRIES_FEWER = "countries_fewer"
    COUNTRIES_OTHER = "countries_other"
    ASSISTANT_ADDED = "assistant_added"
    ASSISTANT_REMOVED = "assistant_removed"
    ASSISTANT_FALLS_TO_A_PATTERN = "assistant_falls_to_a_pattern"
    """A wider pattern speaks for it now, so that new numbers of its go to other addresses."""
    ADDRESS_CHANGED = "address_changed"
    PUBLIC_PAGE_ADDED = "public_page_added"
    """The approval page is shown away from this machine."""
    PUBLIC_PAGE_MOVED = "public_page_moved"
    PUBLIC_PAGE_REMOVED = "public_page_removed"


TIGHTENING = frozenset(
    {
        Change.LEVEL_RAISED,
        Change.BUDGET_ADDED,
        Change.LIMIT_LOWERED,
        Change.APPROVAL_TIME_SHORTENED,
        Change.PENDING_LOWERED,
        Change.RATE_REMOVED,  # what is priced in that currency is refused
        Change.RATE_DEARER,
        Change.CARRIER_REMOVED,
        Change.ACCOUNTS_FEWER,
        Change.COUNTRIES_FEWER,
        Change.ASSISTANT_REMOVED,
        Change.PUBLIC_PAGE_REMOVED,  # passkeys that were made there have nowhere to sign
    }
)
FREE = TIGHTENING | {Change.RATE_RENEWED}
"""What nobody has to sign: markets move every day, and the signed rate says how far."""
RATE_BAND_PERCENT = 5
"""How far from the last signed rate one may be that nobody signs; from that one, so that small steps lead nowhere."""


@dataclass(frozen=True)
class Basis:
    """What a difference is judged by, beside the two policies."""

    signed: PolicyDocument
    """The last policy that approvers signed, or that the root found."""
    now: datetime
    """When the newer policy was put in force, or would be."""

    def is_close(self, rate: ExchangeRate) -> bool:
        """Whether a rate is within the band round the signed one of its currencies."""
        signed = self.signed.rate(rate.source, rate.target)
        if signed is None:
            return False
        was, is_now = micros_of(signed.rate), micros_of(rate.rate)
        return abs(is_now - was) * 100 <= was * RATE_BAND_PERCENT


@dataclass(frozen=True)
class Difference:
    """One difference between two policies."""

    change: Change
    subject: str
    """What it is about: `budget cash`, `rate EUR to USD`, `assistant support-*`."""
    says: str
    """The whole of it in words, without a full stop."""

    @property
    def tightens(self) -> bool:
        """Whether the guard can only become stricter by it."""
        return self.change in TIGHTENING

    @property
    def is_free(self) -> bool:
        """Whether nobody has to sign it."""
        return self.change in FREE

    @property
    def verb(self) -> str:
        """What it does to the guard, in one word."""
        if self.tightens:
            return "tightens"
        return "renews" if self.is_free else "loosens"

    def as_document(self) -> dict[str, str | bool]:
        """The difference as `--json` prints it."""
        return {
            "change": self.change.value,
            "subject": self.subject,
            "says": self.says,
            "tightens": self.tightens,
            "free": self.is_free,
        }


def differences(
    old: PolicyDocument, new: PolicyDocument, basis: Basis | None = None
) -> tuple[Difference, ...]:
    """Everything in which the new policy differs, in the order of the document; its entries' order is none.

    Without a basis no rate is renewed: every change of one tightens or loosens.
    """
    return (
        *_plain(old, new),
        *_levels(old, new),
        *_budgets(old, new),
        *_rates(old, new, basis),
        *_carriers(old, new),
        *_countries(old, new),
        *_assistants(old, new),
        *_approvals(old, new),
    )


def _plain(old: PolicyDocument, new: PolicyDocument) -> Iterator[Difference]:
    if old.currency != new.currency:
        says = f"totals are shown in {new.currency} instead of {old.currency}"
        yield Difference(Change.CURRENCY_CHANGED, "currency", says)
    if old.approval_minutes != new.approval_minutes:
        is_longer = new.approval_minutes > old.approval_minutes
        yield Difference(
            Change.APPROVAL_TIME_LENGTHENED if is_longer else Change.APPROVAL_TIME_SHORTENED,
            "approval time",
            f"approval time: {_from_to(old.approval_minutes, new.approval_minutes)} minutes",
        )
    if old.pending_per_requester != new.pending_per_requester:
        is_more = new.pending_per_requester > old.pending_per_requester
        yield Difference(
            Change.PENDING_RAISED if is_more else Change.PENDING_LOWERED,
            "pending per requester",
            f"pending per requester: {_from_to(old.pending_per_requester, new.pending_per_requester)}",
        )


def _levels(old: PolicyDocument, new: PolicyDocument) -> Iterator[Difference]:
    for op in ("buy", "release", "assign"):
        before, after = getattr(old.levels, op), getattr(new.levels, op)
        if before is not after:
            is_stronger = after.strength > before.strength
            yield Difference(
                Change.LEVEL_RAISED if is_stronger else Change.LEVEL_LOWERED,
                f"level {op}",
                f"consent to {op}: {_from_to(before, after)}",
            )
    if old.levels.buy_above != new.levels.buy_above:
        is_stronger = _asks_for_no_less(old, new)
        yield Difference(
            Change.LEVEL_RAISED if is_stronger else Change.LEVEL_LOWERED,
            "level buy above",
            f"consent to dear purchases: {_steps(old)} becomes {_steps(new)}",
        )


def _asks_for_no_less(old: PolicyDocument, new: PolicyDocument) -> bool:
    """Whether every step of the old policy is there in the new one, at the same amount or a lower one."""
    return all(
        any(
            step.level.strength >= before.level.strength
            and step.first_year.currency == before.first_year.currency
            and step.first_year <= before.first_year
            for step in new.levels.buy_above
        )
        or new.levels.needed(Op.BUY).strength >= before.level.strength
        for before in old.levels.buy_above
    )


def _steps(rules: PolicyDocument) -> str:
    steps = rules.levels.buy_above
    return ", ".join(f"{s.level} above {s.first_year} a first year" for s in steps) or "none"


def _budgets(old: PolicyDocument, new: PolicyDocument) -> Iterator[Difference]:
    pairs = _paired(old.budgets, new.budgets, lambda budget: budget.name)
    present = {budget.kind for budget in old.budgets if budget.scope == "all"}
    for name, (before, after) in pairs.items():
        subject = f"budget {name}"
        if before is None and after is not None:
            is_missing = after.kind in REQUIRED_KINDS and after.kind not in present
            completes = is_missing and after.scope == "all"
            change = Change.BUDGET_COMPLETED if completes else Change.BUDGET_ADDED
            yield Difference(change, subject, f"{subject} added: {_told(after)}")
        elif before is not None and after is None:
            yield Difference(
                Change.BUDGET_REMOVED, subject, f"{subject} removed; it was {_told(before)}"
            )
        elif before is not None and after is not None:
            yield from _limits(subject, before, after)


_LIMITS = ("limit", "setup", "monthly", "first_year")


def _limits(subject: str, before: Budget, after: Budget) -> Iterator[Difference]:
    """How a budget of one name has changed."""
    if _meaning(before) != _meaning(after):
        says = f"{subject} was {_told(before)}, and is {_told(after)}"
        yield Difference(Change.BUDGET_REDEFINED, subject, says)
        return
    for field in _LIMITS:
        least, most = getattr(before, field, None), getattr(after, field, None)
        if least is not None and most is not None and least != most:
            change = Change.LIMIT_RAISED if most > least else Change.LIMIT_LOWERED
            what = "" if field == "limit" else f", {field.replace('_', ' ')}"
            yield Difference(change, subject, f"{subject}{what}: {_from_to(least, most)}")


def _meaning(budget: Budget) -> tuple[object, ...]:
    """All of a budget but its amounts; of those only the currencies."""
    amounts = [getattr(budget, field, None) for field in _LIMITS]
    currencies = tuple(each.currency for each in amounts if isinstance(each, Money))
    rest = budget.model_dump(exclude=set(_LIMITS))
    return (*sorted(rest.items()), currencies)


def _told(budget: Budget) -> str:
    said = budget.model_dump(mode="json", exclude={"name", "kind", "scope"})
    parts = [budget.kind.value.replace("_", " "), *(f"{name} {said[name]}" for name in said)]
    if budget.scope != "all":
        parts.append(f"only {budget.scope}")
    return ", ".join(parts).replace("first_year", "first year")


def signed_anew(new: PolicyDocument, basis: Basis) -> list[str]:
    """Rates that have moved since approvers signed last, in words: whoever signs a policy signs these as well."""
    said = []
    for rate in new.rates:
        signed = basis.signed.rate(rate.source, rate.target)
        if signed is not None and micros_of(signed.rate) != micros_of(rate.rate):
            words = f"{rate.rate}, last signed at {signed.rate}"
            said.append(f"rate {rate.source} to {rate.target}: {words}")
    return said


def _rates(old: PolicyDocument, new: PolicyDocument, basis: Basis | None) -> Iterator[Difference]:
    pairs = _paired(old.rates, new.rates, lambda rate: f"{rate.source} to {rate.target}")
    for name, (before, after) in pairs.items():
        subject = f"rate {name}"
        if before is None and after is not None:
            yield Difference(Change.RATE_ADDED, subject, f"{subject} added: {after.rate}")
        elif before is not None and after is None:
            yield Difference(Change.RATE_REMOVED, subject, f"{subject} removed")
        elif before is not None and after is not None:
            yield from _rate(subject, before, after, _is_renewed(before, after, basis))


def _is_renewed(before: ExchangeRate, after: ExchangeRate, basis: Basis | None) -> bool:
    """Whether it is the same rate of a later day, close to what approvers signed.

    One of the future is not: it would be fresh for longer than a rate may be.
    """
    if basis is None or not before.as_of < after.as_of <= basis.now:
        return False
    return basis.is_close(after)


def _rate(
    subject: str, before: ExchangeRate, after: ExchangeRate, is_renewed: bool
) -> Iterator[Difference]:
    was, is_now = micros_of(before.rate), micros_of(after.rate)
    if was != is_now:
        words = _from_to(before.rate, after.rate)
        yield _weighed(subject, is_now > was, words, is_renewed=is_renewed)
    if before.haircut_basis_points != after.haircut_basis_points:
        weighs = after.haircut_basis_points > before.haircut_basis_points
        words = _from_to(before.haircut_basis_points, after.haircut_basis_points)
        yield _weighed(subject, weighs, f"haircut {words} basis points")
    if before.max_age_days != after.max_age_days:
        sooner = after.max_age_days is not None and (
            before.max_age_days is None or after.max_age_days < before.max_age_days
        )
        words = _from_to(_days(before.max_age_days), _days(after.max_age_days))
        yield _weighed(subject, sooner, f"age limit {words}")
    if before.as_of != after.as_of:
        words = _from_to(_moment(before.as_of), _moment(after.as_of))
        is_older = after.as_of < before.as_of
        yield _weighed(subject, is_older, f"dated {words}", is_renewed=is_renewed)


def _weighed(subject: str, is_dearer: bool, words: str, *, is_renewed: bool = False) -> Difference:
    change = Change.RATE_RENEWED if is_renewed else Change.RATE_CHEAPER
    if is_dearer:
        change = Change.RATE_DEARER
    return Difference(change, subject, f"{subject}: {words}")


def _days(days: int | None) -> str:
    return "none" if days is None else f"{days} days"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}" if moment.time() == datetime.min.time() else moment.isoformat()


def _carriers(old: PolicyDocument, new: PolicyDocument) -> Iterator[Difference]:
    pairs = _paired(old.carriers, new.carriers, lambda carrier: carrier.provider.value)
    for name, (before, after) in pairs.items():
        subject = f"carrier {name}"
        if before is None and after is not None:
            yield Difference(
                Change.CARRIER_ADDED, subject, f"{subject} added, paid at {after.host}"
            )
        elif before is not None and after is None:
            yield Difference(Change.CARRIER_REMOVED, subject, f"{subject} removed")
        elif before is not None and after is not None:
            yield from _carrier(subject, before, after)


def _carrier(subject: str, before: CarrierPolicy, after: CarrierPolicy) -> Iterator[Difference]:
    if before.host != after.host:
        says = f"{subject} is paid at {after.host} instead of {before.host}"
        yield Difference(Change.CARRIER_HOST_CHANGED, subject, says)
    if _as_set(before.accounts) != _as_set(after.accounts):
        is_fewer = _is_within(after.accounts, before.accounts)
        change = Change.ACCOUNTS_FEWER if is_fewer else Change.ACCOUNTS_OTHER
        says = f"{subject}, accounts: {_from_to(_listed(before.accounts), _listed(after.accounts))}"
        yield Difference(change, subject, says)


def _countries(old: PolicyDocument, new: PolicyDocument) -> Iterator[Difference]:
    if _as_set(old.countries) != _as_set(new.countries):
        is_fewer = _is_within(new.countries, old.countries)
        change = Change.COUNTRIES_FEWER if is_fewer else Change.COUNTRIES_OTHER
        says = f"countries: {_from_to(_listed(old.countries), _listed(new.countries))}"
        yield Difference(change, "countries", says)


def _as_set(members: tuple[str, ...] | str) -> frozenset[str] | None:
    """The members; None stands for any."""
    return None if isinstance(members, str) else frozenset(members)


def _is_within(inner: tuple[str, ...] | str, outer: tuple[str, ...] | str) -> bool:
    few, many = _as_set(inner), _as_set(outer)
    return many is None or (few is not None and few <= many)


def _listed(members: tuple[str, ...] | str) -> str:
    return members if isinstance(members, str) else ", ".join(sorted(members)) or "none"


def _assistants(old: PolicyDocument, new: PolicyDocument) -> Iterator[Difference]:
    pairs = _paired(old.assistants, new.assistants, lambda assistant: assistant.name)
    for name, (before, after) in pairs.items():
        subject = f"assistant {name}"
        if before is None and after is not None:
            yield Difference(
                Change.ASSISTANT_ADDED, subject, f"{subject} added: {_addresses(after)}"
            )
        elif before is not None and after is None:
            yield _left(subject, before, new)
        elif before is not None and after is not None:
            for kind, field in (("voice", "voice_url"), ("SMS", "sms_url")):
                was, is_now = getattr(before, field), getattr(after, field)
                if was != is_now:
                    words = _from_to(was or "nowhere", is_now or "nowhere")
                    yield Difference(Change.ADDRESS_CHANGED, subject, f"{subject}, {kind}: {words}")


def _approvals(old: PolicyDocument, new: PolicyDocument) -> Iterator[Difference]:
    was, is_now = (rules.approvals and rules.approvals.public_url for rules in (old, new))
    if was == is_now:
        return
    if was is None:
        says = (
            f"the approval page is also at {is_now}, for people with a passkey that they make there"
        )
        yield Difference(Change.PUBLIC_PAGE_ADDED, "approval page", says)
    elif is_now is None:
        says = f"the approval page is no longer at {was}, and passkeys made there sign nothing"
        yield Difference(Change.PUBLIC_PAGE_REMOVED, "approval page", says)
    else:
        says = f"the approval page is at {is_now} instead of {was}; passkeys made at the old address sign nothing"
        yield Difference(Change.PUBLIC_PAGE_MOVED, "approval page", says)


def _left(subject: str, gone: RegisteredAssistant, new: PolicyDocument) -> Difference:
    """What the departure of an entry means: nobody is left, or a wider pattern takes over."""
    heir = next_entry(gone, new)
    if heir is None:
        return Difference(Change.ASSISTANT_REMOVED, subject, f"{subject} removed")
    says = f"{subject} removed; {heir.name} speaks for it now: {_addresses(heir)}"
    return Difference(Change.ASSISTANT_FALLS_TO_A_PATTERN, subject, says)


def next_entry(gone: RegisteredAssistant, rules: PolicyDocument) -> RegisteredAssistant | None:
    """The pattern that speaks for everybody whom an entry spoke for, once that has left; the longest."""
    stem = gone.name.removesuffix("*")
    wider = [
        entry
        for entry in rules.assistants
        if entry.name.endswith("*") and stem.startswith(entry.name[:-1]) and entry.name != gone.name
    ]
    return max(wider, key=lambda entry: len(entry.name), default=None)


def _addresses(entry: RegisteredAssistant) -> str:
    return f"voice {entry.voice_url or 'nowhere'}, SMS {entry.sms_url or 'nowhere'}"


def _from_to(before: object, after: object) -> str:
    return f"from {before} to {after}"


Entry = TypeVar("Entry")


def _paired(
    old: Sequence[Entry], new: Sequence[Entry], key: Callable[[Entry], str]
) -> Mapping[str, tuple[Entry | None, Entry | None]]:
    """Entries of one name, old and new: first the old ones in their order, then those that are only new."""
    before, after = ({key(entry): entry for entry in entries} for entries in (old, new))
    return {name: (before.get(name), after.get(name)) for name in [*before, *after]}
