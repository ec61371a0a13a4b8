"""`doctor` about carriers' lists, without which nothing live is bought: their age, and what waits for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.carrier_list import out_of_reach, thaw
from guard.rehearsal import Rehearsal, rehearse
from guard.signing import approve
from house import PERSON, House
from ringfence.guard.freeze import freeze
from ringfence_server.checkup import lists
from ringfence_server.checkup.finding import Finding, Grade


@pytest.fixture
def rehearsal(tmp_path: Path) -> Iterator[Rehearsal]:
    rehearsal = rehearse(tmp_path)
    yield rehearsal
    rehearsal.house.close()


def told(house: House) -> Finding:
    [finding] = lists.read(house.desk)
    return finding


async def bought(rehearsal: Rehearsal) -> None:
    house = rehearsal.house
    approve(house, await house.propose(*await house.find()), rehearsal.ada)
    await house.work()


async def test_a_list_grows_old_and_is_read_anew_by_the_next_purchase(rehearsal: Rehearsal) -> None:
    house = rehearsal.house
    await bought(rehearsal)
    house.clock.advance(minutes=60)
    good = told(house)
    assert good.grade is Grade.OK
    assert "was last read 60 minutes ago: 0 numbers. Purchases there may rest" in good.says
    house.clock.advance(minutes=60)
    old = told(house)
    assert old.grade is Grade.OK
    assert old.says.endswith(
        "was last read 2 hours ago: 0 numbers. Before a purchase there it is read anew: the last one is of "
        "2026-11-22 12:00 UTC."
    )


async def test_a_purchase_that_waits_for_a_list_is_a_warning_with_a_command(
    rehearsal: Rehearsal,
) -> None:
    house = rehearsal.house
    with out_of_reach(house):
        await bought(rehearsal)
    waits = told(house)
    assert (waits.grade, waits.mend) == (Grade.WARN, "ringfence numbers --refresh")
    assert waits.says.endswith("1 purchase waits for a newer one: there is none yet.")


async def test_a_list_from_before_a_freeze_was_lifted_is_told_as_such(rehearsal: Rehearsal) -> None:
    house = rehearsal.house
    await bought(rehearsal)
    house.write(lambda tx: freeze(tx, "to be sure", actor=PERSON))
    thaw(house, rehearsal.ada)
    assert told(house).says.endswith("the last one is from before a freeze was lifted.")
