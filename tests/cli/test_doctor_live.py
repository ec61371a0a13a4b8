"""`doctor` in a live installation: whose consent counts, as it is verified now, and what lies where it should not."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.shell import NUMBER, Shell
from cli.test_live import LIMITS, WORDS, allow, in_terminal, live
from cli.vouching import vouch
from guard.authenticator import Passkey
from guard.signing import Signer
from ringfence_server.settings import DATABASE_NAME

__all__ = ["live"]  # the fixture

Found = dict[str, tuple[str, str]]
"""By what was checked: how it is, and what is said of it."""


@pytest.fixture(autouse=True)
def user(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without any client, whose page may be on any port."""
    user = tmp_path / "user"
    user.mkdir()
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", str(user))
    monkeypatch.setenv("RINGFENCE_APPROVALS_URL", "http://localhost:0")
    monkeypatch.chdir(user)
    return user


def examined(live: Shell) -> Found:
    found = live.run("doctor", "--json").document["findings"]
    return {each["check"]: (each["grade"], each["says"]) for each in found}


def keys_folder(tmp_path: Path) -> Path:
    return tmp_path / "settings" / "ringfence" / "keys"


def anchors(tmp_path: Path) -> Path:
    return tmp_path / "settings" / "ringfence" / "anchors"


def enroll(tmp_path: Path, who: Signer | Passkey) -> None:
    """Let somebody sign from now on, as Ada signed."""
    [file] = keys_folder(tmp_path).glob("*.key")
    vouch(file, WORDS, who)


def sql(live: Shell, *statements: str) -> None:
    with closing(sqlite3.connect(live.home / DATABASE_NAME)) as database, database:
        for statement in statements:
            database.execute(statement)


def test_before_anybody_may_sign_it_says_who_has_to_come_first(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("RINGFENCE_MODE", "live")
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path / "live"))
    shell.json("init")
    found = examined(shell)
    assert found["root"] == (
        "warn",
        "There is no root, so nobody's signature counts and nothing can be bought.",
    )
    assert found["approvers"] == (
        "warn",
        "Nobody may sign here, so every purchase is refused.",
    )
    assert found["limits"][1].endswith("can be bought: cash, run-rate, count, attempts.")
    assert found["carriers"][1].startswith("The sandbox carrier alone is allowed")
    assert found["list"] == (
        "ok",
        "The list of our numbers at sandbox was never read here. The first purchase there reads it.",
    )
    assert "policy" not in found


def test_one_approver_alone_is_a_warning_and_two_people_with_a_passkey_are_well(
    live: Shell, tmp_path: Path
) -> None:
    assert allow(live, tmp_path).code == 0
    found = examined(live)
    assert found["root"][0] == "ok"
    assert found["root"][1].endswith(f"is pinned in {anchors(tmp_path)}, outside home.")
    assert found["approvers"] == (
        "warn",
        "ada alone may sign (1 key with a passphrase; together up to passphrase): when that key is lost only the "
        "recovery key helps, and nobody looks at what one person signs.",
    )
    assert found["policy"] == ("ok", "Version 2 is the approvers': signed, or tightened.")
    assert found["limits"] == ("ok", "6 limits, none of them zero.")
    assert found["levels"][0] == "warn"
    assert found["history"][0] == "ok"
    enroll(tmp_path, Passkey("bob"))
    assert examined(live)["approvers"] == (
        "ok",
        "ada, bob may sign (1 key with a passphrase, 1 key with a passkey; together up to two_people).",
    )


