"""A ticket lets one request out, once, soon, and is minted by the guard alone; so is a grant."""

import copy
import inspect
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from ringfence import ticket as module
from ringfence.clock import ManualClock
from ringfence.ticket import Grant, Ticket, TicketRefused, mint_grant, mint_ticket

LIFE_SECONDS = 20.0
HOST, HASH = "api.example.com", "ab" * 32


def ticket(clock: ManualClock | None = None) -> Ticket:
    clock = clock or ManualClock()
    return mint_ticket(
        attempt_id="att_1",
        host=HOST,
        request_hash=HASH,
        clock=clock,
        dies_at=clock.boottime() + LIFE_SECONDS,
    )


def grant() -> Grant:
    return mint_grant(number_id="num_1", number="+14155550142", assistant_id="reception")


def test_a_ticket_lets_its_request_out_once() -> None:
    made = ticket()
    made.redeem(host=HOST, request_hash=HASH)
    with pytest.raises(TicketRefused, match="sent once"):
        made.redeem(host=HOST, request_hash=HASH)


@pytest.mark.parametrize(
    ("host", "request_hash"),
    [
        ("api.example.org", HASH),
        ("API.EXAMPLE.COM", HASH),
        ("api.example.com.", HASH),
        ("", HASH),
        (HOST, "cd" * 32),
        (HOST, HASH.upper()),
        (HOST, ""),
        (HASH, HOST),
    ],
)
def test_a_ticket_for_another_request_is_refused_and_used_up(host: str, request_hash: str) -> None:
    made = ticket()
    with pytest.raises(TicketRefused, match="another request"):
        made.redeem(host=host, request_hash=request_hash)
    with pytest.raises(TicketRefused, match="has been used"):
        made.redeem(host=HOST, request_hash=HASH)


AGES = [(0, True), (19.999, True), (20, False), (21, False), (86_400, False)]


@pytest.mark.parametrize(("age", "is_alive"), AGES)
def test_a_ticket_dies_at_the_end_of_its_life(age: float, is_alive: bool) -> None:
    clock = ManualClock()
    made = ticket(clock)
    clock.advance(seconds=age)
    if is_alive:
        made.redeem(host=HOST, request_hash=HASH)
        return
    with pytest.raises(TicketRefused, match="too old"):
        made.redeem(host=HOST, request_hash=HASH)


def test_a_dead_ticket_stays_dead_when_the_calendar_is_set_back() -> None:
    clock = ManualClock()
    made = ticket(clock)
    clock.advance(seconds=LIFE_SECONDS)
    clock.at = clock.at.replace(year=2020)
    with pytest.raises(TicketRefused):
        made.redeem(host=HOST, request_hash=HASH)


@pytest.mark.parametrize("seal", [None, object(), True, 0, "seal", Ticket, module])
def test_nothing_is_minted_without_the_seal(seal: object) -> None:
    with pytest.raises(TicketRefused):
        Ticket(
            seal,
            attempt_id="att_1",
            host=HOST,
            request_hash=HASH,
            clock=ManualClock(),
            dies_at=LIFE_SECONDS,
        )
    with pytest.raises(TicketRefused):
        Grant(seal, number_id="num_1", number="+14155550142", assistant_id=None)


COPIES: list[Callable[[Any], object]] = [copy.copy, copy.deepcopy, pickle.dumps, json.dumps]


@pytest.mark.parametrize("made", [ticket(), grant()], ids=["ticket", "grant"])
@pytest.mark.parametrize("attempt", COPIES, ids=lambda attempt: attempt.__qualname__)
def test_neither_is_copied_or_stored(made: Any, attempt: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError):
        attempt(made)


@pytest.mark.parametrize("kind", [Ticket, Grant])
def test_neither_has_subclasses_or_room_for_more(kind: type) -> None:
    assert getattr(kind, "__final__", False)
    assert "__dict__" not in vars(kind)


def test_a_grant_names_one_number_and_one_assistant() -> None:
    made = grant()
    assert (made.number_id, made.number, made.assistant_id) == ("num_1", "+14155550142", "reception")  # fmt: skip


def test_what_is_printed_of_either_does_not_let_anything_out() -> None:
    assert repr(ticket()) == "Ticket(att_1)"
    assert repr(grant()) == "Grant(num_1 -> reception)"
    assert HASH not in repr(ticket())


def test_minting_takes_no_default_that_could_be_forgotten() -> None:
    for mint in (mint_ticket, mint_grant):
        for parameter in inspect.signature(mint).parameters.values():
            assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
            assert parameter.default is inspect.Parameter.empty
