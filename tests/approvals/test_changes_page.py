"""Changes of authority on the page: an installation whose approvers have only passkeys can do everything."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from approvals.desk_page import DeskPage, challenge_in, options_in
from guard.authenticator import PRESENT, Passkey
from guard.rehearsal import live_house, put_in_force, rules
from guard.signing import Signer, enroll, found
from house import House, policy_with
from ringfence.approvers import Purpose
from ringfence.guard import authority, changes, consent
from ringfence.guard.changes import Change, ChangeState
from ringfence.guard.freeze import freeze
from ringfence.intents import Level
from ringfence.policy import PolicyDocument
from ringfence_server.approvals.pace import MAX_WRONG

LOOSER = policy_with(
    levels="{buy: passkey, release: passkey, assign: passkey}",
    budgets=['{name: cash, kind: cash, window: month, zone: UTC, limit: "900.00 USD"}'],
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A new live installation."""
    house = live_house(tmp_path)
    yield house
    house.close()


@pytest.fixture
def ada(house: House) -> Passkey:
    """The only approver, with nothing but a passkey."""
    key = enroll(house, Passkey("ada"), found(house))
    put_in_force(house, rules(Level.PASSKEY), key)
    return key


@pytest.fixture
def page(house: House) -> DeskPage:
    return DeskPage(house, mode="live")


@pytest.fixture
def policy(house: House, ada: Passkey) -> Change:
    """A looser policy that waits."""
    return proposed(house, LOOSER)


def proposed(house: House, document: PolicyDocument) -> Change:
    change: Change = house.write(
        lambda tx: changes.propose_policy(tx, document, nonce=consent.fresh_nonce(), by="local:ada")
    )
    return change


def now(house: House, change: Change) -> Change:
    found_: Change = house.read(lambda tx: changes.get(tx, change.change_id))
    return found_


async def sign(page: DeskPage, change: Change, who: Passkey) -> httpx.Response:
    """Open the change's page and sign."""
    shown = (await page.look(f"/c/{change.change_id}")).text
    answer = who.sign_challenge(challenge_in(shown)).assertion or ""
    return await hand_in(page, change, answer)


async def hand_in(page: DeskPage, change: Change, answer: str) -> httpx.Response:
    return await page.submit(f"/c/{change.change_id}/passkey", {"answer": answer})


async def test_a_looser_policy_is_read_in_words_and_signed_with_a_passkey(
    house: House, page: DeskPage, ada: Passkey, policy: Change
) -> None:
    inbox = (await page.look()).text
    assert f'href="/c/{policy.change_id}"' in inbox
    assert '<span class="row__title">Policy, version 3</span>' in inbox
    shown = (await page.look(f"/c/{policy.change_id}")).text
    assert "<title>Policy, version 3 · ringfence</title>" in shown
    assert "900.00 USD" in shown
    assert "Looser" in shown
    answer = await sign(page, policy, ada)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/c/{policy.change_id}")
    assert page.changes == 1
    assert house.read(lambda tx: tx.rules) == LOOSER
    assert "In force" in (await page.look(f"/c/{policy.change_id}")).text
    assert f'href="/c/{policy.change_id}"' not in (await page.look()).text


async def test_the_next_approver_is_signed_for_with_a_passkey(
    house: House, page: DeskPage, ada: Passkey
) -> None:
    bob = Passkey("bob")
    change: Change = house.write(
        lambda tx: changes.propose_enrolment(
            tx, bob.key, nonce=consent.fresh_nonce(), by="local:ada"
        )
    )
    assert bob.key.key_id in (await page.look(f"/c/{change.change_id}")).text
    assert '<span class="row__title">New key of bob</span>' in (await page.look()).text
    await sign(page, change, ada)
    assert house.read(authority.read).people == {"ada", "bob"}


async def test_a_lost_key_is_revoked_with_a_passkey(
    house: House, page: DeskPage, ada: Passkey
) -> None:
    enroll(house, Passkey("bob"), ada)
    lost = Passkey("bob").key
    [key_id] = [k for k, v in house.read(authority.read).keys.items() if v.person == lost.person]
    change: Change = house.write(
        lambda tx: changes.propose_revocation(
            tx, key_id, nonce=consent.fresh_nonce(), by="local:ada"
        )
    )
    await sign(page, change, ada)
    assert house.read(authority.read).people == {"ada"}


