"""`resolve` and `pending`: a person reads all that is known, says what became of it, and types it in a terminal."""

from __future__ import annotations

import hashlib
from pathlib import Path

import anyio
import pytest

from cli.shell import NUMBER, Ended, Shell
from guard.unclear import SomebodyIsQuicker
from ringfence.desk import Desk
from ringfence.runner import Runner

QUESTION = f"last four digits of {NUMBER}: "
MEANT = {QUESTION: f"{NUMBER[-4:]}\n"}
CHARGED = (
    "--captured",
    "--setup",
    "1.00 USD",
    "--monthly",
    "1.50 USD",
    "--evidence",
    "invoice 4711",
)


def line_of(shell: Shell, intent_id: str) -> str:
    line_id: str = shell.json("show", intent_id)["lines"][0]["line_id"]
    return line_id


@pytest.fixture
def intent_id(shell: Shell) -> str:
    """A purchase that a person has to settle: somebody in the carrier's console was quicker."""
    intent_id = shell.propose()
    shell.approve_only(intent_id)
    opened = shell.opened()
    adapter = SomebodyIsQuicker(opened.sandbox_carrier)
    desk = Desk(opened.desk.store, {adapter.provider: adapter}, opened.desk.ids, opened.desk.bell)
    anyio.run(Runner(desk, owner="unlucky").step)
    opened.close()
    shell.run("sandbox", "clock", "+2s")
    shell.run("settle")
    return intent_id


def test_what_waits_for_a_persons_word_is_listed_with_the_command(
    shell: Shell, intent_id: str
) -> None:
    line_id = line_of(shell, intent_id)
    listed = shell.run("pending")
    assert f"ringfence resolve {line_id}" in listed.out
    assert shell.json("pending")["to_resolve"] == [{"id": line_id, "number": NUMBER, "op": "buy"}]
    assert f"ringfence resolve {line_id}" in shell.run("show", intent_id).out
    left = shell.run("settle")
    assert (left.code, "1 of them wait for a person" in left.out) == (6, True)


def test_the_model_learns_that_a_person_has_to_act(shell: Shell, intent_id: str) -> None:
    told = shell.call("get_intent", intent_id=intent_id)
    assert (told.code, told.document["state"]) == (6, "needs_attention")
    assert told.document["lines"][0]["state"] == "manual"
    assert "only a person can find out" in told.document["next_step"]
    assert "do not buy another" in told.document["next_step"]
    assert "ringfence resolve" not in str(told.document), "a model with a shell runs what it reads"
    assert "this line needs them" in told.document["lines"][0]["error"]["remedy"]


def test_a_person_reads_what_is_known_and_what_it_will_do_before_they_say_so(
    shell: Shell, intent_id: str
) -> None:
    line_id = line_of(shell, intent_id)
    ended = shell.run_in_terminal("resolve", line_id, *CHARGED, "--json", types=MEANT)
    assert ended.code == 0, ended.err
    for fact in (
        f"BUY {NUMBER} at sandbox",
        "approved by the person: set-up 1.00 USD, then 1.00 USD a month",
        "line.unknown",
        "placed under another tag",
        "The carrier lists it now as ",
        "tag bought in the console",
        "You say: the carrier did it, and charged 1.00 USD and 1.50 USD a month, as ",
        "What shows it: invoice 4711",
        "used 0.00 USD, held 2.00 USD ->",
        "used 2.50 USD, held 0.00 USD, of 25.00 USD",
    ):
        assert fact in " ".join(ended.screen.split()), fact
    assert ended.document["written"]
    assert shell.json("show", intent_id)["state"] == "completed"
    [number] = shell.json("numbers")["numbers"]
    assert (number["number"], number["monthly"]) == (NUMBER, "1.50 USD")
    assert shell.json("pending")["to_resolve"] == []
    assert shell.json("ledger", "verify")["agrees"]
    assert shell.json("audit", "verify")["holds"]


