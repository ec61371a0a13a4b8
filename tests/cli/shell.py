"""The command line as tests use it: most commands in this process, the others in one of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from ringfence.desk import consenting
from ringfence_server.cli.program import run
from ringfence_server.opening import Premises, open_installation
from ringfence_server.settings import PREFIX, Settings

REPOSITORY = Path(__file__).parents[2]
ROOTS = ("core", "tools", "prompts", "server")
COMMAND = (sys.executable, "-m", "ringfence_server")
NUMBER = "+14155550142"
END_SECONDS = 60
"""For a process to end; many times what it takes, so that only a hang meets it."""

# Makes the terminal on stdin the one that controls the process, as a login does.
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    " os.execv(sys.argv[1], sys.argv[1:])"
)


Answer = str | signal.Signals | Callable[[str], str]
"""What a person types, or how they make it of what is on the screen; a signal is sent to the program instead."""


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str
    screen: str = ""
    """What a person saw on the terminal."""
    echoes: bool = True
    """Whether the terminal shows afterwards what is typed there."""

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout; anything beside it is an error here."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def error(self) -> dict[str, Any]:
        """The refusal, which has the document to itself."""
        assert list(self.document) == ["error"]
        error: dict[str, Any] = self.document["error"]
        return error


@dataclass(frozen=True)
class Shell:
    """A user at one installation."""

    home: Path
    capture: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> Ended:
        """Run a command in this process."""
        self.capture.readouterr()
        code = run(arguments)
        out, err = self.capture.readouterr()
        return Ended(int(code), out, err)

    def json(self, *arguments: str) -> dict[str, Any]:
        """The document of a command that succeeds."""
        ended = self.run(*arguments, "--json")
        assert ended.code == 0, ended.out
        return ended.document

    def call(self, tool: str, **arguments: Any) -> Ended:
        """Call a tool."""
        return self.run("call", tool, json.dumps(arguments))

    def offer(self, **wish: Any) -> str:
        """The id of the cheapest offer; of NUMBER where nothing else is wished."""
        wish = wish or {"country": "US", "area_code": "415", "contains": NUMBER[-7:]}
        found: str = self.call("search_numbers", **wish).document["offers"][0]["offer_id"]
        return found

    def propose(self, **wish: Any) -> str:
        """The id of a purchase that waits for a person."""
        proposed = self.call("buy_numbers", items=[self.offer(**wish)])
        assert proposed.document["state"] == "awaiting_approval"
        intent_id: str = proposed.document["intent_id"]
        return intent_id

    def opened(self) -> Premises:
        """The installation, open as another process would have it."""
        return open_installation(Settings(home=self.home))

    def approve_only(self, intent_id: str) -> None:
        """Approve, as a process that dies right afterwards."""
        opened = self.opened()

        async def approve() -> None:
            intent = await consenting.show(opened.desk, intent_id)
            await consenting.approve_at_terminal(
                opened.desk, intent_id, digest=intent.digest, person="the person"
            )

        anyio.run(approve)
        opened.close()

    def buy(self) -> str:
        """The number that is ours now."""
        intent_id = self.propose()
        self.approve_only(intent_id)
        bought = self.call("get_intent", intent_id=intent_id)
        assert bought.code == 0
        number: str = bought.document["lines"][0]["number"]
        return number

    def environment(self, **variables: str) -> dict[str, str]:
        """Of a process of its own."""
        return {**inherited(), "RINGFENCE_HOME": str(self.home), **variables}

    def run_alone(self, *arguments: str, stdin: str = "", **variables: str) -> Ended:
        """Run a command as a process in a session of its own, so without a terminal."""
        left = subprocess.run(
            [*COMMAND, *arguments],
            env=self.environment(**variables),
            input=stdin,
            capture_output=True,
            check=False,
            text=True,
            start_new_session=True,
            timeout=END_SECONDS,
        )
        return Ended(left.returncode, left.stdout, left.stderr)

    def run_in_terminal(
        self, *arguments: str, types: Mapping[str, Answer] | None = None, **variables: str
    ) -> Ended:
        """Run a command in a terminal where a person types an answer to each text that they see."""
        environment = self.environment(**variables)
        return in_terminal([*COMMAND, *arguments], environment, list((types or {}).items()))


def inherited() -> dict[str, str]:
    """Our environment with the checkout's packages in reach, and with bytecode: it starts faster."""
    path = os.pathsep.join(str(REPOSITORY / root) for root in ROOTS)
    foreign = {name for name in os.environ if name.startswith(PREFIX)}
    kept = os.environ.keys() - foreign - {"PYTHONDONTWRITEBYTECODE"}
    return {**{name: os.environ[name] for name in kept}, "PYTHONPATH": path}


def in_terminal(
    command: Sequence[str],
    environment: Mapping[str, str],
    types: Sequence[tuple[str, Answer]] = (),
    cwd: Path | None = None,
) -> Ended:
    """Run a program in a terminal: whenever a text appears there, its answer is typed."""
    controller, terminal = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE_TERMINAL, *command],
        cwd=cwd,
        env=environment,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    os.close(terminal)
    screen = ""
    for prompt, answer in types:
        screen += _read_until(controller, prompt)
        if isinstance(answer, signal.Signals):
            process.send_signal(answer)
            continue
        typed = answer if isinstance(answer, str) else answer(screen)
        os.write(controller, typed.encode())
    screen += _read_until(controller, None)
    echoes = bool(termios.tcgetattr(controller)[3] & termios.ECHO)
    os.close(controller)
    out, err = process.communicate(timeout=END_SECONDS)
    return Ended(process.returncode, out, err, screen, echoes)


def _read_until(controller: int, text: str | None) -> str:
    """What appears on the terminal up to a text, or until nobody holds it any more."""
    seen = b""
    while text is None or text.encode() not in seen:
        try:
            part = os.read(controller, 4096)
        except OSError:  # how Linux says that the other side is closed
            break
        if not part:
            break
        seen += part
    return seen.decode()
