"""Whose consent counts here: the root and its pin, who may sign, what the policy asks of them, how far history came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ringfence.approvers import KeyKind
from ringfence.errors import ConfigurationError, NotAuthorized
from ringfence.guard import authority, high_water, policy_chain, soundness, ways
from ringfence.guard.authority import Authority, is_at_least
from ringfence.guard.ways import ENROLL
from ringfence.intents import Level
from ringfence.offers import Provider
from ringfence.policy import Budget, PerNumberBudget, PolicyDocument
from ringfence.store import audit
from ringfence.store.anchor import Anchor, FolderAnchor
from ringfence.store.transaction import Store, Transaction
from ringfence_server.checkup.finding import Finding, fail, ok, unknown, warn
from ringfence_server.cli.remedies import for_person
from ringfence_server.settings import Settings

EDIT = "ringfence policy show > policy.yaml, correct it, then ringfence policy apply policy.yaml"


def people(store: Store) -> Iterator[Finding]:
    """Who may sign, and whether one who is lost can be spared; nothing is said of a sandbox in which nobody does."""
    try:
        who = store.read_now(authority.read)
    except (NotAuthorized, ConfigurationError) as error:
        yield fail("approvers", error.message, for_person(error.remedy))
        return
    is_live = store.read_now(lambda tx: tx.mode) == "live"
    if who.keys or is_live:
        yield _approvers(who)


def standing(store: Store, settings: Settings) -> Iterator[Finding]:
    """Whose consent counts in a live installation, for what, and what its history rests on."""
    yield from store.read_now(lambda tx: list(_standing(tx, settings)))


def _standing(tx: Transaction, settings: Settings) -> Iterator[Finding]:
    try:
        who = authority.read(tx)
    except (NotAuthorized, ConfigurationError):
        return  # said by `people`, and nothing below could be believed
    yield _root(tx, who, settings)
    yield from _policy(tx, who)
    yield _carriers(tx.rules)
    yield _history(tx)


def _root(tx: Transaction, who: Authority, settings: Settings) -> Finding:
    if who.recovery is None:
        says = "There is no root, so nobody's signature counts and nothing can be bought."
        return warn("root", says, ENROLL)
    folder = _folder(tx.anchor)
    if folder is None:
        return unknown("root", f"The root {who.recovery.key_id} is pinned; where cannot be seen.")
    if folder.resolve().is_relative_to(settings.folder.resolve()):
        return warn(
            "root",
            f"The root's pin is in {folder}, inside home: who restores home restores the pin.",
            "Set RINGFENCE_HOME to a folder that does not hold the user's settings.",
        )
    return ok("root", f"The root {who.recovery.key_id} is pinned in {folder}, outside home.")


def _folder(anchor: Anchor) -> Path | None:
    return anchor.folder if isinstance(anchor, FolderAnchor) else None


def _approvers(who: Authority) -> Finding:
    if not who.keys:
        return warn("approvers", "Nobody may sign here, so every purchase is refused.", ENROLL)
    kinds = [
        f"{count} {'key' if count == 1 else 'keys'} with a {kind}"
        for kind in (KeyKind.PASSPHRASE, KeyKind.PASSKEY)
        if (count := sum(key.kind is kind for key in who.keys.values()))
    ]
    names = sorted(who.people)
    can = f"{', '.join(kinds)}; together up to {who.strongest}"
    if len(names) > 1:
        return ok("approvers", f"{', '.join(names)} may sign ({can}).")
    return warn(
        "approvers",
        f"{names[0]} alone may sign ({can}): when that key is lost only the recovery key helps, and nobody looks at "
        "what one person signs.",
        ENROLL,
    )


def _policy(tx: Transaction, who: Authority) -> Iterator[Finding]:
    if who.recovery is not None:
        try:
            policy_chain.check(tx)
        except NotAuthorized as error:
            yield fail("policy", error.message, for_person(error.remedy))
            return
        yield ok("policy", f"Version {tx.policy_version} is the approvers': signed, or tightened.")
    yield from _levels(tx.rules, who)
    yield _limits(tx.rules)


def _levels(rules: PolicyDocument, who: Authority) -> Iterator[Finding]:
    asked = set(rules.levels.all())
    dearest = max(asked, key=lambda level: level.strength)
    missing = ways.lack(who, dearest) if who.keys else None
    if missing is not None:
        says = f"The policy asks for {dearest} somewhere, which nobody can give: {missing.says}."
        yield warn("levels", says, missing.remedy)
    elif not is_at_least(dearest, Level.PASSKEY):
        says = (
            "However dear, a purchase needs no more than a passphrase. Recommended: a passkey above one amount, two "
            "people above another (levels.buy_above)."
        )
        yield warn("levels", says, EDIT)
    else:
        yield ok("levels", f"The dearest purchases need {dearest}.")


def _limits(rules: PolicyDocument) -> Finding:
    zero = [each.name for each in rules.budgets if _is_zero(each)]
    if zero:
        return warn("limits", f"Limits of zero, so nothing can be bought: {', '.join(zero)}.", EDIT)
    return ok("limits", f"{len(rules.budgets)} limits, none of them zero.")


def _is_zero(budget: Budget) -> bool:
    if isinstance(budget, PerNumberBudget):
        return not any(each.micros for each in (budget.setup, budget.monthly, budget.first_year))
    limit = budget.limit
    return (limit if isinstance(limit, int) else limit.micros) == 0


def _carriers(rules: PolicyDocument) -> Finding:
    names = [each.provider.value for each in rules.carriers]
    if names == [Provider.SANDBOX.value]:
        return ok("carriers", "The sandbox carrier alone is allowed: a rehearsal, no real money.")
    return ok("carriers", f"Allowed: {', '.join(names)}.")


def _history(tx: Transaction) -> Finding:
    seq, _ = audit.head(tx)
    folder = _folder(tx.anchor)
    place = f" in {folder}" if folder else ""
    try:
        mark = tx.anchor.high_water(tx.installation_id)
    except ConfigurationError as error:
        return fail("history", error.message, for_person(error.remedy))
    if mark is None:
        says = f"How far history had come is not noted{place}; the next start freezes."
        return warn("history", says, "ringfence unfreeze")
    if (why := high_water.difference(tx)) is not None:
        says = f"The note{place} is of another history: {why}."
        return fail("history", says, "ringfence unfreeze, once it was compared with the carriers")
    if (why := soundness.fault(tx)) is not None:
        return fail("history", f"What is stored contradicts it: {why}.", "ringfence audit verify")
    return ok("history", f"The {seq} events that are noted{place} are all here, and rows agree.")
