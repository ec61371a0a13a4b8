"""Nouns built by hand, and a desk with nobody behind it: tests replace the stories they need."""

from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, cast

import pytest

from ringfence.desk import Desk
from ringfence.guard.decision import Decision, Violation
from ringfence.intents import Intent, Level, Line, LineTerms, Op, Terms
from ringfence.inventory import NumberRecord, Origin, Readiness, Ready
from ringfence.money import Money
from ringfence.numbers import Capability, NumberType
from ringfence.offers import (
    Ability,
    Buyable,
    Offer,
    Papers,
    Price,
    PriceSource,
    Provider,
    Reservation,
    ReservationKind,
    Stock,
)
from ringfence.states import IntentState, LineState, NumberState
from ringfence_tools.operation import Call, Report, Surface, unheard
from ringfence_tools.texts import TOOL_NAMES

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TAIL = "01KAN9Y7H0000000000000000"
OFFER_ID = f"off_{TAIL}1"
OTHER_OFFER_ID = f"off_{TAIL}2"
RESERVATION_ID = f"res_{TAIL}1"
INTENT_ID = f"int_{TAIL}1"
LINE_ID = f"lin_{TAIL}1"
NUMBER = "+14155550142"
PAGE = "http://127.0.0.1:7415"
DOLLAR = Money.parse("1.00 USD")
CHEAP = Price(setup=DOLLAR, monthly=DOLLAR)


def call(*tools: str, report: Report = unheard, **surface: Any) -> Call:
    """A call by `local:ada` of a sandbox desk; every tool is listed unless some are named."""
    desk = cast(Desk, SandboxDesk())
    shown = Surface(tools=frozenset(tools or TOOL_NAMES), **surface)
    return Call(desk, "local:ada", shown, report)


class SandboxDesk:
    """All that a tool itself asks of a desk; its stories ask for more, and are replaced."""

    is_simulated = True


class Story:
    """Stands in for one function of the desk: remembers what it was asked, answers as told."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[tuple[Any, ...]] = []

    async def __call__(self, _desk: Desk, principal: str, *asked: object, **_how: object) -> Any:
        self.asked.append((principal, *asked))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def tell(monkeypatch: pytest.MonkeyPatch, desk: ModuleType, story: str, answer: object) -> Story:
    """Replace one function of a module of the desk for one test."""
    told = Story(answer)
    monkeypatch.setattr(desk, story, told)
    return told


def stock(
    number: str = NUMBER,
    *,
    price: Price | None = CHEAP,
    provider: Provider = Provider.SANDBOX,
    locality: str | None = "San Francisco",
    buyable: Buyable = Buyable.NOW,
) -> Stock:
    return Stock(
        provider=provider,
        account="acc1",
        stock_id=number,
        number=number,
        country="US",
        type=NumberType.LOCAL,
        raw_type="local",
        abilities=(
            Ability(capability=Capability.VOICE, inbound=True, outbound=True),
            Ability(capability=Capability.SMS, inbound=None, outbound=True),
            Ability(capability=Capability.FAX, inbound=False, outbound=None),
        ),
        locality=locality,
        region="CA" if locality else None,
        price=price,
        price_source=PriceSource.API if price else PriceSource.NONE,
        papers=Papers.NONE,
        buyable=buyable,
        reservable=True,
    )


def offer(offer_id: str = OFFER_ID, **about: Any) -> Offer:
    return Offer(
        offer_id=offer_id,
        principal="local:ada",
        stock=stock(**about),
        expires_at=NOON + timedelta(minutes=15),
    )


def reservation(kind: ReservationKind = ReservationKind.CARRIER, **about: Any) -> Reservation:
    return Reservation(
        reservation_id=RESERVATION_ID,
        principal="local:ada",
        offer=offer(**about),
        kind=kind,
        carrier_hold_id=None,
        quoted_at=NOON,
        expires_at=NOON + timedelta(minutes=30),
    )


def allowed() -> Decision:
    return Decision(violations=(), level=Level.CLIENT)


def over_budget() -> Decision:
    violation = Violation(
        rule="budget",
        budget="cash",
        scope="all",
        window="month",
        limit="25.00 USD",
        used="24.00 USD",
        held="0.00 USD",
        requested="2.00 USD",
        left="1.00 USD",
    )
    return Decision(violations=(violation,), level=Level.CLIENT)


def line(
    state: LineState = LineState.READY,
    *,
    number: str = NUMBER,
    price: Price | None = CHEAP,
    provider: Provider = Provider.SANDBOX,
    error: dict[str, Any] | None = None,
) -> Line:
    terms = LineTerms(
        line_id=LINE_ID,
        provider=provider,
        account="acc1",
        host="sandbox.invalid",
        number=number,
        stock_id=number,
        country="US",
        type=NumberType.LOCAL,
        raw_type="local",
        capabilities=(Capability.VOICE,),
        price=price,
        min_term_months=1,
        place="San Francisco, CA",
    )
    return Line(intent_id=INTENT_ID, terms=terms, state=state, version=1, error=error)


def intent(
    state: IntentState = IntentState.AWAITING_APPROVAL,
    *lines: Line,
    op: Op = Op.BUY,
    assistant_id: str | None = None,
    level: Level = Level.CLIENT,
    is_converted: bool = False,
    role: str | None = None,
    **about: Any,
) -> Intent:
    kept = lines or (line(),)
    prices = [kept_line.terms.price for kept_line in kept]
    count = sum(price is not None for price in prices)
    terms = Terms(
        intent_id=INTENT_ID,
        installation_id="ins_1",
        op=op,
        principal="local:ada",
        assistant_id=assistant_id,
        role=role,
        lines=tuple(kept_line.terms for kept_line in kept),
        currency="USD",
        total_now=DOLLAR * 2 * count,
        total_monthly=DOLLAR * count,
        first_year=DOLLAR * 13 * count,
        is_converted=is_converted,
        max_total=None,
        policy_version=1,
        level=level,
        created_at=NOON,
        expires_at=NOON + timedelta(hours=1),
    )
    about.setdefault("expires_at", terms.expires_at)
    return Intent(terms=terms, digest="ab" * 32, state=state, lines=kept, **about)


def owned(number: str = NUMBER, **about: Any) -> NumberRecord:
    fields: dict[str, Any] = {
        "number_id": f"num_{TAIL}1",
        "provider": Provider.SANDBOX,
        "account": "acc1",
        "carrier_ref": "ref1",
        "number": number,
        "country": "US",
        "type": NumberType.LOCAL,
        "capabilities": (Capability.VOICE, Capability.SMS),
        "readiness": Readiness(
            voice=Ready.READY, sms=Ready.BLOCKED, whatsapp=Ready.UNKNOWN, blockers=("US 10DLC",)
        ),
        "state": NumberState.ACTIVE,
        "label": None,
        "metadata": {},
        "assistant_id": "reception",
        "wanted_assistant_id": "reception",
        "unassigned_since": None,
        "requester": "local:ada",
        "line_id": LINE_ID,
        "monthly": DOLLAR,
        "origin": Origin.RINGFENCE,
        "bought_at": NOON,
        "renews_at": NOON + timedelta(days=30),
        "version": 1,
    }
    return NumberRecord(**{**fields, **about})
