"""`doctor`: what is wrong is found, graded, and named with what mends it; and nothing is changed."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cli.shell import COMMAND, Ended, Shell
from ringfence_server.checkup import machine, processes
from ringfence_server.cli import keeping
from ringfence_server.settings import DATABASE_NAME


@pytest.fixture(autouse=True)
def _no_clients(tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without any client, whose page may be on any port."""
    home = tmp_path / "user"
    home.mkdir()
    for name in ("XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("RINGFENCE_APPROVALS_URL", "http://localhost:0")
    monkeypatch.chdir(home)
    shell.home.chmod(0o700)


def examined(shell: Shell) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the findings by what was checked."""
    ended = shell.run("doctor", "--json")
    return ended.code, {each["check"]: each for each in ended.document["findings"]}


def worst(shell: Shell) -> dict[str, tuple[str, str | None]]:
    """What is not well, with what mends it."""
    _, found = examined(shell)
    return {name: (f["grade"], f["mend"]) for name, f in found.items() if f["grade"] != "ok"}


def sql(shell: Shell, *statements: str) -> None:
    with closing(sqlite3.connect(shell.home / DATABASE_NAME)) as database, database:
        for statement in statements:
            database.execute(statement)


def test_a_new_installation_is_well(shell: Shell) -> None:
    code, found = examined(shell)
    assert (code, worst(shell)) == (0, {})
    assert list(found) == [
        "python", "packages", "home", "readers", "database", "lock", "ledger", "audit", "freeze",
        "rates", "unsettled", "runner", "page", "clients", "separation",
    ]  # fmt: skip
    told = shell.run("doctor").out
    assert told.endswith(f"Failed: 0. Warnings: 0. Well: {len(found)}.\n")
    assert "ok    audit       All 2 events of the audit chain hold.\n" in told


def test_it_says_plainly_what_a_shell_of_the_same_user_can_do(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = shell.run("doctor", "--json").document
    assert (document["healthy"], document["separation"]) == (True, "same_user")
    says = examined(shell)[1]["separation"]["says"]
    assert says.startswith("Grade: same user. A shell that runs as ")
    monkeypatch.setenv("RINGFENCE_MODE", "live")
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path / "live"))
    shell.json("init")
    grade, mend = worst(shell)["separation"]
    assert (grade, mend) == (
        "warn",
        "Run ringfence as another user, or on another host: see SECURITY.md.",
    )


def test_another_users_installation_is_not_ours_to_examine(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    code, found = examined(shell)
    assert (code, found["home"]["grade"]) == (2, "fail")
    assert "sudo chown -R" in found["home"]["mend"]
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert examined(shell)[1]["separation"]["says"].startswith("Grade: other user.")


def test_nothing_is_made_where_nothing_is(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path / "none"))
    assert worst(shell) == {
        "home": ("warn", "ringfence init"),
        "database": ("warn", "ringfence init"),
        "separation": ("unknown", None),
    }
    assert not (tmp_path / "none").exists()


def test_a_wrong_setting_is_the_first_thing_to_mend(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_HOEM", "s3cret")
    code, found = examined(shell)
    assert (code, found["settings"]["grade"]) == (2, "fail")
    assert "Did you mean RINGFENCE_HOME?" in found["settings"]["mend"]
    assert "s3cret" not in str(found)


def test_who_else_can_read_it_is_said_with_the_command_that_ends_it(shell: Shell) -> None:
    shell.home.chmod(0o755)
    database = shell.home / DATABASE_NAME
    database.chmod(0o644)
    assert worst(shell) == {
        "home": ("warn", f"chmod 700 {shell.home}"),
        "readers": ("warn", f"chmod 600 {database}"),
    }
    for command in (worst(shell)["home"][1], worst(shell)["readers"][1]):
        subprocess.run(str(command).split(), check=True)
    assert worst(shell) == {}


def test_a_database_that_cannot_be_used_fails_and_is_left_as_it_is(shell: Shell) -> None:
    sql(shell, "UPDATE alembic_version SET version_num = '9999'")
    assert worst(shell)["database"] == ("fail", "pip install --upgrade ringfence")
    sql(shell, "UPDATE alembic_version SET version_num = '0001'")
    assert worst(shell)["database"] == ("fail", "ringfence db upgrade")
    assert shell.run("doctor").code == 2
    damaged = shell.home / DATABASE_NAME
    damaged.write_bytes(b"this is no database at all, but long enough to be one" * 100)
    before = damaged.read_bytes()
    code, found = examined(shell)
    assert (code, found["database"]["grade"]) == (2, "fail")
    assert "backup" in found["database"]["mend"]
    assert damaged.read_bytes() == before


def test_an_unreachable_server_is_said_without_its_address(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_DATABASE_URL", "postgresql+psycopg://me:s3cret@127.0.0.1:1/x")
    grade, mend = worst(shell)["database"]
    assert grade == "fail"
    assert "RINGFENCE_DATABASE_URL" in str(mend)
    assert "s3cret" not in shell.run("doctor").out


def test_an_installation_of_the_other_mode_fails(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_MODE", "live")
    assert worst(shell)["installation"][0] == "fail"


def test_books_and_chain_that_do_not_hold_fail(shell: Shell) -> None:
    shell.buy()
    sql(
        shell,
        "UPDATE balance SET used = used - 1000000 WHERE budget = 'cash'",
        "DROP TRIGGER audit_event_no_update",
        "UPDATE audit_event SET bytes = replace(bytes, '\"seq\":4', '\"seq\":4 ') WHERE seq = 4",
    )
    found = worst(shell)
    assert found["ledger"] == ("fail", "ringfence ledger verify")
    assert found["audit"] == ("fail", "ringfence audit verify")
    assert shell.run("doctor").code == 2


def test_a_freeze_what_waits_and_what_is_unsettled_are_for_a_person(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "WORK_SECONDS", 0.5)
    shell.run("sandbox", "fault", "server_error")
    shell.approve_only(shell.propose())
    assert shell.run("settle").code == 6
    shell.propose(country="US", area_code="212")
    shell.run("freeze", "too", "fast")
    assert worst(shell) == {
        "freeze": ("warn", "ringfence unfreeze"),
        "waiting": ("warn", "ringfence pending"),
        "unsettled": ("warn", "ringfence settle"),
        "runner": ("warn", "ringfence settle"),
    }
    assert "too fast" in examined(shell)[1]["freeze"]["says"]
    assert shell.run("doctor").code == 0


def test_a_rate_that_has_grown_stale_is_named(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    shown = shell.run("policy", "show").out
    file.write_text(shown.replace("max_age_days: null", "max_age_days: 30", 1))
    shell.json("policy", "apply", str(file))
    shell.json("sandbox", "clock", "+400d")
    code, found = examined(shell)
    assert (code, found["rates"]["grade"]) == (0, "warn")
    assert found["rates"]["says"].endswith("are refused: EUR to USD.")
    assert "ringfence policy apply" in found["rates"]["mend"]


def test_a_strangers_port_is_a_warning_in_a_sandbox_and_fails_live(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as stranger:
        port = stranger.getsockname()[1]
        monkeypatch.setenv("RINGFENCE_APPROVALS_URL", f"http://localhost:{port}")
        assert worst(shell)["page"][0] == "warn"
        monkeypatch.setenv("RINGFENCE_MODE", "live")
        monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path / "live"))
        shell.json("init")
        grade, mend = worst(shell)["page"]
    assert (grade, "RINGFENCE_APPROVALS_URL" in str(mend)) == ("fail", True)
    assert f"port {port} is free" in examined(shell)[1]["page"]["says"]


def test_who_holds_the_lock_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LOCK_SECONDS", 0.05)
    lock = shell.home / f"{DATABASE_NAME}.lock"
    with lock.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code, found = examined(shell)
    assert (code, found["lock"]["grade"]) == (2, "fail")
    if Path("/proc/locks").exists():
        assert found["lock"]["mend"] == f"Look at it: ps -p {os.getpid()}"
    assert examined(shell)[0] == 0


@pytest.mark.skipif(not processes.can_be_seen(), reason="this system does not show open files")
def test_a_server_that_works_things_off_is_seen(shell: Shell) -> None:
    page = subprocess.Popen(
        [*COMMAND, "approvals", "serve"],
        env=shell.environment(RINGFENCE_APPROVALS_URL="http://localhost:0"),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert page.stdout is not None
        address = page.stdout.readline().strip()
        _, found = examined(shell)
        assert found["runner"]["says"] == f"At work: process {page.pid}."
        assert found["page"]["says"] == f"The approval page is at {address}"
    finally:
        page.terminate()
        page.communicate(timeout=20)
    assert "No server runs" in examined(shell)[1]["runner"]["says"]


def test_a_client_that_looks_for_us_in_vain_is_named_with_its_cure(
    shell: Shell, tmp_path: Path
) -> None:
    assert shell.json("install", "cursor")["changed"]
    assert examined(shell)[1]["clients"]["grade"] == "ok"
    file = tmp_path / "user" / ".cursor" / "mcp.json"
    plain = json.loads(file.read_text())
    plain["mcpServers"]["ringfence"]["command"] = str(tmp_path / "gone" / "ringfence")
    plain["mcpServers"]["other"] = {"command": "/gone/too"}
    file.write_text(json.dumps(plain))
    assert worst(shell) == {"clients": ("warn", "ringfence install cursor")}
    shell.json(*str(worst(shell)["clients"][1]).split()[1:])
    assert worst(shell) == {}
    (tmp_path / "user" / ".codex").mkdir()
    (tmp_path / "user" / ".codex" / "config.toml").write_text("no toml")
    assert worst(shell) == {}


def test_a_network_file_system_fails(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    point = str(shell.home).replace(" ", "\\040")
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {point} nfs4 rw 0 0\n")
    monkeypatch.setattr(machine, "MOUNTS", mounts)
    assert worst(shell)["filesystem"][0] == "fail"


def test_an_old_python_or_a_missing_package_fails(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "LEAST_PYTHON", (99, 0))
    monkeypatch.setattr(machine, "LEAST_SQLITE", (99, 0, 0))
    monkeypatch.setattr(machine, "PACKAGES", ("mcp", "no-such-package"))
    found = worst(shell)
    assert {found[name][0] for name in ("python", "sqlite", "packages")} == {"fail"}


def test_the_report_fits_80_columns_and_commands_stay_whole(shell: Shell) -> None:
    shell.home.chmod(0o755)
    ended: Ended = shell.run("doctor")
    assert f"> chmod 700 {shell.home}\n" in ended.out
    for line in ended.out.splitlines():
        assert len(line) <= 80 or str(shell.home) in line


def test_colours_are_for_terminals_that_want_them(shell: Shell) -> None:
    shell.home.chmod(0o755)
    coloured = shell.run_alone("doctor", FORCE_COLOR="1", TERM="xterm-256color").out
    assert "\x1b[33mwarn  home" in coloured
    for plain in ({}, {"NO_COLOR": "1", "FORCE_COLOR": "1", "TERM": "xterm-256color"}):
        told = shell.run_alone("doctor", **plain).out
        assert "\x1b" not in told
        assert "warn  home" in told


def test_it_is_read_only(shell: Shell) -> None:
    before = {p.name: p.read_bytes() for p in shell.home.iterdir() if p.suffix == ".sqlite3"}
    shell.run("doctor")
    assert {
        p.name: p.read_bytes() for p in shell.home.iterdir() if p.suffix == ".sqlite3"
    } == before
