"""The guard's judgement as tables: each rule alone, all of them together, and what each refusal says."""

import ast
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nouns.made_up import (
    BUDGETS,
    EUROS,
    LINE_ID,
    ME,
    NOW,
    RECEPTION,
    budget,
    line_terms,
    money,
    price,
    rules,
)
from ringfence.errors import (
    BudgetExceeded,
    Declined,
    Frozen,
    PapersMissing,
    PolicyRefused,
    PriceUnknown,
    RingfenceError,
)
from ringfence.guard import decision
from ringfence.guard.budget import balanced, limit_of, printed, window_at
from ringfence.guard.decision import (
    Decision,
    Snapshot,
    Violation,
    Wish,
    decide,
    papers_missing,
    refusal,
)
from ringfence.intents import Level, LineTerms, Op
from ringfence.money import MICROS
from ringfence.numbers import NumberType
from ringfence.offers import Price, Provider
from ringfence.policy import Budget, PolicyDocument
from ringfence.store.balances import ROLLING, Balance

FIELDS = ["rule", "budget", "scope", "window", "limit", "used", "held", "requested", "left"]
NOTHING: dict[str, Any] = dict.fromkeys(FIELDS)
REQUESTER = f"requester:{ME}"


def wish(*lines: LineTerms, **changes: Any) -> Wish:
    """A purchase of these lines, or of one ordinary number."""
    asked: dict[str, Any] = {"op": Op.BUY, "principal": ME, "assistant_id": RECEPTION}
    return Wish(**(asked | {"lines": lines or [line_terms()]} | changes))


def numbered(count: int, **changes: Any) -> list[LineTerms]:
    """Several ordinary numbers."""
    return [
        line_terms(line_id=f"{LINE_ID[:-2]}{n:02}", number=f"+141555501{n:02}", **changes)
        for n in range(count)
    ]


def standing(**balances: tuple[int, int]) -> Snapshot:
    """What is held and used of the made-up policy's budgets now, by name."""
    names = {name.replace("_", "-"): Balance(*amounts) for name, amounts in balances.items()}
    windows = {b.name: window_at(b, NOW) for b in balanced(rules())}
    return Snapshot(
        balances={(name, windows[name]): balance for name, balance in names.items()},
        rolling_used={
            name: balance.used for name, balance in names.items() if windows[name] == ROLLING
        },
    )


def usd(text: str) -> int:
    return money(f"{text} USD").micros


def test_an_ordinary_number_is_allowed_at_the_level_of_its_operation() -> None:
    for op, level in (
        (Op.BUY, Level.PAGE),
        (Op.RELEASE, Level.CLIENT),
        (Op.ASSIGN, Level.PAGE),
    ):
        levels = {"buy": "page", "release": "client", "assign": "page"}
        judged = decide(wish(op=op), Snapshot(), rules(levels=levels), NOW)
        assert judged == Decision(violations=(), level=level)
        assert judged.is_allowed


# Each rule alone


@dataclass
class Case:
    """One thing that is wrong, what the guard says of it, and how the caller is told."""

    violation: dict[str, Any]
    kind: type[RingfenceError]
    message: str
    remedy: str = "person"
    wish: Wish = field(default_factory=wish)
    snapshot: Snapshot = field(default_factory=Snapshot)
    rules: PolicyDocument = field(default_factory=rules)


UNPRICED = line_terms(price=None)
IN_EUROS = line_terms(price=price("1.00 EUR", "1.00 EUR"))
IN_FRANCS = line_terms(price=price("1.00 CHF", "1.00 CHF"))
TWILIO = line_terms(provider=Provider.TWILIO, host="api.twilio.com")

