"""Changes of authority at the terminal: proposed by anybody, shown in words, signed by people, declined for good."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from cli.shell import Answer, Ended, Shell
from cli.test_live import LIMITS, WORDS, last_letters
from guard.authenticator import Passkey
from ringfence.guard import changes, consent
from ringfence.store.anchor import FolderAnchor
from ringfence_server.opening import open_installation
from ringfence_server.settings import read_settings

MINE = "another four word phrase"
LIVE = {"RINGFENCE_MODE": "live"}
TWO_PEOPLE = LIMITS.replace("buy: passphrase", "buy: two_people")
MORE = LIMITS.replace("limit: 25.00 USD", "limit: 90.00 USD")


@pytest.fixture
def live(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A user at a live installation with one approver, ada, whose policy allows something."""
    for name, value in {
        "XDG_CONFIG_HOME": str(tmp_path / "settings"),
        "RINGFENCE_HOME": str(tmp_path / "live"),
        **LIVE,
    }.items():
        monkeypatch.setenv(name, value)
    at = Shell(tmp_path / "live", shell.capture)
    typed: Mapping[str, Answer] = {
        "last four letters: ": last_letters,
        "or more: ": f"{WORDS}\n",
        "again: ": f"{WORDS}\n",
    }
    assert at.run_in_terminal("approver", "enroll", "ada", types=typed, **LIVE).code == 0
    return at


def written(tmp_path: Path, policy: str = LIMITS) -> str:
    file = tmp_path / "policy.yaml"
    file.write_text(policy)
    return str(file)


def propose(live: Shell, tmp_path: Path, policy: str = LIMITS) -> str:
    ended = live.run("policy", "apply", written(tmp_path, policy), "--propose", "--json")
    assert ended.code == 4, ended.out
    change_id: str = ended.document["change_id"]
    return change_id


def approve(live: Shell, change_id: str, person: str, words: str, *more: str) -> Ended:
    return live.run_in_terminal(
        "approve", change_id, "--json", *more,
        types={f"Passphrase of {person}": f"{words}\n"}, **LIVE,
    )  # fmt: skip


def enroll_bob(live: Shell, passkey: Passkey) -> None:
    """Let a passkey wait for ada, as the page does, and have her sign for it."""
    opened = open_installation(read_settings())
    change = opened.desk.store.write_now(
        lambda tx: changes.propose_enrolment(
            tx, passkey.key, nonce=consent.fresh_nonce(), by="the page"
        )
    )
    opened.close()
    ended = approve(live, change.change_id, "ada", WORDS)
    assert ended.code == 0, ended.err
    assert f"bob may sign from now on, with the passkey {passkey.key.key_id}" in ended.screen


def test_a_policy_is_proposed_without_a_key_and_signed_by_whoever_has_one(
    live: Shell, tmp_path: Path
) -> None:
    change_id = propose(live, tmp_path)
    assert live.json("policy", "show")["version"] == 1
    [listed] = live.json("pending")["changes"]
    assert (listed["change_id"], listed["state"], listed["signed_by"]) == (change_id, "waiting", [])
    assert change_id in live.run("pending").out
    shown = live.run("show", change_id).out
    assert "loosens: budget cash: from 0.00 USD to 25.00 USD" in shown
    assert f"ringfence approve {change_id}" in shown
    ended = approve(live, change_id, "ada", WORDS)
    assert (ended.code, ended.document["state"]) == (0, "in_force")
    assert "from 0.00 USD to 25.00 USD" in ended.screen
    assert live.json("policy", "show")["version"] == 2
    assert live.json("show", change_id)["signed_by"] == ["ada"]
    assert live.json("pending")["changes"] == []
    assert live.json("audit", "verify")["holds"]


def test_without_a_terminal_and_with_a_wrong_passphrase_nothing_is_signed(
    live: Shell, tmp_path: Path
) -> None:
    change_id = propose(live, tmp_path)
    assert live.run_alone("approve", change_id, stdin=f"{WORDS}\n", **LIVE).code == 2
    wrong = live.run_in_terminal(
        "approve", change_id,
        types={
            "Passphrase of ada": "wrong\n",
            "Passphrase of ada (": "wrong\n",
            "Passphrase of ada (k": "wrong\n",
        }, **LIVE,
    )  # fmt: skip
    assert wrong.code == 3
    assert live.json("show", change_id)["state"] == "waiting"


