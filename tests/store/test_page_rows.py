"""The approval page's rows, on every database: one owner at a time, and nonces that work once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from ringfence.store import page, schema
from ringfence.store.installation import move_clock
from ringfence.store.page import NONCE_LIFE, NONCE_REUSE, Form, Page
from ringfence.store.transaction import Store

ONE, OTHER = "int_01KAN5T1PR0000000000000001", "int_01KAN5T1PR0000000000000002"
SECRET = "5e" * 32
AT_ONCE = 8


@pytest.fixture
def waiting(store: Store) -> Store:
    """A store with two intents that somebody could be asked about."""
    for intent_id in (ONE, OTHER):
        store.write_now(
            lambda tx, intent_id=intent_id: tx.connection.execute(  # type: ignore[misc]  # bound at once
                schema.intent.insert().values(
                    intent_id=intent_id,
                    principal="local:me",
                    op="buy",
                    state="declined",
                    terms="{}",
                    digest=digest(intent_id),
                    stock_key="",
                    created_at=tx.now,
                    expires_at=tx.now,
                    quoted_at=tx.now,
                )
            )
        )
    return store


def digest(intent_id: str) -> str:
    return intent_id[-1] * 64


def form(intent_id: str, nonce: str) -> Form:
    return Form(nonce, digest(intent_id), f"what {nonce} has signed")


def issue(store: Store, intent_id: str, fresh: str) -> Form:
    return store.write_now(lambda tx: page.issue(tx, intent_id, form(intent_id, fresh)))


def live(store: Store, intent_id: str) -> Form | None:
    return store.read_now(lambda tx: page.live_form(tx, intent_id))


def use(store: Store, intent_id: str, nonce: str) -> Form | None:
    return store.write_now(lambda tx: page.use(tx, intent_id, nonce))


def found(store: Store, secret: str = SECRET) -> Page:
    return store.write_now(lambda tx: page.found(tx, secret=secret))


def take(store: Store, seen: Page, owner: str) -> bool:
    return store.write_now(
        lambda tx: page.take(tx, seen=seen, url="http://localhost:1", port=1, owner=owner)
    )


def row(store: Store) -> Page | None:
    return store.read_now(page.read)


def test_the_secret_is_made_once_whoever_comes_first(store: Store) -> None:
    assert row(store) is None
    with ThreadPoolExecutor(AT_ONCE) as pool:
        pages = list(pool.map(lambda n: found(store, f"{n:064x}"), range(AT_ONCE)))
    assert len({each.secret for each in pages}) == 1
    assert row(store) == pages[0]


def test_of_many_who_saw_the_same_page_one_takes_it(store: Store) -> None:
    seen = found(store)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        taken = list(pool.map(lambda n: take(store, seen, f"owner {n}"), range(AT_ONCE)))
    assert sum(taken) == 1
    now = row(store)
    assert now is not None
    assert (now.owner, now.fence) == (f"owner {taken.index(True)}", 1)


def test_an_owner_leaves_only_what_is_its_own(store: Store) -> None:
    take(store, found(store), "the old one")
    seen = row(store)
    assert seen is not None
    take(store, seen, "the new one")
    store.write_now(lambda tx: page.leave(tx, owner="the old one"))
    assert row(store) == Page("http://localhost:1", 1, "the new one", 2, SECRET)
    store.write_now(lambda tx: page.leave(tx, owner="the new one"))
    assert row(store) == Page(None, None, None, 2, SECRET)


def test_a_nonce_works_once_however_many_try(waiting: Store) -> None:
    issue(waiting, ONE, "n" * 43)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        used = list(pool.map(lambda _: use(waiting, ONE, "n" * 43), range(AT_ONCE)))
    assert sorted(used, key=str) == [form(ONE, "n" * 43)] + [None] * (AT_ONCE - 1)


def test_a_nonce_belongs_to_one_intent_and_gives_back_what_its_form_showed(
    waiting: Store,
) -> None:
    nonce = issue(waiting, ONE, "n" * 43).nonce
    assert use(waiting, OTHER, nonce) is None
    assert use(waiting, ONE, "m" * 43) is None
    assert use(waiting, ONE, nonce) == form(ONE, nonce)


def test_a_nonce_dies_of_age(waiting: Store) -> None:
    nonce = issue(waiting, ONE, "n" * 43).nonce
    pass_time(waiting, NONCE_LIFE)
    assert use(waiting, ONE, nonce) is None


def pass_time(store: Store, span: timedelta) -> None:
    store.write_now(lambda tx: move_clock(tx, span))


def test_a_form_is_found_again_for_a_while_and_works_for_longer(waiting: Store) -> None:
    assert live(waiting, ONE) is None
    first = issue(waiting, ONE, "a" * 43)
    assert live(waiting, ONE) == first
    assert live(waiting, OTHER) is None, "of its own intent"
    pass_time(waiting, NONCE_REUSE + timedelta(seconds=1))
    assert live(waiting, ONE) is None
    issue(waiting, ONE, "d" * 43)
    assert use(waiting, ONE, "a" * 43) == first, "the older form still works"
    assert use(waiting, ONE, "d" * 43) is None, "and then no other"
