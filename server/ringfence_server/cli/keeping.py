"""Keeping: finish what was begun, stop everything, change the policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ringfence.errors import ConfigurationError
from ringfence.guard import freeze, policy_change
from ringfence.policy import Policy, read_policy
from ringfence.store.transaction import Transaction
from ringfence_server.cli.at_work import WORK_SECONDS, in_premises, person, premises
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, show

MAX_POLICY_BYTES = 1_000_000


def settle(*, as_json: Json = False) -> Exit:
    """Send what is approved and look up what is unknown, for up to 25 s."""
    settled = in_premises(lambda opened: opened.runner.settle(WORK_SECONDS))
    left = settled.open_lines
    document = {"rounds": settled.rounds, "open_lines": left}
    text = f"{left} still open: run it again later." if left else "Everything is settled."
    show(document, text, as_json=as_json)
    return Exit.UNKNOWN if left else Exit.DONE


def stop(
    reason: Annotated[
        list[str] | None, typer.Argument(help="Why; everybody who is refused is told.")
    ] = None,
    *,
    as_json: Json = False,
) -> Exit:
    """Freeze all spending, at once and until `ringfence unfreeze`."""
    why = " ".join(reason or []).strip() or f"frozen by {person()}"
    with premises() as opened:
        opened.desk.store.write_now(lambda tx: freeze.freeze(tx, why, actor=person()))
        frozen = opened.desk.store.read_now(lambda tx: tx.frozen)
    show({"frozen": frozen}, f"Frozen: {frozen}. Nothing is bought now.", as_json=as_json)
    return Exit.DONE


def go_on(*, as_json: Json = False) -> Exit:
    """Lift the freeze."""
    with premises() as opened:
        opened.desk.store.write_now(lambda tx: freeze.unfreeze(tx, actor=person()))
    show({"frozen": None}, "Not frozen: budgets and consent decide again.", as_json=as_json)
    return Exit.DONE


def show_policy(*, as_json: Json = False) -> Exit:
    """Show the policy in force; without --json as a file that `policy apply` reads."""
    with premises() as opened:
        policy = opened.desk.store.read_now(lambda tx: tx.policy)
    show(policy.model_dump(mode="json"), _as_file(policy), as_json=as_json)
    return Exit.DONE


def apply_policy(
    file: Annotated[Path, typer.Argument(help="A policy in YAML.")], *, as_json: Json = False
) -> Exit:
    """Put a policy in force (sandbox installations only); what waits is counted anew under it."""
    document = read_policy(_text(file))

    def apply(tx: Transaction) -> Policy:
        return policy_change.apply(tx, document, applied_by=person())

    with premises() as opened:
        policy = opened.desk.store.write_now(apply)
    text = f"Version {policy.version} of the policy is in force."
    show({"version": policy.version, "hash": policy.hash}, text, as_json=as_json)
    return Exit.DONE


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
