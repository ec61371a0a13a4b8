"""Passkeys at the page's door, with what no browser would send: each answer counts for one card, once, in time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from approvals.desk_page import DeskPage, challenge_in, nonce_in, options_in
from guard.authenticator import PRESENT, Passkey, text
from guard.rehearsal import live_house, put_in_force, rules
from guard.signing import Signer, approve, enroll, found, revoke, statement_for
from house import House
from ringfence.approvers import Purpose
from ringfence.guard import freeze
from ringfence.intents import Intent, Level
from ringfence.sandbox.faults import Fault
from ringfence.states import IntentState
from ringfence_server.approvals.gate import MAX_ANSWER_BYTES, MAX_BODY_BYTES
from ringfence_server.approvals.pace import LOCKED_SECONDS, MAX_WRONG, Strikes

AWAITING = IntentState.AWAITING_APPROVAL


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A new live installation; its books must balance in the end."""
    house = live_house(tmp_path)
    yield house
    house.books_balance()
    house.close()


@pytest.fixture
def recovery(house: House) -> Signer:
    return found(house)


@pytest.fixture
def ada(house: House, recovery: Signer) -> Passkey:
    """An approver with a passkey of this page; a purchase needs one."""
    key = enroll(house, Passkey("ada"), recovery)
    put_in_force(house, rules(Level.PASSKEY), key)
    return key


@pytest.fixture
def clock() -> list[float]:
    """What the page's own clock says."""
    return [0.0]


@pytest.fixture
def page(house: House, clock: list[float]) -> DeskPage:
    return DeskPage(house, mode="live", strikes=Strikes(lambda: clock[0]))


@pytest.fixture
async def intent(house: House, ada: Passkey) -> Intent:
    return await another(house)


async def another(house: House, index: int = 0) -> Intent:
    return await house.propose((await house.find(index + 1))[index])


async def state(house: House, intent: Intent) -> IntentState:
    return (await house.now(intent)).state


# A passkey approves.


async def test_a_passkey_approves_and_it_is_bought(
    house: House, page: DeskPage, ada: Passkey, intent: Intent
) -> None:
    answer = await page.sign(intent, ada)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/i/{intent.intent_id}")
    assert page.changes == 1, "whoever waits is woken"
    approved = await house.now(intent)
    assert (approved.decided_by, approved.decided_level) == ("ada", Level.PASSKEY)
    await house.work()
    assert "<h1>Bought</h1>" in (await page.open(intent)).text
    assert house.charged() == [intent.terms.lines[0].number]


async def test_the_browser_is_asked_for_the_passkeys_of_this_page_and_for_verification(
    house: House, page: DeskPage, ada: Passkey, recovery: Signer, intent: Intent
) -> None:
    elsewhere = Passkey("bob", home="https://approve.example")
    enroll(house, elsewhere, ada)
    asked = options_in((await page.open(intent)).text)
    assert asked["rpId"] == "localhost"
    assert asked["userVerification"] == "required"
    assert [each["id"] for each in asked["allowCredentials"]] == [ada.key.credential_id]


async def test_a_passkey_serves_where_a_passphrase_would_do(
    house: House, page: DeskPage, ada: Passkey
) -> None:
    put_in_force(house, rules(Level.PASSPHRASE), ada)
    intent = await another(house)
    shown = (await page.open(intent)).text
    assert f"ringfence approve {intent.intent_id}" in shown, "for who has none"
    await page.sign(intent, ada)
    assert await state(house, intent) is IntentState.APPROVED


async def test_a_live_page_has_no_button_that_approves_without_a_factor(
    house: House, page: DeskPage, ada: Passkey, intent: Intent
) -> None:
    shown = (await page.open(intent)).text
    assert 'value="approve"' not in shown
    refused = await page.post(intent, decision="approve", nonce=nonce_in(shown))
    assert refused.status_code == 409
    assert await state(house, intent) is AWAITING


