"""`python -m server.toy_process`: the toy catalogue on stdin and stdout, one book a process."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ringfence_server.app import RingfenceServer
from ringfence_server.installation import Opened
from ringfence_server.serve import run_on_stdio
from server.toys import Book, Opener, toy_server


class LoudOpener(Opener):
    """Says when the installation is closed, since nobody can look into another process."""

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Opened]:
        async with super().__call__() as opened:
            yield opened
        print("the installation is closed", file=sys.stderr, flush=True)  # noqa: T201


def build() -> RingfenceServer:
    book = Book()
    return toy_server(book, opener=LoudOpener(book))


if __name__ == "__main__":
    run_on_stdio(build)
