"""`settle`, `freeze` and `policy`."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.shell import Shell
from ringfence.store import schema
from ringfence_server.cli import keeping


def test_settle_finishes_what_a_dead_process_began(shell: Shell) -> None:
    intent_id = shell.propose()
    shell.approve_only(intent_id)
    assert shell.json("settle")["open_lines"] == 0
    assert shell.json("show", intent_id)["state"] == "completed"
    assert "Everything is settled." in shell.run("settle").out


def test_settle_ends_with_6_while_an_outcome_is_unknown(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "WORK_SECONDS", 0.5)
    shell.run("sandbox", "fault", "server_error")
    intent_id = shell.propose()
    shell.approve_only(intent_id)
    unsettled = shell.run("settle")
    assert (unsettled.code, unsettled.out) == (6, "1 still open: run it again later.\n")
    looked = shell.json("show", intent_id)
    assert (looked["state"], looked["lines"][0]["state"]) == ("needs_attention", "unknown")


def write(shell: Shell, intent_id: str, **columns: str) -> None:
    """Change an intent's row in the database behind everybody's back."""
    change = schema.intent.update().where(schema.intent.c.intent_id == intent_id).values(columns)
    opened = shell.opened()
    opened.desk.store.write_now(lambda tx: tx.connection.execute(change))
    opened.close()


def test_consent_that_somebody_wrote_into_the_database_is_void_once_settled(shell: Shell) -> None:
    """A reader wrote `approved` there: it stayed so for ever, and `settle` said that everything was settled."""
    intent_id = shell.propose()
    write(shell, intent_id, state="approved")
    assert "Everything is settled." in shell.run("settle").out
    shown = shell.json("show", intent_id)
    assert (shown["state"], shown["lines"][0]["state"]) == ("failed", "voided")
    assert "no sound consent" in shown["lines"][0]["error"]["message"]
    assert shell.json("numbers")["numbers"] == []


def test_what_is_approved_and_cannot_be_sent_is_not_settled(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "WORK_SECONDS", 0.5)
    intent_id = shell.propose()
    shell.approve_only(intent_id)
    shell.json("freeze")
    settled = shell.run("settle", "--json")
    assert (settled.code, settled.document["unsent_lines"]) == (4, 1)
    assert shell.run("settle").out == "1 approved and not sent yet: run it again later.\n"
    assert shell.json("show", intent_id)["state"] == "approved"


def test_what_cannot_be_read_is_not_settled(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "WORK_SECONDS", 0.5)
    intent_id = shell.propose()
    shell.approve_only(intent_id)
    write(shell, intent_id, terms="{}")
    settled = shell.run("settle")
    assert settled.code == 4
    assert settled.out.splitlines() == [
        "1 approved and not sent yet: run it again later.",
        "1 cannot be read: ringfence pending",
    ]


def test_a_freeze_refuses_until_it_is_lifted(shell: Shell) -> None:
    offer = shell.offer()
    assert shell.json("freeze")["frozen"].startswith("frozen by local:")
    refused = shell.call("buy_numbers", items=[offer])
    assert (refused.code, refused.error["code"]) == (3, "frozen")
    assert shell.json("unfreeze") == {"frozen": None}
    assert shell.call("buy_numbers", items=[offer]).code == 4


def test_the_shown_policy_is_a_file_that_can_be_applied(shell: Shell, tmp_path: Path) -> None:
    before = shell.json("policy", "show")
    file = tmp_path / "policy.yaml"
    file.write_text(shell.run("policy", "show").out.replace("limit: 25.00 USD", "limit: 1.00 USD"))
    assert shell.json("policy", "apply", str(file))["version"] == before["version"] + 1
    document = shell.json("policy", "show")["document"]
    assert document["budgets"][0].pop("limit") == "1.00 USD"
    assert before["document"]["budgets"][0].pop("limit") == "25.00 USD"
    assert document == before["document"]
    assert shell.call("buy_numbers", items=[shell.offer()]).error["code"] == "budget_exceeded"


@pytest.mark.parametrize("text", [b"", b"currency: USD\n", b"\xff\xfe", b"limit: 1.5\n"])
def test_a_file_that_is_no_policy_changes_nothing(
    shell: Shell, tmp_path: Path, text: bytes
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_bytes(text)
    refused = shell.run("policy", "apply", str(file), "--json")
    assert (refused.code, refused.error["code"]) == (2, "configuration")
    assert shell.json("policy", "show")["version"] == 1


def test_a_missing_policy_file_ends_with_2(shell: Shell, tmp_path: Path) -> None:
    refused = shell.run("policy", "apply", str(tmp_path / "none.yaml"))
    assert refused.code == 2
    assert "none.yaml cannot be read" in refused.err
