"""docs/reference is what the code would write today, and its policy is one."""

import re
from collections.abc import Iterator

import pytest

from docs.reference import FOLDER, pages, policy_models
from guard.policy_fields import nouns_in
from ringfence.guard.live_rules import unfit
from ringfence.nouns import Noun
from ringfence.policy import PolicyDocument, ScopeKind, read_policy
from ringfence.store.policies import document_hash


@pytest.mark.parametrize("name", pages())
def test_the_reference_is_what_the_code_says(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == pages()[name], "run: make reference"


def test_every_page_of_the_folder_is_written() -> None:
    assert {each.name for each in FOLDER.iterdir()} == set(pages())


# The policy.


def example() -> PolicyDocument:
    """The complete example, as a reader copies it from the page."""
    page = (FOLDER / "policy.md").read_text(encoding="utf-8")
    [text] = re.findall(r"^```yaml\n((?:(?!```).*\n)*)```$", page, re.MULTILINE)
    return read_policy(text)


def test_every_field_of_a_policy_says_what_it_means() -> None:
    silent = [
        f"{path}.{name}"
        for path, model in policy_models()
        for name, field in model.model_fields.items()
        if not (field.description or "").endswith(".")
    ]
    assert silent == [], "give it Field(description=…), a sentence"


def test_every_section_of_a_policy_is_on_the_page() -> None:
    found = {model for _, model in policy_models()}
    inner = {
        each
        for model in found
        for field in model.model_fields.values()
        for each in nouns_in(field.annotation)
    }
    assert inner <= found
    assert len(found) > 10


def test_the_example_says_every_field_and_may_be_put_in_force_live() -> None:
    said: dict[type[Noun], set[str]] = {}
    for noun in inside(example()):
        said.setdefault(type(noun), set()).update(noun.model_fields_set)
    assert said == {model: set(model.model_fields) for _, model in policy_models()}
    assert unfit(example()) == []


def inside(noun: Noun) -> Iterator[Noun]:
    """A noun and every noun in it."""
    yield noun
    for name in type(noun).model_fields:
        value = getattr(noun, name)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Noun):
                yield from inside(each)


def test_every_kind_of_scope_is_explained() -> None:
    part = pages()["policy.md"].partition("\n## Scopes\n")[2].partition("\n## ")[0]
    kinds = re.findall(r"^\| `([a-z]+)[:`]", part, re.MULTILINE)
    assert sorted(kinds) == sorted(ScopeKind)


def test_what_a_field_says_is_no_part_of_what_is_signed() -> None:
    """The hash of this example as it was before fields had descriptions; whoever changes the example changes it."""
    assert document_hash(example()) == (
        "c497871f80a222436522e5fa2347aefc6bcb52978f3af0711061f72c6e3bc8bd"
    )
    text = example().model_dump_json()
    assert "description" not in text
    assert "The weakest consent" not in text
