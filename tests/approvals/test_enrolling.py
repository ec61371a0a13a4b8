"""Making a passkey on the page: it takes the code from the terminal, and comes to nothing that anybody could use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from approvals.desk_page import ORIGIN, DeskPage, options_in
from guard.authenticator import PRESENT, Passkey, text
from guard.rehearsal import live_house
from guard.signing import Signer, enroll, found
from house import House
from ringfence.approvers import ApproverKey, KeyKind, relying_party
from ringfence.desk import inviting
from ringfence.errors import NotAuthorized
from ringfence.guard import authority
from ringfence.guard.changes import Change
from ringfence.guard.invitation import MAX_WRONG
from ringfence.store import invitations
from ringfence.store.invitations import Invitation

CODE, WRONG = "K7QF-2M9X", "K7QF-2M9Y"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A new live installation."""
    house = live_house(tmp_path)
    yield house
    house.close()


@pytest.fixture
def recovery(house: House) -> Signer:
    return found(house)


@pytest.fixture
def page(house: House) -> DeskPage:
    return DeskPage(house, mode="live")


@pytest.fixture
def invitation(house: House, recovery: Signer) -> Invitation:
    """Ada, invited in a terminal."""
    return inviting.invite(house.desk, "ada", CODE, actor="local:ada")


def enrolled(house: House) -> list[ApproverKey]:
    return list(house.read(authority.read).keys.values())


async def typed(page: DeskPage, code: str = CODE) -> httpx.Response:
    return await page.submit("/enroll", {"code": code})


async def made(page: DeskPage, key: Passkey) -> httpx.Response:
    """Type the code and make a passkey, as a person does."""
    challenge = options_in((await typed(page)).text)["challenge"]
    return await page.submit("/enroll/passkey", {"answer": key.make(challenge)})


def vouch(house: House, invitation: Invitation, key: ApproverKey, who: Signer | None) -> Change:
    """What the terminal does once a person has compared the ids."""
    sign = who.sign if who is not None else None
    return inviting.enroll(house.desk, invitation.invitation_id, key, sign=sign, by="local:ada")


async def test_a_passkey_is_made_compared_vouched_for_and_only_then_one_that_may_sign(
    house: House, page: DeskPage, recovery: Signer, invitation: Invitation
) -> None:
    ada = Passkey("ada")
    answer = await made(page, ada)
    key_id = ada.key.key_id
    assert (answer.status_code, answer.headers["location"]) == (303, f"/enroll/{key_id}")
    shown = await page.look(f"/enroll/{key_id}")
    assert "Compare in the terminal" in shown.text
    assert f"{key_id[:4]} {key_id[4:8]} {key_id[8:12]} {key_id[12:]}" in shown.text
    assert 'http-equiv="refresh"' in shown.text, "it looks by itself what the terminal has said"
    assert enrolled(house) == [], "the page enrols nobody"
    kept = inviting.made(house.desk, invitation.invitation_id)
    assert kept == ada.key
    vouch(house, invitation, ada.key, recovery)
    assert enrolled(house) == [ada.key]
    assert "ada may approve now" in (await page.look(f"/enroll/{key_id}")).text
    assert house.read(invitations.present) is None


async def test_what_is_stored_is_a_public_key_of_this_page(
    page: DeskPage, house: House, invitation: Invitation
) -> None:
    await made(page, Passkey("whatever it says"))
    key = inviting.made(house.desk, invitation.invitation_id)
    assert key is not None
    assert (key.person, key.kind, key.origin) == ("ada", KeyKind.PASSKEY, ORIGIN)
    assert relying_party(ORIGIN) == "localhost"


async def test_the_browser_is_asked_for_verification_and_for_kinds_that_we_can_check(
    page: DeskPage, invitation: Invitation
) -> None:
    asked = options_in((await typed(page)).text)
    assert asked["rp"]["id"] == "localhost"
    assert asked["user"]["name"] == "ada"
    assert len(asked["user"]["id"]) == 43
    assert [each["alg"] for each in asked["pubKeyCredParams"]] == [-7, -8, -257]
    assert asked["attestation"] == "none"
    chosen = asked["authenticatorSelection"]
    assert (chosen["userVerification"], chosen["residentKey"]) == ("required", "preferred")


