"""When the complete list of each carrier account was last read and compared, and how long it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from ringfence.offers import Provider
from ringfence.store import schema
from ringfence.store.told import LISTED
from ringfence.store.transaction import Transaction


@dataclass(frozen=True)
class CarrierList:
    """The last complete list of one account."""

    provider: Provider
    account: str
    read_at: datetime
    """When reading it began: what was done at the carrier since may be missing from it."""
    listed: int

    @property
    def subject(self) -> str:
        """What the chain calls the account."""
        return f"{self.provider} {self.account}"


def note(tx: Transaction, seen: CarrierList) -> None:
    """Write down that a complete list was compared; one that was begun before the last one changes no row."""
    tx.audit(
        LISTED,
        actor="ringfence",
        subject=seen.subject,
        count=seen.listed,
        read_at=schema.moment_text(seen.read_at),
    )
    table = schema.carrier_list.c
    known = last(tx, seen.provider, seen.account)
    found = {"read_at": seen.read_at, "listed": seen.listed}
    if known is None:
        key = {"provider": seen.provider.value, "account": seen.account}
        tx.connection.execute(insert(schema.carrier_list).values(**key, **found))
    else:
        tx.connection.execute(
            update(schema.carrier_list)
            .where(
                table.provider == seen.provider.value,
                table.account == seen.account,
                table.read_at < seen.read_at,
            )
            .values(**found)
        )


def last(tx: Transaction, provider: Provider, account: str) -> CarrierList | None:
    """The last complete list of an account; None where none was ever compared."""
    table = schema.carrier_list.c
    row = tx.connection.execute(
        select(schema.carrier_list).where(
            table.provider == provider.value, table.account == account
        )
    ).one_or_none()
    return _list(row) if row is not None else None


def everything(tx: Transaction) -> list[CarrierList]:
    """The last list of every account: a handful."""
    return [_list(row) for row in tx.connection.execute(select(schema.carrier_list))]


def _list(row: Row[Any]) -> CarrierList:
    return CarrierList(Provider(row.provider), row.account, row.read_at, row.listed)
