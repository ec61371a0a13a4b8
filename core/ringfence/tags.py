"""Tags: the text that we plant at a carrier with every purchase, to know it again, and whose it was.

`rf1/<the last 8 letters of the installation's id>/<the line's ulid>`, which a carrier may show with more behind it.
"""

from __future__ import annotations

import re

_LETTER = "[0-9A-HJKMNP-TV-Z]"
_TAG = re.compile(rf"rf1/({_LETTER}{{8}})/{_LETTER}{{26}}(?!{_LETTER})")


def purchase_tag(installation_id: str, line_id: str) -> str:
    """The tag of one line's purchase."""
    return f"rf1/{installation_letters(installation_id)}/{line_id.rpartition('_')[2]}"


def installation_letters(installation_id: str) -> str:
    """What stands for an installation in its tags."""
    return installation_id.rpartition("_")[2][-8:]


def read_tag(text: str | None) -> tuple[str, str] | None:
    """A tag of any installation at the start of a carrier's text, alone, and that installation's letters; else None."""
    found = _TAG.match(text or "")
    return (found[0], found[1]) if found is not None else None
