"""A real browser: Debian's Chromium, driven by playwright; no browser is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


ROOM: Any = {"viewport": {"width": 1_280, "height": 1_800}}
"""A screen on which a whole request has room, for tests that are not about scrolling."""


def phone(color_scheme: str) -> Any:
    """What makes a page believe that it is on a telephone, by day or by night."""
    return {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "color_scheme": color_scheme,
    }


def executable() -> str:
    """Where Chromium is; skips the test where there is none, and fails it in CI."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        why = "Chromium is not installed: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """The browser, running, with these arguments besides."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=[*ARGUMENTS, *more])
        yield browser
        browser.close()


class Complaints(list[str]):
    """What the browser says about a page: a broken policy or script would show here."""

    def listen(self, page: Page) -> None:
        page.on("console", lambda message: self.append(message.text))
        page.on("pageerror", lambda error: self.append(str(error)))


_HALF_A_SCREEN = """() => new Promise((done) => {
  const before = scrollY;
  scrollBy(0, Math.floor(innerHeight / 2));
  if (scrollY === before) return done(false);
  addEventListener('scroll', () => done(true), {once: true, passive: true});
})"""


def read_on(page: Page) -> bool:
    """Scroll by half a screen, as a person does who reads; False at the end of the page."""
    moved: bool = page.evaluate(_HALF_A_SCREEN)
    return moved


def read(page: Page) -> None:
    """Read a page from where it is to its end, and come back to the decision, where there is one."""
    page.wait_for_load_state()  # what is read before the script runs does not count
    while read_on(page):
        pass
    for decision in page.locator("[data-arm]").all():
        decision.scroll_into_view_if_needed()


def tab_to(page: Page, name: str) -> list[str]:
    """Press Tab until the button has the focus; everything that had it on the way."""
    passed = []
    for _ in range(20):
        page.keyboard.press("Tab")
        focused = " ".join(str(page.evaluate("document.activeElement.innerText")).split())
        passed.append(focused)
        if focused == name:
            return passed
    raise AssertionError(f"{name} cannot be reached: {passed}")


BOX = "e => { const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height] }"

CONTRASTS = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const linear = [r, g, b].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = rgba(getComputedStyle(e).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(behind(element))];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), texts.currentNode.textContent.trim()]);
  }
  return found;
}"""
