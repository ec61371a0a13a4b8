"""The register of assistants: who may be given numbers, and where their calls and texts go; each change is a policy.

An address is authority: whoever sets it hears the calls. So entries change only here and by a whole policy, never by
an argument of a tool, and a number keeps the address that it was connected with until it is connected anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from ringfence.errors import InvalidArguments, NotFound, PolicyRefused
from ringfence.guard import policy_change
from ringfence.guard.policy_diff import Difference, differences
from ringfence.inventory import NumberRecord
from ringfence.policy import Policy, PolicyDocument, RegisteredAssistant
from ringfence.store import inventory
from ringfence.store.transaction import Transaction

MAX_NAMED = 20
"""Numbers that a refusal names; `details` has them all."""


@dataclass(frozen=True)
class Entered:
    """What a change of the register did."""

    policy: Policy
    """The policy in force now; the old one where nothing differed."""
    differences: tuple[Difference, ...]
    left_behind: tuple[str, ...]
    """Numbers that are connected to addresses of the old register until they are connected anew."""


def enter(tx: Transaction, entry: RegisteredAssistant, *, replace: bool, actor: str) -> Entered:
    """Register an assistant or a pattern; the same entry again changes nothing.

    Raises:
        InvalidArguments: the name is registered with other addresses, and they are not to be replaced.
        ConfigurationError: a live installation, whose policy only an approver changes.
    """
    others = tuple(each for each in tx.rules.assistants if each.name != entry.name)
    if len(others) == len(tx.rules.assistants):
        return _put(tx, (*others, entry), actor=actor)
    changed = tuple(entry if each.name == entry.name else each for each in tx.rules.assistants)
    found = differences(tx.rules, _with(tx.rules, changed))
    if found and not replace:
        raise InvalidArguments(
            f"{entry.name} is registered with other addresses: {'; '.join(each.says for each in found)}.",
            remedy="To change them, say the same again with --replace.",
            details={"differences": [each.as_document() for each in found]},
        )
    return _put(tx, changed, actor=actor)


def strike(tx: Transaction, name: str, *, actor: str) -> Entered:
    """Remove an entry that no number of ours is connected through.

    A number would go on ringing where it rings now, at an address that stands in no register any more: somebody
    has to say first where it shall ring instead.

    Raises:
        NotFound: no such entry.
        PolicyRefused: it still speaks for numbers; `details.numbers` lists them.
        ConfigurationError: a live installation, whose policy only an approver changes.
    """
    names = sorted(entry.name for entry in tx.rules.assistants)
    if name not in names:
        raise NotFound(
            f"{name!r} is not in the register.",
            remedy=f"Registered are: {', '.join(names) or 'none'}. Patterns are named with their star, in quotes.",
        )
    served = [
        (record, assistant_id)
        for record in inventory.paid_for(tx)
        for assistant_id in sorted(_assistants_of(record))
        if (spoken := tx.rules.assistant(assistant_id)) is not None and spoken.name == name
    ]
    if served:
        raise _still_serves(name, served)
    return _put(
        tx, tuple(entry for entry in tx.rules.assistants if entry.name != name), actor=actor
    )


def _still_serves(name: str, served: list[tuple[NumberRecord, str]]) -> PolicyRefused:
    told = [f"{record.number} ({assistant_id})" for record, assistant_id in served]
    more = f" and {len(told) - MAX_NAMED} more" if len(told) > MAX_NAMED else ""
    first = served[0][0].number
    return PolicyRefused(
        f"{name} still has numbers: {', '.join(told[:MAX_NAMED])}{more}.",
        remedy="Connect them to another assistant or to none first, and approve that: "
        f'ringfence call assign_number \'{{"number": "{first}", "assistant_id": "none"}}\'',
        details={
            "numbers": [
                {"number": record.number, "assistant_id": assistant_id}
                for record, assistant_id in served
            ]
        },
    )


def _assistants_of(record: NumberRecord) -> set[str]:
    """Who a number is connected to, and who it shall be connected to."""
    return {each for each in (record.assistant_id, record.wanted_assistant_id) if each is not None}


def _put(tx: Transaction, assistants: tuple[RegisteredAssistant, ...], *, actor: str) -> Entered:
    old, new = tx.rules, _with(tx.rules, assistants)
    found = differences(old, new)
    if not found:
        return Entered(tx.policy, (), ())
    left_behind = tuple(
        record.number
        for record in inventory.paid_for(tx)
        if record.assistant_id is not None
        and _addresses(old, record.assistant_id) != _addresses(new, record.assistant_id)
    )
    return Entered(policy_change.apply(tx, new, applied_by=actor), found, left_behind)


def _with(rules: PolicyDocument, assistants: tuple[RegisteredAssistant, ...]) -> PolicyDocument:
    return rules.model_copy(update={"assistants": assistants})


def _addresses(rules: PolicyDocument, assistant_id: str) -> tuple[str | None, str | None] | None:
    entry = rules.assistant(assistant_id)
    return (entry.voice_url, entry.sms_url) if entry is not None else None
