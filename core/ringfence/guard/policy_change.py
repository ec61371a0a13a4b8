"""Changing the policy: a new version, with every balance counted anew under it."""

from __future__ import annotations

from ringfence.errors import ConfigurationError
from ringfence.guard.books import refold
from ringfence.guard.proposal import holds_for
from ringfence.guard.windows import RENEWALS, keep_up
from ringfence.intents import Op
from ringfence.policy import Policy, PolicyDocument
from ringfence.states import ENDED_LINES
from ringfence.store import balances, intents, ledger, policies
from ringfence.store.transaction import Transaction


def apply(tx: Transaction, document: PolicyDocument, *, applied_by: str) -> Policy:
    """Put a policy in force.

    Holds of open lines are made anew in the budgets that match them now, whatever their limits: what no longer
    fits is voided when it would be sent. Attempts that were used are counted again from the ledger.

    Raises:
        ConfigurationError: a live installation, whose policy only an approver changes (not built yet); or a policy
            without a rate for a currency that something open or owned is priced in.
    """
    if tx.mode != "sandbox":
        raise ConfigurationError(
            "Only an approver can change the policy of a live installation.",
            remedy="Approvers cannot be enrolled in this version yet. Rehearse the change in a sandbox: "
            "another RINGFENCE_HOME, with RINGFENCE_MODE=sandbox.",
        )
    keep_up(tx)
    policy = policies.add(tx, document, applied_by=applied_by)
    tx.audit(
        "policy.applied", actor=applied_by, subject=f"policy {policy.version}", hash=policy.hash
    )
    _hold_anew(tx)
    kept = {key: row for key, row in balances.all_rows(tx.connection).items() if key[0] == RENEWALS}
    balances.replace_all(tx.connection, kept | refold(tx))
    return policy


def _hold_anew(tx: Transaction) -> None:
    """Give every open line the holds that it would have had under the new policy; balances follow from the ledger."""
    for intent in intents.open_intents(tx):
        for line in intent.lines:
            if line.state not in ENDED_LINES and intent.terms.op is Op.BUY:
                ledger.delete_holds(tx, line.line_id)
                ledger.add_holds(tx, [made for made, _ in holds_for(tx, intent, line)])
