"""`python -m approvals.take_screenshots`: the approval page's pictures for docs/screenshots, in a real Chromium."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from approvals.authenticators import CODE, Approver
from approvals.chromium import chromium, phone, read
from approvals.phones import Network, Phone, PublicHouse, network
from approvals.policies import levels
from approvals.site import ServedHouse
from guard.rehearsal import live_house, put_in_force, rules
from guard.signing import Signer, enroll, found
from house import House, policy_with
from ringfence.desk import inviting
from ringfence.guard import changes, consent
from ringfence.intents import Intent, Level
from ringfence.sandbox.faults import Fault

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
REASON = "The shop in San Francisco opens on Monday and has no number of its own yet."
DESK: dict[str, Any] = {"viewport": {"width": 860, "height": 1_000}}
ARMED_MS = 2_000
LOOSER = policy_with(
    levels="{buy: passkey, release: passkey, assign: passkey}",
    budgets=['{name: cash, kind: cash, window: month, zone: UTC, limit: "100.00 USD"}'],
)


@contextmanager
def opened(browser: Browser, look: dict[str, Any]) -> Iterator[Page]:
    """A page whose clock stands, so that two runs give the same picture."""
    context = browser.new_context(**look)
    page = context.new_page()
    page.clock.install(time=0)
    page.clock.pause_at(1_000)
    yield page
    context.close()


@contextmanager
def fitted(page: Page) -> Iterator[None]:
    """A screen as high as what is on it, for a picture that shows what a person scrolls through."""
    page.wait_for_load_state()
    look = page.viewport_size
    assert look is not None
    high = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": look["width"], "height": max(high, look["height"])})
    yield
    page.set_viewport_size(look)


class Photographer:
    """Takes pictures of one house's page."""

    def __init__(self, site: ServedHouse, browser: Browser) -> None:
        self.site, self.browser = site, browser

    def take(self, name: str, address: str, look: dict[str, Any]) -> None:
        with opened(self.browser, look) as page:
            page.goto(address)
            with fitted(page):
                page.clock.run_for(ARMED_MS)
                page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")

    def intent(self, name: str, intent: Intent, look: dict[str, Any]) -> None:
        self.take(name, self.site.url(intent), look)

    def press(self, intent: Intent, button: str) -> None:
        with opened(self.browser, DESK) as page:
            page.goto(self.site.url(intent))
            read(page)
            page.clock.run_for(ARMED_MS)
            page.get_by_role("button", name=button, exact=True).click()
            page.wait_for_load_state()


def take_all(site: ServedHouse, browser: Browser) -> None:
    """Every picture."""
    camera = Photographer(site, browser)
    first = site.propose(5, assistant_id="night-desk")
    camera.press(first, "Approve")
    site.work()
    declined = site.propose(6)
    camera.press(declined, "Too expensive")
    card = site.propose(assistant_id="front-desk", reason=REASON)
    site.house.clock.advance(minutes=4)
    several = site.propose_several(3, assistant_id="front-desk")
    camera.intent("card", card, DESK)
    camera.intent("card-phone", card, phone("light"))
    camera.intent("card-phone-dark", card, phone("dark"))
    camera.intent("several-phone", several, phone("light"))
    camera.take("inbox", site.origin, {"viewport": {"width": 860, "height": 640}})
    camera.press(card, "Approve")
    site.work()
    camera.intent("bought", card, DESK)
    camera.intent("declined", declined, DESK)
    site.house.carrier.add_fault(Fault.TIMEOUT_AFTER_CHARGE)
    camera.press(several, "Approve")
    site.work()
    camera.intent("unknown-phone", several, phone("light"))
    strong = site.propose(7)
    site.house.apply(levels(Level.PASSPHRASE))
    camera.intent("passphrase-phone", strong, phone("light"))
    site.settle()