CASES: dict[str, Case] = {
    "frozen": Case(
        snapshot=Snapshot(frozen="an unexplained number"),
        violation={"rule": "frozen", "limit": "an unexplained number"},
        kind=Frozen,
        message="All spending is frozen: an unexplained number.",
    ),
    "stopped": Case(
        snapshot=Snapshot(stopped_until=NOW + timedelta(minutes=15)),
        violation={"rule": "stopped", "scope": REQUESTER, "limit": "2026-11-22T12:15:00Z"},
        kind=Declined,
        message="A person said stop: nothing of this kind may be asked for until 2026-11-22T12:15:00Z.",
    ),
    "a policy that its chain does not vouch for": Case(
        snapshot=Snapshot(unsound_policy="Policy version 2 is not signed by an approver."),
        violation={"rule": "policy_sound", "limit": "Policy version 2 is not signed by an approver."},
        kind=PolicyRefused,
        message="Policy version 2 is not signed by an approver.",
    ),
    "consent that nobody can give": Case(
        rules=rules(levels={"buy": "passphrase", "release": "client", "assign": "client"}),
        violation={"rule": "consent_possible", "requested": "passphrase", "limit": "page"},
        kind=PolicyRefused,
        message="This needs consent at level passphrase; the strongest that anybody can give here is page.",
    ),
    "no consent at all": Case(
        snapshot=Snapshot(strongest_consent=None),
        violation={"rule": "consent_possible", "requested": "client", "limit": "none"},
        kind=PolicyRefused,
        message="This needs consent at level client; the strongest that anybody can give here is none.",
    ),
    "too many wait": Case(
        snapshot=Snapshot(pending_intents=5),
        violation={"rule": "pending_per_requester", "scope": REQUESTER, "limit": "5", "used": "5",
                   "requested": "1", "left": "0"},
        kind=PolicyRefused,
        message="5 purchases already wait for a person; 5 may wait at once, so 1 more is too many.",
        remedy="cancel_intent",
    ),
    "another host": Case(
        wish=wish(line_terms(host="evil.example")),
        violation={"rule": "carrier_allowed", "scope": "provider:sandbox", "limit": "sandbox.invalid",
                   "requested": "evil.example"},
        kind=PolicyRefused,
        message="The policy does not allow provider:sandbox at evil.example; it allows sandbox.invalid.",
    ),
    "another carrier": Case(
        wish=wish(TWILIO),
        violation={"rule": "carrier_allowed", "scope": "provider:twilio", "limit": "none",
                   "requested": "api.twilio.com"},
        kind=PolicyRefused,
        message="The policy does not allow provider:twilio at api.twilio.com; it allows none.",
    ),
    "another account": Case(
        rules=rules(carriers=[{"provider": "sandbox", "host": "sandbox.invalid", "accounts": ["a", "b"]}]),
        violation={"rule": "account_allowed", "scope": "provider:sandbox", "limit": "a b",
                   "requested": "sandbox-account"},
        kind=PolicyRefused,
        message="The policy does not allow account sandbox-account of provider:sandbox; it allows a b.",
    ),
    "no account": Case(
        rules=rules(carriers=[{"provider": "sandbox", "host": "sandbox.invalid", "accounts": []}]),
        violation={"rule": "account_allowed", "scope": "provider:sandbox", "limit": "none",
                   "requested": "sandbox-account"},
        kind=PolicyRefused,
        message="The policy does not allow account sandbox-account of provider:sandbox; it allows none.",
    ),
    "another country": Case(
        rules=rules(countries=["GB", "DE"]),
        violation={"rule": "country_allowed", "scope": "country:US", "limit": "GB DE"},
        kind=PolicyRefused,
        message="The policy does not allow country:US; it allows GB DE.",
    ),
    "no country": Case(
        rules=rules(countries=[]),
        violation={"rule": "country_allowed", "scope": "country:US", "limit": "none"},
        kind=PolicyRefused,
        message="The policy does not allow country:US; it allows none.",
    ),
    "no price": Case(
        wish=wish(UNPRICED),
        violation={"rule": "price_known", "requested": "+14155550142"},
        kind=PriceUnknown,
        message="+14155550142 has no price, and what has no price is not bought.",
    ),
    "no rate": Case(
        wish=wish(IN_FRANCS),
        violation={"rule": "rate_known", "limit": "USD", "requested": "CHF for +14155550142"},
        kind=PriceUnknown,
        message="There is no fresh exchange rate to USD for CHF for +14155550142.",
    ),
    "a stale rate": Case(
        wish=wish(IN_EUROS),
        rules=rules(rates=[EUROS | {"as_of": "2026-11-15T11:59:59Z"}]),
        violation={"rule": "rate_known", "limit": "USD", "requested": "EUR for +14155550142"},
        kind=PriceUnknown,
        message="There is no fresh exchange rate to USD for EUR for +14155550142.",
    ),
    "a rate from the future": Case(
        wish=wish(IN_EUROS),
        rules=rules(rates=[EUROS | {"as_of": "2026-11-22T12:00:01Z"}]),
        violation={"rule": "rate_known", "limit": "USD", "requested": "EUR for +14155550142"},
        kind=PriceUnknown,
        message="There is no fresh exchange rate to USD for EUR for +14155550142.",
    ),
    "a number of ours without a price": Case(
        snapshot=Snapshot(unpriced_numbers=("+14155550199", "+14155550198")),
        violation={"rule": "owned_prices_known", "used": "+14155550199 +14155550198"},
        kind=PriceUnknown,
        message="What +14155550199 +14155550198 costs a month is unknown, "
                "so nobody can say what the budgets have left.",
    ),
    "above max_total": Case(
        wish=wish(max_total=money("1.99 USD"), total_now=money("2.00 USD")),
        violation={"rule": "max_total", "limit": "1.99 USD", "requested": "2.00 USD"},
        kind=BudgetExceeded,
        message="It costs 2.00 USD now; max_total allows 1.99 USD.",
    ),
    "a total that nobody knows": Case(
        wish=wish(max_total=money("1.99 USD"), total_now=None),
        violation={"rule": "max_total", "limit": "1.99 USD", "requested": "an unknown amount"},
        kind=BudgetExceeded,
        message="It costs an unknown amount now; max_total allows 1.99 USD.",
    ),
    "max_total in another currency": Case(
        wish=wish(max_total=money("100.00 EUR"), total_now=money("2.00 USD")),
        violation={"rule": "max_total", "limit": "100.00 EUR", "requested": "2.00 USD"},
        kind=BudgetExceeded,
        message="It costs 2.00 USD now; max_total allows 100.00 EUR.",
    ),
    "a dear set-up": Case(
        wish=wish(line_terms(price=price("5.000001 USD", "0 USD"))),
        violation={"rule": "budget", "budget": "per-number", "scope": "all", "window": "set-up",
                   "limit": "5.00 USD", "requested": "5.000001 USD"},
        kind=BudgetExceeded,
        message="The set-up price is 5.000001 USD; budget per-number allows 5.00 USD a number.",
    ),
    "a dear month": Case(
        wish=wish(line_terms(price=price("0 USD", "5.01 USD"))),
        violation={"rule": "budget", "budget": "per-number", "scope": "all", "window": "monthly",
                   "limit": "5.00 USD", "requested": "5.01 USD"},
        kind=BudgetExceeded,
        message="The monthly price is 5.01 USD; budget per-number allows 5.00 USD a number.",
    ),
    "a dear first year": Case(
        rules=rules(budgets=budget("per-number", first_year="12.99 USD")),
        violation={"rule": "budget", "budget": "per-number", "scope": "all", "window": "first year",
                   "limit": "12.99 USD", "requested": "13.00 USD"},
        kind=BudgetExceeded,
        message="The first year price is 13.00 USD; budget per-number allows 12.99 USD a number.",
    ),
    "a budget that nobody set": Case(
        rules=rules(budgets=budget("run-rate", scope="country:US")),
        violation={"rule": "budget_present", "budget": "run_rate", "scope": "all"},
        kind=PolicyRefused,
        message="The policy sets no run_rate budget, so nothing is bought.",
    ),
    "no cash left": Case(
        snapshot=standing(cash=(usd("2.00"), usd("21.01"))),
        violation={"rule": "budget", "budget": "cash", "scope": "all", "window": "2026-11", "limit": "25.00 USD",
                   "used": "21.01 USD", "held": "2.00 USD", "requested": "2.00 USD", "left": "1.99 USD"},
        kind=BudgetExceeded,
        message="2.00 USD is asked for; budget cash (all, 2026-11) has 1.99 USD left of 25.00 USD.",
    ),
    "no run-rate left": Case(
        snapshot=standing(run_rate=(usd("1.00"), usd("13.50"))),
        violation={"rule": "budget", "budget": "run-rate", "scope": "all", "window": "all", "limit": "15.00 USD",
                   "used": "13.50 USD", "held": "1.00 USD", "requested": "1.00 USD", "left": "0.50 USD"},
        kind=BudgetExceeded,
        message="1.00 USD is asked for; budget run-rate (all, all) has 0.50 USD left of 15.00 USD.",
    ),
    "too many numbers": Case(
        snapshot=standing(count=(3, 7)),
        violation={"rule": "budget", "budget": "count", "scope": "all", "window": "all", "limit": "10",
                   "used": "7", "held": "3", "requested": "1", "left": "0"},
        kind=BudgetExceeded,
        message="1 is asked for; budget count (all, all) has 0 left of 10.",
    ),
    "too many purchases": Case(
        snapshot=standing(purchases=(0, 10)),
        violation={"rule": "budget", "budget": "purchases", "scope": "all", "window": "2026-11-22", "limit": "10",
                   "used": "10", "held": "0", "requested": "1", "left": "0"},
        kind=BudgetExceeded,
        message="1 is asked for; budget purchases (all, 2026-11-22) has 0 left of 10.",
    ),
    "too many attempts": Case(
        snapshot=standing(attempts=(4, 16)),
        violation={"rule": "budget", "budget": "attempts", "scope": "all", "window": "rolling", "limit": "20",
                   "used": "16", "held": "4", "requested": "1", "left": "0"},
        kind=BudgetExceeded,
        message="1 is asked for; budget attempts (all, rolling) has 0 left of 20.",
    ),
}  # fmt: skip
TABLE = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def judged(case: Case) -> Decision:
    return decide(case.wish, case.snapshot, case.rules, NOW)


