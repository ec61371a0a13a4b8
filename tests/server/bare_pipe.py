"""A server process, spoken to line by line: what an SDK's client would hide is in plain sight."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

REPOSITORY = Path(__file__).parents[2]
END_SECONDS = 20
"""For a process to end; a hundred times what it takes, so that only a hang meets it."""
MODERN_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "bare pipe", "version": "0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
LEGACY_HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "bare pipe", "version": "0"},
}


def environment() -> dict[str, str]:
    """Ours, with the checkout's packages in reach of a child process."""
    roots = ("core", "tools", "prompts", "server", "tests")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(str(REPOSITORY / r) for r in roots)}


class BarePipe:
    """A module of ours as a process; every line on its stdout must be a protocol message."""

    def __init__(self, module: str, mode: str, **variables: str) -> None:
        self._is_modern = mode == "auto"
        self._count = 0
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            env={**environment(), **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        if not self._is_modern:
            self.ask("initialize", LEGACY_HELLO)
            self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.communicate()

    def send(self, method: str, params: dict[str, Any]) -> int:
        """Send a request and return its id."""
        self._count += 1
        if self._is_modern:
            params = {**params, "_meta": MODERN_META}
        self._write({"jsonrpc": "2.0", "id": self._count, "method": method, "params": params})
        return self._count

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request and return its result."""
        return self.answer_to(self.send(method, params))

    def answer_to(self, request_id: int) -> Any:
        """Read on until that request is answered."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") == request_id:
                return message["result"]
        assert self.process.stderr is not None
        raise AssertionError(f"the server has closed its end:\n{self.process.stderr.read()}")

    def leave(self) -> tuple[int, str]:
        """Close stdin; return how the process ended and what it wrote to stderr."""
        _, errors = self.process.communicate(timeout=END_SECONDS)
        return self.process.returncode, errors

    def _write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
