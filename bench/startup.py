"""How long an assistant waits for us: from the start of the process to its list of tools.

    python bench/startup.py [--rounds 9] [--check] [--command "ringfence serve"]

Our stdio server beside a bare MCPServer with one tool, in the same environment and in turn, so
that a busy machine slows both alike: read the ratios. CPU and memory are the process's own, from
/proc (Linux). `--check` exits with 1 above the bars.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pipe import BARE, ERAS, OURS, Pipe

MAX_CPU_RATIO = 1.25
MAX_MEMORY_MB = 90.0

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Start:
    """One start: seconds from spawn to the list of tools, and megabytes in memory then."""

    cpu: float
    wall: float
    memory: float


def start(command: list[str], era: str) -> Start:
    """Start a server, ask for its tools, measure, and end it."""
    home = Path(tempfile.gettempdir()) / "ringfence-bench-opens-nothing"
    began = time.perf_counter()
    pipe = Pipe(command, era, home)
    try:
        pipe.hello()
        pipe.ask("tools/list", {})
        wall = time.perf_counter() - began
        return Start(cpu_seconds(pipe.process.pid), wall, memory_mb(pipe.process.pid))
    finally:
        pipe.end()


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