async def test_two_people_sign_one_after_the_other(
    house: House, page: DeskPage, ada: Passkey
) -> None:
    bob = enroll(house, Passkey("bob"), ada)
    put_in_force(house, rules(Level.TWO_PEOPLE), ada)
    policy = proposed(house, LOOSER)
    await sign(page, policy, ada)
    assert now(house, policy).state is ChangeState.WAITING
    half = (await page.look(f"/c/{policy.change_id}")).text
    assert "ada signed." in half
    asked = [each["id"] for each in options_in(half)["allowCredentials"]]
    assert asked == [bob.key.credential_id]
    assert "Signed by ada; waits for more" in (await page.look()).text
    await sign(page, policy, bob)
    assert now(house, policy).state is ChangeState.IN_FORCE


async def test_a_change_is_declined_without_a_factor_and_for_good(
    house: House, page: DeskPage, ada: Passkey, policy: Change
) -> None:
    shown = (await page.look(f"/c/{policy.change_id}")).text
    answer = ada.sign_challenge(challenge_in(shown)).assertion or ""
    declined = await page.submit(f"/c/{policy.change_id}", {"decision": "decline"})
    assert declined.status_code == 303
    assert now(house, policy).state is ChangeState.DECLINED
    assert (await hand_in(page, policy, answer)).status_code == 303
    assert "Declined" in (await page.look(f"/c/{policy.change_id}")).text
    assert house.read(lambda tx: tx.rules) != LOOSER


@pytest.mark.parametrize("field", [{"decision": "approve"}, {"decision": "sign"}, {"nonce": "x"}])
async def test_nothing_but_a_no_is_taken_without_a_factor(
    house: House, page: DeskPage, policy: Change, field: dict[str, str]
) -> None:
    assert (await page.submit(f"/c/{policy.change_id}", field)).status_code == 400
    assert now(house, policy).state is ChangeState.WAITING


async def test_what_is_not_signed_by_an_approver_for_this_changes_nothing(
    house: House, page: DeskPage, ada: Passkey, policy: Change
) -> None:
    other = Passkey("ada", private=ada.private, count=10)
    forged = [
        Passkey("ada").sign(policy.statement),
        Passkey("ada", private=ada.private, count=20, flags=PRESENT).sign(policy.statement),
        Passkey("ada", private=ada.private, count=30, origin="http://localhost:1").sign(
            policy.statement
        ),
        other.sign(policy.statement.model_copy(update={"purpose": Purpose.APPROVE})),
    ]
    for each in forged:
        refused = await hand_in(page, policy, each.assertion or "")
        assert refused.status_code == 409
        assert 'role="alert"' in refused.text
    assert now(house, policy).state is ChangeState.WAITING


async def test_only_our_own_page_signs_or_declines(
    house: House, page: DeskPage, ada: Passkey, policy: Change
) -> None:
    answer = ada.sign(policy.statement).assertion or ""
    foreign = {"origin": "http://evil.example"}
    for path, fields in (
        (f"/c/{policy.change_id}", {"decision": "decline"}),
        (f"/c/{policy.change_id}/passkey", {"answer": answer}),
    ):
        assert (await page.submit(path, fields, foreign)).status_code == 403
    assert now(house, policy).state is ChangeState.WAITING


async def test_five_wrong_answers_lock_a_change_for_a_while(
    house: House, page: DeskPage, ada: Passkey, policy: Change
) -> None:
    for _ in range(MAX_WRONG):
        assert (await sign(page, policy, Passkey("ada"))).status_code == 409
    assert (await sign(page, policy, ada)).status_code == 429
    assert now(house, policy).state is ChangeState.WAITING


async def test_a_change_that_waited_too_long_or_was_overtaken_says_so(
    house: House, page: DeskPage, ada: Passkey, policy: Change
) -> None:
    put_in_force(house, rules(Level.PASSPHRASE), ada)
    answer = ada.sign(policy.statement).assertion or ""
    assert (await hand_in(page, policy, answer)).status_code == 303
    assert "Another change came first" in (await page.look(f"/c/{policy.change_id}")).text
    late = proposed(house, LOOSER)
    house.clock.advance(hours=25)
    assert "Expired" in (await page.look(f"/c/{late.change_id}")).text
    assert house.read(lambda tx: tx.rules) != LOOSER


