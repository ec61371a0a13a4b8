"""Clients that are told to start a ringfence: is the program where they look for it?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ringfence.errors import RingfenceError
from ringfence_server.checkup.finding import Finding, ok, warn
from ringfence_server.checkup.secrets import CARRIERS_KEYS
from ringfence_server.clients import entry, files, jsonc, toml
from ringfence_server.clients.catalogue import CLIENTS, Client, Place, Scope, Surroundings, place


def told(around: Surroundings) -> Iterator[Finding]:
    """Every client whose file names a ringfence, here and for this user."""
    found = False
    seen: set[tuple[Path, tuple[str, ...]]] = set()
    for client in CLIENTS.values():
        for scope in client.scopes:
            at = place(client.name, scope, around)
            if (at.file, at.keys) in seen:  # whoever stands in their home has one file for both
                continue
            seen.add((at.file, at.keys))
            for name, each in _entries(at).items():
                if entry.is_ours(each):
                    found = True
                    yield _judged(client, scope, at, name=name, found=each)
                    yield from _keys(client, at, each)
    if not found:
        yield ok("clients", "No client is told of ringfence yet: ringfence install claude-code")


def _judged(
    client: Client, scope: Scope, at: Place, *, name: str, found: Mapping[str, Any]
) -> Finding:
    program = str(found.get("command"))
    if not Path(program).is_absolute() or os.access(program, os.X_OK):
        return ok("clients", f"{client.title} ({scope}) starts {program}")
    options = "".join(
        [
            f" --scope {scope}" if scope is not client.scopes[0] else "",
            f" --name {name}" if name != entry.PROGRAM else "",
        ]
    )
    return warn(
        "clients",
        f"{client.title} ({scope}) would start {program}, which is not there; {at.file} says so.",
        f"ringfence install {client.name}{options}",
    )


def _keys(client: Client, at: Place, found: Mapping[str, Any]) -> Iterator[Finding]:
    """A client's file is the last place for a carrier's key: the assistant itself may read it."""
    environment = found.get("env")
    there = [
        name for name in CARRIERS_KEYS if isinstance(environment, dict) and name in environment
    ]
    if there:
        yield warn(
            "secrets",
            f"{client.title} gives it {', '.join(there)}; whatever reads {at.file} can buy around any guard.",
            f"Take {', '.join(there)} out of that file.",
        )


def _entries(at: Place) -> Mapping[str, Any]:
    """The servers of a client; none where its file is absent or not understood, for it is not ours."""
    try:
        text = files.read(at).text
        found: Any = toml.read(text) if at.file.suffix == ".toml" else jsonc.read(text)
    except (RingfenceError, jsonc.NotEditable):
        return {}
    for key in at.keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}
