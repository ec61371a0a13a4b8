"""The page on a telephone, in a real Chromium through a proxy with TLS: locked, opened, approved, declined, frozen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Error, expect

from approvals.chromium import read
from approvals.phones import Network, Phone, PublicHouse, network
from approvals.public_desk import PUBLIC
from ringfence.intents import Level
from ringfence.states import IntentState

AWAITING = IntentState.AWAITING_APPROVAL
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def way_in() -> Iterator[Network]:
    with network() as way_in:
        yield way_in


@pytest.fixture
def site(tmp_path: Path) -> Iterator[PublicHouse]:
    site = PublicHouse(tmp_path)
    yield site
    site.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser says about pages: a broken policy or script would show here."""
    return []


@pytest.fixture
def phone(way_in: Network, site: PublicHouse, complaints: list[str]) -> Iterator[Phone]:
    """A telephone on which ada has made a passkey."""
    with way_in.phone(site) as phone:
        phone.page.on("console", lambda message: complaints.append(message.text))
        phone.page.on("pageerror", lambda error: complaints.append(str(error)))
        key = phone.enroll(site)
        assert key.origin == PUBLIC
        yield phone


def fits(phone: Phone) -> bool:
    """Whether nothing has to be scrolled sideways."""
    wide: int = phone.page.evaluate("document.documentElement.scrollWidth")
    return wide <= 390


def test_an_approver_opens_a_card_approves_it_and_reads_what_became_of_it(
    site: PublicHouse, phone: Phone, complaints: list[str]
) -> None:
    intent = site.propose(assistant_id="front-desk")
    page = phone.page
    page.goto(site.public_url(intent))
    expect(page.get_by_role("heading", level=1)).to_have_text("Locked")
    assert intent.match_code not in page.content()
    assert fits(phone)
    page.get_by_role("button", name="Open with your passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("+1 415-555-0104")
    expect(page.get_by_text(intent.match_code, exact=True)).to_be_visible()
    assert fits(phone)
    read(page)
    approve = page.get_by_role("button", name="Approve")
    expect(approve).to_be_enabled()
    approve.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Approved by ada")
    approved = site.now(intent)
    assert (approved.state, approved.decided_level) == (IntentState.APPROVED, Level.PASSKEY)
    site.work()
    page.get_by_role("link", name="Look again").click()
    page.get_by_role("button", name="Open with your passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bought")
    assert complaints == []


def test_the_list_opens_and_leads_to_cards_that_are_locked_again(
    site: PublicHouse, phone: Phone
) -> None:
    intent = site.propose()
    phone.open_page(site.public_url())
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("Waiting for you")
    assert fits(phone)
    phone.page.get_by_role("link", name=intent.match_code).click()
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("Locked")


def test_a_no_takes_no_second_use_of_the_passkey(site: PublicHouse, phone: Phone) -> None:
    intent = site.propose()
    phone.open_page(site.public_url(intent))
    phone.page.get_by_role("button", name="Too expensive").click()
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("Declined by ada")
    assert site.now(intent).state is IntentState.DECLINED


def test_a_freeze_takes_two_steps_and_says_who_lifts_it(site: PublicHouse, phone: Phone) -> None:
    intent = site.propose()
    phone.open_page(site.public_url(intent))
    page = phone.page
    button = page.get_by_role("button", name="Freeze all spending now")
    expect(button).to_be_hidden()
    page.get_by_text("Freeze all spending…").click()
    assert fits(phone)
    button.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("All spending is frozen")
    expect(page.get_by_text("ringfence unfreeze")).to_be_visible()
    assert site.house.frozen() == "frozen by ada on the approval page"
    phone.open_page(site.public_url(intent))
    expect(page.get_by_text(intent.match_code, exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    page.get_by_role("button", name="Decline", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Declined by ada")


def test_somebody_whom_the_phone_does_not_know_opens_nothing(
    site: PublicHouse, phone: Phone
) -> None:
    site.propose()
    phone.verify(is_verified=False)
    phone.open_page(site.public_url())
    expect(phone.page.get_by_role("status")).to_contain_text("Nothing was signed")
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("Locked")


def test_a_phone_without_a_passkey_opens_nothing(way_in: Network, site: PublicHouse) -> None:
    with way_in.phone(site) as phone:
        phone.open_page(site.public_url())
        expect(phone.page.get_by_role("status")).to_contain_text("Nothing was signed")


def test_a_passkey_that_was_revoked_opens_nothing(site: PublicHouse, phone: Phone) -> None:
    intent = site.propose()
    assert phone.key is not None
    site.revoke(phone.key)
    phone.open_page(site.public_url(intent))
    expect(phone.page.get_by_role("alert")).to_contain_text("That did not open it.")
    assert intent.match_code not in phone.page.content()


def test_what_was_opened_is_not_opened_again_by_reloading(site: PublicHouse, phone: Phone) -> None:
    intent = site.propose()
    phone.open_page(site.public_url(intent))
    expect(phone.page.get_by_text(intent.match_code, exact=True)).to_be_visible()
    phone.page.reload()
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("Locked")
    assert intent.match_code not in phone.page.content()


def test_going_back_shows_nothing_that_was_opened(site: PublicHouse, phone: Phone) -> None:
    intent = site.propose()
    phone.open_page(site.public_url(intent))
    expect(phone.page.get_by_text(intent.match_code, exact=True)).to_be_visible()
    phone.page.get_by_role("link", name="ringfence").click()
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("Locked")
    with pytest.raises(
        Error, match="ERR_CACHE_MISS"
    ):  # the browser asks before it sends forms anew
        phone.page.go_back()
    expect(phone.page.get_by_text(intent.match_code)).to_have_count(0)


def test_an_opened_page_locks_itself(site: PublicHouse, phone: Phone) -> None:
    intent = site.propose()
    phone.page.clock.install()
    phone.open_page(site.public_url(intent))
    expect(phone.page.get_by_text(intent.match_code, exact=True)).to_be_visible()
    read(phone.page)
    expect(phone.page.get_by_role("button", name="Approve")).to_be_enabled()
    phone.page.clock.run_for(600_000)
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("Locked")
    assert site.now(intent).state is AWAITING


def test_the_keyboard_is_enough(site: PublicHouse, phone: Phone) -> None:
    intent = site.propose()
    page = phone.page
    page.goto(site.public_url(intent))
    expect(page.get_by_role("button", name="Open with your passkey")).to_be_enabled()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text(intent.match_code, exact=True)).to_be_visible()
    read(page)
    approve = page.get_by_role("button", name="Approve")
    expect(approve).to_be_enabled()
    approve.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Approved by ada")