@TABLE
def test_a_rule_that_is_broken_alone_is_the_only_one_named_with_all_it_knows(case: Case) -> None:
    [violation] = judged(case).violations
    assert violation.model_dump() == NOTHING | case.violation


@TABLE
def test_its_refusal_is_of_the_right_class_and_says_rule_limit_amount_and_way_out(
    case: Case,
) -> None:
    error = refusal(judged(case), details={"intent_id": "int_1"})
    assert type(error) is case.kind
    assert error.message == case.message
    assert error.details == {"intent_id": "int_1", "violations": [NOTHING | case.violation]}
    assert not error.retryable
    # INV-EXPLAIN: what a person can do is said, and the facts stand in the sentence.
    assert "person" in error.remedy
    assert case.remedy in error.remedy
    assert case.violation.get("limit", "") in error.message
    assert case.violation.get("requested", "") in error.message


def test_every_rule_of_the_guard_stands_in_the_table_above() -> None:
    named = {
        keyword.value.value
        for node in ast.walk(ast.parse(inspect.getsource(decision)))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "rule" and isinstance(keyword.value, ast.Constant)
    }
    assert named == {case.violation["rule"] for case in CASES.values()}


def test_a_violation_has_the_fields_of_the_contract_in_their_order() -> None:
    assert list(Violation.model_fields) == FIELDS


