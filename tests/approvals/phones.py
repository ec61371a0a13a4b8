"""A telephone out there: Chromium that reaches a served house through a proxy with TLS, and holds passkeys."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page

from approvals.chromium import chromium, phone
from approvals.public_desk import HOST, PUBLIC, public_policy
from approvals.site import ServedHouse
from approvals.tls import ReverseProxy, fingerprint, write_certificate
from guard.signing import Signer, anchored, found
from house import House
from ringfence.approvers import ApproverKey
from ringfence.desk import inviting
from ringfence.guard import consent, enrolment
from ringfence.guard.invitation import fresh_code
from ringfence.intents import Intent, Level


class PublicHouse(ServedHouse):
    """A served house whose policy has a public address, with a root and no approver yet."""

    def __init__(self, folder: Path, *, level: Level = Level.PASSKEY) -> None:
        super().__init__(anchored(House.open(folder), folder))
        self.house.apply(public_policy(level))
        self.recovery: Signer = found(self.house)

    def invite(self, person: str) -> tuple[str, str]:
        """Somebody who may make a passkey out there: the invitation, and its code."""
        code = fresh_code()
        made = inviting.invite(self.house.desk, person, code, actor="test", origin=PUBLIC)
        return made.invitation_id, code

    def vouch(self, invitation_id: str) -> ApproverKey:
        """Let what was made for an invitation sign."""
        key = inviting.made(self.house.desk, invitation_id)
        assert key is not None
        inviting.enroll(
            self.house.desk, invitation_id, key, sign=self.recovery.sign, by="local:ada"
        )
        return key

    def revoke(self, key: ApproverKey) -> None:
        """Let a key sign no longer."""
        statement = self.house.read(
            lambda tx: enrolment.revocation(tx, key.key_id, nonce=consent.fresh_nonce())
        )
        signed = self.recovery.sign(statement)
        self.house.write(lambda tx: enrolment.change(tx, statement, [signed]))

    def public_url(self, intent: Intent | None = None) -> str:
        return f"{PUBLIC}/i/{intent.intent_id}" if intent else f"{PUBLIC}/"


@dataclass
class Phone:
    """One telephone with its authenticator."""

    page: Page
    cdp: CDPSession
    authenticator: str
    key: ApproverKey | None = None
    """What was made on it."""

    def verify(self, *, is_verified: bool) -> None:
        """Whether the person shows their face or finger from now on."""
        asked = {"authenticatorId": self.authenticator, "isUserVerified": is_verified}
        self.cdp.send("WebAuthn.setUserVerified", asked)

    def enroll(self, site: PublicHouse, person: str = "ada") -> ApproverKey:
        """Make a passkey with a code, as an invited person does."""
        invitation_id, code = site.invite(person)
        self.page.goto(f"{PUBLIC}/enroll")
        self.page.get_by_label("Code").fill(code)
        self.page.get_by_role("button", name="Go on").click()
        self.page.get_by_role("button", name="Make a passkey").click()
        self.page.get_by_role("heading", name="Compare in the terminal").wait_for()
        self.key = site.vouch(invitation_id)
        self.page.get_by_role("heading", name="may approve now").wait_for()
        return self.key

    def open_page(self, address: str) -> None:
        """Go there, and open it with the passkey."""
        self.page.goto(address)
        self.page.get_by_role("button", name="Open with your passkey").click()


class Network:
    """The proxy, and a browser that finds it under the public name."""

    def __init__(self, browser: Browser, proxy: ReverseProxy) -> None:
        self.browser, self.proxy = browser, proxy

    @contextmanager
    def phone(self, site: ServedHouse, look: Any = None) -> Iterator[Phone]:
        """A telephone that reaches this house."""
        self.proxy.to_port = site.port
        context = self.browser.new_context(**(look or phone("light")))
        page = context.new_page()
        cdp = context.new_cdp_session(page)
        cdp.send("WebAuthn.enable")
        kind = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        made = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": kind})
        yield Phone(page, cdp, made["authenticatorId"])
        context.close()


@contextmanager
def network() -> Iterator[Network]:
    """A browser out there and the way in."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = write_certificate(HOST, Path(folder))
        proxy = ReverseProxy(certificate, to_port=0)
        arguments = [
            f"--host-resolver-rules=MAP {HOST} 127.0.0.1:{proxy.port}",
            f"--ignore-certificate-errors-spki-list={fingerprint(certificate)}",
        ]
        try:
            with chromium(*arguments) as browser:
                yield Network(browser, proxy)
        finally:
            proxy.close()
