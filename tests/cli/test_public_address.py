"""The page's public address as the terminal, the results of tools and `doctor` know it."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from approvals.ports import free_port
from approvals.public_desk import HOST, PUBLIC
from approvals.tls import reverse_proxy, write_certificate
from cli.shell import COMMAND, Shell
from server.bare_pipe import BarePipe


@pytest.fixture
def port(home: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Where this installation's page is."""
    free = free_port()
    monkeypatch.setenv("RINGFENCE_APPROVALS_URL", f"http://localhost:{free}")
    return free


@pytest.fixture
def public(shell: Shell, port: int) -> int:
    """An installation whose policy names a public address; its page's port."""
    file = shell.home / "policy.yaml"
    section = f"approvals:\n  public_url: {PUBLIC}\n"
    file.write_text(f"{shell.run('policy', 'show').out}\n{section}")
    planned = shell.run("policy", "plan", str(file))
    assert f"loosens   the approval page is also at {PUBLIC}" in planned.out
    assert shell.run("policy", "apply", str(file)).code == 0
    assert section in shell.run("policy", "show").out
    return port


@contextmanager
def served() -> Iterator[list[str]]:
    """The page, served in another terminal; what that says first."""
    page = subprocess.Popen([*COMMAND, "approvals", "serve"], stdout=subprocess.PIPE, text=True)
    assert page.stdout is not None
    try:
        yield [page.stdout.readline().strip() for _ in range(2)]
    finally:
        page.terminate()
        page.communicate(timeout=20)


def test_the_terminal_tells_of_both_addresses(shell: Shell, public: int) -> None:
    told = [f"http://localhost:{public}", f"For phones and other machines: {PUBLIC}"]
    with served() as said:
        assert said == told
        assert shell.run("approvals", "open").out.splitlines() == told
        assert shell.json("approvals", "open") == {"url": told[0], "public_url": PUBLIC}


def test_a_purchase_sends_people_where_their_yes_counts(public: int) -> None:
    """In a sandbox a click is enough on this machine's page, and never on the public one."""
    with BarePipe("ringfence_server", "auto") as server:

        def call(tool: str, **arguments: Any) -> Any:
            asked = {"name": tool, "arguments": arguments}
            return server.ask("tools/call", asked)["structuredContent"]

        offer = call("search_numbers", country="US", area_code="415")["offers"][0]
        intent = call("buy_numbers", items=[offer["offer_id"]])
        address = f"http://localhost:{public}/i/{intent['intent_id']}"
        assert intent["consent"]["approve_at"] == address
        assert f"approve it at {address} or" in intent["next_step"] + str(intent)


# doctor


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The proxy's certificate, which this process trusts."""
    file = write_certificate(HOST, tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return file


def lead_to(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the public name be found on a port of this machine."""
    real = socket.getaddrinfo

    def found(host: Any, service: Any, *rest: Any, **more: Any) -> Any:
        if host == HOST:
            host, service = "127.0.0.1", port
        return real(host, service, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", found)


def examined(shell: Shell) -> dict[str, Any] | None:
    found = shell.run("doctor", "--json").document["findings"]
    return next((each for each in found if each["check"] == "public"), None)


def test_doctor_says_nothing_where_there_is_no_public_address(shell: Shell, port: int) -> None:
    assert examined(shell) is None


def test_doctor_does_not_try_a_page_that_nobody_serves(shell: Shell, public: int) -> None:
    found = examined(shell)
    assert found is not None
    assert (found["grade"], "was not tried" in found["says"]) == ("ok", True)


def test_doctor_finds_the_page_locked(
    shell: Shell, public: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(), reverse_proxy(certificate, to_port=public) as proxy:
        lead_to(proxy, monkeypatch)
        found = examined(shell)
    assert found is not None
    assert (found["grade"], found["says"]) == (
        "ok",
        f"The page is also at {PUBLIC}, and locked there.",
    )


def test_doctor_finds_a_proxy_that_makes_strangers_the_person_at_this_machine(
    shell: Shell, public: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(), reverse_proxy(certificate, to_port=public, keeps_host=False) as proxy:
        lead_to(proxy, monkeypatch)
        ended = shell.run("doctor", "--json")
    [found] = [each for each in ended.document["findings"] if each["check"] == "public"]
    assert ended.code == 2
    assert found["grade"] == "fail"
    assert "taken for the person at this machine" in found["says"]
    assert "docs/phones.md" in found["mend"]


def test_doctor_finds_another_page_and_a_certificate_that_is_not_good(
    shell: Shell, public: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = subprocess.Popen(
        [*COMMAND, "approvals", "serve"],
        env={"PATH": "/usr/bin", "RINGFENCE_HOME": f"{certificate.parent}/other",
             "RINGFENCE_APPROVALS_URL": "http://localhost:0", "HOME": str(certificate.parent)},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert stranger.stdout is not None
    try:
        other_port = int(stranger.stdout.readline().strip().rpartition(":")[2])
        with served(), reverse_proxy(certificate, to_port=other_port) as proxy:
            lead_to(proxy, monkeypatch)
            another = examined(shell)
            monkeypatch.delenv("SSL_CERT_FILE")
            untrusted = examined(shell)
    finally:
        stranger.terminate()
        stranger.communicate(timeout=20)
    assert another is not None
    assert (another["grade"], "is not this page (421)" in another["says"]) == ("warn", True)
    assert untrusted is not None
    assert untrusted["grade"] == "warn"
    assert "cannot be reached from here: self-signed certificate" in untrusted["says"]