def test_missing_papers_are_a_refusal_that_names_number_and_papers() -> None:
    error = papers_missing("+493023125000", "an address", details={"items": []})
    assert type(error) is PapersMissing
    assert error.message == (
        "+493023125000 is sold only to holders of papers (an address) that are not on file."
    )
    assert "person" in error.remedy
    assert error.details == {"items": []}


# Several together


def test_everything_that_is_wrong_is_said_at_once_and_the_gravest_names_the_error() -> None:
    lines = [
        line_terms(number="+14155550100", price=None),
        line_terms(number="+14155550101", host="evil.example"),
        line_terms(number="+442079460958", country="GB", price=price("6.00 USD", "6.00 USD")),
        line_terms(number="+14155550103", price=price("1.00 CHF", "1.00 CHF")),
    ]
    asked = wish(*lines, max_total=money("1.00 USD"), total_now=None)
    seen = Snapshot(
        balances={("cash", "2026-11"): Balance(usd("20.00"), usd("4.00"))},
        pending_intents=9,
        frozen="for a test",
        stopped_until=NOW + timedelta(seconds=1),
        unpriced_numbers=("+14155550199",),
        strongest_consent=None,
    )
    without = [b for b in BUDGETS if b["kind"] != "attempts"]
    found = decide(asked, seen, rules(budgets=without, countries=["US"]), NOW)
    assert [v.rule for v in found.violations] == [
        "frozen",
        "stopped",
        "consent_possible",
        "pending_per_requester",
        "carrier_allowed",
        "country_allowed",
        "price_known",
        "rate_known",
        "owned_prices_known",
        "max_total",
        "budget",
        "budget",
        "budget",
        "budget_present",
        "budget",
    ]
    of_one_number = [v.window for v in found.violations if v.budget == "per-number"]
    assert of_one_number == ["set-up", "monthly", "first year"]
    error = refusal(found)
    assert type(error) is Frozen
    assert len(error.details["violations"]) == len(found.violations)


def test_lines_are_judged_together() -> None:
    lines = numbered(10)
    allowed = decide(wish(*lines), Snapshot(), rules(), NOW)
    assert allowed.is_allowed
    found = decide(wish(*numbered(13)), Snapshot(), rules(), NOW).violations
    assert [(v.budget, v.requested, v.left) for v in found] == [
        ("cash", "26.00 USD", "25.00 USD"),
        ("count", "13", "10"),
        ("purchases", "13", "10"),
    ]


def test_each_line_is_held_against_the_limits_of_one_number() -> None:
    lines = [line_terms(price=price("0 USD", "5.00 USD")), line_terms(price=price("0 USD", "5.01 USD"))]  # fmt: skip
    [violation] = decide(wish(*lines), Snapshot(), rules(), NOW).violations
    assert (violation.budget, violation.window, violation.requested) == (
        "per-number",
        "monthly",
        "5.01 USD",
    )


def test_every_budget_that_is_full_is_named() -> None:
    full = standing(
        cash=(0, usd("25.00")), run_rate=(0, usd("15.00")), count=(0, 10), purchases=(0, 10), attempts=(0, 20)
    )  # fmt: skip
    found = decide(wish(), full, rules(), NOW).violations
    assert [v.budget for v in found] == ["attempts", "cash", "count", "purchases", "run-rate"]
    assert all(v.left in {"0", "0.00 USD"} for v in found)


# Each kind in each scope

KINDS: dict[str, dict[str, Any]] = {
    "cash": {"kind": "cash", "window": "month", "limit": "1.99 USD"},
    "run_rate": {"kind": "run_rate", "limit": "0.99 USD"},
    "count": {"kind": "count", "limit": 0},
    "purchases": {"kind": "purchases", "window": "day", "limit": 0},
    "attempts": {"kind": "attempts", "limit": 0},
    "per_number": {
        "kind": "per_number",
        "setup": "5.00 USD",
        "monthly": "0.99 USD",
        "first_year": "99.00 USD",
    },
}
SCOPES = {
    "all": True,
    "provider:sandbox": True,
    "provider:twilio": False,
    "country:US": True,
    "country:GB": False,
    "type:local": True,
    "type:mobile": False,
    "assistant:reception": True,
    "assistant:receptio": False,
    "assistant:Reception": False,
    REQUESTER: True,
    "requester:local:ann": False,
    "mandate:man_01KAMW0000000000000000000A": False,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("scope", "counts"), SCOPES.items())
def test_a_budget_of_any_kind_binds_exactly_what_its_scope_names(
    kind: str, scope: str, counts: bool
) -> None:
    tight = {"name": "tight", "scope": scope} | KINDS[kind]
    found = decide(wish(), Snapshot(), rules(budgets=[*BUDGETS, tight]), NOW).violations
    assert [(v.budget, v.scope) for v in found] == ([("tight", scope)] if counts else [])


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_for_nobody_counts_for_no_assistant(kind: str) -> None:
    tight = {"name": "tight", "scope": "assistant:reception"} | KINDS[kind]
    made = rules(budgets=[*BUDGETS, tight])
    assert decide(wish(assistant_id=None), Snapshot(), made, NOW).is_allowed


