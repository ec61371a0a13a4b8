"""The page of a house away from its machine: what a proxy passes on, locked pages, and the passkeys that open them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import httpx

from approvals.desk_page import FORM, DeskPage, challenge_in
from approvals.policies import levels
from guard.authenticator import Passkey, made_on
from guard.signing import anchored, enroll, found
from house import House
from ringfence.intents import Level
from ringfence.policy import Approvals, PolicyDocument
from ringfence_server.approvals.pace import Pace
from ringfence_server.approvals.web import build_app

HOST = "approve.example.com"
PUBLIC = f"https://{HOST}"
ELSEWHERE = f"https://{HOST}:8443"
BY_PROXY = {
    "host": HOST,
    "x-forwarded-for": "203.0.113.7",
    "x-forwarded-proto": "https",
    "via": "1.1 proxy",
}
_OPTIONS = re.compile(r'data-options="([^"]*)"')
_NONCE = re.compile(r'name="nonce" value="([^"]+)"')
_FIELD = re.compile(r'<input type="hidden" name="([a-z]+)" value="([^"]*)">')


def public_policy(level: Level = Level.PASSKEY, url: str = PUBLIC) -> PolicyDocument:
    """The sandbox's policy with this level of consent for everything, and a public address."""
    return levels(level).model_copy(update={"approvals": Approvals(public_url=url)})


def forms(text: str) -> dict[str, dict[str, str]]:
    """The hidden fields of a page's forms, by where they are sent."""
    found_ = {}
    for form in re.findall(r"<form .*?</form>", text, re.DOTALL):
        action = re.search(r'action="([^"]*)"', form)
        found_[action[1] if action else ""] = dict(_FIELD.findall(form))
    return found_


def blinded(text: str) -> str:
    """A locked page without what is drawn by lot: its nonce and its challenge."""
    return _NONCE.sub("NONCE", _OPTIONS.sub("OPTIONS", text))


class PublicDesk(DeskPage):
    """A house whose policy has a public address, with an approver who made a passkey there."""

    def __init__(self, house: House, folder: Path, *, level: Level = Level.PASSKEY) -> None:
        super().__init__(house)
        anchored(house, folder)
        house.apply(public_policy(level))
        self.recovery = found(house)
        self.ada = enroll(house, made_on(PUBLIC, "ada"), self.recovery)

    def limit(self, public_pace: Pace) -> None:
        """Count requests from out there with this."""
        self.app = build_app(self.site, public_pace=public_pace)

    async def ask(
        self, path: str = "/", headers: Mapping[str, str] | None = None, *, method: str = "GET"
    ) -> httpx.Response:
        """A look from out there."""
        return await self.send(method, path, {**BY_PROXY, **(headers or {})})

    async def send_form(
        self,
        path: str,
        fields: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """A form from out there, with the headers that a browser gives our own."""
        sent = {**BY_PROXY, "origin": PUBLIC, "sec-fetch-site": "same-origin", **FORM}
        return await self.send(
            "POST", path, {**sent, **(headers or {})}, urlencode(fields).encode("ascii")
        )

    async def answer(self, path: str, who: Passkey) -> dict[str, str]:
        """The locked page's form as somebody's passkey fills it in."""
        locked = (await self.ask(path)).text
        signed = who.sign_challenge(challenge_in(locked))
        return {**forms(locked)[""], "answer": signed.assertion or ""}

    async def open_page(self, path: str, who: Passkey | None = None) -> httpx.Response:
        """Open a page with a passkey."""
        return await self.send_form(path, await self.answer(path, who or self.ada))