async def test_an_authenticator_that_has_one_of_this_person_makes_no_other(
    house: House, page: DeskPage, recovery: Signer
) -> None:
    known = enroll(house, Passkey("ada"), recovery)
    enroll(house, Passkey("bob"), known)
    inviting.invite(house.desk, "ada", CODE, actor="local:ada")
    asked = options_in((await typed(page)).text)
    assert [each["id"] for each in asked["excludeCredentials"]] == [known.key.credential_id]


# The code.


@pytest.mark.parametrize("code", ["k7qf-2m9x", "K7QF2M9X", " K7QF 2M9X "])
async def test_a_code_may_be_typed_as_people_type(
    page: DeskPage, invitation: Invitation, code: str
) -> None:
    assert "data-options" in (await typed(page, code)).text


@pytest.mark.parametrize("code", ["K7QF-2M9", "K7QF-2M9XX", "", "ÄÄÄÄ-ÄÄÄÄ", "K7QF-2M9!"])
async def test_what_cannot_be_a_code_is_no_guess(
    house: House, page: DeskPage, invitation: Invitation, code: str
) -> None:
    answer = await typed(page, code)
    assert answer.status_code == 409
    assert "eight letters and digits" in answer.text
    assert "data-options" not in answer.text
    assert wrong(house) == 0


def wrong(house: House) -> int:
    present = house.read(invitations.present)
    assert present is not None
    count: int = present.wrong
    return count


async def test_after_five_wrong_codes_the_right_one_is_wrong_too(
    house: House, page: DeskPage, invitation: Invitation
) -> None:
    for count in range(1, MAX_WRONG + 1):
        answer = await typed(page, WRONG)
        assert answer.status_code == 409
        assert wrong(house) == count
    assert (await typed(page)).status_code == 409
    with pytest.raises(NotAuthorized, match="wrong codes"):
        inviting.made(house.desk, invitation.invitation_id)


async def test_a_code_is_good_for_a_quarter_of_an_hour(
    house: House, page: DeskPage, invitation: Invitation
) -> None:
    challenge = options_in((await typed(page)).text)["challenge"]
    house.clock.advance(minutes=15)
    assert (await typed(page)).status_code == 409
    late = await page.submit("/enroll/passkey", {"answer": Passkey("ada").make(challenge)})
    assert late.status_code == 409
    with pytest.raises(NotAuthorized, match="in time"):
        inviting.made(house.desk, invitation.invitation_id)


async def test_a_code_makes_one_passkey(
    house: House, page: DeskPage, invitation: Invitation
) -> None:
    challenge = options_in((await typed(page)).text)["challenge"]
    first, second = Passkey("ada"), Passkey("ada")
    assert (await made(page, first)).status_code == 303
    again = await page.submit("/enroll/passkey", {"answer": second.make(challenge)})
    assert again.status_code == 409
    assert (await typed(page)).status_code == 409, "nor is the code good any more"
    assert inviting.made(house.desk, invitation.invitation_id) == first.key


async def test_a_new_invitation_ends_the_one_before(
    house: House, page: DeskPage, invitation: Invitation
) -> None:
    inviting.invite(house.desk, "bob", WRONG, actor="local:ada")
    assert (await typed(page)).status_code == 409
    with pytest.raises(NotAuthorized, match="Somebody else was invited"):
        inviting.made(house.desk, invitation.invitation_id)


async def test_the_code_is_stored_nowhere_and_stands_in_no_address(
    house: House, page: DeskPage, invitation: Invitation
) -> None:
    answer = await typed(page)
    assert CODE not in answer.text
    await typed(page, WRONG)
    stored = [file.read_bytes() for file in house.folder.rglob("*") if file.is_file()]
    for code in (CODE, CODE.replace("-", "")):
        assert not any(code.encode() in each for each in stored)
    assert (await page.look(f"/enroll?code={CODE}")).text.count("data-options") == 0


async def test_with_no_invitation_every_code_is_wrong(page: DeskPage, recovery: Signer) -> None:
    answer = await typed(page)
    assert answer.status_code == 409
    assert "not the code" in answer.text


