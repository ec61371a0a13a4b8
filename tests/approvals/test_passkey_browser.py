"""Passkeys in a real Chromium with a virtual authenticator: made, compared, approving, and refused where they must."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from approvals.authenticators import APPROVE, CODE, Approver
from approvals.chromium import BOX, CONTRASTS, ROOM, chromium, phone, read, tab_to
from approvals.site import ServedHouse, foreign_site
from guard.authenticator import text
from guard.rehearsal import live_house, put_in_force, rules
from guard.signing import Signer, enroll, found, statement_for
from ringfence.approvers import Purpose
from ringfence.desk import inviting
from ringfence.guard import authority, changes, consent, freeze
from ringfence.guard.changes import Change, ChangeState
from ringfence.intents import DeclineReason, Intent, Level
from ringfence.policy import PolicyDocument
from ringfence.sandbox.faults import Fault
from ringfence.states import IntentState

AWAITING = IntentState.AWAITING_APPROVAL
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ServedHouse]:
    """The page of a new live installation."""
    site = ServedHouse(live_house(tmp_path))
    yield site
    site.close()


@pytest.fixture
def recovery(site: ServedHouse) -> Signer:
    return found(site.house)


@pytest.fixture
def people(browser: Browser, site: ServedHouse) -> Iterator[Callable[..., Approver]]:
    """Makes people with a browser and an authenticator of their own."""
    there: list[Approver] = []

    def person(name: str, **look: Any) -> Approver:
        there.append(Approver(browser, site, name, **{**ROOM, **look}))
        return there[-1]

    yield person
    for each in there:
        each.close()


def require(site: ServedHouse, recovery: Signer, level: Level) -> None:
    """Let a purchase need this level from now on, as somebody with a passphrase has signed."""
    put_in_force(site.house, rules(level), enroll(site.house, Signer("root.of-rules"), recovery))


@pytest.fixture
def ada(people: Callable[..., Approver], site: ServedHouse, recovery: Signer) -> Approver:
    """An approver with a passkey that was made on this page; a purchase needs one."""
    require(site, recovery, Level.PASSKEY)
    ada = people("ada")
    ada.enroll(recovery)
    return ada


@pytest.fixture
def intent(site: ServedHouse, ada: Approver) -> Intent:
    return site.propose(assistant_id="front-desk", reason="The shop has no number of its own yet.")


def heading(page: Page) -> Any:
    return expect(page.get_by_role("heading", level=1))


def is_refused(site: ServedHouse, person: Approver, intent: Intent) -> bool:
    """The page says why, still asks, and nothing was approved."""
    expect(person.page.get_by_role("alert")).to_be_visible()
    expect(person.page.get_by_role("button", name=APPROVE)).to_be_visible()
    return site.now(intent).state is AWAITING


# Enrolment.


def test_a_person_makes_a_passkey_compares_it_and_may_approve(
    people: Callable[..., Approver], site: ServedHouse, recovery: Signer
) -> None:
    ada = people("ada")
    key = ada.make()
    expect(ada.page.get_by_text(key.shown_id)).to_be_visible()
    assert site.house.read(authority.read).keys == {}, "the page enrols nobody"
    ada.vouched(key, recovery)
    heading(ada.page).to_have_text("ada may approve now")  # it looks again by itself
    assert site.house.read(authority.read).keys[key.key_id].rp_id == "localhost"
    assert CODE not in ada.page.url
    assert ada.complaints == []


def test_an_authenticator_that_does_not_verify_its_person_makes_no_passkey(
    people: Callable[..., Approver], site: ServedHouse, recovery: Signer
) -> None:
    ada = people("ada")
    ada.is_verified(verified=False)
    invitation = inviting.invite(site.house.desk, "ada", CODE, actor="test")
    ada.page.goto(f"{site.origin}/enroll")
    ada.page.get_by_label("Code").fill(CODE)
    ada.page.keyboard.press("Enter")
    button = ada.page.get_by_role("button", name="Make a passkey")
    button.click()
    expect(ada.page.get_by_text("Nothing was signed")).to_be_visible()
    expect(button).to_be_enabled()
    assert inviting.made(site.house.desk, invitation.invitation_id) is None


def test_a_wrong_code_says_so_and_the_next_may_be_right(
    people: Callable[..., Approver], site: ServedHouse, recovery: Signer
) -> None:
    ada = people("ada")
    inviting.invite(site.house.desk, "ada", CODE, actor="test")
    ada.page.goto(f"{site.origin}/enroll")
    for code in ("K7QF-2M9Y", CODE.lower()):
        ada.page.get_by_label("Code").fill(code)
        ada.page.get_by_role("button", name="Go on").click()
        if code != CODE.lower():
            expect(ada.page.get_by_role("alert")).to_contain_text("not the code")
    heading(ada.page).to_have_text("ada")


def test_one_authenticator_makes_one_passkey_for_one_person(
    ada: Approver, site: ServedHouse
) -> None:
    inviting.invite(site.house.desk, "ada", CODE, actor="test")
    ada.page.goto(f"{site.origin}/enroll")
    ada.page.get_by_label("Code").fill(CODE)
    ada.page.keyboard.press("Enter")
    ada.page.get_by_role("button", name="Make a passkey").click()
    expect(ada.page.get_by_text("has a passkey of yours")).to_be_visible()


# Approving.


def test_a_person_approves_with_a_passkey_and_reads_what_became_of_it(
    site: ServedHouse, ada: Approver, intent: Intent
) -> None:
    ada.open(intent)
    button = ada.page.get_by_role("button", name=APPROVE)
    expect(button).to_be_disabled()  # for a moment
    expect(button).to_be_enabled()
    button.click()
    heading(ada.page).to_have_text("Approved by ada")
    site.work()
    heading(ada.page).to_have_text("Bought")
    bought = site.now(intent)
    assert (bought.state, bought.decided_level) == (IntentState.COMPLETED, Level.PASSKEY)
    assert ada.complaints == []


def test_without_verification_the_browser_refuses_and_the_page_says_so(
    site: ServedHouse, ada: Approver, intent: Intent
) -> None:
    ada.is_verified(verified=False)
    ada.approve(intent)
    expect(ada.page.get_by_text("Nothing was signed")).to_be_visible()
    expect(ada.page.get_by_role("button", name=APPROVE)).to_be_enabled()
    assert site.now(intent).state is AWAITING
    ada.is_verified(verified=True)
    ada.page.get_by_role("button", name=APPROVE).click()
    heading(ada.page).to_have_text("Approved by ada")


def test_a_page_that_asks_for_less_than_verification_gets_nothing_approved(
    site: ServedHouse, ada: Approver, intent: Intent
) -> None:
    ada.is_verified(verified=False)
    ada.open(intent)
    ada.page.evaluate(WEAKER)
    button = ada.page.get_by_role("button", name=APPROVE)
    expect(button).to_be_enabled()
    button.click()
    expect(ada.page.get_by_role("alert")).to_contain_text("user was not verified")
    assert is_refused(site, ada, intent)


WEAKER = """() => {
  const form = document.querySelector("[data-ceremony]");
  const options = JSON.parse(form.dataset.options);
  form.dataset.options = JSON.stringify({...options, userVerification: "discouraged"});
}"""
"""A page that was tampered with: it no longer asks for verification."""
GET = """async ({options, challenge}) => {
  const bytes = (t) => Uint8Array.from(atob(t.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  if (challenge) publicKey.challenge = bytes(challenge);
  return JSON.stringify((await navigator.credentials.get({publicKey})).toJSON());
}"""
PUT = """(answer) => {
  const form = document.querySelector("[data-ceremony]");
  form.elements.answer.value = answer;
  form.submit();
}"""


def options_on(page: Page) -> dict[str, Any]:
    raw = page.locator("[data-options]").get_attribute("data-options")
    found: dict[str, Any] = json.loads(raw or "")
    return found


def test_what_a_passkey_signed_for_another_port_of_this_machine_counts_for_nothing(
    site: ServedHouse, ada: Approver, intent: Intent
) -> None:
    """The browser lets it: both are `localhost`. Only the exact origin tells them apart."""
    ada.open(intent)
    options = options_on(ada.page)
    with foreign_site("<p>Win a prize</p>", "localhost") as foreign:
        ada.page.goto(foreign)
        answer = ada.page.evaluate(GET, {"options": options})
    ada.open(intent)
    ada.page.evaluate(PUT, answer)
    expect(ada.page.get_by_role("alert")).to_contain_text("Unexpected client data origin")
    assert is_refused(site, ada, intent)


def test_an_assertion_for_another_purpose_counts_for_nothing(
    site: ServedHouse, ada: Approver, intent: Intent
) -> None:
    ada.open(intent)
    nonce = ada.page.locator("input[name=nonce]").first.get_attribute("value")
    statement = statement_for(site.house, intent)
    viewing = statement.model_copy(update={"purpose": Purpose.VIEW, "nonce": nonce})
    answer = ada.page.evaluate(
        GET, {"options": options_on(ada.page), "challenge": text(viewing.challenge)}
    )
    ada.page.evaluate(PUT, answer)
    assert is_refused(site, ada, intent)


def test_a_stale_challenge_counts_for_nothing_and_the_next_one_does(
    site: ServedHouse, ada: Approver, intent: Intent
) -> None:
    ada.open(intent)
    site.house.clock.advance(minutes=21)
    button = ada.page.get_by_role("button", name=APPROVE)
    expect(button).to_be_enabled()
    button.click()
    expect(ada.page.get_by_role("alert")).to_contain_text("open for too long")
    assert is_refused(site, ada, intent)
    expect(button).to_be_enabled()
    button.click()
    heading(ada.page).to_have_text("Approved by ada")


def test_a_replayed_assertion_buys_nothing_more(
    site: ServedHouse, ada: Approver, intent: Intent
) -> None:
    other = site.propose(1)
    ada.open(intent)
    answer = ada.page.evaluate(GET, {"options": options_on(ada.page)})
    ada.page.evaluate(PUT, answer)
    heading(ada.page).to_have_text("Approved by ada")
    ada.open(other)
    ada.page.evaluate(PUT, answer)
    assert is_refused(site, ada, other)
    site.work()
    assert site.house.charged() == [intent.terms.lines[0].number]


def test_a_cloned_authenticator_is_noticed(
    people: Callable[..., Approver], site: ServedHouse, ada: Approver, intent: Intent
) -> None:
    thief = people("ada")
    [credential] = ada.credentials()
    thief.take(credential)
    ada.approve(intent)
    heading(ada.page).to_have_text("Approved by ada")
    other = site.propose(1)
    thief.approve(other)
    expect(thief.page.get_by_role("alert")).to_contain_text("sign count")
    assert is_refused(site, thief, other)


def test_declining_takes_no_passkey_even_while_one_is_waited_for(
    site: ServedHouse, ada: Approver, intent: Intent
) -> None:
    presence = {"authenticatorId": ada.authenticator, "enabled": False}
    ada.devtools.send("WebAuthn.setAutomaticPresenceSimulation", presence)
    ada.approve(intent)
    expect(ada.page.get_by_text("Waiting for your passkey")).to_be_visible()
    assert site.now(intent).state is AWAITING
    ada.page.get_by_role("button", name="Too expensive").click()
    heading(ada.page).to_have_text("Declined by local:ada")
    assert site.now(intent).decline_reason is DeclineReason.TOO_EXPENSIVE


def test_what_expired_or_was_superseded_is_told_instead_of_approved(
    site: ServedHouse, ada: Approver, intent: Intent
) -> None:
    ada.open(intent)
    button = ada.page.get_by_role("button", name=APPROVE)
    expect(button).to_be_enabled()
    site.house.carrier.add_fault(Fault.PRICE_MOVED)
    site.settle_for(minutes=6)
    button.click()
    heading(ada.page).to_have_text("Superseded")
    other = site.propose(1)
    ada.open(other)
    expect(button).to_be_enabled()
    site.house.clock.at = other.expires_at
    button.click()
    heading(ada.page).to_have_text("Expired")
    assert site.house.charged() == []


def test_the_inbox_leads_to_the_card_and_says_who_has_signed(
    people: Callable[..., Approver], site: ServedHouse, recovery: Signer
) -> None:
    require(site, recovery, Level.TWO_PEOPLE)
    ada, bob = people("ada"), people("bob")
    keys = [each.enroll(recovery) for each in (ada, bob)]
    intent = site.propose()
    ada.page.goto(site.origin)
    ada.page.get_by_role("link", name="Buy a number").click()
    expect(ada.page.get_by_role("button", name=APPROVE)).to_be_enabled()
    ada.page.get_by_role("button", name=APPROVE).click()
    expect(ada.page.get_by_text("ada has signed. Another person must sign too.")).to_be_visible()
    assert site.now(intent).state is AWAITING
    bob.page.goto(site.origin)
    expect(bob.page.get_by_text("Signed by ada")).to_be_visible()
    bob.page.get_by_role("link", name="Buy a number").click()
    asked = options_on(bob.page)["allowCredentials"]
    assert [each["id"] for each in asked] == [keys[1].credential_id]
    expect(bob.page.get_by_role("button", name=APPROVE)).to_be_enabled()
    bob.page.get_by_role("button", name=APPROVE).click()
    heading(bob.page).to_have_text("Approved by ada and bob")
    site.work()
    assert site.house.charged() == [intent.terms.lines[0].number]
    assert ada.complaints == bob.complaints == []


def test_somebody_elses_passkey_is_not_at_hand(
    people: Callable[..., Approver], site: ServedHouse, ada: Approver, intent: Intent
) -> None:
    eve = people("eve")
    eve.approve(intent)
    expect(eve.page.get_by_text("none of the passkeys asked for is at hand")).to_be_visible()
    assert site.now(intent).state is AWAITING


# Changes of authority.


def proposed(site: ServedHouse, document: PolicyDocument) -> Change:
    change: Change = site.house.write(
        lambda tx: changes.propose_policy(tx, document, nonce=consent.fresh_nonce(), by="test")
    )
    return change


def test_people_who_have_only_passkeys_loosen_a_policy_and_lift_a_freeze(
    people: Callable[..., Approver], site: ServedHouse, recovery: Signer
) -> None:
    ada = people("ada", **phone("light"))
    ada.enroll(recovery)
    change = proposed(site, rules(Level.PASSKEY))
    ada.page.goto(site.origin)
    ada.page.get_by_role("link", name="Policy, version 2").click()
    heading(ada.page).to_have_text("Version 2")
    fits(ada.page)
    button = ada.page.get_by_role("button", name="Sign with a passkey")
    readable(ada.page)
    expect(button).to_be_enabled()
    button.click()
    heading(ada.page).to_have_text("In force")
    assert site.house.read(lambda tx: changes.get(tx, change.change_id)).signed_by == ("ada",)
    site.house.write(lambda tx: freeze.freeze(tx, "to be sure", actor="test"))
    ada.page.goto(site.origin)
    ada.page.get_by_role("link", name="Lift it").click()
    heading(ada.page).to_have_text("All spending is frozen")
    fits(ada.page)
    lift = ada.page.get_by_role("button", name="Lift the freeze with a passkey")
    readable(ada.page)
    expect(lift).to_be_enabled()
    tab_to(ada.page, "Lift the freeze with a passkey")
    ada.page.keyboard.press("Enter")
    heading(ada.page).to_have_text("Nothing is frozen")
    assert site.house.frozen() is None
    intent = site.propose()
    ada.approve(intent)
    heading(ada.page).to_have_text("Approved by ada")
    assert ada.complaints == []


def test_a_change_is_declined_with_one_click(
    people: Callable[..., Approver], site: ServedHouse, ada: Approver
) -> None:
    change = proposed(site, rules(Level.PASSPHRASE))
    ada.page.goto(f"{site.origin}/c/{change.change_id}")
    ada.page.get_by_role("button", name="Decline").click()
    heading(ada.page).to_have_text("Declined")
    state = site.house.read(lambda tx: changes.get(tx, change.change_id)).state
    assert state is ChangeState.DECLINED


# Everybody can use it.


@pytest.mark.parametrize(
    ("button", "outcome"),
    [(APPROVE, "Approved by ada"), ("Decline", "Declined by local:ada")],
)
def test_the_keyboard_alone_is_enough(
    site: ServedHouse, ada: Approver, intent: Intent, button: str, outcome: str
) -> None:
    ada.open(intent)
    expect(ada.page.get_by_role("button", name=APPROVE)).to_be_enabled()
    passed = tab_to(ada.page, button)
    assert "Decline" in passed, "before Approve"
    assert ada.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    ada.page.keyboard.press("Enter")
    heading(ada.page).to_have_text(outcome)


def test_a_passkey_is_made_with_the_keyboard_alone(
    people: Callable[..., Approver], site: ServedHouse, recovery: Signer
) -> None:
    ada = people("ada")
    inviting.invite(site.house.desk, "ada", CODE, actor="test")
    ada.page.goto(f"{site.origin}/enroll")
    tab_to(ada.page, "")  # the field
    ada.page.keyboard.type(CODE.lower())
    ada.page.keyboard.press("Enter")
    heading(ada.page).to_have_text("ada")
    tab_to(ada.page, "Make a passkey")
    ada.page.keyboard.press("Enter")
    heading(ada.page).to_have_text("Compare in the terminal")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_everything_fits_and_is_big_enough_for_a_thumb(
    people: Callable[..., Approver], site: ServedHouse, recovery: Signer, scheme: Any
) -> None:
    require(site, recovery, Level.PASSKEY)
    ada = people("ada", **phone(scheme), has_touch=True)
    ada.page.goto(f"{site.origin}/enroll")
    fits(ada.page)
    ada.enroll(recovery)
    heading(ada.page).to_have_text("ada may approve now")
    fits(ada.page)
    intent = site.propose(assistant_id="front-desk")
    ada.open(intent)
    fits(ada.page)
    read(ada.page)
    boxes = [
        ada.page.get_by_role("button", name=name, exact=True).evaluate(BOX)
        for name in ("Decline", APPROVE)
    ]
    for _, y, _, height in boxes:
        assert y >= 0
        assert y + height <= 844, "both at once"
    assert boxes[0][2:] == boxes[1][2:], "as prominent as each other"
    button = ada.page.get_by_role("button", name=APPROVE)
    expect(button).to_be_enabled()
    readable(ada.page)
    button.tap()
    heading(ada.page).to_have_text("Approved by ada")
    assert ada.complaints == []


def fits(page: Page) -> None:
    page.wait_for_load_state()  # with its style sheet
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for target in page.locator("a, button, summary, input:not([type=hidden])").all():
        if target.is_visible():  # the button that freezes is behind its summary
            assert target.evaluate(BOX)[3] >= 44, target.inner_text()
    readable(page)


def readable(page: Page) -> None:
    """Every word stands out from what is behind it; a button that waits is not read yet."""
    read(page)
    for enabled in page.get_by_role("button", name=APPROVE).all():
        expect(enabled).to_be_enabled()
    found = page.evaluate(CONTRASTS)
    assert len(found) > 4
    assert [each for each in found if each[0] < 4.5] == []


def test_with_reduced_motion_nothing_moves_and_it_arms_all_the_same(
    people: Callable[..., Approver], site: ServedHouse, ada: Approver, intent: Intent
) -> None:
    calm = people("ada", reduced_motion="reduce")
    calm.open(intent)
    button = calm.page.get_by_role("button", name=APPROVE)
    assert button.evaluate("e => getComputedStyle(e).animationName") == "none"
    expect(button).to_be_disabled()
    expect(button).to_be_enabled()


def test_without_javascript_the_card_says_what_to_do_and_declining_works(
    site: ServedHouse, ada: Approver, intent: Intent, browser: Browser
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.url(intent))
    expect(page.get_by_text("A passkey signs only with JavaScript")).to_be_visible()
    expect(page.get_by_role("button", name=APPROVE)).to_be_disabled()
    page.get_by_role("button", name="Decline", exact=True).click()
    heading(page).to_have_text("Declined by local:ada")
    context.close()
