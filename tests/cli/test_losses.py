"""What people lose or mistype: a passphrase, a key, the pin. Refused with the reason, and the secret is nowhere."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from cli.shell import NUMBER, Answer, Ended, Shell
from cli.test_live import LIMITS, WORDS, last_letters
from ringfence.approvers import KeyKind
from ringfence_server.cli import signing
from ringfence_server.cli.terminal import Terminal
from ringfence_server.keys.locked import WrongPassphrase, new_key

LIVE = {"RINGFENCE_MODE": "live"}
MISTYPED = ["korrekt horse battery staple", "corect horse battery staple", "correct house battery"]


@pytest.fixture
def live(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A user at a live installation whose approver has allowed something; everything of theirs is below a folder."""
    for name, value in {
        "XDG_CONFIG_HOME": str(tmp_path / "settings"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "TMPDIR": str(tmp_path / "tmp"),
        "RINGFENCE_HOME": str(tmp_path / "live"),
        **LIVE,
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "tmp").mkdir()
    at = Shell(tmp_path / "live", shell.capture)
    typed: Mapping[str, Answer] = {
        "last four letters: ": last_letters,
        "or more: ": f"{WORDS}\n",
        "again: ": f"{WORDS}\n",
    }
    assert at.run_in_terminal("approver", "enroll", "ada", types=typed, **LIVE).code == 0
    file = tmp_path / "policy.yaml"
    file.write_text(LIMITS)
    applied = at.run_in_terminal(
        "policy", "apply", str(file), types={"Passphrase of ada": f"{WORDS}\n"}, **LIVE
    )
    assert applied.code == 0, applied.err
    return at


def approve(live: Shell, intent_id: str, *words: str) -> Ended:
    types: dict[str, Answer] = {"or no: ": f"{NUMBER[-4:]}\n"}
    prompts = ["Passphrase of ada", "Passphrase of ada (", "Passphrase of ada (k"]
    types.update({prompt: f"{word}\n" for prompt, word in zip(prompts, words, strict=False)})
    return live.run_in_terminal("approve", intent_id, types=types, RINGFENCE_MODE="live")


def where_it_is(folder: Path, secret: str) -> list[Path]:
    """Every file below a folder that holds a secret, as it was typed."""
    return [
        file
        for file in folder.rglob("*")
        if file.is_file() and secret.encode() in file.read_bytes()
    ]


def test_no_passphrase_right_or_wrong_is_anywhere_afterwards(live: Shell, tmp_path: Path) -> None:
    intent_id = live.propose()
    wrong = approve(live, intent_id, *MISTYPED)
    assert (wrong.code, "not_authorized" in wrong.err) == (3, True)
    assert live.json("show", intent_id)["state"] == "awaiting_approval"
    right = approve(live, intent_id, MISTYPED[0], WORDS)
    assert right.code == 0, right.err
    for secret in [WORDS, *MISTYPED]:
        for ended in (wrong, right):
            assert secret not in ended.screen + ended.out + ended.err
        assert where_it_is(tmp_path, secret) == []
    assert where_it_is(tmp_path, intent_id), "the search would find what is there"
    told = live.run("ledger", "export", "--format", "json").out + live.run("config", "show").out
    assert not [secret for secret in [WORDS, *MISTYPED] if secret in told]


class Typed(Terminal):
    """A terminal at which somebody types these."""

    def __init__(self, *words: str) -> None:
        self.words, self.said = list(words), ""

    def secret(self, prompt: str, *, if_left: str) -> str:
        return self.words.pop(0)

    def say(self, text: str) -> None:
        self.said += text


def test_each_wrong_passphrase_makes_the_next_try_wait_twice_as_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    key = new_key("ada", WORDS)
    terminal = Typed(*MISTYPED, WORDS)
    with pytest.raises(WrongPassphrase) as refused:
        signing.unlocked(terminal, [key])
    assert waited == [signing.DELAY_SECONDS, 2 * signing.DELAY_SECONDS]
    assert terminal.words == [WORDS], "there is no fourth try"
    assert not [word for word in MISTYPED if word in terminal.said + refused.value.message]
    assert signing.unlocked(Typed(MISTYPED[0], WORDS), [key]).key.kind is KeyKind.PASSPHRASE


def test_whose_key_is_lost_is_told_who_may_sign_and_where_to_name_it(live: Shell) -> None:
    intent_id = live.propose()
    [key] = Path(os.environ["XDG_CONFIG_HOME"]).rglob("*.key")
    key.unlink()
    for ended in (
        live.run_in_terminal("approve", intent_id, RINGFENCE_MODE="live"),
        live.run_in_terminal("approve", intent_id, "--key", str(key), RINGFENCE_MODE="live"),
        live.run_in_terminal("approver", "revoke", "ada", RINGFENCE_MODE="live"),
    ):
        assert ended.code == 2
        assert "key" in ended.err
    assert (
        "Who has one: ada" in live.run_in_terminal("approve", intent_id, RINGFENCE_MODE="live").err
    )
    assert live.json("show", intent_id)["state"] == "awaiting_approval"


def test_somebody_elses_key_signs_nothing(live: Shell, tmp_path: Path) -> None:
    intent_id = live.propose()
    stranger = tmp_path / "stranger.key"
    stranger.write_text(new_key("ada", WORDS).model_dump_json())
    ended = live.run_in_terminal(
        "approve", intent_id, "--key", str(stranger), RINGFENCE_MODE="live"
    )
    assert (ended.code, "No key of an approver" in ended.err) == (2, True)


def test_without_the_pin_nothing_is_asked_for_signed_loosened_or_lifted(
    live: Shell, tmp_path: Path
) -> None:
    intent_id = live.propose()
    live.run("freeze", "to", "be", "sure")
    [pin] = (tmp_path / "settings").rglob("*.root")
    kept = pin.read_text()
    pin.unlink()
    more = tmp_path / "more.yaml"
    more.write_text(LIMITS.replace("limit: 25.00 USD", "limit: 90.00 USD"))
    for arguments in (
        ("approve", intent_id),
        ("unfreeze",),
        ("policy", "apply", str(more)),
        ("policy", "apply", str(more), "--propose"),
        ("approver", "enroll", "eve"),
        ("approver", "list"),
    ):
        ended = live.run_in_terminal(*arguments, RINGFENCE_MODE="live")
        assert (arguments, ended.code) == (arguments, 3)
        assert "pin" in ended.err
        assert "backup" in ended.err
    refused = live.call("buy_numbers", items=[live.offer(country="GB")])
    rules = {each["rule"] for each in refused.error["details"]["violations"]}
    assert {"policy_sound", "consent_possible", "frozen"} <= rules
    assert live.json("policy", "show")["version"] == 2
    pin.write_text(kept)
    assert live.json("approver", "list")["strongest"] == "passphrase"
