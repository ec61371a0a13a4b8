"""The register of assistants: who may be given numbers, and where their calls and texts go."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from ringfence.errors import InvalidArguments
from ringfence.guard import register
from ringfence.guard.register import Entered
from ringfence.policy import RegisteredAssistant, explain
from ringfence.store import inventory
from ringfence.store.transaction import Transaction
from ringfence_server.cli.at_work import person, premises
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, filled, show
from ringfence_server.cli.policy import as_document, told

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="A name, or a pattern in quotes: 'support-*', or '*'."),
]


def add_assistant(
    name: Name,
    *,
    voice_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where calls go: https://…; may hold {assistant_id}."),
    ] = None,
    sms_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where texts go: https://…; may hold {assistant_id}."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Change the addresses of a registered one.")
    ] = False,
    as_json: Json = False,
) -> Exit:
    """Register an assistant, or a pattern of names (sandbox installations only).

    A name comes before a pattern, and a longer pattern before a shorter one. Numbers that are
    connected already keep their addresses until they are connected anew.
    """
    entry = _entry(name, voice_url, sms_url)
    with premises() as opened:
        entered = opened.desk.store.write_now(
            partial(register.enter, entry=entry, replace=replace, actor=person())
        )
    return _show(entered, as_json=as_json)


def list_assistants(*, as_json: Json = False) -> Exit:
    """List the register: names and patterns, their addresses, and how many numbers each has."""
    with premises() as opened:
        rows = opened.desk.store.read_now(_rows)
    text = [line for row in rows for line in _lines(row)]
    show({"assistants": rows}, "\n".join(text) or "Nobody is registered.", as_json=as_json)
    return Exit.DONE


def remove_assistant(name: Name, *, as_json: Json = False) -> Exit:
    """Remove a name or a pattern that has no numbers (sandbox installations only)."""
    with premises() as opened:
        entered = opened.desk.store.write_now(partial(register.strike, name=name, actor=person()))
    return _show(entered, as_json=as_json)


def _entry(name: str, voice_url: str | None, sms_url: str | None) -> RegisteredAssistant:
    if voice_url is None and sms_url is None:
        raise InvalidArguments(
            f"{name}: neither calls nor texts would go anywhere.",
            remedy="Give --voice-url, --sms-url or both.",
        )
    try:
        return RegisteredAssistant(name=name, voice_url=voice_url, sms_url=sms_url)
    except ValidationError as error:
        raise InvalidArguments(
            f"No assistant can be registered so: {explain(error)}.",
            remedy="A name has up to 64 of A-Z a-z 0-9 . _ : - and may end with *; an address is such as "
            "https://example.com/{assistant_id}/voice.",
        ) from error


def _show(entered: Entered, *, as_json: bool) -> Exit:
    policy, left = entered.policy, list(entered.left_behind)
    document = {"version": policy.version, **as_document(entered.differences), "left_behind": left}
    text = [told(entered.differences)]
    if entered.differences:
        text.append(f"Version {policy.version} of the policy is in force.")
    if left:
        text.append(
            filled(
                f"Still connected to the old addresses: {', '.join(left)}. To move one, disconnect it "
                "and connect it again with assign_number."
            )
        )
    show(document, *text, as_json=as_json)
    return Exit.DONE


def _rows(tx: Transaction) -> list[dict[str, Any]]:
    spoken = [
        entry.name
        for record in inventory.paid_for(tx)
        if record.assistant_id and (entry := tx.rules.assistant(record.assistant_id))
    ]
    return [
        {**entry.model_dump(mode="json"), "numbers": spoken.count(entry.name)}
        for entry in sorted(tx.rules.assistants, key=lambda entry: entry.name)
    ]


def _lines(row: dict[str, Any]) -> list[str]:
    """One entry, its addresses below it, each in one piece so that it can be copied."""
    count = row["numbers"]
    numbers = {0: "no number", 1: "1 number"}.get(count, f"{count} numbers")
    addresses = [("voice", row["voice_url"]), ("SMS", row["sms_url"])]
    return [
        f"{row['name']}  ({numbers})",
        *(f"  {kind:<5}  {url or 'nowhere'}" for kind, url in addresses),
    ]
