"""A server process on a pipe, spoken to line by line: the client's half of a measurement costs next to nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
BARE = [
    sys.executable,
    "-c",
    """
from mcp.server import MCPServer
server = MCPServer("bare")
@server.tool()
async def nothing() -> str:
    "Does nothing."
    return "nothing"
server.run()
""",
]
OURS = [sys.executable, "-m", "ringfence_server", "serve"]
ERAS = ("legacy", "modern")
INFO = {"name": "bench", "version": "0"}
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": INFO}
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": INFO,
    "io.modelcontextprotocol/clientCapabilities": {},
}


def environment(home: Path) -> dict[str, str]:
    """Ours, with bytecode as an installed package has it, and the installation in `home`."""
    roots = (str(REPOSITORY / root) for root in ("core", "tools", "prompts", "server"))
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE" and not name.startswith("RINGFENCE_")
    }
    return {**kept, "PYTHONPATH": os.pathsep.join(roots), "RINGFENCE_HOME": str(home)}


class Pipe:
    """One server, and requests to it, each answered before the next."""

    def __init__(self, command: list[str], era: str, home: Path) -> None:
        self._is_modern = era == "modern"
        self._count = 0
        self.process = subprocess.Popen(
            command,
            env=environment(home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def hello(self) -> None:
        """The era's own first words."""
        if self._is_modern:
            self.ask("server/discover", {})
        else:
            self.ask("initialize", HELLO)
            self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request and return its result."""
        self._count += 1
        sent = {**params, "_meta": ENVELOPE} if self._is_modern else params
        self._write({"jsonrpc": "2.0", "id": self._count, "method": method, "params": sent})
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") == self._count:
                assert "result" in message, message
                return message["result"]
        raise SystemExit(f"The server ended instead of answering {method}.")

    def _write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Kill it; nothing that is measured is lost."""
        self.process.kill()
        self.process.communicate()
