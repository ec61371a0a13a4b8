"""One example of each command, as its help shows it; a test reads every one as the command would."""

from __future__ import annotations

from collections.abc import Mapping

import typer

from ringfence_server.cli import serving

EXAMPLES: Mapping[str, str] = {
    "serve": serving.EXAMPLE,
    "demo": "ringfence demo",
    "init": "RINGFENCE_HOME=~/ringfence ringfence init",
    "install": "ringfence install cursor --dry-run",
    "doctor": "ringfence doctor --json",
    "search": "ringfence search US --area-code 415 --capability sms",
    "numbers": "ringfence numbers --idle-days 30",
    "spending": "ringfence spending --period day",
    "call": 'ringfence call list_numbers \'{"country": "US"}\'',
    "script": "ringfence script journey.yaml --era both",
    "pending": "ringfence pending",
    "show": "ringfence show int_01KAN5T1PR0000000000000001",
    "approve": "ringfence approve int_01KAN5T1PR0000000000000001",
    "decline": "ringfence decline int_01KAN5T1PR0000000000000001 --reason stop",
    "up": "ringfence up --install",
    "settle": "ringfence settle",
    "resolve": "ringfence resolve lin_01KAN5T1PR0000000000000001 --failed --evidence bill",
    "freeze": 'ringfence freeze "too much at once"',
    "unfreeze": "ringfence unfreeze",
    "completion": "ringfence completion bash > ~/.ringfence-completion",
    "approvals serve": "ringfence approvals serve",
    "approvals open": "ringfence approvals open",
    "approver enroll": "ringfence approver enroll ada",
    "approver list": "ringfence approver list",
    "approver revoke": "ringfence approver revoke ada --recovery",
    "policy show": "ringfence policy show > policy.yaml",
    "policy plan": "ringfence policy plan policy.yaml",
    "policy apply": "ringfence policy apply policy.yaml --propose",
    "policy test": 'ringfence policy test --country US --monthly "1.15 USD" --count 3',
    "assistant add": "ringfence assistant add desk --voice-url https://example.com/desk",
    "assistant list": "ringfence assistant list",
    "assistant remove": "ringfence assistant remove 'support-*'",
    "ledger verify": "ringfence ledger verify",
    "ledger export": "ringfence ledger export --format csv --output ledger.csv",
    "ledger adjust": "ringfence ledger adjust +14155550142 --setup '0.19 USD' --reason VAT",
    "audit verify": "ringfence audit verify --checkpoints /media/copy/witness.checkpoints",
    "audit export": "ringfence audit export --output history.jsonl",
    "audit verifier": "ringfence audit verifier > verify.py",
    "audit erase": "ringfence audit erase int_01KAN5T1PR0000000000000001",
    "config show": "ringfence config show",
    "db status": "ringfence db status",
    "db upgrade": "ringfence db upgrade",
    "db backup": "ringfence db backup copy.sqlite3",
    "sandbox fault": "ringfence sandbox fault timeout_after_charge --times 2",
    "sandbox clock": "ringfence sandbox clock +31m",
    "sandbox reset": "ringfence sandbox reset",
}


def add_examples(group: typer.Typer, path: str = "") -> None:
    """Give every command below a group its example, in one piece so that it can be copied."""
    for command in group.registered_commands:
        example = EXAMPLES.get(f"{path}{command.name}")
        if example is not None:
            command.epilog = f"\b\nExample:\n  {example}"
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            add_examples(inner.typer_instance, f"{path}{inner.name} ")
