"""What a live policy may not say is refused when it is put in force, and again when something is bought under it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from guard.rehearsal import ALLOWED, LIVE, live_house, put
from guard.signing import Signer, approve, enroll, found
from guard.test_live import house_again
from house import ME, PERSON, House
from ringfence.approvers import Purpose
from ringfence.desk.foreseeing import foresee
from ringfence.errors import ConfigurationError, PolicyRefused
from ringfence.guard import changes, consent, live_rules, policy_chain, policy_change
from ringfence.policy import PolicyDocument, parse_document, sandbox_policy
from ringfence.states import IntentState
from ringfence.store import policies, statements
from ringfence.store.policies import document_hash
from ringfence.store.transaction import Transaction


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A new live installation; its pins are elsewhere."""
    house = live_house(tmp_path)
    yield house
    house.close()


@pytest.fixture
def ada(house: House) -> Signer:
    """The approver, who has allowed something."""
    enrolled = enroll(house, Signer("ada"), found(house))
    assert put(house, ALLOWED, enrolled) is not None
    return enrolled


def with_(**changes: Any) -> PolicyDocument:
    """What the approver allowed, with other fields as plain values."""
    return parse_document(ALLOWED.model_dump(mode="json") | changes)


PLAIN = ALLOWED.model_dump(mode="json")
LEVELS = PLAIN["levels"]
RATE = PLAIN["rates"][0]
UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "a client's yes": ({"levels": LEVELS | {"buy": "client"}}, "level client proves no person"),
    "anybody at the page": (
        {"levels": LEVELS | {"release": "page"}},
        "level page proves no person",
    ),
    "a weak step": (
        {"levels": LEVELS | {"buy_above": [{"first_year": "1.00 USD", "level": "page"}]}},
        "level page proves no person",
    ),
    "a rate for ever": ({"rates": [RATE | {"max_age_days": None}]}, "EUR to USD never grows stale"),
    "any account": (
        {"carriers": [{"provider": "sandbox", "host": "sandbox.invalid"}]},
        "sandbox may be paid from any account",
    ),
    "any country": ({"countries": "any"}, "any country"),
    "any assistant": (
        {"assistants": [{"name": "*", "voice_url": "https://example.com/"}]},
        "any assistant is registered",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_live_policy_that_says_any_is_not_put_in_force(
    house: House, ada: Signer, case: str
) -> None:
    fields, says = UNFIT[case]
    unfit = with_(**fields)
    [fault] = live_rules.unfit(unfit)
    assert says in fault
    for door in (
        lambda: house.apply(unfit),
        lambda: put(house, unfit, ada),
        lambda: house.write(
            lambda tx: changes.propose_policy(tx, unfit, nonce=consent.fresh_nonce(), by=PERSON)
        ),
    ):
        with pytest.raises(ConfigurationError, match="live policy may not say so") as refused:
            door()
        assert fault in refused.value.message
        assert "the old policy stays in force" in refused.value.remedy
    assert house.read(lambda tx: tx.rules) == ALLOWED


def smuggle(house: House, document: PolicyDocument, signer: Signer) -> None:
    """Put a policy in force past the doors, with a signature that counts, as an older program would have."""

    def write(tx: Transaction) -> None:
        statement = consent.make(
            tx,
            Purpose.POLICY,
            subject=f"policy {tx.policy_version + 1}",
            body={
                "version": tx.policy_version + 1,
                "before_version": tx.policy_version,
                "before_hash": tx.policy.hash,
                "hash": document_hash(document),
                "document": document.model_dump(mode="json"),
            },
            nonce=consent.fresh_nonce(),
            expires_at=tx.now + policy_change.TIME_TO_SIGN,
        )
        statements.sign(tx, statements.add(tx, statement), signer.sign(statement))
        policy = policies.add(tx, document, applied_by="ada")
        subject = f"policy {policy.version}"
        tx.audit("policy.applied", actor="ada", subject=subject, hash=policy.hash)

    house.write(write)
    house.read(policy_chain.check)


@pytest.mark.parametrize("case", UNFIT)
async def test_nothing_is_asked_for_under_a_live_policy_that_says_any(
    house: House, ada: Signer, case: str
) -> None:
    fields, says = UNFIT[case]
    [offer] = await house.find()
    smuggle(house, with_(**fields), ada)
    with pytest.raises(PolicyRefused, match="may not say so") as refused:
        await house.propose(offer)
    [violation] = refused.value.details["violations"]
    assert (violation["rule"], says in violation["limit"]) == ("policy_sound", True)
    assert not foresee(house.desk, offer.offer_id, principal=ME).is_allowed
    assert foresee(house.desk, offer.offer_id, principal=ME, rules=ALLOWED).is_allowed


async def test_nothing_is_sent_under_a_live_policy_that_says_any(house: House, ada: Signer) -> None:
    intent = approve(house, await house.propose(*await house.find()), ada)
    smuggle(house, with_(countries="any"), ada)
    await house.wait_out(5)
    assert house.charged() == []
    assert (await house.now(intent)).state is not IntentState.COMPLETED


def test_a_pattern_with_a_beginning_may_stand_in_a_live_policy(house: House, ada: Signer) -> None:
    wider = with_(assistants=[{"name": "tenant-*", "sms_url": "https://example.com/sms"}])
    assert put(house, wider, ada) is not None


def test_the_policy_of_a_new_live_installation_obeys_and_names_the_rehearsal_carrier(
    house: House,
) -> None:
    assert live_rules.unfit(LIVE) == []
    [carrier] = LIVE.carriers
    assert carrier.accounts == (house.adapter.account,)
    assert carrier.host == house.adapter.host


def test_a_sandbox_may_say_any(tmp_path: Path) -> None:
    assert len(live_rules.unfit(sandbox_policy())) > 3
    folder = tmp_path / "sandbox"
    folder.mkdir()
    sandbox = House.open(folder)
    sandbox.apply(sandbox_policy().model_copy(update={"approval_minutes": 30}))
    sandbox.close()


# What is stored cannot be read.


def _spoilt(change: str) -> str:
    plain = json.loads(ALLOWED.model_dump_json())
    if change == "an unknown field":
        return json.dumps(plain | {"is_unlimited": 1})
    if change == "a missing field":
        return json.dumps({key: value for key, value in plain.items() if key != "countries"})
    text = json.dumps(plain)
    if change == "a float":
        return text.replace('"approval_minutes": 60', '"approval_minutes": 60.0')
    if change == "not a number":
        return text.replace('"approval_minutes": 60', '"approval_minutes": NaN')
    if change == "a key that stands twice":
        return text.replace("{", '{"approval_minutes": 10080, ', 1)
    return text[:-20] if change == "half of it" else ""


SPOILT = {
    "an unknown field": "is_unlimited: Extra inputs",
    "a missing field": "countries: Field required",
    "a float": "60.0 is a float",
    "not a number": "NaN is a float",
    "a key that stands twice": "a key stands twice",
    "half of it": "",
    "nothing": "",
    "gone": "it is not there",
}


def spoil(house: House, change: str) -> None:
    """Change the policy in force behind the triggers' back, as somebody with the file can."""
    with closing(sqlite3.connect(house.folder / "ringfence.db")) as db, db:
        for verb in ("update", "delete"):
            db.execute(f"DROP TRIGGER policy_no_{verb}")
        if change == "gone":
            db.execute("DELETE FROM policy WHERE version = 2")
        else:
            assert _spoilt(change) != ALLOWED.model_dump_json()
            db.execute("UPDATE policy SET document = ? WHERE version = 2", [_spoilt(change)])


@pytest.mark.parametrize("change", SPOILT)
async def test_under_a_policy_that_cannot_be_read_nothing_is_asked_for_or_sent(
    house: House, ada: Signer, change: str
) -> None:
    first, second = await house.find(2)
    intent = approve(house, await house.propose(first), ada)
    spoil(house, change)
    anew = house_again(house)
    with pytest.raises(ConfigurationError, match="Version 2 of the policy cannot be read") as told:
        await anew.propose(second)
    assert SPOILT[change] in told.value.message
    assert "copy" in told.value.remedy
    await anew.wait_out(3)  # the runner says why, and goes on with what else there is
    assert anew.charged() == []
    assert intent.state is IntentState.APPROVED
    anew.close()
