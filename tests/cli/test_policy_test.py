"""`policy test`: a person asks what a purchase would meet, and is told every rule, amount and way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.shell import NUMBER, Shell

SANDBOX = Path(__file__).parents[2] / "core/ringfence/sandbox_policy.yaml"


def asked(shell: Shell, *more: str) -> dict[str, object]:
    return shell.run("policy", "test", *more, "--json").document


def test_what_would_be_allowed_says_what_it_costs_and_who_consents(shell: Shell) -> None:
    ended = shell.run("policy", "test", "--country", "us", "--monthly", "1.15 USD", "--count", "3")
    assert ended.code == 0
    assert "ALLOWED under version 1" in ended.out
    assert "3.45 USD now, 3.45 USD a month, 41.40 USD a first year" in ended.out
    assert "level client" in ended.out
    assert shell.json("pending")["pending"] == []


def test_what_would_be_refused_says_rule_limit_amount_and_way_out(shell: Shell) -> None:
    ended = shell.run("policy", "test", "--country", "US", "--monthly", "6.00 USD", "--count", "3")
    assert ended.code == 3
    assert "REFUSED under version 1" in ended.out
    assert "- per-number (all, monthly): limit 5.00 USD, asked for 6.00 USD" in ended.out
    assert "- run-rate (all, " in ended.out
    assert "limit 15.00 USD, used 0.00 USD, held 0.00 USD, asked for 18.00 USD" in ended.out
    assert "then ringfence policy apply policy.yaml" in " ".join(ended.out.split())
    document = asked(shell, "--country", "US", "--monthly", "6.00 USD")
    assert document["allowed"] is False
    violations = document["violations"]
    assert isinstance(violations, list)
    assert all(each["message"] and each["remedy"] for each in violations)


def test_an_offer_is_tested_under_a_policy_that_is_not_in_force(
    shell: Shell, tmp_path: Path
) -> None:
    offer = shell.offer()
    file = tmp_path / "policy.yaml"
    file.write_text(SANDBOX.read_text().replace('"25.00 USD"', '"0.10 USD"'))
    assert shell.json("policy", "test", offer)["allowed"] is True
    ended = shell.run("policy", "test", offer, "--policy", str(file))
    assert (ended.code, "this policy, were it in force" in ended.out) == (3, True)
    assert "limit 0.10 USD" in ended.out
    assert shell.json("policy", "show")["version"] == 1
    assert shell.propose(country="US", contains=NUMBER[-7:])


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("off_01KAN5T1PR0000000000000001", "--country", "US"),
        ("off_01KAN5T1PR0000000000000001",),
        ("--country", "USA"),
        ("--country", "US", "--setup", "1.00 USD"),
        ("--country", "US", "--monthly", "1,00"),
        ("--country", "US", "--monthly", "1.00 USD", "--setup", "1.00 EUR"),
        ("--country", "US", "--monthly", "1.00 USD", "--count", "26"),
        ("--country", "US", "--monthly", "1.00 USD", "--type", "vanity"),
        ("--country", "US", "--monthly", "1.00 USD", "--policy", "nowhere.yaml"),
    ],
)
def test_what_cannot_be_judged_is_a_mistake_of_usage(
    shell: Shell, arguments: tuple[str, ...]
) -> None:
    ended = shell.run("policy", "test", *arguments, "--json")
    assert (ended.code, bool(ended.error["remedy"])) == (2, True)