async def test_declining_needs_no_factor(
    house: House, page: DeskPage, ada: Passkey, intent: Intent
) -> None:
    assert (await page.decide(intent, "too_expensive")).status_code == 303
    assert await state(house, intent) is IntentState.DECLINED


async def test_without_a_passkey_of_this_page_the_card_says_what_to_do(
    house: House, page: DeskPage, recovery: Signer
) -> None:
    elsewhere = enroll(house, Passkey("bob", home="https://approve.example"), recovery)
    put_in_force(house, rules(Level.PASSKEY), recovered(elsewhere))
    intent = await another(house)
    shown = (await page.open(intent)).text
    assert "data-ceremony" not in shown
    assert "ringfence approver enroll NAME --passkey" in shown
    refused = await page.hand_in(
        intent,
        answer=elsewhere.sign(statement_for(house, intent)).assertion or "",
        nonce=nonce_in(shown),
    )
    assert refused.status_code == 409
    assert await state(house, intent) is AWAITING


def recovered(key: Passkey) -> Passkey:
    """It signs where it is at home."""
    key.origin, key.rp_id = key.home, "approve.example"
    return key


# What does not count.

BENDS: dict[str, dict[str, Any]] = {
    "the person was not verified": {"flags": PRESENT},
    "nobody was there": {"flags": 0},
    "a page on another port": {"origin": "http://localhost:7416"},
    "a page at an address": {"origin": "http://127.0.0.1:7415"},
    "a page over TLS": {"origin": "https://localhost:7415"},
    "another site": {"origin": "https://evil.example"},
    "another party": {"rp_id": "evil.example"},
}


@pytest.mark.parametrize("bend", BENDS.values(), ids=BENDS.keys())
async def test_an_answer_that_was_not_given_to_this_page_by_a_verified_person_is_refused(
    house: House, page: DeskPage, ada: Passkey, intent: Intent, bend: dict[str, Any]
) -> None:
    for name, value in bend.items():
        setattr(ada, name, value)
    answer = await page.sign(intent, ada)
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text
    assert await state(house, intent) is AWAITING


async def test_the_same_answer_again_does_nothing(
    house: House, page: DeskPage, ada: Passkey, intent: Intent
) -> None:
    shown = (await page.open(intent)).text
    said = ada.sign_challenge(challenge_in(shown)).assertion or ""
    for _ in range(3):
        answer = await page.hand_in(intent, answer=said, nonce=nonce_in(shown))
        assert answer.status_code == 303
        await house.work()
    assert house.charged() == [intent.terms.lines[0].number]


async def test_an_answer_for_one_request_decides_no_other(
    house: House, page: DeskPage, ada: Passkey, intent: Intent
) -> None:
    other = await another(house, 1)
    shown = (await page.open(intent)).text
    said = ada.sign_challenge(challenge_in(shown)).assertion or ""
    for nonce in (nonce_in(shown), await page.nonce(other)):
        assert (await page.hand_in(other, answer=said, nonce=nonce)).status_code == 409
    assert await state(house, other) is AWAITING


async def test_an_answer_to_a_form_that_is_too_old_is_refused_and_the_page_asks_anew(
    house: House, page: DeskPage, ada: Passkey, intent: Intent
) -> None:
    shown = (await page.open(intent)).text
    said = ada.sign_challenge(challenge_in(shown)).assertion or ""
    house.clock.advance(minutes=21)
    refused = await page.hand_in(intent, answer=said, nonce=nonce_in(shown))
    assert refused.status_code == 409
    assert "open for too long" in refused.text
    assert challenge_in(refused.text) != challenge_in(shown)
    again = await page.hand_in(intent, answer=said, nonce=nonce_in(refused.text))
    assert again.status_code == 409
    assert await state(house, intent) is AWAITING


async def test_a_copied_authenticator_is_noticed_by_its_counter(
    house: House, page: DeskPage, ada: Passkey, intent: Intent
) -> None:
    copy = Passkey("ada", private=ada.private, count=0)
    await page.sign(intent, ada)
    other = await another(house, 1)
    assert (await page.sign(other, copy)).status_code == 409
    assert await state(house, other) is AWAITING


