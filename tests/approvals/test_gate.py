"""Whatever a foreign page makes a browser send here changes nothing, and shows nothing."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

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


AGENTS = {
    "chromium": {
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/144.0.0.0",
        "accept": "text/html,application/xhtml+xml,*/*;q=0.8",
        "sec-ch-ua": '"Chromium";v="144"',
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
        "sec-fetch-user": "?1",
        "upgrade-insecure-requests": "1",
        "cache-control": "max-age=0",
    },
    "firefox": {
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "accept": "text/html,application/xhtml+xml,*/*;q=0.8",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
        "sec-fetch-user": "?1",
        "sec-gpc": "1",
        "priority": "u=0, i",
        "te": "trailers",
    },
    "an older safari": {
        "user-agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/16.3 Safari/605.1.15",
        "accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    },
}
"""What browsers send when a person follows a link or sends a form; the older ones say nothing of where from."""


def as_sent_by(agent: str, site: str) -> dict[str, str]:
    headers = AGENTS[agent]
    return {**headers, "sec-fetch-site": site} if "sec-fetch-mode" in headers else dict(headers)


@pytest.mark.parametrize("agent", AGENTS)
async def test_a_person_decides_in_any_browser(house: House, page: DeskPage, agent: str) -> None:
    intent = await an_intent(house)
    came = await page.send("GET", f"/i/{intent.intent_id}", as_sent_by(agent, "cross-site"))
    assert came.status_code == 200
    sent = {"origin": ORIGIN, **FORM, **as_sent_by(agent, "same-origin")}
    body = f"decision=approve&nonce={await page.nonce(intent)}".encode()
    assert (await page.send("POST", f"/i/{intent.intent_id}", sent, body)).status_code == 303
    assert (await house.now(intent)).state is IntentState.APPROVED


SENT_FOR_A_PAGE = {
    "a form": {**FORM},
    "a form in a sandboxed frame": {"origin": "null", **FORM},
    "fetch without cors": {"content-type": "text/plain;charset=UTF-8"},
    "a beacon": {"content-type": "text/plain;charset=UTF-8", "sec-fetch-mode": "no-cors"},
    "fetch with cors": {"content-type": "application/json", "sec-fetch-mode": "cors"},
}


@pytest.mark.parametrize("how", SENT_FOR_A_PAGE)
@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_what_any_browser_sends_for_another_page_decides_nothing(
    house: House, page: DeskPage, agent: str, how: str, site: str
) -> None:
    """Same site is another port of localhost: a development server, or whatever an agent has started there."""
    intent = await an_intent(house)
    origin = "http://evil.example" if site == "cross-site" else "http://localhost:3000"
    sent = {"origin": origin, **as_sent_by(agent, site), **SENT_FOR_A_PAGE[how]}
    body = f"decision=approve&nonce={await page.nonce(intent)}".encode()
    assert (await page.send("POST", f"/i/{intent.intent_id}", sent, body)).status_code == 403
    assert await is_untouched(house, intent)


FORWARDED = {
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "https",
    "forwarded": "host=evil.example;proto=https",
    "x-real-ip": "127.0.0.1",
}
OVERRIDING = {
    "x-original-url": "/i/int_01KAN5T1PR0000000000000001",
    "x-http-method-override": "POST",
}


@pytest.mark.parametrize("header", OVERRIDING)
async def test_a_header_that_would_override_the_request_changes_nothing(
    house: House, page: DeskPage, header: str
) -> None:
    intent = await an_intent(house)
    said = await page.send("GET", f"/i/{intent.intent_id}", {header: OVERRIDING[header]})
    assert said.status_code in {200, 421}
    assert (intent.match_code in said.text) == (said.status_code == 200)
    assert await is_untouched(house, intent)


@pytest.mark.parametrize("header", FORWARDED)
async def test_what_a_proxy_passes_on_under_our_own_name_is_refused(
    house: House, page: DeskPage, header: str
) -> None:
    """Nobody stands between a browser and loopback; a stranger behind a proxy is not the person here."""
    intent = await an_intent(house)
    said = await page.send("GET", f"/i/{intent.intent_id}", {header: FORWARDED[header]})
    assert said.status_code == 421
    assert intent.match_code not in said.text
    assert "evil.example" not in said.text
    wrong = await page.send("GET", "/", {"host": "evil.example", header: f"localhost:{PORT}"})
    assert wrong.status_code == 421
    assert await is_untouched(house, intent)


@pytest.mark.parametrize("twice", [b"host", b"origin"])
async def test_a_header_that_is_there_twice_is_not_believed_once(
    house: House, page: DeskPage, twice: bytes
) -> None:
    """One of the two is ours: which one a library would read is not what this stands on."""
    intent = await an_intent(house)
    body = f"decision=approve&nonce={await page.nonce(intent)}".encode()
    headers = [
        (b"host", f"localhost:{PORT}".encode()),
        (b"origin", ORIGIN.encode()),
        (b"content-type", FORM["content-type"].encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    other = {b"host": b"evil.example", b"origin": b"http://evil.example"}
    for at in (0, len(headers)):
        bent = [*headers]
        bent.insert(at, (twice, other[twice]))
        assert await status_of(page, intent, bent, body) in {403, 421}
    assert await is_untouched(house, intent)


async def status_of(
    page: DeskPage, intent: Intent, headers: list[tuple[bytes, bytes]], body: bytes
) -> int:
    """What the app answers to exactly these headers; clients would put them right."""
    statuses: list[int] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": f"/i/{intent.intent_id}",
        "raw_path": f"/i/{intent.intent_id}".encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "server": ("127.0.0.1", PORT),
        "client": ("127.0.0.1", 40_000),
    }
    await page.app(scope, receive, send)
    [status] = statuses
    return status


PREVIEWS = {
    "slack": {"user-agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
    "a mail scanner": {"user-agent": "Mozilla/5.0 (compatible; SafeLinks)", "accept": "*/*"},
    "curl": {"user-agent": "curl/8.11.0", "accept": "*/*"},
    "a prefetch": {"sec-purpose": "prefetch;anonymous-client-ip"},
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("who", PREVIEWS)
async def test_whoever_only_looks_leaves_everything_as_it_is(
    house: House, page: DeskPage, who: str, method: str
) -> None:
    intent = await an_intent(house)
    for _ in range(30):
        await page.send(method, f"/i/{intent.intent_id}", PREVIEWS[who])
    assert await is_untouched(house, intent)
    assert page.changes == 0
    assert (await page.decide(intent, "decline")).status_code == 303, "the form is still good"


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
