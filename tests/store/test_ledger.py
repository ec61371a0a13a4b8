"""The ledger read as books are: in order, by kind, and as sums; the same on every database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ringfence.store import ledger
from ringfence.store.ledger import Dimensions, Entry, EntryKind, Spent
from ringfence.store.transaction import Store

K = EntryKind


def day(number: int, hour: int = 12) -> datetime:
    """A moment of November 2026."""
    return datetime(2026, 11, number, hour, tzinfo=UTC)


def entry(entry_id: str, kind: EntryKind, at: datetime, **about: Any) -> Entry:
    fields: dict[str, Any] = {
        "line_id": None,
        "line_version": None,
        "intent_id": None,
        "number_id": None,
        "policy_version": 1,
        "currency": "USD",
        "setup_micros": 0,
        "monthly_micros": 1_000_000,
    }
    dimensions = Dimensions(
        provider="sandbox",
        account="sandbox-1",
        country="US",
        type="local",
        assistant_id=None,
        requester="local:ada",
        mandate_id=None,
        number="+14155550142",
    )
    made = fields | about
    return Entry(entry_id=entry_id, kind=kind, effective_at=at, dimensions=dimensions, **made)


def line(number: int, *steps: tuple[EntryKind, datetime]) -> list[Entry]:
    """A line's entries, one a step, at 1.00 and 1.00 USD."""
    return [
        entry(
            f"ent_{number}_{version}",
            kind,
            at,
            line_id=f"lin_{number}",
            line_version=version,
            setup_micros=1_000_000,
        )
        for version, (kind, at) in enumerate(steps)
    ]


def spent(store: Store, since: datetime, until: datetime) -> list[Spent]:
    found = store.read_now(lambda tx: ledger.spent(tx, since=since, until=until))
    return sorted(found, key=lambda each: (each.policy_version, each.currency, each.micros))


@pytest.fixture
def written(store: Store) -> Store:
    """Three lines round the month's beginning, two renewals, one of them at another policy's rates."""
    entries = [
        *line(1, (K.HOLD, day(2)), (K.CLAIM, day(2)), (K.POST, day(3))),
        *line(2, (K.HOLD, day(4)), (K.CLAIM, day(4)), (K.UNSEND, day(4, 13)), (K.CLAIM, day(6)),
              (K.POST, day(7))),
        *line(3, (K.HOLD, day(8)), (K.CLAIM, day(8)), (K.VOID, day(8, 13)), (K.LATE, day(20))),
        *line(4, (K.HOLD, day(9)), (K.VOID, day(9, 13))),
        entry("renewal:1", K.RENEWAL, day(1)),
        entry("renewal:2", K.RENEWAL, day(1), currency="GBP", policy_version=2),
        entry("ent_ext", K.EXTERNAL, day(10)),
    ]  # fmt: skip
    store.write_now(lambda tx: ledger.add(tx, entries))
    return store


def test_what_was_paid_is_summed_by_amount_currency_and_policy(written: Store) -> None:
    assert spent(written, day(1, 0), day(30)) == [
        Spent(times=1, policy_version=1, currency="USD", micros=1_000_000),
        Spent(times=3, policy_version=1, currency="USD", micros=2_000_000),
        Spent(times=1, policy_version=2, currency="GBP", micros=1_000_000),
    ]


@pytest.mark.parametrize(
    ("since", "until", "purchases"),
    [
        (day(2), day(3), 1),  # sent on the second and posted on the third
        (day(3), day(4), 0),
        (day(4), day(6), 0),  # sent, provably not, and sent again
        (day(6), day(7), 1),
        (day(8), day(9), 1),  # found charged long after it was sent
        (day(9), day(30), 0),
    ],
)
def test_a_purchase_counts_when_it_was_last_sent(
    written: Store, since: datetime, until: datetime, purchases: int
) -> None:
    assert sum(each.times for each in spent(written, since, until)) == purchases


def test_the_latest_of_some_kinds_come_first_and_no_more_than_asked_for(written: Store) -> None:
    def latest(limit: int) -> list[str]:
        found = written.read_now(
            lambda tx: ledger.latest(
                tx, {K.POST, K.LATE, K.EXTERNAL}, since=day(3), until=day(20), limit=limit
            )
        )
        return [entry.entry_id for entry, _ in found]

    assert latest(10) == ["ent_ext", "ent_2_4", "ent_1_2"]
    assert latest(1) == ["ent_ext"]


def test_entries_are_read_as_they_count_with_the_moment_of_writing(written: Store) -> None:
    found = written.read_now(lambda tx: list(ledger.in_order(tx)))
    moments = [entry.effective_at for entry, _ in found]
    assert moments == sorted(moments)
    assert len({entry.entry_id for entry, _ in found}) == len(found) == 17
    [recorded_at] = {recorded_at for _, recorded_at in found}  # one transaction, one moment
    assert recorded_at <= written.read_now(lambda tx: tx.now)
