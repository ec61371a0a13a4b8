"""Our entry in a client's list: which program it starts, and which installation that opens."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ringfence.errors import ConfigurationError
from ringfence_server.settings import PREFIX, Origin, Settings, origins

_SECRET = "database_url"  # noqa: S105  # the name of a setting
PROGRAM = "ringfence"


def command() -> tuple[str, ...]:
    """How this very ringfence is started, by absolute paths: clients have another PATH and another folder."""
    beside = Path(sys.executable).with_name(PROGRAM)
    if os.access(beside, os.X_OK):
        return (str(beside.absolute()), "serve")
    started = shutil.which(sys.argv[0]) if Path(sys.argv[0]).name == PROGRAM else None
    if started is not None:
        return (str(Path(started).absolute()), "serve")
    return (str(Path(sys.executable).absolute()), "-m", "ringfence_server", "serve")


def variables(settings: Settings) -> dict[str, str]:
    """What the client must set so that it opens the installation of this shell; nothing where that is the usual one.

    Raises:
        ConfigurationError: the database's address is in the environment. It may hold a password, and a client's
            file is no place for one; without it another installation would be opened, unnoticed.
    """
    set_here = [name for name, origin in origins().items() if origin is Origin.ENVIRONMENT]
    if _SECRET in set_here:
        raise ConfigurationError(
            f"{PREFIX}{_SECRET.upper()} is set here, and may hold a password; it is written into no client's file.",
            remedy=f"Put {_SECRET} into ringfence's own configuration file, which `ringfence config show` names, "
            "and unset the variable.",
        )
    return {f"{PREFIX}{name.upper()}": str(getattr(settings, name)) for name in set_here}


def made(
    words: tuple[str, ...], environment: Mapping[str, str], *, says_stdio: bool
) -> dict[str, Any]:
    """The entry as a client reads it."""
    kind = {"type": "stdio"} if says_stdio else {}
    ours = {"command": words[0], "args": list(words[1:])}
    return {**kind, **ours, **({"env": dict(environment)} if environment else {})}


def changes(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What of an entry has to change; other keys, and variables that are not ours, stay as they are."""
    values = {key: value for key, value in wanted.items() if key != "env"}
    if found.get("type", "stdio") == values.get("type", "stdio"):
        values.pop("type", None)  # absent is stdio
    before = found.get("env")
    kept = {
        name: value
        for name, value in (before if isinstance(before, dict) else {}).items()
        if not name.startswith(PREFIX)
    }
    after = kept | wanted.get("env", {})
    if after != (before or {}):
        values["env"] = after
    return {key: value for key, value in values.items() if found.get(key) != value}


def is_ours(found: object) -> bool:
    """Whether an entry starts a ringfence, this one or another."""
    if not isinstance(found, dict):
        return False
    args = found.get("args")
    words = [found.get("command"), *(args if isinstance(args, list) else [])]
    names = {Path(word).name for word in words if isinstance(word, str)}
    return bool(names & {PROGRAM, "ringfence_server"})