def test_only_the_lines_within_a_scope_count_for_it() -> None:
    british = {"name": "british", "kind": "count", "scope": "country:GB", "limit": 1}
    lines = [*numbered(3), line_terms(country="GB"), line_terms(country="GB", type=NumberType.MOBILE)]  # fmt: skip
    [violation] = decide(
        wish(*lines), Snapshot(), rules(budgets=[*BUDGETS, british]), NOW
    ).violations
    assert (violation.budget, violation.requested) == ("british", "2")


# Windows

ZONES = [
    # Summer time begins in Berlin on 2026-03-29 at 01:00 UTC and ends on 2026-10-25 at 01:00 UTC.
    ("2026-03-28T22:59:59Z", "Europe/Berlin", "day", "2026-03-28"),
    ("2026-03-28T23:00:00Z", "Europe/Berlin", "day", "2026-03-29"),
    ("2026-03-29T01:00:00Z", "Europe/Berlin", "day", "2026-03-29"),
    ("2026-03-29T21:59:59Z", "Europe/Berlin", "day", "2026-03-29"),
    ("2026-03-29T22:00:00Z", "Europe/Berlin", "day", "2026-03-30"),
    ("2026-10-24T21:59:59Z", "Europe/Berlin", "day", "2026-10-24"),
    ("2026-10-24T22:00:00Z", "Europe/Berlin", "day", "2026-10-25"),
    ("2026-10-25T00:30:00Z", "Europe/Berlin", "day", "2026-10-25"),
    ("2026-10-25T01:30:00Z", "Europe/Berlin", "day", "2026-10-25"),
    ("2026-10-25T22:59:59Z", "Europe/Berlin", "day", "2026-10-25"),
    ("2026-10-25T23:00:00Z", "Europe/Berlin", "day", "2026-10-26"),
    # Beirut and Santiago change at midnight: the day has 23 hours, or 25.
    ("2026-03-28T21:59:59Z", "Asia/Beirut", "day", "2026-03-28"),
    ("2026-03-28T22:00:00Z", "Asia/Beirut", "day", "2026-03-29"),
    # Samoa had no 30 December 2011.
    ("2011-12-30T09:59:59Z", "Pacific/Apia", "day", "2011-12-29"),
    ("2011-12-30T10:00:00Z", "Pacific/Apia", "day", "2011-12-31"),
    # The ends of months, a leap day, the ends of years, and both ends of the earth.
    ("2026-01-31T23:59:59.999999Z", "UTC", "month", "2026-01"),
    ("2026-02-01T00:00:00Z", "UTC", "month", "2026-02"),
    ("2026-02-28T23:59:59Z", "UTC", "day", "2026-02-28"),
    ("2026-03-01T00:00:00Z", "UTC", "day", "2026-03-01"),
    ("2028-02-28T23:59:59Z", "UTC", "day", "2028-02-28"),
    ("2028-02-29T12:00:00Z", "UTC", "day", "2028-02-29"),
    ("2028-02-29T12:00:00Z", "UTC", "month", "2028-02"),
    ("2028-03-01T00:00:00Z", "UTC", "day", "2028-03-01"),
    ("2026-12-31T23:59:59Z", "UTC", "year", "2026"),
    ("2027-01-01T00:00:00Z", "UTC", "year", "2027"),
    ("2026-12-31T23:59:59Z", "America/New_York", "year", "2026"),
    ("2027-01-01T04:59:59Z", "America/New_York", "year", "2026"),
    ("2027-01-01T05:00:00Z", "America/New_York", "year", "2027"),
    ("2026-12-31T10:00:00Z", "Pacific/Kiritimati", "year", "2027"),
    ("2026-12-31T09:59:59Z", "Pacific/Kiritimati", "month", "2026-12"),
    ("2026-11-22T18:29:59Z", "Asia/Kolkata", "day", "2026-11-22"),
    ("2026-11-22T18:30:00Z", "Asia/Kolkata", "day", "2026-11-23"),
]


@pytest.mark.parametrize(("moment", "zone", "window", "named"), ZONES)
@pytest.mark.parametrize("kind", ["cash", "purchases"])
def test_a_calendar_window_is_the_one_that_people_in_its_zone_live_in(
    kind: str, moment: str, zone: str, window: str, named: str
) -> None:
    full = KINDS[kind] | {"name": "tight", "window": window, "zone": zone}
    made = rules(budgets=[*BUDGETS, full])
    [violation] = decide(wish(), Snapshot(), made, datetime.fromisoformat(moment)).violations
    assert violation.window == named


@pytest.mark.parametrize("window", ["day", "month", "year"])
def test_what_stands_in_another_window_does_not_count(window: str) -> None:
    made = rules(budgets=budget("cash", window=window))
    [cash] = [b for b in made.budgets if b.name == "cash"]
    full = Balance(0, usd("25.00"))
    now_full = Snapshot(balances={("cash", window_at(cash, NOW)): full})
    assert not decide(wish(), now_full, made, NOW).is_allowed
    for other in (NOW - timedelta(days=366), NOW + timedelta(days=366)):
        elsewhere = Snapshot(balances={("cash", window_at(cash, other)): full})
        assert decide(wish(), elsewhere, made, NOW).is_allowed


