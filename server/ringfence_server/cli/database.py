"""The database: which tables it has, how it gets them, and a copy of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ringfence.store import installation
from ringfence.store.installation import DatabaseStatus
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, show
from ringfence_server.settings import read_settings


def status(*, as_json: Json = False) -> Exit:
    """Show the database's schema; the exit code is 2 unless it is this program's."""
    found = installation.database_status(read_settings().database)
    show(_document(found), _told(found), as_json=as_json)
    return Exit.DONE if found.found == found.expected else Exit.USAGE


def upgrade(*, as_json: Json = False) -> Exit:
    """Make the tables, or bring them up to date; an embedded file is copied before."""
    upgraded = installation.upgrade_database(read_settings().database)
    show(_document(upgraded), _told(upgraded), as_json=as_json)
    return Exit.DONE


def backup(
    copy: Annotated[Path, typer.Argument(help="The copy's file, which must not be there yet.")],
    *,
    as_json: Json = False,
) -> Exit:
    """Copy an embedded database while others use it; the sandbox carrier's file is not in it."""
    installation.back_up_database(read_settings().database, copy)
    show({"copy": str(copy.absolute())}, f"Copied to {copy.absolute()}.", as_json=as_json)
    return Exit.DONE


def _document(status: DatabaseStatus) -> dict[str, Any]:
    return {"kind": status.kind, "schema": status.found, "expected": status.expected}


def _told(status: DatabaseStatus) -> str:
    if status.found is None:
        return f"{status.kind}: no tables yet. To make them: ringfence db upgrade"
    if status.found < status.expected:
        return (
            f"{status.kind}: schema {status.found}, and this ringfence works with {status.expected}. "
            "To bring it up to date: ringfence db upgrade"
        )
    if status.found > status.expected:
        return (
            f"{status.kind}: schema {status.found} is newer than this ringfence. Upgrade ringfence."
        )
    return f"{status.kind}: schema {status.found}, as it should be."
