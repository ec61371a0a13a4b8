"""Whether the rows of a live installation say what its history says: freeze, policy, time, balances.

Rows are quick to read, and whoever can write into the database changes them as quickly. So before anything live is
asked for or sent they are compared with the chain of events, and the chain with what was noted outside the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from ringfence.approvers import AUTHORITY, Purpose
from ringfence.clock import rfc3339
from ringfence.errors import NotAuthorized
from ringfence.guard import authority, high_water
from ringfence.guard import budget as budgets
from ringfence.guard.authority import Authority
from ringfence.guard.freeze import freeze
from ringfence.guard.windows import RENEWALS
from ringfence.policy import AttemptsBudget
from ringfence.store import audit, balances, carrier_lists, ledger, statements
from ringfence.store.balances import Balance, Key
from ringfence.store.schema import moment_text
from ringfence.store.told import Contradiction, Told
from ringfence.store.transaction import Conflict, Transaction

AHEAD = timedelta(minutes=5)
"""As far as clocks of several hosts may differ; what is further ahead would let limits begin anew before their time."""


def watch(tx: Transaction) -> None:
    """Freeze a live installation whose rows contradict its history; to be called before anything is changed."""
    if tx.frozen is None and (why := fault(tx)) is not None:
        freeze(tx, why, actor="ringfence")


def fault(tx: Transaction) -> str | None:
    """How the rows of a live installation contradict its history, in words; None where they don't, and in a sandbox."""
    if tx.mode != "live":
        return None
    why = high_water.difference(tx)
    if why is not None:
        return why
    before = audit.head(tx)
    try:
        why = next(_contradictions(tx, tx.told()), None)
    except Contradiction as broken:
        why = f"the history does not hold: {broken}"
    if why is not None and audit.head(tx) != before:
        raise Conflict(
            "another transaction ended in between, so rows and events are of two moments"
        )
    return why


def _contradictions(tx: Transaction, told: Told) -> Iterator[str]:
    if told.mode != tx.mode:
        yield f"this is a {tx.mode} installation, and was founded as a {told.mode} one"
    if tx.head_at > tx.moment + AHEAD:
        yield f"its last event is of {rfc3339(tx.head_at)}, which the clock has not reached"
    if tx.frozen != told.frozen:
        yield "the freeze is not what was last said of it"
    if told.lifted_at and not _is_lifted_by_an_approver(tx, told):
        yield "a freeze was lifted, and no approver signed for it"
    yield from _in_policies(tx, told)
    yield from _in_balances(tx, told)
    for seen in carrier_lists.everything(tx):
        if moment_text(seen.read_at) != told.lists.get(seen.subject):
            yield f"the list of {seen.subject} was not read when the database says"


def _in_policies(tx: Transaction, told: Told) -> Iterator[str]:
    if tx.policy_version != told.policy_version:
        yield (
            f"policy {tx.policy_version} is in force, and policy {told.policy_version} was put in force"
        )
    for version, hash_ in told.policies.items():
        if tx.policy_of(version).hash != hash_:
            yield f"policy {version} is not the one that was put in force"


def _in_balances(tx: Transaction, told: Told) -> Iterator[str]:
    found, counting = present(tx), _counting(tx, told)
    for key in sorted(found.keys() | counting):
        if found.get(key, Balance()) != told.balances.get(key, Balance()):
            yield f"the balance of {key[0]} in {key[1]} is not what was written"
    months = [window for budget, window in told.balances if budget == RENEWALS]
    if balances.latest_window(tx.connection, RENEWALS) != max(months, default=None):
        yield "renewals are counted up to another month than was written"


def present(tx: Transaction) -> dict[Key, Balance]:
    """The stored balances that count for a decision now."""
    keys, found = set(ledger.waiting_windows(tx)), dict[Key, Balance]()
    for budget in budgets.balanced(tx.rules):
        keys.add((budget.name, budgets.window_at(budget, tx.now)))
        if isinstance(budget, AttemptsBudget):
            oldest = budgets.oldest_bucket(tx.now)
            found |= balances.since(tx.connection, budget.name, oldest)
    return found | balances.get_many(tx.connection, keys)


def _counting(tx: Transaction, told: Told) -> set[Key]:
    """The balances that were told and count now, whether their rows are there or not."""
    keys = {(b.name, budgets.window_at(b, tx.now)) for b in budgets.balanced(tx.rules)}
    oldest = budgets.oldest_bucket(tx.now)
    rolling = {b.name for b in budgets.balanced(tx.rules) if isinstance(b, AttemptsBudget)}
    keys |= {key for key in told.balances if key[0] in rolling and key[1] >= oldest}
    return keys & told.balances.keys()


def _is_lifted_by_an_approver(tx: Transaction, told: Told) -> bool:
    """Whether somebody who could sign then has signed for lifting the latest freeze, after it and before its end."""
    who = Authority()
    try:
        for signed in statements.of_purposes(tx, [*AUTHORITY, Purpose.UNFREEZE]):
            if signed.purpose is not Purpose.UNFREEZE:
                who = authority.after(tx, who, signed)
                continue
            statement = authority.parse(signed)
            is_in_between = told.frozen_at <= statement.audit_seq < told.lifted_at
            is_ours = statement.installation_id == tx.installation_id
            if is_in_between and is_ours and authority.valid_signers(who, signed):
                return True
    except NotAuthorized:
        return False
    return False
