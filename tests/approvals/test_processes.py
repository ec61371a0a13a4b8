"""The page beside real servers: several of one installation, killed and left, with an approval open.

Whatever becomes of the process that a link came from, the person reaches a page that works.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from approvals.desk_page import nonce_in
from approvals.ports import answering, free_port, stranger
from server.bare_pipe import BarePipe, environment

SERVER = "ringfence_server"
REACHED_SECONDS = 20
"""For a page to be taken over on a machine that is busy with other tests; alone it takes less than one."""


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The installation's own port."""
    port = free_port()
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path))
    monkeypatch.setenv("RINGFENCE_APPROVALS_URL", f"http://localhost:{port}")
    return port


@pytest.fixture
def servers(port: int) -> Iterator[list[BarePipe]]:
    """Three servers that three clients started."""
    with ExitStack() as stack:
        yield [stack.enter_context(BarePipe(SERVER, "auto")) for _ in range(3)]


def facts(result: Any) -> dict[str, Any]:
    """What a tool answered, which must be no refusal."""
    assert not result.get("isError"), result
    found: dict[str, Any] = result["structuredContent"]
    return found


def call(server: BarePipe, tool: str, **arguments: Any) -> dict[str, Any]:
    return facts(server.ask("tools/call", {"name": tool, "arguments": arguments}))


def offers(server: BarePipe) -> list[str]:
    found = call(server, "search_numbers", country="US", area_code="415")["offers"]
    return [offer["offer_id"] for offer in found]


def propose(server: BarePipe, index: int = 0) -> dict[str, Any]:
    """A purchase that awaits a person."""
    intent = call(server, "buy_numbers", items=[offers(server)[index]])
    assert intent["state"] == "awaiting_approval"
    return intent


def reached(url: str) -> httpx.Response:
    """The page, as a person who reloads until it is there."""
    ends_at = time.monotonic() + REACHED_SECONDS
    while True:
        try:
            answer = httpx.get(url, trust_env=False, timeout=5)
        except httpx.TransportError:
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.01)
        else:
            assert answer.status_code == 200
            return answer


def press(url: str, decision: str) -> None:
    """Open the page and press a button."""
    nonce = nonce_in(reached(url).text)
    origin = url.partition("/i/")[0]
    sent = httpx.post(
        url,
        data={"decision": decision, "nonce": nonce},
        headers={"Origin": origin},
        trust_env=False,
    )
    assert sent.status_code == 303


def test_the_first_purchase_names_a_page_that_is_there(port: int) -> None:
    with BarePipe(SERVER, "auto") as server:
        intent = propose(server)
        consent = intent["consent"]
        assert consent["approve_at"] == f"http://localhost:{port}/i/{intent['intent_id']}"
        assert consent["channels"] == ["page", "terminal"]
        assert consent["approve_at"] in intent["tell_person"]
        assert consent["match_code"] in reached(consent["approve_at"]).text
        code, errors = server.leave()
    assert code == 0
    assert "Traceback" not in errors
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://localhost:{port}/", trust_env=False)


def test_a_purchase_is_approved_on_the_page_while_the_call_waits(port: int) -> None:
    with BarePipe(SERVER, "auto") as server:
        intent = propose(server)
        arguments = {"intent_id": intent["intent_id"], "wait_seconds": 25}
        waiting = server.send("tools/call", {"name": "get_intent", "arguments": arguments})
        press(intent["consent"]["approve_at"], "approve")
        assert facts(server.answer_to(waiting))["state"] == "completed"
        assert "<h1>Bought</h1>" in reached(intent["consent"]["approve_at"]).text


