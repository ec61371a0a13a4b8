"""Ids say what they name, sort by time, and can be told from anything else."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.ids import CountingIds, IdSource, Prefix, RandomIds, pattern

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
moments = st.datetimes(datetime(1970, 1, 2), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # bounds are naive by contract


def test_each_kind_of_thing_has_a_prefix_of_its_own_with_three_letters() -> None:
    assert len({prefix.value for prefix in Prefix}) == len(Prefix)
    assert all(re.fullmatch("[a-z]{3}", prefix) for prefix in Prefix)


@pytest.mark.parametrize("source", [RandomIds(), CountingIds()], ids=["random", "counting"])
@pytest.mark.parametrize("prefix", Prefix)
def test_an_id_matches_the_pattern_of_its_kind_and_of_no_other(
    source: IdSource, prefix: Prefix
) -> None:
    made = source.new(prefix, NOW)
    assert [kind for kind in Prefix if re.fullmatch(pattern(kind), made)] == [prefix]
    assert re.fullmatch(pattern(Prefix.OFFER, prefix), made)


@given(moments, st.timedeltas(timedelta(milliseconds=1), timedelta(days=3650)))
def test_later_ids_sort_after_earlier_ones(moment: datetime, span: timedelta) -> None:
    for source in (RandomIds(), CountingIds()):
        assert source.new(Prefix.LINE, moment) < source.new(Prefix.LINE, moment + span)


def test_two_ids_of_one_moment_differ() -> None:
    source = RandomIds()
    assert len({source.new(Prefix.INTENT, NOW) for _ in range(1_000)}) == 1_000


def test_counting_ids_are_the_same_in_every_run_and_sort_as_they_were_made() -> None:
    first, second = CountingIds(), CountingIds()
    made = [first.new(Prefix.ENTRY, NOW) for _ in range(50)]
    assert made == [second.new(Prefix.ENTRY, NOW) for _ in range(50)] == sorted(set(made))


A_ULID = "01KAMW0000000000000000000A"
NO_INTENTS = [
    "",
    "int_",
    A_ULID,
    f"int-{A_ULID}",
    f"off_{A_ULID}",
    f"INT_{A_ULID}",
    f"int_{A_ULID.lower()}",
    f"int_{A_ULID}0",
    f"int_{A_ULID[:-1]}",
    f"int_8{A_ULID[1:]}",
    f"int_{A_ULID[:-1]}I",
    f"int_{A_ULID[:-1]}U",
    f"int_{A_ULID[:-1]}\uff21",
    f" int_{A_ULID}",
    f"int_{A_ULID}\n",
]


@pytest.mark.parametrize("text", NO_INTENTS, ids=ascii)
def test_what_only_looks_like_an_id_is_none(text: str) -> None:
    assert re.fullmatch(pattern(Prefix.INTENT), f"int_{A_ULID}")
    assert not re.fullmatch(pattern(Prefix.INTENT), text)
    assert not re.fullmatch(pattern(Prefix.INTENT, Prefix.LINE), text)
