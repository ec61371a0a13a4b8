"""The approval page's rows: which process serves it, and the one-time numbers (nonces) of its forms.

The row of the page is a hint where to look, never a proof: whoever finds an address in it probes whether what
answers there knows the secret. Its `fence` counts owners, so that one that was replaced cannot write itself back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, insert, select, update

from ringfence.states import IntentState
from ringfence.store import schema
from ringfence.store.transaction import Transaction

NONCE_LIFE = timedelta(minutes=20)
"""How long a form can be sent after it was drawn; its card may have become untrue by then."""
NONCE_REUSE = timedelta(minutes=10)
"""Drawing a form again within this long gives the same nonce, so that reloading writes nothing."""


@dataclass(frozen=True)
class Page:
    """Who serves the page, as far as the store knows."""

    url: str | None
    port: int | None
    owner: str | None
    fence: int
    secret: str
    """What every process of the installation knows and no stranger does; never shown."""


@dataclass(frozen=True)
class Form:
    """One form as it was drawn: what it must be sent with, and what it showed."""

    nonce: str
    digest: str
    """Of the intent on its card."""
    statement: str
    """What an approver signs who read that card; it bears the same nonce."""


def read(tx: Transaction) -> Page | None:
    """The page's row; None before any process needed a page."""
    row = tx.connection.execute(select(schema.page)).one_or_none()
    return Page(row.url, row.port, row.owner, row.fence, row.secret) if row is not None else None


def found(tx: Transaction, *, secret: str) -> Page:
    """The page's row, made with this secret if there was none."""
    known = read(tx)
    if known is not None:
        return known
    tx.connection.execute(insert(schema.page).values(id=1, fence=0, secret=secret))
    return Page(None, None, None, 0, secret)


def take(tx: Transaction, *, seen: Page, url: str, port: int, owner: str) -> bool:
    """Become the owner, unless somebody else did since the row was read."""
    won = tx.connection.execute(
        update(schema.page)
        .where(schema.page.c.fence == seen.fence)
        .values(url=url, port=port, owner=owner, fence=seen.fence + 1)
    )
    return won.rowcount == 1


def leave(tx: Transaction, *, owner: str) -> None:
    """Say that there is no page any more, if it was this owner's."""
    tx.connection.execute(
        update(schema.page)
        .where(schema.page.c.owner == owner)
        .values(url=None, port=None, owner=None)
    )


def somebody_is_awaited(tx: Transaction) -> bool:
    """Whether any intent waits for a person."""
    waits = schema.intent.c.state == IntentState.AWAITING_APPROVAL.value
    found = tx.connection.execute(select(schema.intent.c.intent_id).where(waits).limit(1))
    return found.first() is not None


def live_form(tx: Transaction, intent_id: str) -> Form | None:
    """The newest form of this intent, if one that is drawn now can still use its nonce for a good while."""
    table = schema.page_nonce.c
    row = tx.connection.execute(
        select(schema.page_nonce)
        .where(table.intent_id == intent_id, table.expires_at > tx.now + NONCE_LIFE - NONCE_REUSE)
        .order_by(table.expires_at.desc(), table.nonce)
        .limit(1)
    ).one_or_none()
    return Form(row.nonce, row.digest, row.statement) if row is not None else None


def issue(tx: Transaction, intent_id: str, form: Form) -> Form:
    """Write down what a form shows; those that nobody can use any more go."""
    tx.connection.execute(delete(schema.page_nonce).where(schema.page_nonce.c.expires_at <= tx.now))
    tx.connection.execute(
        insert(schema.page_nonce).values(
            nonce=form.nonce,
            intent_id=intent_id,
            digest=form.digest,
            statement=form.statement,
            expires_at=tx.now + NONCE_LIFE,
        )
    )
    return form


def use(tx: Transaction, intent_id: str, nonce: str) -> Form | None:
    """Use a form's nonce up, and with it every other form of this intent; what the form showed.

    None if it was never issued for this intent, has been used, or is too old.
    """
    table = schema.page_nonce.c
    row = tx.connection.execute(
        select(schema.page_nonce).where(
            table.nonce == nonce, table.intent_id == intent_id, table.expires_at > tx.now
        )
    ).one_or_none()
    used = tx.connection.execute(
        delete(schema.page_nonce).where(table.nonce == nonce, table.intent_id == intent_id)
    )
    if row is None or used.rowcount != 1:  # another process was quicker
        return None
    tx.connection.execute(delete(schema.page_nonce).where(table.intent_id == intent_id))
    return Form(row.nonce, row.digest, row.statement)