# Limits at their edge


def test_a_budget_may_be_used_up_to_the_last_micro_unit() -> None:
    left = limit_of(rules().budgets[0]) - usd("2.00")
    assert decide(wish(), standing(cash=(left, 0)), rules(), NOW).is_allowed
    assert decide(wish(), standing(cash=(0, left)), rules(), NOW).is_allowed
    assert not decide(wish(), standing(cash=(1, left)), rules(), NOW).is_allowed


@pytest.mark.parametrize("name", ["count", "purchases", "attempts"])
def test_a_budget_of_one_piece_has_room_for_one(name: str) -> None:
    made = rules(budgets=budget(name, limit=1))
    assert decide(wish(), Snapshot(), made, NOW).is_allowed
    assert not decide(wish(*numbered(2)), Snapshot(), made, NOW).is_allowed


def test_a_total_may_be_as_high_as_the_caller_s_limit() -> None:
    exact = wish(max_total=money("2.00 USD"), total_now=money("2.00 USD"))
    assert decide(exact, Snapshot(), rules(), NOW).is_allowed


ZEROS = [
    ("cash", {"limit": "0 USD"}, ["cash"]),
    ("run-rate", {"limit": "0 USD"}, ["run-rate"]),
    ("count", {"limit": 0}, ["count"]),
    ("purchases", {"limit": 0}, ["purchases"]),
    ("attempts", {"limit": 0}, ["attempts"]),
    ("per-number", {"setup": "0 USD", "monthly": "0 USD", "first_year": "0 USD"}, ["per-number"] * 3),
]  # fmt: skip


@pytest.mark.parametrize(("name", "zero", "refused"), ZEROS)
def test_a_budget_of_zero_is_zero(name: str, zero: dict[str, Any], refused: list[str]) -> None:
    found = decide(wish(), Snapshot(), rules(budgets=budget(name, **zero)), NOW).violations
    assert [v.budget for v in found] == refused


def test_a_free_number_passes_a_budget_of_zero_money_but_no_budget_of_zero_pieces() -> None:
    free = wish(line_terms(price=price("0 USD", "0 USD")))
    no_money = budget("cash", limit="0 USD")
    assert decide(free, Snapshot(), rules(budgets=no_money), NOW).is_allowed
    assert not decide(free, Snapshot(), rules(budgets=budget("count", limit=0)), NOW).is_allowed


def test_a_limit_that_was_tightened_below_what_is_used_leaves_less_than_nothing() -> None:
    made = rules(budgets=budget("cash", limit="3.00 USD"))
    [violation] = decide(wish(), standing(cash=(usd("2.00"), usd("4.50"))), made, NOW).violations
    assert violation.left == "-3.50 USD"
    assert violation.limit == "3.00 USD"
    error = refusal(Decision(violations=(violation,), level=Level.CLIENT))
    assert "has -3.50 USD left of 3.00 USD" in error.message


def test_above_a_tightened_limit_even_a_free_number_is_refused() -> None:
    made = rules(budgets=budget("run-rate", limit="3.00 USD"))
    free = wish(line_terms(price=price("0 USD", "0 USD")))
    assert not decide(free, standing(run_rate=(0, usd("3.01"))), made, NOW).is_allowed


REQUIRED = ["cash", "run-rate", "count", "attempts"]


@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_budget_that_is_absent_or_scoped_refuses(name: str) -> None:
    absent = rules(budgets=[b for b in BUDGETS if b["name"] != name])
    scoped = rules(budgets=budget(name, scope="type:mobile"))
    for made in (absent, scoped):
        [violation] = decide(wish(), Snapshot(), made, NOW).violations
        assert violation.rule == "budget_present"
        assert violation.budget == name.replace("-", "_")


@pytest.mark.parametrize("name", ["purchases", "per-number"])
def test_the_other_budgets_may_be_left_out(name: str) -> None:
    made = rules(budgets=[b for b in BUDGETS if b["name"] != name])
    assert decide(wish(), Snapshot(), made, NOW).is_allowed


# Other currencies


def test_another_currency_is_held_with_its_rate_and_haircut_rounded_up() -> None:
    [violation] = decide(
        wish(IN_EUROS), standing(cash=(0, usd("25.00"))), rules(), NOW
    ).violations  # fmt: skip
    assert violation.requested == "2.436 USD"  # 2.00 EUR × 1.16 × 1.05
    third = rules(rates=[EUROS | {"rate": "0.333333", "haircut_basis_points": 1}])
    [violation] = decide(wish(IN_EUROS), standing(cash=(0, usd("25.00"))), third, NOW).violations
    assert violation.requested == "0.666733 USD"  # 0.6667326666 rounded up


def test_one_number_in_another_currency_is_converted_before_it_is_judged_alone() -> None:
    dear = wish(line_terms(price=price("0 EUR", "4.11 EUR")))  # 5.00598 USD
    [violation] = decide(dear, Snapshot(), rules(), NOW).violations
    assert (violation.window, violation.requested) == ("monthly", "5.00598 USD")
    assert decide(wish(line_terms(price=price("0 EUR", "4.10 EUR"))), Snapshot(), rules(), NOW).is_allowed  # fmt: skip


