"""Away from its machine the page shows nothing but one locked page, except in answer to a passkey made there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Table

from approvals.desk_page import FORM, ORIGIN, PORT, DeskPage, challenge_in, options_in
from approvals.public_desk import (
    BY_PROXY,
    ELSEWHERE,
    HOST,
    PUBLIC,
    PublicDesk,
    blinded,
    forms,
    public_policy,
)
from approvals.test_page import damage
from guard.authenticator import PRESENT, made_on
from guard.rehearsal import live_house, put_in_force, rules
from guard.signing import Signer, enroll, found, revoke
from house import House
from ringfence.approvers import Purpose, Statement, challenge_of
from ringfence.desk import inviting
from ringfence.errors import NotAuthorized
from ringfence.guard import freeze
from ringfence.intents import Intent, Level
from ringfence.policy import Approvals
from ringfence.states import IntentState
from ringfence.store import intents, invitations, policies, schema, statements
from ringfence_server.approvals.pace import DECISIONS, LOOKS, Pace

AWAITING = IntentState.AWAITING_APPROVAL
NOBODYS = "int_01KAN5T1PR0000000000000001"


@pytest.fixture
def desk(house: House, tmp_path: Path) -> PublicDesk:
    return PublicDesk(house, tmp_path)


async def an_intent(desk: PublicDesk, **wish: Any) -> Intent:
    return await desk.house.propose(*await desk.house.find(), **wish)


def path_of(intent: Intent) -> str:
    return f"/i/{intent.intent_id}"


def events(house: House, type_: str) -> list[dict[str, Any]]:
    """The audit events of one type, oldest first."""
    rows = house.read(lambda tx: tx.connection.execute(schema.audit_event.select()).all())
    read = [json.loads(row.bytes) for row in rows]
    return [event for event in read if event["type"] == type_]


def rows_of(house: House, table: Table) -> list[Any]:
    rows: list[Any] = house.read(lambda tx: list(tx.connection.execute(table.select())))
    return rows


def head(house: House) -> Any:
    return house.read(lambda tx: tx.connection.execute(schema.audit_head.select()).one())


# Which of the two pages a request means.


MARKS = [
    "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port",
    "x-forwarded", "x-forwarded-server", "x-real-ip", "x-client-ip", "client-ip", "true-client-ip",
    "x-cluster-client-ip", "cf-connecting-ip", "cf-ray", "cdn-loop", "fastly-client-ip", "x-original-host",
    "x-original-forwarded-for", "x-envoy-external-address", "x-amzn-trace-id", "tailscale-user-login",
    "ngrok-auth-user-email", "x-arr-log-id", "x-azure-clientip", "x-appengine-user-ip", "x-proxyuser-ip",
    "X-FORWARDED-FOR",
]  # fmt: skip


@pytest.mark.parametrize("mark", MARKS)
async def test_what_a_proxy_passes_on_is_never_taken_for_the_person_at_this_machine(
    desk: PublicDesk, mark: str
) -> None:
    """Whatever the mark says, and also where the policy names no public address."""
    intent = await an_intent(desk)
    for value in ("localhost", ""):
        look = await desk.send("GET", path_of(intent), {mark: value})
        assert look.status_code == 421
        assert intent.match_code not in look.text
    nonce = await desk.nonce(intent)
    answer = await desk.post(intent, {mark: "127.0.0.1"}, decision="decline", nonce=nonce)
    assert answer.status_code == 421
    assert (await desk.house.now(intent)).state is AWAITING
    desk.house.apply(desk.house.read(lambda tx: tx.rules).model_copy(update={"approvals": None}))
    assert (await desk.send("GET", "/", {mark: "x"})).status_code == 421


async def test_a_request_in_the_older_http_that_some_proxies_speak_is_no_browser_of_this_machine(
    desk: PublicDesk,
) -> None:
    intent = await an_intent(desk)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path_of(intent), "raw_path": b"", "query_string": b"",
        "http_version": "1.0", "scheme": "http", "root_path": "", "server": ("localhost", PORT),
        "headers": [(b"host", f"localhost:{PORT}".encode())],
    }  # fmt: skip
    await desk.app(scope, receive, send)
    assert sent[0]["status"] == 421
    await desk.app({**scope, "http_version": "1.1"}, receive, send)
    assert sent[2]["status"] == 200


WRONG_HOSTS = [
    "evil.example", f"{HOST}:443", f"{HOST}:8443", f"{HOST}.", f"{HOST}.evil.example", HOST.upper(),
    f"user@{HOST}", f"x.{HOST}", "example.com", f"{HOST}:{PORT}", f"{HOST}, {HOST}", "", "127.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("host", WRONG_HOSTS)
@pytest.mark.parametrize("path", ["/", f"/i/{NOBODYS}", "/static/page.css", "/enroll"])
async def test_only_the_host_that_the_policy_names_is_served(
    desk: PublicDesk, host: str, path: str
) -> None:
    assert (await desk.ask(path, {"host": host})).status_code == 421
    assert (await desk.send_form(path, {}, {"host": host})).status_code == 421


async def test_no_header_makes_another_host_ours(desk: PublicDesk) -> None:
    for name in ("x-forwarded-host", "forwarded", "x-original-host"):
        said = f"host={HOST}" if name == "forwarded" else HOST
        assert (await desk.ask("/", {"host": "evil.example", name: said})).status_code == 421
    assert (await desk.ask("/", {"x-forwarded-host": "evil.example"})).status_code == 200


async def test_a_host_that_is_said_twice_is_neither(desk: PublicDesk) -> None:
    transport = httpx.ASGITransport(app=desk.app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        for first, second in [(HOST, f"localhost:{PORT}"), (f"localhost:{PORT}", HOST)]:
            answer = await client.get("/", headers=[("host", first), ("host", second)])
            assert answer.status_code == 421


async def test_without_a_public_address_in_the_policy_there_is_none(page: DeskPage) -> None:
    assert (await page.send("GET", "/", {"host": HOST})).status_code == 421


async def test_the_address_moves_and_goes_with_the_policy_at_once(desk: PublicDesk) -> None:
    assert (await desk.ask()).status_code == 200
    desk.house.apply(public_policy(url=ELSEWHERE))
    assert (await desk.ask()).status_code == 421
    assert (await desk.ask("/", {"host": f"{HOST}:8443"})).status_code == 200
    desk.house.apply(desk.house.read(lambda tx: tx.rules).model_copy(update={"approvals": None}))
    assert (await desk.ask("/", {"host": f"{HOST}:8443"})).status_code == 421


async def test_the_proof_of_the_page_is_given_on_this_machine_alone(desk: PublicDesk) -> None:
    """Its answer would let anybody out there be taken for the page by the installation's other processes."""
    asked = f"/whoami?n={'0' * 32}"
    proof = (await desk.look(asked)).text
    assert len(proof) == 64
    answer = await desk.ask(asked)
    assert proof not in answer.text
    assert blinded(answer.text) == blinded((await desk.ask("/")).text)


