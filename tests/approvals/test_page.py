"""The page as a person meets it: what it shows, what a form does once, and what is true afterwards."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from approvals.desk_page import ORIGIN, PERSON, DeskPage
from approvals.policies import levels
from house import ME, House, policy_with
from ringfence.desk import showing
from ringfence.desk.assigning import AssignWish, assign
from ringfence.desk.buying import cancel_intent
from ringfence.desk.consenting import approve_on_page, client_declined, decline_at_terminal
from ringfence.errors import InvalidArguments, PolicyRefused
from ringfence.guard import freeze
from ringfence.intents import DeclineReason, Intent, Level
from ringfence.sandbox.faults import Fault
from ringfence.states import IntentState
from ringfence.store import intents, inventory, schema
from ringfence.store import page as page_rows

AWAITING = IntentState.AWAITING_APPROVAL


async def an_intent(house: House, **wish: Any) -> Intent:
    return await house.propose(*await house.find(), **wish)


def nonces(house: House) -> list[str]:
    found: list[str] = house.read(
        lambda tx: list(tx.connection.execute(schema.page_nonce.select()).scalars())
    )
    return found


async def test_the_card_shows_what_would_be_bought_and_what_it_costs(
    house: House, page: DeskPage
) -> None:
    intent = await an_intent(house, assistant_id="front-desk", reason="The caller asked for it.")
    answer = await page.open(intent)
    assert answer.status_code == 200
    number = intent.terms.lines[0].number
    for fact in (
        number,
        "Buy a number",
        "<b>2.00</b> USD",
        "<b>1.00</b> USD",
        "<b>13.00</b> USD",
        "San Francisco, CA, US",
        "front-desk",
        ME,
        intent.match_code,
        "The assistant says (unverified):",
        "The caller asked for it.",
        "cash 2026-11",
        "2.00 of 25.00 USD",
        "2026-11-22 13:00 UTC",
    ):
        assert fact in answer.text, fact


async def test_a_total_that_was_converted_is_a_most_in_the_inbox_and_on_the_card(
    house: House, page: DeskPage
) -> None:
    [british], [american] = await house.find(country="GB", area_code="161"), await house.find()
    intent = await house.propose(british, american)
    assert "at most 4.4948 USD now, then at most " in (await page.look()).text
    assert "at most <b>4.4948</b> USD" in (await page.open(intent)).text


async def test_decline_stands_before_approve_and_every_reason_is_one_button(
    house: House, page: DeskPage
) -> None:
    answer = await page.open(await an_intent(house))
    values = re.findall(r'name="decision" value="(\w+)"', answer.text)
    assert values == ["decline", "approve", *DeclineReason]


async def test_approving_lets_the_runner_buy_and_the_page_says_so(
    house: House, page: DeskPage
) -> None:
    intent = await an_intent(house)
    answer = await page.decide(intent, "approve")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/i/{intent.intent_id}")
    assert page.changes == 1, "whoever waits is woken"
    waiting = await page.open(intent)
    assert f"Approved by {PERSON}" in waiting.text
    assert 'http-equiv="refresh"' in waiting.text
    await house.work()
    bought = await page.open(intent)
    assert "<h1>Bought</h1>" in bought.text
    assert 'http-equiv="refresh"' not in bought.text
    assert 'name="decision"' not in bought.text
    assert (await house.now(intent)).decided_level is Level.PAGE
    assert house.charged() == [intent.terms.lines[0].number]


@pytest.mark.parametrize("reason", [None, *DeclineReason])
async def test_declining_is_final_and_says_what_it_does(
    house: House, page: DeskPage, reason: DeclineReason | None
) -> None:
    intent = await an_intent(house)
    assert (await page.decide(intent, reason or "decline")).status_code == 303
    declined = await house.now(intent)
    assert (declined.state, declined.decline_reason) == (IntentState.DECLINED, reason)
    shown = await page.open(intent)
    assert f"Declined by {PERSON}" in shown.text
    assert ("for 15 minutes" in shown.text) == (reason is DeclineReason.STOP)
    await house.work()
    assert house.charged() == []


# A release.


async def a_release(house: House) -> Intent:
    await house.buy(*await house.find(), assistant_id="front-desk")
    [record] = house.read(inventory.paid_for)
    return await house.give_back(record.number, reason="The shop has closed.")


async def test_the_card_of_a_release_shows_what_is_lost_and_what_ends(
    house: House, page: DeskPage
) -> None:
    intent = await a_release(house)
    answer = await page.open(intent)
    for fact in (
        "Give a number back for good",
        "serves front-desk now",
        "ours since 2026-11-22, 1.00 USD a month",
        "ends 1.00 USD a month. It usually cannot be got back.",
        "<dt>Taken from</dt><dd>front-desk</dd>",
        "IN USE",
        "0.00 of 15.00 USD",
        intent.match_code,
        "The shop has closed.",
    ):
        assert fact in answer.text, fact
    assert "Today" not in answer.text
    values = re.findall(r'name="decision" value="(\w+)"', answer.text)
    assert values == ["decline", "approve", "stop"], "no other number, and nothing is expensive"
    assert "costs nothing and ends 1.00 USD a month" in (await page.look()).text


@pytest.mark.parametrize("reason", [DeclineReason.ANOTHER_NUMBER, DeclineReason.TOO_EXPENSIVE])
async def test_what_buys_nothing_is_declined_for_no_reason_that_only_a_purchase_has(
    house: House, page: DeskPage, reason: DeclineReason
) -> None:
    """Neither of a release, which is free, nor of a move; whoever sends such a form all the same is told."""
    await house.buy(*await house.find(), assistant_id="front-desk")
    [record] = house.read(inventory.paid_for)
    wish = AssignWish(record.number, "night-desk")
    moving = (await assign(house.desk, ME, wish)).intent
    assert moving is not None
    shown = (await page.open(moving)).text
    assert re.findall(r'name="decision" value="(\w+)"', shown) == ["decline", "approve", "stop"]
    answer = await page.decide(moving, reason)
    assert answer.status_code == 409
    assert "buys nothing" in answer.text
    with pytest.raises(InvalidArguments, match="buys nothing"):
        await decline_at_terminal(house.desk, moving.intent_id, person="bob", reason=reason)
    assert (await house.now(moving)).state is AWAITING


async def test_approving_a_release_gives_the_number_back(house: House, page: DeskPage) -> None:
    intent = await a_release(house)
    await page.decide(intent, "approve")
    assert "The carrier is being told now." in (await page.open(intent)).text
    await house.work()
    done = await page.open(intent)
    assert "<h1>Given back</h1>" in done.text
    assert "Its monthly charge of 1.00 USD ends." in done.text
    assert house.carrier.owned() == []


async def test_a_release_of_unknown_outcome_does_not_speak_of_a_purchase(
    house: House, page: DeskPage
) -> None:
    intent = await a_release(house)
    house.carrier.add_fault(Fault.SERVER_ERROR)
    await page.decide(intent, "approve")
    await house.work()
    unknown = (await page.open(intent)).text
    assert "Until then it counts as yours." in unknown
    assert "another one" not in unknown
    await house.wait_out(15)
    assert "the number is still yours" in (await page.open(intent)).text


async def test_declining_a_release_keeps_the_number(house: House, page: DeskPage) -> None:
    intent = await a_release(house)
    await page.decide(intent, "stop")
    await house.work()
    assert (await house.now(intent)).state is IntentState.DECLINED
    assert len(house.carrier.owned()) == 1


# A form works once, for its own intent, for a while.


async def test_sending_a_form_again_does_nothing_and_shows_what_is_true(
    house: House, page: DeskPage
) -> None:
    intent = await an_intent(house)
    nonce = await page.nonce(intent)
    await page.post(intent, decision="decline", nonce=nonce)
    for decision in ("approve", "decline", "stop"):
        again = await page.post(intent, decision=decision, nonce=nonce)
        assert again.status_code == 303
    declined = await house.now(intent)
    assert (declined.state, declined.decline_reason) == (IntentState.DECLINED, None)


async def test_approving_twice_buys_once(house: House, page: DeskPage) -> None:
    intent = await an_intent(house)
    nonce = await page.nonce(intent)
    for _ in range(3):
        assert (await page.post(intent, decision="approve", nonce=nonce)).status_code == 303
        await house.work()
    assert len(house.charged()) == 1


async def test_the_form_of_one_intent_decides_no_other(house: House, page: DeskPage) -> None:
    one, other = [await house.propose(offer) for offer in await house.find(2)]
    answer = await page.post(other, decision="approve", nonce=await page.nonce(one))
    assert answer.status_code == 409
    assert "nothing was decided" in answer.text
    assert (await house.now(other)).state is AWAITING
    assert (await house.now(one)).state is AWAITING


async def test_a_form_that_was_open_for_too_long_is_shown_afresh(
    house: House, page: DeskPage
) -> None:
    intent = await an_intent(house)
    nonce = await page.nonce(intent)
    house.clock.advance(seconds=page_rows.NONCE_LIFE.total_seconds())
    answer = await page.post(intent, decision="approve", nonce=nonce)
    assert answer.status_code == 409
    assert "open for too long" in answer.text
    assert (await house.now(intent)).state is AWAITING
    assert (await page.decide(intent, "approve")).status_code == 303


async def test_a_nonce_that_was_never_issued_decides_nothing(house: House, page: DeskPage) -> None:
    intent = await an_intent(house)
    assert (await page.post(intent, decision="approve", nonce="A" * 43)).status_code == 409
    assert (await house.now(intent)).state is AWAITING


async def test_a_decision_that_fails_leaves_the_form_good(house: House, page: DeskPage) -> None:
    intent = await an_intent(house)
    nonce = await page.nonce(intent)
    house.write(lambda tx: freeze.freeze(tx, "a drill", actor="operator"))
    answer = await page.post(intent, decision="approve", nonce=nonce)
    assert answer.status_code == 409
    assert "All spending is frozen: a drill" in answer.text
    assert nonces(house) == [nonce]
    assert (await page.post(intent, decision="decline", nonce=nonce)).status_code == 303


async def test_two_forms_of_one_intent_make_one_decision(house: House, page: DeskPage) -> None:
    intent = await an_intent(house)
    first = await page.nonce(intent)
    house.clock.advance(seconds=page_rows.NONCE_REUSE.total_seconds() + 1)
    second = await page.nonce(intent)
    assert first != second, "a form drawn later has a nonce of its own"
    await page.post(intent, decision="approve", nonce=second)
    assert (await page.post(intent, decision="decline", nonce=first)).status_code == 303
    assert (await house.now(intent)).state is IntentState.APPROVED


async def test_the_desk_takes_no_nonce_twice(house: House, page: DeskPage) -> None:
    intent = await an_intent(house)
    nonce = await page.nonce(intent)
    approve_on_page(house.desk, intent.intent_id, nonce=nonce, person=PERSON)
    with pytest.raises(PolicyRefused, match="nothing was decided"):
        approve_on_page(house.desk, intent.intent_id, nonce=nonce, person=PERSON)


# Looking changes nothing.


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_a_thousand_times_changes_nothing(
    house: House, page: DeskPage, method: str
) -> None:
    intent = await an_intent(house)
    for _ in range(1_000):
        await page.send(method, f"/i/{intent.intent_id}")
    now = await house.now(intent)
    assert now == intent
    assert len(nonces(house)) == (1 if method == "GET" else 0)


@pytest.mark.parametrize("query", ["?decision=approve", "?approve=1&nonce={nonce}"])
async def test_no_address_decides(house: House, page: DeskPage, query: str) -> None:
    intent = await an_intent(house)
    path = f"/i/{intent.intent_id}{query.format(nonce=await page.nonce(intent))}"
    assert (await page.look(path)).status_code == 200
    assert (await house.now(intent)).state is AWAITING


async def test_forms_that_nobody_can_send_any_more_are_swept_away(
    house: House, page: DeskPage
) -> None:
    one, other = [await house.propose(offer) for offer in await house.find(2)]
    await page.open(one)
    house.clock.advance(seconds=page_rows.NONCE_LIFE.total_seconds())
    await page.open(other)
    assert len(nonces(house)) == 1


# What is approved can be taken back until it is sent.


async def test_what_is_approved_has_a_button_that_takes_it_back(
    house: House, page: DeskPage
) -> None:
    intent = await an_intent(house)
    await page.decide(intent, "approve")
    assert re.findall(r'name="decision" value="(\w+)"', (await page.open(intent)).text) == [
        "withdraw"
    ]
    assert (await page.decide(intent, "withdraw")).status_code == 303
    await house.work()
    shown = await page.open(intent)
    assert "<h1>Withdrawn</h1>" in shown.text
    assert f"It was withdrawn by {PERSON} before it was sent. Nothing was charged." in shown.text
    assert 'name="decision"' not in shown.text
    assert house.charged() == []


async def test_what_was_sent_meanwhile_is_not_withdrawn_and_says_so(
    house: House, page: DeskPage
) -> None:
    intent = await an_intent(house)
    await page.decide(intent, "approve")
    nonce = await page.nonce(intent)
    await house.work()
    assert (await page.post(intent, decision="withdraw", nonce=nonce)).status_code == 303
    assert "<h1>Bought</h1>" in (await page.open(intent)).text
    assert (await house.now(intent)).state is IntentState.COMPLETED


async def test_what_nobody_has_approved_is_declined_and_not_withdrawn(
    house: House, page: DeskPage
) -> None:
    intent = await an_intent(house)
    answer = await page.decide(intent, "withdraw")
    assert answer.status_code == 409
    assert (await house.now(intent)).state is AWAITING


# What is true afterwards, and what is not said.


async def test_what_has_ended_is_told_as_it_ended(house: House, page: DeskPage) -> None:
    offers = await house.find(3)
    withdrawn, expired, terminal = [await house.propose(offer) for offer in offers]
    await cancel_intent(house.desk, ME, withdrawn.intent_id)
    await decline_at_terminal(
        house.desk, terminal.intent_id, person="bob", reason=DeclineReason.TOO_EXPENSIVE
    )
    assert "<h1>Withdrawn</h1>" in (await page.open(withdrawn)).text
    assert "Declined by bob" in (await page.open(terminal)).text
    house.clock.advance(hours=1)
    assert "<h1>Expired</h1>" in (await page.open(expired)).text, "before the runner has noticed"
    await house.work()
    assert "<h1>Expired</h1>" in (await page.open(expired)).text


async def test_a_dearer_price_supersedes_the_card(house: House, page: DeskPage) -> None:
    intent = await an_intent(house)
    nonce = await page.nonce(intent)
    house.carrier.add_fault(Fault.PRICE_MOVED)
    await house.pass_time(minutes=5)
    answer = await page.post(intent, decision="approve", nonce=nonce)
    assert answer.status_code == 303
    assert "<h1>Superseded</h1>" in (await page.open(intent)).text
    assert house.charged() == []


FAULTS = [
    (Fault.GONE, "Not bought"),
    (Fault.TIMEOUT_AFTER_CHARGE, "Outcome unknown"),
]


@pytest.mark.parametrize(("fault", "heading"), FAULTS)
async def test_the_page_never_says_more_than_is_known(
    house: House, page: DeskPage, fault: Fault, heading: str
) -> None:
    intent = await an_intent(house)
    house.carrier.add_fault(fault)
    await page.decide(intent, "approve")
    await house.work()
    shown = (await page.open(intent)).text
    assert f"<h1>{heading}</h1>" in shown
    assert "Bought<" not in shown
    await house.wait_out()


async def test_what_is_approved_and_waits_says_what_for(house: House, page: DeskPage) -> None:
    intent = await house.approved(*await house.find(2))
    house.write(lambda tx: freeze.freeze(tx, "a <b>drill</b>", actor="operator"))
    await house.work()
    shown = (await page.open(intent)).text
    assert "<h1>Approved by the person, and not sent yet</h1>" in shown
    assert shown.count("Not sent yet: All spending is frozen: a &lt;b&gt;drill&lt;/b&gt;.") == 2
    assert "about to be sent" not in shown
    house.write(lambda tx: freeze.unfreeze(tx, actor="operator"))
    await house.wait_out(10)
    assert "<h1>Bought</h1>" in (await page.open(intent)).text


async def test_a_clients_no_leaves_a_form_and_less_time(house: House, page: DeskPage) -> None:
    intent = await an_intent(house)
    await client_declined(house.desk, ME, intent.intent_id)
    shown = (await page.open(intent)).text
    assert 'data-seconds-left="900"' in shown
    assert 'value="approve"' in shown


async def test_every_id_that_shows_nothing_gets_the_same_page(house: House, page: DeskPage) -> None:
    long_ago = await an_intent(house)
    await decline_at_terminal(house.desk, long_ago.intent_id, person="bob", reason=None)
    house.clock.advance(seconds=timedelta(days=1, hours=1, seconds=1).total_seconds())
    paths = [
        f"/i/{long_ago.intent_id}",
        "/i/int_01KAN5T1PR0000000000000009",
        "/i/int_01KAN5T1PR00000000000000O9",
        "/i/lin_01KAN5T1PR0000000000000009",
        "/i/..%2f..%2fetc%2fpasswd",
        "/i/%00",
        "/i/<script>",
        "/i/",
        "/nothing",
        "/static/page.css.bak",
        "/static/../web.py",
        "/docs",
    ]
    answers = [await page.look(path) for path in paths]
    assert {answer.status_code for answer in answers} == {404}
    assert len({(answer.text, str(answer.headers)) for answer in answers}) == 1


# What somebody changed in the database.


def damage(house: House, intent: Intent, **columns: Any) -> None:
    row = schema.intent.c.intent_id == intent.intent_id
    change = schema.intent.update().where(row).values(columns)
    house.write(lambda tx: tx.connection.execute(change))


def terms_of(house: House, intent: Intent) -> str:
    stored: bytes = house.read(lambda tx: intents.terms_bytes(tx, intent.intent_id))
    return stored.decode()


async def test_a_damaged_row_hides_nothing_else_and_is_told(house: House, page: DeskPage) -> None:
    """A reader changed one row: the inbox was out of order, and nobody could decide anything."""
    damaged, whole = [await house.propose(offer) for offer in await house.find(2)]
    before = terms_of(house, damaged)
    damage(house, damaged, terms="{}")
    shown = (await page.look()).text
    assert f'href="/i/{whole.intent_id}"' in shown
    assert f'href="/i/{damaged.intent_id}"' not in shown
    assert f"What is stored of {damaged.intent_id} is not what was proposed" in shown
    assert "<kbd>ringfence audit verify</kbd>" in shown
    assert (await page.decide(whole, "decline")).status_code == 303
    damage(house, damaged, terms=before)


async def test_a_damaged_request_says_so_on_its_page_and_takes_no_decision(
    house: House, page: DeskPage
) -> None:
    intent = await an_intent(house)
    nonce, before = await page.nonce(intent), terms_of(house, intent)
    damage(house, intent, terms="{}")
    answer = await page.open(intent)
    assert answer.status_code == 503
    assert "<h1>Damaged</h1>" in answer.text
    assert intent.intent_id in answer.text
    assert "<kbd>ringfence audit verify</kbd>" in answer.text
    assert "<form" not in answer.text
    for decision in ("approve", "decline"):
        assert (await page.post(intent, decision=decision, nonce=nonce)).status_code == 503
    damage(house, intent, terms=before)
    assert (await house.now(intent)).state is AWAITING


async def test_a_damaged_request_of_the_past_hides_nothing_else(
    house: House, page: DeskPage
) -> None:
    past, present = [await house.propose(offer) for offer in await house.find(2)]
    await page.decide(past, "decline")
    damage(house, past, decided_level="emperor")
    shown = (await page.look()).text
    assert f'href="/i/{present.intent_id}"' in shown
    assert past.intent_id not in shown


async def test_a_refused_wish_has_no_page(house: House, page: DeskPage) -> None:
    house.write(lambda tx: freeze.freeze(tx, "a drill", actor="operator"))
    with pytest.raises(Exception, match="frozen") as refusal:
        await an_intent(house)
    intent_id = refusal.value.details["intent_id"]  # type: ignore[attr-defined]  # ours have details
    assert (await page.look(f"/i/{intent_id}")).status_code == 404


# What was written elsewhere stays words.

ATTACK = (
    "</blockquote><script>alert(1)</script><img src=x onerror=alert(2)> {{7*7}} {% raw %} "
    '" onfocus="alert(3) \u202emoc.elpmaxe \u0000 Twili\u043e'
)


async def test_an_assistants_words_stay_words(house: House, page: DeskPage) -> None:
    shown = (await page.open(await an_intent(house, reason=ATTACK))).text
    assert "<script>alert" not in shown
    assert "<img" not in shown
    assert "{{7*7}}" in shown
    assert "\u202e" not in shown
    assert "\\u{202e}" in shown
    assert "[mixed alphabets]" in shown
    assert shown.count("<script") == 1, "our own, from our own file"


async def test_nothing_is_inline_and_nothing_comes_from_elsewhere(
    house: House, page: DeskPage
) -> None:
    intent = await an_intent(house, reason="https://evil.example/")
    for answer in (await page.open(intent), await page.look()):
        assert "style=" not in answer.text
        assert "<style" not in answer.text
        assert not re.search(r"<script(?! src=\"/static/page.js\")", answer.text)
        assert not re.search(r"\son\w+=", answer.text)
        assert not re.search(r"(src|href|action)=\"(?!/)", answer.text)
    for name, type_ in (("page.css", "text/css"), ("page.js", "text/javascript")):
        asset = await page.look(f"/static/{name}")
        assert asset.status_code == 200
        assert asset.headers["content-type"].startswith(type_)
        assert "url(" not in asset.text
        assert "@import" not in asset.text


# The inbox.


async def test_the_inbox_lists_what_waits_with_codes_so_that_no_link_is_needed(
    house: House, page: DeskPage
) -> None:
    assert "Nothing waits for you" in (await page.look()).text
    one, other = [await house.propose(offer) for offer in await house.find(2)]
    shown = (await page.look()).text
    for intent in (one, other):
        assert f'href="/i/{intent.intent_id}"' in shown
        assert intent.match_code in shown
    await page.decide(one, "decline")
    shown = (await page.look()).text
    assert shown.index(other.intent_id) < shown.index("Lately") < shown.index(one.intent_id)
    assert one.match_code not in shown


# Where a click is not enough.


async def test_what_needs_more_than_a_click_can_only_be_declined_here(
    house: House, page: DeskPage
) -> None:
    house.apply(levels(Level.PAGE))
    intent = await an_intent(house)
    nonce = await page.nonce(intent)
    house.apply(levels(Level.PASSPHRASE))
    shown = (await page.open(intent)).text
    assert 'value="approve"' not in shown
    assert f"ringfence approve {intent.intent_id}" in shown
    answer = await page.post(intent, decision="approve", nonce=nonce)
    assert answer.status_code == 409
    assert (await house.now(intent)).state is AWAITING
    assert (await page.decide(intent, "decline")).status_code == 303


async def test_a_live_installation_takes_no_click(house: House) -> None:
    intent = await an_intent(house)
    house.write(lambda tx: tx.connection.execute(schema.installation.update().values(mode="live")))
    house.store.mode = "live"
    page = DeskPage(house, mode="live")
    shown = (await page.open(intent)).text
    assert 'value="approve"' not in shown
    assert 'value="decline"' in shown
    answer = await page.post(intent, decision="approve", nonce=await page.nonce(intent))
    assert answer.status_code == 409
    assert (await house.now(intent)).state is AWAITING
    assert (await page.decide(intent, "decline")).status_code == 303


REAL = "Live: real money"
REHEARSAL = "Live rules, simulated carrier: no real money"


async def test_a_rehearsal_under_live_rules_says_that_no_real_money_is_at_stake(
    house: House,
) -> None:
    """A reader rehearsed with the simulated carrier, and the badge said *Live: real money*."""
    intent = await an_intent(house)
    page = DeskPage(house, mode="live")
    for shown in ((await page.open(intent)).text, (await page.look()).text):
        assert REHEARSAL in shown
        assert REAL not in shown
    assert "Simulated: no real money" in (await page.look()).text, "beside the request, too"
    for path in ("/freeze", "/unfreeze", "/nothing"):
        shown = (await page.look(path)).text
        assert ">Live<" in shown, "there is nothing on it that money could be spent for"
        assert REHEARSAL not in shown


async def test_what_goes_to_a_real_carrier_says_real_money(house: House) -> None:
    real, rehearsed = [await house.propose(offer) for offer in await house.find(2)]
    before = terms_of(house, real)
    damage(house, real, terms=before.replace('"provider":"sandbox"', '"provider":"twilio"'))
    page = DeskPage(house, mode="live")
    assert REAL in (await page.open(real)).text
    assert REHEARSAL in (await page.open(rehearsed)).text
    inbox = (await page.look()).text
    assert REAL in inbox
    assert REHEARSAL not in inbox
    assert inbox.count("Simulated: no real money") == 1
    damage(house, real, terms=before)


async def test_an_empty_inbox_says_what_the_policy_lets_be_spent(house: House) -> None:
    page = DeskPage(house, mode="live")
    assert REHEARSAL in (await page.look()).text
    both = "[{provider: sandbox, host: sandbox.invalid}, {provider: twilio, host: api.twilio.com}]"
    house.apply(policy_with(carriers=both))
    inbox = (await page.look()).text
    assert REAL in inbox
    assert REHEARSAL not in inbox


async def test_a_sandbox_says_so_everywhere(house: House, page: DeskPage) -> None:
    intent = await an_intent(house)
    for path in ("/", f"/i/{intent.intent_id}", "/freeze", "/nothing"):
        shown = (await page.look(path)).text
        assert "Sandbox: no real money" in shown
        assert "Simulated: no real money" not in shown, "once is enough"


async def test_a_frozen_installation_says_why_and_still_takes_a_no(
    house: House, page: DeskPage
) -> None:
    intent = await an_intent(house)
    house.write(lambda tx: freeze.freeze(tx, "a <b>drill</b>", actor="operator"))
    shown = (await page.open(intent)).text
    assert "All spending is frozen: a &lt;b&gt;drill&lt;/b&gt;" in shown
    assert 'value="approve"' not in shown
    assert (await page.decide(intent, "decline")).status_code == 303


async def test_a_store_that_cannot_be_read_is_said_and_nothing_else(
    house: House, page: DeskPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = await an_intent(house)
    nonce = await page.nonce(intent)
    with house.store.engine.connect() as other:
        other.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        other.commit()
        for answer in (
            await page.look(),
            await page.open(intent),
            await page.post(intent, decision="approve", nonce=nonce),
        ):
            assert answer.status_code == 503
            assert "Out of order" in answer.text
        other.exec_driver_sql(
            "UPDATE alembic_version SET version_num = ?", (schema.SCHEMA_VERSION,)
        )
        other.commit()
    assert (await house.now(intent)).state is AWAITING


async def test_a_bug_of_ours_is_said_to_be_one_and_shows_nothing_else(
    house: House, page: DeskPage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_desk: object) -> None:
        raise ZeroDivisionError("the key is hunter2")

    monkeypatch.setattr(showing, "inbox", broken)
    answer = await page.look()
    assert answer.status_code == 500
    assert "Something went wrong inside ringfence" in answer.text
    assert "hunter2" not in answer.text
    assert answer.headers["x-frame-options"] == "DENY"


async def test_the_proof_of_who_serves_is_only_for_a_proper_question(page: DeskPage) -> None:
    for query in ("", "?n=", "?n=xyz", "?n=" + "0" * 31, "?n=" + "0" * 33, "?n=" + "G" * 32):
        assert (await page.look(f"/whoami{query}")).text == ""
    assert len((await page.look("/whoami?n=" + "0" * 32)).text) == 64


def test_the_address_of_these_tests_is_the_usual_one() -> None:
    assert ORIGIN == "http://localhost:7415"
