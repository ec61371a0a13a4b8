"""Settings and where things are: found an installation, and show what is in force and why."""

from __future__ import annotations

import os
import re
import shlex
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ringfence_server.cli import founding
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, show
from ringfence_server.opening import Premises, open_installation
from ringfence_server.settings import (
    PREFIX,
    Settings,
    config_file,
    origins,
    read_settings,
)

LOG = "stderr"
"""Where every process logs: a client keeps its server's among its own logs."""
MASKED = "***"


def init(*, as_json: Json = False) -> Exit:
    """Make the installation; where there is one, change nothing.

    Its folder, its database and its first policy. Every other command does so at first need; this
    one says where everything is, and what comes next. A live one needs approvers: in a terminal,
    and without --json, it leads through the first two.
    """
    settings = read_settings()
    opened = open_installation(settings)
    try:
        opened.sandbox_carrier.now()  # makes its file, and home where the database is elsewhere
        policy = opened.desk.store.read_now(lambda tx: tx.policy)
        paths = where(settings)
        document = {
            "new": opened.is_new,
            "mode": settings.mode,
            "policy_version": policy.version,
            **paths,
        }
        show(document, *_made(opened, paths), as_json=as_json)
        if settings.mode == "live" and not as_json and sys.stdin.isatty():
            founding.lead(opened)
        if not as_json:
            show({}, _next(opened), as_json=False)
    finally:
        opened.close()
    return Exit.DONE


def _made(opened: Premises, paths: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "A new installation was made."
        if opened.is_new
        else "It is there already; nothing was changed."
    )
    folder = opened.settings.folder
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        yield f"Others can enter its folder. To end that: chmod 700 {folder}"
    yield _paths(paths)


def show_config(*, as_json: Json = False) -> Exit:
    """Show every setting with its value and where that comes from, and where everything is."""
    settings = read_settings()
    sources = origins()
    rows = [
        {"name": name, "value": value, "origin": sources[name].value}
        for name, value in values(settings).items()
    ]
    paths = where(settings)
    width = max(len(row["name"]) for row in rows) + len(PREFIX)
    shown = "\n".join(
        f"{PREFIX + row['name'].upper():<{width}}  {row['origin']:<11}  {row['value']}"
        for row in rows
    )
    show({"settings": rows, **paths}, f"{shown}\n\n{_paths(paths)}", as_json=as_json)
    return Exit.DONE


def values(settings: Settings) -> dict[str, str]:
    """Every setting as it is in force; an address of a database without its secrets."""
    said: dict[str, str] = {
        "home": str(settings.folder),
        "config": str(config_file()[0]),
        "database_url": database_shown(settings),
        "checkpoints": str(settings.checkpoints or settings.anchors),
    }
    return {name: said.get(name, str(getattr(settings, name))) for name in Settings.model_fields}


def database_shown(settings: Settings) -> str:
    """The database's address; of one on a network only its kind and host, for the rest may be secret."""
    address = settings.database
    if address.startswith("sqlite"):
        return address
    kind, _, rest = address.partition("://")
    host = re.split(r"[/?]", rest.rpartition("@")[2], maxsplit=1)[0]
    return f"{kind}://{MASKED}@{host}/{MASKED}"


def where(settings: Settings) -> dict[str, str]:
    """Where everything of the installation is."""
    file, is_there = config_file()
    return {
        "home": str(settings.folder),
        "database": database_shown(settings),
        "sandbox_carrier": str(settings.sandbox_carrier),
        "config_file": str(file) if is_there else f"{file} (not there)",
        "log": LOG,
    }


def _paths(paths: Mapping[str, Any]) -> str:
    names = {name: name.replace("_", " ") for name in paths}
    width = max(map(len, names.values()))
    shown = "\n".join(f"{names[name]:<{width}}  {path}" for name, path in paths.items())
    return f"{shown}{_relative(paths['home'])}"


def _relative(home: str) -> str:
    """What a relative home has become, which the next command may see from another folder."""
    said = os.environ.get(f"{PREFIX}HOME", "")
    if not said or Path(said).expanduser().is_absolute():
        return ""
    return (
        f"\n\n{PREFIX}HOME is relative, and is another installation in another folder. To stay with this one:"
        f"\nexport {PREFIX}HOME={shlex.quote(home)}"
    )


def _next(opened: Premises) -> str:
    if opened.settings.mode == "live":
        return founding.what_is_next(opened)
    return (
        "\nTry it:                ringfence search US --area-code 415\n"
        "Tell your assistant:   ringfence install claude-code\n"
        "See that all is well:  ringfence doctor"
    )