@pytest.mark.parametrize("path", ["/", f"/i/{NOBODYS}", "/static/page.js", "/enroll", "/x"])
async def test_the_public_page_carries_its_headers(desk: PublicDesk, path: str) -> None:
    answer = await desk.ask(path)
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "set-cookie" not in answer.headers
    assert "strict-transport-security" not in (await desk.look(path)).headers


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_other_methods_are_refused_there(desk: PublicDesk, method: str) -> None:
    assert (await desk.ask("/", method=method)).status_code == 405


# Before anybody has opened anything.


async def test_whatever_is_asked_for_the_locked_page_is_the_same_byte_for_byte(
    desk: PublicDesk,
) -> None:
    known = await an_intent(desk)
    shown = [
        await desk.ask(path)
        for path in [
            "/", path_of(known), f"/i/{NOBODYS}", "/i/foreign", "/i/", "/freeze", "/whoami", "/x/y/z",
            "/static/other.css", "/templates/intent.html", f"{path_of(known)}/", f"{path_of(known)}?a=b",
        ]
    ]  # fmt: skip
    first = shown[0]
    assert first.status_code == 200
    for each in shown:
        assert each.status_code == first.status_code
        assert blinded(each.text) == blinded(first.text)
        assert len(each.content) == len(first.content)
        assert each.headers == first.headers


async def test_the_locked_page_tells_nothing_of_the_installation(desk: PublicDesk) -> None:
    intent = await an_intent(desk, reason="for the front desk")
    locked = (await desk.ask(path_of(intent))).text
    ids = [desk.house.read(lambda tx: tx.installation_id), desk.ada.key.credential_id]
    for secret in [*ids, intent.intent_id, intent.match_code, "ada", "andbox", "ive:", "waiting"]:
        assert secret is not None
        assert secret not in locked
    assert '"allowCredentials": []' in locked.replace("&#34;", '"')


