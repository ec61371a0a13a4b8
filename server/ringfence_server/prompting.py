"""Prompts: texts that a person picks from a menu, for a job that takes several tools.

The menu is static: it is made from the texts and the names of the listed tools, and opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import cached_property
from typing import TYPE_CHECKING

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    GetPromptResult,
    PromptArgument,
    PromptMessage,
    TextContent,
)
from mcp_types import Prompt as PromptEntry

from ringfence_server.protocol_errors import told_to_the_host

if TYPE_CHECKING:  # the texts are read with the first look at the menu, not at the start
    from ringfence_prompts import Prompt

MAX_NAME_SHOWN = 64


class Prompting:
    """The prompts of a server that lists these tools."""

    def __init__(self, listed: Set[str]) -> None:
        self._listed = listed

    def menu(self) -> list[PromptEntry]:
        """What a client offers to a person."""
        return [_entry(prompt) for prompt in self._offered.values()]

    def get(self, name: str, arguments: Mapping[str, str]) -> GetPromptResult:
        """One prompt, filled in.

        Raises:
            MCPError: no such prompt is offered, or an argument is unknown, missing or not right.
        """
        from ringfence_server.prompt_texts import filled_in, text_of

        prompt = self.offered(name)
        with told_to_the_host(f"prompt {name}", self._listed):
            text = text_of(prompt, filled_in(prompt, arguments), self._listed)
        message = PromptMessage(role="user", content=TextContent(type="text", text=text))
        return GetPromptResult(description=prompt.description, messages=[message])

    def offered(self, name: str) -> Prompt:
        """An offered prompt by its name.

        Raises:
            MCPError: there is none.
        """
        if name not in self._offered:
            raise MCPError(INVALID_PARAMS, f"Unknown prompt: {name[:MAX_NAME_SHOWN]}")
        return self._offered[name]

    @cached_property
    def _offered(self) -> dict[str, Prompt]:
        from ringfence_prompts import PROMPTS, load_prompt

        prompts = (load_prompt(name) for name in PROMPTS)
        return {prompt.name: prompt for prompt in prompts if prompt.is_offered(self._listed)}


def _entry(prompt: Prompt) -> PromptEntry:
    return PromptEntry(
        name=prompt.name,
        title=prompt.title,
        description=prompt.description,
        arguments=[
            PromptArgument(
                name=argument.name,
                description=argument.description,
                required=argument.is_required,
            )
            for argument in prompt.arguments
        ],
    )
