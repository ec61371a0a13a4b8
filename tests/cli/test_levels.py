"""What the terminal can give where the policy asks for more than a passphrase."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cli.shell import Shell
from cli.test_doctor_live import enroll
from cli.test_live import allow, in_terminal, live
from guard.authenticator import Passkey
from house import policy_with

__all__ = ["live"]


def test_where_a_passkey_is_needed_nobody_is_asked_for_a_passphrase(
    live: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = policy_with(levels="{buy: passkey, release: passphrase, assign: passphrase}")
    monkeypatch.setattr("cli.test_live.LIMITS", yaml.safe_dump(limits.model_dump(mode="json")))
    assert allow(live, tmp_path).code == 0
    enroll(tmp_path, Passkey("bob"))
    intent_id = live.propose()
    refused = in_terminal(live, "approve", intent_id, "--json")
    assert (refused.code, refused.error["code"]) == (3, "policy_refused")
    assert "a passphrase is not enough" in refused.error["message"]
    assert f"/i/{intent_id}" in refused.error["remedy"]
    assert "Passphrase" not in refused.screen
    assert live.call("get_intent", intent_id=intent_id).document["state"] == "awaiting_approval"
