"""`up`: page and runner in one process, killed and doubled; and the same as a service of the user."""

from __future__ import annotations

import os
import plistlib
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio
import httpx
import pytest

from approvals.ports import answering, free_port, stranger
from cli.shell import COMMAND, END_SECONDS, Shell
from cli.test_live import WORDS, allow, live
from ringfence.desk import consenting
from ringfence.errors import ConfigurationError
from ringfence.guard.card import card, read_facts
from ringfence.intents import Intent
from ringfence.states import IntentState
from ringfence_server.keys.locked import read_key
from ringfence_server.opening import Premises, open_installation
from ringfence_server.service import launchd, systemd
from ringfence_server.service.program import Program
from ringfence_server.settings import read_settings

__all__ = ["live"]  # the fixture

DONE_SECONDS = 30
"""For a purchase that another process executes; it takes one or two."""
VERIFIER = shutil.which("systemd-analyze")


@pytest.fixture(autouse=True)
def port(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The installation's own port; and a user whose settings are their own."""
    port = free_port()
    monkeypatch.setenv("RINGFENCE_APPROVALS_URL", f"http://localhost:{port}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setattr("sys.platform", "linux")
    return port


@contextmanager
def running(shell: Shell, mode: str = "sandbox") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`ringfence up` in a process of its own, with the first line that it says."""
    url = os.environ["RINGFENCE_APPROVALS_URL"]
    with subprocess.Popen(
        [*COMMAND, "up"],
        env=shell.environment(RINGFENCE_APPROVALS_URL=url, RINGFENCE_MODE=mode),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def ended(shell: Shell, intent_id: str, *, mode: str = "sandbox") -> IntentState:
    """How an intent has ended, without a runner of our own."""
    opened = open_installation(read_settings())

    async def wait() -> Intent:
        with anyio.fail_after(DONE_SECONDS):
            while True:
                intent = await consenting.show(opened.desk, intent_id)
                if intent.state not in {IntentState.APPROVED, IntentState.EXECUTING}:
                    return intent
                await opened.desk.bell.wait(0.05)

    try:
        return anyio.run(wait).state
    finally:
        opened.close()


def sign_only(intent_id: str, settings_folder: Path) -> None:
    """Approve with the passphrase, as a process that dies right afterwards."""
    opened = open_installation(read_settings())
    [file] = (settings_folder / "ringfence" / "keys").glob("*.key")
    anyio.run(partial(_sign, opened, intent_id, file))
    opened.close()


async def _sign(opened: Premises, intent_id: str, file: Path) -> None:
    facts = await opened.desk.store.read(lambda tx: read_facts(tx, intent_id))
    statement = await consenting.statement_to_sign(
        opened.desk, intent_id, card=card(facts), digest=facts.intent.digest
    )
    signature = read_key(file).unlock(WORDS).sign(statement)
    await consenting.approve_signed(opened.desk, intent_id, statement, signature)


def test_a_live_purchase_that_was_signed_elsewhere_is_executed(
    live: Shell, tmp_path: Path, port: int
) -> None:
    assert allow(live, tmp_path).code == 0
    first, second = live.propose(), live.propose(country="US", area_code="212")
    with running(live, "live") as (process, told):
        assert told == f"http://localhost:{port}"
        assert httpx.get(f"{told}/", trust_env=False).status_code == 200
        sign_only(first, tmp_path / "settings")
        assert ended(live, first) is IntentState.COMPLETED
        process.kill()
        process.wait(END_SECONDS)
        sign_only(second, tmp_path / "settings")
        assert live.json("show", second)["state"] == "approved"
        with running(live, "live"):
            assert ended(live, second) is IntentState.COMPLETED
    assert live.json("ledger", "verify")["agrees"]
    assert live.json("spending")["frozen"] is None


def test_two_share_the_page_and_the_other_one_takes_over(shell: Shell, port: int) -> None:
    with running(shell) as (first, one), running(shell) as (second, other):
        assert one == other == f"http://localhost:{port}"
        assert second.stdout is not None
        assert second.stdout.readline().startswith("Another process serves it")
        first.send_signal(signal.SIGTERM)
        assert first.wait(END_SECONDS) == 0
        status = shell.json("up", "--status")
        assert status["processes"] in (None, [second.pid])
        anyio.run(_until_served, shell)
        second.send_signal(signal.SIGINT)
        out, err = second.communicate(timeout=END_SECONDS)
        assert (second.returncode, "Traceback" in out + err) == (0, False)
    assert shell.json("up", "--status")["page"] is None


async def _until_served(shell: Shell) -> None:
    opened = shell.opened()
    with anyio.fail_after(DONE_SECONDS):
        while await anyio.to_thread.run_sync(opened.page_keeper().living) is None:
            await opened.desk.bell.wait(0.05)
    opened.close()


def test_on_a_strangers_port_a_live_one_goes_on_without_a_page(
    live: Shell, tmp_path: Path, port: int
) -> None:
    assert allow(live, tmp_path).code == 0
    intent_id = live.propose()
    with stranger(port, answering(b"welcome")), running(live, "live") as (process, told):
        assert "cannot be served now" in told
        sign_only(intent_id, tmp_path / "settings")
        assert ended(live, intent_id) is IntentState.COMPLETED
        process.terminate()
        _, err = process.communicate(timeout=END_SECONDS)
    assert f"Port {port} belongs to another program" in err


def test_doctor_sees_it_at_work(shell: Shell) -> None:
    with running(shell) as (process, _):
        found = {each["check"]: each for each in shell.run("doctor", "--json").document["findings"]}
        if Path("/proc/self/fd").exists():
            assert found["runner"]["says"] == f"At work: process {process.pid}."


# As a service.


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `systemctl` that does everything it is told; the file has what that was."""
    told = tmp_path / "told"
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {told}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return told


def test_it_is_installed_started_seen_and_taken_away(
    shell: Shell, manager: Path, tmp_path: Path, port: int
) -> None:
    made = shell.json("up", "--install")
    name = made["service"]
    assert re.fullmatch(r"ringfence-sandbox-[0-9a-f]{6}\.service", name)
    file = tmp_path / "settings" / "systemd" / "user" / name
    assert (made["file"], file.read_text(), made["started"]) == (str(file), made["text"], True)
    assert manager.read_text() == f"--user daemon-reload\n--user enable --now {name}\n"
    assert f'Environment="RINGFENCE_HOME={shell.home}"\n' in made["text"]
    assert f'Environment="RINGFENCE_APPROVALS_URL=http://localhost:{port}"\n' in made["text"]
    assert "Restart=on-failure\n" in made["text"]
    [command] = re.findall(r"^ExecStart=(.*)$", made["text"], re.MULTILINE)
    assert command.startswith('"/')
    assert command.endswith(' "up"')
    status = shell.json("up", "--status")
    assert (status["installed"], status["active"]) == (True, True)
    assert shell.json("up", "--install")["text"] == made["text"]
    told = shell.run("up", "--install").out
    assert told.endswith("To let it go on then: loginctl enable-linger\n")
    gone = shell.json("up", "--uninstall")
    assert (gone["removed"], gone["stopped"], file.exists()) == (True, True, False)
    assert manager.read_text().splitlines()[-1] == f"--user disable --now {name}"
    assert shell.json("up", "--uninstall")["removed"] is False
    assert shell.json("up", "--status")["installed"] is False


def test_what_is_started_is_what_runs(shell: Shell, manager: Path) -> None:
    """The command in the unit, with the variables in the unit and no others."""
    text = shell.json("up", "--install")["text"]
    [command] = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    variables = dict(re.findall(r'^Environment="(\w+)=(.*)"$', text, re.MULTILINE))
    words = re.findall(r'"([^"]*)"', command)
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": shell.environment()["PYTHONPATH"]}
    with subprocess.Popen(
        words, env={**bare, **variables}, cwd="/", stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == variables["RINGFENCE_APPROVALS_URL"]
        process.terminate()
        assert process.wait(END_SECONDS) == 0


def test_where_it_cannot_be_started_the_command_is_said(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    told = shell.run("up", "--install")
    assert told.code == 0
    assert "not started (there is no systemctl here)" in told.out
    assert re.search(
        r"^systemctl --user daemon-reload && systemctl --user enable --now ringfence-sandbox-\w+\.service$",
        told.out,
        re.MULTILINE,
    )
    assert shell.json("up", "--status")["active"] is None
    assert "taken away. If it still runs" in shell.run("up", "--uninstall").out


def test_a_password_is_written_into_no_service(
    shell: Shell, manager: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_DATABASE_URL", "postgresql+psycopg://me:s3cret@127.0.0.1:1/x")
    refused = shell.run("up", "--install", "--json")
    assert (refused.code, refused.error["code"]) == (2, "configuration")
    assert "s3cret" not in refused.out + refused.err
    assert not (tmp_path / "settings" / "systemd").exists()


def test_what_cannot_be_opened_is_not_installed(
    shell: Shell, manager: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_MODE", "live")
    assert shell.run("up", "--install").code == 2
    assert not manager.exists()


def test_somebody_elses_file_is_left_as_it_is(shell: Shell, manager: Path) -> None:
    file = Path(shell.json("up", "--status")["file"])
    file.parent.mkdir(parents=True)
    file.write_text("[Unit]\nDescription=ringfence up, my own\n")
    for wish in ("--install", "--uninstall"):
        refused = shell.run("up", wish, "--json")
        assert refused.error["message"].endswith(
            "was not written by ringfence, and is left as it is."
        )
    assert file.read_text() == "[Unit]\nDescription=ringfence up, my own\n"
    assert not manager.exists()


def test_it_is_one_wish_at_a_time(shell: Shell) -> None:
    assert shell.run("up", "--install", "--status").code == 2


ODD = "a b%h$x"
"""What systemd would take for something else, of what a path may hold there."""
ODDER = f"{ODD}\"'\\y <&>"


def odd(tmp_path: Path) -> Program:
    folder = tmp_path / ODDER
    program = tmp_path / ODD / "ringfence"
    program.parent.mkdir()
    program.symlink_to(sys.executable)
    return Program(
        "ringfence-live", "a title", (str(program), "up"), {"RINGFENCE_HOME": str(folder)}
    )


@pytest.mark.skipif(VERIFIER is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_unit_to_the_last_letter(tmp_path: Path) -> None:
    """It complains of a program that is not there, so it has read this path as it was meant."""
    service = systemd.service(odd(tmp_path))
    unit = tmp_path / service.name
    unit.write_text(service.text)
    assert verified(unit) == ""
    (tmp_path / ODD / "ringfence").unlink()
    assert f"{tmp_path}/{ODD}/ringfence is not executable" in verified(unit)


def test_a_program_that_systemd_would_not_start_is_refused(tmp_path: Path) -> None:
    program = Program("ringfence-live", "a title", (str(tmp_path / ODDER / "ringfence"), "up"), {})
    with pytest.raises(ConfigurationError, match="quotes or backslashes"):
        systemd.service(program)


def verified(unit: Path) -> str:
    """What systemd has to say against a user's unit."""
    assert VERIFIER is not None
    left = subprocess.run(
        [VERIFIER, "verify", "--user", "--man=no", str(unit)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(unit.parent)},
        capture_output=True,
        check=False,
        text=True,
        timeout=END_SECONDS,
    )
    return "\n".join(line for line in left.stderr.splitlines() if unit.name in line)


def test_launchd_understands_the_agent_to_the_last_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    program = odd(tmp_path)
    service = launchd.service(program)
    read = plistlib.loads(service.text.encode())
    assert read["ProgramArguments"] == list(program.words)
    assert read["EnvironmentVariables"] == dict(program.environment)
    assert read["KeepAlive"] == {"SuccessfulExit": False}
    assert (read["Label"], read["RunAtLoad"], read["Umask"]) == ("ringfence-live", True, 0o077)
    assert service.file == tmp_path / "Library" / "LaunchAgents" / "ringfence-live.plist"
    assert service.start[0][1] == "bootstrap"


def test_on_macos_the_agent_is_written_and_taken_away(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    made = shell.json("up", "--install")
    assert (made["started"], Path(made["file"]).suffix) == (False, ".plist")
    assert shell.json("up", "--status")["installed"] is True
    assert shell.json("up", "--uninstall")["removed"] is True
    assert not Path(made["file"]).exists()