def test_what_never_happened_is_shown_by_a_file(
    shell: Shell, intent_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "invoice.pdf"
    file.write_bytes(b"%PDF nothing of that number")
    line_id = line_of(shell, intent_id)
    arguments = ("resolve", line_id, "--failed", "--evidence-file", str(file))
    early = shell.run_in_terminal(*arguments, types=MEANT)
    assert (early.code, "may still be carried out" in early.err) == (3, True)
    shell.run("sandbox", "clock", "+10s")
    ended = shell.run_in_terminal(*arguments, types=MEANT)
    assert ended.code == 0, ended.err
    assert hashlib.sha256(file.read_bytes()).hexdigest() in "".join(ended.screen.split())
    assert shell.json("show", intent_id)["state"] == "failed"
    assert shell.json("ledger", "verify")["agrees"]


@pytest.mark.parametrize("typed", ["no\n", "0000\n", "\x04"])
def test_other_words_leave_it_as_it_is(shell: Shell, intent_id: str, typed: str) -> None:
    line_id = line_of(shell, intent_id)
    left = shell.run_in_terminal("resolve", line_id, *CHARGED, types={QUESTION: typed})
    assert (left.code, "Nothing is decided" in left.screen) == (4, True)
    assert shell.json("show", intent_id)["lines"][0]["state"] == "manual"


def test_without_a_terminal_nothing_is_resolved(shell: Shell, intent_id: str) -> None:
    line_id = line_of(shell, intent_id)
    piped = shell.run_alone("resolve", line_id, *CHARGED, stdin="0142\n")
    assert (piped.code, "no terminal" in piped.err) == (2, True)
    assert shell.json("show", intent_id)["lines"][0]["state"] == "manual"


WRONG = {
    "two outcomes": ("--captured", "--failed", "--evidence", "x"),
    "no evidence": ("--failed",),
    "no money": ("--captured", "--setup", "1", "--monthly", "1.00 USD", "--evidence", "x"),
    "words and a file": ("--failed", "--evidence", "x", "--evidence-file", "x"),
    "a file that is not there": ("--failed", "--evidence-file", "/nowhere"),
    "too many words": ("--failed", "--evidence", "x" * 2_001),
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_meant_is_refused_before_anybody_is_asked(
    shell: Shell, arguments: tuple[str, ...]
) -> None:
    assert shell.run("resolve", "lin_01KAN5T1PR0000000000000001", *arguments).code == 2
    assert shell.run("resolve", "int_01KAN5T1PR0000000000000001", "--failed").code == 2


def test_a_line_that_does_not_wait_is_named(shell: Shell) -> None:
    unknown = shell.run_in_terminal("resolve", "lin_01KAN5T1PR0000000000000001", *CHARGED)
    assert (unknown.code, "ringfence pending" in unknown.err) == (2, True)
    ready = shell.run_in_terminal("resolve", line_of(shell, shell.propose()), *CHARGED)
    assert (ready.code, "is ready" in ready.err) == (3, True)


def lose(shell: Shell) -> str:
    """The id of a number that the carrier lists no longer."""
    opened = shell.opened()
    [owned] = opened.sandbox_carrier.owned()
    opened.sandbox_carrier.release(owned.number_id)
    opened.close()
    listed = shell.call("list_numbers", refresh=True).document["numbers"]
    assert listed[0]["state"] == "lost"
    [waiting] = shell.json("pending")["to_resolve"]
    number_id: str = waiting["id"]
    return number_id


def released(shell: Shell, number_id: str, types: dict[str, str], **variables: str) -> Ended:
    arguments = ("resolve", number_id, "--released", "--evidence", "the carrier's mail")
    return shell.run_in_terminal(*arguments, types=types, **variables)


def test_a_lost_number_is_settled_by_a_persons_word(shell: Shell) -> None:
    shell.buy()
    ended = released(shell, lose(shell), MEANT)
    assert ended.code == 0, ended.err
    assert f"LOST {NUMBER}" in ended.screen
    assert "The carrier does not list" in ended.screen
    assert shell.call("list_numbers", state="released").document["numbers"][0]["number"] == NUMBER
    assert shell.json("ledger", "verify")["agrees"]
