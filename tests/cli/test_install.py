"""`install`: clients are told of this server in files that are theirs."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cli.shell import END_SECONDS, Shell, inherited
from ringfence_server.clients.catalogue import CLIENTS, ClientName, Scope, Surroundings, place

PROGRAM = Path(sys.executable).with_name("ringfence")
FILES = {
    ("claude-code", "user"): ".claude.json",
    ("claude-code", "project"): "work/.mcp.json",
    ("claude-code", "local"): ".claude.json",
    ("claude-desktop", "user"): ".config/Claude/claude_desktop_config.json",
    ("cursor", "user"): ".cursor/mcp.json",
    ("cursor", "project"): "work/.cursor/mcp.json",
    ("vscode", "user"): ".config/Code/User/mcp.json",
    ("vscode", "project"): "work/.vscode/mcp.json",
    ("codex", "user"): ".codex/config.toml",
    ("codex", "project"): "work/.codex/config.toml",
}
JSON_FILES = [key for key, file in FILES.items() if file.endswith("json")]


@pytest.fixture
def user(tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home on Linux, where no client is installed; they work in its folder `work`."""
    home = tmp_path / "user"
    (home / "work").mkdir(parents=True)
    (home / "bin").mkdir()
    for name in ("XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(home / "bin"))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.chdir(home / "work")
    return home


def entries(file: Path) -> dict[str, Any]:
    """The servers in a client's file, wherever its list is."""
    text = file.read_text(encoding="utf-8")
    plain = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    for keys in ([], ["projects", str(Path.cwd())]):
        at = plain
        for key in keys:
            at = at.get(key, {})
        for name in ("mcpServers", "servers", "mcp_servers"):
            if name in at:
                found: dict[str, Any] = at[name]
                return found
    return {}


def fake_claude(user: Path, *, exit_code: int = 0) -> Path:
    """Claude Code's own command, which writes down what it is told; the file of what it was told."""
    told = user / "told"
    script = user / "bin" / "claude"
    script.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        f"open({str(told)!r}, 'a').write(json.dumps(sys.argv[1:]) + '\\n')\n"
        f"print('it says no', file=sys.stderr)\nsys.exit({exit_code})\n"
    )
    script.chmod(0o755)
    return told


@pytest.mark.parametrize(("client", "scope"), FILES, ids="-".join)
def test_each_client_is_told_in_its_own_file(
    shell: Shell, user: Path, client: str, scope: str
) -> None:
    done = shell.json("install", client, "--scope", scope)
    file = user / FILES[client, scope]
    assert (done["file"], done["changed"], done["copy"]) == (str(file), True, None)
    entry = entries(file)["ringfence"]
    assert entry == done["entry"]
    assert Path(entry["command"]).is_absolute()
    assert entry["args"][-1] == "serve"
    assert entry["env"] == {"RINGFENCE_HOME": str(shell.home)}
    assert stat.S_IMODE(file.stat().st_mode) == (0o644 if scope == "project" else 0o600)


def test_every_scope_of_every_client_was_tried() -> None:
    assert set(FILES) == {(c.name.value, s.value) for c in CLIENTS.values() for s in c.scopes}


def test_what_is_written_starts_this_very_ringfence(shell: Shell, user: Path) -> None:
    entry = shell.json("install", "cursor", "--dry-run")["entry"]
    started = subprocess.run(
        [entry["command"], *entry["args"][:-1], "numbers", "--json"],
        env={**inherited(), **entry["env"]},
        cwd="/",
        capture_output=True,
        check=True,
        text=True,
        timeout=END_SECONDS,
    )
    assert json.loads(started.stdout)["numbers"] == []


