"""The policy: show it, see what another one would change, and put that in force."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ringfence.errors import ConfigurationError
from ringfence.guard import policy_change
from ringfence.guard.policy_diff import Difference, differences
from ringfence.policy import Policy, PolicyDocument, read_policy
from ringfence.store.transaction import Transaction
from ringfence_server.cli.at_work import person, premises
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, filled, show

MAX_POLICY_BYTES = 1_000_000

PolicyFile = Annotated[Path, typer.Argument(help="A policy in YAML.")]


def show_policy(*, as_json: Json = False) -> Exit:
    """Show the policy in force; without --json as a file that `policy apply` reads."""
    with premises() as opened:
        policy = opened.desk.store.read_now(lambda tx: tx.policy)
    show(policy.model_dump(mode="json"), _as_file(policy), as_json=as_json)
    return Exit.DONE


def plan_policy(file: PolicyFile, *, as_json: Json = False) -> Exit:
    """Show in words what a policy would change; nothing is changed."""
    planned = read_policy(_text(file))
    with premises() as opened:
        policy = opened.desk.store.read_now(lambda tx: tx.policy)
    found = differences(policy.document, planned)
    document = {"version": policy.version, **as_document(found)}
    text = [told(found)]
    if found:
        text.append(f"To put it in force: ringfence policy apply {file}")
    show(document, *text, as_json=as_json)
    return Exit.DONE


def apply_policy(file: PolicyFile, *, as_json: Json = False) -> Exit:
    """Put a policy in force (sandbox installations only); what waits is counted anew under it."""
    document = read_policy(_text(file))

    def apply(tx: Transaction) -> tuple[PolicyDocument, Policy]:
        return tx.rules, policy_change.apply(tx, document, applied_by=person())

    with premises() as opened:
        old, policy = opened.desk.store.write_now(apply)
    found = differences(old, policy.document)
    said = {"version": policy.version, "hash": policy.hash, **as_document(found)}
    text = f"Version {policy.version} of the policy is in force."
    show(said, told(found), text, as_json=as_json)
    return Exit.DONE


def as_document(found: Sequence[Difference]) -> dict[str, Any]:
    """Differences as `--json` prints them, with what they come to."""
    return {
        "differences": [each.as_document() for each in found],
        "loosens": any(not each.tightens for each in found),
    }


def told(found: Sequence[Difference]) -> str:
    """Differences as a person reads them, one a line, each with its sign."""
    if not found:
        return "No difference."
    return "\n".join(
        filled(f"{'tightens' if each.tightens else 'loosens':<8}  {each.says}", indent=10)
        for each in found
    )


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_POLICY_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The policy file {file} cannot be read: {type(error).__name__}.",
            remedy="Name a readable file with UTF-8 text; the old policy stays in force.",
        ) from error


def _as_file(policy: Policy) -> str:
    import yaml

    head = f"# Version {policy.version}, in force since {policy.applied_at:%Y-%m-%d %H:%M} UTC.\n"
    plain = policy.document.model_dump(mode="json")
    return head + yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
