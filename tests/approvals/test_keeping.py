"""One process of an installation serves the page; when it is gone another does, and a stranger never is it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import httpx
import pytest

from approvals.desk_page import PERSON, nonce_in
from approvals.ports import answering, free_port, stranger
from guard.authenticator import Passkey
from guard.rehearsal import live_house
from guard.signing import enroll, found
from house import House
from ringfence.guard import changes, consent
from ringfence.store import page
from ringfence.store.page import Page
from ringfence_server.approvals import keeping
from ringfence_server.approvals.keeping import Keeper
from ringfence_server.approvals.serving import Serving


@contextmanager
def keeper(house: House, port: int, *, mode: str = "sandbox") -> Iterator[Keeper]:
    kept = Keeper(house.desk, port=port, person=PERSON, mode=mode)
    yield kept
    kept.close()


def row(house: House) -> Page:
    found = house.read(page.read)
    assert isinstance(found, Page)
    return found


def answers(url: str | None) -> bool:
    return url is not None and httpx.get(f"{url}/", trust_env=False).status_code == 200


@pytest.fixture
def other(house: House) -> Iterator[House]:
    """Another process of the same installation."""
    other = house.beside("another process")
    yield other
    other.close()


def test_the_first_need_starts_the_page_and_the_second_process_finds_it(
    house: House, other: House
) -> None:
    port = free_port()
    with keeper(house, port) as first, keeper(other, port) as second:
        assert second.living() is None
        url = first.ensure()
        assert url == f"http://localhost:{port}"
        assert answers(url)
        assert (second.ensure(), second.living(), first.ensure()) == (url, url, url)
        assert (first.is_owner, second.is_owner) == (True, False)
        assert row(house).fence == 1, "one owner, once"


async def test_processes_that_need_it_at_once_make_one_owner(house: House) -> None:
    port = free_port()
    others = [house.beside(f"process {count}") for count in range(4)]
    keepers = [Keeper(each.desk, port=port, person=PERSON, mode="sandbox") for each in others]
    found: list[str | None] = []

    async def need(each: Keeper) -> None:
        found.append(await each.address())

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            for each in keepers:
                tasks.start_soon(need, each)
    assert found == [f"http://localhost:{port}"] * 4
    assert sum(each.is_owner for each in keepers) == 1
    assert row(house).fence == 1
    for each, other in zip(keepers, others, strict=True):
        each.close()
        other.close()


def test_a_clean_end_says_so_and_the_next_takes_the_same_port(house: House, other: House) -> None:
    port = free_port()
    with keeper(other, port) as second:
        with keeper(house, port) as first:
            first.ensure()
        left = row(house)
        assert (left.url, left.port, left.owner) == (None, None, None)
        assert first.ensure() is None, "a closed one does not rise again"
        assert second.ensure() == f"http://localhost:{port}"
        assert second.is_owner


def test_an_owner_that_died_without_a_word_is_found_out(house: House, other: House) -> None:
    port = free_port()
    first = Keeper(house.desk, port=port, person=PERSON, mode="sandbox")
    first.ensure()
    die(first)
    assert row(house).port == port, "its word still stands"
    with keeper(other, port) as second:
        assert second.living() is None
        assert answers(second.ensure())
        assert row(house).fence == 2


def die(owner: Keeper) -> None:
    """As `kill -9` would: nobody is told."""
    serving = owner._serving
    assert isinstance(serving, Serving)
    serving.stop()


def test_an_owner_that_was_taken_for_dead_steps_back(house: House, other: House) -> None:
    port = free_port()
    with keeper(house, port) as first, keeper(other, port) as second:
        first.ensure()
        with pytest.MonkeyPatch.context() as patch:  # it was stopped, and could not answer
            patch.setattr(keeping, "is_ours", lambda _port, _secret: False)
            elsewhere = second.ensure()
        assert elsewhere not in {None, f"http://localhost:{port}"}
        assert first.ensure() == elsewhere
        assert not first.is_owner
        first.close()
        assert row(house).url == elsewhere, "the old owner cannot write the new one off"


def test_a_dead_thread_is_replaced_by_its_own_process(house: House) -> None:
    with keeper(house, free_port()) as only:
        only.ensure()
        die(only)
        assert answers(only.ensure())
        assert row(house).fence == 2


def test_a_stranger_on_the_port_moves_the_sandbox_page_elsewhere(
    house: House, other: House, caplog: pytest.LogCaptureFixture
) -> None:
    with stranger(behave=answering(b"welcome")) as port:
        with keeper(house, port) as first, keeper(other, port) as second:
            url = first.ensure()
            assert url != f"http://localhost:{port}"
            assert answers(url)
            assert second.ensure() == url
        assert f"Port {port} belongs to another program" in caplog.text


def test_a_stranger_that_was_named_by_the_store_is_not_the_page(house: House) -> None:
    with stranger(behave=answering(b"welcome")) as port, keeper(house, free_port()) as only:
        house.write(lambda tx: page.found(tx, secret="5e" * 32))
        known = row(house)
        url = f"http://localhost:{port}"
        house.write(lambda tx: page.take(tx, seen=known, url=url, port=port, owner="a dead one"))
        assert only.living() is None
        assert only.ensure() not in {None, url}


def test_a_live_installation_has_its_page_on_its_port_or_nowhere(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with stranger(behave=answering(b"welcome")) as port:
        with keeper(house, port, mode="live") as only:
            assert only.ensure() is None
            assert only.ensure() is None
        [complaint] = [r for r in caplog.records if r.levelno == logging.ERROR]
        assert f"Port {port} belongs to another program" in complaint.getMessage()
        assert "ringfence pending" in complaint.getMessage()


async def test_the_watch_starts_the_page_when_somebody_is_awaited(house: House) -> None:
    with keeper(house, free_port()) as only, anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(only.watch)
            assert house.read(page.read) is None, "nobody is awaited, so nothing is opened"
            await house.propose(*await house.find())
            while only.living() is None:
                await house.desk.bell.wait(0.01)
            tasks.cancel_scope.cancel()


async def test_the_watch_starts_the_page_when_a_change_waits_for_signatures(
    tmp_path: Path,
) -> None:
    house = live_house(tmp_path / "live")
    ada = enroll(house, Passkey("ada"), found(house))
    try:
        with keeper(house, free_port(), mode="live") as only, anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(only.watch)
                assert house.read(page.read) is None, "an enrolment in force awaits nobody"
                house.write(
                    lambda tx: changes.propose_revocation(
                        tx, ada.key.key_id, nonce=consent.fresh_nonce(), by=PERSON
                    )
                )
                while only.living() is None:
                    await house.desk.bell.wait(0.01)
                tasks.cancel_scope.cancel()
    finally:
        house.close()


async def test_a_decision_on_the_page_wakes_whoever_waits(house: House) -> None:
    intent = await house.propose(*await house.find())
    with keeper(house, free_port()) as only, anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(only.watch)
            url = await only.address()
            assert url is not None
            with anyio.CancelScope() as ringing:
                tasks.start_soon(wake_when_rung, house, ringing)
                await decide(url, intent.intent_id)
                await anyio.sleep_forever()
            tasks.cancel_scope.cancel()


async def wake_when_rung(house: House, scope: anyio.CancelScope) -> None:
    """End the waiting once the bell rings for a decision; the runner's own ringing does not count."""
    while not house.read(lambda tx: not page.somebody_is_awaited(tx)):
        await house.desk.bell.wait(30)
    scope.cancel()


async def decide(url: str, intent_id: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        shown = await client.get(f"{url}/i/{intent_id}")
        nonce = nonce_in(shown.text)
        form = {"decision": "decline", "nonce": nonce}
        sent = await client.post(f"{url}/i/{intent_id}", data=form, headers={"origin": url})
        assert sent.status_code == 303
