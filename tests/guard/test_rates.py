"""Exchange rates in a live installation: close to the signed one they are free, and small steps lead nowhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from guard.rehearsal import live_house, put
from guard.signing import Signer, enroll, found
from house import PERSON, House, policy_with
from ringfence.clock import rfc3339
from ringfence.errors import NotAuthorized
from ringfence.guard import changes, consent, policy_chain
from ringfence.policy import PolicyDocument
from ringfence.store.policies import document_hash


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A new live installation; its pins are elsewhere."""
    house = live_house(tmp_path)
    yield house
    house.close()


@pytest.fixture
def ada(house: House) -> Signer:
    """The approver, who has signed a rate of 1.16."""
    enrolled = enroll(house, Signer("ada"), found(house))
    assert put(house, with_rate(house, "1.16"), enrolled) is not None
    return enrolled


def with_rate(house: House, rate: str, *, days: float = 0, haircut: int = 500) -> PolicyDocument:
    """A policy with a rate of the euro that is some days old."""
    as_of = rfc3339(house.clock.now() - timedelta(days=days))
    return policy_with(
        levels="{buy: passphrase, release: passphrase, assign: passphrase}",
        rates=[
            {  # type: ignore[list-item]  # plain values, as YAML gives them
                "source": "EUR", "target": "USD", "rate": rate, "as_of": as_of,
                "max_age_days": 7, "haircut_basis_points": haircut,
            }
        ],
    )  # fmt: skip


def rate(house: House) -> str:
    [only] = house.read(lambda tx: tx.rules.rates)
    return str(only.rate)


def tomorrow(house: House) -> None:
    house.clock.advance(days=1)


@pytest.mark.parametrize("newer", ["1.1021", "1.16", "1.2179"])
def test_a_newer_rate_within_five_percent_needs_no_signature(
    house: House, ada: Signer, newer: str
) -> None:
    tomorrow(house)
    house.apply(with_rate(house, newer))
    assert rate(house) == newer
    house.read(policy_chain.check)


def test_many_small_steps_never_leave_the_signed_rate(house: House, ada: Signer) -> None:
    """Each step is 4 % below the one before; the second is 8 % below what was signed."""
    tomorrow(house)
    house.apply(with_rate(house, "1.12"))
    tomorrow(house)
    with pytest.raises(NotAuthorized, match="approvers sign"):
        house.apply(with_rate(house, "1.08"))
    assert put(house, with_rate(house, "1.08"), ada) is not None
    tomorrow(house)
    house.apply(with_rate(house, "1.04"))  # from the rate that is signed now
    house.read(policy_chain.check)


def test_upward_a_rate_may_go_as_it_is_and_back_only_into_the_band(
    house: House, ada: Signer
) -> None:
    house.apply(with_rate(house, "1.50", days=0.5))  # dearer and no newer: that only tightens
    tomorrow(house)
    with pytest.raises(NotAuthorized):
        house.apply(with_rate(house, "1.40"))
    house.apply(with_rate(house, "1.17"))
    house.read(policy_chain.check)


def test_a_dearer_rate_outside_the_band_is_not_made_fresh_by_itself(
    house: House, ada: Signer
) -> None:
    tomorrow(house)
    with pytest.raises(NotAuthorized):
        house.apply(with_rate(house, "1.50"))


def test_a_rate_of_tomorrow_is_signed(house: House, ada: Signer) -> None:
    with pytest.raises(NotAuthorized):
        house.apply(with_rate(house, "1.16", days=-1))


@pytest.mark.parametrize(("haircut", "is_free"), [(400, False), (500, True), (600, True)])
def test_a_smaller_haircut_is_signed_however_close_the_rate(
    house: House, ada: Signer, haircut: int, is_free: bool
) -> None:
    tomorrow(house)
    wanted = with_rate(house, "1.15", haircut=haircut)
    if is_free:
        house.apply(wanted)
    else:
        with pytest.raises(NotAuthorized):
            house.apply(wanted)
        assert put(house, wanted, ada) is not None
    house.read(policy_chain.check)


def test_a_rate_that_was_taken_away_comes_back_by_a_signature(house: House, ada: Signer) -> None:
    house.apply(with_rate(house, "1.16").model_copy(update={"rates": ()}))
    tomorrow(house)
    with pytest.raises(NotAuthorized):
        house.apply(with_rate(house, "1.16"))


def test_who_signs_a_policy_is_told_which_rates_have_moved(house: House, ada: Signer) -> None:
    """Their signature makes the moved rate the one from which the next steps are measured."""
    tomorrow(house)
    house.apply(with_rate(house, "1.12"))
    more = with_rate(house, "1.12").model_copy(update={"pending_per_requester": 9})
    change = house.write(
        lambda tx: changes.propose_policy(tx, more, nonce=consent.fresh_nonce(), by=PERSON)
    )
    assert "signs anew: rate EUR to USD: 1.12, last signed at 1.16" in change.says


def test_a_step_too_far_that_somebody_wrote_into_the_database_buys_nothing(
    house: House, ada: Signer
) -> None:
    """What is verified again is judged by the same rate as when it was put in force."""
    tomorrow(house)
    house.apply(with_rate(house, "1.12"))
    tomorrow(house)
    far = with_rate(house, "1.08")
    with closing(sqlite3.connect(house.folder / "ringfence.db")) as db, db:
        db.execute(
            "INSERT INTO policy SELECT version + 1, ?, ?, applied_at, applied_by FROM policy"
            " ORDER BY version DESC LIMIT 1",
            (far.model_dump_json(), document_hash(far)),
        )
        db.execute("UPDATE audit_head SET policy_version = policy_version + 1")
    with pytest.raises(NotAuthorized, match="nobody signed"):
        house.read(policy_chain.check)
