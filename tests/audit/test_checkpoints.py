"""Checkpoints: when they are made, what they prove, and that nothing live is bought where none can be."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from audit.living import Living
from guard.signing import approve
from house import House
from ringfence.clock import ManualClock
from ringfence.errors import StorageUnavailable
from ringfence.guard import consent, high_water
from ringfence.guard.freeze import lifting, unfreeze_signed
from ringfence.ids import CountingIds
from ringfence.states import IntentState, LineState
from ringfence.store import audit
from ringfence.store.anchor import FolderAnchor
from ringfence.store.checkpoints import EVERY, NEW_KEY, read_file


def test_the_first_change_names_the_key_and_makes_a_checkpoint(living: Living) -> None:
    first = living.written()[0]
    assert first.is_signed
    assert living.house.read(lambda tx: audit.hash_at(tx, first.size)) == first.head
    key = living.checkpoints.key(living.installation_id)
    assert key.public == first.key
    assert living.house.read(lambda tx: audit.names(tx, key.announced, key.public))


def test_key_and_checkpoints_are_for_their_owner_alone(living: Living) -> None:
    files = [living.file(), living.checkpoints.key(living.installation_id).path]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]


def test_one_is_made_every_hundred_events(living: Living) -> None:
    living.note(3 * EVERY)
    sizes = [each.size for each in living.written()]
    assert [after - before for before, after in pairwise(sizes)] == [EVERY] * 3


def test_one_is_made_every_day(living: Living) -> None:
    made = len(living.written())
    living.house.clock.advance(hours=23)
    living.note()
    assert len(living.written()) == made
    living.house.clock.advance(hours=1)
    living.note()
    assert len(living.written()) == made + 1


async def test_one_is_made_at_once_when_money_was_spent(living: Living) -> None:
    made = len(living.written())
    assert (await living.buy()).state is IntentState.COMPLETED
    [last] = living.written()[made:]
    events = living.house.read(
        lambda tx: [audit.event_at(tx, seq)["type"] for seq in range(1, last.size + 1)]
    )
    assert "line.captured" in events


def test_processes_go_on_where_the_other_was(living: Living) -> None:
    again = living.again()
    living.note(EVERY)
    made = len(living.written())
    assert made == 2
    again.write(lambda tx: tx.audit("test.noted", actor="test", subject="nothing"))
    assert len(living.written()) == made
    for _ in range(EVERY):
        again.write(lambda tx: tx.audit("test.noted", actor="test", subject="nothing"))
    assert len(living.written()) == made + 1
    keys = {each.key for each in living.written()}
    assert len(keys) == 1
    assert _types(again).count(NEW_KEY) == 1
    again.close()


def test_a_sandbox_has_them_where_somebody_asked(tmp_path: Path) -> None:
    without = sandbox(tmp_path / "without", FolderAnchor(tmp_path / "pins"))
    with_them = sandbox(
        tmp_path / "with", FolderAnchor(tmp_path / "pins", checkpoints=tmp_path / "share")
    )
    [file] = (tmp_path / "share").iterdir()
    assert file.name.endswith(".checkpoints")
    assert NEW_KEY in _types(with_them)
    assert NEW_KEY not in _types(without)
    for house in (without, with_them):
        house.close()


def sandbox(folder: Path, anchor: FolderAnchor) -> House:
    return House(folder, clock=ManualClock(), ids=CountingIds(), anchor=anchor)


def _types(house: House) -> list[str]:
    count, broken = house.read(audit.verify)
    assert broken is None
    found: list[str] = house.read(
        lambda tx: [audit.event_at(tx, seq)["type"] for seq in range(1, count + 1)]
    )
    return found


# Where none can be written.


def obstruct(living: Living) -> None:
    """Put something in the file's place that is no file."""
    living.file().rename(living.file().with_suffix(".away"))
    living.file().mkdir()


def clear(living: Living) -> None:
    living.file().rmdir()
    living.file().with_suffix(".away").rename(living.file())


async def test_where_none_can_be_written_nothing_is_asked_for(living: Living) -> None:
    obstruct(living)
    living.note(EVERY)  # what is no purchase goes on, and is noticed
    with pytest.raises(StorageUnavailable, match="no witness") as refused:
        await living.propose()
    assert "write access" in refused.value.remedy
    clear(living)
    assert (await living.buy()).state is IntentState.COMPLETED


