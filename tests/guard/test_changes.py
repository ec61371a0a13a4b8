"""Changes that wait for signatures: told in words, signed by enough people, declined for good, capped, timed out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from guard.authenticator import Passkey
from guard.rehearsal import ALLOWED, LIVE, live_house, put
from guard.signing import Signer, Somebody, enroll, found, revoke
from guard.test_live import LOOSER, TIGHTER
from house import PERSON, House, policy_with
from ringfence.approvers import Purpose, Signature, Statement
from ringfence.errors import ConfigurationError, Declined, Expired, NotAuthorized, NotFound
from ringfence.guard import authority, changes, consent, enrolment, policy_chain, policy_change
from ringfence.guard.changes import MAX_PROPOSED, Change, ChangeState
from ringfence.intents import Level
from ringfence.policy import PolicyDocument
from ringfence.store import audit, statements
from ringfence.store.transaction import Transaction

STRICT = policy_with(levels="{buy: two_people, release: passphrase, assign: passphrase}")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A new live installation; its pins are elsewhere."""
    house = live_house(tmp_path)
    yield house
    house.close()


@pytest.fixture
def ada(house: House) -> Signer:
    """The first approver, who has allowed something."""
    enrolled = enroll(house, Signer("ada"), found(house))
    assert put(house, ALLOWED, enrolled) is not None
    return enrolled


@pytest.fixture
def bob(house: House, ada: Signer) -> Passkey:
    """A second one, with a passkey; from now on two people change what is authority."""
    enrolled = enroll(house, Passkey("bob"), ada)
    assert put(house, STRICT, ada) is not None
    return enrolled


def propose(house: House, document: PolicyDocument = LOOSER) -> Change:
    change: Change = house.write(
        lambda tx: changes.propose_policy(tx, document, nonce=consent.fresh_nonce(), by=PERSON)
    )
    return change


def propose_key(house: House, who: Somebody) -> Change:
    change: Change = house.write(
        lambda tx: changes.propose_enrolment(tx, who.key, nonce=consent.fresh_nonce(), by=PERSON)
    )
    return change


def propose_revoking(house: House, who: Somebody) -> Change:
    change: Change = house.write(
        lambda tx: changes.propose_revocation(
            tx, who.key.key_id, nonce=consent.fresh_nonce(), by=PERSON
        )
    )
    return change


def sign(house: House, change: Change, who: Somebody) -> Change:
    signature = who.sign(change.statement)
    return hand_in(house, change.change_id, signature)


def hand_in(house: House, change_id: str, signature: Signature) -> Change:
    signed: Change = house.write(lambda tx: changes.sign(tx, change_id, signature))
    return signed


def decline(house: House, change: Change) -> Change:
    declined: Change = house.write(lambda tx: changes.decline(tx, change.change_id, actor=PERSON))
    return declined


def now(house: House, change: Change) -> Change:
    found_: Change = house.read(lambda tx: changes.get(tx, change.change_id))
    return found_


def waiting(house: House) -> list[Change]:
    found_: list[Change] = house.read(changes.waiting)
    return found_


def version(house: House) -> int:
    seen: int = house.read(lambda tx: tx.policy_version)
    return seen


# Told.


def test_a_proposed_policy_says_in_words_what_it_allows_and_changes_nothing(
    house: House, ada: Signer
) -> None:
    change = propose(house)
    assert change.says == ("loosens: budget cash: from 25.00 USD to 900.00 USD",)
    assert (change.purpose, change.needed, change.signed_by) == (
        Purpose.POLICY,
        Level.PASSPHRASE,
        (),
    )
    assert change.until - change.made_at == policy_change.TIME_TO_SIGN
    assert waiting(house) == [change]
    assert house.read(lambda tx: tx.rules) == ALLOWED
    house.read(policy_chain.check)
    house.books_balance()


def test_what_loosens_stands_before_what_tightens(house: House, ada: Signer) -> None:
    mixed = LOOSER.model_copy(update={"approval_minutes": 30})
    assert [each.partition(":")[0] for each in propose(house, mixed).says] == [
        "loosens",
        "tightens",
    ]


