"""Watching: waiting for anything here to change, by whichever process."""

from __future__ import annotations

from ringfence.desk.counter import Desk
from ringfence.store.watch import Mark, mark


async def next_change(desk: Desk, since: Mark | None) -> Mark:
    """Where the store stands, as soon as that is not `since`; at once for None.

    What time alone changes, such as an hour's attempts that grow old, is no change.

    Raises:
        StorageUnavailable, ConfigurationError: the store cannot be read.
    """
    while (now := await desk.store.read(mark)) == since:
        await desk.bell.wait()
    return now
