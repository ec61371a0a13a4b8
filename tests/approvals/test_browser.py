"""The page in a real Chromium: a person decides, with mouse, keyboard or thumb; a foreign page decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from approvals.chromium import BOX, CONTRASTS, ROOM, Complaints, chromium, phone, read, tab_to
from approvals.policies import levels
from approvals.site import ServedHouse, foreign_site
from house import House
from ringfence.intents import DeclineReason, Intent, Level
from ringfence.states import IntentState

AWAITING = IntentState.AWAITING_APPROVAL
REASON = "The caller asked for a San Francisco number; it is for the front desk."
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ServedHouse]:
    site = ServedHouse(House.open(tmp_path))
    yield site
    site.close()


@pytest.fixture
def intent(site: ServedHouse) -> Intent:
    return site.propose(assistant_id="front-desk", reason=REASON)


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def page(browser: Browser, complaints: Complaints) -> Iterator[Page]:
    context = browser.new_context(**ROOM)
    page = context.new_page()
    complaints.listen(page)
    yield page
    context.close()


# A person decides.


def test_a_person_approves_and_reads_what_became_of_it(
    site: ServedHouse, intent: Intent, page: Page, complaints: Complaints
) -> None:
    page.goto(site.url(intent))
    expect(page.get_by_role("heading", level=1)).to_have_text("+1 415-555-0104")
    expect(page.get_by_text(intent.match_code, exact=True)).to_be_visible()
    approve = page.get_by_role("button", name="Approve")
    expect(approve).to_be_disabled()
    expect(approve).to_be_enabled()
    approve.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Approved by local:ada")
    site.work()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bought")  # it looks again by itself
    assert site.now(intent).state is IntentState.COMPLETED
    assert complaints == []


@pytest.mark.parametrize(
    ("button", "reason"),
    [
        ("Decline", None),
        ("Another number", DeclineReason.ANOTHER_NUMBER),
        ("Too expensive", DeclineReason.TOO_EXPENSIVE),
        ("Stop asking", DeclineReason.STOP),
    ],
)
def test_a_person_declines_with_one_click(
    site: ServedHouse, intent: Intent, page: Page, button: str, reason: DeclineReason | None
) -> None:
    page.goto(site.url(intent))
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Declined by local:ada")
    declined = site.now(intent)
    assert (declined.state, declined.decline_reason) == (IntentState.DECLINED, reason)


def test_the_inbox_leads_to_the_request_and_back(
    site: ServedHouse, intent: Intent, page: Page, complaints: Complaints
) -> None:
    page.goto(site.origin)
    page.get_by_role("link", name="Buy a number").click()
    expect(page).to_have_url(site.url(intent))
    page.get_by_role("button", name="Decline", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Declined by local:ada")
    page.get_by_role("link", name="All requests").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing waits for you")
    expect(page.get_by_role("heading", level=2)).to_have_text("Lately")
    assert complaints == []


def test_going_back_and_sending_the_form_again_does_nothing(
    site: ServedHouse, intent: Intent, page: Page
) -> None:
    page.goto(site.url(intent))
    page.get_by_role("button", name="Decline", exact=True).click()
    declined = page.get_by_role("heading", level=1, name="Declined by local:ada")
    expect(declined).to_be_visible()  # a click does not wait for the page that it leads to
    page.go_back()
    expect(declined).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)


def test_a_double_click_is_one_decision(site: ServedHouse, intent: Intent, page: Page) -> None:
    page.goto(site.url(intent))
    approve = page.get_by_role("button", name="Approve")
    expect(approve).to_be_enabled()
    approve.dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Approved by local:ada")
    site.work()
    assert len(site.house.charged()) == 1


def stop_the_clock(page: Page) -> None:
    page.clock.install(time=0)
    page.clock.pause_at(1_000)


def test_a_click_that_was_meant_for_something_else_hits_nothing(
    site: ServedHouse, intent: Intent, page: Page
) -> None:
    stop_the_clock(page)
    page.goto(site.url(intent))
    approve = page.get_by_role("button", name="Approve")
    for _ in range(3):
        approve.click(force=True)
    page.clock.run_for(1_400)
    approve.click(force=True)
    expect(approve).to_be_disabled()
    page.clock.run_for(200)
    expect(approve).to_be_enabled()
    page.evaluate("dispatchEvent(new Event('blur'))")
    expect(approve).to_be_disabled()
    assert site.now(intent).state is AWAITING


def test_the_clock_runs_and_the_page_looks_again_when_the_time_is_over(
    site: ServedHouse, intent: Intent, page: Page
) -> None:
    stop_the_clock(page)
    page.goto(site.url(intent))
    left = page.locator("[data-seconds-left]")
    expect(left).to_have_text("1:00:00")
    page.clock.run_for(61_000)
    expect(left).to_have_text("58:59")
    site.house.clock.advance(hours=1)
    page.clock.run_for(3_600_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("Expired")


# Everybody can use it.


@pytest.mark.parametrize(
    ("button", "heading"),
    [("Approve", "Approved by local:ada"), ("Decline", "Declined by local:ada")],
)
def test_the_keyboard_alone_is_enough(
    site: ServedHouse, intent: Intent, page: Page, button: str, heading: str
) -> None:
    page.goto(site.url(intent))
    expect(page.get_by_role("button", name="Approve")).to_be_enabled()
    passed = tab_to(page, button)
    assert "Decline" in passed, "before Approve"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)


def test_enter_does_not_approve(site: ServedHouse, intent: Intent, page: Page) -> None:
    page.goto(site.url(intent))
    expect(page.get_by_role("button", name="Approve")).to_be_enabled()
    for key in ("Enter", "Space", "a", "A", "y"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement === document.body")
    assert site.now(intent).state is AWAITING


def test_it_works_without_javascript(site: ServedHouse, intent: Intent, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.origin)
    page.get_by_role("link", name="Buy a number").click()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Approved by local:ada")
    site.work()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bought")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_the_decision_comes_after_the_facts_and_is_big_enough_for_a_thumb(
    site: ServedHouse, intent: Intent, browser: Browser, complaints: Complaints, scheme: Any
) -> None:
    context = browser.new_context(**phone(scheme), has_touch=True)
    page = context.new_page()
    complaints.listen(page)
    page.goto(site.url(intent))
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    read(page)
    boxes = {name: box(page, name) for name in ("Decline", "Approve")}
    for x, y, width, height in boxes.values():
        assert x >= 0
        assert x + width <= 390
        assert y >= 0
        assert y + height <= 844, "both at once"
    assert boxes["Decline"][2:] == boxes["Approve"][2:], "as prominent as each other"
    for target in page.locator("a:visible, button:visible, summary:visible").all():
        assert target.evaluate(BOX)[3] >= 44, target.inner_text()
    page.get_by_role("button", name="Decline", exact=True).tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("Declined by local:ada")
    assert complaints == []
    context.close()


def box(page: Page, name: str) -> list[float]:
    found: list[float] = page.get_by_role("button", name=name, exact=True).evaluate(BOX)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_stands_out_from_what_is_behind_it(
    site: ServedHouse, intent: Intent, browser: Browser, scheme: Any
) -> None:
    context = browser.new_context(**ROOM, color_scheme=scheme)
    page = context.new_page()
    for address in (site.url(intent), site.origin, f"{site.origin}/nothing"):
        page.goto(address)
        for enabled in page.get_by_role("button", name="Approve").all():
            expect(enabled).to_be_enabled()
        found = page.evaluate(CONTRASTS)
        assert len(found) > 4
        assert [each for each in found if each[0] < 4.5] == []
    context.close()


def test_an_assistants_words_are_shown_and_nothing_more(
    site: ServedHouse, page: Page, complaints: Complaints
) -> None:
    words = "<img src=x onerror=alert(1)><script>alert(2)</script><b>bold</b> https://evil.example"
    intent = site.propose(reason=words)
    page.on("dialog", lambda _dialog: complaints.append("a script ran"))
    page.goto(site.url(intent))
    quote = page.locator("blockquote")
    expect(quote).to_have_text(words)
    expect(quote.locator("*")).to_have_count(0)
    assert complaints == []


# A foreign page decides nothing.

SEND_IT = """<form method="post" action="{url}">
<input name="decision" value="{decision}"><input name="nonce" value="{nonce}"></form>
<script>document.forms[0].submit()</script>"""


def nonce_of(site: ServedHouse, intent: Intent, page: Page) -> str:
    """A nonce that is good, as if it had leaked."""
    page.goto(site.url(intent))
    value = page.locator("input[name=nonce]").first.get_attribute("value")
    assert value is not None
    return value


@pytest.mark.parametrize("where", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("decision", ["approve", "decline", "stop"])
def test_a_form_on_a_foreign_page_changes_nothing(
    site: ServedHouse, intent: Intent, page: Page, decision: str, where: str
) -> None:
    """On another port of `localhost`, too: that is the same site for a browser, but not the same origin."""
    nonce = nonce_of(site, intent, page)
    html = SEND_IT.format(url=site.url(intent), nonce=nonce, decision=decision)
    with foreign_site(html, where) as foreign, site.next_request(intent, "POST") as seen:
        page.goto(foreign)
    assert seen.request.origin == foreign.rstrip("/")
    assert seen.request.status == 403
    assert site.now(intent).state is AWAITING


@pytest.mark.parametrize("how", ["a sandboxed frame", "a data address"])
def test_a_form_without_an_origin_changes_nothing(
    site: ServedHouse, intent: Intent, page: Page, how: str
) -> None:
    nonce = nonce_of(site, intent, page)
    form = SEND_IT.format(url=site.url(intent), nonce=nonce, decision="approve")
    quoted = form.replace("&", "&amp;").replace('"', "&quot;")
    frame = f'<iframe sandbox="allow-scripts allow-forms" srcdoc="{quoted}"></iframe>'
    with foreign_site(frame) as foreign, site.next_request(intent, "POST") as seen:
        page.goto(foreign if how == "a sandboxed frame" else f"data:text/html,{form}")
    assert seen.request.origin == "null"
    assert seen.request.status == 403
    assert site.now(intent).state is AWAITING


FORM = "new URLSearchParams({decision: 'approve', nonce: 'NONCE'})"
SCRIPTS = [
    ("POST", f"fetch('URL', {{method: 'POST', mode: 'no-cors', body: {FORM}}})"),
    ("POST", f"fetch('URL', {{method: 'POST', mode: 'cors', body: {FORM}}})"),
    ("POST", f"navigator.sendBeacon('URL', {FORM})"),
    ("OPTIONS", f"fetch('URL', {{method: 'POST', headers: {{'x-a': 'b'}}, body: {FORM}}})"),
    ("GET", "fetch('URL', {mode: 'no-cors'})"),
    ("GET", "new Promise((done) => { const i = new Image(); i.onerror = done; i.src = 'URL' })"),
]


@pytest.mark.parametrize(("method", "script"), SCRIPTS)
def test_a_script_on_a_foreign_page_changes_nothing_and_reads_nothing(
    site: ServedHouse, intent: Intent, page: Page, method: str, script: str
) -> None:
    nonce = nonce_of(site, intent, page)
    sent = script.replace("URL", site.url(intent), 1).replace("NONCE", nonce)
    with foreign_site("<p>welcome</p>") as foreign:
        page.goto(foreign)
        with site.next_request(intent, method) as seen:
            page.evaluate(f"async () => {{ try {{ await {sent} }} catch {{}} }}")
    assert seen.request.status in {403, 405}
    assert site.now(intent).state is AWAITING


def test_the_page_is_shown_in_no_frame(site: ServedHouse, intent: Intent, page: Page) -> None:
    frame = f'<iframe src="{site.url(intent)}"></iframe>'
    with foreign_site(frame) as foreign, site.next_request(intent, "GET") as seen:
        page.goto(foreign)
    assert seen.request.status == 403
    assert intent.match_code not in "".join(each.content() for each in page.frames[1:])
    assert site.now(intent).state is AWAITING


def test_our_own_headers_keep_even_our_own_page_out_of_frames(
    site: ServedHouse, intent: Intent, page: Page, complaints: Complaints
) -> None:
    page.goto(site.origin)
    page.evaluate(
        "(url) => document.body.append(Object.assign(document.createElement('iframe'), {src: url}))",
        site.url(intent),
    )
    expect(page.locator("iframe")).to_have_count(1)
    page.wait_for_load_state("networkidle")
    assert intent.match_code not in "".join(each.content() for each in page.frames[1:])
    assert any("frame" in complaint for complaint in complaints)


def test_another_port_and_another_name_get_nothing(
    site: ServedHouse, intent: Intent, page: Page
) -> None:
    for name in ("127.0.0.1", "[::1]", "evil.localhost"):
        answer = page.goto(f"http://{name}:{site.port}/i/{intent.intent_id}")
        assert answer is not None
        assert answer.status == 421
        assert intent.match_code not in page.content()


def test_what_a_browser_fetches_ahead_changes_nothing(
    site: ServedHouse, intent: Intent, page: Page
) -> None:
    link = f'<link rel="prefetch" href="{site.url(intent)}"><a href="{site.url(intent)}">buy</a>'
    with foreign_site(link) as foreign:
        with site.next_request(intent, "GET") as seen:
            page.goto(foreign)
        assert seen.request.status in {403, 503}
        page.get_by_role("link", name="buy").click()
        expect(page.get_by_role("button", name="Approve")).to_be_visible()
    assert site.now(intent).state is AWAITING


def test_a_strong_level_leaves_no_button_to_approve(site: ServedHouse, page: Page) -> None:
    intent = site.propose()
    site.house.apply(levels(Level.PASSKEY))
    page.goto(site.url(intent))
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    expect(page.get_by_text("an approver’s passkey")).to_be_visible()
    expect(page.get_by_role("button", name="Decline", exact=True)).to_be_visible()
