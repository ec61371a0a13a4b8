"""Made-up nouns for tests: a line, the terms of an intent, and a small policy, each with whatever is changed."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ringfence.intents import Level, LineTerms, Op, Terms
from ringfence.money import Money
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Price, Provider
from ringfence.policy import PolicyDocument, parse_document

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ME = "local:anna"
RECEPTION = "reception"
NUMBER = "+14155550142"
LINE_ID = "lin_01KAMW0000000000000000000A"
INTENT_ID = "int_01KAMW0000000000000000000A"


def money(text: str) -> Money:
    return Money.parse(text)


def price(setup: str = "1.00 USD", monthly: str = "1.00 USD") -> Price:
    return Price(setup=money(setup), monthly=money(monthly))


def line_terms(**changes: Any) -> LineTerms:
    """One local number in California, as the sandbox sells it; every optional field is filled."""
    terms = LineTerms(
        line_id=LINE_ID,
        provider=Provider.SANDBOX,
        account="sandbox-account",
        host="sandbox.invalid",
        number=NUMBER,
        stock_id="S-1",
        country="US",
        type=NumberType.LOCAL,
        raw_type="Local",
        capabilities=(Capability.VOICE, Capability.SMS),
        price=price(),
        min_term_months=1,
        place="San Francisco, CA",
        carrier_hold_id="H-1",
        number_id="num_01KAMW0000000000000000000A",
        current_assistant_id="night-desk",
        owned_monthly=money("1.00 USD"),
        owned_since=NOW,
    )
    return terms.model_copy(update=changes)


def terms(**changes: Any) -> Terms:
    """Terms of a purchase of two numbers; every optional field is filled."""
    made = Terms(
        intent_id=INTENT_ID,
        installation_id="ins_01KAMW0000000000000000000A",
        op=Op.BUY,
        principal=ME,
        assistant_id=RECEPTION,
        role="night",
        lines=(
            line_terms(),
            line_terms(line_id=f"{LINE_ID[:-1]}B", number="+14155550143", stock_id="S-2"),
        ),
        currency="USD",
        total_now=money("4.00 USD"),
        total_monthly=money("2.00 USD"),
        first_year=money("26.00 USD"),
        is_converted=False,
        max_total=money("5.00 USD"),
        policy_version=1,
        level=Level.CLIENT,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )
    return made.model_copy(update=changes)


BUDGETS: list[dict[str, Any]] = [
    {"name": "cash", "kind": "cash", "window": "month", "limit": "25.00 USD"},
    {"name": "run-rate", "kind": "run_rate", "limit": "15.00 USD"},
    {"name": "count", "kind": "count", "limit": 10},
    {"name": "purchases", "kind": "purchases", "window": "day", "limit": 10},
    {"name": "attempts", "kind": "attempts", "limit": 20},
    {
        "name": "per-number",
        "kind": "per_number",
        "setup": "5.00 USD",
        "monthly": "5.00 USD",
        "first_year": "65.00 USD",
    },
]
EUROS: dict[str, Any] = {
    "source": "EUR",
    "target": "USD",
    "rate": "1.16",
    "as_of": "2026-11-20T00:00:00Z",
    "max_age_days": 7,
}


def budget(name: str, /, **changes: Any) -> list[dict[str, Any]]:
    """All budgets, one of them with changes; None takes a field away."""
    changed = [b | changes if b["name"] == name else b for b in BUDGETS]
    return [{key: value for key, value in b.items() if value is not None} for b in changed]


def document(**changes: Any) -> dict[str, Any]:
    """A policy like the sandbox's, as plain values."""
    return {
        "currency": "USD",
        "approval_minutes": 60,
        "pending_per_requester": 5,
        "levels": {"buy": "client", "release": "client", "assign": "client"},
        "budgets": BUDGETS,
        "rates": [EUROS],
        "carriers": [{"provider": "sandbox", "host": "sandbox.invalid"}],
        "countries": "any",
        "assistants": [{"name": "*"}],
    } | changes


def rules(**changes: Any) -> PolicyDocument:
    """The same, read."""
    return parse_document(document(**changes))