def test_three_servers_at_once_have_one_page_and_two_of_them_may_die(
    port: int, servers: list[BarePipe]
) -> None:
    items = [offers(server)[index] for index, server in enumerate(servers)]
    asked = [
        server.send("tools/call", {"name": "buy_numbers", "arguments": {"items": [item]}})
        for server, item in zip(servers, items, strict=True)
    ]
    intents = [
        facts(server.answer_to(request)) for server, request in zip(servers, asked, strict=True)
    ]
    pages = [intent["consent"]["approve_at"] for intent in intents]
    assert {page.partition("/i/")[0] for page in pages} == {f"http://localhost:{port}"}
    *dying, last = servers
    for server in dying:
        server.process.kill()
        server.process.wait(10)
        for page in pages:
            reached(page)
    press(pages[0], "approve")
    press(pages[1], "decline")
    bought = call(last, "get_intent", intent_id=intents[0]["intent_id"], wait_seconds=25)
    declined = call(last, "get_intent", intent_id=intents[1]["intent_id"])
    waiting = call(last, "get_intent", intent_id=intents[2]["intent_id"])
    assert [i["state"] for i in (bought, declined, waiting)] == [
        "completed",
        "declined",
        "awaiting_approval",
    ]
    assert waiting["consent"]["approve_at"] == pages[2]


@pytest.mark.parametrize("end", ["kill", "terminate", "leave"])
def test_the_page_survives_its_owner(port: int, end: str) -> None:
    with BarePipe(SERVER, "auto") as owner, BarePipe(SERVER, "auto") as other:
        page = propose(owner)["consent"]["approve_at"]
        offers(other)  # its installation is open, and it has proposed nothing
        getattr(owner if end == "leave" else owner.process, end)()
        owner.process.wait(10)
        press(page, "decline")


def test_a_form_that_was_opened_before_its_server_died_still_works(port: int) -> None:
    with BarePipe(SERVER, "auto") as owner, BarePipe(SERVER, "auto") as other:
        intent = propose(owner)
        page = intent["consent"]["approve_at"]
        nonce = nonce_in(reached(page).text)
        offers(other)
        owner.process.kill()
        owner.process.wait(10)
        reached(page)
        form = {"decision": "approve", "nonce": nonce}
        origin = {"Origin": f"http://localhost:{port}"}
        assert httpx.post(page, data=form, headers=origin, trust_env=False).status_code == 303
        bought = call(other, "get_intent", intent_id=intent["intent_id"], wait_seconds=25)
        assert bought["state"] == "completed"


def test_on_a_port_of_another_program_the_result_names_the_page_where_it_is(port: int) -> None:
    with stranger(port, answering(b"welcome")), BarePipe(SERVER, "auto") as server:
        page = propose(server)["consent"]["approve_at"]
        assert not page.startswith(f"http://localhost:{port}/")
        press(page, "decline")
        _, errors = server.leave()
    assert f"Port {port} belongs to another program" in errors


# Without a server: the person at the terminal.


def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", SERVER, *arguments],
        env={**environment(), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_person_serves_the_page_and_opens_it(port: int) -> None:
    nothing = command("approvals", "open", "--json")
    assert nothing.returncode == 2
    assert "ringfence approvals serve" in nothing.stdout
    with subprocess.Popen(
        [sys.executable, "-m", SERVER, "approvals", "serve"],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as serving:
        assert serving.stdout is not None
        assert serving.stdout.readline() == f"http://localhost:{port}\n"
        opened = command("approvals", "open", "--json")
        assert json.loads(opened.stdout) == {
            "url": f"http://localhost:{port}",
            "public_url": None,
        }
        with BarePipe(SERVER, "auto") as server:
            intent = propose(server)
        press(intent["consent"]["approve_at"], "approve")
        while "<h1>Bought</h1>" not in reached(intent["consent"]["approve_at"]).text:
            time.sleep(0.01)
        serving.send_signal(signal.SIGINT)
        assert serving.wait(20) == 0
    assert command("approvals", "open").returncode == 2


def test_in_live_mode_a_squatted_port_means_no_page_and_the_terminal_says_what_to_do(
    port: int,
) -> None:
    with stranger(port, answering(b"welcome")):
        told = command("approvals", "serve", RINGFENCE_MODE="live")
    assert told.returncode == 2
    assert f"http://localhost:{port} belongs to another program" in told.stderr
    assert "RINGFENCE_APPROVALS_URL" in told.stderr
