"""How far bulk work is, for clients that asked to hear of it; real tools and the sandbox carrier, in both eras."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from ringfence.desk.progress import Step
from ringfence_server import progress
from ringfence_server.app import RingfenceServer, build_server
from ringfence_server.cli.serving import opened
from ringfence_server.progress import Progress
from ringfence_server.settings import Settings
from tools.examples import call as tool_call

Heard = list[tuple[float, float | None, str | None]]
ENOUGH_SECONDS = 60


@pytest.fixture
def server(tmp_path: Path) -> RingfenceServer:
    return build_server(partial(opened, Settings(home=tmp_path)), lambda: "local:ada")


async def listening(client: Client, tool: str, **arguments: Any) -> tuple[Heard, dict[str, Any]]:
    """Call a tool, and what was heard meanwhile besides signs of life."""
    heard: Heard = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    with anyio.fail_after(ENOUGH_SECONDS):
        result = await client.call_tool(tool, arguments, progress_callback=hear)
    assert not result.is_error, result.content
    facts = result.structured_content or {}
    return [each for each in heard if "Still waiting" not in (each[2] or "")], facts


async def offers(client: Client, count: int) -> list[str]:
    _, found = await listening(client, "search_numbers", country="US", area_code="415", limit=count)
    return [offer["offer_id"] for offer in found["offers"]]


async def test_reserving_many_tells_how_many_are_kept(mode: str, server: RingfenceServer) -> None:
    async with Client(server, mode=mode) as client:
        heard, reserved = await listening(
            client, "reserve_numbers", offer_ids=await offers(client, 4)
        )
    assert len(reserved["reservations"]) == 4
    assert heard == [(n, 4, f"Reserved {n} of 4.") for n in (1, 2, 3, 4)]


async def test_buying_many_tells_how_many_are_kept_and_then_shows_life(
    mode: str, server: RingfenceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PROGRESS_SECONDS", 0.01)
    heard: Heard = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    async with Client(server, mode=mode) as client:
        items = {"items": await offers(client, 3), "wait_seconds": 1}
        with anyio.fail_after(ENOUGH_SECONDS):
            await client.call_tool("buy_numbers", items, progress_callback=hear)
    counted = [each for each in heard if each[1] and "Reserved" in (each[2] or "")]
    assert counted == [(n, 3, f"Reserved {n} of 3.") for n in (1, 2, 3)]
    assert heard[-1][1:] == (None, "Still waiting, 1 s.")
    figures = [each[0] for each in heard]
    assert figures == sorted(set(figures)), "each is more than the last"


async def test_asking_the_carriers_tells_how_many_have_answered(
    mode: str, server: RingfenceServer
) -> None:
    async with Client(server, mode=mode) as client:
        heard, _ = await listening(client, "list_numbers", refresh=True)
        assert heard == [(1, 1, "Asked 1 of 1 carriers.")]
        assert (await listening(client, "list_numbers"))[0] == []


async def test_a_client_that_did_not_ask_is_told_nothing(
    mode: str, server: RingfenceServer
) -> None:
    heard: list[Any] = []

    async def take(message: Any) -> None:
        heard.append(message)

    async with Client(server, mode=mode, message_handler=take) as client:
        ids = await offers(client, 2)
        heard.clear()
        result = await client.call_tool("reserve_numbers", {"offer_ids": ids})
    assert not result.is_error
    assert heard == []


async def test_what_failed_is_not_counted_as_done() -> None:
    heard: Heard = []

    async def report(done: int, total: int, words: str) -> None:
        heard.append((done, total, words))

    count = tool_call(report=report).counting("Reserved")
    await count(Step(1, 3))
    await count(Step(2, 3, failed=1))
    assert heard == [(1, 3, "Reserved 1 of 3."), (2, 3, "Reserved 1 of 3, 1 failed.")]


async def test_steps_that_end_side_by_side_are_told_in_order_and_none_twice() -> None:
    heard: Heard = []

    async def slow(done: float, total: float | None, words: str | None) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append((done, total, words))

    progress = Progress(slow)
    async with anyio.create_task_group() as tasks:
        for done in (1, 3, 2, 3):
            tasks.start_soon(progress.step, done, 3, f"{done} of 3")
    assert [each[0] for each in heard] == [1, 3]
