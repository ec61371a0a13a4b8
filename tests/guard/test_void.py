"""What voids consent that was given and not used: any change but a lower price. Then nothing is sent, for good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from guard.signing import Signer, anchored, approve, enroll, found, revoke
from house import ME, PERSON, House, policy_with
from ringfence.desk import Desk
from ringfence.desk.assigning import AssignWish, assign
from ringfence.guard.freeze import freeze, unfreeze
from ringfence.intents import Intent
from ringfence.money import Money
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Buyable, Price, Quote
from ringfence.providers.sandbox import SandboxAdapter
from ringfence.runner import Runner
from ringfence.sandbox.carrier import Carrier
from ringfence.states import HoldState, IntentState, LineState
from ringfence.store import inventory, ledger
from ringfence.store.balances import Balance
from ringfence.store.transaction import Transaction

SIGNED = "{buy: passphrase, release: passphrase, assign: passphrase}"
MONTH = "2026-11"


@pytest.fixture
def house(house: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    return anchored(house, tmp_path_factory.mktemp("pins"))


@pytest.fixture
def recovery(house: House) -> Signer:
    return found(house)


@pytest.fixture
def ada(house: House, recovery: Signer) -> Signer:
    enrolled = enroll(house, Signer("ada"), recovery)
    house.apply(policy_with(levels=SIGNED))
    return enrolled


@pytest.fixture
async def intent(house: House, ada: Signer) -> Intent:
    """A purchase for 1.00 USD and 1.00 USD a month that an approver has signed, and nobody has sent."""
    offers = await house.find()
    return approve(house, await house.propose(*offers, assistant_id="front-desk"), ada)


class Requoted(SandboxAdapter):
    """A carrier whose last quote before the purchase says something else."""

    def __init__(self, carrier: Carrier, **changes: Any) -> None:
        super().__init__(carrier)
        self._changes = changes

    async def quote(self, stock_id: str) -> Quote | None:
        quote = await super().quote(stock_id)
        if "is_gone" in self._changes or quote is None:
            return None
        return quote.model_copy(update=self._changes)


def price(setup: str, monthly: str) -> Price:
    return Price(setup=Money.parse(setup), monthly=Money.parse(monthly))


async def send(house: House, adapter: SandboxAdapter) -> None:
    desk = Desk(house.store, {adapter.provider: adapter}, house.ids, house.desk.bell)
    await Runner(desk, owner="another").step()


async def is_void(house: House, intent: Intent) -> None:
    """Nothing is sent, nothing is held, and no later moment makes it good again."""
    await house.wait_out(10)
    now = await house.now(intent)
    [line] = now.lines
    assert (line.state, line.attempts) == (LineState.VOIDED, 0)
    assert now.state in {IntentState.FAILED, IntentState.EXPIRED}
    assert house.charged() == []
    held = house.read(lambda tx: ledger.holds_of(tx, line.line_id))
    assert {hold.state for hold in held} == {HoldState.VOIDED}
    assert house.balance("cash", MONTH) == Balance()


# What the carrier says.

REQUOTES: dict[str, dict[str, Any]] = {
    "a dearer set-up": {"price": price("1.01 USD", "1.00 USD")},
    "a dearer month": {"price": price("1.00 USD", "1.01 USD")},
    "a month dearer by less than the set-up is cheaper": {"price": price("0.00 USD", "1.01 USD")},
    "another currency": {"price": price("1.00 CAD", "1.00 CAD")},
    "a cheaper price in another currency": {"price": price("0.01 JPY", "0.01 JPY")},
    "no price": {"price": None},
    "a longer term": {"min_term_months": 2},
    "another type": {"type": NumberType.MOBILE},
    "a capability less": {"capabilities": (Capability.VOICE,)},
    "a capability more": {"capabilities": tuple(Capability)},
    "none at all": {"capabilities": ()},
    "another number": {"number": "+14155550143"},
    "papers first": {"buyable": Buyable.AFTER_PAPERS},
    "on back order": {"buyable": Buyable.BACK_ORDER},
    "gone": {"is_gone": True},
}


@pytest.mark.parametrize("changes", REQUOTES.values(), ids=REQUOTES.keys())
async def test_what_is_sold_otherwise_than_it_was_approved_is_not_bought(
    house: House, intent: Intent, changes: dict[str, Any]
) -> None:
    await send(house, Requoted(house.carrier, **changes))
    await is_void(house, intent)


STILL_GOOD: dict[str, dict[str, Any]] = {
    "the same": {},
    "a lower set-up": {"price": price("0.99 USD", "1.00 USD")},
    "a lower month": {"price": price("1.00 USD", "0.99 USD")},
    "a lower price altogether": {"price": price("0.00 USD", "0.50 USD")},
    "a quote that says nothing but the price": {
        "type": None,
        "capabilities": None,
        "min_term_months": None,
    },
}


@pytest.mark.parametrize("changes", STILL_GOOD.values(), ids=STILL_GOOD.keys())
async def test_a_lower_price_voids_nothing(
    house: House, intent: Intent, changes: dict[str, Any]
) -> None:
    await send(house, Requoted(house.carrier, **changes))
    assert (await house.now(intent)).state is IntentState.COMPLETED
    assert len(house.charged()) == 1


# What the policy says.

TIGHTER: dict[str, dict[str, Any]] = {
    "a stronger level": {"levels": "{buy: passkey, release: passphrase, assign: passphrase}"},
    "a stronger level above an amount": {
        "levels": SIGNED.removesuffix("}")
        + ', buy_above: [{first_year: "5.00 USD", level: passkey}]}'
    },
    "less cash": {
        "budgets": ['{name: cash, kind: cash, window: month, zone: UTC, limit: "1.99 USD"}']
    },
    "less run-rate": {"budgets": ['{name: run-rate, kind: run_rate, limit: "0.99 USD"}']},
    "no more numbers": {"budgets": ["{name: count, kind: count, limit: 0}"]},
    "less for one number": {
        "budgets": [
            '{name: per-number, kind: per_number, setup: "0.99 USD", monthly: "5.00 USD", first_year: "65.00 USD"}'
        ]
    },
    "less for this assistant": {
        "budgets": ['{name: desk, kind: count, scope: "assistant:front-desk", limit: 0}']
    },
    "other countries": {"countries": "[GB]"},
    "another host": {"carriers": "[{provider: sandbox, host: other.invalid, accounts: any}]"},
    "other accounts": {
        "carriers": "[{provider: sandbox, host: sandbox.invalid, accounts: [mine]}]"
    },
    "no such carrier": {"carriers": "[{provider: twilio, host: api.twilio.com, accounts: any}]"},
    "no such assistant": {
        "assistants": '[{name: night-desk, voice_url: "https://example.com/v", sms_url: "https://example.com/s"}]'
    },
}


@pytest.mark.parametrize("changes", TIGHTER.values(), ids=TIGHTER.keys())
async def test_a_tighter_policy_voids_what_it_does_not_allow(
    house: House, intent: Intent, changes: dict[str, Any]
) -> None:
    house.apply(policy_with(**{"levels": SIGNED, **changes}))
    await house.work()
    house.apply(policy_with(levels=SIGNED))  # what was void stays so
    await is_void(house, intent)


async def test_a_looser_policy_voids_nothing(house: House, intent: Intent) -> None:
    more = '{name: cash, kind: cash, window: month, zone: UTC, limit: "99.00 USD"}'
    house.apply(policy_with(levels=SIGNED, budgets=[more]))
    await house.work()
    assert (await house.now(intent)).state is IntentState.COMPLETED


# Who said so, until when, and a freeze.

Change = Callable[[House, Signer, Signer], None]


def is_revoked(house: House, ada: Signer, recovery: Signer) -> None:
    revoke(house, ada, recovery)


def is_late(house: House, ada: Signer, recovery: Signer) -> None:
    house.clock.advance(hours=1)


def time_passes_while_frozen(house: House, ada: Signer, recovery: Signer) -> None:
    house.write(lambda tx: freeze(tx, "to be sure", actor=PERSON))
    house.clock.advance(hours=1)
    house.write(lambda tx: unfreeze(tx, actor=PERSON))


@pytest.mark.parametrize("change", [is_revoked, is_late, time_passes_while_frozen])
async def test_consent_that_does_not_hold_any_more_sends_nothing(
    house: House, intent: Intent, ada: Signer, recovery: Signer, change: Change
) -> None:
    change(house, ada, recovery)
    await is_void(house, intent)


async def test_who_is_enrolled_again_must_sign_again(
    house: House, intent: Intent, ada: Signer, recovery: Signer
) -> None:
    """With another key: the one that was revoked never signs again."""
    revoke(house, ada, recovery)
    enroll(house, Signer("ada"), recovery)
    await house.work()
    await is_void(house, intent)


async def test_a_freeze_holds_it_back_and_lets_it_go_on_in_time(
    house: House, intent: Intent
) -> None:
    house.write(lambda tx: freeze(tx, "to be sure", actor=PERSON))
    await house.wait_out(10)
    assert house.charged() == []
    assert (await house.now(intent)).state is IntentState.APPROVED
    house.write(lambda tx: unfreeze(tx, actor=PERSON))
    house.clock.advance(seconds=5)
    await house.work()
    assert (await house.now(intent)).state is IntentState.COMPLETED


# Whom it is for.


async def test_a_move_is_void_once_the_number_serves_somebody_else(
    house: House, intent: Intent, ada: Signer
) -> None:
    await house.work()
    [number] = house.charged()
    asked = await assign(house.desk, ME, AssignWish(number, "night-desk"))
    assert asked.intent is not None
    move = approve(house, asked.intent, ada)
    house.write(lambda tx: _serves(tx, number, "somebody-else"))
    await house.work()
    [line] = (await house.now(move)).lines
    assert (line.state, line.attempts) == (LineState.VOIDED, 0)


def _serves(tx: Transaction, number: str, assistant_id: str) -> None:
    record = inventory.by_number(tx, number)
    assert record is not None
    inventory.change(tx, record, assistant_id=assistant_id, wanted_assistant_id=assistant_id)
