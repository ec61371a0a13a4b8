"""The texts that ringfence shows to models: one text, one Markdown file. They import nothing of ours.

A prompt, which a person picks from a menu, begins with a head between two lines of dashes:

    ---
    title: Find a number
    description: What the menu says of it.
    needs: search_numbers, list_numbers | provision_number
    argument: country, required: two upper-case letters, such as US
    ---

`needs` names the tools without which the prompt is no use; a bar stands between alternatives.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from importlib.resources import files

PROMPTS = (
    "find_number",
    "give_assistant_number",
    "why_refused",
    "monthly_review",
    "release_unused",
)
"""Every prompt there is, in the order of the menu."""

_RULE = "---"


@dataclass(frozen=True)
class Argument:
    """One field that a person fills in before a prompt is used."""

    name: str
    description: str
    is_required: bool


@dataclass(frozen=True)
class Prompt:
    """A text for the model, with what a menu shows of it."""

    name: str
    title: str
    description: str
    needs: tuple[frozenset[str], ...]
    """Alternatives: every tool of one of them must be listed."""
    arguments: tuple[Argument, ...]
    text: str

    def is_offered(self, listed: Set[str]) -> bool:
        """Whether a server that lists these tools can do what the text asks for."""
        return any(alternative <= listed for alternative in self.needs)


def load(name: str) -> str:
    """The text called `name`, as it stands in `name.md`.

    Raises:
        FileNotFoundError: there is no such text.
    """
    if not name.isidentifier():
        raise FileNotFoundError(f"No text is called {name!r}.")
    return files(__package__).joinpath(f"{name}.md").read_text(encoding="utf-8").strip()


def load_prompt(name: str) -> Prompt:
    """The prompt called `name`.

    Raises:
        FileNotFoundError: there is no such text.
        ValueError: its head is not written as the package's docstring says.
    """
    rule, *lines = load(name).split("\n")
    if rule != _RULE or _RULE not in lines:
        raise ValueError(f"{name}.md has no head between two lines of {_RULE}.")
    end = lines.index(_RULE)
    head = [line.partition(": ") for line in lines[:end]]
    once = {key: value for key, _, value in head if key != "argument"}
    return Prompt(
        name=name,
        title=once["title"],
        description=once["description"],
        needs=tuple(_alternatives(once["needs"])),
        arguments=tuple(_argument(value) for key, _, value in head if key == "argument"),
        text="\n".join(lines[end + 1 :]).strip(),
    )


def _alternatives(text: str) -> Iterator[frozenset[str]]:
    for alternative in text.split("|"):
        yield frozenset(name.strip() for name in alternative.split(","))


def _argument(text: str) -> Argument:
    told, _, description = text.partition(": ")
    name, _, rest = told.partition(", ")
    return Argument(name, description, is_required=rest == "required")