async def test_the_locked_page_does_not_change_with_what_happens(desk: PublicDesk) -> None:
    before = blinded((await desk.ask("/")).text)
    await an_intent(desk)
    desk.house.write(lambda tx: tx.audit("test", actor="x", subject="y"))
    assert blinded((await desk.ask("/")).text) == before


async def test_looking_there_writes_nothing(desk: PublicDesk) -> None:
    intent = await an_intent(desk)
    before = head(desk.house)
    for path in ("/", path_of(intent), f"/i/{NOBODYS}", "/enroll", "/freeze"):
        await desk.ask(path)
        await desk.ask(path, method="HEAD")
    assert head(desk.house) == before
    assert rows_of(desk.house, schema.page_nonce) == rows_of(desk.house, schema.used_nonce) == []


async def test_a_head_says_as_little(desk: PublicDesk) -> None:
    intent = await an_intent(desk)
    known, unknown = [
        await desk.ask(path, method="HEAD") for path in (path_of(intent), f"/i/{NOBODYS}")
    ]
    assert known.headers == unknown.headers
    assert known.status_code == unknown.status_code == 200


@pytest.mark.parametrize(
    "guess",
    [{"sec-purpose": "prefetch"}, {"sec-purpose": "prefetch;prerender"}, {"purpose": "prefetch"}],
    ids=str,
)
async def test_a_browser_that_only_guesses_gets_nothing_there(
    desk: PublicDesk, guess: dict[str, str]
) -> None:
    assert (await desk.ask("/", guess)).status_code == 503


# Opening.


async def test_a_passkey_opens_the_list_and_the_card(desk: PublicDesk) -> None:
    intent = await an_intent(desk)
    inbox = await desk.open_page("/")
    assert inbox.status_code == 200
    assert "Waiting for you" in inbox.text
    assert intent.match_code in inbox.text
    assert "data-inbox" not in inbox.text, "nothing looks again by itself: it could not"
    card = await desk.open_page(path_of(intent))
    assert card.status_code == 200
    assert intent.match_code in card.text
    assert f"{path_of(intent)}/decline" in forms(card.text)
    assert "set-cookie" not in card.headers
    assert (await desk.ask(path_of(intent))).text.count(intent.match_code) == 0, "no session"


async def test_every_viewing_is_recorded_with_who_and_what(desk: PublicDesk) -> None:
    intent = await an_intent(desk)
    await desk.open_page(path_of(intent))
    await desk.open_page("/")
    seen = events(desk.house, "page.viewed")
    assert [(event["actor"], event["subject"]) for event in seen] == [
        ("ada", path_of(intent)),
        ("ada", "/"),
    ]
    assert {event["body"]["key"] for event in seen} == {desk.ada.key.key_id}
    assert desk.house.read(lambda tx: statements.of_purposes(tx, [Purpose.VIEW])) == []


@pytest.mark.parametrize("path", [f"/i/{NOBODYS}", "/i/foreign", "/x", "/i/"])
async def test_whoever_may_see_is_told_that_there_is_nothing(desk: PublicDesk, path: str) -> None:
    answer = await desk.open_page(path)
    assert answer.status_code == 404
    assert "<h1>Nothing here</h1>" in answer.text


def is_locked(answer: httpx.Response) -> bool:
    return answer.status_code == 403 and "<h1>Locked</h1>" in answer.text


async def test_an_answer_opens_once(desk: PublicDesk) -> None:
    intent = await an_intent(desk)
    fields = await desk.answer(path_of(intent), desk.ada)
    assert (await desk.send_form(path_of(intent), fields)).status_code == 200
    again = await desk.send_form(path_of(intent), fields)
    assert is_locked(again)
    assert intent.match_code not in again.text
    assert len(events(desk.house, "page.viewed")) == 1


async def test_an_answer_opens_what_it_was_asked_for(desk: PublicDesk) -> None:
    one = await an_intent(desk)
    fields = await desk.answer("/", desk.ada)
    assert is_locked(await desk.send_form(path_of(one), fields))
    fields = await desk.answer(path_of(one), desk.ada)
    assert is_locked(await desk.send_form("/", fields))