def test_words_of_a_policy_hold_nothing_that_cannot_be_seen(house: House, ada: Signer) -> None:
    """A host may be any text: what it hides would be signed with it."""
    host = "sandbox.invalid\u202e\nNothing is loosened"
    carriers = [ALLOWED.carriers[0].model_copy(update={"host": host})]
    [says] = propose(house, ALLOWED.model_copy(update={"carriers": tuple(carriers)})).says
    assert "\\u{202e}\\u{a}Nothing is loosened" in says


def test_a_proposed_key_says_whose_it_is_and_signs_nothing_yet(house: House, ada: Signer) -> None:
    bob = Passkey("bob")
    change = propose_key(house, bob)
    key = bob.key
    assert change.says == (
        f"bob may sign from now on, with the passkey {key.key_id} made at {key.origin}",
    )
    assert house.read(authority.read).people == {"ada"}
    with pytest.raises(NotAuthorized, match="may sign here"):
        sign(house, propose(house), bob)


# Signed.


def test_a_proposed_policy_is_in_force_when_an_approver_has_signed(
    house: House, ada: Signer
) -> None:
    change = sign(house, propose(house), ada)
    assert (change.state, change.signed_by) == (ChangeState.IN_FORCE, ("ada",))
    assert house.read(lambda tx: (tx.rules, tx.policy.applied_by)) == (LOOSER, "ada")
    house.read(policy_chain.check)
    assert waiting(house) == []
    with pytest.raises(NotAuthorized, match="in force already"):
        sign(house, change, ada)


def test_a_proposed_key_may_sign_when_an_approver_has_signed(house: House, ada: Signer) -> None:
    bob = Passkey("bob")
    assert sign(house, propose_key(house, bob), ada).state is ChangeState.IN_FORCE
    assert sign(house, propose_revoking(house, ada), bob).state is ChangeState.IN_FORCE
    assert house.read(authority.read).people == {"bob"}


def test_where_two_people_are_asked_for_one_signature_changes_nothing(
    house: House, ada: Signer, bob: Passkey
) -> None:
    change = sign(house, propose(house), ada)
    assert (change.state, change.signed_by, change.needed) == (
        ChangeState.WAITING,
        ("ada",),
        Level.TWO_PEOPLE,
    )
    assert house.read(lambda tx: tx.rules) == STRICT
    assert sign(house, change, bob).state is ChangeState.IN_FORCE
    assert house.read(lambda tx: tx.rules) == LOOSER
    house.read(policy_chain.check)


def test_two_keys_of_one_person_are_one_person(house: House, ada: Signer, bob: Passkey) -> None:
    second = Signer("bob")
    added = propose_key(house, second)
    sign(house, added, ada)
    assert sign(house, added, bob).state is ChangeState.IN_FORCE
    change = propose(house)
    sign(house, change, bob)
    change = sign(house, change, second)
    assert (change.state, change.signed_by) == (ChangeState.WAITING, ("bob",))


def test_one_key_signs_once(house: House, ada: Signer, bob: Passkey) -> None:
    change = propose(house)
    sign(house, change, bob)
    with pytest.raises(NotAuthorized, match="already") as refused:
        sign(house, change, bob)
    assert change.change_id in refused.value.remedy


def test_a_signature_under_one_change_counts_for_no_other(house: House, ada: Signer) -> None:
    change, other = propose(house), propose(house, LIVE)
    with pytest.raises(NotAuthorized):
        hand_in(house, other.change_id, ada.sign(change.statement))
    with pytest.raises(NotAuthorized):
        hand_in(house, change.change_id, Signer("ada").sign(change.statement))
    assert version(house) == 2


def test_a_passkey_that_was_copied_signs_no_change(house: House, ada: Signer, bob: Passkey) -> None:
    """A counter that does not grow tells the copy, for a key as for a policy."""
    sign(house, propose(house), bob)
    for change in (propose_key(house, Signer("cy")), propose_revoking(house, ada)):
        bob.count = 0
        with pytest.raises(NotAuthorized):
            sign(house, change, bob)


def test_a_passkeys_counter_is_noted_as_it_was_signed(
    house: House, ada: Signer, bob: Passkey
) -> None:
    change = propose_key(house, Signer("cy"))
    false = bob.sign(change.statement).model_copy(update={"sign_count": 0})
    with pytest.raises(NotAuthorized, match="counter"):
        hand_in(house, change.change_id, false)


# Overtaken, too late, unknown.


