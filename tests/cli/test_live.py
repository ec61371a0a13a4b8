"""A live installation from nothing to a rehearsed purchase, in a terminal: approver, policy, consent, freeze."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from cli.shell import NUMBER, Answer, Ended, Shell
from house import policy_with
from ringfence_server.opening import open_installation
from ringfence_server.settings import Settings

WORDS = "correct horse battery staple"
# Each is typed at a prompt of its own: what is typed before a prompt is there is not read.
WRONG_WORDS = dict.fromkeys(
    ("Passphrase of ada", "Passphrase of ada (", "Passphrase of ada (k"), "wrong\n"
)
LIMITS = yaml.safe_dump(
    policy_with(levels="{buy: passphrase, release: passphrase, assign: passphrase}").model_dump(
        mode="json"
    )
)


def last_letters(screen: str) -> str:
    found = re.findall(r"(?:[0-9A-Z]{4}-){13}([0-9A-Z]{4})", screen)
    return f"{found[0]}\n"


def in_terminal(shell: Shell, *arguments: str, **types: Answer) -> Ended:
    return shell.run_in_terminal(
        *arguments,
        types=types,
        RINGFENCE_MODE="live",
    )


@pytest.fixture
def live(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A user at a new live installation, with settings of their own and one approver."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("RINGFENCE_MODE", "live")
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path / "live"))
    at = Shell(tmp_path / "live", shell.capture)
    ended = at.run_in_terminal(
        "approver", "enroll", "ada",
        types={"last four letters: ": last_letters, "or more: ": f"{WORDS}\n", "again: ": f"{WORDS}\n"},
        RINGFENCE_MODE="live",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    return at


def allow(live: Shell, tmp_path: Path, words: str = WORDS) -> Ended:
    file = tmp_path / "policy.yaml"
    file.write_text(LIMITS)
    return in_terminal(live, "policy", "apply", str(file), **{"Passphrase of ada": f"{words}\n"})


def test_a_number_is_rehearsed_under_live_rules(live: Shell, tmp_path: Path) -> None:
    refused = live.call("buy_numbers", items=[live.offer()])
    assert (refused.code, refused.error["code"]) == (3, "policy_refused")
    rules = {each["rule"] for each in refused.error["details"]["violations"]}
    assert rules == {"budget", "country_allowed"}
    allowed = allow(live, tmp_path)
    assert allowed.code == 0, allowed.err
    assert "loosens" in allowed.screen
    intent_id = live.propose()
    ended = in_terminal(
        live, "approve", intent_id,
        **{"or no: ": f"{NUMBER[-4:]}\n", "Passphrase of ada": f"{WORDS}\n"},
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert live.json("show", intent_id)["state"] == "completed"
    assert live.json("ledger", "verify")["agrees"]
    assert live.json("audit", "verify")["holds"]


def test_without_a_terminal_no_policy_is_loosened(live: Shell, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(LIMITS)
    ended = live.run_alone("policy", "apply", str(file), stdin=f"{WORDS}\n", RINGFENCE_MODE="live")
    assert ended.code == 2
    assert live.json("policy", "show")["version"] == 1


def test_a_wrong_passphrase_loosens_nothing(live: Shell, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(LIMITS)
    ended = in_terminal(live, "policy", "apply", str(file), **WRONG_WORDS)
    assert ended.code == 3
    assert live.json("policy", "show")["version"] == 1


def test_a_freeze_is_lifted_by_an_approver_alone(live: Shell) -> None:
    live.run("freeze", "to", "be", "sure")
    assert live.run_alone("unfreeze", RINGFENCE_MODE="live").code == 2
    thawed = in_terminal(live, "unfreeze", **{"Passphrase of ada": f"{WORDS}\n"})
    assert thawed.code == 0, thawed.err
    assert live.json("spending")["frozen"] is None


def test_an_adjustment_is_signed_for(live: Shell, tmp_path: Path) -> None:
    allow(live, tmp_path)
    in_terminal(
        live, "approve", live.propose(),
        **{"or no: ": f"{NUMBER[-4:]}\n", "Passphrase of ada": f"{WORDS}\n"},
    )  # fmt: skip
    asked = ("ledger", "adjust", NUMBER, "--monthly", "0.25 USD", "--reason", "invoice 4711")
    signed = in_terminal(live, *asked, **{"Passphrase of ada": f"{WORDS}\n"})
    assert signed.code == 0, signed.err
    assert "0.25 USD a month more, this time and from now on" in signed.screen
    assert live.json("numbers")["numbers"][0]["monthly"] == "1.25 USD"
    assert live.json("spending")["run_rate"] == "1.25 USD"
    assert live.json("ledger", "verify")["agrees"]


def test_what_became_of_a_number_is_signed_for(live: Shell, tmp_path: Path) -> None:
    allow(live, tmp_path)
    intent_id = live.propose()
    in_terminal(
        live, "approve", intent_id,
        **{"or no: ": f"{NUMBER[-4:]}\n", "Passphrase of ada": f"{WORDS}\n"},
    )  # fmt: skip
    opened = open_installation(Settings(home=live.home, mode="live"))
    [owned] = opened.sandbox_carrier.owned()
    opened.sandbox_carrier.release(owned.number_id)
    opened.close()
    live.call("list_numbers", refresh=True)
    [waiting] = live.json("pending")["to_resolve"]
    said = ("resolve", waiting["id"], "--released", "--evidence", "the carrier's mail")
    wrong = in_terminal(live, *said, **WRONG_WORDS)
    assert wrong.code == 3
    assert live.json("pending")["to_resolve"] == [waiting]
    signed = in_terminal(live, *said, **{"Passphrase of ada": f"{WORDS}\n"})
    assert signed.code == 0, signed.err
    assert "it is ours no longer" in signed.screen
    assert live.json("pending")["to_resolve"] == []
    assert live.json("ledger", "verify")["agrees"]
    assert live.json("audit", "verify")["holds"]
