"""A user unit for systemd.

Of its hardening only what works in user units everywhere: system call filters and limits. What needs namespaces
(`ProtectSystem=`, `PrivateTmp=`) fails where a system forbids them to users. (systemd.exec(5), systemd 252.)
"""

from __future__ import annotations

import platformdirs

from ringfence.errors import ConfigurationError
from ringfence_server.service.program import AGAIN_SECONDS, MARK, STOP_SECONDS, Program, Service

_UNIT = """\
# {mark}
[Unit]
Description={title}
# A database that is away for an hour is no reason to give up.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={command}
{environment}Restart=on-failure
RestartSec={again}
# 2: the settings or the installation must be corrected by a person first.
RestartPreventExitStatus=2
TimeoutStopSec={stop}
UMask=0077
LimitCORE=0
NoNewPrivileges=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=default.target
"""


def service(program: Program) -> Service:
    """The program as a unit of this user's own systemd.

    Raises:
        ConfigurationError: it has a path that systemd does not take.
    """
    unit = f"{program.name}.service"
    user = ("systemctl", "--user")
    return Service(
        name=unit,
        file=platformdirs.user_config_path() / "systemd" / "user" / unit,
        text=_text(program),
        start=((*user, "daemon-reload"), (*user, "enable", "--now", unit)),
        stop=((*user, "disable", "--now", unit),),
        is_active=(*user, "is-active", "--quiet", unit),
        log=f"journalctl --user --unit {unit}",
        afterwards="It ends when you log out. To let it go on then: loginctl enable-linger",
    )


def _text(program: Program) -> str:
    environment = "".join(
        f"Environment={_quoted(f'{name}={value}')}\n" for name, value in program.environment.items()
    )
    path, *arguments = program.words
    if set(path) & set("\"'\\"):
        raise ConfigurationError(
            f"systemd starts no program whose path has quotes or backslashes: {path}",
            remedy="Install ringfence in another folder.",
        )
    # In an argument a dollar begins a variable; in the path and in an assignment it is a letter like any other.
    command = " ".join([_quoted(path), *(_quoted(each).replace("$", "$$") for each in arguments)])
    return _UNIT.format(
        mark=MARK,
        title=program.title,
        command=command,
        environment=environment,
        again=AGAIN_SECONDS,
        stop=STOP_SECONDS,
    )


def _quoted(text: str) -> str:
    """A word as systemd reads it back: quoted, and without specifiers, which a percent begins (systemd.syntax(7))."""
    spelt = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{spelt}"'
