"""Rulings on the page: where approvers have only passkeys, the books are written into by them all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from approvals.desk_page import PERSON, DeskPage, challenge_in, options_in
from guard.authenticator import Passkey
from guard.rehearsal import live_house, put_in_force, rules
from guard.signing import approve, enroll, found
from guard.unclear import NOTHING, WORDS, SomebodyIsQuicker, charged, manual
from house import House
from ringfence.approvers import Purpose
from ringfence.guard import adjustment, changes, charges, rulings
from ringfence.guard.adjustment import Difference
from ringfence.guard.changes import Change, ChangeState
from ringfence.guard.finding import Finding
from ringfence.intents import Level, Line
from ringfence.money import Money
from ringfence.providers.sandbox import SandboxAdapter
from ringfence.settle import reconcile
from ringfence.states import LineState
from ringfence.store import intents, inventory
from ringfence.store.audit import Words
from ringfence.store.balances import Balance

MONTH = "2026-11"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A new live installation; whatever becomes of it, its books balance."""
    house = live_house(tmp_path)
    yield house
    house.books_balance()
    house.close()


@pytest.fixture
def ada(house: House) -> Passkey:
    """The only approver, with nothing but a passkey."""
    key = enroll(house, Passkey("ada"), found(house))
    put_in_force(house, rules(Level.PASSKEY), key)
    return key


@pytest.fixture
def page(house: House) -> DeskPage:
    return DeskPage(house, mode="live")


async def unclear(house: House, *by: Passkey, adapter: type[SandboxAdapter] | None = None) -> Line:
    """A purchase of which nobody can tell what became of it."""
    intent = await house.propose(*await house.find())
    for each in by:
        approve(house, intent, each)
    return await (manual(house, intent, adapter) if adapter else manual(house, intent))


def proposed(house: House, line: Line, finding: Finding) -> Change:
    change: Change = house.write(
        lambda tx: changes.propose_ruling(
            tx,
            Purpose.RESOLVE,
            line.line_id,
            rulings.finding_body(tx, line.line_id, finding),
            Words.fresh(WORDS),
            by=PERSON,
        )
    )
    return change


def now(house: House, change: Change) -> Change:
    found_: Change = house.read(lambda tx: changes.get(tx, change.change_id))
    return found_


def state_of(house: House, line: Line) -> LineState:
    state: LineState = house.read(lambda tx: intents.of_line(tx, line.line_id)[1].state)
    return state


async def answer_of(page: DeskPage, change: Change, who: Passkey) -> str:
    """What the browser hands over once a person has read the page."""
    shown = (await page.look(f"/c/{change.change_id}")).text
    return who.sign_challenge(challenge_in(shown)).assertion or ""


async def hand_in(page: DeskPage, change: Change, answer: str) -> httpx.Response:
    return await page.submit(f"/c/{change.change_id}/passkey", {"answer": answer})


async def sign(page: DeskPage, change: Change, who: Passkey) -> httpx.Response:
    return await hand_in(page, change, await answer_of(page, change, who))


async def test_what_became_of_a_line_is_read_in_words_and_signed_with_a_passkey(
    house: House, page: DeskPage, ada: Passkey
) -> None:
    line = await unclear(house, ada)
    change = proposed(house, line, charged())
    inbox = (await page.look()).text
    assert f'href="/c/{change.change_id}"' in inbox
    assert line.terms.number in inbox
    shown = (await page.look(f"/c/{change.change_id}")).text
    for fact in ("the carrier did it, and charged 1.00 USD", WORDS, "held 2.00 USD -&gt; used"):
        assert fact in shown
    answer = await sign(page, change, ada)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/c/{change.change_id}")
    assert (page.changes, state_of(house, line)) == (1, LineState.CAPTURED)
    assert house.balance("cash", MONTH) == Balance(used=2_000_000)
    assert "In the books" in (await page.look(f"/c/{change.change_id}")).text
    assert f'href="/c/{change.change_id}"' not in (await page.look()).text


