"""Whatever a foreign page makes a browser send here changes nothing, and shows nothing."""

from __future__ import annotations

import pytest

from approvals.desk_page import FORM, ORIGIN, PORT, DeskPage
from house import House
from ringfence.intents import Intent
from ringfence.states import IntentState
from ringfence_server.approvals.gate import MAX_BODY_BYTES
from ringfence_server.approvals.pace import DECISIONS, DECISIONS_EACH, LOOKS, Pace

AWAITING = IntentState.AWAITING_APPROVAL
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
ROUTES = [
    "/",
    "/i/int_01KAN5T1PR0000000000000001",
    "/whoami?n=" + "0" * 32,
    "/static/page.css",
    "/x",
]


async def an_intent(house: House) -> Intent:
    return await house.propose(*await house.find())


async def is_untouched(house: House, intent: Intent) -> bool:
    return (await house.now(intent)).state is AWAITING


WRONG_HOSTS = [
    "evil.example",
    f"evil.example:{PORT}",
    f"127.0.0.1:{PORT}",
    f"[::1]:{PORT}",
    "localhost",
    "localhost:80",
    f"localhost:{PORT + 1}",
    f"localhost.evil.example:{PORT}",
    f"LOCALHOST:{PORT}",
    f"localhost.:{PORT}",
    f"user@localhost:{PORT}",
    "",
]


@pytest.mark.parametrize("host", WRONG_HOSTS)
@pytest.mark.parametrize("route", ROUTES)
async def test_no_route_answers_under_another_name(page: DeskPage, host: str, route: str) -> None:
    answer = await page.send("GET", route, {"host": host})
    assert answer.status_code == 421
    assert "ringfence" not in answer.text


@pytest.mark.parametrize("host", WRONG_HOSTS)
async def test_no_decision_is_taken_under_another_name(
    house: House, page: DeskPage, host: str
) -> None:
    intent = await an_intent(house)
    nonce = await page.nonce(intent)
    answer = await page.post(intent, {"host": host}, decision="approve", nonce=nonce)
    assert answer.status_code == 421
    assert await is_untouched(house, intent)


WRONG_SENDERS: list[dict[str, str]] = [
    {"origin": "null"},
    {"origin": ""},
    {"origin": "http://evil.example"},
    {"origin": "https://evil.example"},
    {"origin": f"https://localhost:{PORT}"},
    {"origin": "http://localhost"},
    {"origin": f"http://localhost:{PORT + 1}"},
    {"origin": f"http://127.0.0.1:{PORT}"},
    {"origin": f"http://localhost:{PORT}.evil.example"},
    {"origin": f"http://localhost:{PORT}/"},
    {"origin": f"HTTP://localhost:{PORT}"},
    {"origin": f"http://localhost:{PORT} http://evil.example"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "nonsense"},
    {"sec-fetch-site": ""},
]


@pytest.mark.parametrize("wrong", WRONG_SENDERS, ids=str)
@pytest.mark.parametrize("decision", ["approve", "decline", "stop"])
async def test_only_our_own_page_can_send_a_decision(
    house: House, page: DeskPage, wrong: dict[str, str], decision: str
) -> None:
    intent = await an_intent(house)
    nonce = await page.nonce(intent)
    answer = await page.post(intent, wrong, decision=decision, nonce=nonce)
    assert answer.status_code == 403
    assert await is_untouched(house, intent)
    assert (await page.post(intent, decision="decline", nonce=nonce)).status_code == 303, (
        "the nonce is still good for the real page"
    )


async def test_a_decision_without_an_origin_is_refused(house: House, page: DeskPage) -> None:
    intent = await an_intent(house)
    body = f"decision=approve&nonce={await page.nonce(intent)}".encode()
    answer = await page.send("POST", f"/i/{intent.intent_id}", FORM, body)
    assert answer.status_code == 403
    assert await is_untouched(house, intent)


async def test_browsers_without_fetch_metadata_can_decide(house: House, page: DeskPage) -> None:
    intent = await an_intent(house)
    body = f"decision=approve&nonce={await page.nonce(intent)}".encode()
    answer = await page.send("POST", f"/i/{intent.intent_id}", {"origin": ORIGIN, **FORM}, body)
    assert answer.status_code == 303
    assert (await house.now(intent)).state is IntentState.APPROVED


def fetched(site: str, mode: str, dest: str, **more: str) -> dict[str, str]:
    return {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest, **more}


LOOKS_FROM_ELSEWHERE = [
    (fetched("none", "navigate", "document"), 200),  # the address bar
    (fetched("cross-site", "navigate", "document"), 200),  # a link in a chat
    (fetched("same-site", "navigate", "document"), 200),  # a link on another port of localhost
    (fetched("same-origin", "navigate", "document"), 200),
    (fetched("cross-site", "navigate", "iframe"), 403),
    (fetched("cross-site", "navigate", "frame"), 403),
    (fetched("cross-site", "navigate", "object"), 403),
    (fetched("cross-site", "no-cors", "image"), 403),
    (fetched("cross-site", "no-cors", "script"), 403),
    (fetched("cross-site", "cors", "empty"), 403),
    (fetched("same-site", "no-cors", "empty"), 403),
    ({"sec-fetch-site": "cross-site"}, 403),
    (fetched("none", "navigate", "document", **{"sec-purpose": "prefetch"}), 503),
    (fetched("none", "navigate", "document", **{"sec-purpose": "prefetch;prerender"}), 503),
    ({"purpose": "prefetch"}, 503),
    ({"x-moz": "prefetch"}, 503),
]