async def test_without_a_passkey_of_this_page_the_terminal_is_named(
    house: House, page: DeskPage
) -> None:
    eve = enroll(house, Signer("eve"), found(house))
    put_in_force(house, rules(Level.PASSPHRASE), eve)
    change = proposed(house, LOOSER)
    shown = (await page.look(f"/c/{change.change_id}")).text
    assert "data-ceremony" not in shown
    assert f"ringfence approve {change.change_id}" in shown


@pytest.mark.parametrize("name", ["change-999", "change-0", "nonsense", "int_x", "change-1"])
async def test_what_is_no_change_is_one_page_for_all(
    page: DeskPage, ada: Passkey, name: str
) -> None:
    assert (await page.look(f"/c/{name}")).status_code == 404
    assert (await page.submit(f"/c/{name}", {"decision": "decline"})).status_code == 404


async def test_looking_at_where_answers_go_leads_back(page: DeskPage, policy: Change) -> None:
    answer = await page.look(f"/c/{policy.change_id}/passkey")
    assert answer.headers["location"] == f"/c/{policy.change_id}"
    assert (await page.look("/unfreeze/passkey")).headers["location"] == "/unfreeze"


# The freeze.


def lifting_on(page: str) -> str:
    """What the page hands out to be signed."""
    [said] = re.findall(r'name="statement" value="([^"]+)"', page)
    return html.unescape(said)


async def frozen(house: House, page: DeskPage) -> str:
    """The page of a freeze, to be lifted."""
    house.write(lambda tx: freeze(tx, "to be sure", actor="local:ada"))
    return (await page.look("/unfreeze")).text


async def lift(page: DeskPage, said: str, answer: str) -> httpx.Response:
    return await page.submit("/unfreeze/passkey", {"statement": said, "answer": answer})


async def test_a_freeze_is_lifted_with_a_passkey_once(
    house: House, page: DeskPage, ada: Passkey
) -> None:
    shown = await frozen(house, page)
    assert "to be sure" in shown
    assert "/unfreeze" in (await page.look()).text
    answer = ada.sign_challenge(challenge_in(shown)).assertion or ""
    assert (await lift(page, lifting_on(shown), answer)).status_code == 303
    assert house.frozen() is None
    assert "Nothing is frozen" in (await page.look("/unfreeze")).text
    house.write(lambda tx: freeze(tx, "to be sure", actor="local:ada"))
    again = await lift(page, lifting_on(shown), answer)
    assert again.status_code == 409
    assert house.frozen() == "to be sure", "the next freeze is another one"


async def test_what_was_bent_on_the_way_lifts_nothing(
    house: House, page: DeskPage, ada: Passkey
) -> None:
    shown = await frozen(house, page)
    said, answer = lifting_on(shown), ada.sign_challenge(challenge_in(shown)).assertion or ""
    bent = json.loads(said)
    later = {**bent, "expires_at": "2099-01-01T00:00:00Z"}
    for wrong in ("{}", "no", f" {said}", json.dumps(bent), json.dumps(later, separators=(",", ":"))):  # fmt: skip
        assert (await lift(page, wrong, answer)).status_code in {409, 429}
    assert house.frozen() == "to be sure"


async def test_a_stranger_lifts_nothing(house: House, page: DeskPage, ada: Passkey) -> None:
    shown = await frozen(house, page)
    answer = Passkey("ada").sign_challenge(challenge_in(shown)).assertion or ""
    assert (await lift(page, lifting_on(shown), answer)).status_code == 409
    assert house.frozen() == "to be sure"


async def test_a_lifting_that_waited_too_long_lifts_nothing(
    house: House, page: DeskPage, ada: Passkey
) -> None:
    shown = await frozen(house, page)
    answer = ada.sign_challenge(challenge_in(shown)).assertion or ""
    house.clock.advance(minutes=16)
    assert (await lift(page, lifting_on(shown), answer)).status_code == 409
    assert house.frozen() == "to be sure"