def test_what_another_change_overtook_is_void(house: House, ada: Signer) -> None:
    policy, key = propose(house), propose_key(house, Signer("bob"))
    house.apply(TIGHTER)
    assert waiting(house) == []
    for change in (policy, key):
        assert now(house, change).state is ChangeState.OVERTAKEN
        with pytest.raises(NotAuthorized, match="came before"):
            sign(house, change, ada)
    assert house.read(lambda tx: tx.rules) == TIGHTER


def test_what_waited_too_long_is_void(house: House, ada: Signer) -> None:
    change = propose(house)
    house.clock.advance(seconds=policy_change.TIME_TO_SIGN.total_seconds())
    assert (waiting(house), now(house, change).state) == ([], ChangeState.EXPIRED)
    with pytest.raises(Expired):
        sign(house, change, ada)
    with pytest.raises(Expired):
        decline(house, change)


@pytest.mark.parametrize(
    "name", ["change-999", "change-0", "change-01", "change--1", "change-", "change-1 ", "change-x"]
)
def test_a_name_that_names_no_change_is_not_found(house: House, ada: Signer, name: str) -> None:
    with pytest.raises(NotFound, match="no change"):
        house.read(lambda tx: changes.get(tx, name))


def test_the_root_is_no_change(house: House, ada: Signer) -> None:
    [root] = house.read(lambda tx: statements.of_purposes(tx, [Purpose.ROOT]))
    with pytest.raises(NotFound):
        house.read(lambda tx: changes.get(tx, root.change_id))


# Declined.


def test_a_declined_change_is_signed_by_nobody_any_more(
    house: House, ada: Signer, bob: Passkey
) -> None:
    change = sign(house, propose(house), ada)
    assert decline(house, change).state is ChangeState.DECLINED
    assert waiting(house) == []
    with pytest.raises(Declined):
        sign(house, change, bob)
    with pytest.raises(Declined):
        decline(house, change)
    _count, broken = house.read(audit.verify)
    assert broken is None


def test_no_other_door_takes_a_signature_under_a_declined_change(house: House, ada: Signer) -> None:
    policy, key = propose(house), propose_key(house, Signer("bob"))
    decline(house, policy)
    decline(house, key)
    with pytest.raises(NotAuthorized, match="used before"):
        house.write(
            lambda tx: policy_change.apply_signed(
                tx, policy.statement, ada.sign(policy.statement), applied_by="ada"
            )
        )
    with pytest.raises(NotAuthorized, match="used before"):
        house.write(lambda tx: enrolment.change(tx, key.statement, [ada.sign(key.statement)]))
    assert version(house) == 2


def test_what_is_in_force_cannot_be_declined(house: House, ada: Signer) -> None:
    """Else a no without a signature could bring a revoked key back."""
    bob = enroll(house, Signer("bob"), ada)
    change = sign(house, propose_revoking(house, bob), ada)
    with pytest.raises(NotAuthorized, match="in force already"):
        decline(house, change)
    assert house.read(authority.read).people == {"ada"}


def test_a_forged_no_takes_nothing_back(house: House, ada: Signer) -> None:
    """Somebody with the database can write one; whoever verifies the chain does not ask for it."""
    change = sign(house, propose_revoking(house, enroll(house, Signer("bob"), ada)), ada)

    def forge(tx: Transaction) -> None:
        said = consent.make(
            tx, Purpose.DECLINE, subject=change.change_id, body={}, nonce=consent.fresh_nonce(),
            expires_at=change.until,
        )  # fmt: skip
        statements.add(tx, said)

    house.write(forge)
    assert house.read(authority.read).people == {"ada"}
    assert now(house, change).state is ChangeState.IN_FORCE


def test_what_was_declined_may_be_proposed_anew(house: House, ada: Signer) -> None:
    first = propose(house)
    decline(house, first)
    second = propose(house)
    assert second.change_id != first.change_id
    assert sign(house, second, ada).state is ChangeState.IN_FORCE


# Proposed.


def test_the_same_proposal_again_is_the_change_that_waits(house: House, ada: Signer) -> None:
    bob = Passkey("bob")
    assert propose(house) == propose(house)
    assert propose_key(house, bob) == propose_key(house, bob)
    assert propose_revoking(house, ada) == propose_revoking(house, ada)
    assert len(waiting(house)) == 3


