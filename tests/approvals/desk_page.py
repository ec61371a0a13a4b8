"""The page of a house as tests use it: requests as browsers send them, forms as people do."""

from __future__ import annotations

import re
from collections.abc import Mapping

import httpx

from house import House
from ringfence.intents import Intent
from ringfence_server.approvals.pace import Pace, Strikes
from ringfence_server.approvals.web import Site, build_app

PORT = 7415
ORIGIN = f"http://localhost:{PORT}"
SECRET = "5e" * 32
PERSON = "local:ada"
_NONCE = re.compile(r'name="nonce" value="([^"]+)"')


def nonce_in(html: str) -> str:
    """What the forms of a page carry; all carry the same."""
    [nonce] = set(_NONCE.findall(html))
    return str(nonce)


class DeskPage:
    """The web app over a house."""

    def __init__(
        self,
        house: House,
        *,
        mode: str = "sandbox",
        pace: Pace | None = None,
        strikes: Strikes | None = None,
    ) -> None:
        self.house = house
        self.changes = 0
        """How often the page woke those who wait."""
        self.site = Site(
            desk=house.desk,
            secret=SECRET,
            port=PORT,
            origin=ORIGIN,
            person=PERSON,
            mode=mode,
            changed=self._changed,
        )
        self.app = build_app(self.site, pace=pace or Pace(), strikes=strikes)

    def _changed(self) -> None:
        self.changes += 1

    async def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """Exactly this request, from the right host unless `headers` says otherwise."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            request = client.build_request(method, path, headers=headers, content=content)
            return await client.send(request)

    async def look(self, path: str = "/") -> httpx.Response:
        return await self.send("GET", path)

    async def open(self, intent: Intent) -> httpx.Response:
        return await self.look(f"/i/{intent.intent_id}")

    async def nonce(self, intent: Intent) -> str:
        """What the form on this intent's page carries."""
        return nonce_in((await self.open(intent)).text)

    async def post(
        self,
        intent: Intent,
        headers: Mapping[str, str] | None = None,
        *,
        decision: str,
        nonce: str,
    ) -> httpx.Response:
        """Send a form, with the headers that our own page's forms have."""
        sent = {"origin": ORIGIN, "sec-fetch-site": "same-origin", **FORM, **(headers or {})}
        content = f"decision={decision}&nonce={nonce}".encode("ascii")
        return await self.send("POST", f"/i/{intent.intent_id}", sent, content)

    async def decide(self, intent: Intent, decision: str) -> httpx.Response:
        """Open the page and press a button."""
        nonce = await self.nonce(intent)
        return await self.post(intent, decision=decision, nonce=nonce)


FORM = {"content-type": "application/x-www-form-urlencoded"}
