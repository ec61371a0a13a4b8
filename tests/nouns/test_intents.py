"""What a person consents to is covered by one digest, to the last field."""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from nouns.made_up import line_terms, price, terms
from ringfence.guard.digest import PURPOSE, digest_of, items_hash, stock_key, wish_hash
from ringfence.intents import Intent, Level, Line, Op, Terms, match_code
from ringfence.money import Money
from ringfence.offers import Provider
from ringfence.states import IntentState, LineState

Path = tuple[str | int, ...]


def leaves(model: BaseModel) -> Iterator[Path]:
    """The path of every field in a model and the models within it."""
    for name in type(model).model_fields:
        yield from _leaves_of(getattr(model, name), (name,))


def _leaves_of(value: object, path: Path) -> Iterator[Path]:
    yield path
    if isinstance(value, BaseModel):
        for inner in leaves(value):
            yield (*path, *inner)
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _leaves_of(item, (*path, index))


def others(value: Any) -> list[Any]:
    """Different values that could stand in the place of one; at least one for every kind there is."""
    match value:
        case None:
            raise AssertionError("an example leaves a field empty, so that nobody would miss it")
        case bool():
            return [not value]
        case StrEnum():
            return [other for other in type(value) if other is not value]
        case str():
            made = {f"{value}x", f"{value} ", value[:-1], value.swapcase(), ""}
            return sorted(made - {value})
        case int():
            return [value + 1, value + 2**31]
        case datetime():
            return [value + timedelta(microseconds=1), value - timedelta(days=365)]
        case Money():
            return [Money(value.micros + 1, value.currency), Money(value.micros, "EUR")]
        case tuple():
            return [value[:-1], (*value, value[0]), value[::-1]]
        case BaseModel():
            return []  # its own fields are changed one by one
        case _:
            raise AssertionError(f"nobody has said how to change a {type(value).__name__}")


def put(value: Any, path: Path, new: Any) -> Any:
    """The value with one thing in it replaced; nothing is checked, since forgers check nothing."""
    if not path:
        return new
    first, rest = path[0], path[1:]
    if isinstance(value, tuple):
        index = int(first)
        return (*value[:index], put(value[index], rest, new), *value[index + 1 :])
    return value.model_copy(update={str(first): put(getattr(value, str(first)), rest, new)})


def found_at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[int(part)] if isinstance(value, tuple) else getattr(value, str(part))
    return value


EXAMPLE = terms()
PATHS = sorted(set(leaves(EXAMPLE)), key=str)


def optional(path: Path) -> bool:
    owner = found_at(EXAMPLE, path[:-1])
    if isinstance(owner, tuple):
        return False
    annotation = type(owner).model_fields[str(path[-1])].annotation
    return type(None) in getattr(annotation, "__args__", ())


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(map(str, path)))
def test_any_change_of_any_field_changes_the_digest(path: Path) -> None:
    value = found_at(EXAMPLE, path)
    changed = others(value) + ([None] if optional(path) else [])
    digests = [digest_of(put(EXAMPLE, path, other)) for other in changed]
    assert digest_of(EXAMPLE) not in digests
    assert len(set(digests)) == len(digests)


def test_the_example_has_every_field_and_leaves_none_empty() -> None:
    names = {str(path[-1]) for path in PATHS}
    assert set(Terms.model_fields) <= names
    assert set(type(EXAMPLE.lines[0]).model_fields) <= names
    assert {"setup", "monthly"} <= names
    assert all(found_at(EXAMPLE, path) is not None for path in PATHS)


@given(st.sampled_from(PATHS), st.text())
def test_any_text_in_the_place_of_another_changes_the_digest(path: Path, text: str) -> None:
    value = found_at(EXAMPLE, path)
    if type(value) is not str or text == value:
        return
    assert digest_of(put(EXAMPLE, path, text)) != digest_of(EXAMPLE)


def test_the_digest_is_the_hash_of_the_canonical_terms_under_a_name_of_its_own() -> None:
    plain = json.loads(EXAMPLE.model_dump_json())
    expected = hashlib.sha256(b"ringfence/intent/v1" + rfc8785.dumps(plain)).hexdigest()
    assert digest_of(EXAMPLE) == expected
    assert PURPOSE == b"ringfence/intent/v1"


def test_the_digest_is_the_same_after_the_terms_were_stored_and_read_again() -> None:
    stored = EXAMPLE.model_dump_json()
    assert Terms.model_validate_json(stored) == EXAMPLE
    assert digest_of(Terms.model_validate_json(stored)) == digest_of(EXAMPLE)


def test_terms_hold_no_number_that_canonical_json_could_round() -> None:
    def numbers(node: object) -> Iterator[float]:
        if isinstance(node, dict):
            node = list(node.values())
        if isinstance(node, list):
            for inner in node:
                yield from numbers(inner)
        elif isinstance(node, int | float):
            yield node

    found = list(numbers(EXAMPLE.model_dump(mode="json")))
    assert found
    assert all(type(number) in {int, bool} and abs(number) < 2**53 for number in found)