def take_public(way_in: Network, folder: Path) -> None:
    """The pictures of the page on a telephone out there."""
    site = PublicHouse(folder)
    try:
        with way_in.phone(site) as held:
            held.enroll(site)
            first, other = site.propose(5, assistant_id="night-desk"), site.propose(6)
            card = site.propose(assistant_id="front-desk", reason=REASON)
            shoot = Shooter(held)
            held.page.goto(site.public_url(card))
            shoot.take("public-locked-phone")
            held.open_page(site.public_url())
            shoot.take("public-inbox-phone", "Waiting for you")
            held.open_page(site.public_url(card))
            shoot.take("public-card-phone", "+1 415-555-0104")
            held.page.get_by_role("button", name="Approve").click()
            shoot.take("public-approved-phone", "Approved by ada")
            held.open_page(site.public_url(other))
            held.page.get_by_role("button", name="Another number").click()
            shoot.take("public-declined-phone", "Declined by ada")
            held.open_page(site.public_url(first))
            held.page.get_by_text("Freeze all spending…").click()
            held.page.get_by_role(
                "button", name="Freeze all spending now"
            ).scroll_into_view_if_needed()
            shoot.take("public-freeze-phone")
            held.page.get_by_role("button", name="Freeze all spending now").click()
            shoot.take("public-frozen-phone", "All spending is frozen")
    finally:
        site.close()


class Shooter:
    """Takes pictures of a telephone's page as it is."""

    def __init__(self, held: Phone) -> None:
        self.page = held.page

    def take(self, name: str, heading: str | None = None) -> None:
        if heading is not None:
            self.page.get_by_role("heading", level=1, name=heading).wait_for()
        snap(self.page, name)


def take_live(site: ServedHouse, browser: Browser) -> None:
    """The pictures of a live installation, where people sign."""
    recovery = found(site.house)
    eve = enroll(site.house, Signer("eve"), recovery)
    put_in_force(site.house, rules(Level.PASSPHRASE), eve)
    ada, bob = (Approver(browser, site, name, **phone("light")) for name in ("ada", "bob"))
    inviting.invite(site.house.desk, "ada", CODE, actor="local:ada")
    ada.page.goto(f"{site.origin}/enroll")
    ada.page.get_by_label("Code").fill(CODE)
    snap(ada.page, "enroll-phone")
    ada.page.get_by_role("button", name="Go on").click()
    ada.page.get_by_role("button", name="Make a passkey").wait_for()
    snap(ada.page, "enroll-passkey-phone")
    key = ada.make()
    snap(ada.page, "enroll-compare-phone")
    ada.vouched(key, recovery)
    bob.enroll(recovery)
    one = site.propose(assistant_id="front-desk", reason=REASON)
    for scheme in ("light", "dark"):
        looking = Approver(browser, site, "ada", **phone(scheme))
        looking.open(one)
        snap(looking.page, "passkey-phone" if scheme == "light" else "passkey-phone-dark")
        looking.close()
    site.house.apply(rules(Level.TWO_PEOPLE))
    ada.approve(one)
    ada.page.get_by_text("ada has signed").wait_for()
    snap(ada.page, "two-people-phone")
    change = site.house.write(
        lambda tx: changes.propose_policy(tx, LOOSER, nonce=consent.fresh_nonce(), by="local:ada")
    )
    ada.page.goto(f"{site.origin}/c/{change.change_id}")
    snap(ada.page, "change-phone")
    ada.page.goto(site.origin)
    snap(ada.page, "inbox-live-phone")
    for each in (ada, bob):
        each.close()


def snap(page: Page, name: str) -> None:
    with fitted(page):
        for armed in page.locator("[data-arm]").all():
            expect(armed).to_be_enabled()
        page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


def main() -> None:
    """Take the pictures; says where they are."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    houses = ((House.open, take_all), (live_house, take_live))
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        for number, (opened_in, take) in enumerate(houses):
            place = Path(folder) / str(number)
            place.mkdir()
            site = ServedHouse(opened_in(place))
            try:
                take(site, browser)
            finally:
                site.close()
    with tempfile.TemporaryDirectory() as folder, network() as way_in:
        take_public(way_in, Path(folder))
    print(f"{len(list(FOLDER.glob('*.png')))} pictures are in {FOLDER}")  # noqa: T201  # a command


if __name__ == "__main__":
    main()
