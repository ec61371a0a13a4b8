"""Only a page that knows the installation's secret, on the port that was asked, is taken for ours."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest

from approvals.desk_page import PERSON
from approvals.ports import answering, free_port, silent, stranger
from house import House
from ringfence_server.approvals import identity
from ringfence_server.approvals.identity import is_ours, proof
from ringfence_server.approvals.listening import listen, port_of
from ringfence_server.approvals.serving import Serving
from ringfence_server.approvals.web import Site, build_app

SECRET = "5e" * 32
OTHER_SECRET = "0f" * 32


def test_our_own_page_proves_itself_and_a_foreign_one_does_not(house: House) -> None:
    sockets = listen(0)
    port = port_of(sockets)
    site = Site(
        desk=house.desk,
        secret=SECRET,
        port=port,
        origin=f"http://localhost:{port}",
        person=PERSON,
        mode="sandbox",
        changed=lambda: None,
    )
    serving = Serving(build_app(site), sockets)
    try:
        assert is_ours(port, SECRET)
        assert not is_ours(port, OTHER_SECRET)
    finally:
        serving.stop()
    assert not serving.is_alive
    assert not is_ours(port, SECRET), "a dead page proves nothing"


def test_nobody_is_nobody() -> None:
    assert not is_ours(free_port(), SECRET)


def relaying(real_port: int) -> Callable[[socket.socket], None]:
    """Passes the question on to the real page, and its answer back."""

    def relay(connection: socket.socket) -> None:
        asked = connection.recv(4_096).decode("ascii")
        nonce = asked.partition("n=")[2][:32]
        body = proof(SECRET, nonce, real_port).encode("ascii")
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + body)

    return relay


def parroting(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + connection.recv(4_096))


def replaying(connection: socket.socket) -> None:
    """An answer that was right for another question."""
    port = connection.getsockname()[1]
    connection.recv(4_096)
    body = proof(SECRET, "0" * 32, port).encode("ascii")
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + body)


def flooding(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000)


STRANGERS = [
    answering(b""),
    answering(b"ok"),
    answering(b"0" * 64),
    answering(b"\xff" * 64),
    relaying(7415),
    parroting,
    replaying,
    flooding,
]


@pytest.mark.parametrize("behave", STRANGERS)
def test_a_stranger_on_the_port_is_not_taken_for_ours(
    behave: Callable[[socket.socket], None],
) -> None:
    with stranger(behave=behave) as port:
        assert not is_ours(port, SECRET)


@pytest.mark.parametrize("is_dribbling", [False, True])
def test_a_stranger_cannot_keep_us_waiting(
    is_dribbling: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "PROBE_SECONDS", 0.2)

    def dribble(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"H")
            time.sleep(0.01)

    began = time.monotonic()
    with stranger(behave=dribble if is_dribbling else silent) as port:
        assert not is_ours(port, SECRET)
        assert time.monotonic() - began < 5
