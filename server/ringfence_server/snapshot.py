"""`python -m ringfence_server.snapshot [--check]`: write down what the server lists, or compare.

The file lets a server answer `tools/list` without loading the tools; a test runs the comparison.
"""

from __future__ import annotations

import json
import sys

from ringfence_server.listing import SNAPSHOT, Listing, every_operation


def render() -> str:
    """The snapshot as the tools have it now, one line a field, so that a diff can be read."""
    document = Listing.of(every_operation()).as_document()
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the snapshot; with `--check` only say whether it is true."""
    made = render()
    is_true = SNAPSHOT.is_file() and SNAPSHOT.read_text(encoding="utf-8") == made
    if arguments == ["--check"]:
        print(f"{SNAPSHOT.name} is {'up to date' if is_true else 'stale: run make snapshots'}")
        return 0 if is_true else 1
    SNAPSHOT.write_text(made, encoding="utf-8")
    print(f"{SNAPSHOT.name} {'was up to date' if is_true else 'is written'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