async def test_an_adjustment_is_signed_with_a_passkey_once(
    house: House, page: DeskPage, ada: Passkey
) -> None:
    intent = await house.propose(*await house.find())
    approve(house, intent, ada)
    await house.work()
    [record] = house.read(inventory.paid_for)
    more = Difference(setup=Money.parse("0.19 USD"))
    body = house.read(
        lambda tx: adjustment.body(tx, record.number_id, more, charges.of_month(tx, record, None))
    )
    change: Change = house.write(
        lambda tx: changes.propose_ruling(
            tx, Purpose.ADJUST, record.number_id, body, Words.fresh(WORDS), by=PERSON
        )
    )
    shown = (await page.look(f"/c/{change.change_id}")).text
    assert "0.19 USD more, once" in shown
    answer = ada.sign_challenge(challenge_in(shown)).assertion or ""
    assert (await hand_in(page, change, answer)).status_code == 303
    assert (await hand_in(page, change, answer)).status_code == 303, "how it stands is shown"
    assert house.balance("cash", MONTH) == Balance(used=2_190_000)


async def test_two_people_sign_a_ruling_one_after_the_other(
    house: House, page: DeskPage, ada: Passkey
) -> None:
    bob = enroll(house, Passkey("bob"), ada)
    put_in_force(house, rules(Level.TWO_PEOPLE), ada)
    line = await unclear(house, ada, bob)
    change = proposed(house, line, charged())
    await sign(page, change, ada)
    half = (await page.look(f"/c/{change.change_id}")).text
    assert "ada signed." in half
    asked = [each["id"] for each in options_in(half)["allowCredentials"]]
    assert (asked, state_of(house, line)) == ([bob.key.credential_id], LineState.MANUAL)
    await sign(page, change, bob)
    assert state_of(house, line) is LineState.CAPTURED


async def test_a_strangers_passkey_writes_nothing(
    house: House, page: DeskPage, ada: Passkey
) -> None:
    line = await unclear(house, ada)
    change = proposed(house, line, charged())
    refused = await sign(page, change, Passkey("ada"))
    assert (refused.status_code, 'role="alert"' in refused.text) == (409, True)
    assert (await page.submit(f"/c/{change.change_id}", {"decision": "sign"})).status_code == 400
    assert (state_of(house, line), now(house, change).state) == (
        LineState.MANUAL,
        ChangeState.WAITING,
    )


async def test_what_may_still_be_carried_out_has_not_failed_on_the_page_either(
    house: House, page: DeskPage, ada: Passkey
) -> None:
    """The page knows the carrier, and so how long that is."""
    line = await unclear(house, ada, adapter=SomebodyIsQuicker)
    change = proposed(house, line, NOTHING)
    early = await sign(page, change, ada)
    assert (early.status_code, "may still be carried out" in early.text) == (409, True)
    house.clock.advance(seconds=6)
    assert (await sign(page, change, ada)).status_code == 303
    assert state_of(house, line) is LineState.FAILED
    await reconcile(house.desk, house.adapter)


async def test_a_declined_a_late_and_an_overtaken_ruling_say_so(
    house: House, page: DeskPage, ada: Passkey
) -> None:
    line = await unclear(house, ada)
    declined = proposed(house, line, charged())
    answer = await answer_of(page, declined, ada)
    await page.submit(f"/c/{declined.change_id}", {"decision": "decline"})
    assert (await hand_in(page, declined, answer)).status_code == 303
    assert "Declined" in (await page.look(f"/c/{declined.change_id}")).text
    late = proposed(house, line, charged())
    house.clock.advance(hours=25)
    assert "Expired" in (await page.look(f"/c/{late.change_id}")).text
    first, second = (proposed(house, line, each) for each in (charged(), charged("9.00 USD")))
    answer = await answer_of(page, second, ada)
    await sign(page, first, ada)
    assert (await hand_in(page, second, answer)).status_code == 303
    void = (await page.look(f"/c/{second.change_id}")).text
    assert "What it is about has changed since" in void
    assert house.balance("cash", MONTH) == Balance(used=2_000_000)
