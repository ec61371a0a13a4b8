"""show_spending: every limit, what is left of it, and what the period will have cost."""

from __future__ import annotations

from typing import Literal

from ringfence.clock import rfc3339
from ringfence.desk import spending
from ringfence.desk.spending import Fact, FactKind, Spending
from ringfence.guard.standing import BudgetRow
from ringfence.policy import BudgetKind, Window
from ringfence_tools.operation import Arguments, Call, Operation, Part, Result
from ringfence_tools.printing import cleaned, named, printed, reading, words
from ringfence_tools.texts import only_listed
from ringfence_tools.vocabulary import Moment, MoneyText, NumberText


class SpendingArguments(Arguments):
    """Which period the forecast and the latest facts are about."""

    period: Literal["month", "day"] = "month"


class BudgetDocument(Part):
    """One limit in its present window; amounts are money or counts, as text. A limit on one number keeps no balance."""

    name: str
    scope: str
    kind: BudgetKind
    window: str
    limit: str
    used: str | None
    held: str | None
    left: str | None


class FactDocument(Part):
    """Something that happened in the period."""

    at: Moment
    what: FactKind
    number: NumberText
    amount: MoneyText | None
    assistant_id: str | None = None


class SpendingResult(Result):
    """How spending stands; run-rate and forecast are null where a price or an exchange rate is missing."""

    currency: str
    budgets: tuple[BudgetDocument, ...]
    run_rate: MoneyText | None
    forecast: MoneyText | None
    converted: Literal[True] | None = None
    frozen: str | None
    mandates: tuple[dict[str, str], ...]
    recent: tuple[FactDocument, ...]


async def run(call: Call, arguments: SpendingArguments) -> SpendingResult:
    """Show how spending stands."""
    found = await spending.show_spending(call.desk, call.principal, Window(arguments.period))
    return SpendingResult(
        currency=found.currency,
        budgets=tuple(map(_budget, found.budgets)),
        run_rate=printed(found.run_rate),
        forecast=printed(found.forecast),
        converted=True if found.is_converted else None,
        frozen=cleaned(found.frozen),
        mandates=(),  # nobody can sign one yet
        recent=tuple(map(_fact, found.recent)),
        simulated=call.is_simulated(()),
        next_step=only_listed(_next_step(found), call.surface.tools),
    )


def _budget(row: BudgetRow) -> BudgetDocument:
    return BudgetDocument(
        name=row.name,
        scope=row.scope,
        kind=row.kind,
        window=row.window,
        limit=row.limit,
        used=row.used,
        held=row.held,
        left=row.left,
    )


def _fact(fact: Fact) -> FactDocument:
    return FactDocument(
        at=rfc3339(fact.at),
        what=fact.what,
        number=fact.number,
        amount=printed(fact.amount),
        assistant_id=fact.assistant_id,
    )


def _next_step(found: Spending) -> str:
    if found.frozen is not None:
        return "Spending is frozen: nothing is bought. Tell the person why; only they can lift it."
    spent = [row.name for row in found.budgets if row.left is not None and _is_nothing(row.left)]
    if spent:
        return (
            f"Nothing is left of {named(spent)}. "
            "Tell the person the limit and what is used of it: only they can change limits."
        )
    return "Tell the person what they asked for; only they can change limits."


def _is_nothing(left: str) -> bool:
    amount = left.partition(" ")[0]
    return left.startswith("-") or not amount.strip("0.")


def read(result: SpendingResult) -> str:
    """The limits, one a line, then what our numbers cost and what happened lately."""
    rate, end = (
        amount or "not known: a price or a rate is missing"
        for amount in (result.run_rate, result.forecast)
    )
    about = " (at most; converted)" if result.converted else ""
    return reading(
        result,
        f"FROZEN: {cleaned(result.frozen)}." if result.frozen is not None else None,
        *map(_read_budget, result.budgets),
        f"All numbers a month: {rate}. The period at its end: {end}{about}.",
        *map(_read_fact, result.recent),
    )


def _read_budget(budget: BudgetDocument) -> str:
    head = f"- {budget.name} ({budget.scope}, {budget.window}): limit {budget.limit}"
    if budget.used is None:
        return head
    return f"{head}, used {budget.used}, held {budget.held}, left {budget.left}"


def _read_fact(fact: FactDocument) -> str:
    whom = f", {fact.assistant_id}" if fact.assistant_id else ""
    return f"- {fact.at} {words(fact.what)} {fact.number}: {fact.amount or 'price unknown'}{whom}"


OPERATION = Operation(
    name="show_spending",
    title="Show limits and spending",
    description=(
        "Shows limits, what is used, held and left of them, the monthly cost of all our numbers, "
        "the forecast for the period, mandates and what happened lately. Costs nothing. "
        "Use after a refusal; only a person can change limits. "
        "For single numbers, use list_numbers."
    ),
    arguments=SpendingArguments,
    result=SpendingResult,
    run=run,
    read=read,
    scopes=frozenset({"spending:read"}),
    is_read_only=True,
    is_open_world=False,
)
