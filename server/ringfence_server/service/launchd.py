"""A launch agent for macOS.

(launchd.plist(5), launchctl(1).)
"""

from __future__ import annotations

import os
import plistlib
from pathlib import Path

from ringfence_server.service.program import AGAIN_SECONDS, MARK, STOP_SECONDS, Program, Service


def service(program: Program) -> Service:
    """The program as an agent of this user's own launchd."""
    label = program.name
    file = Path.home() / "Library" / "LaunchAgents" / f"{label}.plist"
    log = Path.home() / "Library" / "Logs" / f"{label}.log"
    domain = f"gui/{os.getuid()}"
    return Service(
        name=label,
        file=file,
        text=_text(program, log),
        start=(("launchctl", "bootstrap", domain, str(file)),),
        stop=(("launchctl", "bootout", f"{domain}/{label}"),),
        is_active=("launchctl", "print", f"{domain}/{label}"),
        log=f"tail -f {log}",
    )


def _text(program: Program, log: Path) -> str:
    agent = {
        "Label": program.name,
        "ProgramArguments": list(program.words),
        "EnvironmentVariables": dict(program.environment),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": AGAIN_SECONDS,
        "ExitTimeOut": STOP_SECONDS,
        "ProcessType": "Background",
        "Umask": 0o077,
        "HardResourceLimits": {"Core": 0},
        "StandardOutPath": str(log),
        "StandardErrorPath": str(log),
    }
    head, line, rest = plistlib.dumps(agent, sort_keys=False).decode("utf-8").partition("<plist")
    return f"{head}<!-- {MARK.replace('--', '- -')} -->\n{line}{rest}"