# What the browser answers.

BENDS: dict[str, dict[str, Any]] = {
    "the person was not verified": {"flags": PRESENT},
    "nobody was there": {"flags": 0},
    "a page on another port": {"origin": "http://localhost:7416"},
    "a page at an address": {"origin": "http://127.0.0.1:7415"},
    "another site": {"origin": "https://evil.example"},
    "another party": {"rp_id": "evil.example"},
}


@pytest.mark.parametrize("bend", BENDS.values(), ids=BENDS.keys())
async def test_a_passkey_that_was_not_made_here_by_a_verified_person_is_not_kept(
    house: House, page: DeskPage, invitation: Invitation, bend: dict[str, Any]
) -> None:
    answer = await made(page, Passkey("ada", **bend))
    assert answer.status_code == 409
    assert inviting.made(house.desk, invitation.invitation_id) is None


async def test_an_answer_to_no_challenge_of_ours_is_not_kept(
    house: House, page: DeskPage, invitation: Invitation
) -> None:
    forged = Passkey("ada").make(text(b"x" * 32))
    assert (await page.submit("/enroll/passkey", {"answer": forged})).status_code == 409
    assert inviting.made(house.desk, invitation.invitation_id) is None


async def test_a_key_that_is_enrolled_is_not_made_again(
    house: House, page: DeskPage, recovery: Signer
) -> None:
    known = enroll(house, Passkey("ada"), recovery)
    invitation = inviting.invite(house.desk, "bob", CODE, actor="local:ada")
    answer = await made(page, known)
    assert answer.status_code == 409
    assert "known already" in answer.text
    assert inviting.made(house.desk, invitation.invitation_id) is None


@pytest.mark.parametrize(
    "said", ["{}", "[]", "1", "no", "[" * 3_000, '{"response":{"clientDataJSON":"e30"}}']
)
async def test_what_is_no_answer_is_not_kept(
    house: House, page: DeskPage, invitation: Invitation, said: str
) -> None:
    assert (await page.submit("/enroll/passkey", {"answer": said})).status_code == 409
    assert inviting.made(house.desk, invitation.invitation_id) is None


@pytest.mark.parametrize("path", ["/enroll", "/enroll/passkey"])
async def test_only_our_own_page_sends_codes_and_passkeys(
    house: House, page: DeskPage, invitation: Invitation, path: str
) -> None:
    challenge = options_in((await typed(page)).text)["challenge"]
    field = {"code": WRONG} if path == "/enroll" else {"answer": Passkey("ada").make(challenge)}
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert (await page.submit(path, field, headers)).status_code == 403
    assert (await page.submit(path, {**field, "more": "1"})).status_code == 400
    assert wrong(house) == 0
    assert inviting.made(house.desk, invitation.invitation_id) is None


# What the page says afterwards.


async def test_a_passkey_that_nobody_vouched_for_is_told_so(
    house: House, page: DeskPage, invitation: Invitation
) -> None:
    ada = Passkey("ada")
    await made(page, ada)
    inviting.end(house.desk, invitation.invitation_id)
    assert "Not enrolled" in (await page.look(f"/enroll/{ada.key.key_id}")).text
    assert "Not enrolled" in (await page.look("/enroll/0123456789abcdef")).text
    assert (await page.look("/enroll/nonsense")).status_code == 404


async def test_a_passkey_that_waits_for_other_approvers_is_told_so(
    house: House, page: DeskPage, recovery: Signer
) -> None:
    enroll(house, Signer("eve"), recovery)
    invitation = inviting.invite(house.desk, "ada", CODE, actor="local:ada")
    ada = Passkey("ada")
    await made(page, ada)
    assert vouch(house, invitation, ada.key, None).signed_by == ()
    assert "waits for an approver" in (await page.look(f"/enroll/{ada.key.key_id}")).text
    assert ada.key not in enrolled(house)


async def test_looking_at_where_answers_go_leads_to_the_code(page: DeskPage) -> None:
    assert (await page.look("/enroll/passkey")).headers["location"] == "/enroll"
