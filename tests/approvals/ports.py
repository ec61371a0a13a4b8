"""Ports for tests: one that is free a moment ago, and strangers that sit on one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ringfence_server.approvals.listening import listen, port_of


def free_port() -> int:
    """A port whose both halves are free now."""
    sockets = listen(0)
    port = port_of(sockets)
    for each in sockets:
        each.close()
    return port


def silent(connection: socket.socket) -> None:
    """Says nothing until the other side gives up."""
    connection.settimeout(10)
    while connection.recv(1_024):
        pass


def answering(body: bytes) -> Callable[[socket.socket], None]:
    """Answers every request with this."""

    def answer(connection: socket.socket) -> None:
        connection.recv(4_096)
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.sendall(head + body)

    return answer


@contextmanager
def stranger(
    port: int = 0, behave: Callable[[socket.socket], None] = silent, *, address: str = "127.0.0.1"
) -> Iterator[int]:
    """Another program that listens on a port; its number."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(8)
    connections: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            try:
                behave(connection)
            except OSError:
                pass
            finally:
                connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            connection.close()
        thread.join(10)
