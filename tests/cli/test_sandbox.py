"""The levers of the sandbox: faults, time, and a new start; in sandboxes only."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.shell import NUMBER, Shell
from ringfence.sandbox.faults import Fault
from ringfence.store import audit


def test_faults_wait_in_the_order_they_were_asked_for(shell: Shell) -> None:
    shell.run("sandbox", "fault", "slow")
    waiting = shell.json("sandbox", "fault", "gone", "--times", "2")
    assert waiting == {"faults": ["slow", "gone", "gone"]}


@pytest.mark.parametrize("kind", Fault)
def test_every_fault_can_be_asked_for(shell: Shell, kind: Fault) -> None:
    assert shell.json("sandbox", "fault", kind) == {"faults": [kind]}


@pytest.mark.parametrize(
    "arguments", [["fault", "earthquake"], ["fault", "gone", "--times", "0"], ["fault"]]
)
def test_a_fault_that_does_not_exist_ends_with_2(shell: Shell, arguments: list[str]) -> None:
    wrong = shell.run("sandbox", *arguments, "--json")
    assert (wrong.code, wrong.error["code"]) == (2, "invalid_arguments")


@pytest.mark.parametrize(
    ("step", "seconds"), [("+45s", 45), ("+31m", 1860), ("+2h", 7200), ("+1d", 86400)]
)
def test_the_clock_moves_for_us_and_for_the_carrier(shell: Shell, step: str, seconds: int) -> None:
    assert shell.json("sandbox", "clock", step)["offset_seconds"] == seconds
    opened = shell.opened()
    assert opened.sandbox_carrier.offset().total_seconds() == seconds
    opened.close()


def test_the_clock_adds_up_and_offers_grow_old(shell: Shell) -> None:
    offer = shell.offer()
    shell.run("sandbox", "clock", "+8m")
    assert shell.json("sandbox", "clock", "+8m")["offset_seconds"] == 960
    late = shell.call("buy_numbers", items=[offer])
    assert (late.code, late.error["code"]) == (3, "offer_expired")


@pytest.mark.parametrize("step", ["31m", "+31", "-31m", "+1w", "+1.5h", "+4000d", "+999999999d"])
def test_other_steps_move_nothing(shell: Shell, step: str) -> None:
    wrong = shell.run("sandbox", "clock", step)
    assert (wrong.code, wrong.out) == (2, "")
    assert shell.json("sandbox", "clock", "+0s")["offset_seconds"] == 0


def test_a_reset_starts_anew(shell: Shell) -> None:
    shell.buy()
    shell.run("sandbox", "clock", "+1d")
    shell.run("sandbox", "fault", "gone")
    assert shell.json("sandbox", "reset") == {"reset": True}
    assert shell.json("numbers")["numbers"] == []
    assert shell.json("audit", "verify")["events"] == 2
    assert shell.json("sandbox", "clock", "+0s")["offset_seconds"] == 0
    assert shell.buy() == NUMBER


def test_a_server_that_is_running_goes_on_with_the_new_installation(shell: Shell) -> None:
    server = shell.opened()
    before = server.desk.store.read_now(lambda tx: tx.installation_id)
    shell.propose()
    shell.run("sandbox", "reset")
    assert server.desk.store.read_now(lambda tx: tx.installation_id) != before
    assert server.desk.store.read_now(audit.verify) == (2, None)
    assert server.sandbox_carrier.orders() == []
    server.close()


@pytest.mark.parametrize("lever", [["fault", "gone"], ["clock", "+1m"], ["reset"]])
def test_a_live_installation_has_no_levers(
    shell: Shell, lever: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path / "live"))
    monkeypatch.setenv("RINGFENCE_MODE", "live")
    waiting = shell.json("pending")
    assert waiting.pop("problem") is None
    assert waiting == {
        name: [] for name in ("pending", "changes", "delayed", "to_resolve", "damaged")
    }
    refused = shell.run("sandbox", *lever, "--json")
    assert (refused.code, refused.error["code"]) == (2, "configuration")


def test_a_sandbox_in_disguise_is_not_thrown_away(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A live database keeps its mode, whatever the settings say."""
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path / "live"))
    monkeypatch.setenv("RINGFENCE_MODE", "live")
    shell.run("pending")
    monkeypatch.setenv("RINGFENCE_MODE", "sandbox")
    refused = shell.run("sandbox", "reset")
    assert refused.code == 2
    assert "This is a live installation" in refused.err
