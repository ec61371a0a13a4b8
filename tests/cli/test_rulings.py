"""Rulings that wait, at the terminal: proposed by anybody, signed by whoever has a key, or by a passkey elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.shell import NUMBER, Shell
from cli.test_changes import (
    LIVE,
    TWO_PEOPLE,
    approve,
    enroll_bob,
    live,  # noqa: F401  # a fixture
    propose,
    written,
)
from cli.test_live import WORDS
from guard.authenticator import Passkey
from guard.signing import Somebody
from ringfence.desk import authorizing
from ringfence.guard import changes
from ringfence.guard.changes import Change
from ringfence_server.opening import open_installation
from ringfence_server.settings import read_settings

LOST = ("--released", "--evidence", "the carrier's mail")
DEARER = ("--monthly", "0.25 USD", "--reason", "invoice 4711")


@pytest.fixture
def bought(live: Shell, tmp_path: Path) -> Shell:  # noqa: F811
    """The same, with a number that ada has bought."""
    assert approve(live, propose(live, tmp_path), "ada", WORDS).code == 0
    types = {"or no: ": f"{NUMBER[-4:]}\n", "Passphrase of ada": f"{WORDS}\n"}
    assert live.run_in_terminal("approve", live.propose(), types=types, **LIVE).code == 0
    return live


def lose(at: Shell) -> str:
    """The id of the number, which its carrier lists no longer."""
    opened = open_installation(read_settings())
    [owned] = opened.sandbox_carrier.owned()
    opened.sandbox_carrier.release(owned.number_id)
    opened.close()
    at.call("list_numbers", refresh=True)
    [left] = at.json("pending")["to_resolve"]
    number_id: str = left["id"]
    return number_id


def sign_elsewhere(change_id: str, who: Somebody) -> Change:
    """As the page does."""
    opened = open_installation(read_settings())
    statement = opened.desk.store.read_now(lambda tx: changes.get(tx, change_id)).statement
    change = authorizing.hand_in(opened.desk, change_id, who.sign(statement))
    opened.close()
    return change


def test_what_became_of_a_number_is_proposed_without_a_key_and_signed_later(
    bought: Shell,
) -> None:
    number_id = lose(bought)
    asked = bought.run("resolve", number_id, *LOST, "--propose", "--json")
    assert (asked.code, asked.document["state"]) == (4, "waiting")
    change_id = asked.document["change_id"]
    [listed] = bought.json("pending")["changes"]
    assert (listed["change_id"], listed["purpose"]) == (change_id, "resolve")
    listing = bought.run("pending").out
    assert change_id in listing
    assert "it is ours no longer" in " ".join(listing.split())
    shown = " ".join(bought.run("show", change_id).out.split())
    for fact in ("it is ours no longer", "the carrier's mail", f"LOST {NUMBER}", "count all: used"):
        assert fact in shown
    assert bought.json("pending")["to_resolve"] != [], "nothing is decided yet"
    assert bought.json("audit", "verify")["holds"], "what nobody has signed does nothing"
    signed = approve(bought, change_id, "ada", WORDS)
    assert (signed.code, signed.document["state"]) == (0, "in_force")
    assert "it is ours no longer" in " ".join(signed.screen.split())
    assert bought.json("pending")["to_resolve"] == bought.json("pending")["changes"] == []
    assert "in the books" in bought.run("show", change_id).out
    assert bought.json("ledger", "verify")["agrees"]
    assert bought.json("audit", "verify")["holds"]


def test_what_a_terminal_has_half_signed_is_named_and_signed_by_a_passkey(
    bought: Shell, tmp_path: Path
) -> None:
    bob = Passkey("bob")
    enroll_bob(bought, bob)
    assert bought.run("policy", "apply", written(tmp_path, TWO_PEOPLE)).code == 0
    half = bought.run_in_terminal(
        "ledger", "adjust", NUMBER, *DEARER, "--json",
        types={"Passphrase of ada": f"{WORDS}\n"}, **LIVE,
    )  # fmt: skip
    assert (half.code, half.document["signed_by"]) == (4, ["ada"])
    change_id = half.document["change_id"]
    assert bought.json("spending")["run_rate"] == "1.00 USD"
    assert sign_elsewhere(change_id, bob).signed_by == ("ada", "bob")
    assert bought.json("show", change_id)["state"] == "in_force"
    assert bought.json("spending")["run_rate"] == "1.25 USD"
    assert bought.json("ledger", "verify")["agrees"]


def test_what_is_proposed_is_signed_by_the_command_itself_too(bought: Shell) -> None:
    number_id = lose(bought)
    asked = bought.run("resolve", number_id, *LOST, "--propose", "--json")
    other = bought.run(
        "resolve", number_id, "--active", "--evidence", "a hunch", "--propose", "--json"
    )
    signed = bought.run_in_terminal(
        "resolve", number_id, "--released", "--evidence", "my own words",
        types={"Passphrase of ada": f"{WORDS}\n"}, **LIVE,
    )  # fmt: skip
    assert signed.code == 0, signed.err
    assert "the carrier's mail" in signed.screen, "they sign the words that wait, and read them"
    assert "my own words" not in signed.screen
    assert bought.json("show", asked.document["change_id"])["state"] == "in_force"
    late = bought.run("show", other.document["change_id"])
    assert "has changed since" in late.out
    assert bought.run("decline", other.document["change_id"]).code == 3


def test_a_declined_ruling_stays_declined(bought: Shell) -> None:
    asked = bought.run("ledger", "adjust", NUMBER, *DEARER, "--propose", "--json")
    assert asked.code == 4
    change_id = asked.document["change_id"]
    again = bought.run("ledger", "adjust", NUMBER, *DEARER, "--propose", "--json")
    assert again.document["change_id"] == change_id
    assert bought.json("decline", change_id)["state"] == "declined"
    assert bought.json("audit", "verify")["holds"]
    nothing = bought.run_in_terminal("ledger", "adjust", NUMBER, RINGFENCE_MODE="live")
    assert (nothing.code, "Nobody has proposed" in nothing.err) == (2, True)
    assert bought.json("spending")["run_rate"] == "1.00 USD"


def test_words_of_a_ruling_that_were_exchanged_are_found(bought: Shell) -> None:
    assert bought.run("ledger", "adjust", NUMBER, *DEARER, "--propose").code == 4
    opened = open_installation(read_settings())
    opened.desk.store.write_now(
        lambda tx: tx.connection.exec_driver_sql(
            "UPDATE free_text SET text = 'invoice 4712' WHERE text = 'invoice 4711'"
        )
    )
    opened.close()
    ended = bought.run("audit", "verify", "--json")
    assert not ended.document["holds"]
    assert [each["place"][:9] for each in ended.document["failures"]] == ["words of "]


@pytest.mark.parametrize(
    "arguments",
    [
        ("resolve", "num_01KAN5T1PR0000000000000001", *LOST),
        ("resolve", "lin_01KAN5T1PR0000000000000001"),
        ("ledger", "adjust", NUMBER),
        ("ledger", "adjust", NUMBER, "--monthly", "0.25 USD"),
    ],
)
def test_what_says_nothing_or_is_about_nothing_is_not_proposed(
    bought: Shell, arguments: tuple[str, ...]
) -> None:
    assert bought.run(*arguments, "--propose").code == 2
    assert bought.json("pending")["changes"] == []


def test_a_sandbox_needs_no_proposal(shell: Shell) -> None:
    shell.buy()
    refused = shell.run("ledger", "adjust", NUMBER, *DEARER, "--propose")
    assert (refused.code, "needs no signature" in refused.err) == (2, True)
