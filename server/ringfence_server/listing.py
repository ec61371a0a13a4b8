"""What the server shows before anything is called: its tools, and instructions that name no others.

Hosts start every server they know, and most of them are not used that day. So the usual list is
read from a file, `tools_list.json`, without the tools themselves; `snapshot` writes it and a test
holds it true. A restricted list is made from the tools, since leaving some out changes the texts
of others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ringfence.errors import ConfigurationError

if TYPE_CHECKING:
    from ringfence_tools.operation import AnyOperation

SNAPSHOT = Path(__file__).with_name("tools_list.json")


@dataclass(frozen=True)
class ToolFilter:
    """Which tools an operator lets a server list; without one it lists all."""

    only: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()
    read_only: bool = False

    def chosen(self, operations: Sequence[AnyOperation]) -> tuple[AnyOperation, ...]:
        """The operations that pass, in their order.

        Raises:
            ConfigurationError: a name that no tool has, or nothing left to list.
        """
        known = [operation.name for operation in operations]
        for name in sorted((self.only or frozenset()) | self.exclude):
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
                raise ConfigurationError(f"No tool is called {name!r} ({hint}).")
        chosen = tuple(operation for operation in operations if self._passes(operation))
        if not chosen:
            raise ConfigurationError(
                "No tool is left to list.",
                remedy="Name fewer tools in --exclude-tools, or leave out --tools or --read-only.",
            )
        return chosen

    def _passes(self, operation: AnyOperation) -> bool:
        if operation.name in self.exclude or (self.read_only and not operation.is_read_only):
            return False
        return self.only is None or operation.name in self.only


EVERY_TOOL = ToolFilter()


@dataclass(frozen=True)
class Listing:
    """The answer to `tools/list`, in wire form, and the instructions."""

    instructions: str
    tools: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, operations: Sequence[AnyOperation]) -> Self:
        """The listing of these operations, made from them."""
        from ringfence_prompts import load
        from ringfence_tools.schema import list_document
        from ringfence_tools.texts import only_listed

        names = frozenset(operation.name for operation in operations)
        return cls(only_listed(load("instructions"), names), tuple(list_document(operations)))

    @classmethod
    def stored(cls) -> Self:
        """The listing of every tool, as the file has it."""
        document = json.loads(SNAPSHOT.read_bytes())
        return cls(document["instructions"], tuple(document["tools"]))

    def as_document(self) -> dict[str, Any]:
        """What `stored` reads."""
        return {"instructions": self.instructions, "tools": list(self.tools)}

    @property
    def names(self) -> frozenset[str]:
        """The names of the listed tools."""
        return frozenset(tool["name"] for tool in self.tools)


Catalog = Callable[[], Sequence["AnyOperation"]]


def every_operation() -> Sequence[AnyOperation]:
    """The catalogue; loading it loads the tools and all they stand on."""
    from ringfence_tools import CATALOG

    return CATALOG
