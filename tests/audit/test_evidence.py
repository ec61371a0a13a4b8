"""The evidence of one purchase: it says who approved what, any change in it is noticed, and words can be erased."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from audit.living import Living
from guard.authenticator import Passkey
from guard.signing import approve, enroll
from ringfence.errors import NotFound
from ringfence.guard import evidence, words
from ringfence.guard.card import card, read_facts
from ringfence.intents import Intent
from ringfence.states import IntentState
from ringfence_server.cli.auditing import prove
from ringfence_server.verifier import standalone

WORDS = "the canary sings of a Tuesday in Lisbon"


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same signature is verified once in all tests; it is a pure function."""
    monkeypatch.setattr(standalone, "ed25519", lru_cache(maxsize=None)(standalone.ed25519))


@pytest.fixture
async def bought(living: Living) -> Intent:
    """A number that ada and bob, who has a passkey, both signed for."""
    enroll(living.house, Passkey("bob"), living.recovery)
    intent = await living.propose(reason=WORDS)
    approve(living.house, intent, living.ada)
    await living.house.work()
    bought = await living.house.now(intent)
    assert bought.state is IntentState.COMPLETED
    return bought


def of(living: Living, intent: Intent, *, with_texts: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = living.house.read(
        lambda tx: evidence.of_purchase(tx, intent.intent_id, with_texts=with_texts)
    )
    return found


def judged(bundle: dict[str, Any], root: str | None = None) -> list[dict[str, str]]:
    """What the stand-alone verifier finds wrong."""
    seen = standalone.Verification(root=root)
    try:
        standalone.check_bundle(copy.deepcopy(bundle), seen)
    except (standalone.Unreadable, KeyError, TypeError, ValueError, AttributeError) as error:
        return [{"place": "the file", "why": str(error)}]
    return seen.failures


async def test_a_third_party_can_derive_who_approved_what(living: Living, bought: Intent) -> None:
    bundle = of(living, bought, with_texts=True)
    assert judged(bundle, living.root) == []
    [statement] = [each for each in bundle["statements"] if each["purpose"] == "approve"]
    shown = json.loads(statement["bytes"])["body"]["shown"]
    assert bought.lines[0].terms.number in shown
    assert "first year" in shown
    assert bundle["words"]["text"] == WORDS
    assert bundle["attempts"][0]["outcome"] == "captured"
    assert {entry["kind"] for entry in bundle["ledger"]} == {"hold", "claim", "post"}
    assert bundle["checkpoint"]["size"] >= bundle["events"][0]["seq"]


async def test_evidence_holds_no_secret(living: Living, bought: Intent) -> None:
    [key] = living.pins.glob("*.checkpoint-key")
    private = json.loads(key.read_text())["private"]
    text = json.dumps(of(living, bought, with_texts=True))
    history = json.dumps(living.house.read(lambda tx: list(evidence.history(tx, with_texts=True))))
    for secret in (private, living.ada.private.private_bytes_raw().hex(), str(living.pins)):
        assert secret not in text
        assert secret not in history


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every single fact of a document stands."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from leaves(inner, (*path, at))
    else:
        yield path


def changed(document: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    """The document with another value there."""
    made = copy.deepcopy(document)
    holder = made
    for step in path[:-1]:
        holder = holder[step]
    value = holder[path[-1]]
    if isinstance(value, str) and value:
        at = len(value) // 2
        while at < len(value) - 1 and not value[at].isalnum():
            at += 1
        holder[path[-1]] = value[:at] + ("7" if value[at] != "7" else "6") + value[at + 1 :]
    elif isinstance(value, int) and not isinstance(value, bool):
        holder[path[-1]] = value + 1
    else:
        holder[path[-1]] = "x" if value is None else None
    return made


async def test_every_field_that_is_changed_is_refused(living: Living, bought: Intent) -> None:
    bundle = of(living, bought, with_texts=True)
    paths = list(leaves(bundle))
    assert len(paths) > 100
    assert [path for path in paths if judged(changed(bundle, path), living.root) == []] == []


async def test_every_field_that_is_taken_away_or_added_is_refused(
    living: Living, bought: Intent
) -> None:
    bundle = of(living, bought, with_texts=True)
    for name in bundle:
        assert judged({key: value for key, value in bundle.items() if key != name})
    assert judged({**bundle, "note": "trust me"})
    for name in ("policies", "statements", "attempts", "ledger", "events"):
        assert judged({**bundle, name: bundle[name][:-1]}), name


async def test_evidence_of_what_nobody_signed_does_not_hold(living: Living) -> None:
    intent = await living.propose()
    assert "nobody signed for it" in str(judged(of(living, intent)))


async def test_without_the_root_nobody_has_signed(living: Living, bought: Intent) -> None:
    bundle = of(living, bought)
    keys = [json.loads(each["bytes"]) for each in bundle["statements"]]
    assert [each["purpose"] for each in keys].count("enroll") == 2
    pairs = zip(bundle["statements"], keys, strict=True)
    without = [each for each, made in pairs if made["purpose"] != "root"]
    found = judged({**bundle, "statements": without})
    assert "consent at level None" in str(found)


# Words.


def files_of(living: Living) -> bytes:
    return b"".join(path.read_bytes() for path in living.house.folder.iterdir() if path.is_file())


async def test_erased_words_are_nowhere_and_everything_still_holds(
    living: Living, bought: Intent, tmp_path: Path
) -> None:
    assert WORDS.encode() in files_of(living)
    signed = of(living, bought)
    assert WORDS not in json.dumps(signed)
    assert WORDS not in json.dumps(
        living.house.read(lambda tx: list(evidence.history(tx, with_texts=False)))
    )
    assert living.house.write(lambda tx: words.erase(tx, bought.intent_id, actor="ada"))
    living.house.store.forget_log()
    assert WORDS.encode() not in files_of(living)
    shown = living.house.read(lambda tx: card(read_facts(tx, bought.intent_id)))
    assert "was erased" in shown
    assert living.house.read(prove)["failures"] == []
    assert judged(of(living, bought, with_texts=True), living.root) == []
    assert not living.house.write(lambda tx: words.erase(tx, bought.intent_id, actor="ada"))


async def test_words_of_a_waiting_intent_can_be_erased_and_it_is_still_approved(
    living: Living,
) -> None:
    intent = await living.propose(reason=WORDS)
    living.house.write(lambda tx: words.erase(tx, intent.intent_id, actor="ada"))
    approve(living.house, await living.house.now(intent), living.ada)
    await living.house.work()
    assert (await living.house.now(intent)).state is IntentState.COMPLETED
    assert judged(of(living, intent), living.root) == []


async def test_where_nothing_was_said_there_is_nothing_to_erase(living: Living) -> None:
    intent = await living.propose()
    for intent_id in (intent.intent_id, "int_none"):
        with pytest.raises(NotFound):
            living.house.write(lambda tx, i=intent_id: words.erase(tx, i, actor="ada"))  # type: ignore[misc]  # bound at once
