"""A real browser: Debian's Chromium, driven by playwright; no browser is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

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