def test_a_level_that_nobody_can_reach_is_named(
    live: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    above = 'buy_above:\n  - {first_year: "20.00 USD", level: passkey}\n'
    monkeypatch.setattr("cli.test_live.LIMITS", LIMITS.replace("buy_above: []\n", above))
    assert allow(live, tmp_path).code == 0
    grade, says = examined(live)["levels"]
    assert grade == "warn"
    assert says == (
        "The policy asks for passkey somewhere, which nobody can give: it takes a passkey, and no "
        "approver has one."
    )
    enroll(tmp_path, Passkey("bob"))
    assert examined(live)["levels"] == ("ok", "The dearest purchases need passkey.")


def test_the_list_that_a_purchase_rested_on_is_told_with_its_age(
    live: Shell, tmp_path: Path
) -> None:
    assert allow(live, tmp_path).code == 0
    bought = in_terminal(
        live, "approve", live.propose(),
        **{"or no: ": f"{NUMBER[-4:]}\n", "Passphrase of ada": f"{WORDS}\n"},
    )  # fmt: skip
    assert bought.code == 0, bought.err
    assert examined(live)["list"] == (
        "ok",
        "The list of our numbers at sandbox was last read less than a minute ago: 0 numbers. Purchases there may rest "
        "on one that is up to an hour old.",
    )
    assert live.run("numbers", "--refresh").code == 0
    assert "less than a minute ago: 1 number." in examined(live)["list"][1]


def test_a_missing_or_foreign_pin_fails(live: Shell, tmp_path: Path) -> None:
    [pin] = anchors(tmp_path).glob("*.root")
    pin.write_text("f" * 64 + "\n")
    found = examined(live)
    assert "another root is pinned" in found["approvers"][1]
    assert "root" not in found  # nothing that rests on it is said
    pin.unlink()
    grade, says = examined(live)["approvers"]
    assert (grade, "pin of this installation's root is missing" in says) == ("fail", True)
    assert live.run("doctor").code == 2


def test_a_policy_that_somebody_wrote_into_the_database_fails(live: Shell) -> None:
    """The limits are raised behind the approvers' back; the hash is left as it was."""
    sql(
        live,
        "DROP TRIGGER IF EXISTS policy_no_update",
        "UPDATE policy SET document = replace(document, '0.00 USD', '9.00 USD')",
    )
    grade, says = examined(live)["policy"]
    assert (grade, "does not hold" in says) == ("fail", True)


def test_a_pin_inside_home_is_a_warning(
    live: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings").rename(live.home / "settings")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(live.home / "settings"))
    grade, says = examined(live)["root"]
    assert (grade, "inside home" in says) == ("warn", True)


def test_an_older_copy_is_frozen_and_told_apart(live: Shell, tmp_path: Path) -> None:
    [mark] = anchors(tmp_path).glob("*.high-water")
    _, (seq, head) = json.loads(mark.read_text())
    mark.write_text(json.dumps([[seq + 9, head]] * 2))
    found = examined(live)
    assert found["freeze"][0] == "warn"
    assert (found["history"][0], f"and had {seq + 9}" in found["history"][1]) == ("fail", True)


def test_a_key_that_is_not_locked_or_that_others_can_read_is_named(
    live: Shell, tmp_path: Path
) -> None:
    folder = keys_folder(tmp_path)
    [key] = folder.iterdir()
    assert examined(live)["keys"] == (
        "ok",
        f"Locked and their owner's alone: {key.name} in {folder}.",
    )
    key.chmod(0o644)
    grade, says = examined(live)["keys"]
    assert (grade, key.name in says, "its passphrase alone protects it" in says) == (
        "warn",
        True,
        True,
    )
    key.chmod(0o600)
    (folder / "plain.pem").write_text("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQ\n")
    (folder / "plain.pem").chmod(0o600)
    grade, says = examined(live)["keys"]
    assert (grade, "plain.pem" in says, "MC4CAQ" in says) == ("fail", True, False)


def test_a_carriers_key_in_this_shell_or_in_a_clients_file_is_named_without_its_value(
    live: Shell, user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert examined(live)["secrets"][0] == "ok"
    monkeypatch.setenv("TELNYX_API_KEY", "s3cret")
    ended = live.run("doctor")
    assert "can read TELNYX_API_KEY" in ended.out
    assert "s3cret" not in ended.out
    monkeypatch.delenv("TELNYX_API_KEY")
    assert live.json("install", "cursor")["changed"]
    file = user / ".cursor" / "mcp.json"
    plain = json.loads(file.read_text())
    plain["mcpServers"]["ringfence"]["env"]["TWILIO_AUTH_TOKEN"] = "s3cret"
    file.write_text(json.dumps(plain))
    told = live.run("doctor").out
    assert "Cursor gives it TWILIO_AUTH_TOKEN" in told
    assert "s3cret" not in told


def test_the_grade_is_what_can_be_seen_and_no_more(
    live: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def grade() -> tuple[Any, str]:
        document = live.run("doctor", "--json").document
        [finding] = [each for each in document["findings"] if each["check"] == "separation"]
        return document["separation"], finding["grade"]

    assert grade() == ("same_user", "warn")
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path / "elsewhere"))
    assert grade() == ("unknown", "unknown")
    told = live.run("doctor").out
    assert "\n?     separation  " in told
    assert told.endswith(" Unknown: 1.\n")
    monkeypatch.setenv("RINGFENCE_HOME", str(live.home))
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert grade() == ("other_user", "ok")


@contextmanager
def closed_to_us(folder: Path) -> Iterator[None]:
    """As a user to whom the folder is closed: nobody, where we may become that, else behind a locked door."""
    if os.geteuid() == 0:
        os.seteuid(65_534)
        try:
            yield
        finally:
            os.seteuid(0)
        return
    folder.parent.chmod(0)
    try:
        yield
    finally:
        folder.parent.chmod(0o700)


def test_whoever_is_shut_out_is_told_so_and_nothing_else(
    live: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended in a traceback, for the configuration file lies in the closed folder: nobody ever got that grade."""
    apart = tmp_path / "apart" / "live"
    apart.parent.mkdir()
    live.home.rename(apart)
    monkeypatch.setenv("RINGFENCE_HOME", str(apart))
    live.run("doctor")  # loads what a stranger may not read
    with closed_to_us(apart):
        ended = live.run("doctor", "--json")
        refused = live.run("pending", "--json")
    assert (ended.code, ended.document["separation"]) == (2, "other_user")
    found = {each["check"]: each for each in ended.document["findings"]}
    assert set(found) == {"python", "packages", "settings", "separation"}
    assert found["separation"]["grade"] == "ok"
    assert "is closed to this user" in found["settings"]["says"]
    assert (refused.code, refused.error["code"]) == (2, "configuration")