async def test_an_answer_given_for_another_purpose_is_refused(
    house: House, page: DeskPage, ada: Passkey, intent: Intent
) -> None:
    shown = (await page.open(intent)).text
    statement = statement_for(house, intent).model_copy(
        update={"nonce": nonce_in(shown), "purpose": Purpose.VIEW}
    )
    said = ada.sign(statement).assertion or ""
    assert (await page.hand_in(intent, answer=said, nonce=nonce_in(shown))).status_code == 409
    assert await state(house, intent) is AWAITING


async def test_a_stranger_approves_nothing(
    house: House, page: DeskPage, ada: Passkey, intent: Intent
) -> None:
    assert (await page.sign(intent, Passkey("ada"))).status_code == 409, "another key by that name"
    assert (await page.sign(intent, Passkey("eve"))).status_code == 409
    assert await state(house, intent) is AWAITING


async def test_a_key_that_is_revoked_while_the_card_is_open_approves_nothing(
    house: House, page: DeskPage, ada: Passkey, recovery: Signer, intent: Intent
) -> None:
    shown = (await page.open(intent)).text
    revoke(house, ada, recovery)
    said = ada.sign_challenge(challenge_in(shown)).assertion or ""
    assert (await page.hand_in(intent, answer=said, nonce=nonce_in(shown))).status_code == 409
    assert "data-ceremony" not in (await page.open(intent)).text
    assert await state(house, intent) is AWAITING


NO_ANSWERS = {
    "nothing": "{}",
    "no object": "[]",
    "no JSON": "approve",
    "a number": "1",
    "deep": "[" * 3_000,
    "no parts": '{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{}}',
    "odd parts": '{"id":"AAAA","rawId":"AAAA","type":"public-key","response":'
    '{"clientDataJSON":"e30","authenticatorData":"AAAA","signature":"AAAA"}}',
}


