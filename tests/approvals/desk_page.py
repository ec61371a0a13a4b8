"""The page of a house as tests use it: requests as browsers send them, forms as people do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpx

from house import House
from ringfence.intents import Intent
from ringfence_server.approvals.pace import Pace
from ringfence_server.approvals.web import Site, build_app

PORT = 7415
ORIGIN = f"http://localhost:{PORT}"
SECRET = "5e" * 32
PERSON = "local:ada"
_NONCE = re.compile(r'name="nonce" value="([^"]+)"')


class DeskPage:
    """The web app over a house."""

    def __init__(self, house: House, *, mode: str = "sandbox", pace: Pace | None = None) -> None:
        self.house = house
        self.changes = 0
        """How often the page woke those who wait."""
        site = Site(house.desk, SECRET, PORT, PERSON, mode, self._changed)
        self.app = build_app(site, pace=pace or Pace())

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
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            request = client.build_request(method, path, headers=headers, content=content)
            return await client.send(request)

    async def look(self, path: str = "/") -> httpx.Response:
        return await self.send("GET", path)

    async def open(self, intent: Intent) -> httpx.Response:
        return await self.look(f"/i/{intent.intent_id}")

    async def nonce(self, intent: Intent) -> str:
        """What the form on this intent's page carries."""
        [*_, nonce] = _NONCE.findall((await self.open(intent)).text)
        return str(nonce)

    async def post(self, intent: Intent, headers: Mapping[str, str] = {}, **fields: str) -> Any:  # noqa: B006  # read only
        """Send a form, with the headers that our own page's forms have."""
        sent = {"origin": ORIGIN, "sec-fetch-site": "same-origin", **FORM, **headers}
        content = str(httpx.QueryParams(fields)).encode("ascii")
        return await self.send("POST", f"/i/{intent.intent_id}", sent, content)

    async def decide(self, intent: Intent, decision: str) -> httpx.Response:
        """Open the page and press a button."""
        nonce = await self.nonce(intent)
        answer: httpx.Response = await self.post(intent, decision=decision, nonce=nonce)
        return answer


FORM = {"content-type": "application/x-www-form-urlencoded"}