async def test_an_answer_is_good_for_minutes(desk: PublicDesk) -> None:
    fields = await desk.answer("/", desk.ada)
    desk.house.clock.advance(minutes=4, seconds=58)
    assert (await desk.send_form("/", fields)).status_code == 200
    fields = await desk.answer("/", desk.ada)
    desk.house.clock.advance(minutes=5)
    assert is_locked(await desk.send_form("/", fields))


async def test_only_a_passkey_made_there_that_counts_opens_anything(desk: PublicDesk) -> None:
    here = enroll(desk.house, made_on(ORIGIN, "ben"), desk.recovery)
    elsewhere = enroll(desk.house, made_on(ELSEWHERE, "cleo"), desk.recovery)
    stranger = made_on(PUBLIC, "ada")
    gone = enroll(desk.house, made_on(PUBLIC, "dora"), desk.recovery)
    revoke(desk.house, gone, desk.recovery)
    for who in (here, elsewhere, stranger, gone):
        assert is_locked(await desk.open_page("/", who)), who.person
    here.origin, here.rp_id = PUBLIC, HOST  # one that lies about where it is
    assert is_locked(await desk.open_page("/", here))
    assert events(desk.house, "page.viewed") == []


async def test_a_passkey_that_has_not_verified_its_person_opens_nothing(desk: PublicDesk) -> None:
    desk.ada.flags = PRESENT
    assert is_locked(await desk.open_page("/"))


async def test_a_copied_passkey_whose_counter_fell_behind_opens_nothing(desk: PublicDesk) -> None:
    intent = await an_intent(desk)
    card = (await desk.open_page(path_of(intent))).text
    await approve(desk, intent, card)
    desk.ada.count = 0
    assert is_locked(await desk.open_page("/"))


def turned(nonce: str) -> str:
    """The same bytes, written with another last bit: base64 has two to spare there."""
    return nonce[:-1] + chr(ord(nonce[-1]) + 1)


async def test_a_challenge_that_was_never_asked_for_opens_nothing(desk: PublicDesk) -> None:
    """Somebody else makes the statement: with a nonce of their own, or the page's with another last bit."""
    fields = await desk.answer("/", desk.ada)
    for nonce in ("A" * 43, turned(fields["nonce"])):
        moment = desk.house.clock.now().replace(microsecond=0)
        forged = Statement(
            purpose=Purpose.VIEW,
            installation_id=desk.house.read(lambda tx: tx.installation_id),
            subject="/",
            body={},
            nonce=nonce,
            audit_seq=0,
            audit_head="0" * 64,
            made_at=moment,
            expires_at=moment.replace(year=2030),
        )
        signed = desk.ada.sign(forged)
        sent = {"nonce": nonce, "answer": signed.assertion or ""}
        assert is_locked(await desk.send_form("/", sent))


async def test_what_did_not_open_says_the_same_of_everything(desk: PublicDesk) -> None:
    intent = await an_intent(desk)
    stranger = made_on(PUBLIC, "ada")
    answers = [
        await desk.open_page(path, stranger)
        for path in ("/", path_of(intent), f"/i/{NOBODYS}", "/freeze")
    ]
    assert len({blinded(each.text) for each in answers}) == 1
    assert {each.status_code for each in answers} == {403}


