"""What the terminal can give where the policy asks for more than a passphrase."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from cli.shell import NUMBER, Ended, Shell
from cli.test_changes import propose
from cli.test_doctor_live import enroll
from cli.test_live import WORDS, allow, in_terminal, live
from guard.authenticator import Passkey
from guard.signing import Signer, Somebody
from house import policy_with
from ringfence.guard import approval, changes, consent
from ringfence.guard.card import card, read_facts
from ringfence.store.transaction import Transaction
from ringfence_server.opening import open_installation
from ringfence_server.settings import read_settings

__all__ = ["live"]

DIGITS = f"{NUMBER[-4:]}\n"


def limits(buy: str) -> str:
    levels = f"{{buy: {buy}, release: passphrase, assign: passphrase}}"
    return yaml.safe_dump(policy_with(levels=levels).model_dump(mode="json"))


def allow_at(live: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, buy: str) -> None:
    """A policy that asks for this consent to a purchase."""
    monkeypatch.setattr("cli.test_live.LIMITS", limits(buy))
    assert allow(live, tmp_path).code == 0


@pytest.fixture
def four_eyes(live: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """An installation where a purchase takes two people; ada and cleo have passphrases, bob a passkey."""
    enroll(tmp_path, BOB)
    enroll(tmp_path, CLEO)
    allow_at(live, tmp_path, monkeypatch, "passphrase")
    enough = in_terminal(live, "policy", "apply", str(stricter(tmp_path)))
    assert enough.code == 0, enough.err
    return live


def stricter(tmp_path: Path) -> Path:
    file = tmp_path / "stricter.yaml"
    file.write_text(limits("two_people"))
    return file


BOB, CLEO = Passkey("bob"), Signer("cleo")


def signs(live: Shell, intent_id: str, **types: str) -> Ended:
    return in_terminal(live, "approve", intent_id, **types)


def signs_elsewhere(intent_id: str, who: Somebody) -> None:
    """Sign it as on the page."""
    opened = open_installation(read_settings())

    def write(tx: Transaction) -> None:
        shown = card(read_facts(tx, intent_id))
        intent = approval.existing(tx, intent_id)
        statement = consent.about(tx, intent, card=shown, nonce=consent.fresh_nonce())
        approval.approve_signed(tx, intent_id, statement, who.sign(statement), channel="page")

    opened.desk.store.write_now(write)
    opened.close()


def signs_change(change_id: str, who: Somebody) -> None:
    """The same with a change."""
    opened = open_installation(read_settings())
    statement = opened.desk.store.read_now(lambda tx: changes.get(tx, change_id)).statement
    opened.desk.store.write_now(lambda tx: changes.sign(tx, change_id, who.sign(statement)))
    opened.close()


def prose(text: str) -> str:
    return " ".join(text.split())


def test_where_a_passkey_is_needed_nobody_is_asked_for_a_passphrase(
    live: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow_at(live, tmp_path, monkeypatch, "passkey")
    enroll(tmp_path, Passkey("bob"))
    intent_id = live.propose()
    refused = in_terminal(live, "approve", intent_id, "--json")
    assert (refused.code, refused.error["code"]) == (3, "policy_refused")
    assert "a passphrase is not enough" in refused.error["message"]
    assert f"/i/{intent_id}" in refused.error["remedy"]
    assert "Passphrase" not in refused.screen
    assert live.call("get_intent", intent_id=intent_id).document["state"] == "awaiting_approval"


# What is said before anybody is asked anything.


def test_that_all_is_frozen_is_said_before_anybody_is_asked(live: Shell, tmp_path: Path) -> None:
    allow(live, tmp_path)
    intent_id = live.propose()
    live.run("freeze", "too fast")
    ended = signs(live, intent_id)
    assert (ended.code, ended.screen) == (3, "")
    assert "All spending is frozen: too fast." in ended.err
    assert "ringfence unfreeze" in ended.err


def test_where_nobody_has_a_passkey_no_passphrase_is_asked_for(
    live: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enroll(tmp_path, BOB)
    allow_at(live, tmp_path, monkeypatch, "passkey")
    intent_id = live.propose()
    gone = live.run("approver", "revoke", "bob", "--propose", "--json").document["change_id"]
    signs_change(gone, BOB)
    ended = signs(live, intent_id)
    assert (ended.code, ended.screen) == (3, "")
    assert "those who may sign here cannot give that" in ended.err
    assert "ringfence approver enroll NAME --passkey" in ended.err


def test_a_change_that_needs_a_passkey_is_signed_on_the_page(
    live: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow_at(live, tmp_path, monkeypatch, "passkey")
    enroll(tmp_path, BOB)
    change_id = propose(live, tmp_path, limits("passkey").replace("25.00 USD", "90.00 USD"))
    ended = signs(live, change_id)
    assert (ended.code, ended.screen) == (3, "")
    assert "a passphrase is not enough" in ended.err
    assert f"/c/{change_id}" in ended.err


# Two people, one after the other.


def test_the_first_of_two_is_told_who_else_has_to_sign_and_where(four_eyes: Shell) -> None:
    intent_id = four_eyes.propose()
    ended = signs(four_eyes, intent_id, **{"or no: ": DIGITS, "Passphrase of ada": f"{WORDS}\n"})
    assert ended.code == 4, ended.err
    told = prose(ended.out)
    assert told.startswith(
        "1 of 2 people have signed: ada, without a passkey. Somebody else, with a passkey, has to sign on the page "
        "(bob): http"
    )
    assert re.search(rf"http://\S+/i/{intent_id}\b", told)
    assert f"ringfence decline {intent_id}" in told
    assert "It waits for a person" not in told
    assert "1 of 2 people have signed: ada" in prose(four_eyes.run("show", intent_id).out)
    signs_elsewhere(intent_id, BOB)
    assert four_eyes.call("get_intent", intent_id=intent_id).document["state"] == "completed"


def test_who_has_signed_already_is_told_so_before_they_are_asked(four_eyes: Shell) -> None:
    intent_id = four_eyes.propose()
    signs(four_eyes, intent_id, **{"or no: ": DIGITS, "Passphrase of ada": f"{WORDS}\n"})
    again = signs(four_eyes, intent_id)
    assert (again.code, again.screen) == (3, "")
    assert (
        f"ada has signed {intent_id} already; two keys of one person are one person." in again.err
    )
    assert "Somebody else, with a passkey, has to sign on the page" in again.err


def test_a_second_passphrase_is_not_asked_for_where_only_a_passkey_helps(four_eyes: Shell) -> None:
    intent_id = four_eyes.propose()
    signs_elsewhere(intent_id, CLEO)
    ended = signs(four_eyes, intent_id)
    assert (ended.code, ended.screen) == (3, "")
    assert f"cleo has signed {intent_id} with a passphrase; another one adds nothing." in ended.err


def test_after_a_passkey_the_second_may_have_a_passphrase(four_eyes: Shell) -> None:
    intent_id = four_eyes.propose()
    signs_elsewhere(intent_id, BOB)
    told = prose(four_eyes.run("show", intent_id).out)
    assert "1 of 2 people have signed: bob. Somebody else has to sign, with a passphrase" in told
    assert f"ringfence approve {intent_id}" in told
    ended = signs(four_eyes, intent_id, **{"or no: ": DIGITS, "Passphrase of ada": f"{WORDS}\n"})
    assert ended.code == 0, ended.err
    assert ended.out.startswith("Bought.")


def test_a_signature_of_somebody_whose_key_is_gone_is_no_longer_told(four_eyes: Shell) -> None:
    intent_id = four_eyes.propose()
    signs_elsewhere(intent_id, CLEO)
    assert "1 of 2 people have signed: cleo" in four_eyes.run("show", intent_id).out
    gone = four_eyes.run("approver", "revoke", "cleo", "--propose", "--json").document["change_id"]
    signs_change(gone, BOB)
    assert signs(four_eyes, gone, **{"Passphrase of ada": f"{WORDS}\n"}).code == 0
    assert "people have signed" not in four_eyes.run("show", intent_id).out