@pytest.mark.parametrize("said", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
async def test_what_is_no_answer_at_all_is_refused_in_words(
    house: House, page: DeskPage, ada: Passkey, intent: Intent, said: str
) -> None:
    answer = await page.hand_in(intent, answer=said, nonce=await page.nonce(intent))
    assert answer.status_code == 409
    assert "not that of a passkey of this page" in answer.text
    assert await state(house, intent) is AWAITING


@pytest.mark.parametrize("part", ["clientDataJSON", "authenticatorData", "signature"])
@pytest.mark.parametrize("bytes_", [b"", b"\xff" * 40, b"[]", b'{"type":1}', b"null"], ids=repr)
async def test_an_answer_with_a_broken_part_is_refused(
    house: House, page: DeskPage, ada: Passkey, intent: Intent, part: str, bytes_: bytes
) -> None:
    shown = (await page.open(intent)).text
    said = json.loads(ada.sign_challenge(challenge_in(shown)).assertion or "")
    said["response"][part] = text(bytes_)
    answer = await page.hand_in(intent, answer=json.dumps(said), nonce=nonce_in(shown))
    assert answer.status_code == 409
    assert await state(house, intent) is AWAITING


async def test_only_our_own_page_hands_in_answers_and_only_as_long_as_answers_are(
    house: House, page: DeskPage, ada: Passkey, intent: Intent
) -> None:
    path, shown = f"/i/{intent.intent_id}/passkey", (await page.open(intent)).text
    said = ada.sign_challenge(challenge_in(shown)).assertion or ""
    fields = {"answer": said, "nonce": nonce_in(shown)}
    for wrong in ({"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):  # fmt: skip
        assert (await page.submit(path, fields, wrong)).status_code == 403
    long = {**fields, "answer": "x" * MAX_ANSWER_BYTES}
    assert (await page.submit(path, long)).status_code == 413
    short = {"decision": "decline", "nonce": "x" * MAX_BODY_BYTES}
    assert (await page.submit(f"/i/{intent.intent_id}", short)).status_code == 413
    assert (await page.submit(path, {**fields, "more": "1"})).status_code == 400
    assert await state(house, intent) is AWAITING
    assert (await page.submit(path, fields)).status_code == 303


async def test_five_wrong_answers_lock_a_request_for_a_while_but_not_a_no(
    house: House, page: DeskPage, ada: Passkey, intent: Intent, clock: list[float]
) -> None:
    for _ in range(MAX_WRONG):
        assert (await page.sign(intent, Passkey("ada"))).status_code == 409
    locked = await page.sign(intent, ada)
    assert locked.status_code == 429
    assert "answers were wrong" in locked.text
    assert await state(house, intent) is AWAITING
    other = await another(house, 1)
    assert (await page.sign(other, ada)).status_code == 303, "it alone is locked"
    clock[0] += LOCKED_SECONDS
    assert (await page.sign(intent, ada)).status_code == 303


async def test_a_locked_request_can_be_declined(
    house: House, page: DeskPage, ada: Passkey, intent: Intent
) -> None:
    for _ in range(MAX_WRONG):
        await page.sign(intent, Passkey("ada"))
    assert (await page.decide(intent, "decline")).status_code == 303
    assert await state(house, intent) is IntentState.DECLINED


# What has changed since the card was drawn.


async def test_a_card_that_says_something_else_now_asks_for_another_signature(
    house: House, page: DeskPage, ada: Passkey, intent: Intent
) -> None:
    before = challenge_in((await page.open(intent)).text)
    assert challenge_in((await page.open(intent)).text) == before, "reloading asks for the same"
    await another(house, 1)  # which takes part of the same budget
    assert challenge_in((await page.open(intent)).text) != before


async def test_what_has_expired_is_approved_no_more(
    house: House, page: DeskPage, ada: Passkey, intent: Intent
) -> None:
    house.clock.at = intent.expires_at
    house.clock.advance(seconds=-60)
    shown = (await page.open(intent)).text
    said = ada.sign_challenge(challenge_in(shown)).assertion or ""
    house.clock.advance(seconds=61)
    answer = await page.hand_in(intent, answer=said, nonce=nonce_in(shown))
    assert answer.status_code == 303
    await house.work()
    assert "<h1>Expired</h1>" in (await page.open(intent)).text
    assert house.charged() == []


async def test_what_was_superseded_is_approved_no_more(
    house: House, page: DeskPage, ada: Passkey, intent: Intent
) -> None:
    shown = (await page.open(intent)).text
    said = ada.sign_challenge(challenge_in(shown)).assertion or ""
    house.carrier.add_fault(Fault.PRICE_MOVED)
    await house.pass_time(minutes=6)  # the runner asks for the price again
    assert await state(house, intent) is IntentState.CANCELLED
    assert (await page.hand_in(intent, answer=said, nonce=nonce_in(shown))).status_code == 303
    assert "<h1>Superseded</h1>" in (await page.open(intent)).text
    assert house.charged() == []


async def test_what_was_declined_meanwhile_stays_declined(
    house: House, page: DeskPage, ada: Passkey, intent: Intent
) -> None:
    shown = (await page.open(intent)).text
    said = ada.sign_challenge(challenge_in(shown)).assertion or ""
    await page.post(intent, decision="decline", nonce=nonce_in(shown))
    assert (await page.hand_in(intent, answer=said, nonce=nonce_in(shown))).status_code == 303
    assert await state(house, intent) is IntentState.DECLINED


async def test_while_spending_is_frozen_no_passkey_is_asked_for(
    house: House, page: DeskPage, ada: Passkey, intent: Intent
) -> None:
    shown = (await page.open(intent)).text
    said = ada.sign_challenge(challenge_in(shown)).assertion or ""
    house.write(lambda tx: freeze.freeze(tx, "to be sure", actor="ada"))
    frozen = await page.hand_in(intent, answer=said, nonce=nonce_in(shown))
    assert frozen.status_code == 409
    assert "All spending is frozen" in frozen.text
    assert "data-ceremony" not in frozen.text
    assert await state(house, intent) is AWAITING


# Two people.


@pytest.fixture
def bob(house: House, ada: Passkey) -> Passkey:
    """A second approver; from now on a purchase needs both."""
    key = enroll(house, Passkey("bob"), ada)
    put_in_force(house, rules(Level.TWO_PEOPLE), ada)
    return key


async def test_two_people_approve_together_and_the_page_says_how_far_it_is(
    house: House, page: DeskPage, ada: Passkey, bob: Passkey
) -> None:
    intent = await another(house)
    assert (await page.sign(intent, ada)).status_code == 303
    assert await state(house, intent) is AWAITING
    half = (await page.open(intent)).text
    assert "ada has signed. Another person must sign too." in half
    asked = [each["id"] for each in options_in(half)["allowCredentials"]]
    assert asked == [bob.key.credential_id], "ada has done her part"
    assert "Signed by ada" in (await page.look()).text
    assert (await page.sign(intent, bob)).status_code == 303
    approved = await house.now(intent)
    assert (approved.decided_by, approved.decided_level) == ("ada and bob", Level.TWO_PEOPLE)
    await house.work()
    assert len(house.charged()) == 1


async def test_two_passkeys_of_one_person_are_one_person(
    house: House, page: DeskPage, ada: Passkey, bob: Passkey
) -> None:
    second = Passkey("ada", label="second")
    enroll(house, second, ada, bob)
    intent = await another(house)
    await page.sign(intent, ada)
    await page.sign(intent, second)
    assert await state(house, intent) is AWAITING
    assert "Another person must sign too." in (await page.open(intent)).text


async def test_one_of_two_people_may_sign_in_a_terminal(
    house: House, page: DeskPage, ada: Passkey, bob: Passkey
) -> None:
    eve = enroll(house, Signer("eve"), ada, bob)
    intent = await another(house)
    approve(house, intent, eve)
    assert "eve has signed." in (await page.open(intent)).text
    await page.sign(intent, bob)
    assert (await house.now(intent)).decided_by == "eve and bob"


async def test_two_passphrases_still_want_a_passkey_even_of_one_of_them(
    house: House, page: DeskPage, ada: Passkey, bob: Passkey
) -> None:
    ada_types = enroll(house, Signer("ada"), ada, bob)
    bob_types = enroll(house, Signer("bob"), ada, bob)
    intent = await another(house)
    for each in (ada_types, bob_types):
        approve(house, intent, each)
    assert "ada and bob have signed. A passkey must sign too." in (await page.open(intent)).text
    await page.sign(intent, ada)
    assert (await house.now(intent)).decided_level is Level.TWO_PEOPLE


async def test_of_two_who_have_the_same_card_open_the_second_looks_again(
    house: House, page: DeskPage, ada: Passkey, bob: Passkey
) -> None:
    intent = await another(house)
    shown = (await page.open(intent)).text
    await page.sign(intent, ada)
    said = bob.sign_challenge(challenge_in(shown)).assertion or ""
    refused = await page.hand_in(intent, answer=said, nonce=nonce_in(shown))
    assert refused.status_code == 409
    assert "somebody signed meanwhile" in refused.text
    said = bob.sign_challenge(challenge_in(refused.text)).assertion or ""
    await page.hand_in(intent, answer=said, nonce=nonce_in(refused.text))
    assert await state(house, intent) is IntentState.APPROVED


async def test_a_chain_that_does_not_hold_offers_no_passkey_and_says_so(
    house: House, page: DeskPage, ada: Passkey, intent: Intent, tmp_path: Path
) -> None:
    shown = (await page.open(intent)).text
    said = ada.sign_challenge(challenge_in(shown)).assertion or ""
    [pin] = (tmp_path / "pins").glob("*.root")
    pin.unlink()
    refused = await page.hand_in(intent, answer=said, nonce=nonce_in(shown))
    assert refused.status_code == 409
    assert "pin of this installation" in refused.text
    assert "data-ceremony" not in refused.text
