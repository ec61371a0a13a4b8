"""Purchases are rarely alone: whatever happens between proposal and outcome, the evidence of each stands by itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Awaitable, Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pytest

from audit.living import Living, allow
from audit.test_evidence import judged, of
from audit.test_verifier import alone
from guard.authenticator import Passkey
from guard.signing import Signer, approve, enroll, revoke
from guard.test_adjustment import hand_in, made, more
from house import policy_with
from ringfence.guard import approval, consent, high_water
from ringfence.guard.freeze import lifting, unfreeze_signed
from ringfence.intents import Intent
from ringfence.states import IntentState
from ringfence.store import inventory
from ringfence_server.verifier import standalone

Told = Callable[[Living], Awaitable[list[Intent]]]
LOOSER = policy_with(
    levels="{buy: passphrase, release: passphrase, assign: passphrase}",
    budgets=['{name: cash, kind: cash, window: month, zone: UTC, limit: "900.00 USD"}'],
)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same signature is verified once in all tests; it is a pure function."""
    monkeypatch.setattr(standalone, "ed25519", lru_cache(maxsize=None)(standalone.ed25519))


async def wanted(living: Living, *countries: str) -> list[Intent]:
    """One purchase asked for in each of these countries."""
    return [await living.house.propose(*await living.house.find(country=c)) for c in countries]


async def in_another_order(living: Living) -> list[Intent]:
    first, second = await wanted(living, "US", "GB")
    for intent in (second, first):
        approve(living.house, intent, living.ada)
        await living.house.work()
    return [first, second]


async def one_inside_the_other(living: Living) -> list[Intent]:
    outer, inner, _ = await wanted(living, "US", "GB", "CA")
    approve(living.house, outer, living.ada)
    approve(living.house, inner, living.ada)
    await living.house.work()
    return [outer, inner]


async def two_batches(living: Living) -> list[Intent]:
    house = living.house
    one = await house.propose(*await house.find(2))
    other = await house.propose(*await house.find(2, country="GB"))
    for intent in (other, one):
        approve(house, intent, living.ada)
    await house.work()
    return [one, other]


async def beside_what_was_declined_and_withdrawn(living: Living) -> list[Intent]:
    house = living.house
    bought, declined, withdrawn = await wanted(living, "US", "GB", "CA")
    approve(house, withdrawn, living.ada)
    for change, intent in ((approval.decline, declined), (approval.withdraw, withdrawn)):
        house.write(
            partial(change, intent_id=intent.intent_id, person="ada", channel="page", reason=None)
        )
    approve(house, bought, living.ada)
    await house.work()
    return [bought]


async def while_people_and_policy_change(living: Living) -> list[Intent]:
    house = living.house
    first, second = await wanted(living, "US", "GB")
    bob = enroll(house, Passkey("bob"), living.ada)
    allow(house, LOOSER, living.ada)
    cara = enroll(house, Signer("cara"), living.recovery)
    approve(house, second, bob)
    await house.work()
    revoke(house, bob, living.recovery)
    approve(house, first, cara)
    await house.work()
    return [first, second]


async def before_a_release(living: Living) -> list[Intent]:
    first, second = await in_another_order(living)
    house = living.house
    approve(house, await house.give_back(first.lines[0].terms.number), living.ada)
    await house.work()
    return [first, second]


HISTORIES: dict[str, Told] = {
    "asked for in one order and approved in another": in_another_order,
    "one inside the other": one_inside_the_other,
    "two batches": two_batches,
    "beside what was declined and withdrawn": beside_what_was_declined_and_withdrawn,
    "while people and policy change": while_people_and_policy_change,
    "before a release": before_a_release,
}


@pytest.mark.parametrize("tell", HISTORIES.values(), ids=HISTORIES.keys())
async def test_the_evidence_of_every_purchase_stands_by_itself(living: Living, tell: Told) -> None:
    bought = await tell(living)
    for intent in bought:
        assert (await living.house.now(intent)).state is IntentState.COMPLETED
        bundle = of(living, intent)
        assert judged(bundle, living.root) == []
        for wrong in without_a_piece(bundle):
            assert judged(wrong, living.root) != []


def without_a_piece(bundle: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The bundle with one piece of its own purchase gone."""
    own = f'"subject":"{bundle["intent_id"]}"'
    about = [each for each in bundle["statements"] if own in each["bytes"]]
    assert about
    for statement in about:
        rest = [each for each in bundle["statements"] if each is not statement]
        yield {**bundle, "statements": rest}
        yield {**bundle, "statements": [*rest, {**statement, "signatures": []}]}
    for name in ("ledger", "attempts"):
        for piece in bundle[name]:
            yield {**bundle, name: [each for each in bundle[name] if each is not piece]}


async def test_evidence_cannot_be_passed_off_as_another_purchases(living: Living) -> None:
    one, other = [of(living, each) for each in await in_another_order(living)]
    for name in ("intent_id", "terms", "digest", "statements", "attempts", "ledger", "events"):
        assert judged({**one, name: other[name]}, living.root) != [], name
    named = {name: other[name] for name in ("intent_id", "terms", "digest")}
    assert judged({**one, **named}, living.root) != []


async def test_a_purchase_without_consent_is_found_among_others(living: Living) -> None:
    """The bundle's own line was sent, and the statement that allowed it is another purchase's."""
    one, other = [of(living, each) for each in await in_another_order(living)]
    approvals = [s for s in other["statements"] if s not in one["statements"]]
    others = [s for s in one["statements"] if s in other["statements"]]
    assert "consent at level None" in str(judged({**one, "statements": [*others, *approvals]}))


async def test_what_was_adjusted_later_is_no_part_of_the_purchase(living: Living) -> None:
    intent = await living.buy()
    house = living.house
    [record] = house.read(inventory.paid_for)
    statement, words = made(house, record, more("0.19 USD"))
    assert hand_in(house, statement, words, living.ada)
    assert judged(of(living, intent), living.root) == []


async def test_evidence_from_before_and_after_a_restored_database_holds(
    living: Living, tmp_path: Path
) -> None:
    """A bundle that was copied away says what happened then, whatever became of the database."""
    first = await living.buy()
    shutil.copytree(living.house.folder, tmp_path / "backup")
    lost = await living.buy()
    before = [of(living, first), of(living, lost)]
    living.house.close()
    shutil.rmtree(living.house.folder)
    shutil.copytree(tmp_path / "backup", living.house.folder)
    living.house = house = living.again()
    assert "older copy" in str(high_water.watch_over(house.store))
    house.clock.advance(minutes=1)
    statement = house.read(lambda tx: lifting(tx, nonce=consent.fresh_nonce()))
    house.write(lambda tx: unfreeze_signed(tx, statement, living.ada.sign(statement)))
    after = await living.buy()
    for bundle in (*before, of(living, after)):
        assert judged(bundle, living.root) == []


async def test_it_holds_where_only_python_is(living: Living, tmp_path: Path) -> None:
    file = tmp_path / "purchase.json"
    for intent in await in_another_order(living):
        file.write_text(json.dumps(of(living, intent)))
        ended = alone(file, "--root", living.root)
        assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
