"""`approver enroll --passkey`: a code in the terminal, a passkey on the page, and an id that the person compares."""

from __future__ import annotations

import json
import os
import re
from html import unescape
from pathlib import Path

import httpx
import pytest

from approvals.ports import free_port, stranger
from cli.shell import Answer, Ended, Shell
from guard.authenticator import Passkey, made_on
from ringfence.store import invitations
from ringfence_server.cli.inviting import qr_code

WRITTEN_DOWN = "last four letters: "
WAITING = "Ctrl-C ends this."
COMPARED = "or no: "
OPTIONS = re.compile(r'data-options="([^"]+)"')


@pytest.fixture(autouse=True)
def port(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Where this installation's page is; settings, keys and pins are this test's own."""
    free = free_port()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("RINGFENCE_APPROVALS_URL", f"http://localhost:{free}")
    return free


class Person:
    """Somebody who reads the terminal, and makes a passkey on the page that it names."""

    def __init__(self, name: str, port: int) -> None:
        self.origin = f"http://localhost:{port}"
        self.passkey = Passkey(name, origin=self.origin, home=self.origin)
        self.told = ""
        """What the page said in the end."""

    def enrolls(self, screen: str) -> str:
        """Do it; nothing is typed into the terminal."""
        [code] = re.findall(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b(?!-)", screen.rpartition("code there")[2])
        assert f"{self.origin}/enroll" in screen
        page = self.send("/enroll", code=code)
        [options] = OPTIONS.findall(page.text)
        challenge = json.loads(unescape(options))["challenge"]
        self.told = self.send("/enroll/passkey", answer=self.passkey.make(challenge)).text
        return ""

    def guesses(self, screen: str) -> str:
        """Type a wrong code until it is over."""
        for _ in range(5):
            assert self.send("/enroll", code="0000-0000").status_code == 409
        return ""

    def send(self, path: str, **fields: str) -> httpx.Response:
        headers = {"origin": self.origin, "sec-fetch-site": "same-origin"}
        with httpx.Client(base_url=self.origin, headers=headers, follow_redirects=True) as browser:
            return browser.post(path, data=fields)

    def compares(self, screen: str) -> str:
        key_id = self.passkey.key.key_id
        shown = " ".join(re.findall("....", key_id))
        assert shown in screen
        assert shown in self.told
        return f"{key_id[-4:]}\n"


def last_letters(screen: str) -> str:
    [key] = re.findall(r"(?:[0-9A-Z]{4}-){13}[0-9A-Z]{4}", screen)
    return f"{key[-4:]}\n"


def enroll(shell: Shell, name: str, **types: Answer) -> Ended:
    return shell.run_in_terminal(
        "approver", "enroll", name, "--passkey", "--json",
        types=types,
        RINGFENCE_APPROVALS_URL=os.environ["RINGFENCE_APPROVALS_URL"],
    )  # fmt: skip


def first(shell: Shell, person: Person) -> Ended:
    """The first approver: the root, and a passkey."""
    return enroll(
        shell,
        person.passkey.person,
        **{WRITTEN_DOWN: last_letters, WAITING: person.enrolls, COMPARED: person.compares},
    )


def approvers(shell: Shell) -> list[tuple[str, str]]:
    listed = shell.json("approver", "list")["approvers"]
    return [(each["person"], each["kind"]) for each in listed]


def test_the_first_approver_may_have_a_passkey_and_nothing_else(shell: Shell, port: int) -> None:
    ada = Person("ada", port)
    ended = first(shell, ada)
    assert ended.code == 0, ended.err + ended.screen
    assert ended.document["key_id"] == ada.passkey.key.key_id
    assert (ended.document["in_force"], ended.document["origin"]) == (True, ada.origin)
    assert approvers(shell) == [("ada", "passkey")]
    assert shell.json("approver", "list")["strongest"] == "passkey"


def test_an_approver_with_a_passphrase_vouches_for_a_passkey(shell: Shell, port: int) -> None:
    words = "correct horse battery staple"
    shell.run_in_terminal(
        "approver", "enroll", "ada",
        types={WRITTEN_DOWN: last_letters, "or more: ": f"{words}\n", "again: ": f"{words}\n"},
    )  # fmt: skip
    bob = Person("bob", port)
    types: dict[str, Answer] = {
        "Passphrase of ada": f"{words}\n",
        WAITING: bob.enrolls,
        COMPARED: bob.compares,
    }
    ended = enroll(shell, "bob", **types)
    assert ended.code == 0, ended.err + ended.screen
    assert sorted(approvers(shell)) == [("ada", "passphrase"), ("bob", "passkey")]
    assert shell.json("approver", "list")["strongest"] == "two_people"


@pytest.mark.parametrize("said", ["no\n", "0000\n", "\n"])
def test_who_does_not_compare_enrolls_nobody(shell: Shell, port: int, said: str) -> None:
    ada = Person("ada", port)
    types: dict[str, Answer] = {WAITING: ada.enrolls, COMPARED: said}
    ended = enroll(shell, "ada", **{WRITTEN_DOWN: last_letters, **types})
    assert ended.code == 3
    assert ended.error["code"] == "not_authorized"
    assert approvers(shell) == []
    opened = shell.opened()
    assert opened.desk.store.read_now(invitations.present) is None, "nor is anybody invited now"
    opened.close()


def test_wrong_codes_end_the_wait_and_enrol_nobody(shell: Shell, port: int) -> None:
    ended = enroll(
        shell, "ada", **{WRITTEN_DOWN: last_letters, WAITING: Person("ada", port).guesses}
    )
    assert (ended.code, ended.error["code"]) == (3, "not_authorized")
    assert "wrong codes" in ended.error["message"]
    assert approvers(shell) == []


def test_the_code_is_on_the_terminal_and_nowhere_else(shell: Shell, port: int) -> None:
    ended = first(shell, Person("ada", port))
    [code] = re.findall(r"\n    ([0-9A-Z]{4}-[0-9A-Z]{4})\r?\n", ended.screen)
    assert code not in ended.out + ended.err
    for file in shell.home.rglob("*"):
        if file.is_file():
            assert code.encode() not in file.read_bytes()


def test_where_the_page_cannot_be_at_its_own_address_no_passkey_is_made(
    shell: Shell, port: int
) -> None:
    """It would sign there alone, and tomorrow the page is elsewhere."""
    with stranger(port):
        ended = enroll(shell, "ada", **{WRITTEN_DOWN: last_letters})
    assert (ended.code, ended.error["code"]) == (2, "configuration")
    assert "signs only where it was made" in ended.error["message"]


def test_without_a_terminal_nobody_is_invited(shell: Shell) -> None:
    ended = shell.run_alone("approver", "enroll", "ada", "--passkey")
    assert ended.code == 2
    opened = shell.opened()
    assert opened.desk.store.read_now(invitations.present) is None
    opened.close()


# Somebody at another device.


PUBLIC = "https://approve.example.com"


class OutThere(Person):
    """Somebody who reaches the page at its public address; a proxy passes on what their browser sends."""

    def __init__(self, name: str, port: int) -> None:
        super().__init__(name, port)
        self.listens = self.origin
        self.origin = PUBLIC
        self.passkey = made_on(PUBLIC, name)
        self.screen = ""

    def enrolls(self, screen: str) -> str:
        self.screen = screen
        return super().enrolls(screen)

    def send(self, path: str, **fields: str) -> httpx.Response:
        headers = {
            "host": "approve.example.com",
            "origin": PUBLIC,
            "sec-fetch-site": "same-origin",
            "x-forwarded-for": "203.0.113.7",
        }
        with httpx.Client(base_url=self.listens, headers=headers) as browser:
            answer = browser.post(path, data=fields)
            if answer.is_redirect:
                answer = browser.get(answer.headers["location"])
            return answer


def name_public_address(shell: Shell) -> None:
    file = shell.home / "policy.yaml"
    file.write_text(f"{shell.run('policy', 'show').out}\napprovals:\n  public_url: {PUBLIC}\n")
    applied = shell.json("policy", "apply", str(file))
    assert [each["change"] for each in applied["differences"]] == ["public_page_added"]


def invite(shell: Shell, name: str, **types: Answer) -> Ended:
    return shell.run_in_terminal(
        "approver", "enroll", name, "--passkey", "--invite", "--json",
        types=types,
        RINGFENCE_APPROVALS_URL=os.environ["RINGFENCE_APPROVALS_URL"],
    )  # fmt: skip


def test_somebody_at_another_device_is_invited_to_the_public_address(
    shell: Shell, port: int
) -> None:
    name_public_address(shell)
    cleo = OutThere("cleo", port)
    types: dict[str, Answer] = {WAITING: cleo.enrolls, COMPARED: cleo.compares}
    ended = invite(shell, "cleo", **{WRITTEN_DOWN: last_letters, **types})
    assert ended.code == 0, ended.err + ended.screen
    assert ended.document["origin"] == PUBLIC
    assert approvers(shell) == [("cleo", "passkey")]


def test_the_invitation_is_a_picture_of_the_address_without_the_code(
    shell: Shell, port: int
) -> None:
    name_public_address(shell)
    cleo = OutThere("cleo", port)
    types: dict[str, Answer] = {WAITING: cleo.enrolls, COMPARED: "no\n"}
    invite(shell, "cleo", **{WRITTEN_DOWN: last_letters, **types})
    screen = cleo.screen.replace("\r", "")
    assert qr_code(f"{PUBLIC}/enroll") in screen
    [code] = re.findall(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b(?!-)", screen.rpartition("code there")[2])
    links = re.findall(r"https?://\S+", screen)
    assert links == [f"{PUBLIC}/enroll"]
    assert code not in links[0]


def test_without_a_public_address_nobody_is_invited_and_no_root_is_made(shell: Shell) -> None:
    ended = invite(shell, "cleo")
    assert (ended.code, ended.error["code"]) == (2, "configuration")
    assert "public address" in ended.error["message"]
    assert "public_url" in ended.error["remedy"]
    assert approvers(shell) == []
    assert shell.json("approver", "list")["strongest"] is None


def test_a_passphrase_is_made_at_no_other_device(shell: Shell) -> None:
    ended = shell.run_in_terminal("approver", "enroll", "cleo", "--invite", "--json", types={})
    assert (ended.code, ended.error["code"]) == (2, "invalid_arguments")
