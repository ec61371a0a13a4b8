"""What a person must read before they decide, in a real Chromium: nothing covers it, and Approve waits for it.

A reader found *Look twice* and the budgets under the bar with the buttons, on a telephone and on a small laptop, while
Approve armed itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from approvals.chromium import Complaints, chromium, read, read_on, tab_to
from approvals.site import ServedHouse
from house import House
from ringfence.intents import Intent
from ringfence.states import IntentState

REASON = "The second line of the front desk, for calls that come in while the first one is engaged."
SIZES = [(390, 844), (390, 500), (1_200, 844), (1_920, 1_080)]
MOST_STEPS = 40
pytestmark = pytest.mark.timeout(180)

# Every piece of text of the card and of the decision, but for what is unfolded and what is pressed.
WORDS = """() => [...document.querySelectorAll('.card *, .decide *')].filter((e) =>
  !e.closest('details, form, [data-said], [data-unread]') &&
  [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim()))"""
SEEN = f"""() => ({WORDS})().map((e) => {{
  const b = e.getBoundingClientRect();
  return b.top >= 0 && b.bottom <= innerHeight;
}})"""
COVERED = f"""() => ({WORDS})().flatMap((e) => {{
  e.scrollIntoView({{block: 'nearest'}});
  const hit = (b) => document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2);
  return [...e.getClientRects()].every((b) => e.contains(hit(b))) ? [] : [e.innerText];
}})"""
UNDER_THE_BUTTONS = f"""() => {{
  const bar = document.querySelector('.decide').getBoundingClientRect();
  return ({WORDS})().filter((e) => !e.closest('.decide')).filter((e) => {{
    const b = e.getBoundingClientRect();
    return b.bottom > bar.top && b.top < bar.bottom;
  }}).map((e) => e.innerText);
}}"""
SCROLLED = "() => ({end: new Promise((done) => addEventListener('scrollend', done, {once: true}))})"
IS_THERE = (
    """e => { const b = e.getBoundingClientRect(); return b.top >= 0 && b.bottom <= innerHeight }"""
)


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
def intent(site: ServedHouse, page: Page) -> Intent:
    """A purchase with something to look at twice, in several budgets, with words of the assistant."""
    first = site.propose(assistant_id="front-desk")
    site.approve(first)
    site.work()
    return site.propose(3, assistant_id="front-desk", reason=REASON)


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    wide, high = request.param
    return wide, high


@pytest.fixture
def page(browser: Browser, size: tuple[int, int]) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    complaints = Complaints()
    complaints.listen(page)
    yield page
    assert complaints == []
    context.close()


def open_with_a_clock_that_stands(page: Page, address: str) -> None:
    page.clock.install(time=0)
    page.clock.pause_at(1_000)
    page.goto(address)


def test_nothing_that_is_to_be_read_is_covered(
    site: ServedHouse, intent: Intent, page: Page
) -> None:
    page.goto(site.url(intent))
    for fact in ("Look twice", "DUPLICATE?", "cash 2026-11", "count", "purchases", REASON):
        assert page.locator(".card").get_by_text(fact).first.is_visible(), fact
    assert len(page.evaluate(WORDS)) > 20
    for _ in range(MOST_STEPS):
        assert page.evaluate(UNDER_THE_BUTTONS) == []
        if not read_on(page):
            break
    assert page.evaluate(COVERED) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_approve_waits_until_all_of_it_has_been_on_the_screen(
    site: ServedHouse, intent: Intent, page: Page
) -> None:
    open_with_a_clock_that_stands(page, site.url(intent))
    approve = page.get_by_role("button", name="Approve")
    hint = page.get_by_text("then Approve works")
    seen: set[int] = set()
    armed = False
    for _ in range(MOST_STEPS):
        shown = page.evaluate(SEEN)
        seen |= {index for index, is_seen in enumerate(shown) if is_seen}
        armed |= len(seen) == len(shown) and approve.evaluate(IS_THERE)
        page.clock.run_for(1_400)
        page.clock.run_for(200)
        assert approve.is_enabled() == armed
        assert hint.is_visible() == (len(seen) < len(shown))
        if not read_on(page):
            break
    expect(approve).to_be_enabled()


@pytest.mark.parametrize("size", [(390, 500)])
def test_whoever_jumps_to_the_end_is_told_to_read_what_was_left_out(
    site: ServedHouse, intent: Intent, page: Page
) -> None:
    open_with_a_clock_that_stands(page, site.url(intent))
    approve = page.get_by_role("button", name="Approve")
    approve.scroll_into_view_if_needed()
    page.clock.run_for(10_000)
    expect(approve).to_be_disabled()
    expect(page.get_by_text("then Approve works")).to_be_visible()
    page.evaluate("scrollTo(0, 0)")
    read(page)
    page.clock.run_for(1_400)
    expect(approve).to_be_disabled()
    page.clock.run_for(200)
    expect(approve).to_be_enabled()
    expect(page.get_by_text("then Approve works")).to_be_hidden()
    page.evaluate("dispatchEvent(new Event('blur'))")
    expect(approve).to_be_disabled()
    assert site.now(intent).state is IntentState.AWAITING_APPROVAL


def test_the_keyboard_alone_reads_it_and_decides(
    site: ServedHouse, intent: Intent, page: Page
) -> None:
    page.goto(site.url(intent))
    approve = page.get_by_role("button", name="Approve")
    for _ in range(MOST_STEPS):
        if approve.evaluate(IS_THERE) and page.get_by_text("then Approve works").is_hidden():
            break
        scrolled = page.evaluate_handle(SCROLLED)
        page.keyboard.press("ArrowDown")
        page.evaluate("each => each.end", scrolled)
    expect(approve).to_be_enabled()
    tab_to(page, "Approve")
    assert approve.evaluate(IS_THERE)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Approved by local:ada")


def test_the_time_that_is_left_goes_on_beside_the_buttons(
    site: ServedHouse, intent: Intent, page: Page
) -> None:
    open_with_a_clock_that_stands(page, site.url(intent))
    left = page.locator("[data-seconds-left]")
    expect(left).to_have_text("1:00:00")
    page.clock.run_for(61_000)
    expect(left).to_have_text("58:59")
    left.scroll_into_view_if_needed()
    assert left.evaluate(IS_THERE)


@pytest.mark.parametrize("size", [(390, 500)])
def test_without_javascript_the_buttons_come_after_all_that_is_to_be_read(
    site: ServedHouse, intent: Intent, browser: Browser, size: tuple[int, int]
) -> None:
    look = {"viewport": {"width": size[0], "height": size[1]}}
    context = browser.new_context(java_script_enabled=False, **look)  # type: ignore[arg-type]  # a dict of ours
    page = context.new_page()
    page.goto(site.url(intent))
    last = page.locator(".card").bounding_box()
    button = page.get_by_role("button", name="Approve").bounding_box()
    assert last is not None
    assert button is not None
    assert button["y"] > last["y"] + last["height"]
    expect(page.get_by_text("then Approve works")).to_be_hidden()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Approved by local:ada")
    context.close()
