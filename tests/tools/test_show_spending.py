"""show_spending: where the limits stand becomes facts that a model can tell a person."""

from typing import Any

import pytest

from ringfence.desk import spending
from ringfence.desk.spending import Fact, FactKind, Period, Spending
from ringfence.guard.standing import BudgetRow
from ringfence.money import Money
from ringfence.policy import BudgetKind, Window
from ringfence_tools.parsing import parse
from ringfence_tools.show_spending import OPERATION
from tools.examples import NOON, NUMBER, call, tell

CASH = BudgetRow(
    "cash", "all", BudgetKind.CASH, "2026-11", "25.00 USD", "2.00 USD", "0.00 USD", "23.00 USD"
)
PLAIN = BudgetRow("per-number", "all", BudgetKind.PER_NUMBER, "monthly", "5.00 USD")
PURCHASE = Fact(NOON, FactKind.PURCHASE, NUMBER, Money.parse("2.00 USD"), "reception")
STRANGER = Fact(NOON, FactKind.ADJUSTMENT, NUMBER, None, None)


def stands(**about: Any) -> Spending:
    fields: dict[str, Any] = {
        "currency": "USD",
        "period": Period("2026-11", Window.MONTH, NOON, NOON, "UTC"),
        "budgets": (CASH, PLAIN),
        "run_rate": Money.parse("1.00 USD"),
        "forecast": Money.parse("2.00 USD"),
        "is_converted": False,
        "frozen": None,
        "recent": (PURCHASE, STRANGER),
    }
    return Spending(**(fields | about))


async def told(monkeypatch: pytest.MonkeyPatch, answer: Spending, **raw: Any) -> tuple[Any, Window]:
    story = tell(monkeypatch, spending, "show_spending", answer)
    result = await OPERATION.run(call(), parse(OPERATION, raw))
    [(_, window)] = story.asked
    return result, window


async def test_the_period_is_a_month_unless_a_day_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (await told(monkeypatch, stands()))[1] is Window.MONTH
    assert (await told(monkeypatch, stands(), period="month"))[1] is Window.MONTH
    assert (await told(monkeypatch, stands(), period="day"))[1] is Window.DAY


async def test_a_result_has_the_fields_of_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = await told(monkeypatch, stands())
    assert result.as_document() == {
        "simulated": True,
        "next_step": "Tell the person what they asked for; only they can change limits.",
        "currency": "USD",
        "budgets": [
            {
                "name": "cash",
                "scope": "all",
                "kind": "cash",
                "window": "2026-11",
                "limit": "25.00 USD",
                "used": "2.00 USD",
                "held": "0.00 USD",
                "left": "23.00 USD",
            },
            {
                "name": "per-number",
                "scope": "all",
                "kind": "per_number",
                "window": "monthly",
                "limit": "5.00 USD",
                "used": None,
                "held": None,
                "left": None,
            },
        ],
        "run_rate": "1.00 USD",
        "forecast": "2.00 USD",
        "frozen": None,
        "mandates": [],
        "recent": [
            {
                "at": "2026-11-22T12:00:00Z",
                "what": "purchase",
                "number": NUMBER,
                "amount": "2.00 USD",
                "assistant_id": "reception",
            },
            {
                "at": "2026-11-22T12:00:00Z",
                "what": "adjustment",
                "number": NUMBER,
                "amount": None,
            },
        ],
    }


async def test_what_is_not_known_is_null_and_what_was_converted_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result, _ = await told(monkeypatch, stands(run_rate=None, is_converted=True))
    document = result.as_document()
    assert (document["run_rate"], document["converted"]) == (None, True)
    text = OPERATION.read(result)
    assert "All numbers a month: not known: a price or a rate is missing." in text
    assert "(at most; converted)" in text


@pytest.mark.parametrize(
    ("left", "is_used_up"),
    [
        ("23.00 USD", False),
        ("0.50 USD", False),
        ("10", False),
        ("0", True),
        ("0.00 USD", True),
        ("0 JPY", True),
        ("-1.00 USD", True),
        ("-3", True),
    ],
)
async def test_the_next_step_names_the_limits_that_are_used_up(
    monkeypatch: pytest.MonkeyPatch, left: str, is_used_up: bool
) -> None:
    row = BudgetRow("cash", "all", BudgetKind.CASH, "2026-11", "25.00 USD", "", "", left)
    result, _ = await told(monkeypatch, stands(budgets=(row,)))
    assert ("Nothing is left of cash." in result.next_step) == is_used_up


async def test_a_freeze_comes_before_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = await told(monkeypatch, stands(frozen="too\nfast"))
    assert result.next_step.startswith("Spending is frozen")
    assert "FROZEN: too fast." in OPERATION.read(result)


async def test_a_person_reads_limits_then_cost_then_what_happened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result, _ = await told(monkeypatch, stands())
    assert OPERATION.read(result).splitlines() == [
        "Simulated: no real money.",
        "- cash (all, 2026-11): limit 25.00 USD, used 2.00 USD, held 0.00 USD, left 23.00 USD",
        "- per-number (all, monthly): limit 5.00 USD",
        "All numbers a month: 1.00 USD. The period at its end: 2.00 USD.",
        f"- 2026-11-22T12:00:00Z purchase {NUMBER}: 2.00 USD, reception",
        f"- 2026-11-22T12:00:00Z adjustment {NUMBER}: price unknown",
        result.next_step,
    ]
