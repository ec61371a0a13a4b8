"""A client that subscribed hears of every change, by whichever process, and of nobody else's; in both eras."""

from __future__ import annotations

import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import INVALID_PARAMS

from house import House
from ringfence.desk import watching
from ringfence.errors import StorageUnavailable
from ringfence.guard import windows
from ringfence.store.watch import mark
from ringfence_server import subscriptions, watch
from ringfence_server.app import build_server
from ringfence_server.installation import Installation, Opened
from ringfence_server.settings import Settings
from ringfence_server.watch import Topic, Watch
from server.bare_pipe import environment
from server.households import (
    ENOUGH_SECONDS,
    Subscriber,
    approve_elsewhere,
    ask,
    decline_elsewhere,
    proposed,
    server_of,
    subscribe,
    unsubscribe,
)
from server.test_app import NEVER, nobody
from server.test_resources import CARRIERS, NUMBERS, SPENDING, UNKNOWN, address


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


async def test_a_decision_in_another_process_reaches_whoever_watches(
    mode: str, settings: Settings
) -> None:
    hears = Subscriber()
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server_of(settings), mode=mode, message_handler=hears) as client:
            uri = address(await proposed(client))
            async with hears.to(client, mode, uri, NUMBERS, SPENDING) as accepted:
                assert accepted == [uri, NUMBERS, SPENDING]
                await decline_elsewhere(settings, uri.rpartition("/")[2])
                await hears.hears_of(uri)
                await hears.hears_of(SPENDING)
            assert NUMBERS not in hears.told, "it reads as before"


async def test_a_purchase_approved_elsewhere_reaches_numbers_and_spending(
    mode: str, settings: Settings
) -> None:
    hears = Subscriber()
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server_of(settings), mode=mode, message_handler=hears) as client:
            intent_id = await proposed(client)
            async with hears.to(client, mode, NUMBERS, SPENDING, address(intent_id)):
                await approve_elsewhere(settings, intent_id)
                for uri in (address(intent_id), SPENDING, NUMBERS):
                    await hears.hears_of(uri)
                while (await ask(client, "get_intent", intent_id=intent_id, wait_seconds=5))[
                    "state"
                ] != "completed":
                    pass


async def test_over_stdio_what_the_terminal_decides_reaches_the_client(
    mode: str, tmp_path: Path
) -> None:
    variables = {**environment(), "RINGFENCE_HOME": str(tmp_path)}
    process = StdioServerParameters(
        command=sys.executable, args=["-m", "ringfence_server", "serve"], env=variables
    )
    hears = Subscriber()
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(process, mode=mode, message_handler=hears) as client:
            intent_id = await proposed(client)
            async with hears.to(client, mode, address(intent_id), SPENDING):
                decline = [sys.executable, "-m", "ringfence_server", "decline", intent_id]
                ended = await anyio.run_process(
                    decline, env=variables, stderr=subprocess.STDOUT, check=False
                )
                assert ended.returncode in {0, 3}, ended.stdout
                await hears.hears_of(address(intent_id))
                await hears.hears_of(SPENDING)
            assert (await ask(client, "get_intent", intent_id=intent_id))["state"] == "declined"


async def test_what_the_client_does_itself_is_told_at_once(
    mode: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hears = Subscriber()
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server_of(settings), mode=mode, message_handler=hears) as client:
            intent_id = await proposed(client)
            async with hears.to(client, mode, address(intent_id)):
                await ask(client, "cancel_intent", intent_id=intent_id)
                await hears.hears_of(address(intent_id))


async def test_nobody_hears_of_anothers_intent(mode: str, settings: Settings) -> None:
    hears = Subscriber()
    with anyio.fail_after(ENOUGH_SECONDS):
        async with (
            Client(server_of(settings), mode=mode) as ada,
            Client(server_of(settings, "local:bob"), mode=mode, message_handler=hears) as bob,
        ):
            hers = address(await proposed(ada))
            his = address(await proposed(bob, place=1))
            if mode == "legacy":
                for uri in (hers, UNKNOWN, "ringfence://secrets"):
                    with pytest.raises(MCPError, match="Unknown resource") as caught:
                        await subscribe(bob, uri)
                    assert caught.value.code == INVALID_PARAMS
            wished = (his,) if mode == "legacy" else (hers, UNKNOWN, "ringfence://secrets", his)
            async with hears.to(bob, mode, *wished) as accepted:
                assert accepted == [his]
                await decline_elsewhere(settings, hers.rpartition("/")[2])
                await decline_elsewhere(settings, his.rpartition("/")[2])
                await hears.hears_of(his)
            assert hears.told == [his]


async def test_after_leaving_a_subscription_nothing_more_is_told(
    mode: str, settings: Settings
) -> None:
    hears = Subscriber()
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server_of(settings), mode=mode, message_handler=hears) as client:
            first, second = await proposed(client), await proposed(client, place=1)
            async with hears.to(client, mode, address(second)):
                async with hears.to(client, mode, address(first)):
                    pass
                await decline_elsewhere(settings, first)
                await decline_elsewhere(settings, second)
                await hears.hears_of(address(second))
            assert hears.told == [address(second)]


async def test_subscribing_twice_is_once_and_unsubscribing_from_nothing_is_harmless(
    settings: Settings,
) -> None:
    hears = Subscriber()
    with anyio.fail_after(ENOUGH_SECONDS):
        async with Client(server_of(settings), mode="legacy", message_handler=hears) as client:
            intent_id = await proposed(client)
            await unsubscribe(client, NUMBERS)
            await subscribe(client, SPENDING)
            for _ in range(2):
                await subscribe(client, address(intent_id))
            await unsubscribe(client, address(intent_id))
            await decline_elsewhere(settings, intent_id)
            await hears.hears_of(SPENDING)
    assert hears.told == [SPENDING]


