"""People with a virtual authenticator in a Chromium of their own (DevTools protocol, domain WebAuthn)."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, expect

from approvals.chromium import Complaints, read
from approvals.site import ServedHouse
from guard.signing import Signer
from ringfence.approvers import ApproverKey
from ringfence.desk import inviting
from ringfence.guard import consent, enrolment
from ringfence.intents import Intent

CODE = "K7QF-2M9X"
APPROVE = "Approve with a passkey"


class Approver:
    """Somebody with a browser, and an authenticator in it that knows them."""

    def __init__(self, browser: Browser, site: ServedHouse, name: str, **look: Any) -> None:
        self.site, self.name = site, name
        self.context = browser.new_context(**look)
        self.page: Page = self.context.new_page()
        self.complaints = Complaints()
        self.complaints.listen(self.page)
        self.devtools: CDPSession = self.context.new_cdp_session(self.page)
        self.devtools.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        added = self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.authenticator: str = added["authenticatorId"]

    def make(self) -> ApproverKey:
        """Type the code and make a passkey, which may sign nothing yet."""
        invitation = inviting.invite(self.site.house.desk, self.name, CODE, actor="test")
        self.page.goto(f"{self.site.origin}/enroll")
        self.page.get_by_label("Code").fill(CODE)
        self.page.get_by_role("button", name="Go on").click()
        self.page.get_by_role("button", name="Make a passkey").click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Compare in the terminal")
        made = inviting.made(self.site.house.desk, invitation.invitation_id)
        assert made is not None
        return made

    def vouched(self, key: ApproverKey, *by: Signer) -> None:
        """What terminals do once people have compared."""
        house = self.site.house

        def write(tx: Any) -> None:
            statement = enrolment.enrolment(tx, key, nonce=consent.fresh_nonce())
            enrolment.change(tx, statement, [each.sign(statement) for each in by])

        house.write(write)

    def enroll(self, *by: Signer) -> ApproverKey:
        """Make a passkey that may sign from now on."""
        key = self.make()
        self.vouched(key, *by)
        return key

    def open(self, intent: Intent) -> None:
        self.page.goto(self.site.url(intent))

    def approve(self, intent: Intent) -> None:
        """Read the card and approve; what the page says then is up to the test."""
        self.open(intent)
        read(self.page)
        button = self.page.get_by_role("button", name=APPROVE)
        expect(button).to_be_enabled()
        button.click()

    def is_verified(self, *, verified: bool) -> None:
        """Whether the authenticator knows its person from now on."""
        said = {"authenticatorId": self.authenticator, "isUserVerified": verified}
        self.devtools.send("WebAuthn.setUserVerified", said)

    def credentials(self) -> list[dict[str, Any]]:
        said = {"authenticatorId": self.authenticator}
        found: list[dict[str, Any]] = self.devtools.send("WebAuthn.getCredentials", said)[
            "credentials"
        ]
        return found

    def take(self, credential: dict[str, Any]) -> None:
        """Put a copy of somebody's credential into this authenticator."""
        self.devtools.send(
            "WebAuthn.addCredential",
            {"authenticatorId": self.authenticator, "credential": credential},
        )

    def close(self) -> None:
        self.context.close()