@pytest.mark.parametrize(("count", "is_read"), [(0, False), (1, True), (25, True), (26, False)])
def test_an_intent_has_as_many_lines_as_a_person_can_read(count: int, is_read: bool) -> None:
    line = line_terms().model_dump(mode="json")
    text = json.dumps(EXAMPLE.model_dump(mode="json") | {"lines": [line] * count})
    if is_read:
        assert len(Terms.model_validate_json(text).lines) == count
        return
    with pytest.raises(ValidationError):
        Terms.model_validate_json(text)


@pytest.mark.parametrize(
    "changes",
    [{"confirmed": True}, {"policy_version": 1.0}, {"is_converted": "false"}, {"lines": []}, {"level": "none"},
     {"total_now": 4}, {"op": "port"}, {"principal": None}],
    ids=str,
)  # fmt: skip
def test_stored_terms_that_are_not_as_they_were_written_are_not_read(
    changes: dict[str, Any],
) -> None:
    with pytest.raises(ValidationError):
        Terms.model_validate_json(json.dumps(EXAMPLE.model_dump(mode="json") | changes))


def test_terms_cannot_be_changed() -> None:
    changed: Any = terms()
    with pytest.raises(ValidationError):
        changed.principal = "local:mallory"


# Match codes

CODES = [
    ("00000000" + "f" * 56, "000000"),
    ("ffffffff" + "0" * 56, "ZZZZZZ"),
    ("00000003" + "0" * 56, "000000"),
    ("00000004" + "0" * 56, "000001"),
    ("84210842" + "0" * 56, "GGGGGG"),
]


@pytest.mark.parametrize(("digest", "code"), CODES)
def test_a_match_code_is_the_first_thirty_bits_in_crockford_s_letters(
    digest: str, code: str
) -> None:
    assert match_code(digest) == code


@given(st.binary(min_size=32, max_size=32))
def test_a_match_code_has_six_letters_that_nobody_confuses(digest: bytes) -> None:
    code = match_code(digest.hex())
    assert len(code) == 6
    assert not set(code) - set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def test_the_match_code_of_other_terms_is_another() -> None:
    dearer = put(EXAMPLE, ("lines", 0, "price"), price(monthly="115.00 USD"))
    assert match_code(digest_of(dearer)) != match_code(digest_of(EXAMPLE))


# Names of wishes


def test_a_wish_is_named_by_its_stock_in_any_order() -> None:
    one, two = ("sandbox", "+14155550142"), ("sandbox", "+14155550143")
    assert stock_key(Op.BUY, [one, two]) == stock_key(Op.BUY, [two, one])
    keys = {
        stock_key(Op.BUY, [one]),
        stock_key(Op.BUY, [two]),
        stock_key(Op.BUY, [one, two]),
        stock_key(Op.BUY, [("twilio", one[1])]),
        stock_key(Op.RELEASE, [one]),
    }
    assert len(keys) == 5


def test_a_list_of_items_is_named_in_any_order() -> None:
    assert items_hash(["b", "a"]) == items_hash(["a", "b"])
    assert len({items_hash(items) for items in (["a", "b"], ["ab"], ["a"], ["a", "b", "b"])}) == 4


def test_a_repeat_under_one_key_must_share_assistant_and_limit() -> None:
    wishes = [
        wish_hash("k", assistant_id=assistant, max_total=limit)
        for assistant in (None, "None", "reception")
        for limit in (None, "5.00 USD")
    ]
    assert len(set(wishes)) == len(wishes)


# Levels and small properties


def test_levels_of_consent_grow_from_a_client_s_to_two_people_s() -> None:
    ordered = [Level.CLIENT, Level.PAGE, Level.PASSPHRASE, Level.PASSKEY, Level.TWO_PEOPLE]
    assert ordered == list(Level)
    assert all(weak.strength < strong.strength for weak, strong in pairwise(ordered))


def test_a_new_line_has_been_tried_never_and_is_known_by_its_terms() -> None:
    line = Line(intent_id="int_1", terms=line_terms(), state=LineState.READY, version=1)
    assert line.line_id == line.terms.line_id
    assert (line.attempts, line.negative_looks, line.due_at) == (0, 0, None)


def test_an_intent_is_simulated_only_where_every_line_is() -> None:
    def intent(*providers: Provider) -> Intent:
        lines = tuple(
            Line(
                intent_id=EXAMPLE.intent_id,
                terms=line_terms(provider=provider),
                state=LineState.READY,
                version=1,
            )
            for provider in providers
        )
        return Intent(
            terms=EXAMPLE,
            digest=digest_of(EXAMPLE),
            state=IntentState.APPROVED,
            lines=lines,
            expires_at=EXAMPLE.expires_at,
        )

    assert intent(Provider.SANDBOX, Provider.SANDBOX).is_simulated
    assert not intent(Provider.SANDBOX, Provider.TWILIO).is_simulated
    assert intent(Provider.SANDBOX).match_code == match_code(digest_of(EXAMPLE))
    assert intent(Provider.SANDBOX).intent_id == EXAMPLE.intent_id