@pytest.mark.parametrize(("headers", "status"), LOOKS_FROM_ELSEWHERE, ids=str)
async def test_another_page_may_link_here_and_nothing_more(
    house: House, page: DeskPage, headers: dict[str, str], status: int
) -> None:
    intent = await an_intent(house)
    answer = await page.send("GET", f"/i/{intent.intent_id}", headers)
    assert answer.status_code == status
    assert (intent.match_code in answer.text) == (status == 200)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS"])
@pytest.mark.parametrize("host", [f"localhost:{PORT}", "evil.example"])
async def test_every_answer_carries_the_security_headers(
    page: DeskPage, route: str, method: str, host: str
) -> None:
    answer = await page.send(method, route, {"host": host})
    assert answer.headers["content-security-policy"] == CSP
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
async def test_other_methods_are_refused(page: DeskPage, method: str) -> None:
    assert (await page.send(method, "/")).status_code == 405


@pytest.mark.parametrize("route", ["/", "/whoami", "/static/page.css"])
async def test_only_an_intent_takes_posts(page: DeskPage, route: str) -> None:
    sent = {"origin": ORIGIN, **FORM}
    answer = await page.send("POST", route, sent, b"decision=approve&nonce=x")
    assert answer.status_code == 405


BAD_FORMS = [
    (FORM, b"", 400),
    (FORM, b"decision=approve", 400),
    (FORM, b"decision=approve&nonce=", 400),
    (FORM, b"decision=approve&nonce=short", 400),
    (FORM, b"decision=approve&nonce=NONCE&nonce=NONCE", 400),
    (FORM, b"decision=approve&decision=decline&nonce=NONCE", 400),
    (FORM, b"decision=approve&nonce=NONCE&more=1", 400),
    (FORM, b"decision=APPROVE&nonce=NONCE", 400),
    (FORM, b"decision=yes&nonce=NONCE", 400),
    (FORM, b"decision=&nonce=NONCE", 400),
    (FORM, b"decision=approve;nonce=NONCE", 400),
    (FORM, b"\xff\xfe", 400),
    ({"content-type": "application/json"}, b'{"decision": "approve", "nonce": "NONCE"}', 400),
    ({"content-type": "text/plain"}, b"decision=approve&nonce=NONCE", 400),
    ({"content-type": "multipart/form-data; boundary=x"}, b"--x--", 400),
    ({}, b"decision=approve&nonce=NONCE", 400),
    (FORM, b"decision=approve&nonce=NONCE" + b"&" * MAX_BODY_BYTES, 413),
    ({**FORM, "transfer-encoding": "chunked", "content-length": ""}, b"decision=approve", 411),
    ({**FORM, "content-length": "-1"}, b"", 411),
    ({**FORM, "content-length": "+5"}, b"", 411),
    ({**FORM, "content-length": "1" * 400}, b"", 413),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "body", "status"), BAD_FORMS, ids=str)
async def test_a_form_is_exactly_a_decision_and_its_nonce(
    house: House, page: DeskPage, headers: dict[str, str], body: bytes, status: int
) -> None:
    intent = await an_intent(house)
    content = body.replace(b"NONCE", (await page.nonce(intent)).encode())
    answer = await page.send(
        "POST", f"/i/{intent.intent_id}", {"origin": ORIGIN, **headers}, content
    )
    assert answer.status_code == status
    assert await is_untouched(house, intent)


class Stopwatch:
    """A clock that stands."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


async def test_a_loop_is_slowed_down_and_a_person_is_not(house: House) -> None:
    stopwatch = Stopwatch()
    page = DeskPage(house, pace=Pace(stopwatch))
    statuses = [(await page.look()).status_code for _ in range(LOOKS.burst + 1)]
    assert statuses == [200] * LOOKS.burst + [429]
    assert (await page.look("/whoami?n=" + "0" * 32)).status_code == 200, "siblings still find it"
    stopwatch.at += 1
    assert (await page.look()).status_code == 200


async def guess(page: DeskPage, intent_id: str) -> int:
    """Try a nonce that nobody issued."""
    body = f"decision=approve&nonce={'A' * 43}".encode()
    answer = await page.send("POST", f"/i/{intent_id}", {"origin": ORIGIN, **FORM}, body)
    return answer.status_code


async def test_guessing_nonces_is_slowed_down_for_each_intent_and_for_all(house: House) -> None:
    page = DeskPage(house, pace=Pace(Stopwatch()))
    one, other = [await house.propose(offer) for offer in await house.find(2)]
    statuses = [await guess(page, one.intent_id) for _ in range(DECISIONS_EACH.burst + 1)]
    assert statuses == [409] * DECISIONS_EACH.burst + [429]
    assert await guess(page, other.intent_id) == 409, "another intent is not slowed down"
    statuses = [await guess(page, f"int_{count:026d}") for count in range(DECISIONS.burst)]
    assert statuses[0] == 303, "to the page that says that there is nothing"
    assert statuses[-1] == 429
    assert await is_untouched(house, one)
