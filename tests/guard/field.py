"""A field of processes that race each other: all stand ready, hear the same word, and answer it once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

START_SECONDS = 60
"""For a process to import what it races with, on a busy machine."""
HOME_SECONDS = 10
"""For a process to close what it opened."""

Word = TypeVar("Word")
Answer = TypeVar("Answer")
Race = Callable[..., AbstractContextManager[Callable[[Word], Answer]]]
"""Opens what one racer needs, from the field's arguments and the racer's own number; gives how it answers a word."""


class Field(Generic[Word, Answer]):
    """Processes that stay alive between starts."""

    def __init__(self, lines: list[Connection]) -> None:
        self._lines = lines

    def run(self, word: Word) -> list[Answer]:
        """Give the word, and wait for everybody; answers in the order of the racers."""
        for line in self._lines:
            line.send(word)
        return [line.recv() for line in self._lines]


def _stand(race: Race[Any, Any], arguments: tuple[Any, ...], racer: int, line: Connection) -> None:
    with race(*arguments, racer) as answer:
        line.send("ready")
        while (word := line.recv()) is not None:
            line.send(answer(word))


@contextmanager
def field(
    race: Race[Word, Answer], arguments: tuple[Any, ...], count: int
) -> Iterator[Field[Word, Answer]]:
    """Start so many processes that run `race(*arguments, racer)`, and send them home at the end."""
    context = multiprocessing.get_context("spawn")
    pairs = [context.Pipe() for _ in range(count)]
    processes = [
        context.Process(target=_stand, args=(race, arguments, racer, theirs), daemon=True)
        for racer, (_ours, theirs) in enumerate(pairs)
    ]
    for process in processes:
        process.start()
    lines = [ours for ours, _theirs in pairs]
    try:
        for line in lines:
            assert line.poll(START_SECONDS), "a racer did not start"
            line.recv()
        yield Field(lines)
        for line in lines:
            line.send(None)
    finally:
        for process in processes:
            process.join(HOME_SECONDS)
            process.kill()
