"""The terminal device: where a person reads the card and answers, whatever stdin and stdout are."""

from __future__ import annotations

import termios
from enum import Enum, auto
from pathlib import Path
from typing import Self

from ringfence.errors import ConfigurationError
from ringfence.intents import Intent

DEVICE = Path("/dev/tty")
MAX_TRIES = 3
"""Answers that are neither yes nor no, before nothing is taken for the answer."""


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

    def line(self, prompt: str) -> str:
        """What the person types on one line; empty when they leave."""
        self._write(prompt)
        return self._in.readline().strip()

    def secret(self, prompt: str) -> str:
        """The same without showing it."""
        handle = self._in.fileno()
        before = termios.tcgetattr(handle)
        silent = termios.tcgetattr(handle)
        silent[3] &= ~termios.ECHO
        # Silent before the prompt is there: whoever answers at once must not be seen, nor lost.
        termios.tcsetattr(handle, termios.TCSAFLUSH, silent)
        try:
            self._write(prompt)
            return self._in.readline().rstrip("\n")
        finally:
            termios.tcsetattr(handle, termios.TCSAFLUSH, before)
            self._write("\n")

    def ask(self, card: str, intent: Intent, *, note: str) -> Answer:
        """Show the card and take the answer: the last four digits of its first number, or no.

        Args:
            card: what an approver signs.
            intent: whose card it is.
            note: what is true at this moment alone, below it; empty where there is nothing of the kind.
        """
        digits = intent.terms.lines[0].number[-4:]
        self._write("\n" + "\n\n".join([card, note] if note else [card]) + "\n\n")
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
        self._write("\nNothing is decided; it still waits.\n")
        return Answer.NONE

    def agrees(self, text: str, number: str) -> bool:
        """Show what is about to be written into the books; whether the person types the number's last four digits."""
        self._write(f"\n{text}\n\nTo do that, type the last four digits of {number}: ")
        is_meant = self._in.readline().strip() == number[-4:]
        if not is_meant:
            self._write("\nNothing is decided; it still waits.\n")
        return is_meant

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
