"""What a live policy may not say: whatever stands for *any*, and what proves no person's consent.

The sandbox's policy may, since nothing there costs money. A live one names its accounts, its countries and its
assistants, a name or a pattern with a beginning (`support-*`) at least; its rates grow stale, and its consent is
signed. It is judged when it is put in force, and again each time that something is proposed or sent under it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ringfence.errors import ConfigurationError
from ringfence.intents import WEAK_LEVELS
from ringfence.policy import PolicyDocument
from ringfence.store.transaction import Transaction


def check_fit(tx: Transaction, document: PolicyDocument) -> None:
    """Refuse a policy that this installation may not have, in whatever way it would come.

    Raises:
        ConfigurationError: a live installation, and the policy holds what a live one may not.
    """
    faults = unfit(document) if tx.mode == "live" else []
    if faults:
        raise ConfigurationError(
            f"A live policy may not say so: {'; '.join(faults)}.",
            remedy="Correct the policy file; the old policy stays in force.",
            details={"faults": faults},
        )


def unfit(rules: PolicyDocument) -> list[str]:
    """Everything in a policy that no live one may hold, in words; empty is good."""
    return list(_faults(rules))


def _faults(rules: PolicyDocument) -> Iterator[str]:
    weak = sorted({level.value for level in rules.levels.all() if level in WEAK_LEVELS})
    if weak:
        yield f"consent at level {' or '.join(weak)} proves no person; passphrase is the least"
    for rate in rules.rates:
        if rate.max_age_days is None:
            yield f"the rate {rate.source} to {rate.target} never grows stale; give it max_age_days"
    for carrier in rules.carriers:
        if carrier.accounts == "any":
            yield f"{carrier.provider} may be paid from any account; name the accounts"
    if rules.countries == "any":
        yield "numbers may be bought in any country; name the countries"
    for assistant in rules.assistants:
        if assistant.name == "*":
            yield "any assistant is registered (*); name them, or begin the pattern (support-*)"