@pytest.mark.parametrize("client", list(ClientName))
def test_a_second_time_changes_nothing_and_the_way_back_leaves_nothing(
    shell: Shell, user: Path, client: str
) -> None:
    done = shell.json("install", client)
    file = Path(done["file"])
    before = file.read_bytes()
    again = shell.json("install", client)
    assert (again["changed"], again["difference"], file.read_bytes()) == (False, "", before)
    assert "has it already" in shell.run("install", client).out
    removed = shell.json("install", client, "--remove")
    assert (removed["entry"], entries(file)) == (None, {})
    assert Path(removed["copy"]).read_bytes() == before
    gone = shell.run("install", client, "--remove", "--json")
    assert (gone.code, gone.error["code"]) == (2, "not_found")


@pytest.mark.parametrize("client", list(ClientName))
def test_a_dry_run_shows_the_difference_and_writes_nothing(
    shell: Shell, user: Path, client: str
) -> None:
    shown = shell.run("install", client, "--dry-run")
    assert shown.code == 0
    assert "+++ " in shown.out
    assert "serve" in shown.out
    assert shown.out.endswith("Nothing was changed.\n")
    assert sorted(path.name for path in user.rglob("*")) == ["bin", "work"]


def test_the_rest_of_a_file_its_permissions_and_its_old_text_stay(shell: Shell, user: Path) -> None:
    file = user / ".cursor" / "mcp.json"
    file.parent.mkdir()
    old = '{\n  // mine\n  "mcpServers": {\n    "gh": {"command": "npx"}, // good\n  },\n}\n'
    file.write_text(old)
    file.chmod(0o640)
    done = shell.json("install", "cursor")
    new = file.read_text()
    assert new.startswith(old[: old.index("  },")])
    assert "// mine" in new
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    copy = Path(done["copy"])
    assert (copy.read_text(), stat.S_IMODE(copy.stat().st_mode)) == (old, 0o640)
    second = Path(shell.json("install", "cursor", "--remove")["copy"])
    assert second != copy
    assert file.read_text() == copy.read_text() == old
    assert sorted(path.name for path in file.parent.iterdir()) == [
        "mcp.json",
        "mcp.json.before-ringfence",
        "mcp.json.before-ringfence-2",
    ]


def test_an_entry_of_ours_is_brought_up_to_date_and_keeps_what_a_person_added(
    shell: Shell, user: Path
) -> None:
    file = user / ".codex" / "config.toml"
    file.parent.mkdir()
    file.write_text(
        '[mcp_servers.ringfence]\ncommand = "/old/bin/ringfence"\nargs = ["serve"]\n'
        "startup_timeout_sec = 20\n\n[mcp_servers.ringfence.env]\n"
        'RINGFENCE_MODE = "live"\nTZ = "UTC"\n'
    )
    wanted = shell.json("install", "codex")["entry"]
    entry = entries(file)["ringfence"]
    assert entry["command"] == wanted["command"]
    assert entry["startup_timeout_sec"] == 20
    assert entry["env"] == {"TZ": "UTC", "RINGFENCE_HOME": str(shell.home)}


def test_only_settings_that_this_shell_sets_are_written(
    shell: Shell, user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shell.home / "config.toml").write_text('approvals_url = "http://localhost:7777"\n')
    monkeypatch.setenv("RINGFENCE_MODE", "sandbox")
    entry = shell.json("install", "cursor", "--dry-run")["entry"]
    assert entry["env"] == {"RINGFENCE_HOME": str(shell.home), "RINGFENCE_MODE": "sandbox"}
    monkeypatch.delenv("RINGFENCE_HOME")
    monkeypatch.delenv("RINGFENCE_MODE")
    assert "env" not in shell.json("install", "cursor", "--dry-run")["entry"]


