"""What a tool of ours costs beside one that does nothing: `list_numbers` and a no-op on a bare MCPServer, over stdio.

    python bench/call.py [--calls 500] [--check]

The two servers are asked in turn, one call each, so that a busy machine slows both alike: read the difference.
`--check` exits with 1 when the median difference is above the bar.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pipe import BARE, ERAS, OURS, Pipe

MAX_ADDED_MS = 1.0
WARM_UP = 50


def timed(pipe: Pipe, call: dict[str, Any]) -> float:
    """Milliseconds of one call."""
    began = time.perf_counter()
    result = pipe.ask("tools/call", call)
    assert not result.get("isError"), result
    return (time.perf_counter() - began) * 1_000


def measure(era: str, calls: int, home: Path) -> tuple[list[float], list[float]]:
    """Milliseconds of the no-op and of ours, call by call in turn."""
    bare, ours = Pipe(BARE, era, home), Pipe(OURS, era, home)
    nothing = {"name": "nothing", "arguments": {}}
    reading = {"name": "list_numbers", "arguments": {}}
    try:
        for pipe in (bare, ours):
            pipe.hello()
        pairs = [(timed(bare, nothing), timed(ours, reading)) for _ in range(WARM_UP + calls)][
            WARM_UP:
        ]
    finally:
        bare.end()
        ours.end()
    return [floor for floor, _ in pairs], [own for _, own in pairs]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--check", action="store_true", help="exit with 1 above the bar")
    options = parser.parse_args()
    worst = 0.0
    with tempfile.TemporaryDirectory() as home:
        for era in ERAS:
            bare, ours = measure(era, options.calls, Path(home))
            added = statistics.median(ours) - statistics.median(bare)
            worst = max(worst, added)
            print(
                f"{era:7} no-op {statistics.median(bare):6.2f} ms   list_numbers "
                f"{statistics.median(ours):6.2f} ms   adds {added:5.2f} ms"
            )
    print(
        f"{'within' if worst <= MAX_ADDED_MS else 'ABOVE'} the bar: {worst:.2f} of {MAX_ADDED_MS} ms"
    )
    return int(options.check and worst > MAX_ADDED_MS)


if __name__ == "__main__":
    sys.exit(main())
