"""The approvers: whether somebody may sign, and whether one who is lost can be spared."""

from __future__ import annotations

from collections.abc import Iterator

from ringfence.errors import NotAuthorized
from ringfence.guard import authority
from ringfence.store.transaction import Store
from ringfence_server.checkup.finding import Finding, fail, ok, warn

ENROLL = "ringfence approver enroll NAME"


def people(store: Store) -> Iterator[Finding]:
    """Who may sign; nothing is said of a sandbox in which nobody does."""
    try:
        found = store.read_now(authority.read)
    except NotAuthorized as error:
        yield fail("approvers", error.message, error.remedy)
        return
    names = sorted(found.people)
    is_live = store.read_now(lambda tx: tx.mode) == "live"
    if not names and is_live:
        yield warn("approvers", "Nobody may sign here, so every purchase is refused.", ENROLL)
    if len(names) == 1:
        yield warn(
            "approvers",
            f"{names[0]} alone may sign: when that key is lost only the recovery key helps, and nobody looks at "
            "what one person signs.",
            ENROLL,
        )
    if len(names) > 1:
        yield ok("approvers", f"{', '.join(names)} may sign.")