async def test_only_so_many_addresses_are_watched_for_one_client(
    mode: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "MAX_SUBSCRIBED", 2)
    hears = Subscriber()
    async with Client(server_of(settings), mode=mode, message_handler=hears) as client:
        with pytest.raises(MCPError, match="At most 2 resources"):
            async with hears.to(client, mode, NUMBERS, SPENDING, CARRIERS):
                pass


async def test_a_stream_for_lists_alone_opens_nothing() -> None:
    async with (
        Client(build_server(NEVER, nobody), mode="auto") as client,
        client.listen(tools_list_changed=True) as stream,
    ):
        assert stream.honored.tools_list_changed is True


async def test_a_resource_that_is_not_offered_cannot_be_subscribed_to(mode: str) -> None:
    hears = Subscriber()
    async with Client(build_server(NEVER, nobody), mode=mode) as client:
        if mode == "legacy":
            with pytest.raises(MCPError, match="Unknown resource"):
                await subscribe(client, "ringfence://secrets")
        else:
            async with hears.to(client, mode, "ringfence://secrets") as accepted:
                assert accepted == []


# The watch itself, over a house whose runner is stepped by hand.


@pytest.fixture
def house(tmp_path: Path) -> Any:
    house = House.open(tmp_path)
    yield house
    house.close()


async def never() -> None:
    await anyio.sleep_forever()


class Watching:
    """A watch over a house, with a counter of the looks that it takes."""

    def __init__(self, house: House, tasks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.house = house
        self.looks = 0
        self.is_gone = False
        self.told: list[Topic] = []
        self.has_told = anyio.Event()
        self.failures: list[Exception] = []
        self.installation = Installation(self._opens, tasks)
        self.watch = Watch(self._look, self._tell)
        monkeypatch.setattr(watching, "mark", self._mark)

    def _opens(self) -> Any:
        @asynccontextmanager
        async def opens() -> Any:
            yield Opened(self.house.desk, never)

        return opens()

    def _mark(self, tx: Any) -> Any:
        self.looks += 1
        if self.failures:
            raise self.failures.pop()
        return mark(tx)

    async def _look(self, topic: Topic, opened: Opened) -> str:
        if self.is_gone:
            raise MCPError(INVALID_PARAMS, "Unknown resource")
        return f"{topic.uri} as of {await opened.desk.store.read(mark)}"

    async def _tell(self, topic: Topic) -> None:
        self.told.append(topic)
        self.has_told.set()

    async def hears(self) -> None:
        with anyio.fail_after(5):
            await self.has_told.wait()
        self.has_told = anyio.Event()

    def change(self) -> None:
        self.house.write(lambda tx: tx.audit("test.changed", actor="ada", subject="this"))
        self.house.desk.bell.ring()


TOPIC = Topic("local:ada", "ringfence://spending")


async def test_the_store_is_looked_at_only_while_somebody_watches(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with anyio.create_task_group() as tasks:
        watching = Watching(house, tasks, monkeypatch)
        assert watching.looks == 0
        await watching.watch.start(TOPIC, watching.installation)
        await watching.watch.start(TOPIC, watching.installation)
        watching.watch.stop(TOPIC)
        watching.change()
        await watching.hears()
        assert watching.told == [TOPIC]
        watching.watch.stop(TOPIC)
        await anyio.wait_all_tasks_blocked()
        looked = watching.looks
        watching.change()
        await anyio.wait_all_tasks_blocked()
        assert watching.looks == looked
        await watching.watch.start(TOPIC, watching.installation)
        watching.change()
        await watching.hears()
        assert watching.looks > looked
        tasks.cancel_scope.cancel()


async def test_a_store_that_cannot_be_read_for_a_while_loses_no_change(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watch, "PAUSE_SECONDS", 0.001)
    async with anyio.create_task_group() as tasks:
        watching = Watching(house, tasks, monkeypatch)
        await watching.watch.start(TOPIC, watching.installation)
        watching.failures += [ZeroDivisionError(), StorageUnavailable("The database is locked.")]
        watching.change()
        await watching.hears()
        tasks.cancel_scope.cancel()
    assert "The database is locked." in caplog.text
    assert "The watch stumbled" in caplog.text


async def test_what_is_gone_is_told_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async with anyio.create_task_group() as tasks:
        watching = Watching(house, tasks, monkeypatch)
        await watching.watch.start(TOPIC, watching.installation)
        watching.is_gone = True
        watching.change()
        await watching.hears()
        watching.change()
        with pytest.raises(MCPError):
            await watching.watch.start(TOPIC, watching.installation)
        tasks.cancel_scope.cancel()
    assert watching.told == [TOPIC]


async def test_the_mark_moves_with_every_kind_of_change(house: House) -> None:
    seen = [house.read(mark)]

    def moved() -> bool:
        seen.append(house.read(mark))
        return bool(seen[-1] != seen[-2])

    assert not moved()
    [offer] = await house.find()
    intent = await house.propose(offer)
    assert moved()
    await house.approve(intent)
    assert moved()
    await house.work()
    assert moved()
    assert not moved()
    house.clock.advance(days=40)
    assert not moved(), "time alone is no change"
    house.write(windows.keep_up)  # a month begins, and its renewals are counted
    assert moved()