def test_the_same_key_for_somebody_else_is_another_change(house: House, ada: Signer) -> None:
    private = Signer("bob").private
    claimed = propose_key(house, Signer("ada", private=private))
    mine = propose_key(house, Signer("bob", private=private))
    assert claimed.change_id != mine.change_id


def test_a_policy_that_needs_no_signature_is_not_proposed(house: House, ada: Signer) -> None:
    with pytest.raises(ConfigurationError, match="no signature"):
        propose(house, TIGHTER)


def test_where_nobody_may_sign_nothing_is_proposed(house: House) -> None:
    with pytest.raises(ConfigurationError, match="Nobody may sign"):
        propose(house)
    with pytest.raises(ConfigurationError, match="no root"):
        propose_key(house, Signer("ada"))


def test_proposals_are_capped_and_declining_makes_no_room(house: House, ada: Signer) -> None:
    for _ in range(MAX_PROPOSED):
        decline(house, propose(house))
    with pytest.raises(ConfigurationError, match=f"{MAX_PROPOSED} may be in a day"):
        propose(house)
    assert put(house, LOOSER, ada) is not None  # whoever can sign is not kept from it
    house.clock.advance(seconds=timedelta(days=1).total_seconds())
    propose(house, ALLOWED.model_copy(update={"pending_per_requester": 900}))


# Written into the database by somebody else.


def planted(house: House, statement: Statement) -> str:
    place: int = house.write(lambda tx: statements.add(tx, statement))
    return f"change-{place}"


def test_an_enrolment_under_an_older_policy_is_signed_by_nobody(
    house: House, ada: Signer, bob: Passkey
) -> None:
    """Else one signature were enough for it: the first policy asked for less than the present one."""
    eve = Signer("eve")
    made = house.read(lambda tx: enrolment.enrolment(tx, eve.key, nonce=consent.fresh_nonce()))
    old = house.read(lambda tx: tx.policy_of(1))
    older = {**made.body, "policy_version": 1, "policy_hash": old.hash}
    planted_ = planted(house, made.model_copy(update={"body": older}))
    statement = house.read(lambda tx: changes.get(tx, planted_)).statement
    with pytest.raises(NotAuthorized):
        hand_in(house, planted_, ada.sign(statement))
    with pytest.raises(NotAuthorized):
        house.write(lambda tx: enrolment.change(tx, statement, [ada.sign(statement)]))
    assert house.read(authority.read).people == {"ada", "bob"}


def _later(made: Statement) -> Statement:
    return made.model_copy(update={"expires_at": made.expires_at + timedelta(days=900)})


def _other_history(made: Statement) -> Statement:
    return made.model_copy(update={"audit_head": "0" * 64})


def _other_place(made: Statement) -> Statement:
    return made.model_copy(update={"body": {**made.body, "version": 900}})


def _other_document(made: Statement) -> Statement:
    other = TIGHTER.model_dump(mode="json")
    return made.model_copy(update={"body": {**made.body, "document": other}})


def _no_document(made: Statement) -> Statement:
    return made.model_copy(update={"body": {**made.body, "document": {"currency": "USD"}}})


def _other_installation(made: Statement) -> Statement:
    return made.model_copy(update={"installation_id": "ins_another"})


FORGERIES = [
    _later,
    _other_history,
    _other_place,
    _other_document,
    _no_document,
    _other_installation,
]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda each: each.__name__.strip("_"))
def test_a_policy_that_was_not_proposed_here_is_signed_by_nobody(
    house: House, ada: Signer, forge: object
) -> None:
    assert callable(forge)
    made = house.read(lambda tx: policy_change.proposal(tx, LOOSER, nonce=consent.fresh_nonce()))
    statement: Statement = forge(made)
    planted_ = planted(house, statement)
    with pytest.raises(NotAuthorized):
        hand_in(house, planted_, ada.sign(statement))
    assert version(house) == 2
    assert propose(house) in waiting(house)  # what is right beside it can still be read and signed
    revoke(house, ada, ada)


async def test_no_change_is_signed_while_the_pin_is_missing(
    house: House, ada: Signer, tmp_path: Path
) -> None:
    change = propose(house)
    [pin] = (tmp_path / "pins").glob("*.root")
    pin.unlink()
    with pytest.raises(NotAuthorized, match="pin"):
        sign(house, change, ada)
    with pytest.raises(NotAuthorized, match="pin"):
        waiting(house)