PER_NUMBER = {"setup": "5.00 USD", "monthly": "5.00 USD", "first_year": "65.00 USD"}


@pytest.mark.parametrize("part", PER_NUMBER)
def test_a_per_number_limit_without_a_rate_refuses_whichever_of_the_three_it_is(part: str) -> None:
    mixed = rules(budgets=budget("per-number", **{part: "0.01 CHF"}))
    [violation] = decide(wish(), Snapshot(), mixed, NOW).violations
    assert (violation.rule, violation.limit) == ("rate_known", "CHF")


def test_a_rate_is_needed_only_into_currencies_that_the_number_counts_in() -> None:
    pounds = KINDS["cash"] | {"name": "british", "scope": "country:GB", "limit": "9.00 GBP"}
    made = rules(budgets=[*BUDGETS, pounds])
    assert decide(wish(), Snapshot(), made, NOW).is_allowed
    [violation] = decide(wish(line_terms(country="GB")), Snapshot(), made, NOW).violations
    assert (violation.rule, violation.limit) == ("rate_known", "GBP")


def test_budgets_in_two_currencies_need_a_rate_into_each() -> None:
    made = rules(budgets=budget("run-rate", limit="15.00 CHF"))
    found = decide(wish(IN_EUROS), Snapshot(), made, NOW).violations
    assert [(v.rule, v.limit) for v in found] == [("rate_known", "CHF")]


def test_lines_in_two_currencies_need_a_rate_into_the_policy_s_own_for_their_total() -> None:
    mixed = wish(IN_EUROS, line_terms())
    assert decide(mixed, Snapshot(), rules(), NOW).is_allowed
    found = decide(mixed, Snapshot(), rules(currency="CHF"), NOW).violations
    assert {(v.rule, v.limit) for v in found} == {("rate_known", "CHF")}
    assert decide(wish(IN_EUROS), Snapshot(), rules(currency="CHF"), NOW).is_allowed


# Before the proposal and at dispatch


def test_what_is_held_already_is_not_counted_twice() -> None:
    holding = standing(cash=(usd("2.00"), usd("23.00")), count=(1, 9), attempts=(1, 19))
    assert decide(wish(is_held=True), holding, rules(), NOW).is_allowed
    assert not decide(wish(), holding, rules(), NOW).is_allowed


def test_what_is_held_is_void_once_it_is_above_the_limit() -> None:
    tightened = rules(budgets=budget("cash", limit="24.99 USD"))
    holding = standing(cash=(usd("2.00"), usd("23.00")))
    [violation] = decide(wish(is_held=True), holding, tightened, NOW).violations
    assert (violation.left, violation.requested) == ("-0.01 USD", "2.00 USD")


HELD = [
    (Snapshot(pending_intents=99), True),
    (Snapshot(stopped_until=NOW + timedelta(minutes=15)), True),
    (Snapshot(frozen="for a test"), False),
    (Snapshot(strongest_consent=None), False),
    (Snapshot(unpriced_numbers=("+14155550199",)), False),
]


@pytest.mark.parametrize(("snapshot", "is_allowed"), HELD)
def test_pressure_stops_new_wishes_while_what_was_approved_goes_on(
    snapshot: Snapshot, is_allowed: bool
) -> None:
    assert decide(wish(is_held=True), snapshot, rules(), NOW).is_allowed is is_allowed
    assert not decide(wish(), snapshot, rules(), NOW).is_allowed


def test_a_stop_ends_at_its_time() -> None:
    stopped = Snapshot(stopped_until=NOW)
    assert decide(wish(), stopped, rules(), NOW).is_allowed
    assert not decide(wish(), stopped, rules(), NOW - timedelta(microseconds=1)).is_allowed


@pytest.mark.parametrize(("pending", "is_allowed"), [(0, True), (4, True), (5, False), (6, False)])
def test_as_many_may_wait_as_the_policy_says(pending: int, is_allowed: bool) -> None:
    seen = Snapshot(pending_intents=pending)
    assert decide(wish(), seen, rules(), NOW).is_allowed is is_allowed


CONSENT = [(needed, given) for needed in Level for given in [None, *Level]]


@pytest.mark.parametrize(("needed", "given"), CONSENT)
def test_consent_must_be_possible_at_the_level_that_is_needed(
    needed: Level, given: Level | None
) -> None:
    made = rules(levels=dict.fromkeys(["buy", "release", "assign"], needed.value))
    found = decide(wish(), Snapshot(strongest_consent=given), made, NOW)
    assert found.is_allowed is (given is not None and given.strength >= needed.strength)
    assert found.level is needed


# Moving and giving back


