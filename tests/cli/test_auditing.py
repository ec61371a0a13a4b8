"""`audit`: the history is proved, handed out, verified elsewhere, and rid of words."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from cli.shell import Shell
from ringfence.guard import evidence
from ringfence_server.verifier import standalone

WORDS = "the canary sings of a Tuesday in Lisbon"
MAX_EXPORT_BYTES = 6_000_000
"""Memory that an export of 20 000 events may take at its peak; all of them at once take many times that."""


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this installation's checkpoints are, as a setting says."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("RINGFENCE_CHECKPOINTS", str(tmp_path / "share"))
    return tmp_path / "share"


def propose(shell: Shell) -> str:
    asked = shell.call("buy_numbers", items=[shell.offer()], reason=WORDS)
    intent_id: str = asked.document["intent_id"]
    return intent_id


def test_a_history_is_proved_with_everything_that_follows_from_it(shell: Shell) -> None:
    shell.buy()
    told = shell.run("audit", "verify")
    assert (told.code, told.out.splitlines()[-1].partition(":")[0]) == (0, "Everything holds")
    proof = shell.json("audit", "verify")
    assert (proof["holds"], proof["failures"], proof["sent"]) == (True, [], 1)


def test_checkpoints_are_where_the_setting_says_and_prove_the_history(
    shell: Shell, share: Path
) -> None:
    shell.buy()
    [file] = share.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    copy = share.parent / "copy"
    copy.write_bytes(file.read_bytes())
    assert shell.json("audit", "verify", "--checkpoints", str(copy))["holds"]
    copy.write_text(copy.read_text().replace('"head":"', '"head":"0')[:-1] + "\n")
    refused = shell.run("audit", "verify", "--checkpoints", str(copy))
    assert refused.code == 1
    assert refused.out.startswith("Given checkpoint 1: ")
    copy.write_text("[]\n")
    assert shell.run("audit", "verify", "--checkpoints", str(copy)).code == 2


def test_an_export_is_verified_offline_and_by_the_printed_program(
    shell: Shell, share: Path, tmp_path: Path
) -> None:
    shell.buy()
    export, program = tmp_path / "history.jsonl", tmp_path / "verify.py"
    written = shell.json("audit", "export", "-o", str(export))
    assert written["documents"] == len(export.read_text().splitlines())
    assert stat.S_IMODE(export.stat().st_mode) == 0o600
    assert shell.json("audit", "verify", "--offline", str(export))["holds"]
    program.write_text(shell.run("audit", "verifier").out)
    assert program.read_text() == Path(standalone.__file__).read_text()
    command = [sys.executable, "-I", "-S", str(program), str(export), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(ended.stdout)["holds"]
    export.write_text(export.read_text().replace("line.captured", "line.captires"))
    refused = shell.run("audit", "verify", "--offline", str(export), "--json")
    assert refused.code == 1
    assert refused.document["failures"][0]["place"].startswith("event ")


def test_the_evidence_of_crossed_purchases_is_verified_and_names_what_a_sandbox_does_not_prove(
    shell: Shell, share: Path, tmp_path: Path
) -> None:
    first, second = shell.propose(), shell.propose(country="US", area_code="212")
    for intent_id in (second, first):
        shell.approve_only(intent_id)
    for intent_id in (second, first):
        assert shell.call("get_intent", intent_id=intent_id).document["state"] == "completed"
    for intent_id in (first, second):
        file = tmp_path / f"{intent_id}.json"
        shell.json("audit", "export", "--intent", intent_id, "-o", str(file))
        told = shell.run("audit", "verify", "--offline", str(file))
        assert told.code == 0, told.out
        assert "takes consent without anybody's key" in told.out
        file.write_text(file.read_text().replace('"kind": "post"', '"kind": "void"'))
        assert shell.run("audit", "verify", "--offline", str(file)).code == 1


def test_an_export_to_standard_output_is_one_document_a_line(shell: Shell) -> None:
    lines = shell.run("audit", "export").out.splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert (kinds[0], kinds[-1]) == ("header", "end")


def test_an_export_that_cannot_be_written_leaves_an_older_one_as_it_was(
    shell: Shell, tmp_path: Path
) -> None:
    assert shell.run("audit", "export", "-o", str(tmp_path / "none" / "x")).code == 2
    kept = tmp_path / "kept"
    kept.write_text("as it was")
    refused = shell.run("audit", "export", "--intent", "int_01KAN5T1PR0000000000000001", "-o", str(kept))  # fmt: skip
    assert refused.code == 2
    assert kept.read_text() == "as it was"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".kept")] == []


def test_an_export_of_many_events_needs_little_memory(shell: Shell) -> None:
    opened = shell.opened()
    store = opened.desk.store

    def many(tx: Any) -> None:
        for number in range(20_000):
            tx.audit("test.noted", actor="test", subject=f"number {number}", padding="x" * 200)

    store.write_now(many)

    def export(tx: Any) -> int:
        return sum(len(json.dumps(each)) for each in evidence.history(tx, with_texts=False))

    tracemalloc.start()
    assert store.read_now(export) > 6_000_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    opened.close()
    assert peak < MAX_EXPORT_BYTES


def test_words_are_exported_only_when_asked_for_and_erased_for_good(
    shell: Shell, tmp_path: Path
) -> None:
    intent_id = propose(shell)
    assert WORDS not in shell.run("audit", "export").out
    assert WORDS in shell.run("audit", "export", "--with-texts").out
    assert shell.json("audit", "erase", intent_id) == {
        "subject": intent_id,
        "erased": True,
        "new": True,
    }
    assert WORDS not in shell.run("audit", "export", "--with-texts").out
    shown = shell.run("show", intent_id)
    assert "What the assistant said was erased." in shown.out
    assert WORDS not in shown.out
    assert shell.json("audit", "verify")["holds"]
    left = [
        p.name for p in shell.home.iterdir() if p.is_file() and WORDS.encode() in p.read_bytes()
    ]
    assert left == []
    assert not shell.json("audit", "erase", intent_id)["new"]
    assert shell.run("audit", "erase", "int_01KAN5T1PR0000000000000001").code == 2


def test_evidence_of_a_purchase_that_nobody_signed_says_so(shell: Shell, tmp_path: Path) -> None:
    intent_id = propose(shell)
    file = tmp_path / "purchase.json"
    assert shell.run("audit", "export", "--intent", intent_id, "-o", str(file)).code == 0
    refused = shell.run("audit", "verify", "--offline", str(file))
    assert refused.code == 1
    assert "nobody signed for it" in refused.out