async def test_where_none_can_be_written_nothing_is_sent(living: Living) -> None:
    intent = approve(living.house, await living.propose(), living.ada)
    obstruct(living)
    living.note(EVERY)
    await living.house.work()
    assert living.house.charged() == []
    assert (await living.house.now(intent)).lines[0].state is LineState.READY
    clear(living)
    await living.house.pass_time(seconds=10)
    assert (await living.house.now(intent)).state is IntentState.COMPLETED


async def test_a_charge_that_could_not_be_witnessed_is_recorded_and_the_next_is_refused(
    living: Living,
) -> None:
    intent = approve(living.house, await living.propose(), living.ada)
    obstruct(living)
    await living.house.work()
    assert (await living.house.now(intent)).state is IntentState.COMPLETED
    with pytest.raises(StorageUnavailable, match="no witness"):
        await living.propose()
    clear(living)
    await living.propose()
    assert living.written()[-1].size >= living.head()[0] - 5


async def test_a_last_line_that_is_no_checkpoint_stops_purchases(living: Living) -> None:
    with living.file().open("a") as file:
        file.write("[1, 2]\n")
    again = living.again()
    with pytest.raises(StorageUnavailable, match="no checkpoint"):
        await again.propose(*await again.find())
    again.close()


def test_a_line_that_a_power_cut_tore_off_is_taken_away(living: Living) -> None:
    whole = living.file().read_bytes()
    living.file().write_bytes(whole + whole[: len(whole) // 2].rpartition(b"\n")[2][:50])
    assert [number for number, _ in read_file(living.file())] == [
        at for at, _ in enumerate(whole.splitlines(), start=1)
    ]
    living.note(EVERY)
    assert living.file().read_bytes().startswith(whole)
    assert all(each is not None for _, each in read_file(living.file()))


TROUBLES: dict[str, Callable[[int, bytes], int]] = {
    "full": lambda handle, line: refuse(errno.ENOSPC, handle, line),
    "failing": lambda handle, line: refuse(errno.EIO, handle, line),
    "full in the middle of a line": lambda handle, line: os.write(handle, line[:40]),
}


def refuse(code: int, handle: int, line: bytes) -> int:
    os.write(handle, line[:7])
    raise OSError(code, os.strerror(code))


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_on_a_disk_in_trouble_nothing_is_asked_for_and_no_half_line_stays(
    living: Living, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    whole = living.file().read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("ringfence.store.checkpoints.append_bytes", TROUBLES[trouble])
        living.note(EVERY)
        with pytest.raises(StorageUnavailable, match="no witness"):
            await living.propose()
    await living.propose()
    assert living.file().read_bytes().startswith(whole)
    assert all(each is not None for _, each in read_file(living.file()))


# Another history.


def test_a_history_that_contradicts_a_checkpoint_freezes_until_an_approver_has_looked(
    living: Living,
) -> None:
    last = living.written()[-1]
    text = living.file().read_text()
    living.file().write_text(text.replace(last.head, "0" * 64))
    assert "another history" in str(high_water.watch_over(living.house.store))
    statement = living.house.read(lambda tx: lifting(tx, nonce=consent.fresh_nonce()))
    living.house.write(lambda tx: unfreeze_signed(tx, statement, living.ada.sign(statement)))
    assert high_water.watch_over(living.house.store) is None
    assert living.written()[0].size == living.head()[0]
    [aside] = living.file().parent.glob("*.until-*")
    assert "0" * 64 in aside.read_text()


def test_what_was_put_aside_gives_way_to_nothing(living: Living) -> None:
    """The same copy may be restored twice, and each time the other history has come as far."""
    kept = []
    for number in range(3):
        kept.append(f"{living.written()[0].model_dump_json()}\n")
        living.checkpoints.set_aside(living.installation_id)
        assert not living.file().exists()
        living.file().write_text(kept[0].replace('"at":"2026', f'"at":"203{number}'))
    found = living.file().parent.glob("*.until-*")
    assert sorted(each.read_text() for each in found) == sorted(kept)
