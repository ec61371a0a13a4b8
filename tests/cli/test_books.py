"""`spending`, `ledger` and `audit`: what is left, the ledger as a file, and the proofs of both chains."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import stat
import subprocess
import tracemalloc
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cli.shell import COMMAND, END_SECONDS, NUMBER, Shell
from ringfence.money import Money
from ringfence.store import ledger
from ringfence.store.ledger import Dimensions, Entry, EntryKind
from ringfence.store.schema import moment_text
from ringfence_server.cli import export
from ringfence_server.cli.export import COLUMNS, Format, cell
from ringfence_server.settings import DATABASE_NAME

MAX_EXPORT_BYTES = 6_000_000
"""Memory that an export of 20 000 entries may take at its peak; all of them at once take ten times that."""


def sql(shell: Shell, *statements: str) -> None:
    """Do to the database what no program of ours does."""
    with closing(sqlite3.connect(shell.home / DATABASE_NAME)) as database, database:
        for statement in statements:
            database.execute(statement)


def entries_of(shell: Shell) -> list[tuple[Entry, datetime]]:
    opened = shell.opened()
    found = opened.desk.store.read_now(lambda tx: list(ledger.in_order(tx)))
    opened.close()
    return found


def write_entries(shell: Shell, entries: list[Entry]) -> None:
    opened = shell.opened()
    opened.desk.store.write_now(lambda tx: ledger.add(tx, entries))
    opened.close()


def renewal(number: int, **about: Any) -> Entry:
    """An entry that is written by hand, as no purchase would."""
    fields: dict[str, Any] = {
        "entry_id": f"renewal:by-hand:{number:06d}",
        "kind": EntryKind.RENEWAL,
        "line_id": None,
        "line_version": None,
        "intent_id": None,
        "number_id": f"num_{number}",
        "effective_at": datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=number),
        "policy_version": 1,
        "currency": "USD",
        "setup_micros": 0,
        "monthly_micros": 1_000_000,
    }
    dimensions: dict[str, Any] = {
        "provider": "sandbox",
        "account": "sandbox-1",
        "country": "US",
        "type": "local",
        "assistant_id": None,
        "requester": "local:ada",
        "mandate_id": None,
        "number": NUMBER,
    }
    ours = {name: about.pop(name) for name in list(about) if name in dimensions}
    return Entry(**(fields | about), dimensions=Dimensions(**(dimensions | ours)))


# Spending.


def test_spending_shows_every_budget_and_the_freeze(shell: Shell) -> None:
    shell.propose()
    [cash, *_] = shell.json("spending")["budgets"]
    assert (cash["limit"], cash["held"], cash["left"]) == ("25.00 USD", "2.00 USD", "23.00 USD")
    assert "FROZEN" not in shell.run("spending").out
    shell.run("freeze", "too", "fast")
    assert "FROZEN: too fast." in shell.run("spending").out
    assert shell.json("spending")["frozen"] == "too fast"


def test_spending_at_the_terminal_is_what_the_tool_says(shell: Shell) -> None:
    shell.buy()
    for period in ("month", "day"):
        as_called = shell.call("show_spending", period=period).document
        assert shell.json("spending", "--period", period) == as_called
    assert shell.json("spending") == shell.call("show_spending").document


def test_spending_is_a_table_that_fits_then_run_rate_forecast_and_what_happened(
    shell: Shell,
) -> None:
    shell.buy()
    shown = shell.run("spending")
    lines = [line.rstrip() for line in shown.out.splitlines()]
    assert lines[0].split() == ["budget", "window", "limit", "used", "held", "left"]
    assert lines[1].split()[0] == "cash"
    assert lines[1].split()[2:] == [
        *(["25.00", "USD", "2.00", "USD", "0.00", "USD", "23.00", "USD"])
    ]
    assert "All our numbers cost 1.00 USD a month." in lines
    assert "This month will have cost 2.00 USD." in lines
    assert any("purchase" in line and NUMBER in line and "2.00 USD" in line for line in lines)
    assert lines[-1] == "Simulated: no real money."
    assert max(map(len, lines)) <= 80
    assert "This day will have cost 2.00 USD." in shell.run("spending", "--period", "day").out


def test_long_names_and_amounts_are_broken_and_not_cut(shell: Shell, tmp_path: Path) -> None:
    name, scope = "a" * 40, "requester:local:" + "b" * 60
    text = shell.run("policy", "show").out
    long = (
        f"  - {{name: {name}, kind: cash, scope: '{scope}', window: day,"
        ' zone: UTC, limit: "123456789.123456 USD"}\n'
    )
    file = tmp_path / "policy.yaml"
    file.write_text(text.replace("budgets:\n", "budgets:\n" + long.replace("  - ", "- ", 1)))
    shell.json("policy", "apply", str(file))
    shown = shell.run("spending").out
    assert max(map(len, shown.splitlines())) <= 80
    assert "123456789.123456 USD" in shown
    first = [line.split(" ")[0] for line in shown.splitlines()]
    assert name in "".join(first)


def test_what_is_not_known_is_said_and_not_zero(shell: Shell) -> None:
    shell.buy()
    text = shell.run("policy", "show").out
    file = shell.home / "policy.yaml"
    file.write_text(text.replace("currency: USD\n", "currency: CHF\n", 1))
    shell.json("policy", "apply", str(file))
    shown = shell.run("spending").out
    assert "All our numbers cost not known, since a price or a rate is missing." in shown
    assert shell.json("spending")["forecast"] is None


def test_a_month_that_nobody_saw_begin_has_its_renewals_in_it(shell: Shell) -> None:
    shell.buy()
    shell.json("sandbox", "clock", "+40d")
    document = shell.json("spending")
    assert document["budgets"][0]["used"] == "1.00 USD"
    assert [fact["what"] for fact in document["recent"]] == ["renewal"]
    assert shell.json("ledger", "verify")["agrees"]


@pytest.mark.parametrize("period", ["year", "", "MONTH"])
def test_a_period_that_is_none_ends_with_2(shell: Shell, period: str) -> None:
    wrong = shell.run("spending", "--period", period, "--json")
    assert (wrong.code, wrong.error["code"]) == (2, "invalid_arguments")


# The export.


def test_the_csv_read_back_is_the_ledger(shell: Shell) -> None:
    shell.buy()
    shell.propose(country="GB", area_code="161")
    shell.json("sandbox", "clock", "+40d")
    shell.json("spending")  # counts the renewals
    written = shell.run("ledger", "export")
    assert written.code == 0
    rows = list(csv.DictReader(io.StringIO(written.out, newline="")))
    kept = entries_of(shell)
    assert len(rows) == len(kept) > 5
    assert {entry.kind for entry, _ in kept} >= {EntryKind.HOLD, EntryKind.POST, EntryKind.RENEWAL}
    for row, (entry, recorded_at) in zip(rows, kept, strict=True):
        assert tuple(row) == COLUMNS
        plain = {name: text.removeprefix("'") or None for name, text in row.items()}
        for name, value in {
            **entry.model_dump(mode="json"),
            **entry.dimensions.model_dump(),
        }.items():
            if name in COLUMNS and not name.endswith("_at"):
                assert plain[name] == (None if value is None else str(value))
        assert plain["effective_at"] == moment_text(entry.effective_at)
        assert plain["recorded_at"] == moment_text(recorded_at)
        for name in ("setup", "monthly"):
            micros = getattr(entry, f"{name}_micros")
            assert Money.parse(f"{plain[name]} {entry.currency}").micros == micros
        is_paid = entry.kind in {EntryKind.POST, EntryKind.RENEWAL}
        paid = entry.setup_micros + entry.monthly_micros if is_paid else 0
        assert Money.parse(f"{plain['spent']} {entry.currency}").micros == paid


def test_entries_stand_in_the_order_in_which_they_count(shell: Shell) -> None:
    shell.buy()
    rows = shell.run("ledger", "export", "--format", "json").document["entries"]
    assert [row["kind"] for row in rows] == ["hold", "claim", "post"]
    assert [row["effective_at"] for row in rows] == sorted(row["effective_at"] for row in rows)


def test_json_has_the_same_rows_as_they_are(shell: Shell) -> None:
    shell.buy()
    document = shell.run("ledger", "export", "--format", "json").document
    assert shell.json("ledger", "export") == document
    [first, *_] = document["entries"]
    assert tuple(first) == COLUMNS
    assert (first["number"], first["line_version"], first["number_id"]) == (NUMBER, 1, None)
    text = shell.run("ledger", "export").out
    assert len(text.splitlines()) == len(document["entries"]) + 1
    assert text.endswith("\r\n")


def test_an_adjustment_is_asked_for_counted_shown_and_exported(shell: Shell) -> None:
    shell.buy()
    asked = ("ledger", "adjust", NUMBER, "--setup", "0.40 USD", "--less")
    types = {"erased later: ": "the offer of May\n", f"last four digits of {NUMBER}: ": "0142\n"}
    ended = shell.run_in_terminal(*asked, "--json", types=types)
    assert ended.code == 0, ended.err
    for fact in (
        "charged 2",
        "set-up 1.00 USD, monthly 1.00 USD",
        "You say: 0.40 USD less, once.",
        "Why: the offer of May",
        "used 2.00 USD, held 0.00 USD ->",
        "used 1.60 USD, held 0.00 USD, of 25.00 USD",
    ):
        assert fact in " ".join(ended.screen.split()), fact
    spending = shell.json("spending")
    assert spending["forecast"] == "1.60 USD"
    [credit] = [fact for fact in spending["recent"] if fact["what"] == "credit"]
    assert (credit["number"], credit["amount"]) == (NUMBER, "0.40 USD")
    assert "credit" in shell.run("spending").out
    rows = list(csv.DictReader(io.StringIO(shell.run("ledger", "export").out, newline="")))
    [row] = [row for row in rows if row["kind"] == "adjust"]
    assert (row["setup"], row["monthly"], row["spent"]) == ("-0.40", "0.00", "-0.40")
    assert (row["number_id"], row["number"]) == (ended.document["number_id"], f"'{NUMBER}")
    assert shell.json("ledger", "verify")["agrees"]
    assert shell.json("audit", "verify")["holds"]


@pytest.mark.parametrize(
    "typed", [{"erased later: ": "\n"}, {"erased later: ": "why\n", "digits of ": "no\n"}]
)
def test_without_a_reason_or_a_yes_nothing_is_adjusted(shell: Shell, typed: dict[str, str]) -> None:
    shell.buy()
    ended = shell.run_in_terminal("ledger", "adjust", NUMBER, "--setup", "1 USD", types=typed)
    assert ended.code in {2, 4}
    alone = shell.run_alone("ledger", "adjust", NUMBER, "--setup", "1 USD", "--reason", "x")
    assert (alone.code, "no terminal" in alone.err) == (2, True)
    assert {row["kind"] for row in shell.json("ledger", "export")["entries"]} == {
        "hold",
        "claim",
        "post",
    }


def test_an_empty_ledger_is_a_head_without_rows(shell: Shell) -> None:
    assert shell.run("ledger", "export").out == ",".join(COLUMNS) + "\r\n"
    assert shell.json("ledger", "export") == {"entries": []}


@pytest.mark.parametrize(
    ("micros", "currency", "printed"),
    [
        (1, "USD", "0.000001"),
        (1_105_000, "GBP", "1.105"),
        (250_000_000, "JPY", "250"),
        (999_999_999_999_999_999, "USD", "999999999999.999999"),
        (1_500_000, "KWD", "1.500"),
    ],
)
def test_amounts_are_exact(shell: Shell, micros: int, currency: str, printed: str) -> None:
    write_entries(shell, [renewal(1, currency=currency, monthly_micros=micros)])
    [row] = shell.json("ledger", "export")["entries"]
    assert (row["monthly"], row["spent"], row["currency"]) == (printed, printed, currency)


EVIL = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "=cmd|' /C calc'!A0",
    "＝1",  # noqa: RUF001  # full width, which spreadsheets read alike
]


@pytest.mark.parametrize("evil", EVIL)
def test_no_cell_is_a_formula(shell: Shell, evil: str) -> None:
    write_entries(shell, [renewal(1, requester=evil, account=f'{evil}",=2')])
    text = shell.run("ledger", "export").out
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert (row["requester"], row["account"]) == (f"'{evil}", f"'{evil}\",=2")
    assert not [value for value in row.values() if value.startswith(export.FORMULA_STARTS)]
    assert shell.json("ledger", "export")["entries"][0]["requester"] == evil


@pytest.mark.parametrize("plain", ["", "local:ada", "a=b", "1-2", "ent_01", " x"])
def test_other_cells_are_left_alone(plain: str) -> None:
    assert cell(plain) == plain


def test_a_file_is_written_whole_for_its_owner_alone(shell: Shell, tmp_path: Path) -> None:
    shell.buy()
    file = tmp_path / "ledger.csv"
    told = shell.json("ledger", "export", "--output", str(file))
    assert told == {"file": str(file), "format": "csv", "entries": 3}
    assert file.read_bytes().decode() == shell.run("ledger", "export").out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shell.run("ledger", "export", "--format", "json", "-o", str(file))
    assert len(json.loads(file.read_text())["entries"]) == 3
    assert not list(tmp_path.glob(".ledger*"))


def test_an_export_that_fails_leaves_the_older_file_as_it_was(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ledger.csv"
    file.write_text("older")

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    shell.buy()
    monkeypatch.setattr(export, "row_of", broken)
    assert shell.run("ledger", "export", "-o", str(file)).code == 1
    assert file.read_text() == "older"
    assert not list(tmp_path.glob(".ledger*"))


def test_a_file_that_cannot_be_written_ends_with_2(shell: Shell, tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "ledger.csv", tmp_path):
        refused = shell.run("ledger", "export", "-o", str(path), "--json")
        assert (refused.code, refused.error["code"]) == (2, "configuration")
        assert "cannot be written" in refused.error["message"]
    assert shell.run("ledger", "export", "--format", "xml").code == 2


@pytest.mark.parametrize("form", Format)
def test_whoever_stops_reading_an_export_changes_no_exit_code(shell: Shell, form: Format) -> None:
    write_entries(shell, [renewal(number) for number in range(1_000)])
    reading, writing = os.pipe()
    os.close(reading)
    left = subprocess.run(
        [*COMMAND, "ledger", "export", "--format", form.value],
        env=shell.environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        text=True,
        timeout=END_SECONDS,
    )
    os.close(writing)
    assert (left.returncode, left.stderr) == (0, "")


def test_an_export_needs_no_memory_for_what_it_has_written(shell: Shell) -> None:
    """As much as a few entries take, however many there are."""
    write_entries(shell, [renewal(number) for number in range(20_000)])
    opened = shell.opened()

    class Nowhere(io.StringIO):
        def write(self, text: str) -> int:
            return len(text)

    for form in Format:
        tracemalloc.start()
        count = opened.desk.store.read_now(partial(export.write, out=Nowhere(), form=form))
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count == 20_000
        assert peak < MAX_EXPORT_BYTES
    opened.close()


# The proofs.


def test_the_books_are_proved_after_a_purchase(shell: Shell) -> None:
    shell.buy()
    assert shell.json("ledger", "verify") == {"agrees": True, "differences": []}
    proof = shell.json("audit", "verify")
    assert (proof["holds"], proof["break"]) == (True, None)
    assert proof["events"] > 2


def test_a_balance_that_was_tampered_with_is_found(shell: Shell) -> None:
    shell.buy()
    sql(shell, "UPDATE balance SET used = used - 1000000 WHERE budget = 'cash'")
    proof = shell.run("ledger", "verify", "--json")
    assert proof.code == 1
    assert proof.document["differences"][0].startswith("cash ")


def test_an_event_that_was_edited_is_found(shell: Shell) -> None:
    shell.buy()
    sql(
        shell,
        "DROP TRIGGER audit_event_no_update",
        "UPDATE audit_event SET bytes = replace(bytes, '\"seq\":4', '\"seq\":4 ') WHERE seq = 4",
    )
    proof = shell.run("audit", "verify", "--json")
    assert proof.code == 1
    assert proof.document["break"]["seq"] == 4
    assert shell.run("audit", "verify").out.startswith("Event 4: ")
