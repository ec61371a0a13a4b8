"""Write the tools' schemas afresh; the diff is the review.

python tests/tools/update_snapshots.py
"""

import json
from pathlib import Path

from ringfence_tools import CATALOG
from ringfence_tools.schema import list_document

SNAPSHOTS = Path(__file__).parents[1] / "snapshots"


def snapshots() -> dict[str, str]:
    """The text of each tool's file, by its name."""
    return {
        f"{entry['name']}.json": json.dumps(entry, indent=2, ensure_ascii=False) + "\n"
        for entry in list_document(CATALOG)
    }


def main() -> None:
    SNAPSHOTS.mkdir(exist_ok=True)
    for name, text in snapshots().items():
        (SNAPSHOTS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
