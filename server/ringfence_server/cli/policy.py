"""The policy: show it, see what another one would change, and put that in force."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ringfence.approvers import Statement
from ringfence.errors import ConfigurationError
from ringfence.guard import authority, changes, consent, policy_chain, policy_change, ways
from ringfence.guard.card import spelt
from ringfence.guard.changes import Change
from ringfence.guard.policy_diff import Difference, signed_anew
from ringfence.policy import Policy, PolicyDocument, read_policy
from ringfence.store.policies import document_hash
from ringfence.store.transaction import Transaction
from ringfence_server.cli import changing
from ringfence_server.cli.approvers import KeyOption, Propose
from ringfence_server.cli.at_work import person, premises
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, filled, show
from ringfence_server.cli.signing import own_keys, unlocked
from ringfence_server.cli.terminal import Terminal
from ringfence_server.opening import Premises

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
    planned = read_policy(policy_text(file))
    with premises() as opened:
        policy, found, missing = opened.desk.store.read_now(
            lambda tx: (
                tx.policy,
                policy_change.compared(tx, planned),
                ways.unreachable(authority.read(tx), planned),
            )
        )
    document = {
        "version": policy.version,
        **as_document(found),
        "unreachable": [
            {"level": level.value, "says": lack.says, "remedy": lack.remedy}
            for level, lack in missing
        ],
    }
    text = [told(found)]
    text += [
        filled(f"Nobody can give {level}: {lack.says}. {lack.remedy}") for level, lack in missing
    ]
    if found:
        text.append(f"To put it in force: ringfence policy apply {file}")
    show(document, *text, as_json=as_json)
    return Exit.DONE


def apply_policy(
    file: PolicyFile, *, key: KeyOption = None, propose: Propose = False, as_json: Json = False
) -> Exit:
    """Put a policy in force; what waits is counted anew under it.

    In a live installation approvers sign what loosens anything, in this terminal; with --propose they do so later.
    What a first one has signed, or somebody has proposed, is signed with `ringfence approve change-…`, or by the
    same command with the same file.
    """
    document = read_policy(policy_text(file))
    if propose:
        return _proposed(document, as_json=as_json)
    with premises() as opened:
        store = opened.desk.store
        found = store.read_now(lambda tx: policy_change.compared(tx, document))
        if store.read_now(lambda tx: policy_change.needs_signing(tx, document)):
            policy = _signed(opened, document, key)
        else:
            policy = store.write_now(
                lambda tx: policy_change.apply(tx, document, applied_by=person())
            )
    if isinstance(policy, Change):
        return _waiting(policy, as_json=as_json)
    said = {"version": policy.version, "hash": policy.hash, **as_document(found)}
    text = f"Version {policy.version} of the policy is in force."
    show(said, told(found), text, as_json=as_json)
    return Exit.DONE


def _signed(opened: Premises, document: PolicyDocument, file: Path | None) -> Policy | Change:
    """Have an approver read the difference and sign for it; the change while more signatures are needed."""
    store = opened.desk.store
    with Terminal() as terminal:
        keys = own_keys(opened, file)
        statement, text = store.read_now(lambda tx: _to_sign(tx, document))
        terminal.say(f"\nThis policy allows more than the present one:\n\n{text}\n")
        signer = unlocked(terminal, keys)
    signature = signer.sign(statement)

    def write(tx: Transaction) -> Policy | Change:
        applied = policy_change.apply_signed(tx, statement, signature, applied_by=signer.key.person)
        return applied or changes.of(tx, statement)

    return store.write_now(write)


def _proposed(document: PolicyDocument, *, as_json: bool) -> Exit:
    """Let a policy wait for the approvers."""
    with premises() as opened:
        change = opened.desk.store.write_now(
            lambda tx: changes.propose_policy(
                tx, document, nonce=consent.fresh_nonce(), by=person()
            )
        )
    return _waiting(change, as_json=as_json)


def _waiting(change: Change, *, as_json: bool) -> Exit:
    found = change.differences
    said = {"version": None, "waits": True, "change_id": change.change_id, **as_document(found)}
    show(said, told(found), changing.waits(change), as_json=as_json)
    return Exit.WAITING


def _to_sign(tx: Transaction, document: PolicyDocument) -> tuple[Statement, str]:
    """What is signed, and what it does in words, of one moment."""
    basis = policy_chain.basis_now(tx)
    anew = signed_anew(document, basis) if basis else []
    text = [
        told(policy_change.compared(tx, document)),
        *(filled(f"{'signs':<8}  anew, {spelt(rate)}", indent=10) for rate in anew),
    ]
    return _statement(tx, document), "\n".join(text)


def _statement(tx: Transaction, document: PolicyDocument) -> Statement:
    """The statement about this policy that waits for a signature already, or a new one."""
    wanted = document_hash(document)
    for signed in policy_change.waiting(tx):
        if signed.statement.body.get("hash") == wanted:
            return signed.statement
    return policy_change.proposal(tx, document, nonce=consent.fresh_nonce())


def as_document(found: Sequence[Difference]) -> dict[str, Any]:
    """Differences as `--json` prints them, with what they come to."""
    return {
        "differences": [each.as_document() for each in found],
        "loosens": any(not each.is_free for each in found),
    }


def told(found: Sequence[Difference]) -> str:
    """Differences as a person reads them, one a line, each with its sign."""
    if not found:
        return "No difference."
    return "\n".join(filled(f"{each.verb:<8}  {spelt(each.says)}", indent=10) for each in found)


def policy_text(file: Path) -> str:
    """What a policy file holds.

    Raises:
        ConfigurationError: it cannot be read.
    """
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
