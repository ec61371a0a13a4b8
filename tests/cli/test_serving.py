"""`serve` and its flags: a filter wins over everything, and a mistake is told before anything starts."""

from __future__ import annotations

import sys

import pytest
from mcp import Client, StdioServerParameters

from cli.shell import Shell


async def listed(shell: Shell, *flags: str) -> list[str]:
    """The tools of a server that was started with these flags."""
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "ringfence_server", "serve", *flags],
        env=shell.environment(),
    )
    async with Client(server) as client:
        return [tool.name for tool in (await client.list_tools()).tools]


@pytest.mark.anyio
async def test_read_only_wins_over_what_is_named(shell: Shell) -> None:
    assert await listed(shell, "--read-only", "--tools", "buy_numbers,get_intent") == ["get_intent"]


@pytest.mark.anyio
async def test_tools_can_be_left_out(shell: Shell) -> None:
    names = await listed(shell, "--transport", "stdio", "--exclude-tools", "buy_numbers")
    assert "buy_numbers" not in names
    assert "search_numbers" in names


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--tools", "buy_number"], "did you mean buy_numbers?"),
        (["--tools", ""], "No tool is left to list."),
        (["--transport", "pigeon"], "invalid choice"),
        (["--approve"], "unrecognized arguments"),
    ],
)
def test_a_mistake_stops_the_start(shell: Shell, flags: list[str], told: str) -> None:
    stopped = shell.run_alone("serve", *flags)
    assert (stopped.code, stopped.out) == (2, "")
    assert told in stopped.err


def test_serve_explains_itself(shell: Shell) -> None:
    explained = shell.run_alone("serve", "--help")
    assert explained.code == 0
    assert "--read-only" in explained.out
