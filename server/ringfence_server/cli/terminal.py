"""The terminal device: where a person reads the card and answers, whatever stdin and stdout are."""

from __future__ import annotations

import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path
from types import FrameType
from typing import Self

from ringfence.errors import ConfigurationError
from ringfence.intents import Intent

DEVICE = Path("/dev/tty")
MAX_TRIES = 3
"""Answers that are neither yes nor no, before nothing is taken for the answer."""
NOT_DECIDED = "Nothing is decided; it still waits."
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""What ends a program in the middle of a question: Ctrl-C, Ctrl-\\, or somebody from outside."""


class Answer(Enum):
    """What a person said to a card."""

    YES = auto()
    NO = auto()
    NONE = auto()
    """They left, or typed something else: nothing is decided."""


class Terminal:
    """The terminal that this process is controlled by.

    Raises:
        ConfigurationError: on opening, when there is none.
    """

    def __enter__(self) -> Self:
        try:
            # Two streams over one device: a terminal cannot seek, as one for both would have to.
            self._in = DEVICE.open(encoding="utf-8", errors="replace")
            self._out = DEVICE.open("w", encoding="utf-8", errors="replace")
        except OSError as error:
            raise ConfigurationError(
                "There is no terminal here, so nobody can be asked; nothing was approved.",
                remedy="Run this command in a terminal window of your own.",
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._in.close()
        self._out.close()

    def say(self, text: str) -> None:
        """Show something to the person, and to nobody else: whatever stdout is."""
        self._write(f"{text}\n")

    def line(self, prompt: str, *, if_left: str) -> str:
        """What the person types on one line; empty when they say nothing.

        Args:
            prompt: what they read.
            if_left: what is true when they leave instead, with Ctrl-C or by ending this process.
        """
        with self._question(if_left):
            self._write(prompt)
            return self._in.readline().strip()

    def secret(self, prompt: str, *, if_left: str) -> str:
        """The same without showing it; whoever leaves has a terminal that shows again what they type."""
        with self._question(if_left), self._silence():
            self._write(prompt)
            return self._in.readline().rstrip("\n")

    def ask(self, card: str, intent: Intent, *, note: str) -> Answer:
        """Show the card and take the answer: the last four digits of its first number, or no.

        Args:
            card: what an approver signs.
            intent: whose card it is.
            note: what is true at this moment alone, below it; empty where there is nothing of the kind.
        """
        digits = intent.terms.lines[0].number[-4:]
        self._write("\n" + "\n\n".join([card, note] if note else [card]) + "\n\n")
        with self._question(NOT_DECIDED):
            for _ in range(MAX_TRIES):
                self._write("To approve, type the last four digits of the (first) number; or no: ")
                line = self._in.readline()
                if not line:
                    break
                answer = line.strip().lower()
                if answer == digits:
                    return Answer.YES
                if answer in {"no", "n"}:
                    return Answer.NO
                self._write("That is neither. ")
        self._write(f"\n{NOT_DECIDED}\n")
        return Answer.NONE

    def agrees(self, text: str, number: str) -> bool:
        """Show what is about to be written into the books; whether the person types the number's last four digits."""
        asked = f"\n{text}\n\nTo do that, type the last four digits of {number}: "
        is_meant = self.line(asked, if_left=NOT_DECIDED) == number[-4:]
        if not is_meant:
            self._write(f"\n{NOT_DECIDED}\n")
        return is_meant

    @contextmanager
    def _question(self, if_left: str) -> Iterator[None]:
        """A wait for the person; when they leave it instead, it says what is true then."""
        with _interruptible():
            try:
                yield
            except KeyboardInterrupt:
                self._write(f"\n{if_left}\n")
                raise

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """A terminal that does not show what is typed."""
        handle = self._in.fileno()
        before = termios.tcgetattr(handle)
        silent = termios.tcgetattr(handle)
        silent[3] &= ~termios.ECHO
        try:
            # Silent before the prompt is there: whoever answers at once must not be seen, nor lost.
            termios.tcsetattr(handle, termios.TCSAFLUSH, silent)
            yield
        finally:
            termios.tcsetattr(handle, termios.TCSAFLUSH, before)
            self._write("\n")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Whatever ends this process ends the question first, so that what it changed is put back.

    An event loop would keep the first Ctrl-C to itself, and the others would end the process on the spot.
    """

    def leave(_number: int, _frame: FrameType | None) -> None:
        for each in _ENDING:
            signal.signal(each, signal.SIG_IGN)  # once is enough: nothing may disturb the way out
        raise KeyboardInterrupt

    before = {each: signal.signal(each, leave) for each in _ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
