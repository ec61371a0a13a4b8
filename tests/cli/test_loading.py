"""What a command loads: keys and passkeys are for those that sign, the web server for whoever serves the page."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from cli.shell import END_SECONDS, Shell

SIGNING = {"argon2", "cryptography", "webauthn"}
"""Keys and passkeys: 40 to 200 ms."""
OF_OTHERS = {"alembic", "httpx", "jinja2", "starlette", "uvicorn"}
"""Migrations, carriers on a network, and the page."""
EVERYTHING = {*SIGNING, *OF_OTHERS, "anyio", "mcp", "pydantic", "rich", "sqlalchemy", "typer"}

# Runs the command as its program does, then says what was loaded.
_RUN = """
import contextlib, json, sys
from ringfence_server.__main__ import main
with contextlib.suppress(SystemExit):
    main()
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def loaded(shell: Shell, *words: str) -> set[str]:
    """The packages that are loaded when a command has ended; its stdin is empty."""
    left = subprocess.run(
        [sys.executable, "-c", _RUN, *words],
        env=shell.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        text=True,
        timeout=END_SECONDS,
    )
    return set(json.loads(left.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        ("--version", EVERYTHING),
        ("--help", {*SIGNING, *OF_OTHERS, "mcp"}),
        ("approve --help", {*SIGNING, *OF_OTHERS, "mcp"}),
        ("pending", {*SIGNING, *OF_OTHERS, "mcp"}),
        ("spending", {*SIGNING, *OF_OTHERS, "mcp"}),
        ("approver list", {*SIGNING, *OF_OTHERS, "mcp"}),
        ("policy show", {*SIGNING, *OF_OTHERS, "mcp"}),
        ("doctor", {*SIGNING, *OF_OTHERS, "mcp"}),
        # The SDK loads cryptography, starlette and uvicorn itself; what is ours to leave out is left out.
        ("serve", {"argon2", "webauthn", "alembic", "jinja2", "rich", "sqlalchemy", "typer"}),
    ],
)
def test_a_command_loads_no_more_than_it_needs(shell: Shell, words: str, absent: set[str]) -> None:
    assert loaded(shell, *words.split()) & absent == set()