def test_a_databases_address_is_written_nowhere(
    shell: Shell, user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left out, the client would open another installation than this shell; so it is refused."""
    monkeypatch.setenv("RINGFENCE_DATABASE_URL", "postgresql://me:s3cret@db/x")
    refused = shell.run("install", "cursor", "--json")
    assert (refused.code, refused.error["code"]) == (2, "configuration")
    assert "s3cret" not in refused.out
    assert not (user / ".cursor").exists()


def test_secrets_beside_our_entry_are_masked_in_what_is_shown(shell: Shell, user: Path) -> None:
    file = user / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text(
        '{\n  "mcpServers": {"gh": {"env": {"API_KEY": "s3cret"}}},\n  "token": "s3cret"\n}\n'
    )
    shown = shell.run("install", "cursor").out
    assert "s3cret" not in shown
    assert file.read_text().count("s3cret") == 2


REFUSED = {
    "no JSON": ("{mcpServers: {}}", "cannot be read at character 2"),
    "a list": ("[]", "no object"),
    "a key twice": ('{"mcpServers": {}, "mcpServers": {}}', "stands twice"),
    "servers that are a list": ('{"mcpServers": []}', "list of servers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_is_not_understood_is_left_alone_and_the_lines_are_printed(
    shell: Shell, user: Path, case: str
) -> None:
    text, why = REFUSED[case]
    file = user / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text(text)
    refused = shell.run("install", "cursor")
    assert refused.code == 2
    assert why in refused.err
    assert '"mcpServers": {\n    "ringfence": {\n' in refused.err
    printed = json.loads(refused.err[refused.err.index("\n{") :])
    as_json = shell.run("install", "cursor", "--json")
    assert json.loads(as_json.error["details"]["lines"]) == printed
    assert (file.read_text(), len(list(file.parent.iterdir()))) == (text, 1)


def test_links_folders_and_bytes_are_not_written_through(shell: Shell, user: Path) -> None:
    elsewhere = user / "elsewhere.json"
    elsewhere.write_text("{}")
    (user / "work" / ".mcp.json").symlink_to(elsewhere)
    linked = shell.run("install", "claude-code", "--scope", "project", "--json")
    assert (linked.code, linked.error["code"]) == (2, "configuration")
    assert f"symbolic link to {elsewhere}" in linked.error["message"]
    (user / "hidden").mkdir()
    (user / "work" / ".vscode").symlink_to(user / "hidden")
    assert "symbolic link" in shell.run("install", "vscode", "--scope", "project").err
    (user / ".cursor" / "mcp.json").mkdir(parents=True)
    assert "no ordinary file" in shell.run("install", "cursor").err
    (user / ".codex").mkdir()
    (user / ".codex" / "config.toml").write_bytes(b"\xff\xfe")
    assert "no UTF-8" in shell.run("install", "codex").err
    assert elsewhere.read_text() == "{}"
    assert list((user / "hidden").iterdir()) == []


def test_a_file_that_changes_meanwhile_is_left_alone(
    shell: Shell, user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = user / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text("{}")
    real = os.fsync

    def changed_by_its_owner(handle: int) -> None:
        real(handle)
        file.write_text('{"theme": "dark"}')

    monkeypatch.setattr(os, "fsync", changed_by_its_owner)
    refused = shell.run("install", "cursor")
    assert (refused.code, file.read_text()) == (2, '{"theme": "dark"}')
    assert "another program has changed it" in refused.err
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".")] == []


def test_another_servers_entry_is_neither_changed_nor_removed(shell: Shell, user: Path) -> None:
    file = user / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text('{"mcpServers": {"phones": {"command": "npx", "args": ["phones"]}}}')
    for more in ([], ["--remove"]):
        refused = shell.run("install", "cursor", "--name", "phones", *more, "--json")
        assert (refused.code, refused.error["code"]) == (2, "invalid_arguments")
        assert "--name" in refused.error["remedy"]
    assert shell.json("install", "cursor", "--name", "phones-2")["changed"]
    assert set(entries(file)) == {"phones", "phones-2"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["emacs"], "CLIENT"),
        (["cursor", "--scope", "local"], "has no scope local"),
        (["claude-desktop", "--scope", "project"], "has no scope project"),
        (["cursor", "--name", "a b"], "is no name"),
        (["cursor", "--name", 'x"]\n[evil'], "is no name"),
    ],
)
def test_what_no_client_has_is_refused(
    shell: Shell, user: Path, arguments: list[str], told: str
) -> None:
    refused = shell.run("install", *arguments, "--json")
    assert (refused.code, refused.error["code"]) == (2, "invalid_arguments")
    assert told in refused.error["message"]


# Claude Code has a command of its own for the file that it writes all the time


@pytest.mark.parametrize("scope", ["user", "local"])
def test_claude_codes_own_command_does_it_where_there_is_one(
    shell: Shell, user: Path, scope: str
) -> None:
    told = fake_claude(user)
    planned = shell.run("install", "claude-code", "--scope", scope, "--dry-run").out
    assert f"mcp add --env=RINGFENCE_HOME={shell.home} --scope {scope} ringfence -- " in planned
    assert not told.exists()
    done = shell.json("install", "claude-code", "--scope", scope)
    [said] = [json.loads(line) for line in told.read_text().splitlines()]
    assert said == done["commands"][0][1:]
    assert said[-2:] == [done["entry"]["command"], "serve"] or said[-1] == "serve"
    assert not (user / ".claude.json").exists()


def test_an_old_entry_is_replaced_by_its_command_and_a_good_one_left(
    shell: Shell, user: Path
) -> None:
    entry = shell.json("install", "claude-code")["entry"]
    told = fake_claude(user)
    assert not shell.json("install", "claude-code")["changed"]
    assert not told.exists()
    old = {"mcpServers": {"ringfence": entry | {"command": "/old/ringfence"}}}
    (user / ".claude.json").write_text(json.dumps(old))
    shell.json("install", "claude-code")
    assert [json.loads(line)[:2] for line in told.read_text().splitlines()] == [
        ["mcp", "remove"],
        ["mcp", "add"],
    ]
    shell.json("install", "claude-code", "--remove")
    last = json.loads(told.read_text().splitlines()[-1])
    assert last == ["mcp", "remove", "--scope", "user", "ringfence"]


def test_when_its_command_fails_the_person_gets_it_to_run(shell: Shell, user: Path) -> None:
    fake_claude(user, exit_code=1)
    failed = shell.run("install", "claude-code", "--json")
    assert (failed.code, failed.error["code"]) == (2, "configuration")
    assert "it says no" in failed.error["message"]
    assert "mcp add" in failed.error["remedy"]


def test_a_projects_file_is_edited_even_where_there_is_a_command(shell: Shell, user: Path) -> None:
    told = fake_claude(user)
    shell.json("install", "claude-code", "--scope", "project")
    assert set(entries(user / "work" / ".mcp.json")) == {"ringfence"}
    assert not told.exists()


# Where the files are


@pytest.mark.parametrize(
    ("client", "environment", "is_mac", "file"),
    [
        (
            "claude-desktop",
            {},
            True,
            "Library/Application Support/Claude/claude_desktop_config.json",
        ),
        ("vscode", {}, True, "Library/Application Support/Code/User/mcp.json"),
        ("cursor", {}, True, ".cursor/mcp.json"),
        (
            "claude-desktop",
            {"XDG_CONFIG_HOME": "/h/x"},
            False,
            "x/Claude/claude_desktop_config.json",
        ),
        ("claude-code", {"CLAUDE_CONFIG_DIR": "/h/c"}, False, "c/.claude.json"),
        ("codex", {"CODEX_HOME": "/h/c"}, False, "c/config.toml"),
    ],
)
def test_where_a_client_keeps_its_servers(
    client: str, environment: Mapping[str, str], is_mac: bool, file: str
) -> None:
    around = Surroundings(Path("/h"), Path("/h/work"), environment, is_mac)
    assert place(ClientName(client), Scope.USER, around).file == Path("/h") / file
