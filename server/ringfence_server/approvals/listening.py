"""The page's sockets: both loopback addresses of one port, or neither.

A browser that is sent to `localhost` may try either address first. Were one of them free, a stranger
could take it and be the page.
"""

from __future__ import annotations

import errno
import socket

BACKLOG = 64
ANY_PORT_TRIES = 20
"""How many ports are tried whose IPv4 half is free, until the IPv6 half is free too."""
_NO_IPV6 = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class PortTaken(Exception):
    """Somebody listens on the port already."""


def listen(port: int) -> list[socket.socket]:
    """Listen on a port of this machine alone; port 0 is any free one.

    Raises:
        PortTaken: it is somebody's.
        OSError: this machine has no loopback, or we may not use it.
    """
    for _ in range(ANY_PORT_TRIES):
        try:
            return _both(port)
        except PortTaken:
            if port:
                raise
    raise PortTaken


def port_of(sockets: list[socket.socket]) -> int:
    """The port that they share."""
    port: int = sockets[0].getsockname()[1]
    return port


def _both(port: int) -> list[socket.socket]:
    ipv4 = _one(socket.AF_INET, "127.0.0.1", port)
    try:
        return [ipv4, _one(socket.AF_INET6, "::1", port_of([ipv4]))]
    except OSError as error:
        if error.errno in _NO_IPV6:
            return [ipv4]
        ipv4.close()
        raise
    except PortTaken:
        ipv4.close()
        raise


def _one(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Only forgives connections of a dead owner that are still closing. Never SO_REUSEPORT: with it any
        # other process of this user could quietly share the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)  # two may bind; only one may listen
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken from error
        raise
    return listener
