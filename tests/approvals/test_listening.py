"""The page listens on both loopback addresses of one port, or on neither."""

from __future__ import annotations

import errno
import socket

import pytest

from approvals.ports import stranger
from ringfence_server.approvals import listening
from ringfence_server.approvals.listening import PortTaken, listen, port_of


def close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_it_listens_on_this_machine_alone() -> None:
    sockets = listen(0)
    addresses = {each.getsockname()[0] for each in sockets}
    assert addresses == ({"127.0.0.1", "::1"} if has_ipv6() else {"127.0.0.1"})
    assert len({each.getsockname()[1] for each in sockets}) == 1
    close(sockets)


def test_a_port_has_one_listener_and_is_free_when_it_is_gone() -> None:
    sockets = listen(0)
    port = port_of(sockets)
    with pytest.raises(PortTaken):
        listen(port)
    close(sockets)
    close(listen(port))


def test_nobody_can_share_the_port() -> None:
    sockets = listen(0)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port_of(sockets)))
    close(sockets)


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
def test_a_stranger_on_one_address_keeps_us_from_both() -> None:
    with stranger(address="::1") as port:
        with pytest.raises(PortTaken):
            listen(port)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as free:
            free.bind(("127.0.0.1", port))


@pytest.mark.parametrize("missing", [errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
def test_a_machine_without_ipv6_listens_on_the_other_address(
    monkeypatch: pytest.MonkeyPatch, missing: int
) -> None:
    one = listening._one

    def without_ipv6(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(missing, "no IPv6 here")
        return one(family, address, port)

    monkeypatch.setattr(listening, "_one", without_ipv6)
    sockets = listen(0)
    assert [each.getsockname()[0] for each in sockets] == ["127.0.0.1"]
    close(sockets)