WRONG_SENDERS: list[dict[str, str]] = [
    {"origin": "null"},
    {"origin": ""},
    {"origin": ORIGIN},
    {"origin": f"http://{HOST}"},
    {"origin": f"{PUBLIC}/"},
    {"origin": f"{PUBLIC}:443"},
    {"origin": ELSEWHERE},
    {"origin": "https://evil.example"},
    {"origin": f"https://x.{HOST}"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
]


@pytest.mark.parametrize("wrong", WRONG_SENDERS, ids=str)
async def test_only_the_page_itself_sends_forms_there(
    desk: PublicDesk, wrong: dict[str, str]
) -> None:
    intent = await an_intent(desk)
    card = (await desk.open_page(path_of(intent))).text
    at = f"{path_of(intent)}/decline"
    sent = {**forms(card)[at], "decision": "decline"}
    assert (await desk.send_form(at, sent, wrong)).status_code == 403
    frozen = {**forms(card)["/freeze/all"], "freeze": "all"}
    assert (await desk.send_form("/freeze/all", frozen, wrong)).status_code == 403
    fields = await desk.answer("/", desk.ada)
    assert (await desk.send_form("/", fields, wrong)).status_code == 403
    assert (await desk.house.now(intent)).state is AWAITING
    assert desk.house.frozen() is None
    assert (await desk.send_form("/", fields)).status_code == 200, (
        "it is still good for the real page"
    )


async def test_the_public_origin_counts_nothing_at_this_machine(desk: PublicDesk) -> None:
    intent = await an_intent(desk)
    nonce = await desk.nonce(intent)
    answer = await desk.post(intent, {"origin": PUBLIC}, decision="decline", nonce=nonce)
    assert answer.status_code == 403
    assert (await desk.house.now(intent)).state is AWAITING


# Deciding.


async def approve(desk: PublicDesk, intent: Intent, card: str) -> httpx.Response:
    """Sign what an opened card asks for."""
    at = f"{path_of(intent)}/passkey"
    signed = desk.ada.sign_challenge(challenge_in(card))
    return await desk.send_form(at, {**forms(card)[at], "answer": signed.assertion or ""})


async def test_a_second_use_of_the_passkey_approves_and_its_answer_shows_the_result(
    desk: PublicDesk,
) -> None:
    intent = await an_intent(desk)
    card = (await desk.open_page(path_of(intent))).text
    answer = await approve(desk, intent, card)
    assert answer.status_code == 200
    assert "Approved by ada" in answer.text
    assert "http-equiv" not in answer.text, "nothing looks again by itself: it could not"
    assert desk.changes == 1
    approved = await desk.house.now(intent)
    assert (approved.state, approved.decided_level) == (IntentState.APPROVED, Level.PASSKEY)
    await desk.house.work()
    assert desk.house.charged() == [intent.terms.lines[0].number]


@pytest.mark.parametrize("level", [Level.CLIENT, Level.PAGE, Level.PASSPHRASE])
async def test_a_click_approves_nothing_there_whatever_the_policy_asks_for(
    house: House, tmp_path: Path, level: Level
) -> None:
    desk = PublicDesk(house, tmp_path, level=level)
    intent = await an_intent(desk)
    card = (await desk.open_page(path_of(intent))).text
    assert 'value="approve"' not in card
    at = f"{path_of(intent)}/decline"
    sent = {**forms(card)[at], "decision": "approve"}
    assert (await desk.send_form(at, sent)).status_code == 400
    nonce = forms(card)[f"{path_of(intent)}/passkey"]["nonce"]
    click = {"decision": "approve", "nonce": nonce}
    assert (await desk.send_form(path_of(intent), click)).status_code == 400
    assert (await desk.house.now(intent)).state is AWAITING
    assert "Approved by ada" in (await approve(desk, intent, card)).text


async def test_what_opens_a_card_approves_nothing_and_what_approves_opens_nothing(
    desk: PublicDesk,
) -> None:
    intent = await an_intent(desk)
    path, at = path_of(intent), f"{path_of(intent)}/passkey"
    opening = await desk.answer(path, desk.ada)
    card = (await desk.open_page(path)).text
    nonce = forms(card)[at]["nonce"]
    for sent in (opening, {**opening, "nonce": nonce}):
        assert is_locked(await desk.send_form(at, sent))
    signed = desk.ada.sign_challenge(challenge_in(card)).assertion or ""
    for sent in ({"nonce": nonce, "answer": signed}, {**opening, "answer": signed}):
        assert is_locked(await desk.send_form(path, sent))
    assert (await desk.house.now(intent)).state is AWAITING


@pytest.mark.parametrize("purpose", [p for p in Purpose if p is not Purpose.VIEW])
async def test_no_other_purpose_opens_anything(desk: PublicDesk, purpose: Purpose) -> None:
    locked = (await desk.ask("/")).text
    nonce = forms(locked)[""]["nonce"]
    moment = desk.house.clock.now().replace(microsecond=0)
    statement = Statement(
        purpose=Purpose.VIEW, installation_id=desk.house.read(lambda tx: tx.installation_id),
        subject="/", body={}, nonce=nonce, audit_seq=0, audit_head="0" * 64, made_at=moment,
        expires_at=moment.replace(minute=moment.minute + 5),
    )  # fmt: skip
    assert statement.challenge == challenge_in(locked), "so the purpose is all that differs"
    signed = desk.ada.sign_challenge(challenge_of(purpose, statement.encoded))
    assert is_locked(await desk.send_form("/", {"nonce": nonce, "answer": signed.assertion or ""}))


async def test_a_decline_works_from_an_opened_card_and_is_the_viewers(desk: PublicDesk) -> None:
    intent = await an_intent(desk)
    card = (await desk.open_page(path_of(intent))).text
    at = f"{path_of(intent)}/decline"
    answer = await desk.send_form(at, {**forms(card)[at], "decision": "too_expensive"})
    assert answer.status_code == 200
    assert "Declined by ada" in answer.text
    declined = await desk.house.now(intent)
    assert (declined.state, declined.decided_by) == (IntentState.DECLINED, "ada")


async def test_a_damaged_request_hides_nothing_there_either_and_is_told(desk: PublicDesk) -> None:
    damaged, whole = [await desk.house.propose(offer) for offer in await desk.house.find(2)]
    before = desk.house.read(lambda tx: intents.terms_bytes(tx, damaged.intent_id)).decode()
    damage(desk.house, damaged, terms="{}")
    shown = (await desk.open_page("/")).text
    assert f'href="{path_of(whole)}"' in shown
    assert f"What is stored of {damaged.intent_id} is not what was proposed" in shown
    answer = await desk.open_page(path_of(damaged))
    assert answer.status_code == 503
    assert "<h1>Damaged</h1>" in answer.text
    strangers = await desk.ask(path_of(damaged))
    assert "<h1>Locked</h1>" in strangers.text
    assert damaged.intent_id not in strangers.text.replace(path_of(damaged), "")
    damage(desk.house, damaged, terms=before)


async def test_a_decline_from_no_opened_card_does_nothing_and_tells_nothing(
    desk: PublicDesk,
) -> None:
    one, other = [await desk.house.propose(offer) for offer in await desk.house.find(2)]
    here = await desk.nonce(one)
    card = (await desk.open_page(path_of(one))).text
    at = f"{path_of(one)}/decline"
    drawn = forms(card)[at]
    ben = enroll(desk.house, made_on(PUBLIC, "ben"), desk.recovery)
    wrong = [
        (at, {"nonce": here, "by": desk.ada.key.key_id}),  # this machine's form
        (at, {"nonce": "A" * 43, "by": desk.ada.key.key_id}),
        (at, {**drawn, "by": ben.key.key_id}),  # somebody else's
        (at, {**drawn, "by": ""}),
        (at, {"nonce": forms(card)["/freeze/all"]["nonce"], "by": drawn["by"]}),
        (f"{path_of(other)}/decline", drawn),  # another request's
        (f"/i/{NOBODYS}/decline", drawn),
    ]
    answers = [await desk.send_form(to, {**sent, "decision": "decline"}) for to, sent in wrong]
    assert all(is_locked(each) for each in answers)
    said = {
        blinded(each.text).replace(to[:-8], "/i/ID")
        for each, (to, _) in zip(answers, wrong, strict=True)
    }
    assert len(said) == 1
    assert {(await desk.house.now(each)).state for each in (one, other)} == {AWAITING}


async def test_a_decline_there_is_good_once_for_minutes_and_while_the_key_counts(
    desk: PublicDesk,
) -> None:
    one, other = [await desk.house.propose(offer) for offer in await desk.house.find(2)]
    ben = enroll(desk.house, made_on(PUBLIC, "ben"), desk.recovery)
    at = f"{path_of(one)}/decline"
    late = forms((await desk.open_page(path_of(one), ben)).text)[at]
    desk.house.clock.advance(minutes=20)
    assert is_locked(await desk.send_form(at, {**late, "decision": "decline"}))
    drawn = forms((await desk.open_page(path_of(one), ben)).text)[at]
    revoke(desk.house, ben, desk.recovery)
    assert is_locked(await desk.send_form(at, {**drawn, "decision": "decline"}))
    assert (await desk.house.now(one)).state is AWAITING
    assert (await desk.house.now(other)).state is AWAITING


async def test_an_approval_from_no_form_says_the_same_of_everything(desk: PublicDesk) -> None:
    intent = await an_intent(desk)
    signed = (await desk.answer("/", desk.ada))["answer"]
    sent = {"nonce": "A" * 43, "answer": signed}
    said = set()
    for intent_id in (intent.intent_id, NOBODYS, "foreign"):
        answer = await desk.send_form(f"/i/{intent_id}/passkey", sent)
        assert is_locked(answer)
        said.add(blinded(answer.text).replace(intent_id, "ID"))
    assert len(said) == 1


@pytest.mark.parametrize("end", ["passkey", "decline"])
@pytest.mark.parametrize("intent_id", [NOBODYS, "foreign"])
async def test_addresses_that_only_take_forms_lead_back(
    desk: PublicDesk, end: str, intent_id: str
) -> None:
    answer = await desk.ask(f"/i/{intent_id}/{end}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/i/{intent_id}")


# Freezing.


async def test_a_viewer_freezes_everything_and_is_told_who_lifts_it(desk: PublicDesk) -> None:
    inbox = (await desk.open_page("/")).text
    assert "<summary>Freeze all spending" in inbox
    sent = {**forms(inbox)["/freeze/all"], "freeze": "all"}
    answer = await desk.send_form("/freeze/all", sent)
    assert answer.status_code == 200
    assert "<h1>All spending is frozen</h1>" in answer.text
    assert "ringfence unfreeze" in answer.text
    assert desk.house.frozen() == "frozen by ada on the approval page"
    [event] = events(desk.house, "guard.frozen")
    assert event["actor"] == "ada"
    desk.house.write(lambda tx: freeze.unfreeze(tx, actor="me"))
    for again in (sent, {**sent, "nonce": turned(sent["nonce"])}):
        assert is_locked(await desk.send_form("/freeze/all", again)), "the form was used"
    assert desk.house.frozen() is None


async def test_a_stranger_freezes_nothing(desk: PublicDesk) -> None:
    here = forms((await desk.look("/")).text)["/freeze/all"]
    for sent in (here, {**here, "by": desk.ada.key.key_id}, {"nonce": "A" * 43, "by": ""}):
        assert is_locked(await desk.send_form("/freeze/all", {**sent, "freeze": "all"}))
    assert desk.house.frozen() is None


async def test_the_person_at_this_machine_freezes_without_any_factor(desk: PublicDesk) -> None:
    intent = await an_intent(desk)
    card = (await desk.open(intent)).text
    sent = f"freeze=all&by=&nonce={forms(card)['/freeze/all']['nonce']}".encode()
    headers = {"origin": ORIGIN, "sec-fetch-site": "same-origin", **FORM}
    answer = await desk.send("POST", "/freeze/all", headers, sent)
    assert (answer.status_code, answer.headers["location"]) == (303, "/freeze")
    assert desk.house.frozen() == "frozen by local:ada on the approval page"
    after = (await desk.look("/freeze")).text
    assert "Frozen by local:ada on the approval page." in after
    assert "<details" not in (await desk.look("/")).text, "there is nothing more to freeze"
    assert "All spending is frozen" in (await desk.open(intent)).text
    assert (await desk.decide(intent, "decline")).status_code == 303, "a no is still possible"


async def test_looking_at_the_freeze_freezes_nothing(desk: PublicDesk) -> None:
    for path in ("/freeze", "/freeze/all"):
        await desk.look(path)
        await desk.ask(path)
    assert "Nothing is frozen" in (await desk.open_page("/freeze")).text
    assert desk.house.frozen() is None


# Making a passkey there.


CODE = "K7QF-2M9X"


async def test_an_invited_person_makes_a_passkey_that_belongs_there(desk: PublicDesk) -> None:
    inviting.invite(desk.house.desk, "ben", CODE, actor="local:ada", origin=PUBLIC)
    typed = await desk.send_form("/enroll", {"code": CODE})
    ben = made_on(PUBLIC, "ben")
    assert options_in(typed.text)["rp"]["id"] == HOST
    answer = ben.make(options_in(typed.text)["challenge"])
    made = await desk.send_form("/enroll/passkey", {"answer": answer})
    assert (made.status_code, made.headers["location"]) == (303, f"/enroll/{ben.key.key_id}")
    invitation = desk.house.read(invitations.present)
    assert invitation.key.origin == PUBLIC
    assert is_locked(await desk.open_page("/", ben)), "it counts when somebody has vouched for it"


async def test_codes_for_this_machine_are_neither_right_nor_counted_out_there(
    desk: PublicDesk,
) -> None:
    inviting.invite(desk.house.desk, "ben", CODE, actor="local:ada")
    for code in (CODE, *["0000-0000"] * 7):
        assert "That is not the code" in (await desk.send_form("/enroll", {"code": code})).text
    invitation = desk.house.read(invitations.present)
    assert invitation.wrong == 0
    assert "ben" in (await desk.submit("/enroll", {"code": CODE})).text, "it is good here still"


async def test_codes_for_out_there_make_nothing_at_this_machine(desk: PublicDesk) -> None:
    inviting.invite(desk.house.desk, "ben", CODE, actor="local:ada", origin=PUBLIC)
    assert "That is not the code" in (await desk.submit("/enroll", {"code": CODE})).text
    challenge = options_in((await desk.send_form("/enroll", {"code": CODE})).text)["challenge"]
    here = made_on(ORIGIN, "ben").make(challenge)
    assert (await desk.submit("/enroll/passkey", {"answer": here})).status_code == 409
    assert desk.house.read(invitations.present).key is None


async def test_the_enrolment_page_tells_strangers_nothing(desk: PublicDesk) -> None:
    nobody = await desk.ask("/enroll")
    wrong = await desk.send_form("/enroll", {"code": "0000-0000"})
    inviting.invite(desk.house.desk, "ben", CODE, actor="local:ada", origin=PUBLIC)
    assert (await desk.ask("/enroll")).text == nobody.text
    assert (await desk.send_form("/enroll", {"code": "0000-0000"})).text == wrong.text
    assert "badge" not in nobody.text, "nor which mode it is"


# In live mode.


@pytest.fixture
def live(tmp_path: Path) -> Iterator[House]:
    house = live_house(tmp_path)
    yield house
    house.close()


async def test_a_live_installation_is_public_where_its_approvers_say_so(live: House) -> None:
    desk = DeskPage(live, mode="live")
    recovery = found(live)
    ada = enroll(live, Signer("ada"), recovery)
    there = rules(Level.PASSPHRASE).model_copy(update={"approvals": Approvals(public_url=PUBLIC)})
    with pytest.raises(NotAuthorized, match="approvers sign it"):
        live.apply(there)
    assert (await desk.send("GET", "/", BY_PROXY)).status_code == 421
    put_in_force(live, there, ada)
    assert (await desk.send("GET", "/", BY_PROXY)).status_code == 200


async def test_an_address_that_was_written_into_a_live_database_is_not_served(live: House) -> None:
    """Somebody with the file names their own host in a version that nobody signed."""
    desk = DeskPage(live, mode="live")
    ada = enroll(live, Signer("ada"), found(live))
    put_in_force(live, rules(Level.PASSPHRASE), ada)
    forged = rules(Level.PASSPHRASE).model_copy(update={"approvals": Approvals(public_url=PUBLIC)})
    live.write(lambda tx: policies.add(tx, forged, applied_by="mallory"))
    assert (await desk.send("GET", "/", BY_PROXY)).status_code == 421
    assert (await desk.look("/")).status_code == 200


async def test_a_live_freeze_from_a_phone_says_that_an_approver_lifts_it(live: House) -> None:
    desk = DeskPage(live, mode="live")
    text = (await desk.look("/")).text
    assert (
        "Only an approver lifts it, who signs for it, on this installation’s machine: on the page"
        in text
    )


# Out of order, and too many.


async def test_strangers_learn_nothing_from_a_store_that_fails(
    desk: PublicDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("/home/ada/secret.sqlite3")

    with monkeypatch.context() as broken:
        broken.setattr("ringfence.desk.viewing.moment", fail)
        answer = await desk.ask("/")
        assert answer.status_code == 503
        assert "secret" not in answer.text


async def test_strangers_slow_down_one_another_and_nobody_at_this_machine(
    house: House, tmp_path: Path
) -> None:
    desk = PublicDesk(house, tmp_path)
    desk.limit(Pace(lambda: 0.0))
    statuses = [(await desk.ask("/x")).status_code for _ in range(LOOKS.burst + 1)]
    assert statuses == [200] * LOOKS.burst + [429]
    assert (await desk.ask("/", {"host": "evil.example"})).status_code == 429
    assert (await desk.look("/")).status_code == 200
    intent = await an_intent(desk)
    assert (await desk.decide(intent, "decline")).status_code == 303


async def test_guesses_there_are_slowed_down_and_not_those_at_this_machine(
    house: House, tmp_path: Path
) -> None:
    desk = PublicDesk(house, tmp_path)
    desk.limit(Pace(lambda: 0.0))
    sent = {"nonce": "A" * 43, "answer": "{}"}
    statuses = [
        (await desk.send_form(f"/i/int_{count:026d}", sent)).status_code
        for count in range(DECISIONS.burst + 1)
    ]
    assert statuses == [403] * DECISIONS.burst + [429]
    intent = await an_intent(desk)
    assert (await desk.decide(intent, "decline")).status_code == 303
