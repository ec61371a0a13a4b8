"""`python -m approvals.take_screenshots`: the approval page's pictures for docs/screenshots, in a real Chromium."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from approvals.chromium import chromium, phone
from approvals.policies import levels
from approvals.site import ServedHouse
from house import House
from ringfence.intents import Intent, Level
from ringfence.sandbox.faults import Fault

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
REASON = "The shop in San Francisco opens on Monday and has no number of its own yet."
DESK: dict[str, Any] = {"viewport": {"width": 860, "height": 1_000}}
ARMED_MS = 2_000


@contextmanager
def opened(browser: Browser, look: dict[str, Any]) -> Iterator[Page]:
    """A page whose clock stands, so that two runs give the same picture."""
    context = browser.new_context(**look)
    page = context.new_page()
    page.clock.install(time=0)
    page.clock.pause_at(1_000)
    yield page
    context.close()


class Photographer:
    """Takes pictures of one house's page."""

    def __init__(self, site: ServedHouse, browser: Browser) -> None:
        self.site, self.browser = site, browser

    def take(self, name: str, address: str, look: dict[str, Any]) -> None:
        with opened(self.browser, look) as page:
            page.goto(address)
            page.clock.run_for(ARMED_MS)
            page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")

    def intent(self, name: str, intent: Intent, look: dict[str, Any]) -> None:
        self.take(name, self.site.url(intent), look)

    def press(self, intent: Intent, button: str) -> None:
        with opened(self.browser, DESK) as page:
            page.goto(self.site.url(intent))
            page.clock.run_for(ARMED_MS)
            page.get_by_role("button", name=button, exact=True).click()
            page.wait_for_load_state()


def take_all(site: ServedHouse, browser: Browser) -> None:
    """Every picture."""
    camera = Photographer(site, browser)
    first = site.propose(5, assistant_id="night-shift")
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


def main() -> None:
    """Take the pictures; says where they are."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        site = ServedHouse(House.open(Path(folder)))
        try:
            take_all(site, browser)
        finally:
            site.close()
    print(f"{len(list(FOLDER.glob('*.png')))} pictures are in {FOLDER}")  # noqa: T201  # a command


if __name__ == "__main__":
    main()
