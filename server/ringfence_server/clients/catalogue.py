"""Where each client keeps its list of servers, on Linux and macOS.

Sources, read 2026-11: VS Code's own page (code.visualstudio.com, MCP configuration reference); for Claude Code, Claude
Desktop, Cursor and Codex the guides of server authors, which agree. No client itself was run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class ClientName(StrEnum):
    """A client that we know how to tell of us."""

    CLAUDE_CODE = "claude-code"
    CLAUDE_DESKTOP = "claude-desktop"
    CURSOR = "cursor"
    VSCODE = "vscode"
    CODEX = "codex"


class Scope(StrEnum):
    """For whom a client knows a server."""

    USER = "user"
    """Everywhere, for this user."""
    PROJECT = "project"
    """For everybody who works in this folder; the file is usually shared with them."""
    LOCAL = "local"
    """For this user in this folder; Claude Code alone knows it."""


@dataclass(frozen=True)
class Surroundings:
    """What decides where a user's files are."""

    home: Path = field(default_factory=Path.home)
    folder: Path = field(default_factory=Path.cwd)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    is_mac: bool = field(default_factory=lambda: sys.platform == "darwin")

    def named(self, variable: str, otherwise: Path) -> Path:
        """The folder that a variable names, else the usual one."""
        said = self.environment.get(variable)
        return Path(said) if said else otherwise

    @property
    def settings(self) -> Path:
        """Where programs with windows keep what they remember."""
        if self.is_mac:
            return self.home / "Library" / "Application Support"
        return self.named("XDG_CONFIG_HOME", self.home / ".config")


@dataclass(frozen=True)
class Place:
    """Where a list of servers is: a file, and the keys that lead to it in there."""

    file: Path
    keys: tuple[str, ...]
    is_shared: bool = False
    """Whether others than this user are meant to read the file."""


@dataclass(frozen=True)
class Client:
    """A client: its own name, and what to do there afterwards."""

    name: ClientName
    title: str
    scopes: tuple[Scope, ...]
    says_stdio: bool = True
    """Whether its entries have `type: stdio`."""
    afterwards: str = "Restart it, or reload its servers."


_BOTH = (Scope.USER, Scope.PROJECT)
CLIENTS: Mapping[ClientName, Client] = {
    client.name: client
    for client in (
        Client(
            ClientName.CLAUDE_CODE,
            "Claude Code",
            (Scope.USER, Scope.PROJECT, Scope.LOCAL),
            afterwards="Sessions that start from now on have it; /mcp shows it.",
        ),
        Client(
            ClientName.CLAUDE_DESKTOP,
            "Claude Desktop",
            (Scope.USER,),
            says_stdio=False,
            afterwards="Quit it and start it again.",
        ),
        Client(ClientName.CURSOR, "Cursor", _BOTH),
        Client(ClientName.VSCODE, "VS Code", _BOTH),
        Client(
            ClientName.CODEX,
            "Codex",
            _BOTH,
            says_stdio=False,
            afterwards="Sessions that start from now on have it; /mcp shows it.",
        ),
    )
}


def place(client: ClientName, scope: Scope, around: Surroundings) -> Place:
    """The file of a client; it need not be there. The scope is one that the client has."""
    home, folder = around.home, around.folder
    match client, scope:
        case ClientName.CLAUDE_CODE, Scope.PROJECT:
            return Place(folder / ".mcp.json", ("mcpServers",), is_shared=True)
        case ClientName.CLAUDE_CODE, Scope.LOCAL:
            keys = ("projects", str(folder), "mcpServers")
            return Place(around.named("CLAUDE_CONFIG_DIR", home) / ".claude.json", keys)
        case ClientName.CLAUDE_CODE, _:
            return Place(around.named("CLAUDE_CONFIG_DIR", home) / ".claude.json", ("mcpServers",))
        case ClientName.CLAUDE_DESKTOP, _:
            file = around.settings / "Claude" / "claude_desktop_config.json"
            return Place(file, ("mcpServers",))
        case ClientName.CURSOR, Scope.PROJECT:
            return Place(folder / ".cursor" / "mcp.json", ("mcpServers",), is_shared=True)
        case ClientName.CURSOR, _:
            return Place(home / ".cursor" / "mcp.json", ("mcpServers",))
        case ClientName.VSCODE, Scope.PROJECT:
            return Place(folder / ".vscode" / "mcp.json", ("servers",), is_shared=True)
        case ClientName.VSCODE, _:
            return Place(around.settings / "Code" / "User" / "mcp.json", ("servers",))
        case ClientName.CODEX, Scope.PROJECT:
            return Place(folder / ".codex" / "config.toml", ("mcp_servers",), is_shared=True)
        case _:
            codex = around.named("CODEX_HOME", home / ".codex")
            return Place(codex / "config.toml", ("mcp_servers",))