def test_a_key_is_proposed_by_its_person_and_signed_for_by_another(
    live: Shell, tmp_path: Path
) -> None:
    ended = live.run_in_terminal(
        "approver", "enroll", "bob", "--propose", "--json",
        types={"or more: ": f"{MINE}\n", "again: ": f"{MINE}\n"}, **LIVE,
    )  # fmt: skip
    assert (ended.code, ended.document["in_force"]) == (4, False)
    assert [each["person"] for each in live.json("approver", "list")["approvers"]] == ["ada"]
    assert approve(live, ended.document["change_id"], "ada", WORDS).code == 0
    change_id = propose(live, tmp_path)
    signed = approve(live, change_id, "bob", MINE, "--key", ended.document["file"])
    assert (signed.code, signed.document["signed_by"]) == (0, ["bob"])
    gone = live.run("approver", "revoke", "ada", "--propose", "--json")
    assert (gone.code, gone.document["revoked"]) == (4, [])
    signed = approve(live, gone.document["change_id"], "bob", MINE, "--key", ended.document["file"])
    assert signed.code == 0
    assert [each["person"] for each in live.json("approver", "list")["approvers"]] == ["bob"]


def test_a_change_is_named_once(live: Shell, tmp_path: Path) -> None:
    """A reader met `change-7: policy policy 3`."""
    policy = propose(live, tmp_path)
    assert live.run("show", policy).out.startswith(f"{policy}: policy, version 2\n")
    gone = live.run("approver", "revoke", "ada", "--propose", "--json").document["change_id"]
    assert live.run("show", gone).out.startswith(f"{gone}: revoked key of ada\n")


def test_what_two_people_sign_waits_for_the_second(live: Shell, tmp_path: Path) -> None:
    bob = Passkey("bob")
    enroll_bob(live, bob)
    assert approve(live, propose(live, tmp_path, TWO_PEOPLE), "ada", WORDS).code == 0
    file = written(tmp_path, MORE.replace("buy: passphrase", "buy: two_people"))
    first = live.run_in_terminal(
        "policy", "apply", file, types={"Passphrase of ada": f"{WORDS}\n"}, **LIVE
    )
    assert first.code == 4, first.err
    [change_id] = re.findall(r"ringfence approve (change-[0-9]+)", first.out)
    again = live.run_in_terminal("approve", change_id, RINGFENCE_MODE="live")
    assert (again.code, "two keys of one person are one person" in again.err) == (3, True)
    opened = open_installation(read_settings())
    assert isinstance(opened.desk.store.anchor, FolderAnchor)
    statement = opened.desk.store.read_now(lambda tx: changes.get(tx, change_id)).statement
    signed = opened.desk.store.write_now(
        lambda tx: changes.sign(tx, change_id, bob.sign(statement))
    )
    opened.close()
    assert signed.signed_by == ("ada", "bob")
    assert live.json("show", change_id)["state"] == "in_force"
    assert '"90.00 USD"' in json.dumps(live.json("policy", "show"))


def test_a_declined_change_stays_declined(live: Shell, tmp_path: Path) -> None:
    change_id = propose(live, tmp_path)
    assert live.run("decline", change_id, "--reason", "stop", "--json").error["code"] == (
        "invalid_arguments"
    )
    assert live.json("decline", change_id)["state"] == "declined"
    assert "final" in live.run("show", change_id).out
    ended = live.run_in_terminal("approve", change_id, "--json", RINGFENCE_MODE="live")
    assert (ended.code, ended.document["state"]) == (3, "declined")
    assert live.run("decline", change_id, "--json").error["code"] == "declined"
    assert "Nothing waits" in live.run("pending").out


def test_what_cannot_be_read_is_said_beside_what_waits(live: Shell, tmp_path: Path) -> None:
    propose(live, tmp_path)
    [pin] = (tmp_path / "settings" / "ringfence" / "anchors").glob("*.root")
    pin.unlink()
    listed = live.json("pending")
    assert (listed["pending"], listed["changes"]) == ([], [])
    assert "pin" in listed["problem"]
    assert "pin" in live.run("pending").out


@pytest.mark.parametrize(
    "arguments",
    [
        ("approver", "enroll", "bob", "--propose", "--recovery"),
        ("approver", "revoke", "ada", "--propose", "--recovery"),
        ("approver", "revoke", "nobody", "--propose"),
        ("show", "change-999"),
        ("decline", "change-999"),
    ],
)
def test_what_makes_no_sense_is_said(live: Shell, arguments: tuple[str, ...]) -> None:
    assert live.run(*arguments).code == 2
