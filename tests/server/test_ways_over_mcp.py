"""What a result says of how a person can consent is true of this installation, at each level and in both eras."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from approvals.ports import free_port
from guard.authenticator import made_on
from guard.signing import Signer, Somebody
from house import policy_with
from ringfence.approvers import KeyKind
from ringfence.guard import approval, consent, enrolment, policy_change
from ringfence.guard.card import card, read_facts
from ringfence.intents import Level
from ringfence.store.transaction import Transaction
from ringfence_server.settings import Settings
from server.households import ENOUGH_SECONDS, ask, elsewhere, server_of


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> str:
    """The protocol era."""
    era: str = request.param
    return era


@dataclass(frozen=True)
class Rehearsal:
    """A live installation with the sandbox carrier, and those who may sign in it."""

    settings: Settings
    page: str
    ada: Signer

    def sign(self, intent_id: str, who: Somebody) -> None:
        """Somebody signs what the card shows, in another process."""

        def write(tx: Transaction) -> None:
            facts = read_facts(tx, intent_id)
            statement = consent.about(
                tx, facts.intent, card=card(facts), nonce=consent.fresh_nonce()
            )
            approval.approve_signed(
                tx, intent_id, statement, who.sign(statement), channel="terminal"
            )

        self.elsewhere(write)

    def enroll(self, who: Somebody) -> None:
        """Let somebody sign, as ada signed."""
        self.elsewhere(lambda tx: _enroll(tx, who, self.ada))

    def allow(self, level: Level) -> None:
        """Put limits in force under which a purchase needs this level; ada signs."""
        other = min(level, Level.PASSKEY, key=lambda each: each.strength)
        rules = policy_with(levels=f"{{buy: {level}, release: {other}, assign: {other}}}")

        def write(tx: Transaction) -> None:
            statement = policy_change.proposal(tx, rules, nonce=consent.fresh_nonce())
            signature = self.ada.sign(statement)
            assert policy_change.apply_signed(tx, statement, signature, applied_by="ada")

        self.elsewhere(write)

    def elsewhere(self, write: Any) -> None:
        with elsewhere(self.settings) as premises:
            premises.desk.store.write_now(write)


def _enroll(tx: Transaction, who: Somebody, by: Signer) -> None:
    statement = enrolment.enrolment(tx, who.key, nonce=consent.fresh_nonce())
    assert enrolment.change(tx, statement, [by.sign(statement)]).is_in_force


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    """A live installation in which ada may sign with a passphrase, and nobody else."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    page = f"http://localhost:{free_port()}"
    settings = Settings(home=tmp_path / "live", mode="live", approvals_url=page)
    ada, recovery = Signer("ada"), Signer("root", KeyKind.RECOVERY)

    def found(tx: Transaction) -> None:
        root = enrolment.root(tx, recovery.key, nonce=consent.fresh_nonce())
        enrolment.found(tx, root, recovery.sign(root))
        _enroll(tx, ada, recovery)

    rehearsal = Rehearsal(settings, page, ada)
    rehearsal.elsewhere(found)
    return rehearsal


async def proposed(client: Client) -> dict[str, Any]:
    found = await ask(client, "search_numbers", country="US", area_code="415")
    return await ask(client, "buy_numbers", items=[found["offers"][0]["offer_id"]])


def how(intent: dict[str, Any]) -> str:
    """How the person is to consent, out of the sentence."""
    [_, _, after] = intent["tell_person"].partition("a month from then on, ")
    found: str = after.partition(", where the code must read")[0]
    return found


async def test_a_passphrase_is_typed_in_the_terminal_and_a_passkey_signs_on_the_page(
    mode: str, live: Rehearsal
) -> None:
    live.allow(Level.PASSPHRASE)
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server_of(live.settings), mode=mode) as client:
            alone = await proposed(client)
            assert how(alone) == "please approve it in ringfence's terminal with a passphrase"
            assert alone["consent"]["channels"] == ["terminal"]
            assert "approve_at" not in alone["consent"]
            live.enroll(made_on(live.page, "bob"))
            both = await ask(client, "get_intent", intent_id=alone["intent_id"])
    address = f"{live.page}/i/{both['intent_id']}"
    assert (both["consent"]["approve_at"], both["consent"]["channels"]) == (
        address,
        ["page", "terminal"],
    )
    assert how(both) == (
        f"please approve it at {address} with a passkey or in ringfence's terminal with a passphrase"
    )


async def test_where_a_passkey_is_needed_the_terminal_is_never_named(
    mode: str, live: Rehearsal
) -> None:
    live.enroll(made_on(live.page, "bob"))
    live.allow(Level.PASSKEY)
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server_of(live.settings), mode=mode) as client:
            intent = await proposed(client)
            result = await client.call_tool("get_intent", {"intent_id": intent["intent_id"]})
    address = f"{live.page}/i/{intent['intent_id']}"
    assert how(intent) == f"please approve it at {address} with a passkey"
    assert intent["consent"]["level"] == "passkey"
    assert intent["consent"]["channels"] == ["page"]
    assert "terminal" not in str(result)


async def test_two_people_are_both_said_and_then_the_one_who_is_missing(
    mode: str, live: Rehearsal
) -> None:
    bob = made_on(live.page, "bob")
    live.enroll(bob)
    live.allow(Level.PASSPHRASE)
    live.allow(Level.TWO_PEOPLE)
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server_of(live.settings), mode=mode) as client:
            fresh = await proposed(client)
            address = f"{live.page}/i/{fresh['intent_id']}"
            assert how(fresh) == (
                "two different people have to approve it, at least one of them with a passkey, "
                f"at {address} with a passkey or in ringfence's terminal with a passphrase"
            )
            live.sign(fresh["intent_id"], live.ada)
            after_ada = await ask(client, "get_intent", intent_id=fresh["intent_id"])
    assert after_ada["state"] == "awaiting_approval"
    assert after_ada["consent"]["channels"] == ["page"]
    assert how(after_ada) == (
        "which one of two people has signed with a passphrase, somebody else has to approve it "
        f"at {address} with a passkey"
    )


async def test_a_refusal_says_what_is_missing_and_not_that_nobody_is_enrolled(
    mode: str, live: Rehearsal
) -> None:
    live.allow(Level.PASSKEY)
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server_of(live.settings), mode=mode) as client:
            found = await ask(client, "search_numbers", country="US", area_code="415")
            items = [found["offers"][0]["offer_id"]]
            refused = await client.call_tool("buy_numbers", {"items": items})
    assert refused.is_error
    error = (refused.structured_content or {})["error"]
    assert [each["rule"] for each in error["details"]["violations"]] == ["consent_possible"]
    assert error["remedy"] == (
        "Tell the person: it takes a passkey, and no approver has one. In a terminal: "
        "ringfence approver enroll NAME --passkey"
    )
