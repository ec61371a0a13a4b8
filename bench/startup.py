"""How long an assistant waits for us: from the start of the process to its list of tools.

    python bench/startup.py [--rounds 9] [--check] [--command "ringfence serve"]

Our stdio server beside a bare MCPServer with one tool, in the same environment and in turn, so
that a busy machine slows both alike: read the ratios. CPU and memory are the process's own, from
/proc (Linux). `--check` exits with 1 above the bars.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_CPU_RATIO = 1.25
MAX_MEMORY_MB = 90.0

REPOSITORY = Path(__file__).parents[1]
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
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


@dataclass(frozen=True)
class Start:
    """One start: seconds from spawn to the list of tools, and megabytes in memory then."""

    cpu: float
    wall: float
    memory: float


def environment() -> dict[str, str]:
    """Ours, with bytecode as an installed package has it, and no installation of anybody's."""
    roots = (str(REPOSITORY / root) for root in ("core", "tools", "prompts", "server"))
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE" and not name.startswith("RINGFENCE_")
    }
    home = str(Path(tempfile.gettempdir()) / "ringfence-bench-opens-nothing")
    return {**kept, "PYTHONPATH": os.pathsep.join(roots), "RINGFENCE_HOME": home}


def start(command: list[str], era: str) -> Start:
    """Start a server, ask for its tools, measure, and end it."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        if era == "legacy":
            ask(process, "initialize", HELLO)
            write(process, {"jsonrpc": "2.0", "method": "notifications/initialized"})
            ask(process, "tools/list", {})
        else:
            ask(process, "server/discover", {"_meta": ENVELOPE})
            ask(process, "tools/list", {"_meta": ENVELOPE})
        wall = time.perf_counter() - began
        return Start(cpu_seconds(process.pid), wall, memory_mb(process.pid))
    finally:
        process.kill()
        process.communicate()


def ask(process: subprocess.Popen[bytes], method: str, params: dict[str, Any]) -> None:
    write(process, {"jsonrpc": "2.0", "id": method, "method": method, "params": params})
    assert process.stdout is not None
    for line in process.stdout:
        message = json.loads(line)
        if message.get("id") == method:
            assert "result" in message, message
            return
    raise SystemExit(f"The server ended instead of answering {method}.")


def write(process: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(message).encode() + b"\n")
    process.stdin.flush()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def measure(ours: list[str], era: str, rounds: int) -> tuple[list[Start], list[Start]]:
    """Starts of the bare server and of ours, in turn; a first round only writes bytecode."""
    pairs = [(start(BARE, era), start(ours, era)) for _ in range(rounds + 1)][1:]
    return [bare for bare, _ in pairs], [own for _, own in pairs]


def median_ratio(bare: list[Start], ours: list[Start], of: str) -> float:
    pairs = zip(bare, ours, strict=True)
    ratios: list[float] = [getattr(own, of) / getattr(floor, of) for floor, own in pairs]
    return statistics.median(ratios)


def show(label: str, starts: list[Start]) -> None:
    cpu = statistics.median(s.cpu for s in starts)
    wall = statistics.median(s.wall for s in starts)
    memory = max(s.memory for s in starts)
    print(f"{label:14} CPU {cpu:5.2f} s   wall {wall:5.2f} s   memory {memory:5.1f} MB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--check", action="store_true", help="exit with 1 above the bars")
    parser.add_argument("--command", help="another command that serves on stdin and stdout")
    options = parser.parse_args()
    ours = shlex.split(options.command) if options.command else OURS

    worst_ratio = worst_memory = 0.0
    for era in ERAS:
        bare, own = measure(ours, era, options.rounds)
        ratio = median_ratio(bare, own, "cpu")
        show(f"{era} bare", bare)
        show(f"{era} ours", own)
        print(f"{'':14} CPU x {ratio:.2f}   wall x {median_ratio(bare, own, 'wall'):.2f}")
        worst_ratio = max(worst_ratio, ratio)
        worst_memory = max(worst_memory, *(s.memory for s in own))
    is_good = worst_ratio <= MAX_CPU_RATIO and worst_memory <= MAX_MEMORY_MB
    print(
        f"{'within' if is_good else 'ABOVE'} the bars: "
        f"CPU x {worst_ratio:.2f} of {MAX_CPU_RATIO}, {worst_memory:.0f} of {MAX_MEMORY_MB:.0f} MB"
    )
    return 0 if is_good or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