@pytest.mark.parametrize("op", [Op.ASSIGN, Op.RELEASE])
def test_what_spends_nothing_is_held_against_no_budget(op: Op) -> None:
    full = standing(cash=(0, usd("99.00")), count=(0, 99))
    bare = rules(budgets=[{"name": "count", "kind": "count", "limit": 0}], countries=["GB"])
    tight = rules(budgets=budget("per-number", monthly="0 USD"))
    unpriced = Snapshot(unpriced_numbers=("+14155550142",))
    for asked in (wish(UNPRICED, op=op), wish(IN_FRANCS, op=op), wish(op=op)):
        for seen in (full, unpriced):
            assert decide(asked, seen, bare, NOW).is_allowed
            assert decide(asked, seen, tight, NOW).is_allowed


@pytest.mark.parametrize("op", Op)
def test_freeze_stop_pending_and_carrier_rules_bind_every_operation(op: Op) -> None:
    for seen in (
        Snapshot(frozen="x"),
        Snapshot(stopped_until=NOW + timedelta(1)),
        Snapshot(pending_intents=5),
    ):
        assert not decide(wish(op=op), seen, rules(), NOW).is_allowed
    assert not decide(wish(TWILIO, op=op), Snapshot(), rules(), NOW).is_allowed


# Properties

prices = st.builds(
    lambda setup, monthly: price(f"{setup}.{setup % 100:02} USD", f"{monthly}.5 USD"),
    st.integers(0, 6),
    st.integers(0, 6),
)
limits = st.fixed_dictionaries(
    {
        "cash": st.integers(0, 60),
        "run-rate": st.integers(0, 40),
        "count": st.integers(0, 12),
        "purchases": st.integers(0, 12),
        "attempts": st.integers(0, 12),
    }
)
stands = st.fixed_dictionaries(
    {b["name"]: st.tuples(st.integers(0, 9), st.integers(0, 9)) for b in BUDGETS[:-1]}
)


def limited(said: dict[str, int]) -> PolicyDocument:
    made = []
    for b in BUDGETS[:-1]:
        limit = said[b["name"]]
        made.append(b | {"limit": f"{limit} USD" if isinstance(b["limit"], str) else limit})
    return rules(budgets=made)


def unit(name: str) -> int:
    return MICROS if name in {"cash", "run-rate"} else 1


def snapshot_of(said: dict[str, tuple[int, int]]) -> Snapshot:
    return standing(
        **{
            name.replace("-", "_"): (held * unit(name), used * unit(name))
            for name, (held, used) in said.items()
        }
    )


def exceeded(
    lines: Sequence[Price], said: dict[str, int], stand: dict[str, tuple[int, int]]
) -> Iterator[str]:
    """The budgets that would be exceeded, reckoned the plain way."""
    asked = {
        "cash": sum(p.setup.micros + p.monthly.micros for p in lines),
        "run-rate": sum(p.monthly.micros for p in lines),
    }
    for name in sorted(said):
        room = (said[name] - sum(stand[name])) * unit(name)
        if asked.get(name, len(lines)) > room:
            yield name


@given(st.lists(prices, min_size=1, max_size=5), limits, stands)
def test_a_wish_is_refused_by_exactly_the_budgets_that_it_would_exceed(
    shown: list[Price], said: dict[str, int], stand: dict[str, tuple[int, int]]
) -> None:
    asked = wish(*[line_terms(price=p) for p in shown])
    found = decide(asked, snapshot_of(stand), limited(said), NOW)
    assert [v.budget for v in found.violations] == list(exceeded(shown, said, stand))


@given(st.lists(prices, min_size=1, max_size=5), limits, stands, st.sampled_from(sorted(REQUIRED)))
def test_tightening_a_limit_or_using_more_never_turns_a_no_into_a_yes(
    shown: list[Price], said: dict[str, int], stand: dict[str, tuple[int, int]], name: str
) -> None:
    asked = wish(*[line_terms(price=p) for p in shown])
    before = decide(asked, snapshot_of(stand), limited(said), NOW)
    tighter = said | {name: max(said[name] - 1, 0)}
    fuller = stand | {name: (stand[name][0] + 1, stand[name][1])}
    for seen, made in (
        (snapshot_of(stand), limited(tighter)),
        (snapshot_of(fuller), limited(said)),
    ):
        after = decide(asked, seen, made, NOW)
        assert before.is_allowed or not after.is_allowed
        assert {v.budget for v in before.violations} <= {v.budget for v in after.violations}


@given(st.integers(-(10**20), 10**20))
def test_any_amount_of_a_budget_can_be_printed(amount: int) -> None:
    cash, count = (b for b in rules().budgets if b.name in {"cash", "count"})
    assert printed(count, amount) == str(amount)
    assert printed(cash, amount).endswith(" USD")
    assert printed(cash, -5_250_000) == "-5.25 USD"


def test_judging_changes_nothing_and_gives_the_same_answer_again() -> None:
    case = CASES["no cash left"]
    first = judged(case)
    assert judged(case) == first
    assert first.model_dump() == judged(case).model_dump()


def names(found: Sequence[Budget]) -> list[str]:
    return [b.name for b in found]


def test_budgets_are_judged_in_the_order_in_which_their_rows_are_locked() -> None:
    shuffled = rules(budgets=BUDGETS[::-1])
    assert names(balanced(shuffled)) == names(balanced(rules())) == sorted(
        b["name"] for b in BUDGETS if b["kind"] != "per_number"
    )  # fmt: skip
